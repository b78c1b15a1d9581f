"""Workflow and task definitions on the wire (contract/orkes.md B; 0.9, 0.16)."""

from typing import Any

import pytest

from tests.api.authorization.world import World, definition, new
from tests.api.orkes.wire import javascript, python, say
from tests.support.server import Api, LiveServer


def test_the_python_suites_first_call_is_answered(admin: Api) -> None:
    """0.16: the whole suite skips itself, green, where this fails."""
    assert isinstance(admin.call("GET", "/api/metadata/taskdefs"), list)


def test_a_task_definition_is_saved_by_the_bytes_python_sends(admin: Api, sqlite_server: LiveServer, admin_token: str) -> None:
    name = new("task")
    body = f'[{{"name": "{name}", "enforceSchema": false}}]'.encode()
    assert say(sqlite_server, python("POST", "/api/metadata/taskdefs", admin_token, body)).status == 200
    found = admin.call("GET", f"/api/metadata/taskdefs/{name}")
    assert (found["name"], found["enforceSchema"], found["retryCount"], found["timeoutPolicy"]) == (name, False, 3, "TIME_OUT_WF")
    changed = f'{{"name":"{name}","retryCount":1,"description":"d"}}'.encode()
    assert say(sqlite_server, javascript("PUT", "/api/metadata/taskdefs", admin_token, changed)).status == 200
    found = admin.call("GET", f"/api/metadata/taskdefs/{name}")
    assert (found["retryCount"], found["description"]) == (1, "d")
    assert name in [one["name"] for one in admin.call("GET", "/api/metadata/taskdefs")]
    assert admin.raw("DELETE", f"/api/metadata/taskdefs/{name}").status_code == 200


@pytest.mark.parametrize("path", ["metadata/taskdefs/{}", "metadata/workflow/{}", "metadata/workflow/{}?version=3", "workflow/{}"])
def test_what_is_missing_is_404_with_its_name_in_the_message(path: str, admin: Api) -> None:
    name = new("missing")
    answer = admin.raw("GET", f"/api/{path.format(name)}")
    assert (answer.status_code, name in answer.json()["message"], answer.json()["status"]) == (404, True, 404)


def test_starting_or_deleting_what_is_missing_is_404_with_its_name(admin: Api) -> None:
    name = new("missing")
    requests: list[tuple[str, str, Any]] = [
        ("POST", f"/api/workflow/{name}", {}), ("POST", "/api/workflow", {"name": name}), ("POST", f"/api/workflow/start/{name}/2", {}),
        ("DELETE", f"/api/metadata/workflow/{name}/1", None), ("DELETE", f"/api/metadata/taskdefs/{name}", None),
        ("DELETE", f"/api/workflow/{name}", None),
    ]  # fmt: skip
    for method, path, body in requests:
        answer = admin.raw(method, path, body)
        assert (answer.status_code, name in answer.json()["message"]) == (404, True), path


def test_a_definition_that_exists_is_a_conflict_unless_it_is_to_be_overwritten(admin: Api) -> None:
    body = definition(new("workflow"), new("task"))
    assert admin.raw("POST", "/api/metadata/workflow", body).status_code == 200
    assert admin.raw("POST", "/api/metadata/workflow", body).status_code == 409
    assert admin.raw("POST", "/api/metadata/workflow?overwrite=true", body).status_code == 200
    assert admin.call("PUT", "/api/metadata/workflow", [body]) == {"bulkErrorResults": {}, "bulkSuccessfulResults": [body["name"]]}


def test_versions_are_kept_apart_and_zero_means_the_latest(admin: Api) -> None:
    name = new("workflow")
    for version in (1, 2, 10):
        admin.save({**definition(name, new("task")), "version": version, "description": f"v{version}"})
    for query, version in (("", 10), ("?version=0", 10), ("?version=2", 2), ("?version=1", 1)):
        assert admin.call("GET", f"/api/metadata/workflow/{name}{query}")["version"] == version
    admin.call("POST", "/api/metadata/workflow?newVersion=true", definition(name, new("task")))
    assert admin.call("GET", f"/api/metadata/workflow/{name}")["version"] == 11
    admin.call("DELETE", f"/api/metadata/workflow/{name}/11")
    assert admin.call("GET", f"/api/metadata/workflow/{name}")["version"] == 10
    assert [one["version"] for one in admin.call("GET", "/api/metadata/workflow") if one["name"] == name] == [1, 2, 10]


