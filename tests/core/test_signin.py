"""Signing in against what happens at the same time, and operators of a store that is older than they are."""

import asyncio
import shutil
import threading
from pathlib import Path
from typing import Any

import pytest

from stagedoor.bootstrap import Core, make_core
from stagedoor.core import signin
from stagedoor.core.password import bound
from stagedoor.core.principal import Principal
from stagedoor.core.signin import Entry
from stagedoor.kit.clock import SystemClock
from stagedoor.kit.crypto import make_master_key
from stagedoor.store import Schema, Store
from stagedoor.store.statements import HOME
from stagedoor.store.store import Transaction
from tests.conftest import NewStore

ADMIN, BY = "admin@example.com", Principal("p", "admin@example.com")
EMAIL = "person@example.com"
OLD_ROWS = """
INSERT INTO project (id, name, settings, created_at) VALUES ('default', 'default', '{}', 1), ('q', 'q', '{}', 1);
INSERT INTO person (id, password_hash, created_at) VALUES ('a', NULL, 1), ('b', NULL, 1), ('c', NULL, 1);
INSERT INTO account (project_id, user_id, person_id, uuid, name, created_at)
VALUES ('default', 'a', 'a', '1', 'a', 1), ('default', 'b', 'b', '2', 'b', 1), ('q', 'c', 'c', '3', 'c', 1);
INSERT INTO subject_role (project_id, subject, role, granted_by, granted_at)
VALUES ('default', 'USER:a', 'ADMIN', 'x', 1), ('default', 'USER:b', 'USER', 'x', 1), ('default', 'USER:app:1', 'ADMIN', 'x', 1),
('q', 'USER:b', 'ADMIN', 'x', 1), ('q', 'USER:c', 'ADMIN', 'x', 1);
"""


@pytest.fixture
async def core(store: Store, tmp_path: Path) -> Core:
    made = make_core(store, make_master_key(tmp_path / "key"), SystemClock())

    def first(tx: Transaction) -> None:
        made.projects.create(tx, "p", "p")
        made.directory.create(tx, BY, ADMIN, "hash", ["ADMIN"])
        made.directory.create(tx, BY, EMAIL, "hash", ["USER"])

    await store.write(first)
    return made


class Pausing:
    """A transaction that waits for `others` before it deletes an account, a second at most."""

    def __init__(self, tx: Transaction, reached: threading.Event, others: threading.Event) -> None:
        self._tx, self._reached, self._others = tx, reached, others

    def __getattr__(self, name: str) -> Any:
        return getattr(self._tx, name)

    def do(self, name: str, /, **params: Any) -> int:
        if name == "account_delete":
            self._reached.set()
            self._others.wait(1)
        return self._tx.do(name, **params)


async def sign_in_while_deleting(core: Core) -> Principal | None:
    """The session, if any, of a sign-in that comes when the account's credentials are gone and its row is not yet."""
    reached, signed_in = threading.Event(), threading.Event()

    async def sign_in() -> Principal | None:
        entry = await core.store.read(lambda tx: core.sign_ins.find(tx, EMAIL, "p"))
        assert entry == Entry("p", EMAIL, EMAIL, "hash")
        await asyncio.to_thread(reached.wait, 5)
        try:
            return await core.store.write(lambda tx: core.sign_ins.open(tx, entry, 2**50))
        finally:
            signed_in.set()

    deletion = core.store.write(lambda tx: core.directory.delete(Pausing(tx, reached, signed_in), BY, EMAIL))  # type: ignore[arg-type]
    _, who = await asyncio.gather(deletion, sign_in())
    return who


@pytest.mark.anyio
@pytest.mark.promise(2)
async def test_no_session_outlives_the_account_it_was_opened_for(core: Core) -> None:
    assert await sign_in_while_deleting(core) is None


@pytest.mark.anyio
@pytest.mark.postgres
@pytest.mark.parametrize("database", ["postgres"], indirect=True)
async def test_without_its_turn_a_sign_in_would_outlive_the_account(core: Core, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(signin, "name_changed", lambda tx, project, kind, name: None)
    who = await sign_in_while_deleting(core)
    assert who is not None and who.credential is not None
    credential = who.credential
    assert await core.store.read(lambda tx: core.credentials.alive(tx, credential)) == who
    assert await core.store.read(lambda tx: core.directory.account(tx, "p", EMAIL)) is None


@pytest.mark.anyio
async def test_a_password_that_was_changed_meanwhile_opens_nothing(core: Core) -> None:
    entry = await core.store.read(lambda tx: core.sign_ins.find(tx, EMAIL, None))
    assert entry is not None
    await core.store.write(lambda tx: tx.do("person_set_password", person_id=EMAIL, password_hash=bound(tx, core.keys, EMAIL, "another")))
    assert await core.store.write(lambda tx: core.sign_ins.open(tx, entry, 2**50)) is None


@pytest.mark.anyio
async def test_administrators_of_default_are_operators_of_a_store_that_is_older(new_store: NewStore, tmp_path: Path) -> None:
    folder = tmp_path / "older"
    folder.mkdir()
    older = ["0001_identity.sql", "0002_engine.sql", "0003_names.sql", "0004_groups.sql"]
    for name in older:
        shutil.copy(HOME / "migrations" / name, folder)
    (folder / "0005_rows.sql").write_text(OLD_ROWS)
    shutil.copy(HOME / "migrations" / "0005_projects.sql", folder / "0006_projects.sql")
    store = new_store(schema=Schema(migrations=folder))
    await store.open()
    assert [row["person_id"] for row in await store.scan(lambda tx: tx.all("operators"))] == ["a"]
