"""What a server does from time to time for each project of its store."""

import contextlib
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from stagedoor.core.project import Projects
from stagedoor.kit.clock import Clock
from stagedoor.kit.errors import StagedoorError
from stagedoor.store.store import Store


@dataclass
class Chore:
    """Done once in each `every` milliseconds, a project at a time; a store that refuses is asked again the next time."""

    store: Store
    projects: Projects
    clock: Clock
    every: int
    deed: Callable[[str, int], Awaitable[None]]
    """Of a project, at a time (epoch ms)."""
    _last: int = -1

    async def look(self) -> None:
        """Does it where its time has come."""
        now = self.clock.now()
        if now // self.every == self._last:
            return
        with contextlib.suppress(StagedoorError):
            for project in await self.store.scan(self.projects.all):
                await self.deed(project.id, now)
            self._last = now // self.every
