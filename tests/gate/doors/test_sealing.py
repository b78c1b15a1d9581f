"""Places where no reference may stand: refused at saving, with the place and the way out (promise 6)."""

from typing import Any

import pytest

from stagedoor.gate.sealing import WAY_OUT
from tests.api.authorization.world import new
from tests.gate.doors.stage import Stage, simple, system

pytestmark = pytest.mark.promise(6)
KEY = "${workflow.secrets.SECRET}"
SWITCH = {"evaluatorType": "value-param", "expression": "x", "decisionCases": {}}
LOOP = {"loopCondition": "false", "loopOver": [simple("u", "u")]}
CHILD = {"name": "child", "version": 1, "tasks": [simple("t", key=KEY)]}

TASKS: dict[str, tuple[dict[str, Any], str]] = {
    "INLINE": (system("INLINE", "t", evaluatorType="javascript", expression="$.x", x=KEY), "inputParameters/x"),
    "INLINE's own expression": (system("INLINE", "t", expression=f"'{KEY}'"), "inputParameters/expression"),
    "JSON_JQ_TRANSFORM": (system("JSON_JQ_TRANSFORM", "t", queryExpression=".", deep={"x": [KEY]}), "inputParameters/deep/x/0"),
    "SWITCH": ({**system("SWITCH", "t", x=KEY), **SWITCH}, "inputParameters/x"),
    "SWITCH's expression": ({**system("SWITCH", "t"), **SWITCH, "expression": f"{KEY} == 'a'"}, "expression"),
    "SET_VARIABLE": (system("SET_VARIABLE", "t", x=KEY), "inputParameters/x"),
    "SUB_WORKFLOW": ({**system("SUB_WORKFLOW", "t", x=f"a {KEY}"), "subWorkflowParam": {"name": "SELF"}}, "inputParameters/x"),
    "TERMINATE": (system("TERMINATE", "t", terminationStatus="FAILED", reason=f"because {KEY}"), "inputParameters/reason"),
    "a definition inside": ({**system("SUB_WORKFLOW", "t"), "subWorkflowParam": {"workflowDefinition": CHILD}}, "subWorkflowParam"),
    "DO_WHILE": ({**system("DO_WHILE", "t", x=KEY), **LOOP}, "inputParameters/x"),
    "DO_WHILE's condition": ({**system("DO_WHILE", "t"), **LOOP, "loopCondition": KEY}, "loopCondition"),
    "WAIT": (system("WAIT", "t", duration=KEY), "inputParameters/duration"),
    "NOOP": (system("NOOP", "t", x=KEY), "inputParameters/x"),
    "a task definition inside": ({**simple("t", "t"), "taskDefinition": {"name": "t", "inputTemplate": {"x": KEY}}}, "taskDefinition"),
    "a name": ({**simple("t", "t"), "name": f"x {KEY}"}, "name"),
    "a domain": ({**simple("t", "t"), "sink": KEY}, "sink"),
    "a cache's key": ({**simple("t", "t"), "cacheConfig": {"key": KEY, "ttlInSecond": 1}}, "cacheConfig/key"),
}  # fmt: skip
FIELDS: dict[str, Any] = {
    "outputParameters": {"deep": [{"x": KEY}]},
    "inputTemplate": {"x": KEY},
    "variables": {"x": KEY},
    "failureWorkflow": KEY,
    "metadata": {"x": KEY},
    "inputParameters": [KEY],
}


def filled(value: Any, stage: Stage) -> Any:
    if isinstance(value, dict):
        return {name: filled(member, stage) for name, member in value.items()}
    if isinstance(value, list):
        return [filled(member, stage) for member in value]
    return value.replace("SECRET", stage.secret).replace("SELF", stage.name) if isinstance(value, str) else value


def refusal(stage: Stage, body: dict[str, Any]) -> str:
    answer = stage.author.raw("POST", "/api/metadata/workflow", filled(body, stage))
    assert answer.status_code == 400, answer.text
    assert stage.author.raw("GET", f"/api/metadata/workflow/{stage.name}").status_code == 403
    message: str = answer.json()["message"]
    return message


