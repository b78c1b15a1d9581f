"""Recorded uses of secrets are counted by day, a portion at a time, so that questions about a busy secret stay quick."""

from dataclasses import dataclass
from functools import partial

from stagedoor.core.receipt import count_on
from stagedoor.store.store import Store

MINUTE = 60_000
"""How often they are."""


@dataclass(frozen=True)
class UseCounts:
    store: Store

    async def count(self, project: str, now: int) -> None:
        while await self.store.write(partial(count_on, project=project, now=now)):
            pass
