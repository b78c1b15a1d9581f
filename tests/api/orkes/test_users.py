"""Users on the wire (contract/orkes.md A Users; 0.9, 0.10, 0.14, 0.15)."""

from typing import Any
from urllib.parse import quote

import pytest

from tests.api.authorization.world import World, new
from tests.api.orkes.people import (
    ACCESSES,
    a_group,
    a_user,
    assert_admin_only,
    assert_changed_meanwhile,
    assert_missing,
    assert_refused,
    grant,
)
from tests.api.orkes.wire import javascript, python, say
from tests.support.server import ADMIN, Api, LiveServer

FIELDS = {
    "id", "name", "roles", "groups", "uuid", "contactInformation", "namespace", "applicationUser", "orkesWorkersApp", "orkesApiGateway",
    "orkesApp",
}  # fmt: skip


def names(roles: list[dict[str, Any]]) -> list[str]:
    return sorted(role["name"] for role in roles)


def test_it_works(admin: Api) -> None:
    path = f"/api/users/{new('user')}"
    made = admin.call("PUT", path, {"name": "Ada", "roles": ["USER"]})
    assert made.keys() >= FIELDS and made.keys() - FIELDS <= {"encryptedId", "encryptedIdDisplayValue"}
    assert (path.endswith(made["id"]), made["name"], made["groups"], made["applicationUser"]) == (True, "Ada", [], False)
    assert (made["namespace"], made["contactInformation"]) == ("0000", {})
    [role] = made["roles"]
    assert role["name"] == "USER" and {"name": "CREATE_WORKFLOW_DEF"} in role["permissions"]
    assert admin.call("GET", path) == made
    assert made in admin.call("GET", "/api/users")
    assert admin.call("DELETE", path) == {"message": f"Deleted user '{made['id']}'"}


def test_an_update_replaces_name_and_roles_and_keeps_the_uuid(admin: Api) -> None:
    path = f"/api/users/{new('user')}"
    made = admin.call("PUT", path, {"name": "Ada", "roles": ["USER", "METADATA_MANAGER"]})
    changed = admin.call("PUT", path, {"name": "Ada L.", "roles": ["WORKFLOW_MANAGER"], "contactInformation": {"email": "a@b.example"}})
    assert (changed["name"], names(changed["roles"]), changed["uuid"]) == ("Ada L.", ["WORKFLOW_MANAGER"], made["uuid"])
    assert changed["contactInformation"] == {"email": "a@b.example"}


def test_roles_may_be_one_bare_string(admin: Api, sqlite_server: LiveServer, admin_token: str) -> None:
    """0.10: JavaScript's own tests send `{"name":..,"roles":"USER"}`."""
    path = f"/api/users/{new('user')}"
    answer = say(sqlite_server, javascript("PUT", path, admin_token, b'{"name":"Ada","roles":"USER"}'))
    assert (answer.status, names(answer.json["roles"])) == (200, ["USER"])
    answer = say(sqlite_server, python("PUT", path, admin_token, b'{"name": "Ada", "roles": ["METADATA_MANAGER"]}'))
    assert (answer.status, names(answer.json["roles"])) == (200, ["METADATA_MANAGER"])


@pytest.mark.parametrize("stem", ["jssdktest_user_", "someone@example.com", "team/a@b c%2F", "ünï"])
def test_an_id_need_not_be_an_address(stem: str, admin: Api) -> None:
    user = stem + new("x")
    path = f"/api/users/{quote(user, safe='')}"
    assert admin.call("PUT", path, {"name": "Ada", "roles": ["USER"]})["id"] == user
    assert admin.call("GET", path)["id"] == user
    assert admin.call("DELETE", path) == {"message": f"Deleted user '{user}'"}


def test_groups_of_the_body_are_joined_and_shown_whole(admin: Api) -> None:
    group, path = a_group(admin), f"/api/users/{new('user')}"
    made = admin.call("PUT", path, {"name": "Ada", "roles": ["USER"], "groups": [group]})
    assert made["groups"] == [admin.call("GET", f"/api/groups/{group}")]
    assert [one["id"] for one in admin.call("GET", f"/api/groups/{group}/users")] == [made["id"]]