@pytest.mark.parametrize("kind", TASKS)
def test_a_reference_in_a_task_that_would_keep_its_value_is_refused(kind: str, stage: Stage) -> None:
    task, place = TASKS[kind]
    message = refusal(stage, {"name": stage.name, "version": 1, "tasks": [task]})
    assert message.startswith(f"task t ({task['type']}): {place}") and stage.key in message and message.endswith(WAY_OUT)


@pytest.mark.parametrize("field", FIELDS)
def test_a_reference_in_the_workflow_itself_is_refused(field: str, stage: Stage) -> None:
    message = refusal(stage, {"name": stage.name, "version": 1, "tasks": [simple(stage.task)], field: FIELDS[field]})
    assert message.startswith(field) and message.endswith(WAY_OUT)


@pytest.mark.parametrize("around", ["decisionCases", "defaultCase", "loopOver", "forkTasks"])
def test_a_place_is_found_however_deep_it_lies(around: str, stage: Stage) -> None:
    bad = filled(TASKS["SET_VARIABLE"][0], stage)
    join = {**system("JOIN", "j"), "joinOn": ["t"]}
    tasks: dict[str, list[dict[str, Any]]] = {
        "decisionCases": [{**system("SWITCH", "s", x=1), **SWITCH, "decisionCases": {"a": [bad]}}],
        "defaultCase": [{**system("SWITCH", "s", x=1), **SWITCH, "defaultCase": [bad]}],
        "loopOver": [{**system("DO_WHILE", "l"), "loopCondition": "false", "loopOver": [bad]}],
        "forkTasks": [{**system("FORK_JOIN", "f"), "forkTasks": [[bad]]}, join],
    }
    assert refusal(stage, {"name": stage.name, "version": 1, "tasks": tasks[around]}).startswith("task t (SET_VARIABLE): inputParameters/x")


def test_a_task_definitions_template_takes_none(stage: Stage) -> None:
    for method, wrap in (("POST", True), ("PUT", False)):
        body = {"name": new("task"), "inputTemplate": {"a": {"b": stage.key}}}
        answer = stage.author.raw(method, "/api/metadata/taskdefs", [body] if wrap else body)
        assert (answer.status_code, answer.json()["message"].startswith("inputTemplate/a/b: ")) == (400, True)
        assert answer.json()["message"].endswith(WAY_OUT)


def test_prose_may_speak_of_a_reference(stage: Stage) -> None:
    stage.save({**simple(stage.task), "description": f"takes {stage.key}"}, description=f"uses {stage.key}")
    assert stage.author.call("GET", f"/api/metadata/workflow/{stage.name}")["description"] == f"uses {stage.key}"


def test_a_bulk_save_refuses_one_and_saves_the_others(stage: Stage) -> None:
    bad = {"name": f"{stage.name}-bad", "version": 1, "tasks": [filled(TASKS["NOOP"][0], stage)]}
    good = {"name": stage.name, "version": 1, "tasks": [simple(stage.task, key=stage.key)]}
    found = stage.author.call("PUT", "/api/metadata/workflow", [bad, good])
    assert found["bulkSuccessfulResults"] == [stage.name]
    assert found["bulkErrorResults"][bad["name"]].startswith("task t (NOOP): ")


def test_a_secret_that_does_not_exist_is_saved_with_a_warning_and_stays_shut(stage: Stage) -> None:
    missing = new("missing")
    answer = stage.author.save({"name": stage.name, "version": 1, "tasks": [simple(stage.task, key=f"${{workflow.secrets.{missing}}}")]})
    assert f"names the secret {missing}, which does not exist" in answer.headers["warning"]
    run = stage.author.start(stage.name)
    assert stage.worker.poll(stage.task) == []
    assert stage.ended(run)["tasks"][0]["reasonForIncompletion"] == f"there is no secret {missing}"
    stage.admin.put_secret(missing, "made after the save")
    run = stage.author.start(stage.name)
    assert stage.worker.poll(stage.task) == []
    assert "who vouched for it, lacks READ" in stage.ended(run)["tasks"][0]["reasonForIncompletion"]
