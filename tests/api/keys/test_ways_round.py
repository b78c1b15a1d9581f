"""Ways round a ceiling, and round the end of a credential: what is made from data, written inline, above projects, or sent late."""

import json
import socket
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import httpx
import pytest

from stagedoor.api import dispatch
from stagedoor.core import credential, operator
from stagedoor.gate import variables
from tests.api.authorization.tenancy import sign_in
from tests.api.authorization.world import World, new
from tests.api.keys.hand import key_under, made
from tests.gate.doors.stage import system
from tests.support.inside import Inside, inside
from tests.support.server import ADMIN, LiveServer

EXCHANGE = "urn:ietf:params:oauth:grant-type:token-exchange"
ACCESS_TOKEN = "urn:ietf:params:oauth:token-type:access_token"

EVERY_WORKFLOW = [{"type": "WORKFLOW_DEF", "id": "*"}]


def puts(secrets: Any) -> dict[str, Any]:
    return system("UPDATE_SECRET", "up", _secrets=secrets)


def inline(task: dict[str, Any]) -> dict[str, Any]:
    below = {"name": "below", "version": 1, "tasks": [task]}
    return {
        "name": "c",
        "taskReferenceName": "c",
        "type": "SUB_WORKFLOW",
        "subWorkflowParam": {"name": "below", "workflowDefinition": below},
    }


@pytest.fixture
def world(sqlite_server: LiveServer) -> World:
    return World.on(sqlite_server)


@pytest.mark.promise(9)
def test_no_definition_saved_under_a_ceiling_puts_a_secret_that_the_ceiling_leaves_out(sqlite_server: LiveServer, world: World) -> None:
    """At the run its owner would be asked, who may put it."""
    flow = new("flow")
    world.admin.save({"name": flow, "version": 1, "tasks": [{"name": "any", "taskReferenceName": "one"}]})
    narrow = key_under(sqlite_server, world.admin, resources=[{"type": "WORKFLOW_DEF", "id": flow}])
    wide = key_under(sqlite_server, world.admin, access=["READ", "UPDATE", "CREATE"])
    from_data = {"secretKey": "${workflow.input.name}", "secretValue": "any"}
    literal = {"secretKey": world.secret, "secretValue": "any"}
    for task in (puts(literal), puts(from_data), puts("${workflow.input.all}"), inline(puts(literal)), inline(puts(from_data))):
        saved = {"name": flow, "version": 1, "tasks": [task]}
        answer = narrow.raw("PUT", "/api/metadata/workflow", [saved])
        assert (answer.status_code, "within the ceiling of this credential" in answer.text) == (403, True), answer.text
        for whole in (wide, world.admin):
            assert whole.raw("PUT", "/api/metadata/workflow", [saved]).status_code == 200


TERMS = {"issuer": "https://gitlab.example.com", "audience": "https://stagedoor.example.com", "conditions": {"project_id": "20"}}


def cut(url: str, token: str, **ceiling: Any) -> str:
    """The same caller's token under a ceiling (RFC 8693)."""
    form = {"grant_type": EXCHANGE, "subject_token": token, "subject_token_type": ACCESS_TOKEN, "ceiling": json.dumps(ceiling)}
    return str(httpx.post(f"{url}/oauth/token", data=form, timeout=30).json()["access_token"])


@pytest.mark.promise(9)
def test_a_token_cut_to_a_ceiling_does_nothing_above_projects(sqlite_server: LiveServer) -> None:
    token = sign_in(sqlite_server, email=ADMIN, password=sqlite_server.first["password"]).json()["token"]
    body = {"id": new("project"), "name": "any"}
    for ceiling in ({"resources": [{"type": "WORKFLOW_DEF", "id": "any"}]}, {"access": ["EXECUTE"]}, {"roles": ["ADMIN"]}):
        assert sqlite_server.api(cut(sqlite_server.url, token, **ceiling)).raw("POST", "/api/projects", body).status_code == 403
    assert sqlite_server.api(token).raw("POST", "/api/projects", body).status_code == 200


def test_no_credential_is_resumed_by_one_with_a_ceiling(sqlite_server: LiveServer, world: World) -> None:
    """That would be as good as making it. To pause one takes nothing but the right to."""
    application, key = world.admin.application(new("app"), "WORKER")
    secret_key = world.admin.call("POST", "/api/projects/default/secret-keys", {"name": "any"})["id"]
    trust = world.admin.call("POST", f"/api/applications/{application}/trusts", TERMS)["id"]
    wide = key_under(sqlite_server, world.admin, roles=["ADMIN"])
    for path in (
        f"/api/applications/{application}/accessKeys/{key['id']}/status",
        f"/api/projects/default/secret-keys/{secret_key}/status",
        f"/api/applications/{application}/trusts/{trust}/status",
    ):
        assert wide.call("POST", path)["status"] == "INACTIVE"
        answer = wide.raw("POST", path)
        assert (answer.status_code, "missing: a credential without a ceiling" in answer.text) == (403, True)
        assert world.admin.call("POST", path)["status"] == "ACTIVE"


