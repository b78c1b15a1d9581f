"""`check`, of definitions by themselves: everything that saving refuses is listed, not the first alone; and what is different here."""

import json
from collections.abc import Callable
from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from stagedoor.cli.check import documents_of, look_at
from stagedoor.engine.definition import TaskDefinition, WorkflowDefinition
from stagedoor.engine.validate import validate, validate_task_definition
from stagedoor.gate.checking import check_task, check_workflow, kind_of
from stagedoor.gate.lint import Finding
from stagedoor.gate.sealing import refuse_elsewhere, refuse_in_task_definition
from stagedoor.kit import strictjson
from stagedoor.kit.errors import BadInput

KEY = "${workflow.secrets.key}"


def task(ref: str, kind: str = "SIMPLE", **fields: Any) -> dict[str, Any]:
    return {"name": ref, "taskReferenceName": ref, "type": kind, **fields}


def workflow(*tasks: dict[str, Any], **fields: Any) -> WorkflowDefinition:
    return msgspec.convert({"name": "flow", "tasks": list(tasks), **fields}, WorkflowDefinition)


def found(definition: WorkflowDefinition, severity: str) -> list[Finding]:
    return [one for one in check_workflow(definition) if one.severity == severity]


def test_every_refusal_is_listed_with_its_task_and_place() -> None:
    bad = workflow(
        task("a", "EVENT", sink="kafka:x"),
        task("b", "INLINE", inputParameters={"expression": "1", "one": KEY, "deep": [{"x/y": f"Bearer {KEY}"}]}),
        task("c", "SWITCH", evaluatorType="value-param", expression="v", decisionCases={"y": [task("d", "TERMINATE", optional=True)]}),
        task("e", inputParameters={"x": f"${{workflow.input.{KEY}}}"}),
        task("f", taskDefinition={"name": "f", "inputTemplate": {"k": "${workflow.env.HOST}"}}),
        timeoutPolicy="NEVER",
        outputParameters={"k": KEY},
    )
    assert [(one.task, one.place) for one in found(bad, "refusal")] == [
        (None, "/timeoutPolicy"),
        ("a", "/tasks/0/type"),
        ("d", "/tasks/2/decisionCases/y/0/inputParameters/terminationStatus"),
        ("d", "/tasks/2/decisionCases/y/0/optional"),
        (None, "/outputParameters/k"),
        ("b", "/tasks/1/inputParameters/one"),
        ("b", "/tasks/1/inputParameters/deep/0/x~1y"),
        ("e", "/tasks/3/inputParameters/x"),
        ("f", "/tasks/4/taskDefinition/inputTemplate"),
    ]


def test_a_definition_within_a_definition_is_gone_through_too() -> None:
    inner = {"name": "child", "tasks": [task("x", "EVENT"), task("y", inputParameters={"k": KEY, "n": "${x.output.n}"})]}
    refusals = found(workflow(task("s", "SUB_WORKFLOW", subWorkflowParam={"workflowDefinition": inner})), "refusal")
    base = "/tasks/0/subWorkflowParam/workflowDefinition/tasks"
    assert [(one.task, one.place) for one in refusals] == [("s", f"{base}/0/type"), ("s", f"{base}/1/inputParameters/k")]


def test_an_inline_definition_that_is_not_valid_does_not_hide_the_rest() -> None:
    bad = workflow(task("s", "SUB_WORKFLOW", subWorkflowParam={"workflowDefinition": {"tasks": 5}}), task("e", "EVENT"))
    assert [one.place for one in found(bad, "refusal")] == ["/tasks/0/subWorkflowParam/workflowDefinition", "/tasks/1/type"]


@pytest.mark.parametrize(
    ("bad", "said"),
    [
        (task("a", "FORK_JOIN_DYNAMIC"), "FORK_JOIN"),
        (task("a", "START_WORKFLOW"), "SUB_WORKFLOW"),
        (task("a", "EVENT"), "worker task"),
        (task("a", "HTTP_POLL"), "DO_WHILE"),
        (task("a", "LLM_CHAT_COMPLETE"), "a worker task, or HTTP"),
        (task("a", "DYNAMIC", dynamicTaskNameParam="n", inputParameters={"n": "${workflow.input.n}"}), "SWITCH"),
        (task("a", "SUB_WORKFLOW", subWorkflowParam={"workflowDefinition": "${workflow.input.d}"}), "save the child"),
    ],
)
def test_a_refusal_has_a_way_out(bad: dict[str, Any], said: str) -> None:
    (one,) = found(workflow(bad), "refusal")
    assert one.way_out is not None and said in one.way_out


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("${HOME}", "names neither the workflow nor a task"),
        ("${user.home}", "names neither the workflow nor a task"),
        ("${NETFLIX_STACK}", "names neither the workflow nor a task"),
        ("x ${workflow.input.a} ${DB_PASSWORD}", "${DB_PASSWORD} names neither"),
        ("${${workflow.input.name}}", "its first name is made from data"),
        ("${workflow.secrets.${workflow.input.name}}", "a secret's name is never made from data"),
        ("$${workflow.secrets.key}", "$${ is an escape"),
        ("#{stagedoor:00000000-0000-0000-0000-000000000000}", "text of the form of a marker"),
    ],
)
def test_what_conductor_reads_differently_is_a_warning(text: str, said: str) -> None:
    (one,) = found(workflow(task("a", inputParameters={"deep": [text]})), "warning")
    assert said in one.reason and (one.task, one.place) == ("a", "/tasks/0/inputParameters/deep/0")


