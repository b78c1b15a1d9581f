"""DO_WHILE: iterations, conditions, items, what is kept, and loops in loops."""

import time

import pytest

from stagedoor.engine.definition import Json
from stagedoor.engine.embedded.decision import Evaluate
from tests.engine.decide.driver import Play, definition

CONDITION = "if ($.loop['iteration'] < $.value) { true; } else { false; }"


def loop(*body: dict[str, Json], condition: str | None = CONDITION, **fields: Json) -> dict[str, Json]:
    given = {"value": "${workflow.input.loop}", **fields.pop("input", {})}
    return {"ref": "loop", "type": "DO_WHILE", "loopCondition": condition, "loopOver": list(body), "input": given, **fields}


def test_the_body_runs_until_the_condition_is_false() -> None:
    play = Play(
        definition(loop({"ref": "a", "input": {"i": "${loop.output.iteration}", "before": "${a.output.x}"}}), {"ref": "after"}), {"loop": 2}
    )
    play.start()
    assert list(play.queued()) == ["a__1"]
    assert (play.task("a__1").iteration, play.task("loop").iteration) == (1, 1)
    assert play.task("a__1").input_data == {"i": 1, "before": None}
    play.update("a__1", output={"x": 1})
    (job,) = play.jobs.values()
    assert isinstance(job, Evaluate)
    assert job.source == CONDITION
    assert job.input == {"value": 2, "loop": {"iteration": 1, "1": {"a": {"x": 1}}}, "a": {"x": 1}}
    play.perform("loop", True)
    assert play.task("a__2").input_data == {"i": 2, "before": 1}
    play.update("a__2", output={"x": 2})
    play.perform("loop", False)
    assert play.task("loop").status == "COMPLETED"
    assert play.task("loop").output_data == {"iteration": 2, "1": {"a": {"x": 1}}, "2": {"a": {"x": 2}}}
    assert list(play.queued()) == ["after"]


def test_other_events_do_not_ask_the_condition_twice() -> None:
    flow = definition(
        {"ref": "f", "type": "FORK_JOIN", "forkTasks": [[loop({"ref": "a"})], [{"ref": "b"}, {"ref": "c"}]]},
        {"ref": "j", "type": "JOIN", "joinOn": ["loop", "c"]},
    )
    play = Play(flow, {"loop": 1}).start()
    play.update("a__1")
    play.update("b")
    assert sum(isinstance(command, Evaluate) for command in play.log) == 1
    play.perform("loop", False)
    play.update("c")
    assert play.run.status == "COMPLETED"


@pytest.mark.parametrize(("value", "goes_on"), [(True, True), (1, True), (0, False), ("true", False), (None, False), (0.5, True)])
def test_the_condition_is_read_as_upstream_reads_it(value: Json, goes_on: bool) -> None:
    play = Play(definition(loop({"ref": "a"}))).start()
    play.update("a__1")
    play.perform("loop", value)
    assert (play.run.status == "RUNNING") is goes_on


def test_a_condition_that_fails_fails_the_loop() -> None:
    play = Play(definition(loop({"ref": "a"}))).start()
    play.update("a__1")
    play.perform("loop", error="x is not defined")
    assert (play.task("loop").status, play.run.status) == ("FAILED_WITH_TERMINAL_ERROR", "FAILED")


def test_without_a_condition_the_body_runs_once() -> None:
    play = Play(definition(loop({"ref": "a"}, condition=""))).start()
    play.update("a__1")
    assert play.run.status == "COMPLETED"


@pytest.mark.parametrize("where", [{"items": "${workflow.input.list}"}, {"input": {"_items": "${workflow.input.list}"}}])
def test_a_loop_over_items(where: dict[str, Json]) -> None:
    body = {"ref": "a", "input": {"item": "${loop.output.loopItem}", "at": "${loop.output.loopIndex}"}}
    play = Play(definition(loop(body, condition=None, **where)), {"list": ["x", "y"]}).start().settle()
    assert [play.task(f"a__{n}").input_data for n in (1, 2)] == [{"item": "x", "at": 0}, {"item": "y", "at": 1}]
    assert play.run.status == "COMPLETED"
    play = Play(definition(loop(body, condition=None, **where)), {"list": []}).start()
    assert (play.run.status, play.task("loop").output_data) == ("COMPLETED", {"iteration": 0})


