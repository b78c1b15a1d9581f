"""Counters and what the store keeps of them, on both databases; advice put in place, with what is used meanwhile."""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TypeVar

import pytest

from stagedoor.bootstrap import Core, make_core
from stagedoor.core import usage as usage_module
from stagedoor.core.advice import Advice, Grant
from stagedoor.core.grant import Subject, Target, authority_of
from stagedoor.core.permission import Access, Resource, decide_poll
from stagedoor.core.principal import Principal, application_user
from stagedoor.core.project import DEFAULT
from stagedoor.core.usage import DAY, KEPT_DAYS, POLL, Usage, Use, credentials_used, uses_of
from stagedoor.gate.recording import Recording, counting
from stagedoor.kit.clock import ManualClock, SystemClock
from stagedoor.kit.crypto import Key, make_master_key
from stagedoor.kit.errors import BadInput, Conflict, NotFound, Unavailable
from stagedoor.store import Store
from stagedoor.store.store import Transaction

T = TypeVar("T")
ADMIN = Principal(DEFAULT, "admin@example.com")
BY = Principal(DEFAULT, "stagedoor-cli")
pytestmark = pytest.mark.anyio


@dataclass
class World:
    """A project with an administrator and an application that is UNRESTRICTED_WORKER, all of it made 100 days ago."""

    store: Store
    core: Core
    clock: ManualClock
    worker: Principal = field(default_factory=lambda: Principal(DEFAULT, ""))

    async def write(self, fn: Callable[[Transaction], T]) -> T:
        return await self.store.write(fn)

    async def used(self, *uses: Use, by: Principal | None = None) -> None:
        for use in uses:
            self.core.usage.asked(by or self.worker, use)
        await Recording(self.store, self.core.usage).flush()

    async def advice(self, days: int = KEPT_DAYS) -> Advice:
        return await self.store.scan(lambda tx: self.core.advisor.advice(tx, self.worker, days))

    async def polls(self, task_type: str) -> bool:
        authority = await self.write(lambda tx: authority_of(tx, self.worker))
        return type(decide_poll(self.worker, task_type, authority)).__name__ == "Allowed"


@pytest.fixture
def master(tmp_path: Path) -> Key:
    return make_master_key(tmp_path / "master.key")


@pytest.fixture
async def world(store: Store, master: Key) -> World:
    clock = ManualClock(SystemClock().now())
    world = World(store, make_core(store, master, clock), clock)

    def first(tx: Transaction) -> str:
        core = world.core
        core.projects.create(tx, DEFAULT, DEFAULT)
        core.directory.create(tx, ADMIN, ADMIN.user, None, ["ADMIN"])
        application = core.applications.create(tx, ADMIN, "worker")
        core.applications.add_role(tx, ADMIN, application.id, "UNRESTRICTED_WORKER")
        core.credentials.create_key(tx, ADMIN, application.id)
        return application.id

    application = await store.write(first)
    rows = await store.write(lambda tx: world.core.credentials.keys_of(tx, DEFAULT, application))
    world.worker = Principal(DEFAULT, application_user(application), rows[0].id)
    clock.advance(100 * DAY)
    return world


def poll(name: str, domain: str = "") -> Use:
    return Use(POLL, "TASK_DEF", name, domain)


async def test_counts_of_a_day_add_up_and_have_their_last_time(world: World) -> None:
    await world.used(poll("a"), poll("a"), poll("b", "east"))
    world.clock.advance(1000)
    await world.used(poll("a"), by=replace(world.worker, credential="another"))
    found = await world.store.scan(lambda tx: uses_of(tx, DEFAULT, world.worker.subject, world.clock.now() - DAY))
    assert [(used.use, used.count) for used in found] == [(poll("a"), 3), (poll("b", "east"), 1)]
    assert found[0].last_at == world.clock.now() and found[1].last_at == world.clock.now() - 1000


async def test_a_credential_shows_its_last_use_and_what_came_of_it(world: World) -> None:
    usage = world.core.usage
    usage.seen(world.worker, "192.0.2.1")
    usage.seen(world.worker, "192.0.2.2", refused=True)
    await world.used()
    await world.used()
    usage.seen(world.worker, "192.0.2.3")
    await world.used()
    found = await world.store.scan(lambda tx: credentials_used(tx, DEFAULT, world.worker.subject, 0))
    assert [(one.credential, one.ok, one.refused, one.last_from) for one in found] == [(world.worker.credential, 2, 1, "192.0.2.3")]


