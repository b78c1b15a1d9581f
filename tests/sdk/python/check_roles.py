"""AuthorizationClient: system roles and roles of one's own."""

from check_metadata import simple
from conductor.client.http.models.create_or_update_role_request import CreateOrUpdateRoleRequest
from conductor.client.http.models.start_workflow_request import StartWorkflowRequest
from conductor.client.http.models.target_ref import TargetRef, TargetType
from conductor.client.orkes.models.access_type import AccessType
from world import World, refused, subject, unique

SYSTEM = {"USER", "ADMIN", "METADATA_MANAGER", "WORKFLOW_MANAGER", "WORKER"}


def role(name: str, *permissions: str) -> CreateOrUpdateRoleRequest:
    return CreateOrUpdateRoleRequest(name, list(permissions))


def check_the_system_roles(world: World) -> None:
    authorization = world.admin.get_authorization_client()
    assert set(authorization.list_system_roles()) >= SYSTEM
    everything = {one.name: one for one in authorization.list_all_roles()}
    assert set(everything) >= SYSTEM
    assert "CREATE_WORKFLOW_DEF" in [permission.name for permission in everything["USER"].permissions]
    assert not SYSTEM & {one.name for one in authorization.list_custom_roles()}
    assert {"READ_WORKFLOW_DEF", "EXECUTE_TASK_DEF", "CREATE_SECRET_NAME"} <= set(authorization.list_available_permissions())
    assert authorization.get_role("USER")["name"] == "USER"


def check_a_role_of_ones_own_lives_and_dies(world: World) -> None:
    authorization, name = world.admin.get_authorization_client(), unique("role")
    assert authorization.create_role(role(name, "READ_WORKFLOW_DEF"))["name"] == name
    assert authorization.get_role(name)["name"] == name
    assert name in [one.name for one in authorization.list_custom_roles()]
    assert name in [one.name for one in authorization.list_all_roles()]
    assert name not in authorization.list_system_roles()
    assert authorization.update_role(name, role(name, "READ_WORKFLOW_DEF", "EXECUTE_WORKFLOW_DEF"))["name"] == name
    listed = {one.name: [permission.name for permission in one.permissions] for one in authorization.list_custom_roles()}
    assert sorted(listed[name]) == ["EXECUTE_WORKFLOW_DEF", "READ_WORKFLOW_DEF"]
    authorization.delete_role(name)
    for call in (authorization.get_role, authorization.delete_role):
        refused(404, call, name, says=name)
    refused(404, authorization.update_role, name, role(name, "READ_WORKFLOW_DEF"), says=name)


def check_a_role_that_makes_no_sense_is_refused(world: World) -> None:
    authorization, name = world.admin.get_authorization_client(), unique("role")
    for permission in ("workflow:read", "READ_EVERYTHING", "ADMIN_MANAGEMENT", "AUTHORIZATION_MANAGEMENT", "READ_TAG", "EXECUTE_DOMAIN"):
        refused(400, authorization.create_role, role(name, permission), says="permissions")
    refused(409, authorization.create_role, role("ADMIN", "READ_WORKFLOW_DEF"), says="ADMIN")
    authorization.create_role(role(name, "READ_WORKFLOW_DEF"))
    refused(409, authorization.create_role, role(name, "READ_WORKFLOW_DEF"), says=name)


def check_a_role_of_ones_own_takes_effect_and_ends_with_the_role(world: World) -> None:
    authorization, actor, name, workflow = world.admin.get_authorization_client(), world.actor(), unique("role"), unique("workflow")
    world.admin.get_metadata_client().register_workflow_def(simple(workflow))
    authorization.create_role(role(name, "READ_WORKFLOW_DEF"))
    clients = actor.clients()
    metadata, workflows = clients.get_metadata_client(), clients.get_workflow_client()
    refused(403, metadata.get_workflow_def, workflow)
    authorization.add_role_to_application_user(actor.id, name)
    assert metadata.get_workflow_def(workflow).name == workflow
    refused(403, workflows.start_workflow, StartWorkflowRequest(name=workflow), says=f"EXECUTE on WORKFLOW_DEF {workflow}")
    authorization.update_role(name, role(name, "EXECUTE_WORKFLOW_DEF"))
    assert workflows.start_workflow(StartWorkflowRequest(name=workflow))
    refused(403, metadata.get_workflow_def, workflow)
    authorization.delete_role(name)
    refused(403, workflows.start_workflow, StartWorkflowRequest(name=workflow))
    authorization.create_role(role(name, "EXECUTE_WORKFLOW_DEF"))  # made anew, it is nobody's
    refused(403, workflows.start_workflow, StartWorkflowRequest(name=workflow))


def check_a_grant_to_a_role_reaches_who_has_it(world: World) -> None:
    authorization, actor, name, secret = world.admin.get_authorization_client(), world.actor(), unique("role"), unique("secret")
    world.admin.get_secret_client().put_secret(secret, "needles")
    authorization.create_role(role(name, "READ_WORKFLOW_DEF"))
    authorization.grant_permissions(subject("ROLE", name), TargetRef(TargetType.SECRET_NAME, secret), [AccessType.READ])
    secrets = actor.clients().get_secret_client()
    refused(403, secrets.get_secret, secret)
    authorization.add_role_to_application_user(actor.id, name)
    assert secrets.get_secret(secret) == "needles"
    authorization.remove_role_from_application_user(actor.id, name)
    refused(403, secrets.get_secret, secret)


def check_only_an_administrator_edits_roles(world: World) -> None:
    name = unique("role")
    world.admin.get_authorization_client().create_role(role(name, "READ_WORKFLOW_DEF"))
    outsider = world.actor("METADATA_MANAGER").clients().get_authorization_client()
    refused(403, outsider.create_role, role(unique("role"), "READ_WORKFLOW_DEF"), says="Forbidden")
    refused(403, outsider.update_role, name, role(name, "EXECUTE_WORKFLOW_DEF"), says="Forbidden")
    refused(403, outsider.delete_role, name, says="Forbidden")
    assert outsider.get_role(name)["name"] == name  # roles are no secret


def check_nobody_reads_roles_without_a_valid_token(world: World) -> None:
    outlaw = world.outlaw().get_authorization_client()
    for call in (outlaw.list_all_roles, outlaw.list_system_roles, outlaw.list_custom_roles, outlaw.list_available_permissions):
        assert refused(401, call).error_code == "INVALID_TOKEN"
    refused(401, outlaw.get_role, "USER")
