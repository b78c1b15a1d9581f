"""Secrets whose reminder is due are named in the log and in the audit, each once a day, by one node of all."""

import logging
from dataclasses import dataclass
from functools import partial

from stagedoor.core.audit import Audit
from stagedoor.core.secret import at_text
from stagedoor.core.secret_expiry import AT_ONCE, Expiring, remind
from stagedoor.store.store import Store

HOUR = 60 * 60_000
"""How often it is looked."""

logger = logging.getLogger("stagedoor.gate")


@dataclass(frozen=True)
class Reminders:
    store: Store
    audit: Audit

    async def give(self, project: str, now: int) -> None:
        while len(given := await self.store.write(partial(remind, audit=self.audit, project=project, now=now))) == AT_ONCE:
            _log(project, given)
        _log(project, given)


def _log(project: str, given: list[Expiring]) -> None:
    for secret in given:
        when = "wants a look" if secret.expires_at is None else f"expire{'d' if secret.expired else 's'} {at_text(secret.expires_at)}"
        logger.warning("secret %s of project %s %s", secret.name, project, when)
