"""A key with a ceiling: on every route what its owner may and its ceiling allows, and never more (promises 9 and 10)."""

import re
from pathlib import Path
from typing import Any

import pytest

from stagedoor.api import app
from stagedoor.api.routes import ROUTES
from stagedoor.api.rules import Authenticated, Public, ShowsSecretKey
from stagedoor.core import credential, grant
from tests.api.authorization.world import World, definition, new
from tests.api.keys.hand import bearer, key_under, made
from tests.support.inside import Inside, inside
from tests.support.server import Api, LiveServer

pytestmark = pytest.mark.promise(9, 10)
READS = {"readOnly": True}
FOR_CALLERS = [route for route in ROUTES if route.changes and not isinstance(route.rule, Public | ShowsSecretKey)]
CLEARS = ("/api/secrets/clearLocalCache", "/api/secrets/clearRedisCache")
"""They are answered to GET, and have whatever lives in an external store fetched anew."""


@pytest.fixture
def world(sqlite_server: LiveServer) -> World:
    return World.on(sqlite_server)


def test_a_key_that_only_reads_changes_nothing_by_any_route(sqlite_server: LiveServer, world: World) -> None:
    """Of an administrator's. A body that is none is told first; nothing is ever looked for, found or done."""
    reader = key_under(sqlite_server, world.admin, **READS)
    found = {}
    for route in FOR_CALLERS:
        body = [] if str(route.body).startswith("list") else {"name": "any"}
        found[f"{route.method} {route.path}"] = reader.raw(route.method, re.sub(r"\{\w+\}", "any", route.path), body).status_code
    assert {cell: status for cell, status in found.items() if status not in (400, 403)} == {}
    assert sum(status == 403 for status in found.values()) > 40
    assert reader.raw("GET", "/api/tasks/poll/any").status_code == 403
    assert [found[f"GET {path}"] for path in CLEARS] == [403, 403]


def test_what_only_reads_stays_open_to_it(sqlite_server: LiveServer, world: World) -> None:
    reader = key_under(sqlite_server, world.owner, **READS)
    assert reader.raw("GET", f"/api/secrets/{world.secret}").text == "value-of-a-secret"
    assert world.secret in reader.call("GET", "/api/secrets") and world.secret in reader.call("POST", "/api/secrets")
    assert reader.run(world.run)["workflowName"] == world.workflow
    assert reader.call("GET", f"/api/workflow/{world.run}/status")["workflowId"] == world.run


def test_of_the_things_named_alone_everything_is_seen_and_listed(sqlite_server: LiveServer, world: World) -> None:
    """Lists, tags, searches and single reads agree; an administrator's role is left on these things alone."""
    other = new("flow")
    world.admin.save(definition(other, new("task")))
    for owner in (world.owner, world.admin):
        narrow = key_under(sqlite_server, owner, resources=[{"type": "WORKFLOW_DEF", "id": world.workflow}])
        assert [one["name"] for one in narrow.call("GET", "/api/metadata/workflow")] == [world.workflow]
        assert narrow.call("GET", "/api/metadata/taskdefs") == [] == narrow.call("GET", "/api/secrets")
        assert narrow.call("GET", "/api/applications") == []
        assert narrow.raw("GET", f"/api/metadata/workflow/{other}").status_code == 403
        assert narrow.raw("GET", f"/api/metadata/workflow/{world.workflow}").status_code == 200
        assert narrow.raw("PUT", "/api/metadata/workflow", [definition(new("flow"), "any")]).status_code == 403
        for management in ("/api/users", "/api/groups", "/api/projects/default/settings", "/api/secret-stores"):
            assert narrow.raw("GET", management).status_code == 403


