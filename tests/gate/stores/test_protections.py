"""Each protection of external stores, and what happens where it is taken away."""

import asyncio
import socket
import sqlite3
import threading
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import replace
from typing import Any

import pytest

from stagedoor.api.rules import Permits
from stagedoor.bootstrap import open_core
from stagedoor.core import external
from stagedoor.gate import vault
from stagedoor.gate.address import EgressSettings
from stagedoor.gate.conditions import Conditions
from stagedoor.gate.stores import CacheLimits, Stores
from stagedoor.gate.vault import Vault
from tests.api.authorization.world import new
from tests.gate.doors.stage import Listener, Stage, listening, simple
from tests.gate.stores.shelf import Shelf
from tests.support.openbao import OpenBao
from tests.support.thread import ThreadServer, thread_server

pytestmark = [pytest.mark.promise(6), pytest.mark.slow]


@pytest.fixture(scope="module")
def threaded(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ThreadServer]:
    """In this process, so that a part of it can be taken away."""
    with thread_server(tmp_path_factory.mktemp("threaded"), STAGEDOOR_EGRESS_ALLOW="127.0.0.1") as server:
        yield server


@pytest.fixture
def shelf(threaded: ThreadServer, listener: Listener, openbao: OpenBao) -> Shelf:
    return Shelf.of(Stage(threaded, listener, threaded.admin()), openbao)


@pytest.fixture
def relay() -> Iterator[Listener]:
    with listening() as made:
        yield made


def stores_of(server: ThreadServer) -> Stores:
    assert server.parts is not None
    return server.parts.gate.stores


async def anybody(*_: Any) -> None:
    """In place of a rule's check."""


def test_a_secret_of_one_s_own_is_not_pointed_at_another_team_s_path(shelf: Shelf, monkeypatch: pytest.MonkeyPatch) -> None:
    """Neither by the route's rule nor, were that to fail, by the transaction."""
    author, body = shelf.stage.author, {"store": shelf.name, "path": "team/db", "field": "password"}
    author.put_secret(name := new("mine"), "of my own")
    path = f"/api/secrets/{name}/source"
    assert author.raw("PUT", path, body).status_code == 403
    monkeypatch.setattr(Permits, "check", anybody)
    assert author.raw("PUT", path, body).status_code == 403
    assert author.raw("PUT", f"/api/secret-stores/{shelf.name}", shelf.settings(address="https://thief.example.com")).status_code == 403
    monkeypatch.setattr(external, "_still_administers", lambda tx, who: None)
    author.call("PUT", path, body)
    assert author.call("GET", f"/api/secrets/{name}") == shelf.stage.value


def test_a_path_does_not_leave_its_mount(shelf: Shelf, relay: Listener, monkeypatch: pytest.MonkeyPatch) -> None:
    path, body = f"/api/secrets/{shelf.stage.secret}/source", {"store": shelf.name, "path": "../../other/data/db"}
    assert shelf.admin.raw("PUT", path, body).status_code == 400
    monkeypatch.setattr(external, "check_path", lambda text, field: text)
    shelf.through(relay)
    shelf.admin.call("PUT", path, body)
    shelf.view()
    assert relay.heard[0].target == f"/v1/{shelf.mount}/data/../../other/data/db"


def test_a_worker_without_the_right_causes_no_request(shelf: Shelf, relay: Listener, monkeypatch: pytest.MonkeyPatch) -> None:
    stage, heard = shelf.stage, shelf.through(relay).heard
    stage.run(simple(stage.task, given=stage.key))
    assert stage.worker.poll(stage.task) == [] and heard == []
    monkeypatch.setattr(Conditions, "worker_may_use", lambda *_: None)
    assert stage.worker.poll(stage.task, timeout=20_000)[0]["inputData"] == {"given": stage.value} and len(heard) == 1


@pytest.mark.parametrize("without_default", [False, True])
def test_denied_paths_burn_no_logins(without_default: bool, shelf: Shelf, monkeypatch: pytest.MonkeyPatch) -> None:
    """End to end, with a secretId that is good for two logins: whoever reads what the store denies uses up none of them."""
    shelf.by_role(secret_id_num_uses=2, token_no_default_policy=without_default)
    denied = [new("denied") for _ in range(5)]
    for name in denied:
        shelf.point(name, path=f"others/{name}")
    policy = "the policy of its token does not allow to read others/"
    assert all(policy in shelf.view(name).json()["message"] for name in denied[:3])
    assert shelf.view().text == shelf.stage.value

    async def dropped(*_: Any) -> bool:
        return False

    monkeypatch.setattr(Vault, "_is_good", dropped)
    messages = [shelf.view(name).json()["message"] for name in denied[3:]]
    assert messages[-1] == f"store {shelf.name}: it refuses the AppRole's roleId or secretId"  # the second login was the last one
    shelf.admin.call("GET", "/api/secrets/clearLocalCache")
    assert shelf.view().status_code == 503


