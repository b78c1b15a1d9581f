"""What becomes of links and end users in time, and of keys when other keys are rotated under them."""

import asyncio
import subprocess
from functools import partial
from pathlib import Path

import pytest

from stagedoor.bootstrap import Core, make_core
from stagedoor.core.auth_session import KEPT, MINUTE
from stagedoor.core.end_user import EndUser, NewEndUser, SourceIdTaken
from stagedoor.core.principal import Principal
from stagedoor.core.project import DEFAULT
from stagedoor.kit.clock import ManualClock
from stagedoor.kit.crypto import Key, digest
from stagedoor.kit.errors import Conflict, NotFound
from stagedoor.kit.secretvalue import SecretValue
from stagedoor.store.store import Store, Transaction
from tests.support.server import COMMAND, LiveServer, live_server
from tests.v1.shop import Shop, customer

WHO = Principal(DEFAULT, "project:default", None)


class Kept:
    """One end user on a store, with a clock that is moved by hand."""

    def __init__(self, core: Core, clock: ManualClock) -> None:
        self.core, self.clock = core, clock

    async def end_user(self, source: str) -> EndUser:
        return await self.core.store.write(lambda tx: self.core.end_users.create(tx, WHO, NewEndUser("Acme", source, "a@acme.test")))

    async def link(self, end_user: str) -> str:
        """The digest of its client secret."""
        _, secret = await self.core.store.write(lambda tx: self.core.auth_sessions.create(tx, WHO, end_user))
        return digest(secret.reveal())

    async def opens(self, secret_digest: str) -> bool:
        return await self.core.store.read(lambda tx: self.core.auth_sessions.by_client_secret(tx, secret_digest)) is not None


@pytest.fixture
async def kept(store: Store) -> Kept:
    clock = ManualClock()
    core = make_core(store, Key.new(), clock)
    await store.write(lambda tx: core.projects.create(tx, DEFAULT, DEFAULT))
    return Kept(core, clock)


@pytest.mark.anyio
@pytest.mark.slow
async def test_a_link_opens_until_it_ends_and_is_forgotten_later(kept: Kept) -> None:
    link = await kept.link((await kept.end_user("1")).id)
    assert await kept.opens(link)
    assert not await kept.opens(digest("another"))
    kept.clock.advance(30 * MINUTE)
    assert not await kept.opens(link)
    await kept.core.store.write(lambda tx: kept.core.auth_sessions.prune(tx, DEFAULT))
    assert await kept.core.store.read(lambda tx: tx.one("auth_session_by_digest", digest=link)) is not None
    kept.clock.advance(KEPT + 1)
    await kept.core.store.write(lambda tx: kept.core.auth_sessions.prune(tx, DEFAULT))
    assert await kept.core.store.read(lambda tx: tx.one("auth_session_by_digest", digest=link)) is None


@pytest.mark.anyio
@pytest.mark.slow
async def test_a_link_whose_row_was_changed_opens_nothing(kept: Kept, monkeypatch: pytest.MonkeyPatch) -> None:
    """Pointed at another end user by whoever can write to the database."""
    one, other = await kept.end_user("1"), await kept.end_user("2")
    link = await kept.link(one.id)
    found = kept.core.auth_sessions
    real = Transaction.one

    def pointed(self: Transaction, name: str, /, **params: object) -> object:
        row = real(self, name, **params)
        return {**row, "end_user_id": other.id} if row is not None and name == "auth_session_by_digest" else row

    monkeypatch.setattr(Transaction, "one", pointed)
    assert not await kept.opens(link)
    monkeypatch.setattr(type(found), "_mac", lambda self, tx, row: row["mac"])
    assert await kept.opens(link)


@pytest.mark.anyio
@pytest.mark.slow
async def test_an_end_user_takes_its_connections_and_links_with_it(kept: Kept) -> None:
    core, one, other = kept.core, await kept.end_user("1"), await kept.end_user("2")
    links = [await kept.link(each.id) for each in (one, other)]
    for each in (one, other):
        made = await core.store.write(partial(core.end_users.connect, project=DEFAULT, end_user_id=each.id, integration="crm"))
        await core.store.write(partial(core.end_users.used, project=DEFAULT, connection_id=made.id, success=True))
    again = await core.store.write(lambda tx: core.end_users.connect(tx, DEFAULT, one.id, "crm"))
    found = await core.store.read(lambda tx: core.end_users.get(tx, DEFAULT, one.id))
    assert found.connections == (again,) and again.last_success_at == kept.clock.now()
    await core.store.write(lambda tx: core.end_users.delete(tx, WHO, one.id))
    assert [await kept.opens(link) for link in links] == [False, True]
    left = await core.store.scan(lambda tx: core.end_users.all(tx, DEFAULT))
    assert [(each.id, len(each.connections)) for each in left] == [(other.id, 1)]
    for gone in (lambda tx: core.end_users.delete(tx, WHO, one.id), lambda tx: core.end_users.connect(tx, DEFAULT, one.id, "crm")):
        with pytest.raises(NotFound):
            await core.store.write(gone)


