"""Environment variables: `/api/environment` as contract/orkes.md A has it, who may what, and names made again."""

from typing import Any

import pytest

from tests.api.authorization.world import World, new
from tests.api.orkes.wire import GO, JAVA, JAVASCRIPT, PYTHON
from tests.support.server import Api, LiveServer

PLAIN = "text/plain; charset=utf-8"
TAG = {"key": "team", "value": "weather"}


@pytest.fixture(scope="module")
def world(sqlite_server: LiveServer) -> World:
    return World.on(sqlite_server)


def put(api: Api, name: str, value: str) -> None:
    answer = api.raw("PUT", f"/api/environment/{name}", value.encode(), headers={"Content-Type": "text/plain"})
    assert (answer.status_code, answer.content) == (200, b""), answer.text


def listed(api: Api) -> dict[str, dict[str, Any]]:
    return {one["name"]: one for one in api.call("GET", "/api/environment")}


def test_it_works(admin: Api) -> None:
    name = new("variable")
    put(admin, name, "https://one.example")
    put(admin, name, "https://two.example")
    answer = admin.raw("GET", f"/api/environment/{name}")
    assert (answer.content, answer.headers["content-type"]) == (b"https://two.example", PLAIN)
    assert listed(admin)[name] == {"name": name, "value": "https://two.example"}
    gone = admin.raw("DELETE", f"/api/environment/{name}")
    assert (gone.status_code, gone.content, gone.headers["content-type"]) == (200, b"https://two.example", PLAIN)
    assert name not in listed(admin)
    for method in ("GET", "DELETE"):
        missing = admin.raw(method, f"/api/environment/{name}")
        assert (missing.status_code, name in missing.json()["message"]) == (404, True)


@pytest.mark.parametrize(
    ("agent", "body"),
    [(JAVASCRIPT, b'"two\\nl\\u00efnes"'), (PYTHON, b"two\\nl\\u00efnes"), (JAVA, "two\nlïnes".encode()), (GO, "two\nlïnes".encode())],
)
def test_values_arrive_as_the_callers_of_each_sdk_gave_them(agent: str, body: bytes, admin: Api) -> None:
    name = new("variable")
    admin.raw("PUT", f"/api/environment/{name}", body, headers={"User-Agent": agent})
    assert admin.raw("GET", f"/api/environment/{name}").content == "two\nlïnes".encode()


def test_what_no_variable_can_hold_is_refused(admin: Api) -> None:
    for body, word in ((b"\xff", "UTF-8"), (b'"a\\u0000b"', "NUL"), (b"x" * 65_536, "65535 bytes")):
        answer = admin.raw("PUT", f"/api/environment/{new('variable')}", body)
        assert (answer.status_code, word in answer.json()["message"]) == (400, True)
    assert admin.raw("PUT", "/api/environment/*", b"x").status_code == 400


def test_tags_come_with_the_list_and_with_all_tags(admin: Api) -> None:
    name = new("variable")
    assert admin.raw("GET", f"/api/environment/{name}/tags").status_code == 404
    put(admin, name, "x")
    assert admin.call("GET", f"/api/environment/{name}/tags") == []
    admin.call("PUT", f"/api/environment/{name}/tags", [{"key": "mark", "value": name}, TAG])
    assert listed(admin)[name]["tags"] == [{"key": "mark", "value": name}, TAG]
    query = f"tagKey=mark&tagValue={name}"
    assert admin.call("GET", f"/api/metadata/tags/resources?{query}&resourceType=ENV_VARIABLE") == [{"id": name, "displayName": name}]
    assert [one["name"] for one in admin.call("GET", f"/api/environment?{query}")] == [name]
    admin.call("DELETE", f"/api/environment/{name}/tags", [TAG])
    assert admin.call("GET", f"/api/environment/{name}/tags") == [{"key": "mark", "value": name}]


