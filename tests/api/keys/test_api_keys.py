"""`/api/keys`: whose keys they are, what is refused and in which words (contract/orchestrator-keys.md)."""

import sqlite3
from contextlib import closing
from typing import Any

import pytest

from stagedoor.core.api_key import BadFormat, UnknownKey
from stagedoor.gate.api_keys import ApiKeyVerbs
from stagedoor.kit.keyformat import API_KEY
from tests.api.authorization.cast import sessions
from tests.api.authorization.tenancy import operator
from tests.api.authorization.world import World, new
from tests.api.keys.hand import bearer, key_under, made, refused
from tests.support.server import LiveServer

SAMPLE = "orch_1234567890abcdef1234567890abcdef12345678"
LIST = "/api/keys"


@pytest.fixture
def world(sqlite_server: LiveServer) -> World:
    return World.on(sqlite_server)


@pytest.mark.parametrize(
    ("key", "message"),
    [
        ("", "Missing Authorization header"),
        (SAMPLE[:-1], "Invalid API key format"), (SAMPLE + "0", "Invalid API key format"), (SAMPLE.upper(), "Invalid API key format"),
        (SAMPLE.replace("abc", "ABC"), "Invalid API key format"), (SAMPLE.replace("orch_", "orch-"), "Invalid API key format"),
        (SAMPLE.replace("a", "g"), "Invalid API key format"), ("orch_", "Invalid API key format"), (SAMPLE[5:], "Invalid API key format"),
        ("sds_" + "0" * 56, "Invalid API key format"), (SAMPLE + " " + SAMPLE, "Invalid API key format"),
        (SAMPLE, "API key not found"), ("a.b.c", "Invalid token"), ("eyJhbGciOiJIUzI1NiIs", "Invalid token"),
    ],
)  # fmt: skip
def test_each_401_is_one_of_the_five_messages(key: str, message: str, sqlite_server: LiveServer) -> None:
    caller = bearer(sqlite_server, key) if key else sqlite_server.api()
    assert refused(caller.raw("GET", LIST)) == message
    if key:
        assert refused(caller.raw("GET", "/api/secrets/any")) == message


def test_a_well_formed_key_that_nobody_made_is_not_found(sqlite_server: LiveServer) -> None:
    assert refused(bearer(sqlite_server, API_KEY.new()).raw("GET", LIST)) == "API key not found"


@pytest.mark.anyio
async def test_what_cannot_be_a_key_never_reaches_the_store() -> None:
    """These verbs have none."""
    verbs = ApiKeyVerbs(None, None)  # type: ignore[arg-type]
    with pytest.raises(UnknownKey):
        await verbs.prove(SAMPLE)
    with pytest.raises(BadFormat):
        await verbs.prove(SAMPLE[:-1])
    with pytest.raises(AttributeError):
        await verbs.prove(API_KEY.new())


def test_a_key_is_taken_in_the_authorization_header_alone(sqlite_server: LiveServer, world: World) -> None:
    key = made(world.owner)["key"]
    assert world.nobody.raw("GET", LIST, headers={"X-Authorization": key}).status_code == 401
    assert world.nobody.raw("GET", f"{LIST}?api_key={key}", headers={"Cookie": f"token={key}"}).status_code == 401
    assert world.nobody.raw("GET", LIST, headers={"Authorization": f"Basic {key}"}).status_code == 401
    assert world.nobody.raw("GET", LIST, headers={"authorization": f"bearer {key}"}).status_code == 200


def test_a_key_beside_another_callers_token_is_refused_and_beside_ones_own_is_not(sqlite_server: LiveServer, world: World) -> None:
    key, narrow = made(world.owner)["key"], made(world.owner, ceiling={"readOnly": True})["key"]
    mine, other = (api.http.headers["X-Authorization"] for api in (world.owner, world.stranger))
    statuses = [
        bearer(sqlite_server, shown, **{"X-Authorization": token}).raw("GET", LIST).status_code
        for shown, token in ((key, mine), (key, other), (narrow, mine), (SAMPLE, mine))
    ]
    assert statuses == [200, 400, 400, 401]


def test_wrong_keys_never_get_a_right_one_refused(sqlite_server: LiveServer, world: World) -> None:
    caller = bearer(sqlite_server, made(world.owner)["key"])
    for _ in range(60):
        assert refused(world.nobody.raw("GET", LIST, headers={"Authorization": f"Bearer {API_KEY.new()}"})) == "API key not found"
    assert caller.raw("GET", LIST).status_code == 200


def test_a_key_is_its_makers_alone(sqlite_server: LiveServer, world: World) -> None:
    key = made(world.owner)
    for other in (world.stranger, world.admin):
        assert key["id"] not in [one["id"] for one in other.call("GET", LIST)]
        assert other.raw("POST", f"{LIST}/{key['id']}/status").status_code == 404
        assert other.raw("PATCH", f"{LIST}/{key['id']}", {"name": "taken"}).status_code == 404
    told = world.stranger.raw("DELETE", f"{LIST}/{key['id']}")
    assert (told.status_code, told.json()["message"]) == (404, f"there is no API key {key['id']}")
    assert bearer(sqlite_server, key["key"]).raw("GET", LIST).status_code == 200


def test_an_administrator_ends_anybodys_key(sqlite_server: LiveServer, world: World) -> None:
    """So that what an application left behind does not outlast it."""
    key = made(world.owner)
    assert world.admin.raw("DELETE", f"{LIST}/{key['id']}").status_code == 200
    assert refused(bearer(sqlite_server, key["key"]).raw("GET", LIST)) == "API key not found"


