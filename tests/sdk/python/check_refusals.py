"""What no other check tries: the remaining calls of the authorization clients, by somebody who may not."""

from conductor.client.http.models.authentication_config import AuthenticationConfig
from conductor.client.http.models.create_or_update_application_request import CreateOrUpdateApplicationRequest
from conductor.client.http.models.target_ref import TargetRef, TargetType
from conductor.client.orkes.models.access_type import AccessType
from conductor.client.orkes.models.metadata_tag import MetadataTag
from world import World, refused, unique


def check_an_application_is_not_there_for_an_outsider(world: World) -> None:
    other, authorization = world.actor("WORKER"), world.stranger().get_authorization_client()
    refused(404, authorization.update_application, CreateOrUpdateApplicationRequest("mine"), other.id, says=other.id)
    refused(404, authorization.remove_role_from_application_user, other.id, "WORKER", says=other.id)
    refused(404, authorization.set_application_tags, [MetadataTag("team", "a")], other.id, says=other.id)
    refused(404, authorization.delete_application_tags, [MetadataTag("team", "a")], other.id, says=other.id)
    refused(404, authorization.toggle_access_key_status, other.id, other.key_id, says=other.id)
    refused(404, authorization.delete_access_key, other.id, other.key_id, says=other.id)
    refused(404, authorization.get_app_by_access_key_id, other.key_id, says=other.key_id)
    assert [role.name for role in world.admin.get_authorization_client().get_user(other.user).roles] == ["WORKER"]


def check_who_may_only_read_an_application_is_told_what_is_missing(world: World) -> None:
    other, reader = world.actor(), world.actor()
    world.grant(reader, "APPLICATION", other.id, "READ")
    authorization = reader.clients().get_authorization_client()
    assert authorization.get_application(other.id).id == other.id
    refused(403, authorization.delete_application, other.id, says=f"DELETE on APPLICATION {other.id}")
    refused(403, authorization.create_access_key, other.id, says=f"UPDATE on APPLICATION {other.id}")
    refused(403, authorization.delete_access_key, other.id, other.key_id, says=f"UPDATE on APPLICATION {other.id}")


def check_grants_of_a_target_are_shown_to_who_may_read_it(world: World) -> None:
    name, reader = unique("secret"), world.actor()
    world.admin.get_secret_client().put_secret(name, "needles")
    authorization, target = reader.clients().get_authorization_client(), TargetRef(TargetType.SECRET_NAME, name)
    refused(403, authorization.get_permissions, target, says=f"READ on SECRET_NAME {name}")
    refused(403, authorization.remove_permissions, reader.subject, target, [AccessType.READ], says=f"SECRET_NAME {name}")
    world.grant(reader, "SECRET_NAME", name, "READ")
    assert reader.user in [one.id for one in authorization.get_permissions(target)["READ"]]


def check_tags_of_a_secret_ask_for_rights(world: World) -> None:
    name, secrets = unique("secret"), world.stranger().get_secret_client()
    world.admin.get_secret_client().put_secret(name, "needles")
    tags = [MetadataTag("team", "a")]
    refused(403, secrets.get_secret_tags, name, says=f"READ on SECRET_NAME {name}")
    refused(403, secrets.set_secret_tags, tags, name, says=f"UPDATE on SECRET_NAME {name}")
    refused(403, secrets.delete_secret_tags, tags, name, says=f"UPDATE on SECRET_NAME {name}")


def check_a_deleted_key_lists_nothing(world: World) -> None:
    """Lists are filtered for who may see less; only who is nobody is refused them."""
    clients = world.outlaw()
    authorization, secrets = clients.get_authorization_client(), clients.get_secret_client()
    metadata = clients.get_metadata_client()
    for call in (
        authorization.list_applications, authorization.get_user_info_from_token, secrets.list_all_secret_names,
        secrets.list_secrets_that_user_can_grant_access_to, metadata.get_all_workflow_defs, metadata.get_all_task_defs,
    ):  # fmt: skip
        assert refused(401, call).error_code == "INVALID_TOKEN"
    refused(401, secrets.secret_exists, "any")
    actor = world.actor()
    refused(401, authorization.generate_token, actor.key_id, "wrong", says="Invalid access key")


def check_the_gateway_is_not_there(world: World) -> None:
    """contract/orkes.md 0.19: 404, or the SDK's own suite stumbles over the SDK's own answers."""
    authorization = world.admin.get_authorization_client()
    config = AuthenticationConfig(id="x", application_id="x", authentication_type="NONE")
    refused(404, authorization.create_gateway_auth_config, config)
    refused(404, authorization.get_gateway_auth_config, "x")
    refused(404, authorization.list_gateway_auth_configs)
    refused(404, authorization.update_gateway_auth_config, "x", config)
    refused(404, authorization.delete_gateway_auth_config, "x")
