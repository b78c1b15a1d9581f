"""What a definition makes of its data has a limit, and nothing near a multiple of it is ever in memory."""

import tracemalloc
from collections.abc import Iterator
from contextlib import contextmanager

import msgspec
import pytest

from stagedoor.engine.definition import Json
from stagedoor.engine.embedded.budget import MOST_DATA, Budget, TooLarge, size_of
from stagedoor.engine.embedded.decision import Enqueue, Event, TaskUpdated
from stagedoor.engine.embedded.expression import Document, resolve
from stagedoor.engine.run import Task
from tests.engine.decide.driver import Job, Play, definition, node, obliging

MB = 1024 * 1024
LIMIT = "the data would take more than 8 MB of JSON"
A = "${workflow.input.a}"


@contextmanager
def at_most(megabytes: int) -> Iterator[None]:
    """Memory made within, at its peak."""
    tracemalloc.start()
    try:
        yield
        assert tracemalloc.get_traced_memory()[1] < megabytes * MB
    finally:
        tracemalloc.stop()


def big(megabytes: float = 1) -> dict[str, Json]:
    return {"a": "x" * round(megabytes * MB), "list": ["y" * 1000] * round(megabytes * 1000)}


def deep(levels: int, bottom: Json) -> Json:
    for _ in range(levels):
        bottom = {"in": bottom}
    return bottom


GROWING: dict[str, Json] = {
    "one text": {"given": A * 1000},
    "texts of values": {"given": "${workflow.input.list} " * 1000},
    "many members": {"given": [{"x": A} for _ in range(1000)]},
    "many parameters": {f"p{number}": A for number in range(1000)},
    "a path of data": {"given": "${workflow.input." + A * 1000 + "}"},
    "values again": {"given": ["${workflow.input.list}"] * 1000},
    "what a query finds": {"given": ["${workflow.input.deep..in}"] * 2},
}


@pytest.mark.parametrize("kind", ["SIMPLE", "HTTP", "INLINE", "SUB_WORKFLOW", "SET_VARIABLE", "TERMINATE", "NOOP", "HUMAN", "SWITCH"])
def test_a_task_whose_input_grows_too_large_fails_for_good(kind: str) -> None:
    extra: dict[str, Json] = {"subWorkflowParam": {"name": "below"}} if kind == "SUB_WORKFLOW" else {}
    play = Play(definition(node("one", kind, input=GROWING["one text"], retryCount=3, **extra)), big())
    with at_most(40):
        play.start()
    assert (play.task("one").status, play.task("one").reason_for_incompletion) == ("FAILED_WITH_TERMINAL_ERROR", f"one: {LIMIT}")
    assert (play.run.status, len(play.tasks), play.jobs) == ("FAILED", 1, {})
    assert LIMIT in (play.run.reason_for_incompletion or "")


@pytest.mark.parametrize("how", GROWING)
def test_however_it_grows(how: str) -> None:
    play = Play(definition(node("one", input=GROWING[how])), {**big(), "deep": deep(60, "z" * 100_000)})
    with at_most(60):
        play.start()
    assert play.task("one").reason_for_incompletion == f"one: {LIMIT}"


@pytest.mark.parametrize("how", ["one text", "many parameters"])
def test_without_the_budget_it_would_grow(how: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Budget, "take", lambda self, size: None)
    play = Play(definition(node("one", input=GROWING[how])), big(0.03)).start()
    assert play.run.status == "RUNNING"
    assert len(msgspec.json.encode(play.task("one").input_data)) > 3 * MOST_DATA


def test_as_much_as_the_limit_is_given_on() -> None:
    play = Play(definition(node("one", input={"given": A})), {"a": "x" * (MOST_DATA - 1000)}).start()
    assert play.queued() == {"one": "one"}


def test_a_join_whose_branches_bring_too_much_fails() -> None:
    branches: Json = [[{"ref": f"b{number}"}] for number in range(3)]
    play = Play(definition(node("fork", "FORK_JOIN", forkTasks=branches), node("join", "JOIN", joinOn=["b0", "b1", "b2"]))).start()
    for number in range(3):
        play.lease(f"b{number}")
        play.update(f"b{number}", output=big(1.5))
    assert play.task("join").reason_for_incompletion == f"join: {LIMIT}"
    assert (play.task("join").status, play.run.status) == ("FAILED_WITH_TERMINAL_ERROR", "FAILED")