def test_a_slash_in_a_name_stays_in_its_segment(admin: Api, sqlite_server: LiveServer, admin_token: str) -> None:
    name = f"team/{new('workflow')}@home"
    admin.save(definition(name, new("task")))
    encoded = name.replace("/", "%2F").replace("@", "%40")
    assert say(sqlite_server, javascript("GET", f"/api/metadata/workflow/{encoded}", admin_token)).json["name"] == name
    started = say(sqlite_server, javascript("POST", f"/api/workflow/{encoded}?version=1&priority=0", admin_token, b"{}"))
    assert (started.status, started.headers["content-type"]) == (200, "text/plain; charset=utf-8")
    assert admin.run(started.body.decode())["workflowName"] == name


def test_a_secret_that_does_not_exist_is_a_warning(admin: Api) -> None:
    missing = new("missing")
    answer = admin.save(definition(new("workflow"), new("task"), key=f"${{workflow.secrets.{missing}}}"))
    assert missing in answer.headers["warning"] and answer.headers["warning"].startswith("299 stagedoor ")


@pytest.mark.promise(12)
@pytest.mark.parametrize("name", ["", " ", "a\nb", "a\0b", "\u007f", "a" * 256])
def test_a_name_that_cannot_be_one_is_refused(name: str, admin: Api) -> None:
    assert admin.raw("POST", "/api/metadata/workflow", definition(name, "t")).status_code == 400
    assert admin.raw("POST", "/api/metadata/workflow", definition(new("workflow"), name)).status_code == 400
    assert admin.raw("POST", "/api/metadata/taskdefs", [{"name": name}]).status_code == 400


@pytest.mark.promise(12)
def test_bad_input_names_its_field(admin: Api) -> None:
    requests: list[tuple[str, str, Any, str]] = [
        ("POST", "/api/metadata/workflow", {"name": "x", "tasks": [{"name": "t"}]}, "tasks[0]"),
        ("POST", "/api/metadata/workflow", {"name": "x", "version": "1"}, "version"),
        ("POST", "/api/metadata/workflow", {"tasks": []}, "name"),
        ("POST", "/api/metadata/taskdefs", [{"name": "x", "retryCount": "many"}], "[0].retryCount"),
        ("PUT", "/api/metadata/taskdefs", {"retryCount": 1}, "name"),
        ("POST", "/api/workflow", {"input": {}}, "name"),
        ("POST", "/api/workflow/x?version=a", {}, "version"),
        ("POST", "/api/workflow/start/x/one", {}, "version"),
        ("POST", "/api/workflow/x?priority=100", {}, "priority"),
        ("DELETE", "/api/metadata/workflow/x/-1", None, "version"),
    ]
    for method, path, body, field in requests:
        answer = admin.raw(method, path, body)
        assert (answer.status_code, answer.json()["validationErrors"][0]["path"]) == (400, field), path


@pytest.mark.promise(9)
def test_in_a_list_each_definition_needs_its_own_right(sqlite_server: LiveServer) -> None:
    world, other = World.on(sqlite_server), World.on(sqlite_server)
    mine = definition(world.workflow, world.taskdef)
    foreign = definition(other.workflow, other.taskdef)
    answer = world.owner.raw("PUT", "/api/metadata/workflow", [mine, foreign])
    assert (answer.status_code, other.workflow in answer.json()["message"]) == (403, True)
    answer = world.owner.raw("POST", "/api/metadata/taskdefs", [{"name": world.taskdef, "description": "d"}, {"name": other.taskdef}])
    assert (answer.status_code, world.owner.call("GET", f"/api/metadata/taskdefs/{world.taskdef}").get("description")) == (403, None)


def test_a_definition_inside_a_start_request_is_refused_by_name(sqlite_server: LiveServer) -> None:
    world = World.on(sqlite_server)
    body = {"name": world.workflow, "workflowDef": definition(world.workflow, "another")}
    answer = world.owner.raw("POST", "/api/workflow", body)
    assert (answer.status_code, answer.json()["validationErrors"][0]["path"]) == (400, "workflowDef")


def test_identity_is_never_read_from_a_body(sqlite_server: LiveServer) -> None:
    world = World.on(sqlite_server)
    somebody = "admin@example.com"
    run = world.owner.call("POST", "/api/workflow", {"name": world.workflow, "createdBy": somebody, "starter": somebody})
    found = world.admin.run(run)
    assert found["createdBy"] == f"app:{world.owner_id}" and "starter" not in found
    world.owner.save({**definition(world.workflow, world.taskdef), "createdBy": "admin@example.com", "ownerApp": "x"})
    assert world.admin.call("GET", f"/api/metadata/workflow/{world.workflow}")["createdBy"] == f"app:{world.owner_id}"
