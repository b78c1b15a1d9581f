"""Verdicts a second on one core: a principal with 10,000 grants is asked about 100,000 different pairs of access and resource."""

import asyncio
import random
import statistics
import tempfile
import time
from functools import partial
from pathlib import Path

from stagedoor.core.grant import authority_of
from stagedoor.core.permission import ACCESSES, Access, Allowed, Authority, Resource, decide
from stagedoor.core.principal import Principal
from stagedoor.core.project import DEFAULT
from stagedoor.store import Store
from stagedoor.store.sqlite import SqliteStore
from stagedoor.store.store import Transaction

OWN, ASKED = 10_000, 100_000
AIM = 200_000
ROUNDS = 9
Pair = tuple[Access, Resource]


def decide_per_second() -> dict[str, int]:
    """Verdicts a second, by how many grants there are in the project; the principal's own are the same 10,000."""
    with tempfile.TemporaryDirectory() as folder:
        return asyncio.run(_measure(Path(folder)))


async def _measure(folder: Path) -> dict[str, int]:
    chance, who = random.Random(3), Principal(DEFAULT, "app:bench")
    pairs = [(access, Resource("SECRET_NAME", f"secret_{number:05}")) for number in range(ASKED // len(ACCESSES)) for access in ACCESSES]
    chance.shuffle(pairs)
    authorities = {f"{size:,} grants": await _authority(folder / f"{size}.db", who, pairs, size) for size in (OWN, 10 * OWN)}
    chance.shuffle(pairs)
    rates: dict[str, list[float]] = {name: [] for name in authorities}
    for _ in range(ROUNDS):
        for name, authority in authorities.items():
            rates[name].append(_rate(who, authority, pairs))
    report = {name: round(statistics.median(some)) for name, some in rates.items()}
    for name, rate in report.items():
        print(f"{'verdicts':<26} {rate:>8,}/s of a principal with {OWN:,} grants, {name} in its project   aim {AIM:,}/s", flush=True)
    return report


async def _authority(file: Path, who: Principal, pairs: list[Pair], size: int) -> Authority:
    """Of the principal with the first 10,000 pairs, in a project of that many grants in all."""
    chance, store = random.Random(4), SqliteStore(str(file), synchronous="NORMAL")
    await store.open()
    try:
        await _grant(store, who, pairs[:OWN])
        for number in range(size // OWN - 1):
            await _grant(store, Principal(DEFAULT, f"app:other{number}"), chance.sample(pairs, OWN))
        return await store.read(lambda tx: authority_of(tx, who))
    finally:
        await store.close()


async def _grant(store: Store, who: Principal, pairs: list[Pair]) -> None:
    fixed = {"project_id": who.project, "subject": who.subject, "granted_by": "bench", "granted_at": 0}

    def within(tx: Transaction, some: list[Pair]) -> None:
        for access, resource in some:
            tx.do("grant_insert", target_type=resource.kind, target_id=resource.name, access=access, **fixed)

    for start in range(0, len(pairs), 1000):
        await store.write(partial(within, some=pairs[start : start + 1000]))


def _rate(who: Principal, authority: Authority, pairs: list[Pair]) -> float:
    """Over all pairs once; no verdict is remembered."""
    begun = time.process_time()
    allowed = sum(isinstance(decide(who, access, resource, authority), Allowed) for access, resource in pairs)
    rate = len(pairs) / (time.process_time() - begun)
    if allowed != OWN:
        raise RuntimeError(f"{allowed} of {len(pairs)} were allowed, not {OWN}")
    return rate


if __name__ == "__main__":
    decide_per_second()
