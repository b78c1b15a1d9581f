"""Which master key opens what: stores of an earlier version, a rotation and what it refuses, processes that lack a key."""

import asyncio
import contextlib
import sqlite3
from collections.abc import AsyncIterator, Callable
from functools import partial
from pathlib import Path

import pytest

from stagedoor.bootstrap import Core, make_core
from stagedoor.core import signing
from stagedoor.core.credential import NewAccessKey
from stagedoor.core.masterkey import ASK_AGAIN, MasterKeyMissing, MasterKeys
from stagedoor.core.principal import Principal
from stagedoor.core.project import DEFAULT, Erased, Projects
from stagedoor.core.resealing import Resealing
from stagedoor.core.rotation import Rotation
from stagedoor.core.signing import signing_key_identity
from stagedoor.kit.clock import ManualClock, SystemClock
from stagedoor.kit.crypto import Key, SealBroken, digest
from stagedoor.kit.errors import Conflict, Unauthenticated
from stagedoor.kit.masterkey import AtHand
from stagedoor.kit.secretvalue import SecretValue
from stagedoor.store import Store, Transaction
from stagedoor.store.sqlite import SqliteStore

pytestmark = pytest.mark.anyio
OLD, NEW, THIRD = (Key(bytes([number]) * 32) for number in (1, 2, 3))
BY = Principal(DEFAULT, "somebody@example.com")


def holding(*keys: Key) -> MasterKeys:
    return MasterKeys(AtHand(given=keys), SystemClock())


def _first(tx: Transaction, core: Core, key: Key) -> NewAccessKey:
    core.keys.register(tx, key)
    core.projects.create(tx, DEFAULT, DEFAULT)
    core.signing.create(tx)
    core.directory.create(tx, BY, "person@example.com", "hash", ["ADMIN"])
    for number in range(5):
        core.projects.add_key(tx, DEFAULT)
        core.secrets.put(tx, BY, f"secret-{number}", SecretValue(f"value {number}"))
    return core.credentials.create_key(tx, BY, core.applications.create(tx, BY, "one").id)


@pytest.fixture
async def core(store: Store) -> Core:
    made = make_core(store, holding(OLD), SystemClock())
    await store.write(lambda tx: _first(tx, made, OLD))
    return made


def values(core: Core, tx: Transaction) -> list[str]:
    return [core.secrets.open(tx, DEFAULT, f"secret-{number}").value.reveal() for number in range(5)]


ALL = [f"value {number}" for number in range(5)]


async def begun(core: Core, new: Key = NEW) -> Rotation:
    rotation = Rotation(core.keys, core.audit)
    assert await core.store.write(lambda tx: rotation.begin(tx, BY, new))
    return rotation


async def rewrapped(core: Core, rotation: Rotation, new: Key = NEW) -> None:
    while (await core.store.write(lambda tx: rotation.portion(tx, new, 1))).left:
        pass


async def test_a_rotation_leaves_nothing_that_needs_the_old_key(core: Core) -> None:
    rotation = await begun(core)
    await rewrapped(core, rotation)
    assert await core.store.scan(lambda tx: rotation.check(tx, holding(NEW))) is None
    await core.store.write(lambda tx: rotation.finish(tx, BY, NEW))
    after = make_core(core.store, holding(NEW), SystemClock())
    assert await core.store.write(partial(values, after)) == ALL
    assert (await core.store.scan(after.signing.all))[0].kid
    with pytest.raises(MasterKeyMissing, match=NEW.id):
        await core.store.write(partial(values, make_core(core.store, holding(OLD), SystemClock())))


async def test_in_the_middle_whoever_has_both_keys_reads_everything(core: Core) -> None:
    rotation = await begun(core)
    for _ in range(3):
        progress = await core.store.write(lambda tx: rotation.portion(tx, NEW, 1))
    assert 0 < progress.left < progress.total
    for keys in ((OLD, NEW), (NEW, OLD)):
        assert await core.store.write(partial(values, make_core(core.store, holding(*keys), SystemClock()))) == ALL
    with pytest.raises(MasterKeyMissing):
        await core.store.scan(lambda tx: rotation.check(tx, holding(NEW)))
    with pytest.raises(Conflict, match="are not under master key"):
        await core.store.write(lambda tx: rotation.finish(tx, BY, NEW))


