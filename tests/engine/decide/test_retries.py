"""Failed attempts: retries and their delays, optional and permissive tasks, the end of the run, the failure workflow."""

import pytest

from stagedoor.engine.definition import TaskDefinition
from stagedoor.engine.embedded.decision import Enqueue, TaskUpdated
from stagedoor.engine.embedded.retry import delay_seconds
from tests.engine.decide.driver import NOW, Play, definition


def rules(**fields: object) -> TaskDefinition:
    return TaskDefinition(name="a", **{"retry_count": 2, "retry_delay_seconds": 10, **fields})  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("logic", "delays"),
    [("FIXED", [10, 10, 10]), ("LINEAR_BACKOFF", [30, 60, 90]), ("EXPONENTIAL_BACKOFF", [10, 20, 40])],
)
def test_delays_grow_as_the_retry_logic_says(logic: str, delays: list[int]) -> None:
    assert [delay_seconds(rules(retry_logic=logic, backoff_scale_factor=3), attempt) for attempt in range(3)] == delays


def test_delays_are_capped() -> None:
    assert delay_seconds(rules(retry_logic="EXPONENTIAL_BACKOFF", max_retry_delay_seconds=15), 5) == 15
    assert delay_seconds(rules(retry_logic="EXPONENTIAL_BACKOFF"), 10**9) == 2**31 - 1


def test_a_retry_is_a_new_task_with_its_input_resolved_again() -> None:
    flow = definition({"ref": "a", "input": {"before": "${a.output.x}", "id": "${CPEWF_TASK_ID}"}})
    play = Play(flow, task_definitions=[rules(backoff_jitter_ms=1000)]).start()
    first = play.lease("a")
    assert first.input_data == {"before": None, "id": first.task_id}
    play.update("a", "FAILED", {"x": 1}, reason="no")
    first, second = play.tasks[first.task_id], play.task("a")
    assert (first.status, first.retried, first.reason_for_incompletion) == ("FAILED", True, "no")
    assert (second.status, second.retry_count, second.retried_task_id) == ("SCHEDULED", 1, first.task_id)
    assert second.input_data == {"before": 1, "id": second.task_id}
    assert second.first_start_time == NOW
    job = play.jobs[second.task_id]
    assert isinstance(job, Enqueue)
    assert job.due == NOW + 10_000 + 500


def test_when_no_attempt_is_left_the_run_fails() -> None:
    play = Play(definition({"ref": "a"}, {"ref": "b"}), task_definitions=[rules()]).start()
    for _ in range(3):
        assert play.run.status == "RUNNING"
        play.update("a", "FAILED", {"x": 1}, reason="no")
    assert play.run.status == "FAILED"
    assert play.run.reason_for_incompletion == f"Task {play.task('a').task_id} failed with status: FAILED and reason: 'no'"
    assert play.run.output == {"x": 1}
    assert play.task("a").retry_count == 2


@pytest.mark.parametrize(("node_count", "attempts"), [(None, 1), (0, 1), (1, 2)])
def test_without_a_task_definition_there_are_no_retries_but_the_node_s(node_count: int | None, attempts: int) -> None:
    play = Play(definition({"ref": "a", "retryCount": node_count}))
    play.start().settle(lambda job, task: TaskUpdated(task_id=task.task_id, status="FAILED"))
    assert play.run.status == "FAILED"
    assert len(play.tasks) == attempts


def test_the_node_s_retry_count_overrides_the_task_definition_s() -> None:
    play = Play(definition({"ref": "a", "retryCount": 0}), task_definitions=[rules()]).start()
    play.update("a", "FAILED")
    assert play.run.status == "FAILED"


@pytest.mark.parametrize(
    ("status", "run_status"),
    [("FAILED_WITH_TERMINAL_ERROR", "FAILED"), ("CANCELED", "TERMINATED")],
)
def test_some_failures_are_never_retried(status: str, run_status: str) -> None:
    play = Play(definition({"ref": "a"}), task_definitions=[rules()]).start()
    play.update("a", status)
    assert play.run.status == run_status


def test_an_optional_task_is_passed_with_errors() -> None:
    play = Play(definition({"ref": "a", "optional": True}, {"ref": "b"}), task_definitions=[rules(retry_count=1)]).start()
    play.update("a", "FAILED", reason="no")
    assert play.task("a").retry_count == 1
    play.update("a", "FAILED_WITH_TERMINAL_ERROR", reason="no")
    assert (play.task("a").status, play.task("a").reason_for_incompletion) == ("COMPLETED_WITH_ERRORS", "no")
    play.update("b")
    assert play.run.status == "COMPLETED"


def test_after_a_permissive_failure_the_run_goes_on_and_fails_at_its_end() -> None:
    play = Play(definition({"ref": "a", "permissive": True}, {"ref": "b"})).start()
    play.update("a", "FAILED", reason="no")
    assert play.task("a").status == "FAILED"
    assert play.run.status == "RUNNING"
    play.update("b")
    assert play.run.status == "FAILED"
    assert f"Task {play.task('a').task_id} failed with status: FAILED and reason: 'no'" in str(play.run.reason_for_incompletion)


def test_a_failed_run_starts_its_failure_workflow() -> None:
    flow = definition({"ref": "a"}, {"ref": "b"}, failureWorkflow="undo")
    play = Play(flow, {"order": 7}, correlation_id="c").start()
    play.update("a", output={"x": 1})
    play.update("b", "FAILED", reason="no")
    (command,) = play.failure_workflows
    told = command.input
    assert command.name == "undo"
    assert (told["order"], told["workflowId"], told["failureStatus"]) == (7, "run", "FAILED")
    assert (told["reason"], told["failureTaskId"]) == (play.run.reason_for_incompletion, play.task("b").task_id)
    assert [task["outputData"] for task in told["failedWorkflow"]["tasks"]] == [{"x": 1}, {}]
    assert not {"starter", "projectId", "revisionId"} & set(told["failedWorkflow"])


def test_the_name_of_a_failure_workflow_may_come_from_the_input() -> None:
    play = Play(definition({"ref": "a"}, failureWorkflow="${workflow.input.undo}"), {"undo": "this"}).start()
    play.update("a", "FAILED")
    assert [command.name for command in play.failure_workflows] == ["this"]