@pytest.mark.parametrize(
    "text",
    [
        KEY,
        "${workflow.input.x}",
        "${b.output.x[0].y}",
        "${b__2.output}",
        "${b['output']}",
        "${$.b.output}",
        "${CPEWF_TASK_ID}",
        "${}",
        "$${HOME}",
        "${workflow.env.HOST}",
        "${b.output.${workflow.input.name}}",
    ],
)
def test_what_means_the_same_is_none(text: str) -> None:
    assert list(check_workflow(workflow(task("a", inputParameters={"x": text}), task("b")))) == []


def test_a_type_that_nobody_here_runs_is_a_warning() -> None:
    (one,) = found(workflow(task("a", "OPS_GENIE")), "warning")
    assert "its tasks wait for a worker that polls OPS_GENIE" in one.reason
    assert found(workflow(task("a", "HTTP"), task("b", "USER_DEFINED"), task("c")), "warning") == []


def test_an_inline_sub_workflow_and_a_name_from_data_are_warnings() -> None:
    inner = {"name": "child", "tasks": [task("x", inputParameters={"n": "${x0.output}"}), task("x0")]}
    inline = found(workflow(task("s", "SUB_WORKFLOW", subWorkflowParam={"workflowDefinition": inner})), "warning")
    assert [one.place for one in inline] == ["/tasks/0/subWorkflowParam/workflowDefinition"]
    made = found(workflow(task("s", "SUB_WORKFLOW", subWorkflowParam={"name": "${workflow.input.n}"})), "warning")
    assert [one.place for one in made] == ["/tasks/0/subWorkflowParam/name"]


def test_a_task_definition_is_checked() -> None:
    bad = {"name": "t", "retryLogic": "NEVER", "timeoutSeconds": -1, "inputTemplate": {"a": KEY, "b": "${workflow.env.X}"}}
    places = [one.place for one in check_task(msgspec.convert(bad, TaskDefinition)) if one.severity == "refusal"]
    assert places == ["/retryLogic", "/timeoutSeconds", "/inputTemplate/a", "/inputTemplate/b"]


@pytest.mark.parametrize(
    ("document", "kind"),
    [
        ({"name": "a", "tasks": []}, "WORKFLOW_DEF"),
        ({"tasks": [1]}, "WORKFLOW_DEF"),
        ({"name": "t"}, "TASK_DEF"),
        ({"name": "t", "retryCount": 1, "unknown": 2}, "TASK_DEF"),
        ({"name": "h", "event": "kafka:x", "actions": []}, None),
        ({"name": "r", "workflowDef": {"tasks": []}}, None),
        ({"name": "s", "input": {}}, None),
        ({"openapi": "3.1.0"}, None),
        ([], None),
        ("text", None),
    ],
)
def test_a_document_is_known_by_its_fields(document: Any, kind: str | None) -> None:
    assert kind_of(document) == kind


# ---- whatever saving refuses first is among what is listed
TEXTS = st.sampled_from([KEY, f"${{a.{KEY}}}", "$" + KEY, "plain", "${workflow.input.x}", "${workflow.env.X}", "${HOME}", "\x00"])
VALUES = st.recursive(
    TEXTS, lambda inner: st.one_of(st.lists(inner, max_size=2), st.dictionaries(st.sampled_from("ab/~"), inner, max_size=2))
)
KINDS = st.sampled_from(
    ["SIMPLE", "HTTP", "INLINE", "SWITCH", "DECISION", "FORK_JOIN", "JOIN", "DO_WHILE", "EVENT", "SUB_WORKFLOW", "TERMINATE", "WAIT",
     "DYNAMIC",     "SET_VARIABLE", "LAMBDA", "JSON_JQ_TRANSFORM", "UPDATE_SECRET", "LLM_X", "OWN", ""]
)  # fmt: skip
INPUT_KEYS = st.sampled_from(["expression", "evaluatorType", "terminationStatus", "duration", "until", "n", "_secrets", "http_request"])
INNER = {"name": "i", "tasks": [task("i", "EVENT")]}
FIELDS = {
    "name": st.sampled_from(["a", "", "n" * 256]),
    "taskReferenceName": st.sampled_from(["a", "b", "c__1", "workflow", ""]),
    "type": KINDS,
    "inputParameters": st.dictionaries(INPUT_KEYS, VALUES, max_size=3),
    "expression": st.one_of(st.none(), TEXTS),
    "evaluatorType": st.sampled_from([None, "value-param", "python"]),
    "dynamicTaskNameParam": st.sampled_from([None, "n"]),
    "optional": st.booleans(),
    "retryCount": st.sampled_from([None, -1, 3]),
    "subWorkflowParam": st.sampled_from([None, {"name": ""}, {"name": "x"}, {"workflowDefinition": "${x}"}, {"workflowDefinition": INNER}]),
    "taskDefinition": st.sampled_from([None, {"name": "d", "retryLogic": "NEVER"}, {"name": "d", "inputTemplate": {"k": KEY}}]),
    "joinOn": st.lists(st.sampled_from(["a", "z"]), max_size=2),
}  # fmt: skip


