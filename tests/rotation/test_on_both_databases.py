"""Retirement for want of use as each database decides it, with counts that come late, and on two nodes at once."""

import asyncio
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TypeVar

import pytest

from stagedoor.bootstrap import Core, make_core
from stagedoor.core import overlap
from stagedoor.core.api_key import ApiKeys, NewApiKey
from stagedoor.core.credential import ACCESS_KEY
from stagedoor.core.overlap import MARGIN, Overlap, Rotated, Rotation, Which, overlap_of, retire_unused, unused_keys
from stagedoor.core.principal import Principal, application_user, project_user
from stagedoor.core.project import DEFAULT
from stagedoor.core.revocation import revoke
from stagedoor.core.succession import Succession
from stagedoor.core.usage import DAY, HOUR
from stagedoor.gate.recording import FLUSH_SECONDS, Recording
from stagedoor.gate.rotations import Retiring
from stagedoor.kit.clock import ManualClock, SystemClock
from stagedoor.kit.crypto import make_master_key
from stagedoor.kit.errors import Conflict, Unauthenticated
from stagedoor.store import Store
from stagedoor.store.store import Transaction
from tests.conftest import NewStore

T = TypeVar("T")
ADMIN = Principal(DEFAULT, "admin@example.com")
pytestmark = [pytest.mark.anyio, pytest.mark.slow]


@dataclass
class World:
    store: Store
    core: Core
    clock: ManualClock
    overlap: Overlap
    owner: str = ""
    key: str = ""

    async def write(self, fn: Callable[[Transaction], T]) -> T:
        return await self.store.write(fn)

    @property
    def which(self) -> Which:
        return Which(ACCESS_KEY, self.owner, self.key)

    async def rotate(self, **how: float) -> Rotated:
        return await self.write(lambda tx: self.overlap.rotate(tx, ADMIN, self.which, Rotation(**how)))  # type: ignore[arg-type]

    async def alive(self, key: str = "") -> bool:
        try:
            await self.store.read(lambda tx: self.core.credentials.alive(tx, key or self.key))
        except Unauthenticated:
            return False
        return True

    async def use(self) -> None:
        self.core.usage.seen(Principal(DEFAULT, self.owner, self.key), "192.0.2.1")
        await Recording(self.store, self.core.usage).flush()

    async def look(self) -> None:
        await Retiring(self.store, self.core.credentials).look(DEFAULT, self.clock.now())


