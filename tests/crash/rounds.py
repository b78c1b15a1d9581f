"""Rounds of load, crash, recovery and check."""

import asyncio
import random
from collections import Counter
from collections.abc import Iterable
from typing import Protocol

from tests.crash.check import check, settle
from tests.crash.client import connected
from tests.crash.ledger import Ledger
from tests.crash.load import Load, prepare
from tests.support.server import LiveServer

ACKNOWLEDGED = (10, 250)
"""How many requests a round sees answered before its crash: from, to."""


class Crash(Protocol):
    """`happen` ends the server or its database; `recover` brings back what is needed to go on. Both block."""

    def happen(self) -> None: ...

    def recover(self) -> None: ...


def trial(server: LiveServer, crashes: Iterable[Crash], chance: random.Random) -> Ledger:
    """One crash after another on a running server, the first loss ends it; then every run goes to its end, and all is looked at."""
    return asyncio.run(_trial(server, crashes, chance))


async def _trial(server: LiveServer, crashes: Iterable[Crash], chance: random.Random) -> Ledger:
    ledger = Ledger()
    async with connected(server) as client:
        await prepare(client, ledger)
    for crash in crashes:
        await one_round(server, ledger, crash, chance)
        if ledger.lost:
            return ledger
    async with connected(server) as client:
        await settle(client, ledger)
        await check(client, ledger, everything=True)
    return ledger


async def one_round(server: LiveServer, ledger: Ledger, crash: Crash, chance: random.Random) -> None:
    """Load until the crash at some moment, recovery, check."""
    async with connected(server) as client:

        async def until() -> None:
            enough = ledger.acknowledged + chance.randint(*ACKNOWLEDGED)
            while ledger.acknowledged < enough:
                await asyncio.sleep(0.005)
            await asyncio.sleep(chance.uniform(0, 0.02))
            crash.happen()

        await Load(client, ledger, chance, f"{chance.getrandbits(32):08x}").run(until())
    crash.recover()
    async with connected(server) as client:
        await check(client, ledger)


def told(what: str, count: int, ledgers: Iterable[Ledger]) -> str:
    """One line: how often, how much was acknowledged (and of what), how much was lost."""
    done, lost = Counter[str](), 0
    for ledger in ledgers:
        done += ledger.counts
        lost += len(ledger.lost)
    kinds = ", ".join(f"{number} {kind}" for kind, number in done.most_common())
    return f"{what}: {count}, acknowledged: {done.total()} ({kinds}), lost: {lost}"
