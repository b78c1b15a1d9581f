"""A worker that puts a value into every field that it may send, in every spelling: nothing of it is kept (promise 7)."""

from typing import Any
from urllib.parse import quote

import pytest

from stagedoor.canary.echo import spelled
from tests.gate.doors.stage import Stage, simple
from tests.gate.doors.test_echoes import ENCODINGS, VALUE, nowhere

pytestmark = pytest.mark.promise(7)


@pytest.fixture
def secret(stage: Stage) -> str:
    stage.value = f"{VALUE}{stage.secret}"
    stage.admin.put_secret(stage.secret, stage.value)
    return stage.value


def taken(stage: Stage) -> dict[str, Any]:
    (task,) = stage.entitled.poll(stage.task, timeout=20_000)
    return task


def test_every_field_of_a_report_is_cleaned(stage: Stage, secret: str) -> None:
    run = stage.run(simple(stage.task, key=stage.key), simple(stage.task, ref="two", seen="${one.output}"))
    task, said = taken(stage), spelled(secret)
    text = "; ".join(one for one in said.values() if isinstance(one, str))
    report = {
        "taskId": task["taskId"], "workflowInstanceId": run, "workerId": secret, "reasonForIncompletion": text, "outputData": said,
        "logs": [{"log": str(one), "taskId": secret, "createdTime": 0} for one in said.values()], "callbackAfterSeconds": 0,
        "externalOutputPayloadStoragePath": secret, "subWorkflowId": secret, "domain": secret, "outputMessage": {"@type": secret},
        "extendLease": False, secret: secret,
    }  # fmt: skip
    stage.worker.call("POST", "/api/tasks", {**report, "status": "IN_PROGRESS"})
    polled = f"/api/tasks/poll/batch/{stage.task}?count=1&timeout=3000&workerid={quote(secret, safe='')}"
    assert [one["taskId"] for one in stage.worker.call("GET", polled)] == [task["taskId"]]
    stage.worker.call("POST", f"/api/tasks/{task['taskId']}/log", text.encode(), headers={"Content-Type": "text/plain"})
    stage.worker.call("POST", "/api/tasks/update-v2", {**report, "status": "COMPLETED"}, status=None)
    stage.worker.call("POST", "/api/tasks", {**report, "taskId": stage.task_of(run, "two")["taskId"], "status": secret}, status=400)
    assert stage.task_of(run)["workerId"] == "***"
    assert "***" in stage.reads(run)
    nowhere(stage, run, *(encode(secret) for encode in ENCODINGS.values()))


def test_what_is_sent_in_place_of_an_id_is_kept_nowhere(stage: Stage, secret: str) -> None:
    run = stage.run(simple(stage.task, key=stage.key))
    task = taken(stage)
    report = {"workflowInstanceId": run, "status": "COMPLETED", "outputData": {}}
    stage.worker.call("POST", "/api/tasks", {**report, "taskId": secret}, status=None)
    stage.worker.call("POST", "/api/tasks", {**report, "taskId": task["taskId"], "workflowInstanceId": secret}, status=None)
    for path in ("", "/log"):
        stage.worker.raw("GET", f"/api/tasks/{quote(secret, safe='')}{path}")
    stage.worker.raw("POST", f"/api/tasks/{quote(secret, safe='')}/log", b"hello")
    stage.worker.raw("GET", f"/api/workflow/{quote(secret, safe='')}")
    nowhere(stage, run)


@pytest.mark.parametrize("cut", [1, 9, 20, 35])
def test_a_value_over_two_reports_of_a_log_is_masked_in_both(stage: Stage, secret: str, cut: int) -> None:
    """The half that was stored first is looked at again when the other one comes."""
    run = stage.run(simple(stage.task, key=stage.key))
    task = taken(stage)
    for line in ("before", f"it is {secret[:cut]}", f"{secret[cut:]} it was", "after"):
        stage.worker.call("POST", f"/api/tasks/{task['taskId']}/log", line.encode(), headers={"Content-Type": "text/plain"})
    lines = [line["log"] for line in stage.admin.call("GET", f"/api/tasks/{task['taskId']}/log")]
    assert lines == ["before", "it is ***", "*** it was", "after"]
    stage.worker.complete(task)
    stage.ended(run)


def test_a_value_over_two_lines_of_one_report_is_masked_in_both(stage: Stage, secret: str) -> None:
    run = stage.run(simple(stage.task, key=stage.key))
    task = taken(stage)
    logs = [{"log": f"it is {secret[:20]}"}, {"log": secret[20:]}]
    stage.worker.call("POST", "/api/tasks", {"taskId": task["taskId"], "workflowInstanceId": run, "status": "COMPLETED", "logs": logs})
    assert [line["log"] for line in stage.admin.call("GET", f"/api/tasks/{task['taskId']}/log")] == ["it is ***", "***"]
    nowhere(stage, run, secret[20:])