@pytest.fixture
async def world(store: Store, tmp_path: Path) -> World:
    clock = ManualClock(SystemClock().now() // DAY * DAY)
    core = make_core(store, make_master_key(tmp_path / "master.key"), clock)
    world = World(store, core, clock, overlap_of(core.credentials, core.project_keys))

    def first(tx: Transaction) -> None:
        core.projects.create(tx, DEFAULT, DEFAULT)
        core.directory.create(tx, ADMIN, ADMIN.user, None, ["ADMIN"])
        application = core.applications.create(tx, ADMIN, "worker")
        world.owner, world.key = application_user(application.id), core.credentials.create_key(tx, ADMIN, application.id).id

    await store.write(first)
    return world


def test_counts_are_waited_for_longer_than_they_take() -> None:
    assert MARGIN > 100 * FLUSH_SECONDS * 1000


async def test_it_ends_when_it_was_idle_for_as_long_as_was_said_and_not_before(world: World) -> None:
    made = await world.rotate(retire_after_idle_hours=2)
    await world.use()
    world.clock.advance(HOUR)
    await world.use()
    world.clock.advance(2 * HOUR + MARGIN)
    await world.look()
    assert await world.alive()
    world.clock.advance(1)
    await world.look()
    assert not await world.alive() and await world.alive(made.id)


async def test_use_before_the_rotation_is_not_what_counts(world: World) -> None:
    """A key that was idle for a year gets its hours from the rotation on."""
    world.clock.advance(365 * DAY)
    await world.rotate(retire_after_idle_hours=2)
    await world.look()
    world.clock.advance(2 * HOUR + MARGIN)
    await world.look()
    assert await world.alive()
    world.clock.advance(1)
    await world.look()
    assert not await world.alive()


async def test_counts_that_come_late_but_within_the_margin_keep_it(world: World) -> None:
    await world.rotate(retire_after_idle_hours=2)
    world.clock.advance(2 * HOUR)
    world.core.usage.seen(Principal(DEFAULT, world.owner, world.key), "192.0.2.1")
    world.clock.advance(MARGIN)
    await world.look()
    await Recording(world.store, world.core.usage).flush()
    world.clock.advance(HOUR)
    await world.look()
    assert await world.alive()


async def test_of_a_time_and_want_of_use_what_comes_first_ends_it(world: World) -> None:
    now = world.clock.now()
    await world.rotate(retire_at=now + DAY, retire_after_idle_hours=30)
    world.clock.advance(DAY)
    assert not await world.alive()
    ended = await world.store.read(lambda tx: tx.one("key_to_rotate", project_id=DEFAULT, id=world.key))
    world.clock.advance(DAY)
    await world.look()
    again = await world.store.read(lambda tx: tx.one("key_to_rotate", project_id=DEFAULT, id=world.key))
    assert ended is not None and again is not None and ended["retire_at"] == again["retire_at"] == now + DAY


async def test_without_its_successor_it_does_not_end_for_want_of_use(world: World) -> None:
    made = await world.rotate(retire_after_idle_hours=2)
    await world.write(lambda tx: tx.do("credential_delete", project_id=DEFAULT, id=made.id))
    world.clock.advance(DAY)
    await world.look()
    assert await world.alive()


async def test_rolled_back_it_does_not_end(world: World) -> None:
    await world.rotate(retire_after_idle_hours=2)
    await world.write(lambda tx: world.overlap.rollback(tx, ADMIN, world.which))
    world.clock.advance(DAY)
    await world.look()
    assert await world.alive()


async def test_two_nodes_that_look_at_once_end_it_once_and_of_two_rotations_one_is_made(world: World, new_store: NewStore) -> None:
    other = new_store()
    await other.open()
    rotate = [
        store.write(lambda tx: world.overlap.rotate(tx, ADMIN, world.which, Rotation(retire_after_idle_hours=2)))
        for store in (world.store, other)
    ]
    made = await asyncio.gather(*rotate, return_exceptions=True)
    assert [type(one) for one in made if not isinstance(one, Rotated)] == [Conflict]
    world.clock.advance(DAY)
    found = await world.store.scan(lambda tx: unused_keys(tx, DEFAULT, world.clock.now()))
    assert [row["id"] for row in found] == [world.key]
    retire = partial(retire_unused, credentials=world.core.credentials, project=DEFAULT, candidate=found[0])
    assert sorted(await asyncio.gather(*(store.write(retire) for store in (world.store, other)))) == [False, True]
    assert not await world.alive()


async def test_lists_tell_what_replaces_what(world: World) -> None:
    """Of every kind: the statements are different ones."""
    api_keys = ApiKeys(world.clock, world.core.credentials.new_id, world.core.audit, world.core.credentials)
    api_key = await world.write(lambda tx: api_keys.create(tx, ADMIN, NewApiKey("ci")))
    secret_key, _ = await world.write(lambda tx: world.core.project_keys.create(tx, ADMIN, "shop"))
    world.clock.advance(1)  # they are listed oldest first
    others = [Which("api_key", ADMIN.user, api_key.id), Which("secret_key", project_user(DEFAULT), secret_key.id)]
    for which in (world.which, *others):
        await world.write(partial(world.overlap.rotate, who=ADMIN, which=which, how=Rotation(retire_at=world.clock.now() + 2 * HOUR)))

    def listed(tx: Transaction) -> list[Sequence[Succession]]:
        application = world.owner.removeprefix("app:")
        return [
            world.core.credentials.keys_of(tx, DEFAULT, application), api_keys.all(tx, ADMIN), world.core.project_keys.all(tx, DEFAULT),
        ]  # fmt: skip

    for old, new in await world.store.scan(listed):
        assert (old.replaced_by, new.replaces) == (new.id, old.id)  # type: ignore[attr-defined]
        assert (old.retire_at, new.retire_at, new.replaced_by) == (world.clock.now() + 2 * HOUR, None, None)


@pytest.mark.promise(2)
@pytest.mark.parametrize("protected", [True, False])
async def test_a_caller_that_is_ended_meanwhile_is_waited_for_and_rotates_nothing(
    protected: bool, world: World, new_store: NewStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It was let in before; its pause, or the end of its token, is not committed yet when it asks."""
    other, credentials = new_store(), world.core.credentials
    await other.open()
    application = await world.write(lambda tx: world.core.applications.create(tx, ADMIN, "rotates"))
    caller = await world.write(lambda tx: credentials.create_key(tx, ADMIN, application.id))
    who = Principal(DEFAULT, application_user(application.id), caller.id, tokens=("its-token",))
    if not protected:
        monkeypatch.setattr(overlap, "check_still_good", lambda *_: None)

    def pauses(tx: Transaction) -> None:
        credentials.toggle_key(tx, ADMIN, application.id, caller.id)

    def revokes(tx: Transaction) -> None:
        revoke(tx, who, "its-token", world.clock.now() + DAY, world.clock.now())

    for end, again in ((pauses, pauses), (revokes, None)):
        begun = threading.Event()

        def slowly(tx: Transaction, end: Callable[[Transaction], None] = end, begun: threading.Event = begun) -> None:
            end(tx)
            begun.set()
            time.sleep(0.2)  # whoever does not wait for this is done by then

        ending = asyncio.create_task(other.write(slowly))
        assert await asyncio.to_thread(begun.wait, 30)
        (found,) = await asyncio.gather(
            world.write(partial(world.overlap.rotate, who=who, which=world.which, how=Rotation())), return_exceptions=True
        )
        await ending
        assert type(found) is (Unauthenticated if protected else Rotated)
        if again is not None:
            await world.write(again)
        if not protected:
            await world.write(lambda tx: world.overlap.rollback(tx, ADMIN, world.which))
