"""What was used goes from memory to the store every other second, and at the end. A server that is killed loses some seconds' counts."""

import asyncio
import contextlib
import logging
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass, field
from functools import partial

from stagedoor.core.usage import MOST_WAITING, Usage
from stagedoor.gate.chores import Chore
from stagedoor.kit.errors import StagedoorError
from stagedoor.store.store import Store

FLUSH_SECONDS = 2.0
GROWN = 500
"""Counts that only grow, written in one flush: on a server with many keys at work they lag, on others they do not."""

logger = logging.getLogger("stagedoor.gate")


@dataclass
class Recording:
    """`again`: set where the counts crowd the memory, so that they are written at once."""

    store: Store
    usage: Usage
    chores: Sequence[Chore] = ()
    again: asyncio.Event = field(default_factory=asyncio.Event)

    async def run(self) -> None:
        """Until cancelled."""
        while True:
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self.again.wait(), FLUSH_SECONDS)
            self.again.clear()
            await self.flush(GROWN)
            for chore in self.chores:
                await chore.look()

    async def flush(self, grown: int = MOST_WAITING) -> None:
        """All that is new today, and the oldest of the others; a store that refuses is asked again the next time."""
        while (taken := self.usage.take(grown)) is not None:
            try:
                await asyncio.shield(self.store.write(partial(self.usage.write, taken=taken)))
            except StagedoorError:
                self.usage.give_back(taken)
                logger.warning("what was used could not be written; it is kept")
                break
            if grown < MOST_WAITING:
                grown = 0  # of these one portion is enough
        if self.usage.lost:
            logger.warning("%d uses found no place in memory and are not counted", self.usage.lost)
            self.usage.lost = 0


@contextlib.asynccontextmanager
async def counting(recording: Recording) -> AsyncIterator[None]:
    """Writes what is used while it is open, and what is left at the end."""
    recording.usage.full = recording.again.set
    task = asyncio.create_task(recording.run())
    try:
        yield
    finally:
        task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await task
        await recording.flush()
