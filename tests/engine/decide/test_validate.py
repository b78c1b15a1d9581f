"""What may be saved: every refusal names the task and its place."""

import pytest

from stagedoor.engine.definition import Json, TaskDefinition, WorkflowDefinition
from stagedoor.engine.operators import REFUSED, is_refused, is_worker
from stagedoor.engine.validate import validate, validate_task_definition
from stagedoor.kit.errors import BadInput
from tests.engine.decide.driver import definition


def refusal(workflow: WorkflowDefinition) -> tuple[str, str]:
    with pytest.raises(BadInput) as caught:
        validate(workflow)
    return caught.value.field, caught.value.message


@pytest.mark.parametrize("task_type", [*sorted(REFUSED), "LLM_CHAT_COMPLETE", "LLM_ANYTHING", "CALL_MCP_TOOL"])
def test_an_operator_that_is_not_built_is_refused_by_name(task_type: str) -> None:
    field, message = refusal(
        definition(
            {
                "ref": "s",
                "type": "SWITCH",
                "evaluatorType": "value-param",
                "expression": "v",
                "decisionCases": {"a/b": [{"ref": "x", "type": task_type}]},
            }
        )
    )
    assert field == "/tasks/0/decisionCases/a~1b/0/type"
    assert task_type in message
    assert "'x'" in message


@pytest.mark.parametrize("task_type", ["SIMPLE", "USER_TASK", "OPS_GENIE", "QUERY_PROCESSOR", "my_type", "simple"])
def test_unknown_types_are_worker_tasks(task_type: str) -> None:
    assert is_worker(task_type)
    assert not is_refused(task_type)
    validate(definition({"ref": "a", "type": task_type}))


def test_the_built_operators_pass() -> None:
    validate(
        definition(
            {"ref": "w", "type": "WAIT", "input": {"duration": "5s"}},
            {"ref": "f", "type": "FORK_JOIN", "forkTasks": [[{"ref": "a"}]]},
            {"ref": "j", "type": "JOIN", "joinOn": ["a"]},
            {"ref": "l", "type": "DO_WHILE", "loopCondition": "", "loopOver": [{"ref": "b"}]},
            {"ref": "t", "type": "TERMINATE", "input": {"terminationStatus": "${workflow.input.s}"}},
            {"ref": "i", "type": "INLINE", "input": {"evaluatorType": "graaljs", "expression": "1"}},
            {"ref": "c", "type": "SUB_WORKFLOW", "subWorkflowParam": {"name": "x", "workflowDefinition": {"name": "x", "tasks": []}}},
            {"ref": "d", "type": "DYNAMIC", "dynamicTaskNameParam": "n", "input": {"n": "weather"}},
        )
    )


def child(param: dict[str, Json]) -> dict[str, Json]:
    return {"ref": "a", "type": "SUB_WORKFLOW", "subWorkflowParam": param}


INLINE_IN_INLINE = {"name": "x", "tasks": [{"name": "e", "taskReferenceName": "e", "type": "EVENT"}]}


