"""Polling, reporting and logs on the wire (contract/orkes.md B; 0.5, 0.17)."""

from typing import Any

import pytest

from tests.api.authorization.world import World, definition, new
from tests.api.orkes.wire import JAVASCRIPT, PYTHON, javascript, python, say
from tests.support.server import Api, LiveServer

UPDATE = "/api/tasks/update-v2"


@pytest.fixture
def world(sqlite_server: LiveServer) -> World:
    return World.on(sqlite_server)


def result(world: World, **changes: Any) -> dict[str, Any]:
    return {"taskId": world.task, "workflowInstanceId": world.run, "status": "COMPLETED", "outputData": {"a": 1}, **changes}


def test_nothing_to_do_is_204_and_in_a_batch_an_empty_list(world: World) -> None:
    single = world.owner.raw("GET", f"/api/tasks/poll/{world.taskdef}?workerid=w")
    assert (single.status_code, single.content) == (204, b"")
    batch = world.owner.raw("GET", f"/api/tasks/poll/batch/{world.taskdef}?workerid=w&count=10&timeout=100")
    assert (batch.status_code, batch.content) == (200, b"[]")


def test_a_polled_task_carries_what_sdks_read(world: World) -> None:
    run = world.run
    task = world.owner.call("GET", f"/api/tasks/poll/{world.taskdef}?workerid=w1")
    assert task.items() >= {
        "workflowInstanceId": run, "taskDefName": world.taskdef, "taskType": world.taskdef, "referenceTaskName": "one",
        "status": "IN_PROGRESS", "inputData": {"_executionToken": {}}, "pollCount": 1, "retryCount": 0, "workerId": "w1",
        "workflowType": world.workflow,
    }.items()  # fmt: skip
    assert {"taskId", "responseTimeoutSeconds", "scheduledTime", "startTime", "updateTime", "seq"} <= task.keys()


def test_update_v2_answers_204_or_the_next_task(world: World) -> None:
    answer = world.owner.raw("POST", UPDATE, result(world))
    assert (answer.status_code, answer.content) == (204, b"")
    first, second = world.owner.start(world.workflow), world.owner.start(world.workflow)
    (task,) = world.owner.poll(world.taskdef)
    done = {"taskId": task["taskId"], "workflowInstanceId": task["workflowInstanceId"], "status": "COMPLETED", "workerId": "w2"}
    answer = world.owner.raw("POST", UPDATE, done)
    assert (answer.status_code, answer.json()["taskDefName"], answer.json()["workerId"]) == (200, world.taskdef, "w2")
    assert {task["workflowInstanceId"], answer.json()["workflowInstanceId"]} == {first, second}


@pytest.mark.parametrize("task", ["6ecd4d11-bd9e-4d13-9a5e-5a8b1b0f1b0a", "unknown", "a/b", "ü"])
def test_update_v2_never_says_404_or_405(task: str, world: World, admin: Api) -> None:
    """0.17: an SDK that gets one of them uses the old route for the rest of its life."""
    for api in (world.stranger, admin):
        answer = api.raw("POST", UPDATE, {"taskId": task, "workflowInstanceId": "x", "status": "COMPLETED"})
        assert answer.status_code == 403
    wrong_run = admin.raw("POST", UPDATE, result(world, workflowInstanceId="another"))
    assert wrong_run.status_code == 403


@pytest.mark.parametrize("body", [b"", b"{}", b"[]", b"{", b'{"taskId": 1}', b'{"taskId": ""}', b'{"taskId": null}', b"null", b"\xff"])
def test_update_v2_says_400_to_what_names_no_task(body: bytes, admin: Api, sqlite_server: LiveServer, admin_token: str) -> None:
    answer = say(sqlite_server, python("POST", UPDATE, admin_token, body))
    assert (answer.status, answer.json["validationErrors"][0]["path"]) == (400, "taskId")


@pytest.mark.promise(12)
@pytest.mark.parametrize(
    "broken",
    [b'"DONE"', b'"COMPLETED", "outputData": []', b"7", b'"COMPLETED", "outputData": {"a": NaN}', b'"COMPL', b'"SCHEDULED"', b'"SKIPPED"'],
)
def test_a_result_that_cannot_be_read_fails_its_task_so_that_it_is_not_sent_for_ever(broken: bytes, world: World) -> None:
    body = b'{"taskId": "%b", "workflowInstanceId": "%b", "status": %b}' % (world.task.encode(), world.run.encode(), broken)
    answer = world.owner.raw("POST", UPDATE, body, headers={"Content-Type": "application/json"})
    assert answer.status_code == 400
    (task,) = world.owner.ended(world.run)["tasks"]
    assert task["status"] == "FAILED_WITH_TERMINAL_ERROR"
    assert "the task result cannot be read" in task["reasonForIncompletion"]


