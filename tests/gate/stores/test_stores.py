"""Stores and sources over the API: what is shown, what is refused, and ways to show a store who one is."""

import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.api.authorization.world import new
from tests.gate.doors.stage import Stage, listening, simple
from tests.gate.stores.shelf import Shelf
from tests.support import postgres
from tests.support.openbao import OpenBao, openbao_server
from tests.support.server import Api, LiveServer, live_server

pytestmark = [pytest.mark.promise(3), pytest.mark.slow]
NAMED = {"kind": "vault-kv-v2", "address": "https://vault.example.com", "token": "a-token-of-a-store"}
WRONG: dict[str, dict[str, Any]] = {
    "address": {"address": "http://vault.example.com"},
    "address of a file": {"address": "file:///etc/passwd"},
    "address with a query": {"address": "https://vault.example.com/?a=b"},
    "address that is private": {"address": "https://10.0.0.1"},
    "address of metadata": {"address": "https://169.254.169.254"},
    "address with a password": {"address": "https://me:pw@vault.example.com"},
    "mount": {"mount": "../sys"},
    "mount that is encoded": {"mount": "a%2f..%2fsys"},
    "namespace": {"namespace": "a\nX-Other: b"},
    "token": {"token": "a b"},
    "token that is hidden": {"token": "***"},
    "token that is missing": {"token": None},
    "token with a role": {"roleId": "r", "secretId": "s"},
    "token with half a role": {"token": None, "roleId": "r"},
    "kind": {"kind": "file"},
    "unknown": {"caFile": "/etc/passwd"},
}


def test_a_credential_is_never_shown_again(stage: Stage) -> None:
    name = new("store")
    shown = stage.admin.call("PUT", f"/api/secret-stores/{name}", NAMED)
    assert {key: shown[key] for key in ("name", "kind", "address", "mount", "token")} == {
        "name": name, "kind": "vault-kv-v2", "address": "https://vault.example.com", "mount": "secret", "token": "***",
    }  # fmt: skip
    listed = [one for one in stage.admin.call("GET", "/api/secret-stores") if one["name"] == name]
    assert listed == [shown] == [stage.admin.call("GET", f"/api/secret-stores/{name}")]
    assert NAMED["token"].encode() not in stage.stored()


@pytest.mark.parametrize("kind", WRONG)
def test_what_no_store_may_be_is_refused_by_its_field(stage: Stage, kind: str) -> None:
    name = new("store")
    answer = stage.admin.raw("PUT", f"/api/secret-stores/{name}", NAMED | WRONG[kind])
    assert answer.status_code == 400, answer.text
    assert answer.json()["message"].startswith(kind.split()[0]) or kind in ("kind", "unknown"), answer.text
    assert NAMED["token"] not in answer.text and stage.admin.raw("GET", f"/api/secret-stores/{name}").status_code == 404


def test_a_path_stays_where_it_is(shelf: Shelf) -> None:
    for path in ("../other", "a/../b", "a//b", "/a", "a/", "a?version=1", "a#b", "a%2f..", "a b", "a\nb", ".", ""):
        answer = shelf.admin.raw("PUT", f"/api/secrets/{shelf.stage.secret}/source", {"store": shelf.name, "path": path})
        assert answer.status_code == 400 and answer.json()["validationErrors"][0]["path"] == "path", answer.text


def test_a_store_in_which_secrets_live_is_not_deleted(shelf: Shelf) -> None:
    answer = shelf.admin.raw("DELETE", f"/api/secret-stores/{shelf.name}")
    assert (answer.status_code, answer.json()["message"]) == (409, f"store {shelf.name}: secrets live in it: {shelf.stage.secret}")
    shelf.admin.call("DELETE", f"/api/secrets/{shelf.stage.secret}")
    shelf.admin.call("DELETE", f"/api/secret-stores/{shelf.name}")
    assert shelf.admin.raw("GET", f"/api/secret-stores/{shelf.name}").status_code == 404


def test_a_value_is_not_put_over_one_that_lives_elsewhere(shelf: Shelf) -> None:
    path = f"/api/secrets/{shelf.stage.secret}"
    answer = shelf.admin.raw("PUT", path, b"of my own", headers={"Content-Type": "text/plain"})
    assert answer.status_code == 409 and f"DELETE {path}/source" in answer.json()["message"]
    assert shelf.admin.call("GET", path + "/source") == {"store": shelf.name, "path": "team/db", "field": "password"}
    shelf.admin.call("DELETE", path + "/source")
    assert shelf.view().text == shelf.stage.value
    shelf.admin.put_secret(shelf.stage.secret, "of my own")
    assert shelf.view().text == "of my own"
    assert shelf.admin.raw("GET", path + "/source").status_code == 404


def test_a_secret_may_be_made_there_and_is_like_any_other(shelf: Shelf) -> None:
    """Names, rights and tags need no store."""
    name, stage = new("secret"), shelf.stage
    shelf.point(name, path="team/nothing-yet")
    assert shelf.admin.call("GET", f"/api/secrets/{name}/exists") is True
    assert name in shelf.admin.call("GET", "/api/secrets")
    shelf.admin.call("PUT", f"/api/secrets/{name}/tags", [{"key": "team", "value": "a"}])
    assert stage.author.raw("GET", f"/api/secrets/{name}").status_code == 403
    assert shelf.view(name).status_code == 404
    assert shelf.admin.raw("DELETE", f"/api/secrets/{name}/source").status_code == 409  # it has no value to keep
    shelf.put("there-now", path="team/nothing-yet")
    shelf.admin.call("GET", "/api/secrets/clearLocalCache")
    assert shelf.view(name).text == "there-now"


