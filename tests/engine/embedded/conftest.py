"""Nodes: engines over stores of one database, each of which can stop or be lost."""

from collections.abc import AsyncIterator
from dataclasses import dataclass

import pytest

from stagedoor.engine.embedded.engine import EmbeddedEngine
from stagedoor.engine.embedded.script import ScriptPool
from stagedoor.kit.clock import ManualClock
from stagedoor.store import Store
from tests.conftest import NewStore
from tests.engine.contract.parts import OpenDoors


@dataclass
class Node:
    """An engine that has its own store. `engine.open()` is up to the test: before it nothing runs by itself."""

    store: Store
    doors: OpenDoors
    engine: EmbeddedEngine

    async def stop(self) -> None:
        await self.engine.close()
        await self.store.close()


class Nodes:
    """`await nodes.new()` is a node with an open store; `await nodes.started()` one whose engine is open as well."""

    def __init__(self, new_store: NewStore, clock: ManualClock) -> None:
        self._new_store = new_store
        self.clock = clock
        self.all: list[Node] = []

    async def new(self) -> Node:
        store, doors = self._new_store(), OpenDoors()
        await store.open()
        node = Node(store, doors, EmbeddedEngine(store, doors, ScriptPool(size=1), clock=self.clock, jitter=lambda limit: 0))
        self.all.append(node)
        return node

    async def started(self) -> Node:
        node = await self.new()
        await node.engine.open()
        return node


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock()


@pytest.fixture
async def nodes(new_store: NewStore, clock: ManualClock) -> AsyncIterator[Nodes]:
    made = Nodes(new_store, clock)
    yield made
    for node in made.all:
        await node.engine.close()