def test_roles_and_groups_that_are_left_out_stay_and_those_sent_replace(admin: Api) -> None:
    first, second, user = a_group(admin), a_group(admin), a_user(admin, "METADATA_MANAGER")
    path = f"/api/users/{user}"

    def put(**body: Any) -> tuple[list[str], list[str]]:
        made = admin.call("PUT", path, {"name": "Ada", **body})
        return names(made["roles"]), sorted(group["id"] for group in made["groups"])

    assert put(groups=[first]) == (["METADATA_MANAGER"], [first])
    assert put() == (["METADATA_MANAGER"], [first])
    assert put(roles=["USER"]) == (["USER"], [first])
    assert put(groups=[second]) == (["USER"], [second])
    assert put(roles=[], groups=[]) == ([], [])


@pytest.mark.parametrize(
    ("method", "after"), [("GET", ""), ("DELETE", ""), ("GET", "/permissions"), ("GET", "/checkPermissions?type=TASK_DEF&id=x")]
)
def test_who_is_missing_is_404_with_the_id_in_the_message(method: str, after: str, admin: Api) -> None:
    user = new("nobody@example.com")
    assert_missing(admin.raw(method, f"/api/users/{user}{after}"), user)


@pytest.mark.promise(12)
@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"name": None}, "name"), ({"name": ""}, "name"), ({"name": "a\nb"}, "name"), ({"name": 1}, "name"),
        ({"roles": ["NO_SUCH_ROLE"]}, "roles"), ({"roles": ["WORKER"]}, "roles"), ({"roles": "METADATA_API"}, "roles"),
        ({"groups": ["no-such-group"]}, "groups"),
    ],
    ids=str,
)  # fmt: skip
def test_bad_input_names_its_field(changes: dict[str, Any], field: str, admin: Api) -> None:
    user = new("user")
    assert_refused(admin.raw("PUT", f"/api/users/{user}", {"name": "Ada", "roles": ["USER"], **changes}), field)
    assert_missing(admin.raw("GET", f"/api/users/{user}"), user)


# ---- applications are users too (0.15)
def test_an_application_is_a_user_with_its_roles(sqlite_server: LiveServer) -> None:
    world = World.on(sqlite_server)
    found = world.admin.call("GET", f"/api/users/app:{world.owner_id}")
    assert found == world.owner.call("GET", "/api/token/userInfo")
    assert (found["id"], found["applicationUser"]) == (f"app:{world.owner_id}", True)
    assert names(found["roles"]) == ["METADATA_API", "USER", "WORKER"]
    assert_missing(world.admin.raw("GET", "/api/users/app:nobody"), "app:nobody")


@pytest.mark.parametrize(("query", "shown"), [("", False), ("?apps=false", False), ("?apps=true", True)])
def test_applications_are_listed_when_asked_for(query: str, shown: bool, sqlite_server: LiveServer) -> None:
    world = World.on(sqlite_server)
    user = f"app:{world.owner_id}"
    listed = {one["id"]: one for one in world.admin.call("GET", f"/api/users{query}")}
    assert (user in listed, ADMIN in listed) == (shown, True)
    assert not shown or listed[user] == world.admin.call("GET", f"/api/users/{user}")


@pytest.mark.promise(10)
def test_no_user_is_made_under_an_applications_name(sqlite_server: LiveServer) -> None:
    world = World.on(sqlite_server)
    for user in (f"app:{world.stranger_id}", f"app:{new('none')}"):
        answer = world.admin.raw("PUT", f"/api/users/{user}", {"name": "Ada", "roles": ["ADMIN"]})
        assert 400 <= answer.status_code < 500, answer.text
    assert world.stranger.call("GET", "/api/token/userInfo")["roles"] == []


# ---- what a user may (0.14)
def test_permissions_are_direct_grants_merged_to_one_entry_a_target(admin: Api) -> None:
    user, other = a_user(admin, "METADATA_MANAGER"), a_user(admin)
    group, workflow, secret = a_group(admin, user), new("workflow"), new("secret")
    assert admin.call("GET", f"/api/users/{user}/permissions") == {"grantedAccess": []}
    grant(admin, ("USER", user), ("WORKFLOW_DEF", workflow), "READ")
    grant(admin, ("USER", user), ("WORKFLOW_DEF", workflow), "EXECUTE", "READ")
    grant(admin, ("USER", user), ("SECRET", secret), "UPDATE")
    grant(admin, ("GROUP", group), ("SECRET_NAME", secret), "READ")
    grant(admin, ("USER", other), ("SECRET_NAME", secret), "DELETE")
    shown = admin.call("GET", f"/api/users/{user}/permissions")
    assert [sorted(one) for one in shown["grantedAccess"]] == [["access", "target"]] * 2
    assert {(one["target"]["type"], one["target"]["id"]): sorted(one["access"]) for one in shown["grantedAccess"]} == {
        ("WORKFLOW_DEF", workflow): ["EXECUTE", "READ"],
        ("SECRET_NAME", secret): ["UPDATE"],
    }