def test_who_may_change_a_secret_may_not_move_it(shelf: Shelf) -> None:
    """The store's token reads every team's paths: pointing a secret of one's own at them would read them."""
    stage = shelf.stage
    stage.author.put_secret(name := new("mine"), "a value")
    body = {"store": shelf.name, "path": "team/db"}
    answer = stage.author.raw("PUT", f"/api/secrets/{name}/source", body)
    assert answer.status_code == 403 and stage.author.call("GET", f"/api/secrets/{name}") == "a value"


def test_by_approle(shelf: Shelf) -> None:
    bao = shelf.vault
    role, pair = shelf.by_role()
    shown = shelf.admin.call("GET", f"/api/secret-stores/{shelf.name}")
    assert (shown["roleId"], shown["secretId"], shown["authMount"]) == (pair["roleId"], "***", "approle") and "token" not in shown
    assert shelf.view().text == shelf.stage.value
    for accessor in bao.call("LIST", "auth/token/accessors").json()["data"]["keys"]:  # what it was given is taken away: it asks anew
        if _is_of(bao, accessor, role):
            bao.call("POST", "auth/token/revoke-accessor", {"accessor": accessor})
    shelf.put("after-the-new-login")
    shelf.admin.call("GET", "/api/secrets/clearLocalCache")
    assert shelf.view().text == "after-the-new-login"
    shelf.register(token=None, roleId=pair["roleId"], secretId="of-nobody")
    assert shelf.view().json()["message"] == f"store {shelf.name}: it refuses the AppRole's roleId or secretId"


def _is_of(bao: OpenBao, accessor: str, policy: str) -> bool:
    found = bao.call("POST", "auth/token/lookup-accessor", {"accessor": accessor}, status=None).json()
    return policy in (found.get("data") or {}).get("policies", [])


def test_a_check_tells_what_is_wrong(shelf: Shelf) -> None:
    def told(**changed: Any) -> tuple[bool, str]:
        shelf.register(**changed)
        found = shelf.admin.call("POST", f"/api/secret-stores/{shelf.name}/check")
        return found["ok"], found["message"].partition(": ")[2] or found["message"]

    assert told()[0] is True
    assert told(token="s.of-nobody") == (False, f"it refuses the token: revoked, expired, or without any right in the mount {shelf.mount}")
    assert told(mount="cubbyhole", token=shelf.vault.root) == (False, "cubbyhole is no mount of KV version 2")
    assert told(address="http://127.0.0.1:1") == (False, "the request to it failed: 127.0.0.1: the connection was refused")
    assert shelf.admin.raw("POST", "/api/secret-stores/none-such/check").status_code == 404


def test_doctor_names_a_store_that_cannot_be_used(tmp_path: Path, openbao: OpenBao) -> None:
    with listening() as listener, live_server(tmp_path, STAGEDOOR_EGRESS_ALLOW="127.0.0.1") as server:
        shelf = Shelf.of(Stage(server, listener, server.admin()), openbao)
        assert _doctor(server) == (0, "no findings\n")
        shelf.register(token="s.of-nobody")
        status, said = _doctor(server)
        assert status == 1 and said.startswith(f"secret store of project default: store {shelf.name}: it refuses the token: ")
        assert "s.of-nobody" not in said


def _doctor(server: LiveServer) -> tuple[int, str]:
    process = server.run("doctor", stdout=subprocess.PIPE)
    said, _ = process.communicate(timeout=60)
    return process.returncode, said.decode()


@pytest.fixture(scope="module")
def encrypted() -> Iterator[OpenBao]:
    with openbao_server(tls=True) as server:
        yield server


def test_over_tls_by_the_operator_s_certificate(encrypted: OpenBao, tmp_path: Path) -> None:
    environment = {"STAGEDOOR_EGRESS_ALLOW": "127.0.0.1", "STAGEDOOR_EGRESS_CA": str(encrypted.ca)}
    with listening() as listener, live_server(tmp_path, **environment) as server:
        shelf = Shelf.of(Stage(server, listener, server.admin()), encrypted)
        assert shelf.settings()["address"].startswith("https://") and shelf.view().text == shelf.stage.value


def test_a_certificate_that_nobody_vouched_for_is_refused(stage: Stage, encrypted: OpenBao) -> None:
    shelf = Shelf.of(stage, encrypted)
    assert "its certificate is not trusted" in shelf.view().json()["message"]


@pytest.mark.postgres
def test_on_postgresql(tmp_path: Path, openbao: OpenBao, postgres_server: str) -> None:
    """A new value, and ten tasks that want it: one version."""
    with (
        postgres.database(postgres_server) as url,
        listening() as listener,
        live_server(tmp_path, url, STAGEDOOR_EGRESS_ALLOW="127.0.0.1") as server,
    ):
        shelf = Shelf.of(Stage(server, listener, server.admin()), openbao)
        _many_at_once(shelf)


def _many_at_once(shelf: Shelf) -> None:
    stage, before = shelf.stage, shelf.versions()
    shelf.put("for-many")
    stage.save(simple(stage.task, given=stage.key))
    for _ in range(10):
        stage.author.start(stage.name)
    worker: Api = stage.entitled
    tasks = [task for _ in range(5) for task in worker.poll(stage.task, count=2, timeout=2000)]
    assert [task["inputData"] for task in tasks] == [{"given": "for-many"}] * 10
    assert shelf.versions() == [before[0] + 1, *before]
