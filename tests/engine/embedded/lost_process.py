"""Run by test_restart.py, which kills it: starts three runs, gets stuck in a request, leases a task, leaves one queued."""

import asyncio
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[3]))

from stagedoor.engine.embedded.decision import Performed
from stagedoor.engine.embedded.engine import EmbeddedEngine
from stagedoor.engine.embedded.script import ScriptPool
from stagedoor.engine.port import Candidate
from stagedoor.kit.clock import ManualClock
from tests.conftest import _store
from tests.engine.contract.parts import OpenDoors, start, take


async def main(database: str, now: int) -> None:
    store, doors, asked = _store(database, {}), OpenDoors(), asyncio.Event()
    await store.open()

    async def answer(candidate: Candidate) -> Performed:
        asked.set()
        await asyncio.Event().wait()
        raise AssertionError

    doors.answer = answer
    engine = EmbeddedEngine(store, doors, ScriptPool(size=1), clock=ManualClock(now))
    await engine.open()
    runs = [await start(engine, "request")]
    await asked.wait()
    runs.append(await start(engine, "w"))
    await take(engine)
    runs.append(await start(engine, "w"))
    print(*runs, flush=True)
    await asyncio.Event().wait()


asyncio.run(main(sys.argv[1], int(sys.argv[2])))
