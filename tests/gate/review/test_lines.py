"""Whose task is it? A line of work gives its tasks only to who may do them, and one bad task stops nobody else's."""

from typing import Any

import pytest

from tests.api.authorization.world import new
from tests.gate.doors.stage import Stage, http, simple, system


def over(items: list[int], ref: str, *tasks: dict[str, Any]) -> dict[str, Any]:
    return {**system("DO_WHILE", ref, _items=items), "loopOver": list(tasks)}


def test_a_type_spelled_like_a_domain_and_a_type_gets_no_tasks_of_that_domain(stage: Stage) -> None:
    """`vip:charge` is the line of the type `charge` in the domain `vip`; whoever defines a task of that name owns the name alone."""
    stage.save(simple(stage.task, n="private"))
    run = stage.author.call("POST", "/api/workflow", {"name": stage.name, "taskToDomain": {stage.task: "vip"}})
    _, thief = stage.caller("thief", "METADATA_API", "WORKER")
    thief.call("POST", "/api/metadata/taskdefs", [{"name": f"vip:{stage.task}"}])
    assert thief.poll(f"vip:{stage.task}") == []
    assert stage.task_of(run)["status"] == "SCHEDULED"
    found = stage.worker.call("GET", f"/api/tasks/poll/{stage.task}?domain=vip")  # the line is not blocked for who may
    assert found["inputData"] == {"n": "private"}


def test_a_worker_of_a_type_gets_no_tasks_of_a_longer_type_by_a_domain(stage: Stage) -> None:
    long_type = f"secret:{stage.task}"
    stage.save(simple(long_type))
    run = stage.author.start(stage.name)
    stage.worker.call("GET", f"/api/tasks/poll/{stage.task}?domain=secret", status=204)
    assert stage.task_of(run)["status"] == "SCHEDULED"
    assert len(stage.admin.poll(long_type)) == 1


@pytest.mark.parametrize("kind", ["WAIT", "HUMAN"])
def test_whoever_defines_a_task_named_like_a_system_task_has_no_right_to_those(stage: Stage, kind: str) -> None:
    run = stage.run(system(kind, "one"))
    task = stage.waiting(run, "one")
    stranger_id, stranger = stage.caller("stranger", "METADATA_API", "WORKER")
    if not stage.admin.raw("GET", f"/api/metadata/taskdefs/{kind}").is_success:
        stranger.call("POST", "/api/metadata/taskdefs", [{"name": kind}])
    stage.admin.grant(stranger_id, "TASK_DEF", kind, "READ", "EXECUTE")
    result = {"taskId": task["taskId"], "workflowInstanceId": run, "status": "COMPLETED", "outputData": {"forged": True}}
    stranger.call("POST", "/api/tasks", result, status=404)
    stranger.call("GET", f"/api/tasks/{task['taskId']}", status=404)
    reader_id, reader = stage.caller("reader", "WORKER")
    stage.admin.grant(reader_id, "WORKFLOW_DEF", stage.name, "READ")
    reader.call("POST", "/api/tasks", result, status=403)
    assert stage.task_of(run)["status"] != "COMPLETED"
    stage.author.call("POST", "/api/tasks", result)  # who may run the workflow brings its own tasks to an end
    assert stage.ended(run)["status"] == "COMPLETED"


def test_a_secret_in_a_loop_within_a_loop_is_opened(stage: Stage) -> None:
    stage.save(over([1], "outer", over([1, 2], "inner", simple(stage.task, "one", key=stage.key))))
    stage.author.start(stage.name)
    for iteration in ("one__1__1", "one__1__2"):
        task = stage.entitled.poll(stage.task, timeout=20_000)[0]
        assert (task["referenceTaskName"], task["inputData"]) == (iteration, {"key": stage.value})
        stage.worker.complete(task)


def test_a_secret_in_a_loop_within_a_loop_is_sent(stage: Stage) -> None:
    call = http(f"{stage.listener.url}/x", "call", headers={"Key": stage.key})
    run = stage.run(over([1], "outer", over([1], "inner", call)))
    assert stage.ended(run)["status"] == "COMPLETED"
    assert [heard.headers["Key"] for heard in stage.listener.heard] == [stage.value]


def test_a_secret_nested_without_end_fails_its_own_task_and_stops_no_other(stage: Stage) -> None:
    deep = new("deep")
    stage.author.put_secret(deep, "[" * 30_000)
    stage.author.grant(stage.worker_id, "SECRET_NAME", deep, "READ")
    run = stage.run(simple(stage.task, key="${workflow.secrets." + deep + ".x}"))
    good = stage.author
    good.save({"name": f"{stage.name}-2", "version": 1, "tasks": [simple(stage.task)]})
    other = good.start(f"{stage.name}-2")
    assert [task["workflowInstanceId"] for task in stage.worker.poll(stage.task, count=5)] == [other]
    assert "leads to nothing" in stage.ended(run)["reasonForIncompletion"]


def test_a_task_that_was_given_a_secret_nested_without_end_can_report(stage: Stage) -> None:
    deep = new("deep")
    stage.author.put_secret(deep, "[" * 30_000)
    stage.author.grant(stage.worker_id, "SECRET_NAME", deep, "READ")
    run = stage.run(simple(stage.task, key="${workflow.secrets." + deep + "}"))
    stage.worker.complete(stage.worker.poll(stage.task)[0], {"said": "[" * 30_000})
    assert stage.ended(run)["output"] == {"said": "***"}