@pytest.mark.promise(9)
def test_a_list_shows_what_one_may_read_and_no_more(world: World) -> None:
    names = [new("variable") for _ in range(3)]
    for name in names:
        put(world.admin, name, f"value of {name}")
    world.admin.call("PUT", f"/api/environment/{names[1]}/tags", [{"key": "shared", "value": names[1]}])
    made, reader = world.caller("reader")
    assert listed(reader) == {}
    assert reader.raw("GET", f"/api/environment/{names[0]}").status_code == 403
    world.admin.grant(made, "ENV_VARIABLE", names[0], "READ")
    world.admin.grant(made, "TAG", f"shared:{names[1]}", "READ")
    assert sorted(listed(reader)) == sorted(names[:2])
    assert reader.call("GET", f"/api/environment/{names[1]}") == f"value of {names[1]}"
    answer = reader.raw("GET", f"/api/environment/{names[2]}")
    assert answer.json()["message"] == (
        f"You don't have permissions to read environment variable: {names[2]} (missing: READ on ENV_VARIABLE {names[2]})"
    )


def test_administrators_and_metadata_managers_make_them_and_others_do_not(world: World) -> None:
    for role in ("USER", "METADATA_API", "WORKFLOW_MANAGER"):
        answer = world.caller("maker", role)[1].raw("PUT", f"/api/environment/{new('variable')}", b"x")
        assert (answer.status_code, "a role that creates ENV_VARIABLE" in answer.json()["message"]) == (403, True)
    made, maker = world.caller("maker", "METADATA_MANAGER")
    name = new("variable")
    put(maker, name, "x")
    grants = world.admin.call("GET", f"/api/auth/authorization/ENV_VARIABLE/{name}")
    assert all({"type": "USER", "id": f"app:{made}"} in subjects for subjects in grants.values()) and len(grants) == 5


def test_a_grant_of_update_or_delete_is_enough_on_what_exists(world: World) -> None:
    name = new("variable")
    put(world.admin, name, "x")
    made, other = world.caller("other")
    assert other.raw("PUT", f"/api/environment/{name}", b"y").status_code == 403
    world.admin.grant(made, "ENV_VARIABLE", name, "UPDATE")
    put(other, name, "y")
    assert other.raw("DELETE", f"/api/environment/{name}").status_code == 403
    world.admin.grant(made, "ENV_VARIABLE", name, "DELETE")
    gone = other.raw("DELETE", f"/api/environment/{name}")
    assert (gone.status_code, gone.content) == (200, b""), "who may not READ it is not told what it was"


@pytest.mark.promise(5)
def test_a_name_made_again_revives_no_grant_and_no_tag(world: World) -> None:
    name = new("variable")
    made, reader = world.caller("reader")
    put(world.admin, name, "old")
    world.admin.grant(made, "ENV_VARIABLE", name, "READ")
    world.admin.call("PUT", f"/api/environment/{name}/tags", [TAG])
    assert reader.call("GET", f"/api/environment/{name}") == "old"
    world.admin.call("DELETE", f"/api/environment/{name}")
    put(world.admin, name, "new")
    assert reader.raw("GET", f"/api/environment/{name}").status_code == 403
    assert world.admin.call("GET", f"/api/environment/{name}/tags") == []


@pytest.mark.promise(10)
def test_nobody_hands_out_what_they_do_not_hold(world: World) -> None:
    name = new("variable")
    put(world.admin, name, "x")
    made, holder = world.caller("holder")
    world.admin.grant(made, "ENV_VARIABLE", name, "UPDATE")
    body = {"subject": {"type": "USER", "id": f"app:{made}"}, "target": {"type": "ENV_VARIABLE", "id": name}, "access": ["READ"]}
    answer = holder.raw("POST", "/api/auth/authorization", body)
    assert (answer.status_code, f"READ on ENV_VARIABLE {name}" in answer.json()["message"]) == (403, True)


def test_explain_knows_variables(world: World) -> None:
    name = new("variable")
    put(world.admin, name, "x")
    made, _ = world.caller("reader")
    world.admin.grant(made, "ENV_VARIABLE", name, "READ")
    query = f"subject=USER:app:{made}&access=READ&type=ENV_VARIABLE&id={name}"
    assert world.admin.call("GET", f"/api/auth/explain?{query}")["allowed"] is True
    able = world.admin.call("GET", f"/api/auth/who-can?access=READ&type=ENV_VARIABLE&id={name}")
    assert any(f"app:{made}" in str(one) for one in able)
