"""Pools of real child processes."""

from collections.abc import AsyncIterator

import pytest

from stagedoor.engine.embedded.script import Limits, ScriptPool

SHORT = Limits(seconds=0.6)


@pytest.fixture(scope="module")
async def pool() -> AsyncIterator[ScriptPool]:
    """One for all tests of a module, so that each also shows that the one before has left nothing. Only the deadline is not the default."""
    async with ScriptPool(limits=SHORT) as pool:
        yield pool


@pytest.fixture
async def own_pool() -> AsyncIterator[ScriptPool]:
    async with ScriptPool(limits=SHORT) as pool:
        yield pool