def test_who_is_deleted_has_no_keys_any_more(sqlite_server: LiveServer, world: World) -> None:
    name = f"{new('person')}@example.com"
    person = sqlite_server.api(sessions(sqlite_server, {name: ["USER"]})[name])
    caller = bearer(sqlite_server, made(person)["key"])
    assert caller.call("GET", "/api/token/userInfo")["id"] == name
    assert world.admin.raw("DELETE", f"/api/users/{name}").status_code == 200
    assert refused(caller.raw("GET", LIST)) == "API key not found"

    application, access_key = world.admin.application(new("application"))
    owner = sqlite_server.api(sqlite_server.token(access_key["id"], access_key["secret"]))
    caller = bearer(sqlite_server, made(owner)["key"])
    assert caller.raw("GET", LIST).status_code == 200
    world.admin.call("DELETE", f"/api/applications/{application}")
    assert refused(caller.raw("GET", LIST)) == "API key not found"


def test_what_the_owner_loses_its_key_loses_at_once(sqlite_server: LiveServer, world: World) -> None:
    caller = bearer(sqlite_server, made(world.stranger)["key"])
    for method, status in (("grant", 200), ("revoke", 403)):
        getattr(world.admin, method)(world.stranger_id, "SECRET_NAME", world.secret, "READ")
        assert caller.raw("GET", f"/api/secrets/{world.secret}").status_code == status


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({}, "name"), ({"name": ""}, "name"), ({"name": "a\u0000"}, "name"), ({"name": 5}, "name"), ({"name": "a", "scopes": []}, "scopes"),
        ({"name": "a", "expiresAt": 1}, "expiresAt"), ({"name": "a", "expiresAt": "soon"}, "expiresAt"),
        ({"name": "a", "expiresAt": 2**60}, "expiresAt"), ({"name": "a", "ceiling": {"roles": ["NONE"]}}, "ceiling.roles"),
        ({"name": "a", "ceiling": {"access": ["WRITE"]}}, "ceiling.access"), ({"name": "a", "ceiling": {"below": {}}}, "ceiling"),
        ({"name": "a", "ceiling": {"resources": [{"type": "TAG", "id": "a:b"}]}}, "ceiling.resources"),
        ({"name": "a", "ceiling": {"resources": [{"type": "NONE", "id": "a"}]}}, "ceiling.resources"),
        ({"name": "a", "ceiling": {"access": ["READ"] * 201}}, "ceiling.access"),
    ],
)  # fmt: skip
def test_a_body_that_is_none_is_told_which_field(body: dict[str, Any], field: str, world: World) -> None:
    answer = world.owner.raw("POST", LIST, body)
    told = answer.json()
    assert (answer.status_code, told["error"], told["code"]) == (400, "BAD_REQUEST", 400)
    assert told.get("context", {}).get("field", "") == field


def test_a_ceiling_that_limits_nothing_is_none(world: World) -> None:
    key = made(world.owner, ceiling={"roles": [], "access": [], "resources": [], "readOnly": False})
    assert next(one["ceiling"] for one in world.owner.call("GET", LIST) if one["id"] == key["id"]) is None


def test_a_key_with_a_ceiling_sees_itself_and_changes_no_key(sqlite_server: LiveServer, world: World) -> None:
    other = made(world.owner)
    narrow = key_under(sqlite_server, world.owner, access=["READ", "CREATE", "UPDATE", "DELETE"])
    (shown,) = narrow.call("GET", LIST)
    mine, others = f"{LIST}/{shown['id']}", f"{LIST}/{other['id']}"
    for path, method in ((mine, "DELETE"), (others, "DELETE"), (f"{others}/status", "POST")):
        assert narrow.raw(method, path).status_code == 403
    assert narrow.raw("PATCH", f"{LIST}/{other['id']}", {"name": "taken"}).status_code == 403
    assert narrow.raw("POST", LIST, {"name": "one more"}).status_code == 403


def test_each_change_of_a_key_has_its_row_in_the_audit_and_no_row_holds_the_key(sqlite_server: LiveServer, world: World) -> None:
    key = made(world.owner)
    world.owner.call("PATCH", f"{LIST}/{key['id']}", {"name": "other"})
    world.owner.call("POST", f"{LIST}/{key['id']}/status")
    world.owner.call("POST", f"{LIST}/{key['id']}/status")
    world.owner.call("DELETE", f"{LIST}/{key['id']}")
    with closing(sqlite3.connect(f"file:{sqlite_server.data}/stagedoor.db?mode=ro", uri=True)) as store:
        rows = store.execute("SELECT action FROM audit WHERE target = ? ORDER BY at, rowid", (f"CREDENTIAL {key['id']}",)).fetchall()
        dump = "\n".join(store.iterdump())
    assert [row[0].removeprefix("api_key.") for row in rows] == ["create", "rename", "pause", "resume", "delete"]
    assert key["key"] not in dump and key["key"][5:37] not in dump


@pytest.mark.slow
def test_an_operator_inside_a_project_makes_no_key_that_would_outlast_the_visit(sqlite_server: LiveServer, world: World) -> None:
    inside = operator(sqlite_server, world.abroad)
    answer = inside.raw("POST", LIST, {"name": "stays"})
    assert (answer.status_code, "missing: an account in this project" in answer.json()["message"]) == (403, True)
    at_home = operator(sqlite_server)
    assert bearer(sqlite_server, made(at_home)["key"]).raw("GET", LIST).status_code == 200


def test_a_key_of_an_operator_is_no_operator(sqlite_server: LiveServer) -> None:
    """Who makes projects has signed in with a password (core/operator.py)."""
    key = bearer(sqlite_server, made(operator(sqlite_server))["key"])
    assert key.raw("POST", "/api/projects", {"id": new("p"), "name": "one"}).status_code == 403