def test_logins_of_a_store_are_bounded_in_time(shelf: Shelf, relay: Listener, monkeypatch: pytest.MonkeyPatch) -> None:
    """Of tokens that are good for one use each read takes a new one."""
    _, pair = shelf.by_role(token_num_uses=1)
    shelf.through(relay)

    def logins(reads: int) -> int:
        shelf.register(address=relay.url, token=None, **pair)  # its count begins anew
        relay.heard.clear()
        for _ in range(reads):
            shelf.admin.call("GET", "/api/secrets/clearLocalCache")
            shelf.view()
        return len([heard for heard in relay.heard if heard.method == "POST"])

    monkeypatch.setattr(vault, "MOST_LOGINS", 3)
    assert logins(8) == 3
    assert "its AppRole had to log in 3 times within 60 s" in shelf.view().json()["message"]
    monkeypatch.setattr(Vault, "_count_login", lambda *_: None)
    assert logins(8) == 8


def test_a_store_s_address_is_checked_like_a_workflow_s(shelf: Shelf, monkeypatch: pytest.MonkeyPatch) -> None:
    """One that nobody allowed is neither taken nor, were it taken, reached."""
    with knocked() as (port, knocks):
        forbidden, check = {"address": f"https://127.0.0.2:{port}"}, f"/api/secret-stores/{shelf.name}/check"
        refused = shelf.admin.raw("PUT", f"/api/secret-stores/{shelf.name}", shelf.settings(**forbidden))
        assert refused.status_code == 400 and "loopback address" in refused.text
        with monkeypatch.context() as without:
            without.setattr(EgressSettings, "check", lambda *_: None)
            shelf.register(**forbidden)
        assert "loopback address" in shelf.admin.call("POST", check)["message"] and knocks == []
        monkeypatch.setattr(EgressSettings, "check", lambda *_: None)
        shelf.admin.call("POST", check)
        assert knocks != []


@contextmanager
def knocked() -> Iterator[tuple[int, list[str]]]:
    """A port, and who connected to it."""
    knocks: list[str] = []
    with socket.create_server(("127.0.0.2", 0)) as server:

        def answer() -> None:
            while True:
                try:
                    connection, peer = server.accept()
                except OSError:
                    return
                knocks.append(peer[0])
                connection.close()

        thread = threading.Thread(target=answer)
        thread.start()
        try:
            yield server.getsockname()[1], knocks
        finally:
            server.shutdown(socket.SHUT_RDWR)
            thread.join()


def test_a_credential_moved_to_another_store_s_row_does_not_open(
    shelf: Shelf, threaded: ThreadServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It would be sent to the other store's address."""
    other = new("other")
    shelf.register(other, token="token-of-another-store")
    with closing(sqlite3.connect(threaded.data / "stagedoor.db", timeout=10)) as database:
        move = "UPDATE secret_store SET sealed = (SELECT sealed FROM secret_store WHERE name = ?) WHERE name = ?"
        database.execute(move, (other, shelf.name))
        database.commit()
    assert shelf.view().status_code == 500
    assert f"store {shelf.name}: sealed bytes of secret_store:default:{shelf.name}".encode() in shelf.stage.stored()  # in the audit
    monkeypatch.setattr(external, "store_identity", lambda *_: "the same for all")
    for name in (other, shelf.name):
        shelf.register(name, token=f"token-of-{name}")
    with closing(sqlite3.connect(threaded.data / "stagedoor.db", timeout=10)) as database:
        database.execute(move, (other, shelf.name))
        database.commit()
    assert asyncio.run(_opened(threaded, shelf.name)) == f"token-of-{other}"


async def _opened(server: ThreadServer, name: str) -> str:
    async with open_core(server.settings) as core:
        store = await core.store.read(lambda tx: core.external.opened(tx, "default", name))
    return store.credential.reveal()


def test_what_is_known_is_bounded(shelf: Shelf, threaded: ThreadServer, monkeypatch: pytest.MonkeyPatch) -> None:
    stores = stores_of(threaded)
    names = [new("many") for _ in range(8)]
    for name in names:
        shelf.put(f"value-of-{name}", path=f"team/{name}")
        shelf.point(name, path=f"team/{name}")
    monkeypatch.setattr(stores, "limits", replace(stores.limits, values=3))
    for name in names * 2:
        assert shelf.view(name).text == f"value-of-{name}"
        assert len(stores._marks) <= 3
    monkeypatch.setattr(stores, "limits", CacheLimits())
    assert [shelf.view(name).status_code for name in names] == [200] * 8 and len(stores._marks) >= 8


def test_nothing_in_memory_prints_a_value_or_a_token(shelf: Shelf, threaded: ThreadServer) -> None:
    assert shelf.view().text == shelf.stage.value
    told = repr(stores_of(threaded)) + repr(external.NewStore("vault-kv-v2", "https://a", token=shelf.token))
    assert shelf.stage.value not in told and shelf.token not in told
