"""Grants and roles: nobody hands out what they do not hold, and nothing taken away comes back (promise 10)."""

from typing import Any

import pytest

from tests.api.authorization.world import World, definition, new
from tests.support.server import Api, LiveServer

pytestmark = pytest.mark.promise(10)
ACCESSES = ("CREATE", "READ", "UPDATE", "DELETE", "EXECUTE")
RESTRICTED = ("WORKER", "METADATA_API", "APPLICATION_CREATOR")
UNRESTRICTED = ("UNRESTRICTED_WORKER", "METADATA_MANAGER", "WORKFLOW_MANAGER", "APPLICATION_MANAGER", "ADMIN", "USER")


@pytest.fixture
def world(sqlite_server: LiveServer) -> World:
    return World.on(sqlite_server)


def change(api: Api, method: str, to: str, secret: str, *access: str) -> tuple[int, str]:
    body = {"subject": {"type": "USER", "id": f"app:{to}"}, "target": {"type": "SECRET_NAME", "id": secret}, "access": list(access)}
    answer = api.raw(method, "/api/auth/authorization", body)
    return answer.status_code, answer.json()["message"]


def held(world: World, secret: str) -> dict[str, list[Any]]:
    found: dict[str, list[Any]] = world.admin.call("GET", f"/api/auth/authorization/SECRET_NAME/{secret}")
    return found


@pytest.mark.parametrize("access", ACCESSES)
def test_who_may_change_a_thing_hands_out_only_what_it_holds_itself(access: str, world: World) -> None:
    other, _ = world.caller("other")
    world.admin.grant(world.stranger_id, "SECRET_NAME", world.secret, "UPDATE")
    for method in ("POST", "DELETE"):
        status, message = change(world.stranger, method, other, world.secret, access)
        if access == "UPDATE":
            assert status == 200
        else:
            assert (status, f"(missing: {access} on SECRET_NAME {world.secret})" in message) == (403, True)
    world.admin.grant(world.stranger_id, "SECRET_NAME", world.secret, access)
    assert change(world.stranger, "POST", other, world.secret, access) == (200, "Granted permission")
    assert change(world.stranger, "DELETE", other, world.secret, access) == (200, "Removed permission")


def test_one_access_that_is_not_held_stops_the_whole_grant(world: World) -> None:
    world.admin.grant(world.stranger_id, "SECRET_NAME", world.secret, "UPDATE", "READ")
    before = held(world, world.secret)
    assert change(world.stranger, "POST", world.owner_id, world.secret, "READ", "EXECUTE", "UPDATE")[0] == 403
    assert held(world, world.secret) == before


def test_reading_a_thing_does_not_let_one_hand_it_on(world: World) -> None:
    world.admin.grant(world.stranger_id, "SECRET_NAME", world.secret, "READ")
    status, message = change(world.stranger, "POST", world.stranger_id, world.secret, "READ")
    assert (status, f"(missing: UPDATE on SECRET_NAME {world.secret})" in message) == (403, True)


def test_nobody_raises_themselves(world: World) -> None:
    for access in ACCESSES:
        assert change(world.stranger, "POST", world.stranger_id, world.secret, access)[0] == 403


def test_a_grant_on_a_name_that_does_not_exist_is_the_administrators_and_binds_to_what_is_made_there(world: World) -> None:
    name = new("later")
    assert change(world.owner, "POST", world.stranger_id, name, "READ")[0] == 403
    assert change(world.admin, "POST", world.stranger_id, name, "READ")[0] == 200
    assert world.stranger.raw("GET", f"/api/secrets/{name}").status_code == 404
    world.owner.put_secret(name, "made later")
    assert world.stranger.call("GET", f"/api/secrets/{name}") == "made later"


def test_a_grant_to_nobody_is_refused_and_names_the_field(world: World) -> None:
    body = {"subject": {"type": "USER", "id": "app:nobody"}, "target": {"type": "SECRET_NAME", "id": world.secret}, "access": ["READ"]}
    answer = world.owner.raw("POST", "/api/auth/authorization", body)
    assert (answer.status_code, answer.json()["validationErrors"][0]["path"]) == (400, "subject.id")


@pytest.mark.parametrize("kind", ["secret", "workflow", "taskdef", "application"])
def test_a_name_made_anew_revives_no_grant(kind: str, world: World) -> None:
    target = {"secret": "SECRET_NAME", "workflow": "WORKFLOW_DEF", "taskdef": "TASK_DEF", "application": "APPLICATION"}[kind]
    paths = {
        "secret": "/api/secrets/{}", "workflow": "/api/metadata/workflow/{}", "taskdef": "/api/metadata/taskdefs/{}",
        "application": "/api/applications/{}",
    }  # fmt: skip
    name: str = getattr(world, kind)
    path = paths[kind].format(name)
    world.admin.grant(world.stranger_id, target, name, *ACCESSES)
    assert world.stranger.raw("GET", path).status_code == 200
    world.owner.call("DELETE", f"{path}/1" if kind == "workflow" else path)
    refused = 404 if kind == "application" else 403
    assert world.stranger.raw("GET", path).status_code == refused
    remake(world, kind, name)
    assert world.stranger.raw("GET", path).status_code == refused
    rights = world.admin.call("GET", f"/api/auth/authorization/{target}/{name}")
    assert f"app:{world.stranger_id}" not in str(rights)


def remake(world: World, kind: str, name: str) -> None:
    """By another than its first owner."""
    if kind == "secret":
        world.admin.put_secret(name, "another value")
    elif kind == "workflow":
        world.admin.save(definition(name, new("task")))
    elif kind == "taskdef":
        world.admin.call("POST", "/api/metadata/taskdefs", [{"name": name}])


