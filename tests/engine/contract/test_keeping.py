"""UPDATE_SECRET through the port: the door is asked within the transaction, and what it says ends the task."""

import pytest

from stagedoor.engine.definition import TaskNode
from stagedoor.engine.port import Engine
from stagedoor.store import Store
from tests.engine.contract.parts import OpenDoors, ended, save, start, workflow


def update(reference: str = "up") -> TaskNode:
    given = {"_secrets": {"secretKey": "${workflow.input.key}", "secretValue": "${workflow.input.value}"}}
    return TaskNode(name=reference, task_reference_name=reference, type="UPDATE_SECRET", input_parameters=given)


@pytest.mark.anyio
async def test_the_door_gets_the_value_and_the_store_does_not(engine: Engine, doors: OpenDoors, store: Store) -> None:
    after = TaskNode(name="after", task_reference_name="after", type="NOOP")
    await save(engine, workflow("keeps", update(), after))
    run_id = await start(engine, "keeps", input={"key": "name", "value": "a value"})
    seen = await ended(engine, run_id)
    assert (seen.run.status, doors.kept, [task.status for task in seen.tasks]) == ("COMPLETED", {"name": "a value"}, ["COMPLETED"] * 2)
    rows = await store.scan(lambda tx: tx.all("task_of_run", run_id=run_id))
    assert len(rows) == 2 and not any("a value" in row["body"] for row in rows)


@pytest.mark.anyio
async def test_what_the_door_refuses_fails_the_run(engine: Engine, doors: OpenDoors) -> None:
    doors.refusal = "403: not allowed"
    await save(engine, workflow("keeps", update()))
    seen = await ended(engine, await start(engine, "keeps", input={"key": "name", "value": "a value"}))
    assert (seen.run.status, seen.tasks[0].status, seen.tasks[0].reason_for_incompletion) == (
        "FAILED",
        "FAILED_WITH_TERMINAL_ERROR",
        "403: not allowed",
    )