def test_a_condition_may_end_a_loop_over_items_early() -> None:
    play = Play(definition(loop({"ref": "a"}, condition="$.loopItem != 'y'", items="${workflow.input.list}")), {"list": ["x", "y", "z"]})
    assert set(play.start().settle().statuses()) == {"loop", "a__1", "a__2"}


def test_only_the_last_iterations_outputs_are_kept_if_asked() -> None:
    play = Play(definition(loop({"ref": "a"}, input={"keepLastN": 2})), {"loop": 5}).start().settle()
    assert set(play.task("loop").output_data) == {"iteration", "4", "5"}


def test_branches_in_a_loop() -> None:
    flow = definition(
        loop(
            {"ref": "s", "type": "SWITCH", "evaluatorType": "value-param", "expression": "v", "input": {"v": "${loop.output.iteration}"},
             "decisionCases": {"1": [{"ref": "one"}]}, "defaultCase": [{"ref": "more"}]},
            {"ref": "f", "type": "FORK_JOIN", "forkTasks": [[{"ref": "a"}], [{"ref": "b"}]]},
            {"ref": "j", "type": "JOIN", "joinOn": ["a", "b"]},
        )
    )  # fmt: skip
    play = Play(flow, {"loop": 2}).start().settle()
    assert play.run.status == "COMPLETED"
    assert {"one__1", "more__2", "a__1", "b__2"} <= set(play.statuses())
    assert set(play.task("j__2").output_data) == {"a__2", "b__2"}
    assert "one__2" not in play.statuses()


def test_a_loop_in_a_loop() -> None:
    inner = {"ref": "inner", "type": "DO_WHILE", "loopCondition": "$.inner.iteration < 2", "loopOver": [{"ref": "x"}]}
    play = Play(definition(loop({"ref": "a"}, inner)), {"loop": 2}).start().settle()
    assert play.run.status == "COMPLETED"
    names = ["loop", "a__1", "inner__1", "x__1__1", "x__1__2", "a__2", "inner__2", "x__2__1", "x__2__2"]
    assert list(play.statuses()) == names
    assert play.task("loop").output_data["2"]["inner"]["2"] == {"x": {"done": "x__2__2"}}


def test_a_retry_in_a_loop_stays_in_its_iteration() -> None:
    play = Play(definition(loop({"ref": "a", "retryCount": 1}))).start()
    play.update("a__1", "FAILED")
    assert (play.task("a__1").retry_count, play.task("a__1").iteration) == (1, 1)
    play.update("a__1")
    play.perform("loop", True)
    assert (play.task("a__2").retry_count, play.task("a__2").iteration) == (0, 2)


def test_a_permissive_failure_fails_the_loop_at_the_end_of_its_iteration() -> None:
    play = Play(definition(loop({"ref": "a", "permissive": True}, {"ref": "b"}))).start()
    play.update("a__1", "FAILED", reason="no")
    play.update("b__1")
    assert (play.task("loop").status, play.run.status) == ("FAILED", "FAILED")


def test_ending_a_loop_from_outside_ends_its_body() -> None:
    play = Play(definition(loop({"ref": "a"}), {"ref": "after"})).start()
    play.update("loop", "COMPLETED")
    assert play.statuses() == {"loop": "COMPLETED", "a__1": "CANCELED", "after": "SCHEDULED"}
    assert list(play.queued()) == ["after"]


def test_a_long_loop_of_nothing_is_cut_into_many_decisions() -> None:
    play = Play(definition(loop({"ref": "n", "type": "NOOP"}, condition=None, items="${workflow.input.list}")), {"list": list(range(1000))})
    play.start()
    assert play.run.status == "RUNNING"
    assert play.run.next_check == play.now
    play.settle()
    assert play.run.status == "COMPLETED"
    assert len(play.tasks) == 1001


def test_a_loop_of_hundreds_of_iterations_does_not_slow_down_beyond_measure() -> None:
    play = Play(definition(loop({"ref": "a"}, input={"keepLastN": 1})), {"loop": 300}).start()
    times = []
    for iteration in range(1, 301):
        began = time.perf_counter()
        play.update(f"a__{iteration}")
        play.perform("loop", iteration < 300)
        times.append(time.perf_counter() - began)
    assert play.run.status == "COMPLETED"
    assert min(times[290:]) < 20 * min(times[:10]) + 0.01