def test_by_one_role_an_administrators_key_does_what_that_role_does(sqlite_server: LiveServer, world: World) -> None:
    manager = key_under(sqlite_server, world.admin, roles=["WORKFLOW_MANAGER"])
    assert manager.run(manager.start(world.workflow))["workflowName"] == world.workflow
    for method, path in (
        ("GET", f"/api/secrets/{world.secret}"), ("DELETE", f"/api/metadata/workflow/{world.workflow}/1"), ("GET", "/api/users"),
        ("PUT", f"/api/secrets/{new('secret')}"), ("GET", f"/api/applications/{world.application}"),
    ):  # fmt: skip
        assert manager.raw(method, path, b"any" if method == "PUT" else None).status_code in (403, 404), path


def test_a_role_of_the_projects_own_may_be_a_ceiling_and_counts_as_it_stands(sqlite_server: LiveServer, world: World) -> None:
    role = new("role")
    world.admin.call("POST", "/api/roles", {"name": role, "description": "", "permissions": ["READ_SECRET_NAME"]})
    keeper = key_under(sqlite_server, world.admin, roles=[role])
    statuses = [keeper.raw("GET", f"/api/secrets/{world.secret}").status_code]
    world.admin.call("PUT", f"/api/roles/{role}", {"name": role, "description": "", "permissions": ["READ_TASK_DEF"]})
    statuses += [keeper.raw("GET", f"/api/secrets/{world.secret}").status_code]
    world.admin.call("DELETE", f"/api/roles/{role}")
    statuses += [keeper.raw("GET", f"/api/metadata/taskdefs/{world.taskdef}").status_code]
    assert statuses == [200, 403, 403]


MAKERS: list[tuple[str, str, Any]] = [
    ("POST", "/api/keys", {"name": "one more"}),
    ("POST", "/api/applications/{application}/accessKeys", None),
    ("POST", "/api/users/{user}/sendInviteEmail", None),
    ("POST", "/api/projects/default/secret-keys", {"name": "one more"}),
]


@pytest.mark.parametrize(("method", "path", "body"), MAKERS, ids=[path for _, path, _ in MAKERS])
def test_no_credential_is_made_by_one_with_a_ceiling(method: str, path: str, body: Any, sqlite_server: LiveServer, world: World) -> None:
    """However wide: it would outlive this one. Without the ceiling the same caller makes it."""
    path = path.format(application=world.application, user=world.user)
    wide = key_under(sqlite_server, world.admin, roles=["ADMIN"])
    assert wide.raw("GET", "/api/users").status_code == 200
    answer = wide.raw(method, path, body)
    assert (answer.status_code, "missing: a credential without a ceiling" in answer.text) == (403, True)
    assert bearer(sqlite_server, made(world.admin)["key"]).raw(method, path, body).status_code in (200, 201)


def test_nobody_hands_out_by_a_key_what_its_ceiling_leaves_out(sqlite_server: LiveServer, world: World) -> None:
    """The owner holds it all (promise 10)."""
    narrow = key_under(sqlite_server, world.owner, access=["READ", "UPDATE"])
    body = {"subject": {"type": "USER", "id": world.somebody}, "target": {"type": "SECRET_NAME", "id": world.secret}}
    assert narrow.raw("POST", "/api/auth/authorization", {**body, "access": ["EXECUTE"]}).status_code == 403
    assert narrow.raw("POST", "/api/auth/authorization", {**body, "access": ["READ"]}).status_code == 200
    assert narrow.raw("DELETE", "/api/auth/authorization", {**body, "access": ["DELETE"]}).status_code == 403
    roles = key_under(sqlite_server, world.admin, roles=["USER_READ_ONLY", "APPLICATION_MANAGER"])
    for role, status in (("METADATA_MANAGER", 403), ("ADMIN", 403), ("WORKER", 200)):
        assert roles.raw("POST", f"/api/applications/{world.application}/roles/{role}").status_code == status


