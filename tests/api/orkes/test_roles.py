"""Roles on the wire (contract/orkes.md A Roles and C; 0.9)."""

from typing import Any

import pytest

from tests.api.authorization.world import World, new
from tests.api.orkes.people import a_group, a_user, assert_admin_only, assert_changed_meanwhile, assert_missing, assert_refused, grant
from tests.support.server import Api, LiveServer

SYSTEM = {
    "ADMIN", "USER", "METADATA_MANAGER", "WORKFLOW_MANAGER", "USER_READ_ONLY", "WORKER", "UNRESTRICTED_WORKER", "METADATA_API",
    "APPLICATION_CREATOR", "APPLICATION_MANAGER",
}  # fmt: skip
USER = {  # as the server of Orkes returns it
    "API_GATEWAY_MANAGEMENT", "API_GATEWAY_VIEW", "CREATE_APPLICATION", "CREATE_INTEGRATION", "CREATE_SECRET", "CREATE_TASK_DEF",
    "CREATE_USER_FORM_TEMPLATE", "CREATE_WORKFLOW_DEF", "WORKFLOW_SEARCH",
}  # fmt: skip


def a_role(admin: Api, *permissions: str) -> str:
    name = new("role")
    admin.call("POST", "/api/roles", {"name": name, "permissions": list(permissions)})
    return name


def permissions(role: dict[str, Any]) -> set[str]:
    return {permission["name"] for permission in role["permissions"]}


def test_it_works(admin: Api) -> None:
    name = new("role")
    body = {"name": name, "description": "Sees everything", "permissions": ["READ_WORKFLOW_DEF", "READ_TASK_DEF"]}
    made = admin.call("POST", "/api/roles", body)
    assert (made["name"], made["description"]) == (name, "Sees everything")
    assert permissions(made) == {"READ_WORKFLOW_DEF", "READ_TASK_DEF"}
    assert admin.call("GET", f"/api/roles/{name}") == made
    changed = admin.call("PUT", f"/api/roles/{name}", {"name": name, "description": "Runs", "permissions": ["EXECUTE_WORKFLOW_DEF"]})
    assert (changed["name"], changed["description"], permissions(changed)) == (name, "Runs", {"EXECUTE_WORKFLOW_DEF"})
    assert name in admin.call("DELETE", f"/api/roles/{name}")["message"]
    assert_missing(admin.raw("GET", f"/api/roles/{name}"), name)


def test_the_python_sdk_sends_no_description(admin: Api) -> None:
    name = a_role(admin, "READ_WORKFLOW_DEF")
    changed = admin.call("PUT", f"/api/roles/{name}", {"name": name, "permissions": ["READ_TASK_DEF"]})
    assert (changed["name"], permissions(changed)) == (name, {"READ_TASK_DEF"})


def test_the_lists(admin: Api) -> None:
    name = a_role(admin, "READ_WORKFLOW_DEF")
    everything = {role["name"]: role for role in admin.call("GET", "/api/roles")}
    system, custom = admin.call("GET", "/api/roles/system"), admin.call("GET", "/api/roles/custom")
    assert set(system) == SYSTEM
    assert {key: role["name"] for key, role in system.items()} == {key: key for key in SYSTEM}
    assert permissions(system["USER"]) == permissions(everything["USER"]) == USER
    assert set(everything) >= SYSTEM | {name}
    assert name in [role["name"] for role in custom]
    assert not SYSTEM & {role["name"] for role in custom}
    assert permissions(admin.call("GET", "/api/roles/USER")) == USER


def test_the_permissions_a_role_may_have(admin: Api) -> None:
    """A non-empty object. Each of its keys makes a role; what only ADMIN has is not among them."""
    found = admin.call("GET", "/api/roles/permissions")
    assert {"READ_WORKFLOW_DEF", "CREATE_SECRET_NAME", "EXECUTE_TASK_DEF", "UPDATE_APPLICATION", "USER_MANAGEMENT"} <= set(found)
    assert not {"ADMIN_MANAGEMENT", "AUTHORIZATION_MANAGEMENT", "READ_TAG", "EXECUTE_DOMAIN"} & set(found)
    name = a_role(admin, *found)
    assert permissions(admin.call("GET", f"/api/roles/{name}")) == set(found)


@pytest.mark.promise(12)
@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"permissions": ["workflow:read"]}, "permissions"), ({"permissions": ["ADMIN_MANAGEMENT"]}, "permissions"),
        ({"permissions": ["AUTHORIZATION_MANAGEMENT"]}, "permissions"), ({"permissions": ["READ_TAG"]}, "permissions"),
        ({"permissions": ["EXECUTE_DOMAIN"]}, "permissions"), ({"permissions": ["READ_*"]}, "permissions"),
        ({"name": ""}, "name"), ({"name": "a\nb"}, "name"), ({"name": "a" * 256}, "name"),
    ],
    ids=lambda given: str(given)[:40],
)  # fmt: skip
def test_bad_input_names_its_field(changes: dict[str, Any], field: str, admin: Api) -> None:
    body = {"name": new("role"), "permissions": ["READ_WORKFLOW_DEF"], **changes}
    assert_refused(admin.raw("POST", "/api/roles", body), field)
    if field == "permissions":
        assert_refused(admin.raw("PUT", f"/api/roles/{a_role(admin)}", body), field)


