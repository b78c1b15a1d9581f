"""Failed attempts of nobody known: counted by address and minute in memory, written to the audit when the minute is over.

However many there are, a minute is LISTED + 1 rows at most. A server that is killed loses the counts of its last minute.
"""

import asyncio
import contextlib
import logging
from collections import Counter
from collections.abc import AsyncIterator
from dataclasses import dataclass, field

from stagedoor.core.audit import MINUTE, Audit
from stagedoor.gate.limits import counted
from stagedoor.kit.clock import Clock
from stagedoor.kit.errors import StagedoorError
from stagedoor.store.store import Store, Transaction

LISTED = 100
"""Addresses listed a minute; the rest are one row."""
OTHERS = "others"
KEPT_MINUTES = 60
"""How long counts are kept for a store that takes none."""
LOOK_SECONDS = 10.0

logger = logging.getLogger("stagedoor.gate")


@dataclass
class Failures:
    store: Store
    audit: Audit
    clock: Clock
    project: str
    _minutes: dict[int, Counter[str]] = field(default_factory=dict)

    def count(self, address: str) -> None:
        counts = self._minutes.setdefault(self._minute(), Counter())
        where = counted(address)
        counts[where if where in counts or len(counts) < LISTED else OTHERS] += 1

    async def run(self) -> None:
        """Write each minute's counts once it is over, until cancelled."""
        while True:
            await asyncio.sleep(LOOK_SECONDS)
            await self.flush()

    async def flush(self, *, unfinished: bool = False) -> None:
        """A store that refuses is asked again the next time; what is then too old is told to the log alone."""
        now = self._minute()
        over = {minute: self._minutes.pop(minute) for minute in list(self._minutes) if unfinished or minute != now}
        if not over:
            return
        try:
            await self.store.write(lambda tx: self._write(tx, over))
        except StagedoorError:
            for minute, counts in over.items():
                if now - minute < KEPT_MINUTES * MINUTE:
                    self._minutes.setdefault(minute, Counter()).update(counts)
            logger.warning("%d failed attempts could not be written to the audit", sum(counts.total() for counts in over.values()))

    def _write(self, tx: Transaction, over: dict[int, Counter[str]]) -> None:
        for minute, counts in sorted(over.items()):
            for address, count in sorted(counts.items()):  # in one order on every node
                self.audit.anonymous(tx, self.project, address, minute, count)

    def _minute(self) -> int:
        return self.clock.now() // MINUTE * MINUTE


@contextlib.asynccontextmanager
async def recorded(failures: Failures) -> AsyncIterator[None]:
    """Writes them while it is open, and what is left at the end."""
    task = asyncio.create_task(failures.run())
    try:
        yield
    finally:
        task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await task
        await failures.flush(unfinished=True)
