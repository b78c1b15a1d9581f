"""AuthorizationClient: applications, their keys, roles and tags; tokens."""

from conductor.client.http.models.create_or_update_application_request import CreateOrUpdateApplicationRequest
from conductor.client.orkes.models.access_key_status import AccessKeyStatus
from conductor.client.orkes.models.metadata_tag import MetadataTag
from world import Actor, World, refused, unique


def named(name: str) -> CreateOrUpdateApplicationRequest:
    return CreateOrUpdateApplicationRequest(name)


def check_an_application_lives_and_dies(world: World) -> None:
    authorization, name = world.admin.get_authorization_client(), unique("app")
    made = authorization.create_application(named(name))
    assert authorization.get_application(made.id).name == name
    assert authorization.update_application(named(f"{name}-2"), made.id).name == f"{name}-2"
    assert made.id in [application.id for application in authorization.list_applications()]
    authorization.delete_application(made.id)
    refused(404, authorization.get_application, made.id, says=made.id)
    refused(404, authorization.delete_application, made.id, says=made.id)
    assert made.id not in [application.id for application in authorization.list_applications()]


def check_two_applications_may_share_a_name_but_none_may_lack_one(world: World) -> None:
    authorization, name = world.admin.get_authorization_client(), unique("app")
    assert authorization.create_application(named(name)).id != authorization.create_application(named(name)).id
    refused(400, authorization.create_application, named(""), says="name")


def check_an_access_key_is_made_paused_resumed_and_deleted(world: World) -> None:
    authorization = world.admin.get_authorization_client()
    application = authorization.create_application(named(unique("app")))
    key = authorization.create_access_key(application.id)
    assert key.secret
    [listed] = authorization.get_access_keys(application.id)
    assert (listed.id, listed.status, listed.created_at > 0) == (key.id, AccessKeyStatus.ACTIVE, True)
    assert authorization.toggle_access_key_status(application.id, key.id).status == AccessKeyStatus.INACTIVE
    assert authorization.toggle_access_key_status(application.id, key.id).status == AccessKeyStatus.ACTIVE
    assert authorization.get_app_by_access_key_id(key.id)["id"] == application.id
    authorization.delete_access_key(application.id, key.id)
    assert authorization.get_access_keys(application.id) == []
    refused(404, authorization.toggle_access_key_status, application.id, key.id, says=key.id)
    refused(404, authorization.delete_access_key, application.id, key.id, says=key.id)
    refused(404, authorization.get_app_by_access_key_id, key.id)


def check_a_token_is_minted_for_the_right_secret_only(world: World) -> None:
    authorization, actor = world.admin.get_authorization_client(), world.actor()
    token = authorization.generate_token(actor.key_id, actor.key_secret)
    assert token["token"].count(".") == 2
    problem = refused(401, authorization.generate_token, actor.key_id, "wrong", says="Invalid access key")
    assert problem.error_code == "INVALID_TOKEN"
    refused(401, authorization.generate_token, "unknown", actor.key_secret, says="Invalid access key")


def check_the_token_says_who_it_is(world: World) -> None:
    actor = world.actor("WORKER")
    user = actor.clients().get_authorization_client().get_user_info_from_token()
    assert (user["id"], user["applicationUser"]) == (actor.user, True)
    assert [role["name"] for role in user["roles"]] == ["WORKER"]


def check_roles_come_and_go(world: World) -> None:
    authorization, actor = world.admin.get_authorization_client(), world.actor()
    clients = actor.clients()
    refused(403, clients.get_secret_client().put_secret, unique("secret"), "x")
    authorization.add_role_to_application_user(actor.id, "METADATA_MANAGER")
    clients.get_secret_client().put_secret(unique("secret"), "x")
    authorization.remove_role_from_application_user(actor.id, "METADATA_MANAGER")
    refused(403, clients.get_secret_client().put_secret, unique("secret"), "x")
    authorization.remove_role_from_application_user(actor.id, "METADATA_MANAGER")  # once more is no error
    refused(400, authorization.add_role_to_application_user, actor.id, "NO_SUCH_ROLE", says="NO_SUCH_ROLE")
    refused(404, authorization.add_role_to_application_user, "no-such-application", "WORKER", says="no-such-application")


def check_only_an_administrator_gives_unrestricted_roles(world: World) -> None:
    creator = world.actor("APPLICATION_CREATOR")
    authorization = creator.clients().get_authorization_client()
    own = authorization.create_application(named(unique("app")))
    authorization.add_role_to_application_user(own.id, "WORKER")
    refused(403, authorization.add_role_to_application_user, own.id, "ADMIN")
    refused(403, authorization.add_role_to_application_user, own.id, "UNRESTRICTED_WORKER")


def check_tags(world: World) -> None:
    authorization, actor = world.admin.get_authorization_client(), world.actor()
    assert authorization.get_application_tags(actor.id) == []
    authorization.set_application_tags([MetadataTag("team", "a"), MetadataTag("stage", "b")], actor.id)
    authorization.set_application_tags([MetadataTag("team", "c")], actor.id)
    assert sorted((tag.key, tag.value) for tag in authorization.get_application_tags(actor.id)) == [("stage", "b"), ("team", "c")]
    authorization.delete_application_tags([MetadataTag("team", "c")], actor.id)
    assert [tag.key for tag in authorization.get_application_tags(actor.id)] == ["stage"]


def check_an_outsider_sees_no_application(world: World) -> None:
    stranger, other = world.actor(), world.actor()
    authorization = stranger.clients().get_authorization_client()
    refused(403, authorization.create_application, named(unique("app")), says="APPLICATION")
    for call in (
        authorization.get_application, authorization.delete_application, authorization.get_access_keys,
        authorization.create_access_key, authorization.get_application_tags,
    ):  # fmt: skip
        refused(404, call, other.id, says=other.id)
    refused(404, authorization.add_role_to_application_user, other.id, "WORKER")
    assert authorization.list_applications() == []
    assert still_there(world, other)


def still_there(world: World, actor: Actor) -> bool:
    found: str = world.admin.get_authorization_client().get_application(actor.id).id
    return found == actor.id
