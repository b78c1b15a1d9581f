"""A node outlives its database: what it was performing when the database went is performed again, without a restart of the node."""

import asyncio

import pytest

from stagedoor.engine.definition import TaskNode
from stagedoor.engine.embedded import system
from stagedoor.engine.embedded.decision import Performed
from stagedoor.engine.port import Candidate
from stagedoor.kit.clock import ManualClock
from tests.engine.contract.parts import ended, save, start, workflow
from tests.engine.embedded.conftest import Nodes

pytestmark = pytest.mark.anyio

HTTP = TaskNode(name="h", task_reference_name="h", type="HTTP", input_parameters={"uri": "https://example.com"})


async def test_a_job_whose_end_could_not_be_stored_is_done_again(nodes: Nodes, clock: ManualClock, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its lease must run out: a node that went on renewing it would hold it for ever."""
    monkeypatch.setattr(system, "RENEW_SECONDS", 0.05)
    node = await nodes.started()
    asked, told = asyncio.Event(), asyncio.Event()

    async def answer(candidate: Candidate) -> Performed:
        asked.set()
        await told.wait()
        return Performed(task_id=candidate.task.task_id, value={})

    node.doors.answer = answer
    await save(node.engine, workflow("w", HTTP))
    run = await start(node.engine, "w")
    await asyncio.wait_for(asked.wait(), 5)
    await node.store.close()
    told.set()
    await asyncio.sleep(0.3)
    await node.store.open()
    await asyncio.sleep(0.3)
    clock.advance(31_000)
    assert (await ended(node.engine, run)).run.status == "COMPLETED"
