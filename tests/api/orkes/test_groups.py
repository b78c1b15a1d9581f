"""Groups on the wire (contract/orkes.md A Groups; 0.9, 0.10)."""

from typing import Any

import pytest

from tests.api.authorization.world import World, definition, new
from tests.api.orkes.people import a_group, a_user, assert_admin_only, assert_changed_meanwhile, assert_missing, assert_refused, grant
from tests.api.orkes.wire import javascript, python, say
from tests.support.server import Api, LiveServer


def ids(found: list[dict[str, Any]]) -> list[str]:
    return sorted(one["id"] for one in found)


def test_it_works(admin: Api) -> None:
    group = new("group")
    path = f"/api/groups/{group}"
    made = admin.call("PUT", path, {"description": "The forest", "roles": ["USER"], "defaultAccess": {"WORKFLOW_DEF": ["READ"]}})
    [role] = made["roles"]
    assert role["name"] == "USER" and {"name": "CREATE_WORKFLOW_DEF"} in role["permissions"]
    assert made == {
        "id": group, "description": "The forest", "roles": [role], "defaultAccess": {"WORKFLOW_DEF": ["READ"]}, "contactInformation": {},
    }  # fmt: skip
    assert admin.call("GET", path) == made
    assert made in admin.call("GET", "/api/groups")
    changed = admin.call("PUT", path, {"description": "The sea", "roles": ["METADATA_MANAGER"]})
    assert (changed["description"], [one["name"] for one in changed["roles"]]) == ("The sea", ["METADATA_MANAGER"])
    assert admin.call("DELETE", path) == {"message": f"Deleted group '{group}'"}


def test_roles_may_be_one_bare_string(sqlite_server: LiveServer, admin_token: str) -> None:
    """0.10."""
    answer = say(sqlite_server, javascript("PUT", f"/api/groups/{new('group')}", admin_token, b'{"description":"x","roles":"USER"}'))
    assert (answer.status, [role["name"] for role in answer.json["roles"]]) == (200, ["USER"])


@pytest.mark.parametrize(
    ("method", "after", "body"),
    [
        ("GET", "", None), ("DELETE", "", None), ("GET", "/users", None), ("GET", "/permissions", None), ("POST", "/users/{user}", None),
        ("DELETE", "/users/{user}", None), ("POST", "/users", ["{user}"]), ("DELETE", "/users", ["{user}"]),
    ],
)  # fmt: skip
def test_a_missing_group_is_404_with_its_id_in_the_message(method: str, after: str, body: list[str] | None, admin: Api) -> None:
    user, group = a_user(admin), new("missing")
    filled = [one.format(user=user) for one in body] if body else None
    assert_missing(admin.raw(method, f"/api/groups/{group}{after.format(user=user)}", filled), group)


@pytest.mark.promise(12)
@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"description": None}, "description"), ({"description": 1}, "description"),
        ({"roles": ["NO_SUCH_ROLE"]}, "roles"), ({"roles": ["WORKER"]}, "roles"), ({"roles": "USER_READ_ONLY"}, "roles"),
        ({"defaultAccess": {"SECRET_NAME": ["READ"]}}, "defaultAccess"), ({"defaultAccess": {"CLOUD": ["READ"]}}, "defaultAccess"),
    ],
    ids=str,
)  # fmt: skip
def test_bad_input_names_its_field(changes: dict[str, Any], field: str, admin: Api) -> None:
    group = new("group")
    body = {"description": "x", "roles": ["USER"], **changes}
    assert_refused(admin.raw("PUT", f"/api/groups/{group}", {name: value for name, value in body.items() if value is not None}), field)
    assert_missing(admin.raw("GET", f"/api/groups/{group}"), group)


def test_an_access_that_is_none_is_no_default_access(admin: Api) -> None:
    answer = admin.raw("PUT", f"/api/groups/{new('group')}", {"description": "x", "roles": [], "defaultAccess": {"TASK_DEF": ["WRITE"]}})
    assert answer.status_code == 400
    assert answer.json()["validationErrors"][0]["path"].startswith("defaultAccess")