async def test_from_its_beginning_on_nothing_new_comes_under_the_old_key(core: Core) -> None:
    await begun(core)
    server = make_core(core.store, holding(OLD, NEW), SystemClock())
    await core.store.write(lambda tx: server.projects.create(tx, "later", "later"))
    alone = make_core(core.store, holding(NEW), SystemClock())
    await core.store.write(lambda tx: alone.projects.newest_key(tx, "later"))
    late = make_core(core.store, holding(OLD), SystemClock())
    with pytest.raises(MasterKeyMissing, match=f"master key {NEW.id} is needed"):
        await core.store.write(lambda tx: late.projects.create(tx, "too-late", "too-late"))


async def test_one_rotation_at_a_time(core: Core) -> None:
    rotation = await begun(core)
    with pytest.raises(Conflict, match=f"a rotation to master key {NEW.id} is under way"):
        await core.store.write(lambda tx: rotation.begin(tx, BY, THIRD))
    assert await core.store.write(lambda tx: rotation.begin(tx, BY, NEW))
    await rewrapped(core, rotation)
    await core.store.write(lambda tx: rotation.finish(tx, BY, NEW))
    assert not await core.store.write(lambda tx: rotation.begin(tx, BY, NEW))
    with pytest.raises(Conflict, match="was given up"):
        await core.store.write(lambda tx: rotation.begin(tx, BY, OLD))
    await begun(core, THIRD)
    with pytest.raises(Conflict, match="not the active one"):
        await core.store.write(lambda tx: rotation.portion(tx, NEW))


async def test_a_key_that_is_missing_is_looked_for_again_after_a_while(core: Core) -> None:
    await begun(core)
    found, clock = list[Key]([OLD]), ManualClock()
    late = make_core(core.store, MasterKeys(AtHand(given=found), clock), clock)

    def create(tx: Transaction) -> None:
        late.projects.create(tx, "late", "late")

    for _ in range(2):
        with pytest.raises(MasterKeyMissing):
            await core.store.write(create)
        found.append(NEW)  # it lies there now, and still nobody looks
    clock.advance(int(ASK_AGAIN * 1000))
    await core.store.write(create)


async def test_erasing_a_projects_keys_leaves_those_of_others(core: Core) -> None:
    await core.store.write(lambda tx: core.projects.create(tx, "other", "other"))
    other = Principal("other", "somebody@example.com")
    await core.store.write(lambda tx: core.secrets.put(tx, other, "kept", SecretValue("kept value")))
    assert len(await core.store.write(lambda tx: core.projects.erase_keys(tx, DEFAULT))) == 6
    with pytest.raises(Erased, match="has been erased"):
        await core.store.write(partial(values, core))
    assert (await core.store.write(lambda tx: core.secrets.open(tx, "other", "kept"))).value.reveal() == "kept value"
    await core.store.write(lambda tx: core.secrets.put(tx, BY, "secret-0", SecretValue("new")))
    assert (await core.store.write(lambda tx: core.secrets.open(tx, DEFAULT, "secret-0"))).value.reveal() == "new"


async def test_a_new_data_key_takes_over_what_the_ones_before_it_sealed(core: Core) -> None:
    resealing = Resealing(core.projects, core.audit)
    key_id = await core.store.write(lambda tx: resealing.begin(tx, BY))
    with pytest.raises(Conflict):
        await core.store.write(lambda tx: resealing.finish(tx, BY, key_id))
    after: str | None = ""
    while after is not None:
        after = await core.store.write(partial(resealing.portion, project=DEFAULT, key_id=key_id, after=after, size=2))
        assert await core.store.write(partial(values, core)) == ALL
    assert await core.store.write(lambda tx: resealing.finish(tx, BY, key_id)) == 6
    later = make_core(core.store, holding(OLD), SystemClock())
    assert await core.store.write(partial(values, later)) == ALL
    assert await core.store.write(lambda tx: len(tx.all("data_keys_of_project", project_id=DEFAULT))) == 1