def test_a_check_answers_all_five_and_counts_groups_roles_and_tags(admin: Api) -> None:
    user, secret = a_user(admin), new("secret")
    path = f"/api/users/{user}/checkPermissions?type=SECRET_NAME&id={secret}"
    held: set[str] = set()

    def expect(*more: str) -> None:
        held.update(more)
        assert admin.call("GET", path) == {access: access in held for access in ACCESSES}

    expect()
    grant(admin, ("USER", user), ("SECRET_NAME", secret), "UPDATE")
    expect("UPDATE")
    grant(admin, ("GROUP", a_group(admin, user)), ("SECRET_NAME", secret), "READ")
    expect("READ")
    admin.put_secret(secret, "x")
    admin.call("PUT", f"/api/secrets/{secret}/tags", [{"key": "stage", "value": secret}])
    grant(admin, ("USER", user), ("TAG", f"stage:{secret}"), "DELETE")
    expect("DELETE")
    a_group(admin, user, roles=("ADMIN",))
    expect("CREATE", "EXECUTE")


def test_a_check_of_a_kind_that_is_none_is_refused(admin: Api) -> None:
    answer = admin.raw("GET", f"/api/users/{a_user(admin)}/checkPermissions?type=CLOUD&id=x")
    assert answer.status_code == 400 and "CLOUD" in answer.json()["message"]


def test_a_deleted_user_leaves_nothing_behind(admin: Api) -> None:
    user, secret = a_user(admin, "ADMIN"), new("secret")
    group = a_group(admin, user)
    grant(admin, ("USER", user), ("SECRET_NAME", secret), "READ")
    admin.call("DELETE", f"/api/users/{user}")
    assert admin.call("GET", f"/api/groups/{group}/users") == []
    assert admin.call("GET", f"/api/auth/authorization/SECRET_NAME/{secret}")["READ"] == []
    made = admin.call("PUT", f"/api/users/{user}", {"name": "Another", "roles": []})
    assert (made["roles"], made["groups"]) == ([], [])
    assert admin.call("GET", f"/api/users/{user}/permissions") == {"grantedAccess": []}


# ---- editing against each other, inviting, and who may
def test_a_lost_update_is_refused(admin: Api) -> None:
    path = f"/api/users/{a_user(admin)}"
    seen = admin.raw("GET", path).headers["etag"]
    assert seen.startswith('"') and seen.endswith('"')
    body = {"name": "First", "roles": ["USER"]}
    assert admin.raw("PUT", path, body, headers={"If-Match": seen}).status_code == 200
    assert_changed_meanwhile(admin.raw("PUT", path, body | {"name": "Second"}, headers={"If-Match": seen}))
    assert_changed_meanwhile(admin.raw("DELETE", path, headers={"If-Match": seen}))
    assert admin.call("GET", path)["name"] == "First"
    assert admin.raw("DELETE", path, headers={"If-Match": admin.raw("GET", path).headers["etag"]}).status_code == 200


def test_an_invitation_is_sent(admin: Api) -> None:
    assert admin.raw("POST", f"/api/users/{a_user(admin)}/sendInviteEmail").status_code == 200
    missing = new("nobody@example.com")
    assert_missing(admin.raw("POST", f"/api/users/{missing}/sendInviteEmail"), missing)


@pytest.mark.parametrize(
    ("method", "after", "body"),
    [
        ("GET", "", None), ("GET", "/{user}", None), ("PUT", "/{user}", {"name": "Eve", "roles": ["ADMIN"]}), ("DELETE", "/{user}", None),
        ("GET", "/{user}/permissions", None), ("GET", "/{user}/checkPermissions?type=TASK_DEF&id=x", None),
        ("POST", "/{user}/sendInviteEmail", None),
    ],
)  # fmt: skip
def test_all_of_it_is_for_administrators(method: str, after: str, body: Any, sqlite_server: LiveServer) -> None:
    world = World.on(sqlite_server)
    path = "/api/users" + after.format(user=a_user(world.admin))
    assert_admin_only(world.owner.raw(method, path, body), path.partition("?")[0])
    assert world.nobody.raw(method, path, body).json()["error"] == "INVALID_TOKEN"
