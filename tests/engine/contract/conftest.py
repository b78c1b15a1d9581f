"""The engines that the contract holds for, each over every database it runs on."""

from collections.abc import AsyncIterator

import pytest

from stagedoor.engine.embedded.engine import EmbeddedEngine
from stagedoor.engine.embedded.script import ScriptPool
from stagedoor.engine.port import Engine
from stagedoor.kit.clock import SystemClock
from stagedoor.store import Store
from tests.engine.contract.parts import OpenDoors


@pytest.fixture
def doors() -> OpenDoors:
    return OpenDoors()


@pytest.fixture
async def engine(store: Store, doors: OpenDoors) -> AsyncIterator[Engine]:
    """An engine at work. Its scripts' processes are started by the tests that need them (`scripted`)."""
    engine = EmbeddedEngine(store, doors, ScriptPool(size=1), clock=SystemClock())
    await engine.open()
    yield engine
    await engine.close()


@pytest.fixture
async def scripted(store: Store, doors: OpenDoors) -> AsyncIterator[Engine]:
    """An engine that can run scripts."""
    async with ScriptPool(size=1) as scripts:
        engine = EmbeddedEngine(store, doors, scripts, clock=SystemClock())
        await engine.open()
        yield engine
        await engine.close()