async def test_a_value_put_meanwhile_is_not_lost(core: Core) -> None:
    resealing = Resealing(core.projects, core.audit)
    await core.store.write(lambda tx: resealing.begin(tx, BY))
    key_id = await core.store.write(lambda tx: resealing.begin(tx, BY))  # begun twice: the first was interrupted
    await core.store.write(lambda tx: core.secrets.put(tx, BY, "secret-0", SecretValue("put meanwhile")))
    while await core.store.write(partial(resealing.portion, project=DEFAULT, key_id=key_id, after="")) is not None:
        pass
    assert await core.store.write(lambda tx: resealing.finish(tx, BY, key_id)) == 7
    assert await core.store.write(partial(values, core)) == ["put meanwhile", *ALL[1:]]


@pytest.mark.parametrize("database", [pytest.param("postgres", marks=pytest.mark.postgres)], indirect=True)
async def test_a_read_that_a_rotation_overtakes_still_finds_its_value(core: Core, monkeypatch: pytest.MonkeyPatch) -> None:
    """On PostgreSQL each statement sees what is committed by then: the key that the first one names is gone at the second."""
    resealing, find, loop = Resealing(core.projects, core.audit), Projects.key, asyncio.get_running_loop()
    overtaken: list[int | None] = []

    async def rotate() -> int:
        key_id = await core.store.write(lambda tx: resealing.begin(tx, BY))
        while await core.store.write(partial(resealing.portion, project=DEFAULT, key_id=key_id, after="")) is not None:
            pass
        return await core.store.write(lambda tx: resealing.finish(tx, BY, key_id))

    def key(self: Projects, tx: Transaction, project: str, key_id: str) -> Key:
        if not overtaken:
            overtaken.append(None)  # the rotation itself opens what it seals anew
            overtaken.append(asyncio.run_coroutine_threadsafe(rotate(), loop).result(30))
        return find(self, tx, project, key_id)

    monkeypatch.setattr(Projects, "key", key)
    secret_id = await core.store.scan(lambda tx: core.secrets.secret_id(tx, DEFAULT, "secret-0")) or ""
    assert (await core.store.write(lambda tx: core.secrets.open_version(tx, DEFAULT, secret_id, 1))).reveal() == "value 0"
    assert overtaken == [None, 6]


# --- stores of an earlier version -------------------------------------------------------------------------------------------------------

EARLIER = (
    "DELETE FROM master_key", "DELETE FROM master_key_active", "DELETE FROM derived_key",
    "UPDATE data_key SET master_id = NULL", "UPDATE signing_key SET master_id = NULL", "UPDATE credential SET mac = NULL",
    "UPDATE person SET password_hash = 'hash'",
)  # fmt: skip


@pytest.fixture
async def earlier(tmp_path: Path) -> AsyncIterator[tuple[Callable[[Key], Core], NewAccessKey]]:
    store = SqliteStore(tmp_path / "earlier.db")
    await store.open()
    made = make_core(store, holding(OLD), SystemClock())
    key = await store.write(lambda tx: _first(tx, made, OLD))
    with sqlite3.connect(tmp_path / "earlier.db") as raw:
        for statement in EARLIER:
            raw.execute(statement)
        for kid, sealed in raw.execute("SELECT kid, sealed FROM signing_key").fetchall():
            before = OLD.seal(OLD.open(sealed, signing_key_identity(kid)), f"signing_key:{kid}")
            raw.execute("UPDATE signing_key SET sealed = ? WHERE kid = ?", (before, kid))
    raw.close()
    yield lambda master: make_core(store, holding(master), SystemClock()), key
    await store.close()