# ---- members
def test_members_are_added_and_taken_by_one_and_by_list(admin: Api) -> None:
    users, group = sorted(a_user(admin) for _ in range(3)), a_group(admin)
    path = f"/api/groups/{group}/users"
    for _ in range(2):  # twice is once
        admin.call("POST", f"{path}/{users[0]}")
        admin.call("POST", path, users[1:])
    found = admin.call("GET", path)
    assert ids(found) == users
    assert found[0] == admin.call("GET", f"/api/users/{found[0]['id']}")
    assert found[0]["groups"] == [admin.call("GET", f"/api/groups/{group}")]
    for _ in range(2):  # who is no member is no error
        admin.call("DELETE", f"{path}/{users[0]}")
        admin.call("DELETE", path, users[:2])
    assert ids(admin.call("GET", path)) == users[2:]


def test_lists_arrive_as_the_sdks_send_them(admin: Api, sqlite_server: LiveServer, admin_token: str) -> None:
    """A DELETE has a body; a single member is posted with an empty one."""
    user, group = a_user(admin), a_group(admin)
    path, body = f"/api/groups/{group}/users", b'["%b"]' % user.encode()
    for make, single in ((javascript, b"{}"), (python, None)):
        assert say(sqlite_server, make("POST", f"{path}/{user}", admin_token, single)).status == 200
        assert say(sqlite_server, make("DELETE", path, admin_token, body)).status == 200
        assert admin.call("GET", path) == []
        assert say(sqlite_server, make("POST", path, admin_token, body)).status == 200
        assert say(sqlite_server, make("DELETE", f"{path}/{user}", admin_token, None)).status == 200
        assert admin.call("GET", path) == []


def test_a_missing_member_is_404_and_nobody_is_added(admin: Api) -> None:
    user, group, missing = a_user(admin), a_group(admin), new("nobody")
    assert_missing(admin.raw("POST", f"/api/groups/{group}/users/{missing}"), missing)
    assert_missing(admin.raw("POST", f"/api/groups/{group}/users", [user, missing]), missing)
    assert admin.call("GET", f"/api/groups/{group}/users") == []


def test_who_may_only_read_is_no_member(admin: Api) -> None:
    """USER_READ_ONLY cannot be put into groups, nor be given to a member."""
    reader, member = a_user(admin, "USER_READ_ONLY"), a_user(admin)
    group = a_group(admin, member)
    for answer in (admin.raw("POST", f"/api/groups/{group}/users/{reader}"), admin.raw("POST", f"/api/groups/{group}/users", [reader])):
        assert answer.status_code == 400 and "USER_READ_ONLY" in answer.json()["message"]
    assert admin.raw("PUT", f"/api/users/{member}", {"name": "x", "roles": ["USER_READ_ONLY"]}).status_code == 400
    assert ids(admin.call("GET", f"/api/groups/{group}/users")) == [member]


def test_members_have_the_groups_roles_and_grants_at_once_and_no_longer(sqlite_server: LiveServer) -> None:
    """An application is a user (0.15), so it can be a member."""
    world = World.on(sqlite_server)
    group, member = a_group(world.admin, roles=("METADATA_MANAGER",)), f"app:{world.stranger_id}"
    grant(world.admin, ("GROUP", group), ("SECRET_NAME", world.secret), "READ")

    def may() -> tuple[int, int]:
        task = {"name": new("task")}
        read = world.stranger.raw("GET", f"/api/secrets/{world.secret}").status_code
        return read, world.stranger.raw("POST", "/api/metadata/taskdefs", [task]).status_code

    for ends in (("DELETE", f"/api/groups/{group}/users/{member}"), ("DELETE", f"/api/groups/{group}")):
        assert may() == (403, 403)
        world.admin.call("POST", f"/api/groups/{group}/users/{member}")
        assert may() == (200, 200)
        shown = world.stranger.call("GET", "/api/token/userInfo")
        assert ids(shown["groups"]) == [group]
        world.admin.call(*ends)
    assert may() == (403, 403)


def test_a_group_gets_its_default_access_on_what_a_member_makes(sqlite_server: LiveServer) -> None:
    world = World.on(sqlite_server)
    access = {"WORKFLOW_DEF": ["READ", "EXECUTE"], "TASK_DEF": ["EXECUTE"]}
    group = a_group(world.admin, f"app:{world.owner_id}", f"app:{world.stranger_id}", roles=(), defaultAccess=access)
    task, name = new("task"), new("workflow")
    world.owner.call("POST", "/api/metadata/taskdefs", [{"name": task}])
    world.owner.call("POST", "/api/metadata/workflow", definition(name, task))
    assert world.stranger.call("GET", f"/api/metadata/workflow/{name}")["name"] == name
    assert world.stranger.raw("GET", f"/api/metadata/taskdefs/{task}").status_code == 403
    shown = world.admin.call("GET", f"/api/auth/authorization/WORKFLOW_DEF/{name}?groupBy=subject")
    assert sorted(shown[f"GROUP:{group}"]) == ["EXECUTE", "READ"]


