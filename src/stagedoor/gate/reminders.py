"""Secrets whose reminder is due are named in the log and in the audit, each once a day, by one node of all."""

import contextlib
import logging
from dataclasses import dataclass
from functools import partial

from stagedoor.core.audit import Audit
from stagedoor.core.project import Projects
from stagedoor.core.secret import at_text
from stagedoor.core.secret_expiry import AT_ONCE, Expiring, remind
from stagedoor.kit.clock import Clock
from stagedoor.kit.errors import StagedoorError
from stagedoor.store.store import Store

HOUR = 60 * 60_000

logger = logging.getLogger("stagedoor.gate")


@dataclass
class Reminders:
    store: Store
    audit: Audit
    projects: Projects
    clock: Clock
    _hour: int = -1

    async def give(self) -> None:
        """Looks once an hour, a project at a time; a store that refuses is asked again the next time."""
        now = self.clock.now()
        if now // HOUR == self._hour:
            return
        with contextlib.suppress(StagedoorError):
            for project in await self.store.scan(self.projects.all):
                while len(given := await self.store.write(partial(remind, audit=self.audit, project=project.id, now=now))) == AT_ONCE:
                    _log(project.id, given)
                _log(project.id, given)
            self._hour = now // HOUR


def _log(project: str, given: list[Expiring]) -> None:
    for secret in given:
        when = "wants a look" if secret.expires_at is None else f"expire{'d' if secret.expired else 's'} {at_text(secret.expires_at)}"
        logger.warning("secret %s of project %s %s", secret.name, project, when)
