"""SWITCH, DECISION, INLINE, LAMBDA, JSON_JQ_TRANSFORM: scripts as jobs, and the ways taken."""

import pytest

from stagedoor.engine.definition import Json
from stagedoor.engine.embedded.decision import Evaluate
from tests.engine.decide.driver import Play, definition


def switch(**fields: Json) -> dict[str, Json]:
    cases = {"yes": [{"ref": "y"}], "empty": []}
    return {
        "ref": "s",
        "type": "SWITCH",
        "decisionCases": cases,
        "defaultCase": [{"ref": "d"}],
        "input": {"v": "${workflow.input.v}"},
        **fields,
    }


@pytest.mark.parametrize(
    ("value", "case", "taken"),
    [
        ("yes", "yes", "y"),
        ("other", "other", "d"),
        (None, "null", "d"),
        (True, "true", "d"),
        (1.5, "1.5", "d"),
        ({"a": [1]}, "{a=[1]}", "d"),
    ],
)
def test_a_switch_on_a_value_takes_the_case_of_its_text(value: Json, case: str, taken: str) -> None:
    play = Play(definition(switch(evaluatorType="value-param", expression="v"), {"ref": "after"}), {"v": value}).start()
    task = play.task("s")
    assert (task.status, task.task_def_name) == ("COMPLETED", "SWITCH")
    assert task.output_data == {"evaluationResult": [case], "selectedCase": case}
    assert task.input_data == {"v": value, "case": case, "hasChildren": "true"}
    assert list(play.queued()) == [taken]
    play.update(taken)
    assert "after" in play.queued()


def test_an_empty_case_of_a_switch_is_a_way_of_its_own_and_of_a_decision_is_not() -> None:
    play = Play(definition(switch(evaluatorType="value-param", expression="v"), {"ref": "after"}), {"v": "empty"}).start()
    assert list(play.queued()) == ["after"]
    play = Play(definition(switch() | {"type": "DECISION", "caseValueParam": "v"}, {"ref": "after"}), {"v": "empty"}).start()
    assert list(play.queued()) == ["d"]
    assert play.task("s").output_data == {"caseOutput": ["empty"]}


@pytest.mark.parametrize("evaluator", ["javascript", "graaljs"])
def test_a_script_is_evaluated_outside_and_its_result_chooses(evaluator: str) -> None:
    flow = definition(switch(evaluatorType=evaluator, expression="$.v > 1 ? 'yes' : false"), {"ref": "after"})
    play = Play(flow, {"v": 2}).start()
    (job,) = play.jobs.values()
    assert isinstance(job, Evaluate)
    assert (job.language, job.source, job.input) == ("javascript", "$.v > 1 ? 'yes' : false", {"v": 2})
    assert play.task("s").status == "IN_PROGRESS"
    play.perform("s", "yes")
    assert list(play.queued()) == ["y"]


@pytest.mark.parametrize(("value", "case"), [(False, "false"), (2.0, "2"), (3, "3"), (None, "null"), ("A", "A")])
def test_a_script_s_result_is_compared_as_text(value: Json, case: str) -> None:
    play = Play(definition(switch(evaluatorType="javascript", expression="x"))).start()
    play.perform("s", value)
    assert play.task("s").output_data["selectedCase"] == case


def test_a_script_that_fails_fails_the_switch_and_the_run() -> None:
    play = Play(definition(switch(evaluatorType="javascript", expression="x"))).start()
    play.perform("s", error="x is not defined")
    assert (play.task("s").status, play.run.status) == ("FAILED", "FAILED")
    assert "x is not defined" in str(play.run.reason_for_incompletion)


def test_an_optional_switch_that_fails_is_passed_without_a_branch() -> None:
    play = Play(definition(switch(evaluatorType="javascript", expression="x", optional=True), {"ref": "after"})).start()
    play.perform("s", error="no", terminal=True)
    assert play.task("s").status == "COMPLETED_WITH_ERRORS"
    assert list(play.queued()) == ["after"]


