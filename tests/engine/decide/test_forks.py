"""FORK_JOIN, JOIN, EXCLUSIVE_JOIN: branches side by side, and what waits for them."""

import pytest

from stagedoor.engine.definition import Json
from tests.engine.decide.driver import Play, definition


def fork(*branches: list[dict[str, Json]], join_on: list[str], **join: Json) -> list[dict[str, Json]]:
    return [
        {"ref": "f", "type": "FORK_JOIN", "forkTasks": list(branches)},
        {"ref": "j", "type": "JOIN", "joinOn": join_on, **join},
    ]


def two(join_on: list[str] | None = None, **second: Json) -> list[dict[str, Json]]:
    return fork([{"ref": "a"}, {"ref": "b"}], [{"ref": "c", **second}], join_on=["b", "c"] if join_on is None else join_on)


def test_all_branches_and_the_join_begin_at_once() -> None:
    play = Play(definition(*two(), {"ref": "after"})).start()
    assert play.statuses() == {"f": "COMPLETED", "a": "SCHEDULED", "c": "SCHEDULED", "j": "IN_PROGRESS"}
    assert (play.task("f").task_type, play.task("j").input_data) == ("FORK", {"joinOn": ["b", "c"]})


def test_a_join_waits_for_all_it_names_and_gathers_their_outputs() -> None:
    play = Play(definition(*two(), {"ref": "after"})).start()
    play.update("a", output={"x": 0})
    play.update("b", output={"x": 1})
    assert play.task("j").status == "IN_PROGRESS"
    play.update("c", output={"x": 2})
    assert play.task("j").output_data == {"b": {"x": 1}, "c": {"x": 2}}
    assert play.task("j").status == "COMPLETED"
    assert list(play.queued()) == ["after"]


def test_the_run_waits_for_branches_that_no_join_names() -> None:
    play = Play(definition(*two(["c"]))).start()
    play.update("c")
    assert play.task("j").status == "COMPLETED"
    assert play.run.status == "RUNNING"
    play.update("a")
    play.update("b")
    assert play.run.status == "COMPLETED"


def test_a_failed_branch_ends_the_run_and_cancels_the_others() -> None:
    play = Play(definition(*two())).start()
    play.update("c", "FAILED", reason="no")
    assert play.run.status == "FAILED"
    assert play.statuses() == {"f": "COMPLETED", "a": "CANCELED", "c": "FAILED", "j": "CANCELED"}
    assert not play.jobs


def test_a_retried_branch_holds_the_join_up() -> None:
    play = Play(definition(*two(retryCount=1))).start()
    play.update("a")
    play.update("b")
    play.update("c", "FAILED")
    assert play.task("j").status == "IN_PROGRESS"
    play.update("c")
    assert play.run.status == "COMPLETED"


def test_an_optional_failure_makes_the_join_complete_with_errors() -> None:
    play = Play(definition(*two(optional=True))).start()
    play.update("c", "FAILED", reason="no")
    play.update("a")
    play.update("b")
    assert play.task("j").status == "COMPLETED_WITH_ERRORS"
    assert play.task("j").reason_for_incompletion == f"c/{play.task('c').task_id} completed with errors"
    assert play.run.status == "COMPLETED"


def test_a_permissive_failure_fails_the_join_when_the_others_are_done() -> None:
    play = Play(definition(*two(permissive=True))).start()
    play.update("c", "FAILED", reason="no")
    assert play.run.status == "RUNNING"
    play.update("a")
    play.update("b")
    assert (play.task("j").status, play.task("j").reason_for_incompletion, play.run.status) == ("FAILED", "no", "FAILED")


def test_a_join_may_name_a_task_of_a_fork_that_stands_after_it() -> None:
    inner = [{"ref": "f2", "type": "FORK_JOIN", "forkTasks": [[{"ref": "a"}]]}, {"ref": "j2", "type": "JOIN", "joinOn": ["s"]}]
    flow = definition(*fork(inner, [{"ref": "s", "type": "SET_VARIABLE"}], join_on=["j2", "s"]))
    play = Play(flow).start()
    play.update("a")
    assert play.run.status == "COMPLETED"


def test_a_join_that_can_never_be_done_fails_the_run() -> None:
    flow = definition(
        {"ref": "s", "type": "SWITCH", "evaluatorType": "value-param", "expression": "v", "decisionCases": {"x": [{"ref": "never"}]}},
        *fork([{"ref": "a"}], join_on=["a", "never"]),
    )
    play = Play(flow).start()
    play.update("a")
    assert play.run.status == "FAILED"
    assert play.run.reason_for_incompletion == "Task j waits for tasks that will never run"


@pytest.mark.parametrize(("value", "output"), [("1", {"t": 1}), ("2", {"t": 2}), ("3", {"t": 0})])
def test_an_exclusive_join_takes_the_output_of_the_way_that_was_taken(value: str, output: dict[str, Json]) -> None:
    decision = {"ref": "d", "type": "DECISION", "caseValueParam": "v", "input": {"v": value}}
    decision["decisionCases"] = {"1": [{"ref": "t1"}], "2": [{"ref": "t2"}]}
    join = {"ref": "j", "type": "EXCLUSIVE_JOIN", "joinOn": ["t1", "t2"], "defaultExclusiveJoinTask": ["t0"]}
    play = Play(definition({"ref": "t0"}, decision, join)).start()
    play.update("t0", output={"t": 0})
    if value != "3":
        play.update(f"t{value}", output={"t": int(value)})
    assert play.task("j").output_data == output
    assert play.run.status == "COMPLETED"
