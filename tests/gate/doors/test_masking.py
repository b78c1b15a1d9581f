"""What reads of an execution show as `***`: `_secrets`, `_masked` and `maskedFields` (contract/orkes.md B, end). Workers get the values."""

from typing import Any

import pytest

from stagedoor.engine.definition import WorkflowDefinition
from stagedoor.engine.port import Revision
from stagedoor.engine.run import Run
from stagedoor.gate import masking
from stagedoor.gate.masking import Mask
from tests.api.authorization.world import new
from tests.gate.doors.stage import Stage, http, simple, system

pytestmark = pytest.mark.promise(7)
SSN = "078-05-1120"


def ended(stage: Stage, run: str, *outputs: dict[str, Any]) -> dict[str, Any]:
    """The run, once the worker has answered the tasks of the stage with these."""
    for output in outputs:
        (task,) = stage.worker.poll(stage.task, timeout=20_000)
        stage.worker.complete(task, output)
    return stage.ended(run)


def test_it_works(stage: Stage) -> None:
    """Workflow input, task input, task output, output, variables; GET workflow, GET task, status, logs."""
    stage.save(
        simple(stage.task, ssn="${workflow.input.person.ssn}", _masked={"pin": "${workflow.input._secrets.pin}", "plain": "literal-in-it"}),
        system("SET_VARIABLE", "set", deep={"list": [{"ssn": "${one.output.ssn}"}]}),
        maskedFields=["ssn"], variables={"ssn": "starting-value"},
        outputParameters={"ssn": "${one.output.ssn}", "_secrets": {"a": 1}, "name": "${workflow.input.person.name}"},
    )  # fmt: skip
    run = stage.author.start(stage.name, {"person": {"ssn": SSN, "name": "Ada"}, "_secrets": {"pin": "pin-4711"}})
    (task,) = stage.worker.poll(stage.task)
    assert task["inputData"] == {"ssn": SSN, "_masked": {"pin": "pin-4711", "plain": "literal-in-it"}}, "the worker gets the values"
    stage.worker.call("POST", f"/api/tasks/{task['taskId']}/log", f"looked up {SSN} for Ada")
    stage.worker.complete(task, {"ssn": "written-by-worker", "_masked": ["from-the-worker"], "ok": True})
    found = stage.ended(run)
    assert found["input"] == {"person": {"ssn": "***", "name": "Ada"}, "_secrets": "***"}
    assert found["output"] == {"ssn": "***", "_secrets": "***", "name": "Ada"}
    assert found["variables"] == {"ssn": "***", "deep": {"list": [{"ssn": "***"}]}}
    assert (found["tasks"][0]["inputData"], found["tasks"][0]["outputData"]) == (
        {"ssn": "***", "_masked": "***"},
        {"ssn": "***", "_masked": "***", "ok": True},
    )
    assert stage.admin.call("GET", f"/api/tasks/{task['taskId']}")["outputData"] == {"ssn": "***", "_masked": "***", "ok": True}
    assert stage.admin.call("GET", f"/api/tasks/{task['taskId']}/log")[0]["log"] == "looked up *** for Ada"
    paths = (f"workflow/{run}", f"workflow/{run}/status?includeOutput=true&includeVariables=true", f"tasks/{task['taskId']}")
    reads = "".join(stage.admin.raw("GET", f"/api/{path}").text for path in paths)
    for value in (SSN, "pin-4711", "written-by-worker", "from-the-worker", "starting-value", "literal-in-it"):
        assert value not in reads, value


def test_every_read_of_a_run_masks_what_one_task_alone_names(stage: Stage) -> None:
    """The definition says nothing of it: the worker does."""
    stage.save(simple(stage.task), outputParameters={"told": "pin is ${one.output._masked.pin}"})
    run = stage.author.start(stage.name)
    found = ended(stage, run, {"_masked": {"pin": "open-sesame-42"}})
    task = found["tasks"][0]["taskId"]
    paths = (f"workflow/{run}?includeTasks=false", f"workflow/{run}/status?includeOutput=true", f"tasks/{task}")
    assert [path for path in paths if "open-sesame-42" in stage.admin.raw("GET", f"/api/{path}").text] == []


def test_the_definition_itself_keeps_what_was_written(stage: Stage) -> None:
    stage.save(simple(stage.task, _masked={"a": "literal-in-it", "b": "${workflow.input.b}"}), maskedFields=["name", "tasks"])
    run = stage.author.start(stage.name, {"b": 1})
    kept = stage.admin.call("GET", f"/api/metadata/workflow/{stage.name}")
    assert kept["tasks"][0]["inputParameters"] == {"_masked": {"a": "literal-in-it", "b": "${workflow.input.b}"}}
    shown = stage.admin.run(run)
    assert shown["workflowDefinition"]["tasks"][0]["inputParameters"] == {"_masked": {"a": "***", "b": "${workflow.input.b}"}}
    assert (shown["workflowDefinition"]["name"], shown["tasks"][0]["workflowTask"]["name"]) == (stage.name, stage.task)