async def _password_is_known(core: Core) -> None:
    entry = await core.store.read(lambda tx: core.sign_ins.find(tx, "person@example.com", DEFAULT))
    assert entry is not None and entry.password_hash == "hash"


async def test_a_store_of_an_earlier_version_learns_the_name_of_its_key(earlier: tuple[Callable[[Key], Core], NewAccessKey]) -> None:
    with_key, key = earlier
    core = with_key(OLD)
    await core.store.write(core.recognise)
    await core.store.write(core.recognise)
    assert await core.store.scan(lambda tx: len(tx.all("master_keys_unretired"))) == 1
    assert await core.store.write(partial(values, core)) == ALL
    assert (await core.store.read(lambda tx: core.credentials.prove_key(tx, key.id, key.secret))).credential == key.id
    assert (await core.store.read(lambda tx: core.keys.derived(tx, "audit"))).mac(b"m") == OLD.derive("audit").mac(b"m")
    await _password_is_known(core)
    rotation = await begun(core)
    await rewrapped(core, rotation)
    after = with_key(NEW)
    await _password_is_known(after)
    assert await core.store.write(partial(values, after)) == ALL
    assert (await core.store.read(lambda tx: after.keys.derived(tx, "audit"))).mac(b"m") == OLD.derive("audit").mac(b"m")
    assert (await core.store.read(lambda tx: after.credentials.prove_key(tx, key.id, key.secret))).credential == key.id


@pytest.mark.parametrize("protected", [True, False])
async def test_a_store_that_forgets_its_keys_name_is_none_of_an_earlier_version(
    protected: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whoever may write to the database has digests of their own vouched for, if it passes for one."""
    if not protected:
        monkeypatch.setattr(signing, "signing_key_identity", lambda kid: f"signing_key:{kid}")
    store = SqliteStore(tmp_path / "store.db")
    await store.open()
    core = make_core(store, holding(OLD), SystemClock())
    key = await store.write(lambda tx: _first(tx, core, OLD))
    with sqlite3.connect(tmp_path / "store.db") as raw:
        raw.execute("UPDATE credential SET mac = NULL, digest = ? WHERE id = ?", (digest("of-my-own"), key.id))
        raw.execute("DELETE FROM master_key_active")
    raw.close()
    again = make_core(store, holding(OLD), SystemClock())
    with contextlib.suppress(SealBroken):
        await store.write(again.recognise)
    proven = True
    try:
        await store.read(lambda tx: again.credentials.prove_key(tx, key.id, "of-my-own"))
    except Unauthenticated:
        proven = False
    assert proven is not protected
    await store.close()


async def test_by_another_key_nothing_is_written(earlier: tuple[Callable[[Key], Core], NewAccessKey]) -> None:
    with_key, key = earlier
    core = with_key(THIRD)
    with pytest.raises(SealBroken):
        await core.store.write(core.recognise)
    assert await core.store.read(lambda tx: tx.one("master_key_active")) is None
    with pytest.raises(Unauthenticated):
        await core.store.read(lambda tx: core.credentials.prove_key(tx, key.id, key.secret))


async def test_a_credential_without_its_mac_proves_nobody_once_the_store_knows_them(core: Core) -> None:
    key = await core.store.write(lambda tx: core.credentials.create_key(tx, BY, core.applications.create(tx, BY, "two").id))

    def forge(tx: Transaction) -> None:
        tx.do("credential_delete", project_id=DEFAULT, id=key.id)
        row = {"id": key.id, "project_id": DEFAULT, "kind": "access_key", "owner": "app:stronger", "digest": "d", "created_by": BY.user}
        row |= dict.fromkeys(("name", "mask", "ceiling", "replaces", "retire_at", "retire_idle", "kid"))
        tx.do("credential_insert", **row, created_at=1, expires_at=None, mac=None)

    await core.store.write(forge)
    await core.store.write(core.recognise)
    with pytest.raises(Unauthenticated):
        await core.store.read(lambda tx: core.credentials.prove_key(tx, key.id, key.secret))
