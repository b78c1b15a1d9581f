"""Time limits of tasks and runs, and the one number all of them are expressed by."""

import pytest

from stagedoor.engine.definition import TaskDefinition
from tests.engine.decide.driver import NOW, Play, definition


def play_with(**limits: object) -> Play:
    given = {"name": "a", "retry_count": 1, "retry_delay_seconds": 5, "response_timeout_seconds": 0, **limits}
    return Play(definition({"ref": "a"}), task_definitions=[TaskDefinition(**given)]).start()  # type: ignore[arg-type]


def test_a_worker_that_is_silent_too_long_loses_the_task_to_a_retry() -> None:
    play = play_with(response_timeout_seconds=10)
    leased = play.lease("a")
    play.advance(9.999)
    assert play.task("a").status == "IN_PROGRESS"
    assert play.run.next_check == NOW + 10_000
    play.advance(0.001)
    assert play.tasks[leased.task_id].status == "TIMED_OUT"
    assert "responseTimeout: 10 exceeded" in str(play.tasks[leased.task_id].reason_for_incompletion)
    assert (play.task("a").status, play.task("a").retry_count) == ("SCHEDULED", 1)
    play.lease("a")
    play.advance(10)
    assert play.run.status == "TIMED_OUT"


def test_a_heartbeat_puts_the_response_time_limit_off() -> None:
    play = play_with(response_timeout_seconds=10)
    play.lease("a")
    play.now += 9000
    play.update("a", "IN_PROGRESS", extend_lease=True)
    play.advance(9)
    assert play.task("a").status == "IN_PROGRESS"


def test_any_event_after_the_moment_enforces_the_limit() -> None:
    flow = definition(
        {"ref": "f", "type": "FORK_JOIN", "forkTasks": [[{"ref": "a"}], [{"ref": "b"}]]}, {"ref": "j", "type": "JOIN", "joinOn": ["a"]}
    )
    play = Play(flow, task_definitions=[TaskDefinition(name="a", timeout_policy="RETRY", poll_timeout_seconds=10)]).start()
    play.now += 10_000
    play.update("b")
    assert (play.task("a").status, play.task("a").retry_count) == ("SCHEDULED", 1)


@pytest.mark.parametrize(
    ("policy", "task", "run"),
    [("RETRY", "SCHEDULED", "RUNNING"), ("TIME_OUT_WF", "TIMED_OUT", "TIMED_OUT"), ("ALERT_ONLY", "IN_PROGRESS", "RUNNING")],
)
def test_the_policy_says_what_follows_from_the_task_s_time_limit(policy: str, task: str, run: str) -> None:
    play = play_with(timeout_seconds=10, timeout_policy=policy)
    play.lease("a")
    play.advance(10)
    assert (play.task("a").status, play.run.status) == (task, run)
    assert play.run.next_check == 0


def test_the_time_limit_counts_from_the_start_not_from_the_last_report() -> None:
    play = play_with(timeout_seconds=10)
    play.lease("a")
    play.now += 8000
    play.update("a", "IN_PROGRESS")
    play.lease("a")
    play.advance(2)
    assert play.run.status == "TIMED_OUT"


def test_a_task_nobody_polls_for_is_timed_out() -> None:
    play = play_with(poll_timeout_seconds=10, timeout_policy="RETRY")
    assert play.run.next_check == NOW + 10_000
    play.advance(10)
    assert play.task("a").retry_count == 1
    assert play.run.next_check == NOW + 10_000 + 5_000 + 10_000  # counted from the moment it is offered again
    play.lease("a")
    play.advance(60)
    assert play.task("a").status == "IN_PROGRESS"


def test_the_total_time_limit_covers_all_attempts() -> None:
    play = play_with(total_timeout_seconds=20, timeout_policy="RETRY", retry_count=9)
    play.update("a", "FAILED")
    play.now += 12_000
    play.update("a", "FAILED")
    play.advance(8)
    assert play.run.status == "TIMED_OUT"
    assert "exceeded total timeout of 20 seconds" in str(play.run.reason_for_incompletion)
    assert len(play.tasks) == 3


def test_no_retry_once_the_total_time_is_used_up() -> None:
    play = play_with(total_timeout_seconds=20, timeout_policy="ALERT_ONLY")
    play.now += 20_000
    play.update("a", "FAILED")
    assert play.run.status == "FAILED"


@pytest.mark.parametrize(("policy", "status"), [("TIME_OUT_WF", "TIMED_OUT"), ("ALERT_ONLY", "RUNNING")])
def test_the_workflow_s_own_time_limit(policy: str, status: str) -> None:
    play = Play(definition({"ref": "a"}, timeoutSeconds=30, timeoutPolicy=policy, failureWorkflow="undo")).start()
    play.advance(29)
    assert play.run.status == "RUNNING"
    play.advance(1)
    assert play.run.status == status
    assert len(play.failure_workflows) == (status == "TIMED_OUT")
    assert play.run.next_check == 0