def test_the_same_text_elsewhere_in_the_run_is_masked(stage: Stage) -> None:
    stage.save(
        simple(stage.task, url="https://bank.example/${workflow.input.ssn}", number="${workflow.input.number}"),
        simple(stage.task, "two"),
        maskedFields=["ssn", "number"],
    )
    run = stage.author.start(stage.name, {"ssn": SSN, "number": 123456789})
    (task,) = stage.worker.poll(stage.task)
    assert task["inputData"] == {"url": f"https://bank.example/{SSN}", "number": 123456789}
    stage.worker.complete(task, {"echo": f"<{SSN}>", "short": "ok", "n": [123456789]})
    (task,) = stage.worker.poll(stage.task)
    result = {"taskId": task["taskId"], "workflowInstanceId": run, "status": "FAILED", "reasonForIncompletion": f"no account {SSN}"}
    stage.worker.call("POST", "/api/tasks", result)
    found = stage.ended(run)
    assert found["tasks"][0]["inputData"] == {"url": "https://bank.example/***", "number": "***"}
    assert found["tasks"][0]["outputData"] == {"echo": "<***>", "short": "ok", "n": ["***"]}
    assert found["tasks"][1]["reasonForIncompletion"] == "no account ***" and "***" in found["reasonForIncompletion"]
    assert SSN not in stage.reads(run)


def test_expressions_and_http_tasks_see_the_values(stage: Stage) -> None:
    stage.save(http(stage.listener.url, method="POST", body="${workflow.input._masked.pin}"), maskedFields=["body"])
    found = stage.ended(stage.author.start(stage.name, {"_masked": {"pin": "pin-4711"}}))
    assert (found["status"], stage.listener.heard[0].body) == ("COMPLETED", b"pin-4711")
    assert found["tasks"][0]["inputData"]["http_request"]["body"] == "***"


def test_names_travel_to_children_and_failure_workflows_and_back(stage: Stage) -> None:
    child, failure = new("child"), new("failure")
    names = {"name": child, "version": 1, "maskedFields": ["token"]}
    stage.author.save(
        {
            **names,
            "tasks": [simple(stage.task, "work", ssn="${workflow.input.ssn}")],
            "outputParameters": {"token": "${work.output.token}"},
        },
        {"name": failure, "version": 1, "tasks": [system("SET_VARIABLE", "seen", ssn="${workflow.input.ssn}")]},
    )
    sub = {**system("SUB_WORKFLOW", "sub", ssn="${workflow.input.ssn}"), "subWorkflowParam": {"name": child, "version": 1}}
    end = system("TERMINATE", "end", terminationStatus="FAILED", workflowOutput={"token": "${sub.output.token}"})
    stage.save(sub, end, maskedFields=["ssn"], failureWorkflow=failure)
    run = stage.author.start(stage.name, {"ssn": SSN})
    found = ended(stage, run, {"token": "token-of-the-child"})
    assert found["tasks"][0]["outputData"]["token"] == "***" and found["output"]["token"] == "***"
    below = stage.admin.run(found["tasks"][0]["subWorkflowId"])
    assert (below["input"], below["output"]) == ({"ssn": "***"}, {"token": "***"})
    after = stage.failure_of(found)
    assert after["variables"] == {"ssn": "***"}
    shown = "".join(map(stage.reads, (run, below["workflowId"], after["workflowId"])))
    assert SSN not in shown and "token-of-the-child" not in shown


def test_status_shows_no_more(stage: Stage) -> None:
    stage.save(
        simple(stage.task, _masked="${workflow.input.pin}"), outputParameters={"seen": "${one.input._masked}", "a": "${one.output.a}"}
    )
    run = stage.author.start(stage.name, {"pin": "pin-4711"})
    ended(stage, run, {"a": "<pin-4711>"})
    status = stage.admin.call("GET", f"/api/workflow/{run}/status?includeOutput=true&includeVariables=true")
    assert (status["output"], status["variables"]) == ({"seen": "***", "a": "<***>"}, {})
    assert stage.admin.call("GET", f"/api/workflow/{run}?includeTasks=false")["output"] == {"seen": "***", "a": "<***>"}


def test_without_the_names_all_of_it_is_shown(monkeypatch: pytest.MonkeyPatch) -> None:
    """What is stored is what was given: only the reads hide it."""
    run = Run(workflow_id="r", project_id="p", workflow_name="w", workflow_version=1, revision_id="v", input={"ssn": SSN, "url": f"/{SSN}"})
    revision = Revision("v", WorkflowDefinition(name="w", tasks=[], masked_fields=["ssn"]), "somebody", 0)
    assert Mask.of(run, revision, (), ()).run(run).input == {"ssn": "***", "url": "/***"}
    monkeypatch.setattr(masking, "names_of", lambda run, revision: frozenset())
    assert Mask.of(run, revision, (), ()).run(run).input == run.input