# ---- permissions
def test_permissions_are_the_groups_own_grants(admin: Api) -> None:
    member = a_user(admin)
    group, workflow = a_group(admin, member, roles=("ADMIN",)), new("workflow")
    assert admin.call("GET", f"/api/groups/{group}/permissions") == {"grantedAccess": []}
    grant(admin, ("USER", member), ("WORKFLOW_DEF", workflow), "DELETE")
    grant(admin, ("GROUP", group), ("WORKFLOW_DEF", workflow), "READ")
    shown = admin.call("GET", f"/api/groups/{group}/permissions")
    assert shown == {"grantedAccess": [{"target": {"type": "WORKFLOW_DEF", "id": workflow}, "access": ["READ"]}]}


def test_a_tag_grant_lists_each_resource_that_carries_the_tag(sqlite_server: LiveServer) -> None:
    world = World.on(sqlite_server)
    group, pair = a_group(world.admin), f"dev:{new('automation')}"
    grant(world.admin, ("GROUP", group), ("TAG", pair), "READ", "EXECUTE")
    tag = {"key": "dev", "value": pair.partition(":")[2], "type": "METADATA"}
    world.admin.call("PUT", f"/api/secrets/{world.secret}/tags", [tag])
    world.admin.call("POST", f"/api/metadata/workflow/{world.workflow}/tags", tag)
    shown = world.admin.call("GET", f"/api/groups/{group}/permissions")["grantedAccess"]
    found = {(one["target"]["type"], one["target"]["id"]): (sorted(one["access"]), one.get("tag")) for one in shown}
    both = ["EXECUTE", "READ"]
    assert found.pop(("TAG", pair))[0] == both
    assert found == {("SECRET_NAME", world.secret): (both, pair), ("WORKFLOW_DEF", world.workflow): (both, pair)}
    world.admin.call("DELETE", f"/api/metadata/workflow/{world.workflow}/tags", tag)
    shown = world.admin.call("GET", f"/api/groups/{group}/permissions")["grantedAccess"]
    assert world.workflow not in [one["target"]["id"] for one in shown]


# ---- editing against each other, and who may
def test_a_lost_update_is_refused(admin: Api) -> None:
    path, body = f"/api/groups/{a_group(admin)}", {"description": "First", "roles": ["USER"]}
    seen = admin.raw("GET", path).headers["etag"]
    assert admin.raw("PUT", path, body, headers={"If-Match": seen}).status_code == 200
    assert_changed_meanwhile(admin.raw("PUT", path, body | {"description": "Second"}, headers={"If-Match": seen}))
    assert_changed_meanwhile(admin.raw("DELETE", path, headers={"If-Match": seen}))
    assert admin.call("GET", path)["description"] == "First"
    assert admin.raw("DELETE", path, headers={"If-Match": admin.raw("GET", path).headers["etag"]}).status_code == 200


@pytest.mark.parametrize(
    ("method", "after", "body"),
    [
        ("GET", "", None), ("GET", "/{group}", None), ("PUT", "/{group}", {"description": "x", "roles": ["ADMIN"]}),
        ("DELETE", "/{group}", None), ("GET", "/{group}/users", None),
        ("POST", "/{group}/users/{user}", None), ("DELETE", "/{group}/users/{user}", None),
        ("POST", "/{group}/users", ["{user}"]), ("DELETE", "/{group}/users", ["{user}"]), ("GET", "/{group}/permissions", None),
    ],
)  # fmt: skip
def test_all_of_it_is_for_administrators(method: str, after: str, body: Any, sqlite_server: LiveServer) -> None:
    world = World.on(sqlite_server)
    user, group = f"app:{world.owner_id}", a_group(world.admin, roles=("ADMIN",))
    path = "/api/groups" + after.format(group=group, user=user)
    filled = [one.format(user=user) for one in body] if isinstance(body, list) else body
    assert_admin_only(world.owner.raw(method, path, filled), path)
    assert world.nobody.raw(method, path, filled).json()["error"] == "INVALID_TOKEN"
    assert world.admin.call("GET", f"/api/groups/{group}/users") == []