def test_why_not_is_the_ceiling(sqlite_server: LiveServer, world: World) -> None:
    key = made(world.owner, ceiling={"access": ["READ"], "resources": [{"type": "SECRET_NAME", "id": world.secret}]})
    asked = f"/api/auth/explain?subject=USER:{world.self}&type=SECRET_NAME&id={world.secret}&credential={key['id']}"
    told = world.owner.call("GET", f"{asked}&access=UPDATE")
    assert (told["allowed"], told["missing"]) == (False, "a credential whose ceiling allows it") and told["paths"]
    where = f"it allows READ alone; on SECRET_NAME {world.secret} alone"
    assert told["reason"] == f"the ceiling of the credential {key['id']} leaves it out: {where}"
    assert world.owner.call("GET", f"{asked}&access=READ")["allowed"] is True
    assert world.owner.call("GET", f"{asked.rpartition('&')[0]}&access=UPDATE")["allowed"] is True


def _polls(api: Api, task: str) -> tuple[int, int]:
    answer = api.raw("GET", f"/api/tasks/poll/batch/{task}?timeout=0")
    return answer.status_code, len(answer.json()) if answer.status_code == 200 else 0


def test_no_secret_is_handed_to_a_key_whose_ceiling_leaves_it_out(sqlite_server: LiveServer, world: World) -> None:
    """Also right after the same worker had one by another credential: what is remembered of its rights is not of the key's."""
    flow, task = new("flow"), world.taskdef
    world.owner.save(definition(flow, task, given=f"${{workflow.secrets.{world.secret}}}"))
    for _ in range(2):
        world.owner.start(flow)
    narrow = key_under(sqlite_server, world.owner, resources=[{"type": "TASK_DEF", "id": task}])
    wide = key_under(sqlite_server, world.owner, access=["READ", "EXECUTE"])
    (first,) = wide.poll(task, timeout=2000)
    assert first["inputData"]["given"] == "value-of-a-secret"
    assert _polls(narrow, task) == (200, 0)
    (second,) = wide.poll(task, timeout=2000)
    assert second["inputData"]["given"] == "value-of-a-secret" and second["taskId"] != first["taskId"]


# ---- the same attacks, with the protection taken away


async def _asked(made_in: Inside, method: str, path: str, body: Any = None, key: str = "") -> Any:
    token = {"Authorization": f"Bearer {key}"} if key else {"X-Authorization": await made_in.token()}
    return await made_in.http.request(method, path, json=body, headers=token)


@pytest.mark.anyio
async def test_without_the_cut_and_the_two_refusals_the_attacks_succeed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    async with inside(tmp_path) as here:
        await here.http.put("/api/secrets/kept", content=b"value", headers={"X-Authorization": await here.token()})
        application = (await _asked(here, "POST", "/api/applications", {"name": "any"})).json()["id"]
        policy = "/api/secrets/kept/releases"

        async def key(**ceiling: Any) -> str:
            return str((await _asked(here, "POST", "/api/keys", {"name": "any", "ceiling": ceiling})).json()["key"])

        async def found() -> list[int]:
            attacks = (
                ("GET", "/api/secrets/kept", None, await key(access=["EXECUTE"])),
                ("POST", f"/api/applications/{application}/accessKeys", None, await key(roles=["ADMIN"])),
                ("POST", policy, {"reason": "to see it", "minutes": 1}, await key(readOnly=True)),
                *[("GET", path, None, await key(access=["READ"])) for path in CLEARS],
            )
            return [(await _asked(here, *attack)).status_code for attack in attacks]

        assert await found() == [403] * 5
        monkeypatch.setattr(grant, "cut", lambda authority, ceiling, effects, application: authority)
        monkeypatch.setattr(app, "only_reads", lambda ceiling: False)
        monkeypatch.setattr(credential, "refuses_to_make", lambda who: False)
        opened = await found()
    assert opened[:2] == [200, 200] == opened[3:] and opened[2] != 403
    assert any(isinstance(route.rule, Authenticated) for route in FOR_CALLERS)
