"""Nobody hands out what they do not hold (promise 10), and what is kept says who did what."""

import json
import sqlite3
from functools import partial
from pathlib import Path

import pytest

from stagedoor.core.audit import Audit
from stagedoor.core.principal import Principal
from stagedoor.core.role import UNRESTRICTED
from stagedoor.kit.clock import ManualClock
from stagedoor.kit.crypto import Key
from stagedoor.kit.ids import new_id
from stagedoor.kit.passwords import hash_password, password_matches
from stagedoor.store import Transaction
from stagedoor.store.sqlite import SqliteStore
from tests.api.authorization.world import new
from tests.support.server import Api, LiveServer


def _caller(server: LiveServer, *roles: str) -> tuple[str, Api]:
    made, key = server.admin().application(new("caller"), *roles)
    return made, server.api(server.token(key["id"], key["secret"]))


@pytest.mark.promise(10)
@pytest.mark.parametrize("role", sorted(UNRESTRICTED - {"APPLICATION_MANAGER"}))
def test_who_manages_applications_takes_no_key_of_one_with_a_greater_role(sqlite_server: LiveServer, role: str) -> None:
    great, _ = _caller(sqlite_server, role)
    plain, _ = _caller(sqlite_server, "WORKER")
    _, manager = _caller(sqlite_server, "APPLICATION_MANAGER")
    refused = manager.call("POST", f"/api/applications/{great}/accessKeys", status=403)
    assert f"missing: role {role}" in refused["message"]
    manager.call("POST", f"/api/applications/{plain}/accessKeys")


def test_who_holds_the_role_too_makes_keys_of_its_own(sqlite_server: LiveServer) -> None:
    made, manager = _caller(sqlite_server, "APPLICATION_MANAGER")
    manager.call("POST", f"/api/applications/{made}/accessKeys")


def test_an_application_that_is_not_there_has_no_keys(sqlite_server: LiveServer) -> None:
    admin, nowhere = sqlite_server.admin(), new("nowhere")
    assert nowhere in admin.call("POST", f"/api/applications/{nowhere}/accessKeys", status=404)["message"]
    admin.call("GET", f"/api/applications/{nowhere}/accessKeys", status=404)


def test_a_policy_with_a_misspelt_field_is_refused_and_does_not_open_the_secret(sqlite_server: LiveServer) -> None:
    admin, name = sqlite_server.admin(), new("secret")
    admin.put_secret(name, "value-of-it")
    admin.call("PUT", f"/api/secrets/{name}/policy", {"hosts": ["api.example.com"]})
    admin.call("PUT", f"/api/secrets/{name}/policy", {"host": ["other.example.com"]}, status=400)
    assert admin.call("GET", f"/api/secrets/{name}/policy")["hosts"] == ["api.example.com"]


def test_a_password_of_half_characters_is_a_wrong_password() -> None:
    assert not password_matches(hash_password("correct horse battery"), "\ud800" * 20)


@pytest.mark.anyio
async def test_a_refusal_counted_up_by_another_credential_keeps_a_mac_of_its_own_columns(tmp_path: Path) -> None:
    store = SqliteStore(tmp_path / "stagedoor.db")
    await store.open()
    audit = Audit(lambda tx: Key(b"k" * 32), ManualClock(), new_id)
    who = [Principal("p", "app:a", credential) for credential in ("one", "two", "one")]

    def refuse(tx: Transaction, by: Principal) -> None:
        audit.refusal(tx, by, "access", "SECRET_NAME x", "READ")

    for each in who:
        await store.write(partial(refuse, by=each))
    await store.close()
    with sqlite3.connect(tmp_path / "stagedoor.db") as database:
        database.row_factory = sqlite3.Row
        rows = database.execute("SELECT * FROM audit").fetchall()
    assert sorted((row["credential"], row["count"]) for row in rows) == [("one", 2), ("two", 1)]
    for row in rows:
        names = ("audit_id", "project_id", "at", "actor", "credential", "action", "target", "outcome", "detail", "count")
        assert row["mac"] == Key(b"k" * 32).mac(json.dumps([row[name] for name in names]).encode())