async def test_uses_of_two_nodes_are_one_row(world: World, master: Key) -> None:
    other = make_core(world.store, master, world.clock)
    await world.used(poll("a"))
    other.usage.asked(world.worker, poll("a"))
    await Recording(world.store, other.usage).flush()
    found = await world.store.scan(lambda tx: uses_of(tx, DEFAULT, world.worker.subject, 0))
    assert [(used.use, used.count) for used in found] == [(poll("a"), 2)]


async def test_days_beyond_ninety_are_forgotten(world: World) -> None:
    await world.used(poll("a"))
    world.clock.advance((KEPT_DAYS + 1) * DAY)
    await world.used(poll("b"))
    await world.write(lambda tx: world.core.usage.prune(tx, DEFAULT))
    found = await world.store.scan(lambda tx: uses_of(tx, DEFAULT, world.worker.subject, 0))
    assert [used.use for used in found] == [poll("b")]


async def test_a_flood_of_names_is_kept_as_all_of_them(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(usage_module, "MOST_NAMES", 3)
    for number in range(6):
        await world.used(poll(f"t{number}"))
    found = await world.store.scan(lambda tx: uses_of(tx, DEFAULT, world.worker.subject, 0))
    assert [(used.use.name, used.count) for used in found] == [("*", 3), ("t0", 1), ("t1", 1), ("t2", 1)]
    assert (await world.advice()).removes == (), "only the role allows every name"


async def test_pages_of_uses_are_read_to_the_end(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(usage_module, "PAGE", 2)
    await world.used(*(poll(f"t{number}") for number in range(5)))
    assert len(await world.store.scan(lambda tx: uses_of(tx, DEFAULT, world.worker.subject, 0))) == 5


async def test_what_a_store_refuses_is_kept_and_written_later(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    async def refuse(fn: object) -> None:
        raise Unavailable

    with monkeypatch.context() as patch:
        patch.setattr(world.store, "write", refuse)
        await world.used(poll("a"))
    world.core.usage.asked(world.worker, poll("a"))
    await world.used()
    found = await world.store.scan(lambda tx: uses_of(tx, DEFAULT, world.worker.subject, 0))
    assert [(used.use, used.count) for used in found] == [(poll("a"), 2)]


async def test_counts_that_crowd_the_memory_are_written_at_once(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(usage_module, "MOST_WAITING", 10)
    async with counting(Recording(world.store, world.core.usage)):
        await asyncio.sleep(0)
        for number in range(11):
            world.core.usage.asked(world.worker, poll(f"t{number}"))
        for _ in range(100):
            await asyncio.sleep(0.01)
            if len(await world.store.scan(lambda tx: uses_of(tx, DEFAULT, world.worker.subject, 0))) == 11:
                return
    pytest.fail("they were not written before the next regular time")


async def test_what_is_new_is_written_at_once_and_what_only_grows_little_by_little(world: World) -> None:
    async def counts() -> list[int]:
        return [used.count for used in await world.store.scan(lambda tx: uses_of(tx, DEFAULT, world.worker.subject, 0))]

    recording = Recording(world.store, world.core.usage)
    for expected in ([1, 1, 1], [2, 1, 1], [2, 3, 1], [2, 3, 4]):
        for number in range(3):
            world.core.usage.asked(world.worker, poll(f"t{number}"))
        await recording.flush(1)
        assert await counts() == expected
    await recording.flush()
    assert await counts() == [4, 4, 4]


async def test_another_day_has_rows_of_its_own(world: World) -> None:
    await world.used(poll("a"))
    world.core.usage.asked(world.worker, poll("a"))
    world.clock.advance(DAY)
    await world.used(poll("a"))
    rows = await world.store.scan(lambda tx: uses_of(tx, DEFAULT, world.worker.subject, world.clock.now()))
    assert [used.count for used in rows] == [2], "what waited at midnight is the new day's"


def test_memory_is_bounded_where_nobody_writes(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(usage_module, "MOST_WAITING", 10)
    usage, who = Usage(ManualClock()), Principal(DEFAULT, "app:1", "key")
    for number in range(60):
        usage.add(who, Access.READ, Resource("SECRET_NAME", str(number)))
        usage.seen(Principal(DEFAULT, str(number), "key"), "192.0.2.1")
    assert (len(usage._uses.first), usage.lost, len(usage._seen.first)) == (50, 10, 50)


async def test_it_is_refused_to_judge_what_is_too_young(world: World) -> None:
    with pytest.raises(BadInput, match="days"):
        await world.advice(91)
    application = await world.write(lambda tx: world.core.applications.create(tx, ADMIN, "new"))
    world.clock.advance(2 * DAY)
    new = Principal(DEFAULT, application_user(application.id))
    with pytest.raises(Conflict, match=r"2\.0 days old"):
        await world.store.scan(lambda tx: world.core.advisor.advice(tx, new))
    assert await world.store.scan(lambda tx: world.core.advisor.advice(tx, new, 1))
    with pytest.raises(NotFound):
        await world.store.scan(lambda tx: world.core.advisor.advice(tx, Principal(DEFAULT, "nobody"), 1))


async def test_a_store_that_has_not_recorded_for_so_long_cannot_tell(world: World, store: Store, master: Key) -> None:
    """As after an update of this program: what was used before it left no trace."""
    early = make_core(store, master, ManualClock(SystemClock().now() + DAY))
    await world.write(lambda tx: tx.do("application_insert", project_id=DEFAULT, id="old", name="old", **_by(0)))
    with pytest.raises(Conflict, match=r"recorded use for 1\.0 days"):
        await store.scan(lambda tx: early.advisor.advice(tx, Principal(DEFAULT, "app:old"), 30))


def _by(at: int) -> dict[str, object]:
    return {"created_by": "x", "created_at": at, "updated_by": "x", "updated_at": at}


async def test_the_smaller_set_is_put_in_place_and_audited(world: World) -> None:
    await world.used(poll("a"), poll("b"))
    shown = await world.advice()
    applied = await world.write(lambda tx: world.core.advisor.apply(tx, BY, shown, KEPT_DAYS))
    assert applied.removed == ("UNRESTRICTED_WORKER",)
    assert [await world.polls(name) for name in ("a", "b", "c")] == [True, True, False]
    assert await world.write(lambda tx: world.core.advisor.put_back_if_used(tx, BY, applied)) is None


async def test_a_use_recorded_between_proposal_and_applying_is_kept(world: World) -> None:
    await world.used(poll("a"))
    shown = await world.advice()
    await world.used(poll("late"))
    await world.write(lambda tx: world.core.advisor.apply(tx, BY, shown, KEPT_DAYS))
    assert [await world.polls(name) for name in ("a", "late", "other")] == [True, True, False]


async def test_a_use_that_reaches_the_store_after_applying_puts_everything_back(world: World) -> None:
    await world.used(poll("a"))
    shown = await world.advice()
    before = await world.write(lambda tx: authority_of(tx, world.worker))
    applied = await world.write(lambda tx: world.core.advisor.apply(tx, BY, shown, KEPT_DAYS))
    await world.used(poll("late"))
    assert not await world.polls("late")
    assert await world.write(lambda tx: world.core.advisor.put_back_if_used(tx, BY, applied)) == poll("late")
    assert await world.write(lambda tx: authority_of(tx, world.worker)) == before


async def test_a_role_given_meanwhile_is_not_taken_unseen(world: World) -> None:
    grant = (Subject("USER", world.worker.user), Target("SECRET_NAME", "new"), [Access.READ])
    shown = await world.advice()
    await world.write(lambda tx: world.core.grants.add(tx, ADMIN, *grant))
    world.clock.advance(KEPT_DAYS * DAY + 1)
    with pytest.raises(Conflict, match="look again"):
        await world.write(lambda tx: world.core.advisor.apply(tx, BY, shown, KEPT_DAYS))
    assert Grant("READ", "SECRET_NAME", "new") in (await world.advice()).removes


async def test_two_administrators_advised_at_once_leave_one(world: World) -> None:
    """Each alone could go: neither ever administered. The second is refused, and stays."""
    other = Principal(DEFAULT, "other@example.com")
    await world.write(lambda tx: world.core.directory.create(tx, ADMIN, other.user, None, ["ADMIN"]))
    world.clock.advance(100 * DAY)
    both = [await world.store.scan(lambda tx, who=who: world.core.advisor.advice(tx, who)) for who in (ADMIN, other)]  # type: ignore[misc]
    assert all("ADMIN" in advice.removes for advice in both)

    async def follow(advice: Advice) -> bool:
        try:
            await world.write(lambda tx: world.core.advisor.apply(tx, BY, advice, KEPT_DAYS))
        except Conflict:
            return False
        return True

    await asyncio.gather(*(follow(advice) for advice in both))
    left = await world.store.scan(lambda tx: tx.all("administrators", project_id=DEFAULT))
    assert len(left) == 1