def test_the_grants_on_a_workflow_stay_while_one_of_its_versions_does(world: World) -> None:
    world.owner.save({**definition(world.workflow, world.taskdef), "version": 2})
    world.admin.grant(world.stranger_id, "WORKFLOW_DEF", world.workflow, "READ")
    world.owner.call("DELETE", f"/api/metadata/workflow/{world.workflow}/1")
    assert world.stranger.raw("GET", f"/api/metadata/workflow/{world.workflow}").status_code == 200
    world.owner.call("DELETE", f"/api/metadata/workflow/{world.workflow}/2")
    assert world.stranger.raw("GET", f"/api/metadata/workflow/{world.workflow}").status_code == 403


def test_an_application_deleted_loses_its_grants_and_roles_for_good(world: World) -> None:
    world.admin.grant(world.stranger_id, "SECRET_NAME", world.secret, "READ")
    world.admin.call("DELETE", f"/api/applications/{world.stranger_id}")
    assert held(world, world.secret)["READ"] == [{"type": "USER", "id": f"app:{world.owner_id}"}]


@pytest.mark.parametrize("role", RESTRICTED)
def test_who_may_change_an_application_gives_it_the_roles_of_a_program(role: str, world: World) -> None:
    path = f"/api/applications/{world.application}/roles/{role}"
    for method in ("POST", "POST", "DELETE", "DELETE"):
        assert world.owner.raw(method, path).status_code == 200


@pytest.mark.parametrize("role", UNRESTRICTED)
def test_only_an_administrator_gives_or_takes_a_role_that_reaches_further(role: str, world: World) -> None:
    path = f"/api/applications/{world.application}/roles/{role}"
    for method in ("POST", "DELETE"):
        answer = world.owner.raw(method, path)
        assert (answer.status_code, "(missing: role ADMIN)" in answer.json()["message"]) == (403, True)
        assert world.admin.raw(method, path, {}).status_code == 200


def test_a_manager_of_applications_does_not_make_itself_an_administrator(world: World) -> None:
    mine, manager = world.caller("manager", "APPLICATION_MANAGER")
    assert manager.raw("POST", f"/api/applications/{mine}/roles/ADMIN").status_code == 403
    assert manager.raw("POST", f"/api/applications/{world.application}/roles/METADATA_MANAGER").status_code == 403
    assert manager.raw("PUT", f"/api/applications/{world.application}", {"name": "renamed"}).status_code == 200


def test_an_unknown_role_is_refused_and_named(world: World) -> None:
    answer = world.admin.raw("POST", f"/api/applications/{world.application}/roles/EMPEROR")
    assert (answer.status_code, answer.json()["validationErrors"][0]["path"]) == (400, "role")
    assert "EMPEROR" in answer.json()["message"]


def test_who_may_not_execute_a_workflow_does_not_run_it_as_a_child(world: World) -> None:
    child = {
        "name": new("parent"), "version": 1,
        "tasks": [{"name": "c", "taskReferenceName": "c", "type": "SUB_WORKFLOW", "subWorkflowParam": {"name": world.workflow}}],
    }  # fmt: skip
    failing = {**definition(new("parent"), new("task")), "failureWorkflow": world.workflow}
    _, other = world.caller("other", "METADATA_API")
    for parent in (child, failing):
        answer = other.raw("POST", "/api/metadata/workflow", parent)
        assert (answer.status_code, f"EXECUTE on WORKFLOW_DEF {world.workflow}" in answer.json()["message"]) == (403, True)
        assert world.owner.raw("POST", "/api/metadata/workflow", parent).status_code == 200


def test_a_worker_needs_the_role_and_the_grant(world: World) -> None:
    path = f"/api/tasks/poll/{world.taskdef}"
    world.admin.grant(world.stranger_id, "TASK_DEF", world.taskdef, "EXECUTE")
    answer = world.stranger.raw("GET", path)
    assert (answer.status_code, "(missing: role WORKER)" in answer.json()["message"]) == (403, True)
    world.admin.call("POST", f"/api/applications/{world.stranger_id}/roles/WORKER")
    assert world.stranger.raw("GET", path).status_code == 204
    world.admin.revoke(world.stranger_id, "TASK_DEF", world.taskdef, "EXECUTE")
    answer = world.stranger.raw("GET", path)
    assert (answer.status_code, f"(missing: EXECUTE on TASK_DEF {world.taskdef})" in answer.json()["message"]) == (403, True)
    world.admin.call("POST", f"/api/applications/{world.stranger_id}/roles/UNRESTRICTED_WORKER")
    assert world.stranger.raw("GET", path).status_code == 204


@pytest.mark.parametrize("access", ["READ", "EXECUTE"])
def test_each_access_on_a_workflow_is_its_own(access: str, world: World) -> None:
    world.admin.grant(world.stranger_id, "WORKFLOW_DEF", world.workflow, access)
    assert world.stranger.raw("POST", f"/api/workflow/{world.workflow}", {}).status_code == (200 if access == "EXECUTE" else 403)
    assert world.stranger.raw("GET", f"/api/workflow/{world.run}").status_code == (200 if access == "READ" else 404)
    assert world.stranger.raw("DELETE", f"/api/workflow/{world.run}").status_code == (403 if access == "READ" else 404)
    assert world.stranger.raw("PUT", "/api/metadata/workflow", [definition(world.workflow, world.taskdef)]).status_code == 403
