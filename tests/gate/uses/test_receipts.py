"""Receipts tell everything: which secret, which version, where it was filled in, through which door, to whom, on whose word."""

import sqlite3
from collections.abc import Callable
from contextlib import closing
from typing import Any

import pytest

from stagedoor.gate.gate import Gate
from tests.gate.doors.stage import Stage, dumped, http, reference, simple, system

pytestmark = pytest.mark.promise(11)


def uses(stage: Stage, run: str, query: str = "") -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = stage.admin.call("GET", f"/api/workflow/{run}/secret-uses{query}")["results"]
    return found


def test_each_place_that_a_value_was_filled_in_at_has_a_receipt(stage: Stage) -> None:
    stage.admin.put_secret(stage.secret, '{"user": "ada", "pass": "' + stage.value + '"}')
    both = f"{reference(stage.secret, '.user')}:{reference(stage.secret, '.pass')}"
    run = stage.run(simple(stage.task, key=stage.key, deep={"list": ["no", both]}))
    assert uses(stage, run) == []
    (task,) = stage.entitled.poll(stage.task)
    found = uses(stage, run)
    assert sorted((use["place"], use["path"] or "") for use in found) == [("/deep/list/1", "pass"), ("/deep/list/1", "user"), ("/key", "")]
    told = {
        "workflowId": run, "workflow": stage.name, "workflowVersion": 1, "taskId": task["taskId"], "task": "one", "taskType": stage.task,
        "secret": stage.secret, "secretVersion": 2, "door": "handoff", "consumer": f"app:{stage.worker_id}", "host": None,
        "voucher": f"app:{stage.author_id}", "starter": f"app:{stage.author_id}",
    }  # fmt: skip
    for use in found:
        assert {name: use[name] for name in told} == told and use["at"] > 0
    assert stage.value not in dumped(found)
    assert uses(stage, run, "?start=1&size=1") == found[1:2]


def test_what_a_task_definition_names_has_a_receipt(stage: Stage) -> None:
    stage.admin.call("PUT", "/api/metadata/taskdefs", {"name": stage.task, "runtimeMetadata": [stage.secret]})
    run = stage.run(simple(stage.task))
    stage.entitled.poll(stage.task)
    (use,) = uses(stage, run)
    assert (use["place"], use["secret"], use["voucher"]) == ("#runtimeMetadata", stage.secret, f"app:{stage.server.first['applicationId']}")


def test_what_a_task_definition_names_is_told_to_its_readers_alone(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    """Who may READ the workflow sees what the workflow names; names of secrets in a task definition are the task definition's."""
    stage.admin.call("PUT", "/api/metadata/taskdefs", {"name": stage.task, "runtimeMetadata": [stage.secret]})
    run = stage.run(simple(stage.task, key=stage.key))
    assert stage.entitled.poll(stage.task)
    reader_id, reader = stage.caller("reader")
    stage.admin.grant(reader_id, "WORKFLOW_DEF", stage.name, "READ")

    def told() -> tuple[int, list[str]]:
        found = reader.call("GET", f"/api/workflow/{run}/secret-uses")
        return found["total"], sorted(use["place"] for use in found["results"])

    assert told() == (1, ["/key"])
    with monkeypatch.context() as patch:
        patch.setattr(Gate, "visible", _everything)
        assert told() == (2, ["#runtimeMetadata", "/key"])
    stage.admin.grant(reader_id, "TASK_DEF", stage.task, "READ")
    assert told() == (2, ["#runtimeMetadata", "/key"])


async def _everything(*_: Any) -> Callable[[str], bool]:
    return lambda name: True


def test_a_request_has_a_receipt_with_its_host(stage: Stage) -> None:
    run = stage.run(http(stage.listener.url, method="POST", body=stage.key, headers={"X-Key": stage.key}))
    assert stage.ended(run)["status"] == "COMPLETED"
    found = uses(stage, run)
    assert sorted(use["place"] for use in found) == ["/http_request/body", "/http_request/headers/X-Key"]
    assert {(use["door"], use["host"], use["taskType"]) for use in found} == {("egress", stage.listener.authority, "HTTP")}


def test_a_host_made_from_data_is_not_shown(stage: Stage) -> None:
    """It may be the very value: here it is, and it is on the secret's list."""
    stage.admin.put_secret(stage.secret, stage.listener.authority)
    stage.admin.call("PUT", f"/api/secrets/{stage.secret}/policy", {"hosts": [stage.listener.authority]})
    run = stage.run(http(f"http://{stage.key}/"))
    assert stage.ended(run)["status"] == "COMPLETED"
    found = uses(stage, run)
    assert [use["host"] for use in found] == ["made from data"]
    assert stage.listener.authority not in dumped(found)


def test_a_task_that_is_handed_out_again_has_a_receipt_each_time(stage: Stage) -> None:
    run = stage.run(simple(stage.task, key=stage.key))
    (task,) = stage.entitled.poll(stage.task)
    stage.worker.complete(task, status="IN_PROGRESS")
    assert stage.worker.poll(stage.task, timeout=20_000)
    assert [use["consumer"] for use in uses(stage, run)] == [f"app:{stage.worker_id}"] * 2


def test_the_receipts_of_an_execution_are_its_and_those_of_what_it_started(stage: Stage) -> None:
    """As far as one may READ those workflows; and a child does not tell of its parent."""
    stage.save(simple(stage.task, key=stage.key))
    parent = f"{stage.name}-parent"
    child = {**system("SUB_WORKFLOW", "c"), "subWorkflowParam": {"name": stage.name}}
    stage.author.save({"name": parent, "version": 1, "tasks": [http(stage.listener.url, body=stage.key, method="POST"), child]})
    run = stage.author.start(parent)
    (task,) = stage.entitled.poll(stage.task, timeout=20_000)
    inner = task["workflowInstanceId"]
    assert sorted((use["workflowId"], use["door"]) for use in uses(stage, run)) == sorted([(run, "egress"), (inner, "handoff")])
    assert [(use["workflowId"], use["door"]) for use in uses(stage, inner)] == [(inner, "handoff")]
    reader_id, reader = stage.caller("reader")
    path = f"/api/workflow/{run}/secret-uses"
    assert reader.raw("GET", path).status_code == 404
    stage.admin.grant(reader_id, "WORKFLOW_DEF", parent, "READ")
    shown = reader.call("GET", path)
    assert (shown["total"], [use["workflowId"] for use in shown["results"]]) == (1, [run])


def test_no_receipt_holds_a_value(stage: Stage) -> None:
    run = stage.run(http(f"{stage.listener.url}/{stage.key}?k={stage.key}", method="POST", body={"a": stage.key}))
    stage.ended(run)
    with closing(sqlite3.connect(stage.server.data / "stagedoor.db")) as database:
        rows = database.execute("SELECT * FROM secret_use WHERE root_id = ?", (run,)).fetchall()
    assert len(rows) == 2 and stage.value not in repr(rows), rows