def test_the_reasons_of_many_branches_do_not_add_up_without_end() -> None:
    names = [f"b{number}" for number in range(20)]
    branches: Json = [[{"ref": name, "permissive": True, "retryCount": 0}] for name in names]
    play = Play(definition(node("fork", "FORK_JOIN", forkTasks=branches), node("join", "JOIN", joinOn=names))).start()
    for name in names:
        play.lease(name)
        play.update(name, "FAILED", reason=f"{name} is broken. {'x' * 10_000}")
    reason = play.task("join").reason_for_incompletion or ""
    assert "b0 is broken. " in reason and "b5 is broken. " in reason and len(reason) < 70_000
    assert play.run.status == "FAILED"


def looping(keep: int | None) -> Play:
    given: Json = {} if keep is None else {"keepLastN": keep}
    loop = node("loop", "DO_WHILE", loopCondition="$.loop['iteration'] < 6", loopOver=[{"ref": "body"}], input=given)

    def answer(job: Job, task: Task) -> Event:
        if isinstance(job, Enqueue):
            return TaskUpdated(task_id=task.task_id, status="COMPLETED", output={"a": "x" * (2 * MB)})
        return obliging(job, task)

    return Play(definition(loop, outputParameters={"n": "${loop.output.iteration}"})).start().settle(answer)


def test_a_loop_whose_rounds_bring_too_much_fails() -> None:
    play = looping(keep=None)
    assert (play.task("loop").iteration, play.run.status) == (4, "FAILED")
    assert play.task("loop").reason_for_incompletion == f"loop: {LIMIT}"


def test_a_loop_that_keeps_few_rounds_goes_on() -> None:
    play = looping(keep=2)
    assert (play.run.status, play.run.output) == ("COMPLETED", {"n": 6})


def test_a_loop_whose_items_grow_too_large_fails() -> None:
    loop = node("loop", "DO_WHILE", items="${workflow.input.deep..in}", loopOver=[{"ref": "body"}])
    play = Play(definition(loop), {"deep": deep(60, "z" * 200_000)}).start()
    assert (play.task("loop").status, play.run.status) == ("FAILED_WITH_TERMINAL_ERROR", "FAILED")


def test_a_run_whose_output_grows_too_large_fails() -> None:
    play = Play(definition(node("one", "NOOP"), outputParameters={"all": A * 1000}), big())
    with at_most(40):
        play.start()
    assert (play.run.status, play.run.output) == ("FAILED", {})
    assert play.run.reason_for_incompletion == f"output of the workflow: {LIMIT}"


def test_a_run_that_fails_with_too_much_keeps_its_reason() -> None:
    play = Play(definition(node("one", retryCount=0), outputParameters={"all": A * 1000}), big()).start()
    play.lease("one")
    play.update("one", "FAILED", reason="broken")
    assert (play.run.status, play.run.output) == ("FAILED", {})
    assert "broken" in (play.run.reason_for_incompletion or "") and LIMIT in (play.run.reason_for_incompletion or "")


def test_what_is_told_a_failure_workflow_has_the_same_limit() -> None:
    tasks = [node(f"n{number}", "NOOP", input={"given": A * 3}) for number in range(4)]
    play = Play(
        definition(*tasks, node("bad", "TERMINATE", input={"terminationStatus": "FAILED"}), failureWorkflow="sorry"), big(1)
    ).start()
    (failure,) = play.failure_workflows
    assert failure.input["failedWorkflow"]["tasks"] == []
    assert failure.input["failedWorkflow"]["input"] == play.run.input
    assert size_of(failure.input, 10 * MOST_DATA) < MOST_DATA


def test_one_decision_takes_up_no_more_than_a_few_tasks_can_hold() -> None:
    """The others follow at once, each decision with as many."""
    branches: Json = [[{"ref": f"b{number}", "input": {"given": A * 7}}] for number in range(30)]
    fork = node("fork", "FORK_JOIN", forkTasks=branches)
    play = Play(definition(fork, node("join", "JOIN", joinOn=["b0"])), {"a": "x" * MB})
    with at_most(100):
        play.start()
    assert 5 < len(play.queued()) < 15 and play.run.next_check == play.now
    play.advance(0)
    assert 15 < len(play.queued()) < 25
    play.settle()
    assert len(play.tasks) == 32 and play.run.status == "COMPLETED"


def test_data_that_msgspec_does_not_write_is_counted_too() -> None:
    odd: Json = ["\ud800" * 1000, 2**100, {"k": None}]
    assert 1000 < size_of(odd, MOST_DATA) < 1500
    with pytest.raises(TooLarge):
        resolve([A] * 10, Document({"workflow": {"input": {"a": "\ud800" * MB}}}))


def test_no_more_is_counted_than_is_needed() -> None:
    shared: Json = ["x"]
    for _ in range(60):
        shared = [shared, shared]  # 2^60 leaves
    assert size_of(shared, MOST_DATA, shared=True) > MOST_DATA
