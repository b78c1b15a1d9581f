"""Applications and access keys on the wire (contract/orkes.md A Applications; 0.9, 0.15)."""

import time

import pytest

from tests.api.authorization.world import World, new
from tests.api.orkes.wire import javascript, python, say
from tests.support.server import Api, LiveServer

MISSING = "6ecd4d11-bd9e-4d13-9a5e-5a8b1b0f1b0a"


def test_it_works(admin: Api, sqlite_server: LiveServer) -> None:
    before = int(time.time() * 1000)
    name = new("application")
    made = admin.call("POST", "/api/applications", {"name": name})
    me = f"app:{sqlite_server.first['applicationId']}"
    assert sorted(made) == ["createTime", "createdBy", "id", "name", "updateTime", "updatedBy"]
    assert (made["name"], made["createdBy"], made["updatedBy"]) == (name, me, me)
    assert before <= made["createTime"] == made["updateTime"] <= time.time() * 1000 + 1
    assert admin.call("GET", f"/api/applications/{made['id']}") == made
    renamed = admin.call("PUT", f"/api/applications/{made['id']}", {"name": "renamed"})
    assert (renamed["name"], renamed["createTime"]) == ("renamed", made["createTime"])
    assert {**renamed, "tags": []} in admin.call("GET", "/api/applications")
    assert admin.call("DELETE", f"/api/applications/{made['id']}") == {"message": f"Deleted Application '{made['id']}'"}


def test_names_are_not_unique(admin: Api) -> None:
    name = new("twin")
    assert len({admin.call("POST", "/api/applications", {"name": name})["id"] for _ in range(2)}) == 2


NAMES = [b"", b'"name": ""', b'"name": null', b'"name": 1', b'"name": "a\\u0000b"', b'"name": "a\\nb"', b'"name":"a","name":"b"']


@pytest.mark.promise(12)
@pytest.mark.parametrize("name", NAMES)
def test_a_name_that_is_none_is_refused_by_field(name: bytes, admin: Api) -> None:
    for method, path in (("POST", "/api/applications"), ("PUT", f"/api/applications/{admin.application('x')[0]}")):
        answer = admin.raw(method, path, b"{%b}" % name)
        assert (answer.status_code, answer.json()["validationErrors"][0]["path"]) == (400, "name")


def test_unknown_fields_are_ignored_as_jackson_does(admin: Api) -> None:
    made = admin.call("POST", "/api/applications", {"name": "x", "id": "mine", "createdBy": "ADMIN", "somethingNew": [1]})
    assert made["id"] != "mine" and made["createdBy"] != "ADMIN"


@pytest.mark.parametrize(
    ("method", "after"),
    [
        ("GET", ""), ("DELETE", ""), ("GET", "/accessKeys"), ("POST", "/accessKeys"), ("DELETE", f"/accessKeys/{MISSING}"),
        ("POST", f"/accessKeys/{MISSING}/status"), ("POST", "/roles/WORKER"), ("DELETE", "/roles/WORKER"),
    ],
)  # fmt: skip
def test_what_is_missing_is_404_with_its_id_in_the_message(method: str, after: str, admin: Api) -> None:
    """0.9: the Python suite looks for the identifier."""
    answer = admin.raw(method, f"/api/applications/{MISSING}{after}")
    assert (answer.status_code, MISSING in answer.json()["message"], answer.json()["status"]) == (404, True, 404)


def test_a_key_that_is_missing_is_404_with_its_id(admin: Api) -> None:
    made, _ = admin.application(new("application"))
    for method, after in (("DELETE", ""), ("POST", "/status")):
        answer = admin.raw(method, f"/api/applications/{made}/accessKeys/{MISSING}{after}")
        assert (answer.status_code, MISSING in answer.json()["message"]) == (404, True)
    answer = admin.raw("GET", f"/api/applications/key/{MISSING}")
    assert (answer.status_code, MISSING in answer.json()["message"]) == (404, True)


def test_keys_are_made_with_and_without_a_body_and_told_once(admin: Api, sqlite_server: LiveServer, admin_token: str) -> None:
    made, _ = admin.application(new("application"))
    path = f"/api/applications/{made}/accessKeys"
    key = say(sqlite_server, javascript("POST", path, admin_token, b"{}")).json
    assert sorted(key) == ["id", "secret"]
    other = say(sqlite_server, python("POST", path, admin_token)).json
    listed = admin.call("GET", path)
    assert [one["id"] for one in listed][1:] == [key["id"], other["id"]]
    assert {tuple(sorted(one)) for one in listed} == {("createdAt", "id", "status")}
    assert admin.call("GET", f"/api/applications/key/{key['id']}")["id"] == made


def test_a_status_is_toggled_with_and_without_a_body(admin: Api, sqlite_server: LiveServer, admin_token: str) -> None:
    made, key = admin.application(new("application"))
    path = f"/api/applications/{made}/accessKeys/{key['id']}/status"
    requests = (javascript("POST", path, admin_token, b"{}"), python("POST", path, admin_token))
    found = [say(sqlite_server, request).json for request in requests]
    assert [one["status"] for one in found] == ["INACTIVE", "ACTIVE"]
    assert sorted(found[0]) == ["createdAt", "id", "status"]


def test_taking_a_role_that_is_not_there_is_200(admin: Api) -> None:
    made, _ = admin.application(new("application"))
    assert admin.raw("DELETE", f"/api/applications/{made}/roles/WORKER").status_code == 200


@pytest.mark.parametrize("role", ["WORKER", "METADATA_API", "UNRESTRICTED_WORKER", "METADATA_MANAGER", "WORKFLOW_MANAGER", "ADMIN", "USER"])
def test_each_role_of_the_sdks_is_given_and_shows_in_who_the_application_is(role: str, sqlite_server: LiveServer) -> None:
    world = World.on(sqlite_server)
    world.admin.call("POST", f"/api/applications/{world.stranger_id}/roles/{role}", {})
    assert [one["name"] for one in world.stranger.call("GET", "/api/token/userInfo")["roles"]] == [role]


def test_the_creator_owns_what_it_creates(sqlite_server: LiveServer) -> None:
    world = World.on(sqlite_server)
    rights = world.owner.call("GET", f"/api/auth/authorization/APPLICATION/{world.application}")
    owner = {"type": "USER", "id": f"app:{world.owner_id}"}
    assert rights == {access: [owner] for access in ("CREATE", "READ", "UPDATE", "DELETE", "EXECUTE")}
