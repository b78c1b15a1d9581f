"""AuthorizationClient: users, and what they may."""

from conductor.client.http.models.conductor_user import ConductorUser
from conductor.client.http.models.target_ref import TargetRef, TargetType
from conductor.client.http.models.upsert_group_request import UpsertGroupRequest
from conductor.client.http.models.upsert_user_request import UpsertUserRequest
from conductor.client.orkes.models.access_type import AccessType
from conductor.client.orkes.models.granted_permission import GrantedPermission
from world import World, refused, subject, unique


def roles_of(user: ConductorUser) -> list[str]:
    return [role.name for role in user.roles]


def granted(permissions: list[GrantedPermission]) -> list[tuple[str, str, list[str]]]:
    return sorted((one.target.type, one.target.id, sorted(one.access)) for one in permissions)


def check_a_user_lives_and_dies(world: World) -> None:
    authorization, user = world.admin.get_authorization_client(), unique("user@example.com")
    made = authorization.upsert_user(UpsertUserRequest("Ada", ["USER"]), user)
    assert (made.id, made.name, roles_of(made), made.groups, made.application_user) == (user, "Ada", ["USER"], [], False)
    changed = authorization.upsert_user(UpsertUserRequest("Ada L.", ["METADATA_MANAGER", "USER"]), user)
    assert (changed.name, sorted(roles_of(changed)), changed.uuid) == ("Ada L.", ["METADATA_MANAGER", "USER"], made.uuid)
    found = authorization.get_user(user)
    assert (found.id, found.name, sorted(roles_of(found))) == (user, "Ada L.", ["METADATA_MANAGER", "USER"])
    assert user in [one.id for one in authorization.list_users()]
    authorization.delete_user(user)
    refused(404, authorization.get_user, user, says=user)
    refused(404, authorization.delete_user, user, says=user)
    assert user not in [one.id for one in authorization.list_users()]


def check_a_role_tells_its_permissions(world: World) -> None:
    authorization, user = world.admin.get_authorization_client(), unique("user")
    [role] = authorization.upsert_user(UpsertUserRequest("Ada", ["USER"]), user).roles
    assert "CREATE_WORKFLOW_DEF" in [permission.name for permission in role.permissions]


def check_an_application_is_a_user_too(world: World) -> None:
    authorization, actor = world.admin.get_authorization_client(), world.actor("WORKER")
    found = authorization.get_user(actor.user)
    assert (found.id, roles_of(found), found.application_user) == (actor.user, ["WORKER"], True)
    assert actor.user not in [one.id for one in authorization.list_users(apps=False)]
    listed = {one.id: one for one in authorization.list_users(apps=True)}
    assert listed[actor.user].application_user is True


def check_permissions_are_the_direct_grants_one_entry_a_target(world: World) -> None:
    authorization, user, group = world.admin.get_authorization_client(), unique("user"), unique("group")
    authorization.upsert_user(UpsertUserRequest("Ada", ["USER"]), user)
    authorization.upsert_group(UpsertGroupRequest("a group", ["USER"]), group)
    authorization.add_user_to_group(group, user)
    workflow, secret = unique("workflow"), unique("secret")
    authorization.grant_permissions(subject("USER", user), TargetRef(TargetType.WORKFLOW_DEF, workflow), [AccessType.READ])
    authorization.grant_permissions(subject("USER", user), TargetRef(TargetType.WORKFLOW_DEF, workflow), [AccessType.EXECUTE])
    authorization.grant_permissions(subject("GROUP", group), TargetRef(TargetType.SECRET_NAME, secret), [AccessType.READ])
    assert granted(authorization.get_granted_permissions_for_user(user)) == [("WORKFLOW_DEF", workflow, ["EXECUTE", "READ"])]
    assert granted(authorization.get_granted_permissions_for_group(group)) == [("SECRET_NAME", secret, ["READ"])]


def check_a_check_counts_groups_and_roles(world: World) -> None:
    authorization, user, group, secret = world.admin.get_authorization_client(), unique("user"), unique("group"), unique("secret")
    nothing = dict.fromkeys(("CREATE", "READ", "UPDATE", "DELETE", "EXECUTE"), False)
    authorization.upsert_user(UpsertUserRequest("Ada", ["USER"]), user)
    authorization.upsert_group(UpsertGroupRequest("a group", ["USER"]), group)
    assert authorization.check_permissions(user, "SECRET_NAME", secret) == nothing
    authorization.grant_permissions(subject("USER", user), TargetRef(TargetType.SECRET_NAME, secret), [AccessType.UPDATE])
    authorization.grant_permissions(subject("GROUP", group), TargetRef(TargetType.SECRET_NAME, secret), [AccessType.READ])
    assert authorization.check_permissions(user, "SECRET_NAME", secret) == nothing | {"UPDATE": True}
    authorization.add_user_to_group(group, user)
    assert authorization.check_permissions(user, "SECRET_NAME", secret) == nothing | {"UPDATE": True, "READ": True}
    authorization.upsert_user(UpsertUserRequest("Ada", ["WORKFLOW_MANAGER"]), user)
    assert authorization.check_permissions(user, "WORKFLOW_DEF", secret) == nothing | {"READ": True, "EXECUTE": True}


def check_only_an_administrator_manages_users(world: World) -> None:
    authorization, user = world.admin.get_authorization_client(), unique("user")
    authorization.upsert_user(UpsertUserRequest("Ada", ["USER"]), user)
    outsider = world.actor("METADATA_MANAGER").clients().get_authorization_client()
    for problem in (
        refused(403, outsider.upsert_user, UpsertUserRequest("Eve", ["ADMIN"]), user, says="Forbidden"),
        refused(403, outsider.get_user, user, says="Forbidden"),
        refused(403, outsider.list_users, says="Forbidden"),
        refused(403, outsider.delete_user, user, says="Forbidden"),
        refused(403, outsider.get_granted_permissions_for_user, user, says="Forbidden"),
        refused(403, outsider.check_permissions, user, "WORKFLOW_DEF", "any", says="Forbidden"),
    ):
        assert problem.error_code == "Forbidden"  # no code that makes an SDK ask for another token
    assert roles_of(authorization.get_user(user)) == ["USER"]
