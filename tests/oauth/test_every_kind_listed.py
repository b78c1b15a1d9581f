"""An administrator sees every kind of credential: `GET /api/usage/credentials` and `stagedoor keys list`, each told as it is."""

import json
import time
from pathlib import Path
from typing import Any

import httpx
import pytest
from typer.testing import CliRunner

from stagedoor.cli import app
from stagedoor.core.usage import HOUR
from tests.api.authorization.world import new
from tests.api.session.browser import Browser
from tests.oauth.conftest import Trusting
from tests.oauth.oauth import EXCHANGE, ID_TOKEN
from tests.rotation.turned import turned_server
from tests.support.issuer import GITHUB, github
from tests.support.server import ADMIN, Api, LiveServer

pytestmark = pytest.mark.slow
PATH = "/api/usage/credentials"
NEVER_SHOWN = ("publishable_key", "invite")
"""No request comes by one."""
OWNERS = {
    "secret_key": "project:default", "publishable_key": "project:default", "session": ADMIN, "console_session": ADMIN, "invite": "invited"
}  # fmt: skip
KINDS = {"access_key", "api_key", "secret_key", "publishable_key", "federated", "session", "console_session", "invite"}


def by_command(server: LiveServer, *words: str) -> list[dict[str, Any]]:
    done = CliRunner().invoke(app, ["keys", "list", "--data", str(server.data), "--json", *words])
    assert done.exit_code == 0, done.output
    found: list[dict[str, Any]] = json.loads(done.stdout)
    return found


def every(api: Api, **query: str) -> dict[str, dict[str, Any]]:
    return {one["id"]: one for one in api.call("GET", f"{PATH}?{httpx.QueryParams(query)}")}


def one_of_each(trusting: Trusting) -> dict[str, str]:
    """Kind -> id, each of them made here and used."""
    server, admin, application = trusting.client.server, trusting.client.server.admin(), trusting.client.application
    before = set(every(admin))
    key = admin.call("POST", f"/api/applications/{application}/accessKeys")
    server.api(server.token(key["id"], key["secret"])).call("GET", "/api/token/userInfo")
    api_key = admin.call("POST", "/api/keys", {"name": new("listed")})
    secret_key = admin.call("POST", "/api/projects/default/secret-keys", {"name": new("listed")})
    for path, secret in (("/api/token/userInfo", api_key["key"]), ("/v1/end-users", secret_key["secretKey"])):
        assert httpx.get(f"{server.url}{path}", headers={"Authorization": f"Bearer {secret}"}).status_code == 200
    trust = trusting.trust(GITHUB, {"repository_id": "74"}, name="deploys")
    body = {"grant_type": EXCHANGE, "client_id": application, "subject_token_type": ID_TOKEN}
    answer = trusting.client.send("token", body | {"subject_token": trusting.issuer(GITHUB).token(github())}, auth=None)
    server.api(answer.json()["access_token"]).call("GET", "/api/token/userInfo")
    person = httpx.post(f"{server.url}/api/token", json={"email": server.first["user"], "password": server.first["password"]})
    server.api(person.json()["token"]).call("GET", "/api/token/userInfo")
    console = Browser.at(server)
    assert console.sign_in().status_code == 200
    console.api().call("GET", "/api/token/userInfo")
    name = new("invited")
    admin.call("PUT", f"/api/users/{name}", {"name": name})
    admin.call("POST", f"/api/users/{name}/sendInviteEmail", {})
    known = {"access_key": key["id"], "api_key": api_key["id"], "secret_key": secret_key["id"], "federated": trust}
    fresh = {one["kind"]: one["id"] for one in every(admin).values() if one["id"] not in before}
    return fresh | known


def test_each_kind_is_listed_as_what_it_is_with_its_use(trusting: Trusting) -> None:
    made, server = one_of_each(trusting), trusting.client.server
    admin = server.admin()
    assert KINDS - {"publishable_key"} == made.keys()
    made |= {"publishable_key": next(iter(every(admin, kind="publishable_key")))}

    deadline, used = time.monotonic() + 15, [made[kind] for kind in made if kind not in NEVER_SHOWN]
    while not all(every(admin)[one]["lastUsedAt"] for one in used):
        assert time.monotonic() < deadline, [one for one in every(admin).values() if one["id"] in used and not one["lastUsedAt"]]
        time.sleep(0.1)
    found = every(admin)
    for kind, one in made.items():
        told = found[one]
        assert (told["kind"], told["status"]) == (kind, "ACTIVE")
        assert told["uses24h"] >= 1 or kind in NEVER_SHOWN, kind
        assert told["owner"].startswith(OWNERS.get(kind, "app:")), told
        assert (told["mask"] is not None) == (kind not in ("federated", "session", "console_session", "invite"))
        assert (told["expiresAt"] is not None) == (kind in ("session", "console_session", "invite"))
    assert found[made["federated"]]["name"] == "deploys"
    assert {one["id"]: one["kind"] for one in by_command(server)} == {one["id"]: one["kind"] for one in every(admin).values()}
    for kind in made:
        assert (
            {one["kind"] for one in by_command(server, "--kind", kind)}
            == {kind}
            == {one["kind"] for one in every(admin, kind=kind).values()}
        )


def test_a_rotated_key_tells_its_successor_and_its_end_and_stays_when_it_is_retired(trusting: Trusting) -> None:
    server, admin = trusting.client.server, trusting.client.server.admin()
    key = admin.call("POST", "/api/keys", {"name": new("rotated")})["id"]
    made = admin.call("POST", f"/api/keys/{key}/rotate", {"retireAfterIdleHours": 36})["id"]
    found = every(admin)
    assert (found[key]["retireAfterIdleHours"], found[key]["status"], found[made]["replaces"]) == (36, "ACTIVE", key)
    drawn = CliRunner().invoke(app, ["keys", "list", "--kind", "api_key", "--data", str(server.data)]).stdout
    assert "unused 36 h" in next(line for line in drawn.splitlines() if key in line)
    admin.call("POST", f"/api/keys/{key}/rollback")
    admin.call("POST", f"/api/keys/{key}/rotate", {"now": True})
    assert every(admin)[key]["status"] == "RETIRED"


def test_who_is_no_administrator_sees_those_it_may_manage(trusting: Trusting) -> None:
    server, own = trusting.client.server, trusting.client
    api = server.api(own.token())
    made = one_of_each(trusting)
    assert {one["owner"] for one in every(api).values()} == {f"app:{own.application}"}
    assert made["secret_key"] not in every(api) and made["console_session"] not in every(api)


def test_a_console_session_that_nobody_used_for_an_hour_is_over_and_not_listed(tmp_path: Path) -> None:
    with turned_server(tmp_path) as (server, clock):
        assert Browser.at(server).sign_in().status_code == 200
        kinds = [one["kind"] for one in every(server.admin()).values()]
        assert "console_session" in kinds
        clock.ahead += HOUR + 1
        left = {one["kind"] for one in every(server.admin()).values()}
        assert "console_session" not in left and {"access_key", "publishable_key"} <= left


def test_pages_are_by_id(trusting: Trusting) -> None:
    admin = trusting.client.server.admin()
    ids = [one["id"] for one in admin.call("GET", PATH)]
    assert ids == sorted(ids) and len(ids) > 3
    assert [one["id"] for one in admin.call("GET", f"{PATH}?after={ids[2]}")] == ids[3:]
