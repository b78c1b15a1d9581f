"""The clockwork: fires `Due` for runs whose time has come. One node at a time owns it, by a lease with a fencing token."""

import asyncio
import contextlib
import logging

from stagedoor.engine.embedded.apply import CLOCK, Machine
from stagedoor.engine.embedded.decision import Due
from stagedoor.engine.embedded.queue import Waiting
from stagedoor.store.store import Store, Transaction

log = logging.getLogger(__name__)

NAME = "runs"
STEP_SECONDS = 0.2
LEASE_MS = 3_000
RENEW_MS = 1_000
AT_ONCE = 32


class Clockwork:
    """A loop of one process. A look is one indexed read; a run that is due costs one transaction."""

    def __init__(self, store: Store, machine: Machine, waiting: Waiting, node: str, *, alone: bool) -> None:
        """`alone`: no other process uses this store, so there is nobody to wait for."""
        self._store = store
        self._machine = machine
        self._waiting = waiting
        self._node = node
        self._alone = alone
        self._token = 0
        self._renew_at = 0
        self._resting: set[str] = set()
        self._loop: asyncio.Task[None] | None = None

    def start(self) -> None:
        self._loop = asyncio.create_task(self._run())

    async def close(self) -> None:
        if self._loop is None:
            return
        self._loop.cancel()
        await asyncio.gather(self._loop, return_exceptions=True)
        with contextlib.suppress(Exception):
            await self._store.write(lambda tx: tx.do("clockwork_leave", name=NAME, owner=self._node))

    async def _run(self) -> None:
        with self._waiting.at(CLOCK) as bell:
            while True:
                bell.clear()
                try:
                    await self.tick()
                except Exception as problem:
                    log.warning("the clockwork cannot look: %s", type(problem).__name__)
                with contextlib.suppress(TimeoutError):
                    await asyncio.wait_for(bell.wait(), STEP_SECONDS)

    async def tick(self) -> int:
        """Look once, fire what is due, and tell how many runs that were. Only the owner does anything."""
        if not await self._owns():
            return 0
        now = self._machine.clock.now()
        rows = await self._store.read(lambda tx: tx.all("run_due", now=now))
        due = [row["run_id"] for row in rows if row["run_id"] not in self._resting]
        for start in range(0, len(due), AT_ONCE):
            await asyncio.gather(*(self._fire(run_id) for run_id in due[start : start + AT_ONCE]))
        return len(due)

    async def _owns(self) -> bool:
        now = self._machine.clock.now()
        if self._token and now < self._renew_at:
            return True

        def take(tx: Transaction) -> int:
            if self._alone and not self._token:
                tx.do("clockwork_free", name=NAME, owner=self._node)
            row = tx.one("clockwork_take", name=NAME, owner=self._node, until=now + LEASE_MS, now=now)
            return row["token"] if row else 0

        self._token = await self._store.write(take)
        self._renew_at = now + RENEW_MS
        return bool(self._token)

    async def _fire(self, run_id: str) -> None:
        def fire(tx: Transaction) -> None:
            if tx.one("clockwork_holds", name=NAME, token=self._token):
                self._machine.handle(tx, run_id, Due())

        try:
            await self._store.write(fire)
        except Exception as problem:
            log.warning("the times of run %s cannot be looked at: %s", run_id, type(problem).__name__)
            self._resting.add(run_id)
            asyncio.get_running_loop().call_later(5.0, self._resting.discard, run_id)
