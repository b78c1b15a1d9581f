"""Grants on the wire (contract/orkes.md A Authorization; 0.11, 0.13, 0.14)."""

from typing import Any

import pytest

from tests.api.authorization.world import World
from tests.api.orkes.wire import javascript, python, say
from tests.support.server import Api, LiveServer

PATH = "/api/auth/authorization"
ACCESSES = ["CREATE", "READ", "UPDATE", "DELETE", "EXECUTE"]


@pytest.fixture
def world(sqlite_server: LiveServer) -> World:
    return World.on(sqlite_server)


def body(world: World, **changes: Any) -> dict[str, Any]:
    subject, target = {"type": "USER", "id": f"app:{world.stranger_id}"}, {"type": "SECRET_NAME", "id": world.secret}
    return {"subject": subject, "target": target, "access": ["READ"], **changes}


@pytest.mark.parametrize("kind", ["USER", "user", "User"])
def test_a_subjects_type_may_be_in_any_case(kind: str, world: World) -> None:
    given = body(world, subject={"type": kind, "id": f"app:{world.stranger_id}"})
    assert world.admin.call("POST", PATH, given) == {"message": "Granted permission"}
    assert world.stranger.raw("GET", f"/api/secrets/{world.secret}").status_code == 200
    assert world.admin.call("DELETE", PATH, given) == {"message": "Removed permission"}
    assert world.stranger.raw("GET", f"/api/secrets/{world.secret}").status_code == 403


def test_secret_is_another_word_for_secret_name(world: World) -> None:
    world.admin.call("POST", PATH, body(world, target={"type": "SECRET", "id": world.secret}))
    assert world.stranger.raw("GET", f"/api/secrets/{world.secret}").status_code == 200
    for kind in ("SECRET", "SECRET_NAME"):
        assert {"type": "USER", "id": f"app:{world.stranger_id}"} in world.admin.call("GET", f"{PATH}/{kind}/{world.secret}")["READ"]


def test_all_five_keys_are_there_even_when_nothing_is_granted(world: World) -> None:
    """0.13: the Python suite reads `perms["EXECUTE"]` after it has revoked everything."""
    world.admin.revoke(world.owner_id, "SECRET_NAME", world.secret, *ACCESSES)
    assert world.admin.call("GET", f"{PATH}/SECRET_NAME/{world.secret}") == {access: [] for access in ACCESSES}


def test_grants_are_told_by_access_or_by_subject(world: World) -> None:
    world.admin.call("POST", PATH, body(world))
    owner, stranger = ({"type": "USER", "id": f"app:{one}"} for one in (world.owner_id, world.stranger_id))
    for query in ("", "?groupBy=access"):
        found = world.admin.call("GET", f"{PATH}/SECRET_NAME/{world.secret}{query}")
        assert list(found) == ACCESSES
        assert sorted(found["READ"], key=str) == sorted([owner, stranger], key=str) and found["EXECUTE"] == [owner]
    found = world.admin.call("GET", f"{PATH}/SECRET_NAME/{world.secret}?groupBy=subject")
    assert found == {f"USER:app:{world.owner_id}": sorted(ACCESSES), f"USER:app:{world.stranger_id}": ["READ"]}


def test_granting_and_taking_twice_is_once(world: World) -> None:
    for _ in range(2):
        world.admin.call("POST", PATH, body(world, access=["READ", "READ"]))
    assert len(world.admin.call("GET", f"{PATH}/SECRET_NAME/{world.secret}")["READ"]) == 2
    for _ in range(2):
        world.admin.call("DELETE", PATH, body(world))
    assert len(world.admin.call("GET", f"{PATH}/SECRET_NAME/{world.secret}")["READ"]) == 1


def test_a_delete_has_a_body(world: World, sqlite_server: LiveServer, admin_token: str) -> None:
    text = b'{"subject":{"type":"USER","id":"app:%b"},"target":{"type":"SECRET_NAME","id":"%b"},"access":["READ"]}'
    filled = text % (world.stranger_id.encode(), world.secret.encode())
    for make in (javascript, python):
        assert say(sqlite_server, make("POST", PATH, admin_token, filled)).json == {"message": "Granted permission"}
        assert say(sqlite_server, make("DELETE", PATH, admin_token, filled)).json == {"message": "Removed permission"}


def test_a_user_is_granted_to_by_its_id(world: World, sqlite_server: LiveServer) -> None:
    world.admin.call("POST", PATH, body(world, subject={"type": "USER", "id": sqlite_server.first["user"]}))
    found = world.admin.call("GET", f"{PATH}/SECRET_NAME/{world.secret}")["READ"]
    assert {"type": "USER", "id": sqlite_server.first["user"]} in found


@pytest.mark.promise(12)
@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"access": ["WRITE"]}, "access[0]"), ({"access": "READ"}, "access"), ({"access": None}, "access"),
        ({"subject": {"type": "ROBOT", "id": "x"}}, "subject.type"), ({"subject": {"id": "x"}}, "subject"),
        ({"target": {"type": "CLOUD", "id": "x"}}, "target.type"), ({"target": {"type": "SECRET_NAME", "id": ""}}, "target.id"),
        ({"target": {"type": "SECRET_NAME", "id": "a\nb"}}, "target.id"), ({"target": {"type": "SECRET_NAME", "id": 1}}, "target.id"),
        ({"target": {"type": "SECRET_NAME", "id": "a\0"}}, "target.id"),
        ({"target": {"type": "SECRET_NAME", "id": "a" * 256}}, "target.id"),
    ],
    ids=str,
)  # fmt: skip
def test_bad_input_names_its_field(changes: dict[str, Any], field: str, admin: Api, world: World) -> None:
    for method in ("POST", "DELETE"):
        answer = admin.raw(method, PATH, body(world, **changes))
        assert (answer.status_code, answer.json()["validationErrors"][0]["path"]) == (400, field)


@pytest.mark.promise(15)
def test_a_name_is_a_name_and_no_pattern(world: World) -> None:
    for pattern in ("**", "%", f"{world.secret[:-1]}?", f"{world.secret[:-1]}_", f"{world.secret[:-1]}*", ".*"):
        world.admin.grant(world.stranger_id, "SECRET_NAME", pattern, "READ")
    assert world.stranger.raw("GET", f"/api/secrets/{world.secret}").status_code == 403
    assert world.stranger.call("GET", "/api/secrets") == []
