"""Versions at the doors: a running task keeps the one it was handed, the next task gets the newest; what has expired leaves by no door
(docs/decisions/0023-versions-and-expiry.md)."""

import sqlite3
import time
from contextlib import closing
from typing import Any

import pytest

from tests.api.authorization.world import new
from tests.gate.doors.stage import Answer, Heard, Stage, http, simple, system

DAY = 24 * 60 * 60_000


def report(stage: Stage, task: dict[str, Any], status: str, **fields: Any) -> None:
    """What the worker says of a task."""
    named = {"taskId": task["taskId"], "workflowInstanceId": task["workflowInstanceId"]}
    stage.worker.call("POST", "/api/tasks", {**named, "status": status, **fields})


def expire(stage: Stage, end: int | None = None) -> None:
    at = time.time_ns() // 1_000_000 - 1 if end is None else end
    stage.admin.call("PUT", f"/api/secrets/{stage.secret}/expiry", {"expiresAt": at})


def test_a_running_task_keeps_the_version_it_was_handed_and_the_next_gets_the_newest(stage: Stage) -> None:
    """The worker puts its task back and takes it again; all values that it saw are masked in what it reports."""
    run = stage.run(simple(stage.task, key=stage.key), simple(stage.task, "two", key=stage.key), simple(stage.task, "three", key=stage.key))
    (task,) = stage.entitled.poll(stage.task)
    assert task["inputData"] == {"key": stage.value}
    stage.admin.put_secret(stage.secret, "second-value")
    report(stage, task, "IN_PROGRESS", callbackAfterSeconds=0)
    (again,) = stage.worker.poll(stage.task, timeout=20_000)
    assert (again["taskId"], again["pollCount"], again["inputData"]) == (task["taskId"], 2, {"key": stage.value})
    stage.worker.complete(again)
    (two,) = stage.worker.poll(stage.task, timeout=20_000)
    assert (two["referenceTaskName"], two["inputData"]) == ("two", {"key": "second-value"})
    stage.worker.complete(two, {"seen": [stage.value, "and second-value"]})
    stage.admin.call("POST", f"/api/secrets/{stage.secret}/versions/1/rollback")
    (three,) = stage.worker.poll(stage.task, timeout=20_000)
    assert three["inputData"] == {"key": stage.value}
    stage.worker.complete(three)
    assert stage.ended(run)["tasks"][1]["outputData"] == {"seen": ["***", "and ***"]}


def test_a_task_that_comes_again_is_judged_anew(stage: Stage) -> None:
    """It keeps the version; it does not keep the right to it."""
    run = stage.run(simple(stage.task, key=stage.key))
    (task,) = stage.entitled.poll(stage.task)
    expire(stage)
    report(stage, task, "IN_PROGRESS", callbackAfterSeconds=0)
    assert stage.worker.poll(stage.task) == []
    assert f"secret {stage.secret} expired" in stage.ended(run)["tasks"][0]["reasonForIncompletion"]


def test_a_retry_is_a_new_task_and_gets_the_newest_version(stage: Stage) -> None:
    stage.admin.call("PUT", "/api/metadata/taskdefs", {"name": stage.task, "retryCount": 1, "retryDelaySeconds": 0})
    run = stage.run(simple(stage.task, key=stage.key))
    (task,) = stage.entitled.poll(stage.task)
    stage.admin.put_secret(stage.secret, "second-value")
    report(stage, task, "FAILED", reasonForIncompletion="the other side says no")
    (retry,) = stage.worker.poll(stage.task, timeout=20_000)
    assert retry["taskId"] != task["taskId"] and retry["inputData"] == {"key": "second-value"}
    stage.worker.complete(retry)
    assert stage.ended(run)["status"] == "COMPLETED"


