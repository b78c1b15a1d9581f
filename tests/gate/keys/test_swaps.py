"""Sealed bytes and digests moved between rows: an error and an audit row, never another's value."""

import asyncio
import contextlib
import json
import sqlite3
from collections.abc import Callable, Iterator
from pathlib import Path

import httpx
import pytest

from stagedoor.bootstrap import Core, make_core, open_core
from stagedoor.core.credential import Credentials, NewAccessKey
from stagedoor.core.principal import Principal
from stagedoor.core.project import DEFAULT
from stagedoor.kit.clock import SystemClock
from stagedoor.kit.crypto import Key, SealBroken
from stagedoor.kit.errors import Unauthenticated
from stagedoor.kit.secretvalue import SecretValue
from stagedoor.settings import Settings
from stagedoor.store.sqlite import SqliteStore
from stagedoor.store.store import Transaction
from tests.gate.keys.raw import audited, sql, stagedoor, swap
from tests.support import postgres
from tests.support.server import ADMIN, Api, LiveServer, live_server

ONE, OTHER = "value-of-the-first-one", "value-of-the-other-one"


@pytest.fixture(scope="module", params=["sqlite", pytest.param("postgres", marks=pytest.mark.postgres)])
def server(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[LiveServer]:
    """One for all tests here, on each database."""
    with contextlib.ExitStack() as opened:
        url = None
        if request.param == "postgres":
            url = opened.enter_context(postgres.database(request.getfixturevalue("postgres_server")))
        yield opened.enter_context(live_server(tmp_path_factory.mktemp("swaps"), url))


def _version_of(server: LiveServer, name: str) -> str:
    found: str = sql(server, "SELECT secret_id FROM secret WHERE name = ?", name)[0][0]
    return found


def _task(admin: Api, name: str) -> str:
    admin.save(
        {"name": name, "version": 1, "tasks": [{"name": name, "taskReferenceName": "t", "type": "SIMPLE",
         "inputParameters": {"token": "${workflow.secrets.swapped-one}"}}]}
    )  # fmt: skip
    return admin.start(name)


@pytest.mark.slow
def test_sealed_values_in_each_others_rows_open_nowhere_and_the_audit_says_so(server: LiveServer) -> None:
    admin = server.admin()
    admin.put_secret("swapped-one", ONE)
    admin.put_secret("swapped-other", OTHER)
    admin.put_secret("untouched", "stays")
    run = _task(admin, "swapping")
    swap(server, "secret_version", "sealed", "secret_id", _version_of(server, "swapped-one"), _version_of(server, "swapped-other"))
    for name in ("swapped-one", "swapped-other"):
        answer = admin.raw("GET", f"/api/secrets/{name}")
        assert answer.status_code == 500
        assert "do not open" in answer.text
        assert ONE not in answer.text and OTHER not in answer.text
    assert len(audited(server, "refused", "do not open")) == 2
    assert not admin.poll("swapping")
    ended = admin.ended(run)
    assert ended["status"] == "FAILED"
    assert "does not open" in ended["tasks"][0]["reasonForIncompletion"]
    assert audited(server, "refused", "secret.handoff SECRET_NAME swapped-one")
    assert admin.raw("GET", "/api/secrets/untouched").text == "stays"


async def _another_project(server: LiveServer) -> None:
    async with open_core(Settings(data=server.data, database=server.database)) as core:
        await core.store.write(lambda tx: core.projects.create(tx, "another", "another"))


@pytest.mark.slow
def test_data_keys_in_each_others_rows_open_no_secret(server: LiveServer) -> None:
    admin = server.admin()
    admin.put_secret("of-default", ONE)
    asyncio.run(_another_project(server))
    ids = {project: key for key, project in sql(server, "SELECT key_id, project_id FROM data_key")}
    swap(server, "data_key", "sealed", "key_id", ids["default"], ids["another"])
    assert admin.raw("GET", "/api/secrets/of-default").text == ONE  # a running server has its own in memory
    server.stop()
    server.start()
    admin = server.admin()
    assert admin.raw("GET", "/api/secrets/of-default").status_code == 500
    assert audited(server, "refused", "sealed bytes of data_key:default")
    swap(server, "data_key", "sealed", "key_id", ids["default"], ids["another"])


@pytest.mark.slow
def test_a_signing_key_that_is_not_its_rows_stops_the_start_and_the_audit_says_so(sqlite_server_of_its_own: LiveServer) -> None:
    server = sqlite_server_of_its_own
    sql(server, "UPDATE signing_key SET sealed = (SELECT sealed FROM data_key)")
    server.stop()
    with pytest.raises(AssertionError, match=r"sealed bytes of signing_key:.* do not open"):
        server.start()
    assert audited(server, "refused", "sealed bytes of signing_key:")


@pytest.mark.slow
def test_digests_in_each_others_rows_prove_nobody_and_the_audit_says_so(server: LiveServer) -> None:
    admin = server.admin()
    weaker, weak = admin.application("weak", "WORKER")
    _, strong = admin.application("strong", "ADMIN")
    before = server.token(weak["id"], weak["secret"])
    swap(server, "credential", "digest", "id", weak["id"], strong["id"])
    for key_id in (weak["id"], strong["id"]):
        for secret in (weak["secret"], strong["secret"]):
            answer = httpx.post(f"{server.url}/api/token", json={"keyId": key_id, "keySecret": secret})
            assert answer.status_code == 401
            assert answer.json()["message"] == "Invalid access key"
    assert len(audited(server, "refused", "credential.tampered")) == 2
    swap(server, "credential", "digest", "id", weak["id"], strong["id"])
    assert server.token(weak["id"], weak["secret"])
    sql(server, "UPDATE credential SET owner = (SELECT owner FROM credential WHERE id = ?) WHERE id = ?", strong["id"], weak["id"])
    admin.grant(weaker, "SECRET_NAME", "any", "READ")  # what is known of it is looked at anew
    assert server.api(before).raw("GET", "/api/metadata/workflow").status_code == 401
    assert httpx.post(f"{server.url}/api/token", json={"keyId": weak["id"], "keySecret": weak["secret"]}).status_code == 401


@pytest.mark.slow
def test_a_password_of_ones_own_in_the_row_of_another_signs_in_nobody(server: LiveServer) -> None:
    mine = stagedoor(server, "project", "create", "mine", "--admin", "me@example.com", "--json")
    password = json.loads(mine.stdout)["password"]
    assert _signs_in(server, "me@example.com", password, "mine") == 200
    swap(server, "person", "password_hash", "id", "me@example.com", ADMIN)
    assert _signs_in(server, ADMIN, password, "default") == 401
    assert _signs_in(server, ADMIN, server.first["password"], "default") == 401
    assert audited(server, "refused", f"credential.tampered CREDENTIAL password of {ADMIN}")


def _signs_in(server: LiveServer, email: str, password: str, project: str) -> int:
    return httpx.post(f"{server.url}/api/token", json={"email": email, "password": password, "project": project}, timeout=30).status_code


# --- the attack, with the protection taken away -------------------------------------------------------------------------------------

BY = Principal(DEFAULT, "somebody@example.com")


def _world(tx: Transaction, core: Core) -> tuple[NewAccessKey, NewAccessKey]:
    core.projects.create(tx, DEFAULT, DEFAULT)
    core.secrets.put(tx, BY, "one", SecretValue(ONE))
    core.secrets.put(tx, BY, "other", SecretValue(OTHER))
    first, second = (core.applications.create(tx, BY, name).id for name in ("weak", "strong"))
    return core.credentials.create_key(tx, BY, first), core.credentials.create_key(tx, BY, second)


async def _tampered(folder: Path, table: str, column: str, which: str = "TRUE") -> tuple[Core, tuple[NewAccessKey, NewAccessKey]]:
    path = folder / "stagedoor.db"
    core = make_core(SqliteStore(path), Key(bytes(32)), SystemClock())
    await core.store.open()
    keys = await core.store.write(lambda tx: _world(tx, core))
    with sqlite3.connect(path) as raw:
        (one, first), (other, second) = raw.execute(f"SELECT rowid, {column} FROM {table} WHERE {which}").fetchall()
        raw.executemany(f"UPDATE {table} SET {column} = ? WHERE rowid = ?", [(second, one), (first, other)])
    raw.close()
    return core, keys


async def _stolen(core: Core, steal: Callable[[Transaction], object]) -> object:
    try:
        return await core.store.write(steal)
    finally:
        await core.store.close()


@pytest.mark.anyio
@pytest.mark.parametrize("protected", [True, False])
async def test_a_digest_of_ones_own_in_the_row_of_a_stronger_key(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, protected: bool) -> None:
    core, (weak, strong) = await _tampered(tmp_path, "credential", "digest", "kind = 'access_key'")
    if protected:
        with pytest.raises(Unauthenticated):
            await _stolen(core, lambda tx: core.credentials.prove_key(tx, strong.id, weak.secret))
        return
    monkeypatch.setattr(Credentials, "tampered", lambda self, tx, row: None)
    stolen = await _stolen(core, lambda tx: core.credentials.prove_key(tx, strong.id, weak.secret))
    assert isinstance(stolen, Principal) and stolen.credential == strong.id


@pytest.mark.anyio
@pytest.mark.parametrize("protected", [True, False])
async def test_the_bytes_of_a_secret_in_the_row_of_one_that_may_be_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, protected: bool
) -> None:
    if not protected:  # all sealed alike, as by a cipher without associated data
        seal, opened = Key.seal, Key.open
        monkeypatch.setattr(Key, "seal", lambda self, plain, identity: seal(self, plain, ""))
        monkeypatch.setattr(Key, "open", lambda self, sealed, identity: opened(self, sealed, ""))
    core, _ = await _tampered(tmp_path, "secret_version", "sealed")
    if protected:
        with pytest.raises(SealBroken):
            await _stolen(core, lambda tx: core.secrets.open(tx, DEFAULT, "one").value.reveal())
        return
    assert await _stolen(core, lambda tx: core.secrets.open(tx, DEFAULT, "one").value.reveal()) == OTHER
