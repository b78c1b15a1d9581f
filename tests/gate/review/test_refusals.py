"""Each refusal of an identified principal has its row in the audit (promise 11)."""

import sqlite3

import pytest

from stagedoor.kit.ids import new_id
from tests.api.authorization.world import new
from tests.gate.doors.stage import Stage, simple

pytestmark = pytest.mark.promise(11)


def refusals(stage: Stage, application: str) -> list[tuple[str, str, int]]:
    """(target, detail, count)"""
    with sqlite3.connect(stage.server.data / "stagedoor.db") as database:
        asked = "SELECT target, detail, count FROM audit WHERE outcome = 'refused' AND actor = ? ORDER BY target"
        return database.execute(asked, [f"app:{application}"]).fetchall()


def test_those_within_a_bulk_of_definitions_have_rows_too(stage: Stage) -> None:
    made, api = stage.caller("saver", "METADATA_API")
    names = [new("workflow"), new("workflow")]
    answer = api.save(*({"name": name, "version": 1, "tasks": [simple(stage.task, key=stage.key)]} for name in names))
    assert sorted(answer.json()["bulkErrorResults"]) == sorted(names)
    assert [target for target, _, _ in refusals(stage, made)] == sorted(f"WORKFLOW_DEF {name}" for name in names)


def test_an_unknown_task_leaves_the_same_trace_as_a_foreign_one(stage: Stage) -> None:
    foreign = stage.task_of(stage.run(simple(stage.task)))["taskId"]
    unknown = new_id()
    made, api = stage.caller("guesser", "WORKER")
    for task in (foreign, unknown):
        api.call("POST", "/api/tasks/update-v2", {"taskId": task, "status": "COMPLETED"}, status=403)
    assert {target for target, _, _ in refusals(stage, made)} == {f"task {foreign}", f"task {unknown}"}