def test_a_request_that_failed_is_tried_again_with_the_newest_version(stage: Stage) -> None:
    name = new("call")
    stage.admin.call("POST", "/api/metadata/taskdefs", [{"name": name, "retryCount": 1, "retryDelaySeconds": 0}])

    def say(heard: Heard) -> Answer:
        if len(stage.listener.heard) > 1:
            return 200, {}, b"yes"
        stage.admin.put_secret(stage.secret, "second-value")
        return 401, {}, b"no"

    stage.listener.say = say
    run = stage.run({**http(stage.listener.url, method="POST", body=stage.key), "name": name})
    assert stage.ended(run)["status"] == "COMPLETED"
    assert [heard.body.decode() for heard in stage.listener.heard] == [stage.value, "second-value"]


def test_a_version_is_not_destroyed_while_a_run_that_was_handed_it_goes_on(stage: Stage) -> None:
    """Only who knows the value can mask it. Once all such runs have ended it goes, and what comes late from them is masked whole."""
    path = f"/api/secrets/{stage.secret}/versions/1"
    run = stage.run(simple(stage.task, key=stage.key))
    (task,) = stage.entitled.poll(stage.task)
    stage.admin.put_secret(stage.secret, "second-value")
    refused = stage.admin.raw("DELETE", path)
    assert (refused.status_code, "a run that has not ended was handed it" in refused.text) == (409, True)
    stage.worker.complete(task, {"echo": stage.value})
    assert stage.ended(run)["tasks"][0]["outputData"] == {"echo": "***"}
    assert stage.admin.raw("DELETE", path).status_code == 200
    stage.worker.call("POST", f"/api/tasks/{task['taskId']}/log", f"late: {stage.value}".encode(), headers={"Content-Type": "text/plain"})
    assert [line["log"] for line in stage.admin.call("GET", f"/api/tasks/{task['taskId']}/log")] == ["***"]
    assert stage.value not in stage.reads(run)


def test_a_version_that_a_run_put_is_not_destroyed_while_that_run_is_there(stage: Stage) -> None:
    """Reads of the run mask, by the value, what stood in it before."""
    stage.admin.grant(stage.author_id, "SECRET_NAME", stage.secret, "UPDATE")
    keep = system("UPDATE_SECRET", "keep", _secrets={"secretKey": stage.secret, "secretValue": "${workflow.input.token}"})
    run = stage.run(keep, given={"token": "token-of-the-login"})
    assert stage.ended(run)["input"] == {"token": "***"}
    stage.admin.put_secret(stage.secret, "third-value")
    refused = stage.admin.raw("DELETE", f"/api/secrets/{stage.secret}/versions/2")
    assert (refused.status_code, "a run put it (UPDATE_SECRET)" in refused.text) == (409, True)
    assert "token-of-the-login" not in stage.reads(run)


@pytest.mark.promise(6)
def test_what_has_expired_leaves_by_no_door(stage: Stage) -> None:
    expire(stage)
    by_worker = stage.run(simple(stage.task, key=stage.key))
    assert stage.entitled.poll(stage.task) == []
    found = stage.ended(by_worker)["tasks"][0]
    assert found["status"] == "FAILED_WITH_TERMINAL_ERROR"
    assert found["reasonForIncompletion"].startswith(f"secret {stage.secret} expired 20")
    stage.name = new("workflow")
    stage.run(http(stage.listener.url, headers={"X-Key": stage.key}))
    by_http = stage.author.start(stage.name)
    assert f"secret {stage.secret} expired" in stage.ended(by_http)["tasks"][0]["reasonForIncompletion"]
    assert stage.listener.heard == []
    with closing(sqlite3.connect(stage.server.data / "stagedoor.db")) as database:
        asked = "SELECT action, detail FROM audit WHERE target = ? AND outcome = 'refused' ORDER BY action"
        refused = database.execute(asked, (f"SECRET_NAME {stage.secret}",)).fetchall()
    assert {action for action, _ in refused} == {"secret.egress", "secret.handoff"}
    assert all(f"secret {stage.secret} expired 20" in detail for _, detail in refused)
    expire(stage, time.time_ns() // 1_000_000 + DAY)
    stage.ended(stage.author.start(stage.name))
    assert [heard.headers["X-Key"] for heard in stage.listener.heard] == [stage.value]
