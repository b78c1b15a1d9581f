"""A task for which something must be had first (`port.Later`): it waits, and nobody waits for it."""

import asyncio
from dataclasses import dataclass, field

import pytest

from stagedoor.engine.embedded.queue import GRACE_SECONDS
from stagedoor.engine.port import Candidate, Deliver, Engine, Later, Verdict
from tests.engine.contract.parts import OpenDoors, poll, save, simple, start, view, workflow

pytestmark = pytest.mark.anyio


@dataclass
class Shop:
    """Tasks whose input is `dear` need what is fetched here; it comes when `open` says so."""

    open: asyncio.Event = field(default_factory=asyncio.Event)
    asked: int = 0
    had: bool = False

    def judge(self, candidate: Candidate, consumer: object) -> Verdict:
        if candidate.run.input.get("given") != "dear" or self.had:
            return Deliver(candidate.task)
        return Later(self.fetch)

    async def fetch(self) -> None:
        self.asked += 1
        await self.open.wait()
        self.had = True


@pytest.fixture
async def shop(engine: Engine, doors: OpenDoors) -> Shop:
    shop = Shop()
    doors.judge = shop.judge
    await save(engine, workflow("w", simple("a")))
    return shop


async def test_those_behind_it_are_handed_out_at_once(engine: Engine, shop: Shop) -> None:
    await start(engine, "w", input={"given": "dear"})
    plain = await start(engine, "w", input={"given": "plain"})
    assert [work.run.workflow_id for work in await poll(engine, timeout_ms=5_000)] == [plain]


async def test_a_waiting_poll_gets_it_when_it_can_be_had(engine: Engine, shop: Shop) -> None:
    run = await start(engine, "w", input={"given": "dear"})
    waiting = asyncio.create_task(poll(engine, timeout_ms=20_000))
    await asyncio.sleep(0.1)
    shop.open.set()
    began = asyncio.get_running_loop().time()
    assert [work.run.workflow_id for work in await waiting] == [run]
    assert asyncio.get_running_loop().time() - began < 0.8 and shop.asked == 1


async def test_a_poll_that_does_not_wait_gets_it_if_it_comes_soon(engine: Engine, shop: Shop) -> None:
    run = await start(engine, "w", input={"given": "dear"})
    asyncio.get_running_loop().call_later(0.1, shop.open.set)
    assert [work.run.workflow_id for work in await poll(engine, timeout_ms=0)] == [run]


async def test_it_waits_no_longer_than_that_and_the_task_is_left_as_it_was(engine: Engine, shop: Shop) -> None:
    run = await start(engine, "w", input={"given": "dear"})
    before, began = (await view(engine, run)).tasks, asyncio.get_running_loop().time()
    assert await poll(engine, timeout_ms=0) == [] and (await view(engine, run)).tasks == before
    assert GRACE_SECONDS * 0.9 < asyncio.get_running_loop().time() - began < GRACE_SECONDS + 1


async def test_a_poll_that_finds_nothing_at_all_waits_no_longer_than_asked(engine: Engine, shop: Shop) -> None:
    began = asyncio.get_running_loop().time()
    assert await poll(engine, timeout_ms=0) == [] and asyncio.get_running_loop().time() - began < GRACE_SECONDS / 2
