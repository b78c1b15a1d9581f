"""Recorded uses of secrets are counted by day, a portion at a time, so that questions about a busy secret stay quick."""

import contextlib
from dataclasses import dataclass
from functools import partial

from stagedoor.core.project import Projects
from stagedoor.core.receipt import count_on
from stagedoor.kit.clock import Clock
from stagedoor.kit.errors import StagedoorError
from stagedoor.store.store import Store

MINUTE = 60_000


@dataclass
class UseCounts:
    store: Store
    projects: Projects
    clock: Clock
    _minute: int = -1

    async def count_on(self) -> None:
        """Once a minute, a project at a time; a store that refuses is asked again the next time."""
        now = self.clock.now()
        if now // MINUTE == self._minute:
            return
        with contextlib.suppress(StagedoorError):
            for project in await self.store.scan(self.projects.all):
                while await self.store.write(partial(count_on, project=project.id, now=now)):
                    pass
            self._minute = now // MINUTE