def test_the_script_of_a_decision() -> None:
    play = Play(definition(switch() | {"type": "DECISION", "caseExpression": "'y' + 'es'"})).start().settle()
    assert play.statuses() == {"s": "COMPLETED", "y": "COMPLETED"}


# ---- scripts
def test_an_inline_script_s_value_is_its_result() -> None:
    flow = definition({"ref": "i", "type": "INLINE", "input": {"n": 2, "evaluatorType": "javascript", "expression": "({twice: $.n * 2})"}})
    play = Play(flow).start().settle()
    assert play.task("i").output_data == {"result": {"twice": 4}}
    assert play.run.output == {"result": {"twice": 4}}


def test_an_inline_script_is_javascript_by_default_and_may_be_a_name() -> None:
    play = Play(definition({"ref": "i", "type": "INLINE", "input": {"expression": "1 + 1"}})).start().settle()
    assert play.run.output == {"result": 2}
    flow = definition({"ref": "i", "type": "INLINE", "input": {"evaluatorType": "value-param", "expression": "n", "n": [1]}})
    assert Play(flow).start().run.output == {"result": [1]}


@pytest.mark.parametrize(
    "given",
    [{"expression": ""}, {}, {"expression": 5}, {"evaluatorType": "python", "expression": "1"}, {"evaluatorType": 3, "expression": "1"}],
)
def test_an_inline_task_that_cannot_be_evaluated_fails_for_good(given: dict[str, Json]) -> None:
    play = Play(definition({"ref": "i", "type": "INLINE", "input": given, "retryCount": 3})).start()
    assert play.task("i").status == "FAILED_WITH_TERMINAL_ERROR"
    assert play.task("i").output_data["error"] == play.task("i").reason_for_incompletion
    assert play.run.status == "FAILED"


def test_a_failing_inline_script_is_not_retried_and_a_failing_lambda_is() -> None:
    play = Play(definition({"ref": "i", "type": "INLINE", "input": {"expression": "x"}, "retryCount": 1})).start()
    play.perform("i", error="no")
    assert (play.task("i").status, play.run.status) == ("FAILED_WITH_TERMINAL_ERROR", "FAILED")
    play = Play(definition({"ref": "l", "type": "LAMBDA", "input": {"scriptExpression": "return x"}, "retryCount": 1})).start()
    play.perform("l", error="no")
    assert (play.task("l").status, play.run.status) == ("SCHEDULED", "RUNNING")
    (job,) = play.jobs.values()
    assert isinstance(job, Evaluate)
    assert job.due == play.now + 60_000
    play.perform("l", 5)
    assert play.run.output == {"result": 5}


def test_a_lambda_is_the_body_of_a_function() -> None:
    flow = definition(
        {"ref": "l", "type": "LAMBDA", "input": {"lambdaValue": 1, "scriptExpression": "if ($.lambdaValue == 1) { return {a: 1} }"}}
    )
    assert Play(flow).start().settle().run.output == {"result": {"a": 1}}


def test_jq_gives_the_first_result_and_all_of_them() -> None:
    flow = definition({"ref": "j", "type": "JSON_JQ_TRANSFORM", "input": {"l": [1, 2], "queryExpression": ".l[] + 1"}})
    assert Play(flow).start().settle().run.output == {"result": 2, "resultList": [2, 3]}
    flow = definition({"ref": "j", "type": "JSON_JQ_TRANSFORM", "input": {"queryExpression": "empty"}})
    assert Play(flow).start().settle().run.output == {"result": None, "resultList": []}


def test_a_failing_filter_fails_its_task() -> None:
    play = Play(definition({"ref": "j", "type": "JSON_JQ_TRANSFORM", "input": {"queryExpression": ".a.b"}})).start()
    play.perform("j", error="cannot index")
    assert (play.task("j").status, play.task("j").output_data) == ("FAILED", {"error": "cannot index"})
    play = Play(definition({"ref": "j", "type": "JSON_JQ_TRANSFORM", "input": {"queryExpression": None}})).start()
    assert play.run.status == "FAILED"