def late(server: LiveServer, key: str, head: str, body: bytes, meanwhile: Callable[[], object]) -> int:
    """The status of a request whose body is sent only when `meanwhile` is done."""
    with socket.create_connection(("127.0.0.1", server.port), timeout=30) as sent:
        fields = (
            f"Host: any\r\nAuthorization: Bearer {key}\r\nExpect: 100-continue\r\nContent-Length: {len(body)}\r\nConnection: close\r\n\r\n"
        )
        sent.sendall(f"{head} HTTP/1.1\r\n{fields}".encode())
        assert b"100" in sent.recv(100)  # the server has seen the credential, and waits for the body
        meanwhile()
        sent.sendall(body)
        return int(sent.recv(100).split()[1])


@pytest.mark.promise(2)
def test_a_key_that_ends_before_its_requests_body_has_come_does_nothing(sqlite_server: LiveServer, world: World) -> None:
    name = new("late")
    for head, body in (("POST /api/keys", b'{"name": "left behind"}'), (f"PUT /api/secrets/{name}", b"value")):
        for method, path in (("DELETE", "/api/keys/{}"), ("POST", "/api/keys/{}/status")):
            key = made(world.admin)
            stop = partial(world.admin.call, method, path.format(key["id"]))
            assert late(sqlite_server, key["key"], head, body, stop) == 401
    assert "left behind" not in [one["name"] for one in world.admin.call("GET", "/api/keys")]
    assert world.admin.raw("GET", f"/api/secrets/{name}").status_code == 404
    assert late(sqlite_server, made(world.admin)["key"], f"PUT /api/secrets/{name}", b"value", lambda: None) == 200


# ---- the same attacks, with the protection taken away


async def _sent(here: Inside, method: str, path: str, body: Any, token: str, meanwhile: Callable[[], Any] | None = None) -> int:
    async def pieces() -> Any:
        if meanwhile is not None:
            await meanwhile()
        yield json.dumps(body).encode()

    headers = {"Authorization": f"Bearer {token}", "Content-Type": "application/json"}
    return (await here.http.request(method, path, content=pieces(), headers=headers)).status_code


@pytest.mark.slow
@pytest.mark.anyio
async def test_without_the_protections_each_way_round_is_open(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    async with inside(tmp_path) as here:
        whole = {"X-Authorization": await here.token()}
        body = {"email": ADMIN, "password": here.first["password"]}
        operators = (await here.http.post("/api/token", json=body)).json()["token"]

        async def key(**ceiling: Any) -> dict[str, Any]:
            found: dict[str, Any] = (await here.http.post("/api/keys", json={"name": "any", "ceiling": ceiling}, headers=whole)).json()
            return found

        async def found() -> list[int]:
            application = (await here.http.post("/api/applications", json={"name": "any"}, headers=whole)).json()["id"]
            access_key = (await here.http.post(f"/api/applications/{application}/accessKeys", headers=whole)).json()["id"]
            status = f"/api/applications/{application}/accessKeys/{access_key}/status"
            trusts = f"/api/applications/{application}/trusts"
            trust = f"{trusts}/{(await here.http.post(trusts, json=TERMS, headers=whole)).json()['id']}/status"
            for paused in (status, trust):
                await here.http.post(paused, headers=whole)
            flow = {"name": new("flow"), "version": 1, "tasks": [puts({"secretKey": "${workflow.input.name}", "secretValue": "any"})]}
            form = {"grant_type": EXCHANGE, "subject_token": operators, "subject_token_type": ACCESS_TOKEN, "scope": "execute"}
            narrow = (await here.http.post("/oauth/token", data=form)).json()["access_token"]
            ended = await key()
            return [
                await _sent(here, "POST", "/api/metadata/workflow", flow, (await key(resources=EVERY_WORKFLOW))["key"]),
                await _sent(here, "POST", "/api/projects", {"id": new("project"), "name": "any"}, narrow),
                await _sent(here, "POST", status, None, (await key(roles=["ADMIN"]))["key"]),
                await _sent(here, "POST", trust, None, (await key(roles=["ADMIN"]))["key"]),
                await _sent(
                    here, "POST", "/api/applications", {"name": "late"}, ended["key"],
                    lambda: here.http.delete(f"/api/keys/{ended['id']}", headers=whole),
                ),
            ]  # fmt: skip

        assert await found() == [403, 403, 403, 403, 401]
        monkeypatch.setattr(variables, "_must_put", lambda *any_of: None)
        monkeypatch.setattr(credential, "refuses_to_make", lambda who: False)
        monkeypatch.setattr(operator.Operators, "is_one", lambda self, tx, who: True)
        monkeypatch.setattr(dispatch, "partial", lambda *any_of: None)
        assert await found() == [200] * 5