def test_a_name_is_taken_once(admin: Api) -> None:
    name = a_role(admin, "READ_WORKFLOW_DEF")
    for taken in (name, "ADMIN", "WORKER"):
        answer = admin.raw("POST", "/api/roles", {"name": taken, "permissions": ["READ_TASK_DEF"]})
        assert (answer.status_code, taken in answer.json()["message"]) == (409, True)
    assert permissions(admin.call("GET", f"/api/roles/{name}")) == {"READ_WORKFLOW_DEF"}


@pytest.mark.parametrize("name", ["system", "custom", "permissions"])
def test_a_name_under_which_a_list_stands_is_none_for_a_role(name: str, admin: Api) -> None:
    assert_refused(admin.raw("POST", "/api/roles", {"name": name, "permissions": []}), "name")


@pytest.mark.promise(10)
def test_a_system_role_is_what_it_is(admin: Api) -> None:
    for answer in (
        admin.raw("PUT", "/api/roles/USER", {"name": "USER", "permissions": ["READ_WORKFLOW_DEF"]}),
        admin.raw("DELETE", "/api/roles/USER"),
    ):
        assert answer.status_code in (400, 403, 404, 409) and "USER" in answer.json()["message"]
    assert permissions(admin.call("GET", "/api/roles/USER")) == USER


def test_what_is_missing_is_404_with_its_name_in_the_message(admin: Api) -> None:
    name = new("missing")
    body = {"name": name, "permissions": ["READ_WORKFLOW_DEF"]}
    for method, sent in (("GET", None), ("PUT", body), ("DELETE", None)):
        assert_missing(admin.raw(method, f"/api/roles/{name}", sent), name)


# ---- what a role of one's own does
def test_a_role_takes_effect_for_users_groups_and_applications(sqlite_server: LiveServer) -> None:
    world = World.on(sqlite_server)
    role = a_role(world.admin, "READ_WORKFLOW_DEF", "CREATE_SECRET_NAME")
    path = f"/api/metadata/workflow/{world.workflow}"
    assert world.stranger.raw("GET", path).status_code == 403
    world.admin.call("POST", f"/api/applications/{world.stranger_id}/roles/{role}")
    assert world.stranger.raw("GET", path).status_code == 200
    assert world.stranger.raw("PUT", f"/api/secrets/{new('secret')}", b"x").status_code == 200
    assert world.stranger.raw("POST", f"/api/workflow/{world.workflow}", {}).status_code == 403
    [shown] = world.stranger.call("GET", "/api/token/userInfo")["roles"]
    assert (shown["name"], permissions(shown)) == (role, {"READ_WORKFLOW_DEF", "CREATE_SECRET_NAME"})
    user, member = a_user(world.admin, role), a_user(world.admin)
    a_group(world.admin, member, roles=(role,))
    for one in (user, member):
        found = world.admin.call("GET", f"/api/users/{one}/checkPermissions?type=WORKFLOW_DEF&id=any")
        assert [access for access, held in found.items() if held] == ["READ"]


def test_a_change_of_a_role_counts_at_once(sqlite_server: LiveServer) -> None:
    world = World.on(sqlite_server)
    role, path = a_role(world.admin, "READ_WORKFLOW_DEF"), f"/api/metadata/workflow/{world.workflow}"
    world.admin.call("POST", f"/api/applications/{world.stranger_id}/roles/{role}")
    assert world.stranger.raw("GET", path).status_code == 200
    world.admin.call("PUT", f"/api/roles/{role}", {"name": role, "permissions": ["READ_TASK_DEF"]})
    assert world.stranger.raw("GET", path).status_code == 403
    assert world.stranger.raw("GET", f"/api/metadata/taskdefs/{world.taskdef}").status_code == 200


def test_a_deleted_role_is_taken_from_everybody_with_the_grants_to_it(sqlite_server: LiveServer) -> None:
    world = World.on(sqlite_server)
    role = a_role(world.admin, "READ_WORKFLOW_DEF")
    user = a_user(world.admin, role, "USER")
    group = a_group(world.admin, roles=(role,))
    world.admin.call("POST", f"/api/applications/{world.stranger_id}/roles/{role}")
    grant(world.admin, ("ROLE", role), ("SECRET_NAME", world.secret), "READ")
    assert world.stranger.raw("GET", f"/api/secrets/{world.secret}").status_code == 200
    world.admin.call("DELETE", f"/api/roles/{role}")
    for _ in range(2):  # and the role made anew is nobody's
        assert world.stranger.raw("GET", f"/api/secrets/{world.secret}").status_code == 403
        assert world.stranger.call("GET", "/api/token/userInfo")["roles"] == []
        assert [one["name"] for one in world.admin.call("GET", f"/api/users/{user}")["roles"]] == ["USER"]
        assert world.admin.call("GET", f"/api/groups/{group}")["roles"] == []
        assert f"ROLE:{role}" not in world.admin.call("GET", f"/api/auth/authorization/SECRET_NAME/{world.secret}?groupBy=subject")
        world.admin.raw("POST", "/api/roles", {"name": role, "permissions": ["READ_SECRET_NAME"]})