@pytest.mark.parametrize(
    ("task", "field"),
    [
        ({"ref": "a\x00b"}, "name"),
        ({"ref": "a", "name": ""}, "name"),
        ({"ref": "a", "name": "n\ud800"}, "name"),
        ({"ref": "x" * 256}, "name"),
        ({"ref": "workflow", "name": "n"}, "taskReferenceName"),
        ({"ref": "a", "type": "NEW\nLINE"}, "type"),
        ({"ref": "a", "startDelay": -1}, "startDelay"),
        ({"ref": "a", "retryCount": 2**31}, "retryCount"),
        ({"ref": "a", "taskDefinition": {"name": "a", "retryLogic": "SOMETIMES"}}, "taskDefinition/retryLogic"),
        ({"ref": "a", "type": "SWITCH", "evaluatorType": "python", "expression": "1"}, "evaluatorType"),
        ({"ref": "a", "type": "SWITCH", "expression": "1"}, "evaluatorType"),
        ({"ref": "a", "type": "SWITCH", "evaluatorType": "javascript"}, "expression"),
        ({"ref": "a", "type": "DECISION"}, "caseValueParam"),
        ({"ref": "a", "type": "INLINE", "input": {"evaluatorType": "python", "expression": "1"}}, "inputParameters/evaluatorType"),
        ({"ref": "a", "type": "INLINE"}, "inputParameters/expression"),
        ({"ref": "a", "type": "LAMBDA"}, "inputParameters/scriptExpression"),
        ({"ref": "a", "type": "JSON_JQ_TRANSFORM"}, "inputParameters/queryExpression"),
        ({"ref": "a", "type": "TERMINATE"}, "inputParameters/terminationStatus"),
        ({"ref": "a", "type": "TERMINATE", "optional": True, "input": {"terminationStatus": "FAILED"}}, "optional"),
        ({"ref": "a", "type": "SUB_WORKFLOW"}, "subWorkflowParam"),
        (child({"name": ""}), "subWorkflowParam/name"),
        (child({"workflowDefinition": "${t.output}"}), "subWorkflowParam/workflowDefinition"),
        (child({"workflowDefinition": 5}), "subWorkflowParam/workflowDefinition"),
        (child({"workflowDefinition": INLINE_IN_INLINE}), "subWorkflowParam/workflowDefinition/tasks/0/type"),
        ({"ref": "a", "type": "FORK_JOIN", "forkTasks": [[{"ref": "b"}]]}, "type"),
        ({"ref": "a", "type": "FORK_JOIN", "forkTasks": [[]]}, "forkTasks"),
        ({"ref": "a", "type": "JOIN", "joinOn": ["a", "b"]}, "joinOn/1"),
        ({"ref": "a", "type": "DO_WHILE", "loopCondition": "x"}, "loopOver"),
        ({"ref": "a", "type": "DO_WHILE", "loopOver": [{"ref": "b"}]}, "loopCondition"),
        ({"ref": "a", "type": "WAIT", "input": {"duration": "1s", "until": "2030-01-01"}}, "inputParameters/until"),
        ({"ref": "a", "type": "DYNAMIC", "dynamicTaskNameParam": "n", "input": {"n": "${workflow.input.n}"}}, "inputParameters/n"),
        ({"ref": "a", "type": "DYNAMIC", "dynamicTaskNameParam": "n", "input": {"n": "HTTP"}}, "inputParameters/n"),
        ({"ref": "a", "type": "DYNAMIC", "dynamicTaskNameParam": "n", "input": {"n": "JDBC"}}, "inputParameters/n"),
    ],
)  # fmt: skip
def test_what_cannot_work_is_refused_at_its_place(task: dict[str, Json], field: str) -> None:
    assert refusal(definition(task))[0] == f"/tasks/0/{field}"


def test_reference_names_are_unique_also_in_the_iterations_of_a_loop() -> None:
    assert refusal(definition({"ref": "a"}, {"ref": "b"}, {"ref": "a"}))[0] == "/tasks/2/taskReferenceName"
    loop = {"ref": "l", "type": "DO_WHILE", "loopCondition": "x", "loopOver": [{"ref": "a"}]}
    assert refusal(definition(loop, {"ref": "a__2"}))[0] == "/tasks/1/taskReferenceName"
    validate(definition(loop, {"ref": "l__2"}, {"ref": "b__2"}))


@pytest.mark.parametrize(
    ("fields", "field"),
    [
        ({"name": ""}, "/name"),
        ({"name": "a\tb"}, "/name"),
        ({"schemaVersion": 1}, "/schemaVersion"),
        ({"version": -1}, "/version"),
        ({"timeoutPolicy": "RETRY"}, "/timeoutPolicy"),
        ({"timeoutSeconds": -1}, "/timeoutSeconds"),
    ],
)
def test_the_workflow_s_own_fields(fields: dict[str, Json], field: str) -> None:
    assert refusal(definition(**fields))[0] == field


def test_nesting_is_bounded() -> None:
    task: dict[str, Json] = {"ref": "t"}
    for depth in range(40):
        task = {"ref": f"s{depth}", "type": "SWITCH", "evaluatorType": "value-param", "expression": "v", "defaultCase": [task]}
    assert "nested more than 32 deep" in refusal(definition(task))[1]
    inline: dict[str, Json] = {"name": "x", "tasks": []}
    for _ in range(40):
        inline = {
            "name": "x",
            "tasks": [{"name": "t", "taskReferenceName": "t", "type": "SUB_WORKFLOW", "subWorkflowParam": {"workflowDefinition": inline}}],
        }
    assert (
        "nested more than"
        in refusal(definition({"ref": "t", "type": "SUB_WORKFLOW", "subWorkflowParam": {"workflowDefinition": inline}}))[1]
    )
    value: Json = 1
    for _ in range(101):
        value = [value]
    assert "nested more than 100 deep" in refusal(definition({"ref": "t", "input": {"v": value}}))[1]


@pytest.mark.parametrize(
    ("fields", "field"),
    [({"name": ""}, "/name"), ({"timeout_policy": "NEVER"}, "/timeoutPolicy"), ({"poll_timeout_seconds": -1}, "/pollTimeoutSeconds")],
)
def test_task_definitions(fields: dict[str, Json], field: str) -> None:
    with pytest.raises(BadInput) as caught:
        validate_task_definition(TaskDefinition(**{"name": "a", **fields}))  # type: ignore[arg-type]
    assert caught.value.field == field
    validate_task_definition(TaskDefinition(name="a"))
