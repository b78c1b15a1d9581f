"""Tokens of providers are had anew before they end, by their refresh tokens (RFC 6749 6), in runs or not.

Refresh tokens are often good once. So one node takes each upon itself, in a transaction, before it asks; a node that dies between the
answer and its writing loses that connection, and the end user connects anew.
"""

import asyncio
import contextlib
import logging
from collections.abc import AsyncIterator
from dataclasses import dataclass
from functools import partial

from stagedoor.core.connection import AnotherProvider, Connections, Due, NotConnected
from stagedoor.core.integration import Integrations, OAuth
from stagedoor.core.project import Projects
from stagedoor.gate.provider import ProviderFailed, Providers
from stagedoor.kit.errors import StagedoorError
from stagedoor.kit.secretvalue import SecretValue
from stagedoor.store.store import Store, Transaction

SECONDS = 20.0
GRACE = 5.0
SIDE_BY_SIDE = 16
log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class _Begun:
    """What is asked of a provider, read in one transaction."""

    oauth: OAuth
    refresh: SecretValue
    client_secret: SecretValue | None


@dataclass(frozen=True)
class Renewing:
    store: Store
    projects: Projects
    integrations: Integrations
    connections: Connections
    providers: Providers

    @contextlib.asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """Looks from time to time while it is open."""
        stop = asyncio.Event()
        task = asyncio.create_task(self._run(stop))
        try:
            yield
        finally:
            stop.set()
            await asyncio.wait({task}, timeout=GRACE)  # an answer under way may hold a token that is given once
            task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await task

    async def _run(self, stop: asyncio.Event) -> None:
        while not stop.is_set():
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(stop.wait(), SECONDS)
                return
            try:
                await self.look()
            except StagedoorError as problem:  # the store refuses; the next time
                log.warning("tokens of providers could not be looked after: %s", type(problem).__name__)

    async def look(self) -> None:
        """Those of every project that are due now, some side by side."""
        room = asyncio.Semaphore(SIDE_BY_SIDE)
        for project in await self.store.scan(self.projects.all):
            due = await self.store.scan(partial(self.connections.due, project=project.id))
            await asyncio.gather(*(self._renew_within(room, one) for one in due))

    async def _renew_within(self, room: asyncio.Semaphore, due: Due) -> None:
        async with room:
            try:
                await self._renew(due)
            except StagedoorError as problem:  # its integration is gone, the store refuses, something does not open
                log.warning("a token of integration %s could not be had anew: %s", due.slug, type(problem).__name__)

    async def _renew(self, due: Due) -> None:
        begun = await self.store.write(lambda tx: self._begin(tx, due))
        if begun is None:
            return
        try:
            granted = await self.providers.renew(begun.oauth, begun.refresh, begun.client_secret)
        except ProviderFailed as problem:
            told, for_good = problem.message, problem.for_good
            await self.store.write(lambda tx: self.connections.lost(tx, due, told, for_good=for_good))
            return
        lives = granted.lives(self.connections.clock.now())
        await self.store.write(lambda tx: self.connections.renewed(tx, due, granted.token, lives))

    def _begin(self, tx: Transaction, due: Due) -> _Begun | None:
        """For the one node that gets to do it. None for others, and where what is there now is not what gave the token."""
        if not self.connections.take(tx, due):
            return None
        integration, secret = self.integrations.with_secret(tx, due.project, due.slug)
        oauth = integration.oauth
        try:
            if oauth is None or oauth.field != due.field:
                raise AnotherProvider
            return _Begun(oauth, self.connections.refresh_token(tx, due, oauth.token_endpoint), secret)
        except (AnotherProvider, NotConnected) as problem:
            self.connections.lost(tx, due, problem.message, for_good=True)
            return None