def test_a_stranger_fails_no_task_with_an_unreadable_result(world: World) -> None:
    body = b'{"taskId": "%b", "status": 7}' % world.task.encode()
    assert world.stranger.raw("POST", UPDATE, body).status_code == 403
    assert world.stranger.raw("POST", "/api/tasks", body).status_code == 404
    assert world.owner.run(world.run)["tasks"][0]["status"] == "IN_PROGRESS"


def test_the_old_route_answers_with_the_tasks_id_as_text(world: World) -> None:
    answer = world.owner.raw("POST", "/api/tasks", result(world))
    assert (answer.status_code, answer.text, answer.headers["content-type"]) == (200, world.task, "text/plain; charset=utf-8")
    assert world.owner.ended(world.run)["tasks"][0]["outputData"] == {"a": 1}


def test_a_heartbeat_keeps_the_task_with_its_worker(world: World) -> None:
    answer = world.owner.raw("POST", "/api/tasks", result(world, status="IN_PROGRESS", extendLease=True, outputData=None))
    assert answer.status_code == 200
    assert world.owner.poll(world.taskdef) == []
    assert world.owner.call("GET", f"/api/tasks/{world.task}")["status"] == "IN_PROGRESS"


def test_javascripts_result_in_chunks_is_taken(world: World, sqlite_server: LiveServer) -> None:
    token = world.owner.http.headers["X-Authorization"]
    done = '"status":"COMPLETED","outputData":{"a":"😀"},"logs":[{"log":"l"}]}'
    text = f'{{"taskId":"{world.task}","workflowInstanceId":"{world.run}",{done}'
    assert say(sqlite_server, javascript("POST", UPDATE, token, text.encode(), size=5)).status == 204
    assert world.owner.ended(world.run)["tasks"][0]["outputData"] == {"a": "😀"}
    assert [line["log"] for line in world.owner.call("GET", f"/api/tasks/{world.task}/log")] == ["l"]


@pytest.mark.parametrize(("agent", "body"), [(JAVASCRIPT, b'"hello \\"you\\""'), (PYTHON, b'hello \\"you\\" '), ("curl/8", b'hello "you"')])
def test_a_log_line_is_the_text_its_worker_wrote(agent: str, body: bytes, world: World) -> None:
    path = f"/api/tasks/{world.task}/log"
    assert world.owner.raw("POST", path, body, headers={"User-Agent": agent}).status_code == 200
    (line,) = world.owner.call("GET", path)
    assert (line["taskId"], line["log"].strip(), sorted(line)) == (world.task, 'hello "you"', ["createdTime", "log", "taskId"])


def test_a_literal_route_goes_before_a_name(world: World) -> None:
    """`GET /api/tasks/poll/batch/{type}` and `POST /api/tasks/update-v2` are no tasks called `poll` or `update-v2`."""
    assert world.owner.raw("GET", f"/api/tasks/poll/batch/{world.taskdef}?timeout=1").content == b"[]"
    assert world.admin.raw("GET", "/api/tasks/poll/batch").status_code == 204


@pytest.mark.promise(12)
@pytest.mark.parametrize("query", ["count=x", "count=-1", "timeout=1e9", "timeout=-5", "timeout=99999999999999999999"])
def test_a_poll_with_bad_numbers_is_400_by_name(query: str, world: World) -> None:
    answer = world.owner.raw("GET", f"/api/tasks/poll/batch/{world.taskdef}?{query}")
    assert (answer.status_code, answer.json()["validationErrors"][0]["path"]) == (400, query.split("=")[0])


def test_a_task_is_seen_by_who_may_read_the_workflow_or_work_on_it(world: World) -> None:
    path = f"/api/tasks/{world.task}"
    assert world.stranger.raw("GET", path).status_code == 404
    for kind, name, access in (("WORKFLOW_DEF", world.workflow, "READ"), ("TASK_DEF", world.taskdef, "EXECUTE")):
        world.admin.grant(world.stranger_id, kind, name, access)
        assert world.stranger.raw("GET", path).status_code == 200
        world.admin.revoke(world.stranger_id, kind, name, access)
    assert world.stranger.raw("GET", path).status_code == 404


@pytest.mark.promise(9)
def test_each_type_of_task_is_its_own(world: World) -> None:
    """A worker of one type neither polls nor reports on another's."""
    other = new("task")
    world.admin.call("POST", "/api/metadata/taskdefs", [{"name": other}])
    world.admin.save(definition(new("workflow"), other))
    worker_id, worker = world.caller("worker", "WORKER")
    world.admin.grant(worker_id, "TASK_DEF", other, "EXECUTE")
    assert worker.raw("GET", f"/api/tasks/poll/{world.taskdef}").status_code == 403
    assert worker.raw("POST", UPDATE, result(world)).status_code == 403
    assert worker.raw("POST", "/api/tasks", result(world)).status_code == 404