@pytest.mark.anyio
@pytest.mark.slow
async def test_of_many_at_once_with_one_source_id_one_is_made(kept: Kept) -> None:
    made = await asyncio.gather(*(kept.end_user("same") for _ in range(8)), return_exceptions=True)
    assert [isinstance(each, EndUser) for each in made].count(True) == 1
    assert all(isinstance(each, EndUser | SourceIdTaken) for each in made)


@pytest.mark.anyio
@pytest.mark.slow
async def test_of_many_imports_of_one_hash_at_once_one_is_made(kept: Kept) -> None:
    keys, told = kept.core.project_keys, digest("legacy")
    calls = [kept.core.store.write(lambda tx: keys.import_digest(tx, WHO, "old", told)) for _ in range(8)]
    made = await asyncio.gather(*calls, return_exceptions=True)
    assert [isinstance(each, Conflict) for each in made].count(False) == 1


@pytest.mark.anyio
@pytest.mark.slow
async def test_a_link_made_while_its_end_user_goes_goes_with_it(kept: Kept) -> None:
    for number in range(10):
        end_user = (await kept.end_user(str(number))).id
        gone = kept.core.store.write(partial(kept.core.end_users.delete, who=WHO, end_user_id=end_user))
        links = [kept.link(end_user) for _ in range(4)]
        made = await asyncio.gather(*links[:2], gone, *links[2:], return_exceptions=True)
        assert all(isinstance(each, str | NotFound | None) for each in made)
        assert not any([await kept.opens(each) for each in made if isinstance(each, str)])


@pytest.mark.anyio
@pytest.mark.slow
async def test_no_key_made_while_signing_keys_are_replaced_is_lost(kept: Kept) -> None:
    keys, store = kept.core.project_keys, kept.core.store
    calls = [
        store.write(lambda tx: keys.signing.rotate(tx, WHO)) if number % 3 == 0 else store.write(lambda tx: keys.create(tx, WHO, "one"))
        for number in range(18)
    ]
    made = [each[1] for each in await asyncio.gather(*calls) if isinstance(each[1], SecretValue)]
    fresh = make_core(store, kept.core.keys, kept.clock).project_keys
    proven = [await store.read(partial(fresh.prove, token=key.reveal())) for key in made]
    assert len({each.credential for each in proven}) == 12


@pytest.mark.anyio
@pytest.mark.slow
async def test_many_more_end_users_than_one_statement_may_give_are_listed(kept: Kept) -> None:
    core, many = kept.core, 10_500

    def within(tx: Transaction) -> None:
        same = {"project_id": DEFAULT, "company_name": "a", "email": "b", "created_by": "tests"}
        tx.do_each("end_user_insert", [{"id": f"end_usr_{n:06}", "source_id": str(n), "created_at": n} | same for n in range(many)])

    await core.store.write(within)
    found = await core.store.scan(lambda tx: core.end_users.all(tx, DEFAULT))
    assert [each.source_id for each in found] == [str(n) for n in reversed(range(many))]


@pytest.mark.slow
def test_keys_outlive_the_rotation_of_the_keys_above_them(tmp_path: Path) -> None:
    """The master key and the key that signs secret keys are replaced while the server runs; then it starts with nothing in memory."""
    with live_server(tmp_path) as server:
        admin = server.admin()
        key = admin.call("POST", "/api/projects/default/secret-keys", {"name": "kept"})["secretKey"]
        publishable = admin.call("GET", "/api/projects/default")["publishableKey"]
        for what in ("master-key", "project-signing-key"):
            subprocess.run([*COMMAND, "rotate", what, "--data", str(server.data)], check=True, capture_output=True)
            _works(server, key)
        newer = admin.call("POST", "/api/projects/default/secret-keys", {"name": "newer"})["secretKey"]
        assert newer.split(".")[0] != key.split(".")[0]
        server.stop()
        server.start()
        for each in (key, newer):
            _works(server, each)
        assert server.admin().call("GET", "/api/projects/default")["publishableKey"] == publishable


def _works(server: LiveServer, key: str) -> None:
    http = server.api().http
    shop = Shop(server, server.admin(), http)
    assert shop.ask("POST", "/end-users", customer(), key=key).status_code == 200
