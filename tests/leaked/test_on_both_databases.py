"""What is written of leaks and of the use of credentials, on SQLite and on PostgreSQL, in a test's own time."""

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import TypeVar

import pytest

from stagedoor.bootstrap import Core, make_core
from stagedoor.core.credential import NewAccessKey
from stagedoor.core.credential_use import since
from stagedoor.core.leak import Leak, Leaks, Match
from stagedoor.core.principal import Principal, application_user
from stagedoor.core.project import DEFAULT
from stagedoor.core.usage import DAY, HOUR, MOST_ADDRESSES
from stagedoor.gate.recording import Recording
from stagedoor.kit.clock import ManualClock, SystemClock
from stagedoor.kit.crypto import make_master_key
from stagedoor.store import Store
from stagedoor.store.store import Transaction

T = TypeVar("T")
ADMIN = Principal(DEFAULT, "admin@example.com")
pytestmark = [pytest.mark.anyio, pytest.mark.slow]


@dataclass
class World:
    store: Store
    core: Core
    clock: ManualClock
    leaks: Leaks = field(init=False)
    key: NewAccessKey = field(init=False)
    who: Principal = field(init=False)

    def __post_init__(self) -> None:
        self.leaks = Leaks(self.clock, self.core.audit, self.core.credentials, self.core.signing)

    async def write(self, fn: Callable[[Transaction], T]) -> T:
        return await self.store.write(fn)

    async def flush(self) -> None:
        await Recording(self.store, self.core.usage).flush()

    async def report(self, place: str) -> str | None:
        found = await self.write(lambda tx: self.leaks.report(tx, Match(self.key.secret, url=place), "somebody"))
        return found.state if found else None

    async def listed(self) -> list[Leak]:
        return await self.store.scan(lambda tx: [make() for _, make in self.leaks.all(tx, DEFAULT, 2**53, None)])


@pytest.fixture
async def world(store: Store, tmp_path: Path) -> World:
    clock = ManualClock(SystemClock().now() // DAY * DAY)
    core = make_core(store, make_master_key(tmp_path / "master.key"), clock)
    world = World(store, core, clock)

    def first(tx: Transaction) -> tuple[str, NewAccessKey]:
        core.projects.create(tx, DEFAULT, DEFAULT)
        core.directory.create(tx, ADMIN, ADMIN.user, None, ["ADMIN"])
        application = core.applications.create(tx, ADMIN, "worker")
        return application.id, core.credentials.create_key(tx, ADMIN, application.id)

    application, world.key = await store.write(first)
    world.who = Principal(DEFAULT, application_user(application), world.key.id)
    return world


async def test_a_finding_is_kept_once_for_each_place_newest_first_through_all_pages(world: World) -> None:
    assert await world.report("https://example.com/first") == "LIVE"
    assert await world.report("https://example.com/first") == "PAUSED"
    for number in range(120):
        await world.report(f"https://example.com/{number}")
    found = await world.listed()
    assert len(found) == 121 and len({one.id for one in found}) == 121
    assert [one.reports for one in found if one.url.endswith("first")] == [2]
    assert [one.paused_at is not None for one in found if one.url.endswith("/7")] == [False]


async def test_counts_go_by_the_hour_and_to_those_since_a_time(world: World) -> None:
    for hour in range(3):
        for _ in range(hour + 1):
            world.core.usage.seen(world.who, "192.0.2.1")
        world.core.usage.failed((DEFAULT, world.who.user, world.key.id), "198.51.100.1")
        await world.flush()
        world.clock.advance(HOUR)
    now = world.clock.now()
    whole = await world.store.scan(lambda tx: since(tx, DEFAULT, world.key.id, world.who.user, now - DAY))
    assert ([(hour.ok, hour.failed) for hour in whole.hours], whole.ok) == ([(3, 1), (2, 1), (1, 1)], 6)
    late = await world.store.scan(lambda tx: since(tx, DEFAULT, world.key.id, world.who.user, now - HOUR))
    assert (late.ok, late.failed, {one.address for one in late.addresses}) == (3, 1, {"192.0.2.1", "198.51.100.1"})


async def test_however_slowly_addresses_come_a_day_holds_the_last_twenty(world: World) -> None:
    for number in range(2 * MOST_ADDRESSES):
        world.core.usage.seen(world.who, f"192.0.2.{number}")
        await world.flush()
        world.clock.advance(1000)
    found = await world.store.scan(lambda tx: since(tx, DEFAULT, world.key.id, world.who.user, 0))
    assert [one.address for one in found.addresses] == [f"192.0.2.{number}" for number in range(39, 19, -1)]


async def test_what_could_not_be_written_is_not_lost(world: World) -> None:
    for address in ("192.0.2.1", "192.0.2.2"):
        world.core.usage.seen(world.who, address)
        taken = world.core.usage.take()
        assert taken is not None
        world.core.usage.give_back(taken)
    world.core.usage.failed((DEFAULT, world.who.user, world.key.id), "192.0.2.3")
    await world.flush()
    found = await world.store.scan(lambda tx: since(tx, DEFAULT, world.key.id, world.who.user, 0))
    assert (found.ok, found.failed, len(found.addresses)) == (2, 1, 3)


async def test_hours_and_addresses_are_kept_for_thirty_days(world: World) -> None:
    world.core.usage.seen(world.who, "192.0.2.1")
    await world.flush()
    for days, left in ((29, 1), (2, 0)):
        world.clock.advance(days * DAY)
        await world.write(lambda tx: world.core.usage.prune(tx, DEFAULT))
        found = await world.store.scan(lambda tx: since(tx, DEFAULT, world.key.id, world.who.user, 0))
        assert (found.ok, len(found.addresses)) == (left, left)