def test_a_role_with_user_management_opens_users_and_groups(sqlite_server: LiveServer) -> None:
    world = World.on(sqlite_server)
    role = a_role(world.admin, "USER_MANAGEMENT")
    assert_admin_only(world.stranger.raw("GET", "/api/users"), "/api/users")
    world.admin.call("POST", f"/api/applications/{world.stranger_id}/roles/{role}")
    assert world.stranger.raw("GET", "/api/users").status_code == 200
    assert world.stranger.raw("GET", "/api/groups").status_code == 200
    assert_admin_only(world.stranger.raw("DELETE", f"/api/roles/{role}"), f"/api/roles/{role}")


@pytest.mark.promise(10)
def test_who_manages_users_gives_no_role_of_which_it_holds_less(sqlite_server: LiveServer) -> None:
    """With USER_MANAGEMENT alone nobody makes an administrator, of anybody, on any way."""
    world = World.on(sqlite_server)
    world.admin.call("POST", f"/api/applications/{world.stranger_id}/roles/{a_role(world.admin, 'USER_MANAGEMENT')}")
    group, user = a_group(world.admin, roles=("ADMIN",)), a_user(world.admin)
    own, granted, role = new("group"), a_group(world.admin, roles=()), a_role(world.admin)
    for subject in (("GROUP", granted), ("ROLE", role)):
        grant(world.admin, subject, ("SECRET_NAME", "*"), "READ")
    for method, path, body in (
        ("PUT", f"/api/users/{user}", {"name": "x", "roles": ["ADMIN"]}),
        ("PUT", f"/api/users/{new('user')}", {"name": "x", "roles": [], "groups": [group]}),
        ("POST", f"/api/groups/{group}/users/app:{world.stranger_id}", None),
        ("POST", f"/api/groups/{group}/users", [user]),
        ("POST", f"/api/groups/{granted}/users/app:{world.stranger_id}", None),
        ("PUT", f"/api/users/{new('user')}", {"name": "x", "roles": [role]}),
        ("PUT", f"/api/groups/{own}", {"description": "x", "roles": ["ADMIN"]}),
        ("PUT", f"/api/groups/{own}", {"description": "x", "roles": [], "defaultAccess": {"WORKFLOW_DEF": ["READ"]}}),
        ("POST", f"/api/users/{a_user(world.admin, 'ADMIN')}/sendInviteEmail", None),  # its link would open the account
        ("POST", f"/api/users/{a_user(world.admin, member_of=group)}/sendInviteEmail", None),
        ("DELETE", f"/api/groups/{group}", None),
    ):
        answer = world.stranger.raw(method, path, body)
        assert answer.status_code == 403, f"{method} {path}: {answer.status_code} {answer.text}"
    assert len(world.admin.call("GET", f"/api/groups/{group}/users")) == 1
    assert world.admin.call("GET", f"/api/groups/{granted}/users") == []
    assert world.admin.raw("GET", f"/api/groups/{own}").status_code == 404


# ---- editing against each other, and who may
def test_a_lost_update_is_refused(admin: Api) -> None:
    name = a_role(admin, "READ_WORKFLOW_DEF")
    path, body = f"/api/roles/{name}", {"name": name, "permissions": ["READ_TASK_DEF"]}
    seen = admin.raw("GET", path).headers["etag"]
    assert admin.raw("PUT", path, body, headers={"If-Match": seen}).status_code == 200
    assert_changed_meanwhile(admin.raw("PUT", path, body | {"permissions": []}, headers={"If-Match": seen}))
    assert_changed_meanwhile(admin.raw("DELETE", path, headers={"If-Match": seen}))
    assert permissions(admin.call("GET", path)) == {"READ_TASK_DEF"}
    assert admin.raw("DELETE", path, headers={"If-Match": admin.raw("GET", path).headers["etag"]}).status_code == 200


def test_everybody_reads_roles_and_administrators_write_them(sqlite_server: LiveServer) -> None:
    world = World.on(sqlite_server)
    role = a_role(world.admin, "READ_WORKFLOW_DEF")
    for path in ("/api/roles", "/api/roles/system", "/api/roles/custom", "/api/roles/permissions", f"/api/roles/{role}"):
        assert world.stranger.call("GET", path) == world.admin.call("GET", path)
        assert world.nobody.raw("GET", path).json()["error"] == "INVALID_TOKEN"
    body = {"name": new("role"), "permissions": ["READ_WORKFLOW_DEF"]}
    for method, path, sent in (("POST", "/api/roles", body), ("PUT", f"/api/roles/{role}", body), ("DELETE", f"/api/roles/{role}", None)):
        assert_admin_only(world.owner.raw(method, path, sent), path)
    assert permissions(world.admin.call("GET", f"/api/roles/{role}")) == {"READ_WORKFLOW_DEF"}
