"""AuthorizationClient: groups, and what their members get by them."""

from conductor.client.http.models.group import Group
from conductor.client.http.models.target_ref import TargetRef, TargetType
from conductor.client.http.models.upsert_group_request import UpsertGroupRequest
from conductor.client.http.models.upsert_user_request import UpsertUserRequest
from conductor.client.orkes.models.access_type import AccessType
from conductor.client.orkes.models.metadata_tag import MetadataTag
from world import World, refused, subject, unique


def roles_of(group: Group) -> list[str]:
    return [role.name for role in group.roles]


def check_a_group_lives_and_dies(world: World) -> None:
    authorization, group = world.admin.get_authorization_client(), unique("group")
    access = {"WORKFLOW_DEF": ["READ", "EXECUTE"], "TASK_DEF": ["READ"]}
    made = authorization.upsert_group(UpsertGroupRequest("the forest team", ["USER"], access), group)
    assert (made.id, made.description, roles_of(made)) == (group, "the forest team", ["USER"])
    assert {kind: set(accesses) for kind, accesses in made.default_access.items()} == {
        "WORKFLOW_DEF": {"READ", "EXECUTE"},
        "TASK_DEF": {"READ"},
    }
    changed = authorization.upsert_group(UpsertGroupRequest("the sea team", ["USER", "METADATA_MANAGER"]), group)
    assert (changed.description, sorted(roles_of(changed))) == ("the sea team", ["METADATA_MANAGER", "USER"])
    found = authorization.get_group(group)
    assert (found.id, found.description) == (group, "the sea team")
    assert group in [one.id for one in authorization.list_groups()]
    authorization.delete_group(group)
    refused(404, authorization.get_group, group, says=group)
    refused(404, authorization.delete_group, group, says=group)
    assert group not in [one.id for one in authorization.list_groups()]


def check_members_come_and_go(world: World) -> None:
    authorization, group = world.admin.get_authorization_client(), unique("group")
    ada, bob, cleo = users = [unique("user") for _ in range(3)]
    for user in users:
        authorization.upsert_user(UpsertUserRequest("A person", ["USER"]), user)
    authorization.upsert_group(UpsertGroupRequest("a group", ["USER"]), group)
    assert authorization.get_users_in_group(group) == []
    for _ in range(2):  # twice is once
        authorization.add_user_to_group(group, ada)
        authorization.add_users_to_group(group, [bob, cleo])
    assert sorted(one.id for one in authorization.get_users_in_group(group)) == sorted(users)
    assert [one.id for one in authorization.get_user(ada).groups] == [group]
    for _ in range(2):  # who is no member is no error
        authorization.remove_user_from_group(group, ada)
        authorization.remove_users_from_group(group, [ada, bob])
    assert [one.id for one in authorization.get_users_in_group(group)] == [cleo]
    assert authorization.get_user(ada).groups == []


def check_what_does_not_exist_is_named(world: World) -> None:
    authorization, group, missing = world.admin.get_authorization_client(), unique("group"), unique("missing")
    authorization.upsert_group(UpsertGroupRequest("a group", ["USER"]), group)
    refused(404, authorization.add_user_to_group, group, missing, says=missing)
    refused(404, authorization.add_user_to_group, missing, unique("user"), says=missing)
    refused(404, authorization.get_users_in_group, missing, says=missing)
    refused(404, authorization.get_granted_permissions_for_group, missing, says=missing)


def check_a_member_has_the_groups_grants_and_roles_at_once(world: World) -> None:
    """An application is a user too, so it can be a member."""
    authorization, actor, group, secret = world.admin.get_authorization_client(), world.actor(), unique("group"), unique("secret")
    world.admin.get_secret_client().put_secret(secret, "needles")
    authorization.upsert_group(UpsertGroupRequest("a group", ["METADATA_MANAGER"]), group)
    authorization.grant_permissions(subject("GROUP", group), TargetRef(TargetType.SECRET_NAME, secret), [AccessType.READ])
    secrets = actor.clients().get_secret_client()
    for _ in range(2):
        refused(403, secrets.get_secret, secret)
        refused(403, secrets.put_secret, unique("new"), "x")
        authorization.add_user_to_group(group, actor.user)
        assert secrets.get_secret(secret) == "needles"
        secrets.put_secret(unique("new"), "x")
        authorization.remove_user_from_group(group, actor.user)
    authorization.add_user_to_group(group, actor.user)
    assert secrets.get_secret(secret) == "needles"
    authorization.delete_group(group)
    refused(403, secrets.get_secret, secret)


def check_a_tag_grant_shows_every_resource_with_the_tag(world: World) -> None:
    authorization, group, secret, value = world.admin.get_authorization_client(), unique("group"), unique("secret"), unique("stage")
    world.admin.get_secret_client().put_secret(secret, "needles")
    world.admin.get_secret_client().set_secret_tags([MetadataTag("stage", value)], secret)
    authorization.upsert_group(UpsertGroupRequest("a group", ["USER"]), group)
    authorization.grant_permissions(subject("GROUP", group), TargetRef(TargetType.TAG, f"stage:{value}"), [AccessType.READ])
    shown = sorted((one.target.type, one.target.id, one.access) for one in authorization.get_granted_permissions_for_group(group))
    assert shown == [("SECRET_NAME", secret, ["READ"]), ("TAG", f"stage:{value}", ["READ"])]


def check_only_an_administrator_manages_groups(world: World) -> None:
    authorization, group, actor = world.admin.get_authorization_client(), unique("group"), world.actor("METADATA_MANAGER")
    authorization.upsert_group(UpsertGroupRequest("a group", ["ADMIN"]), group)
    outsider = actor.clients().get_authorization_client()
    refused(403, outsider.upsert_group, UpsertGroupRequest("mine", ["ADMIN"]), group, says="Forbidden")
    refused(403, outsider.list_groups, says="Forbidden")
    refused(403, outsider.add_user_to_group, group, actor.user, says="Forbidden")
    refused(403, outsider.add_users_to_group, group, [actor.user], says="Forbidden")
    refused(403, outsider.remove_user_from_group, group, actor.user, says="Forbidden")
    refused(403, outsider.remove_users_from_group, group, [actor.user], says="Forbidden")
    for call in (outsider.get_group, outsider.delete_group, outsider.get_users_in_group, outsider.get_granted_permissions_for_group):
        assert refused(403, call, group, says="Forbidden").error_code == "Forbidden"
    assert authorization.get_users_in_group(group) == []
    assert authorization.get_group(group).description == "a group"