def nested(inner: st.SearchStrategy[dict[str, Any]]) -> st.SearchStrategy[dict[str, Any]]:
    some = st.lists(inner, max_size=2)
    below = {
        "loopOver": some,
        "decisionCases": st.dictionaries(st.sampled_from("xy"), some, max_size=2),
        "forkTasks": st.lists(some, max_size=2),
    }
    return st.fixed_dictionaries({**FIELDS, **below})


TASKS = st.recursive(st.fixed_dictionaries(FIELDS), nested, max_leaves=4)
TASK_DEFINITIONS = st.fixed_dictionaries(
    {"name": st.sampled_from(["t", ""]), "retryLogic": st.sampled_from(["FIXED", "X"]),
     "inputTemplate": st.dictionaries(st.sampled_from("ab"), VALUES, max_size=2)}
)  # fmt: skip
WORKFLOWS = st.fixed_dictionaries(
    {"name": st.sampled_from(["w", "", "*"]), "tasks": st.lists(TASKS, max_size=3), "version": st.sampled_from([1, -1]),
     "schemaVersion": st.sampled_from([2, 1]), "timeoutPolicy": st.sampled_from(["ALERT_ONLY", "NEVER"]),
     "outputParameters": st.dictionaries(st.sampled_from("ab"), VALUES, max_size=2), "failureWorkflow": st.sampled_from([None, "f", KEY])}
)  # fmt: skip


def first_refusal(save: Callable[[], None]) -> str | None:
    try:
        save()
    except BadInput as problem:
        return problem.message
    return None


ELSEWHERE = ("inputTemplate", "stands for every")
"""Refused by other steps of saving than the two asked here."""


@settings(max_examples=30, deadline=None)
@given(WORKFLOWS)
def test_whatever_saving_refuses_first_is_listed_and_nothing_else_refused(document: dict[str, Any]) -> None:
    definition = msgspec.convert(document, WorkflowDefinition)
    listed = [one.reason for one in check_workflow(definition) if one.severity == "refusal"]
    first = first_refusal(lambda: validate(definition)) or first_refusal(lambda: refuse_elsewhere(definition))
    if first is None:
        assert not [one for one in listed if not any(word in one for word in ELSEWHERE)]
    else:
        assert first in listed


@settings(max_examples=30, deadline=None)
@given(TASK_DEFINITIONS)
def test_the_same_for_task_definitions(document: dict[str, Any]) -> None:
    definition = msgspec.convert(document, TaskDefinition)
    listed = [one.reason for one in check_task(definition) if one.severity == "refusal"]
    first = first_refusal(lambda: validate_task_definition(definition)) or first_refusal(lambda: refuse_in_task_definition(definition))
    assert first is None or first in listed


KEYS = st.sampled_from([*FIELDS, "tasks", "event", "workflowDef"])
JSON = st.recursive(
    st.one_of(st.none(), st.booleans(), st.integers(-5, 5), st.floats(allow_nan=False, allow_infinity=False), TEXTS, st.text(max_size=5)),
    lambda inner: st.one_of(st.lists(inner, max_size=3), st.dictionaries(KEYS, inner, max_size=4)),
    max_leaves=12,
)  # fmt: skip


@settings(max_examples=60, deadline=None)
@given(
    st.one_of(JSON, WORKFLOWS, st.fixed_dictionaries({"name": st.text(max_size=3), "tasks": st.lists(st.one_of(JSON, TASKS), max_size=2)}))
)
def test_every_document_gets_a_verdict(document: Any) -> None:
    for explicit in (True, False):
        for one in documents_of("file", strictjson.encode(document), explicit=explicit):
            look_at(one)
            assert one.verdict in ("saved", "refused", "skipped") and (one.verdict != "skipped" or not explicit)
            assert json.dumps(one.shown())
