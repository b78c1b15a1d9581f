"""The hand-off: a value goes to the worker that polls, under the five conditions (promise 6)."""

import pytest

from tests.gate.doors.stage import Stage, reference, simple, system

pytestmark = pytest.mark.promise(6)


def test_it_works(stage: Stage) -> None:
    run = stage.run(simple(stage.task, key=stage.key, text=f"key={stage.key}!", other="${workflow.input.other}"), given={"other": 7})
    (task,) = stage.entitled.poll(stage.task)
    assert task["inputData"] == {"key": stage.value, "text": f"key={stage.value}!", "other": 7}
    assert stage.task_of(run)["inputData"] == {"key": stage.key, "text": f"key={stage.key}!", "other": 7}
    assert stage.value.encode() not in stage.stored()


def test_a_secret_that_is_json_is_handed_out_by_its_parts(stage: Stage) -> None:
    stage.admin.put_secret(stage.secret, '{"user": {"name": "ada"}, "ports": [80, 443], "on": true}')
    name, port, on = (reference(stage.secret, path) for path in (".user.name", ".ports[1]", ".on"))
    stage.run(simple(stage.task, name=name, port=port, on=on))
    (task,) = stage.entitled.poll(stage.task)
    assert task["inputData"] == {"name": "ada", "port": 443, "on": True}


def test_a_task_is_held_for_a_worker_that_may_read_the_secret(stage: Stage) -> None:
    """Condition 4: it waits, unpolled, with the reason, and the poller gets an ordinary empty answer."""
    run = stage.run(simple(stage.task, key=stage.key))
    single = stage.worker.raw("GET", f"/api/tasks/poll/{stage.task}?workerid=w")
    assert (single.status_code, single.content) == (204, b"")
    assert stage.worker.raw("GET", f"/api/tasks/poll/batch/{stage.task}?timeout=50").content == b"[]"
    held = stage.task_of(run)
    assert (held["status"], held["pollCount"]) == ("SCHEDULED", 0)
    assert held["reasonForIncompletion"] == f"held: application app:{stage.worker_id} lacks READ on SECRET_NAME {stage.secret}"
    (task,) = stage.entitled.poll(stage.task)
    assert (task["inputData"]["key"], task["pollCount"]) == (stage.value, 1)
    assert stage.task_of(run).get("reasonForIncompletion") is None


@pytest.mark.parametrize("access", ["EXECUTE", "UPDATE", "CREATE", "DELETE"])
def test_only_read_lets_a_worker_have_the_value(access: str, stage: Stage) -> None:
    stage.run(simple(stage.task, key=stage.key))
    stage.admin.grant(stage.worker_id, "SECRET_NAME", stage.secret, access)
    assert stage.worker.poll(stage.task) == []


def test_held_tasks_do_not_block_those_behind_them(stage: Stage) -> None:
    held = [stage.run(simple(stage.task, key=stage.key)) for _ in range(3)]
    stage.name += "-without"
    free = [stage.run(simple(stage.task, key="no secret")) for _ in range(2)]
    found = stage.worker.poll(stage.task, count=10)
    assert sorted(task["workflowInstanceId"] for task in found) == sorted(free)
    assert [stage.task_of(run)["status"] for run in held] == ["SCHEDULED"] * 3


def test_an_entitled_worker_gets_what_another_may_not_have(stage: Stage) -> None:
    run = stage.run(simple(stage.task, key=stage.key))
    assert stage.worker.poll(stage.task) == []
    other_id, other = stage.caller("other", "WORKER")
    stage.admin.grant(other_id, "TASK_DEF", stage.task, "EXECUTE")
    stage.admin.grant(other_id, "SECRET_NAME", stage.secret, "READ")
    (task,) = other.poll(stage.task)
    assert (task["workflowInstanceId"], task["inputData"]["key"]) == (run, stage.value)


def test_the_next_task_of_an_update_goes_through_the_same_door(stage: Stage) -> None:
    stage.run(simple(stage.task, key="free"))
    (task,) = stage.worker.poll(stage.task)
    stage.name += "-with"
    run = stage.run(simple(stage.task, key=stage.key))
    done = {"taskId": task["taskId"], "workflowInstanceId": task["workflowInstanceId"], "status": "COMPLETED"}
    assert stage.worker.raw("POST", "/api/tasks/update-v2", done).status_code == 204
    assert stage.task_of(run)["reasonForIncompletion"].startswith("held: ")
    stage.name += "-free"
    stage.run(simple(stage.task, key="free"))
    (task,) = stage.worker.poll(stage.task)
    stage.admin.grant(stage.worker_id, "SECRET_NAME", stage.secret, "READ")
    done = {"taskId": task["taskId"], "workflowInstanceId": task["workflowInstanceId"], "status": "COMPLETED"}
    answer = stage.worker.raw("POST", "/api/tasks/update-v2", done)
    assert (answer.status_code, answer.json()["inputData"]) == (200, {"key": stage.value})


def refused(stage: Stage, run: str) -> str:
    """The reason for which an entitled worker's poll ended the task for good."""
    assert stage.entitled.poll(stage.task) == []
    assert stage.ended(run)["status"] == "FAILED"
    task = stage.task_of(run)
    assert (task["status"], task["pollCount"]) == ("FAILED_WITH_TERMINAL_ERROR", 0)
    reason: str = task["reasonForIncompletion"]
    return reason


def test_a_voucher_that_may_no_longer_use_the_secret_shuts_it(stage: Stage) -> None:
    """Condition 2, checked at that moment: the grant goes after the save and the start."""
    run = stage.run(simple(stage.task, key=stage.key))
    stage.admin.revoke(stage.author_id, "SECRET_NAME", stage.secret, "READ")
    assert refused(stage, run) == f"app:{stage.author_id}, who vouched for it, lacks READ on SECRET_NAME {stage.secret}"


def test_a_voucher_that_is_deleted_shuts_the_secret(stage: Stage) -> None:
    stage.save(simple(stage.task, key=stage.key))
    run = stage.admin.start(stage.name)
    stage.admin.call("DELETE", f"/api/applications/{stage.author_id}")
    assert "who vouched for it, lacks READ" in refused(stage, run)


def test_a_secret_that_is_gone_fails_the_task(stage: Stage) -> None:
    run = stage.run(simple(stage.task, key=stage.key))
    stage.admin.call("GET", f"/api/secrets/{stage.secret}/exists")
    assert stage.entitled
    stage.admin.call("DELETE", f"/api/secrets/{stage.secret}")
    assert refused_as_it_stands(stage, run) == f"there is no secret {stage.secret}"


def refused_as_it_stands(stage: Stage, run: str) -> str:
    assert stage.worker.poll(stage.task) == []
    reason: str = stage.ended(run)["tasks"][-1]["reasonForIncompletion"]
    return reason


def test_a_secret_made_anew_by_another_is_not_the_one_that_was_vouched_for(stage: Stage) -> None:
    run = stage.run(simple(stage.task, key=stage.key))
    stage.admin.call("DELETE", f"/api/secrets/{stage.secret}")
    stage.admin.put_secret(stage.secret, "the value of somebody else")
    assert "who vouched for it, lacks READ" in refused(stage, run)


def test_a_starter_that_may_no_longer_execute_the_workflow_gets_no_value_used(stage: Stage) -> None:
    """Condition 3."""
    stage.save(simple(stage.task, key=stage.key))
    starter_id, starter = stage.caller("starter")
    stage.admin.grant(starter_id, "WORKFLOW_DEF", stage.name, "EXECUTE")
    run = starter.start(stage.name)
    stage.admin.revoke(starter_id, "WORKFLOW_DEF", stage.name, "EXECUTE")
    assert refused(stage, run) == f"the starter app:{starter_id} lacks EXECUTE on WORKFLOW_DEF {stage.name}"


def test_a_starter_needs_no_right_on_the_secret(stage: Stage) -> None:
    stage.save(simple(stage.task, key=stage.key))
    starter_id, starter = stage.caller("starter")
    stage.admin.grant(starter_id, "WORKFLOW_DEF", stage.name, "EXECUTE")
    starter.start(stage.name)
    assert stage.entitled.poll(stage.task)[0]["inputData"] == {"key": stage.value}


def test_the_starter_of_a_child_is_its_roots(stage: Stage) -> None:
    """The starter needs EXECUTE on what it started, and nothing on the child."""
    stage.save(simple(stage.task, key=stage.key))
    parent = f"{stage.name}-parent"
    stage.author.save({"name": parent, "version": 1, "tasks": [{**system("SUB_WORKFLOW", "c"), "subWorkflowParam": {"name": stage.name}}]})
    starter_id, starter = stage.caller("starter")
    stage.admin.grant(starter_id, "WORKFLOW_DEF", parent, "EXECUTE")
    assert starter.raw("POST", f"/api/workflow/{stage.name}", {}).status_code == 403
    starter.start(parent)
    (task,) = stage.entitled.poll(stage.task, timeout=20_000)
    assert task["inputData"] == {"key": stage.value}
    starter.start(parent)
    stage.admin.revoke(starter_id, "WORKFLOW_DEF", parent, "EXECUTE")
    assert stage.worker.poll(stage.task, timeout=500) == []


@pytest.mark.parametrize("field", ["workflows", "taskTypes", "places"])
def test_the_secrets_own_policy_is_asked_at_the_door(field: str, stage: Stage) -> None:
    """Condition 5; set after the run has started."""
    right = {"workflows": stage.name, "taskTypes": stage.task, "places": f"{stage.name}/one/key"}[field]
    run = stage.run(simple(stage.task, key=stage.key))
    stage.admin.call("PUT", f"/api/secrets/{stage.secret}/policy", {field: ["another"]})
    assert refused(stage, run) == f"the policy of SECRET_NAME {stage.secret} does not allow {field} {right}"
    stage.admin.call("PUT", f"/api/secrets/{stage.secret}/policy", {field: ["another", right]})
    stage.author.start(stage.name)
    assert stage.worker.poll(stage.task)[0]["inputData"] == {"key": stage.value}
    stage.admin.call("PUT", f"/api/secrets/{stage.secret}/policy", {field: []})
    stage.author.start(stage.name)
    assert stage.worker.poll(stage.task) == []


def test_a_path_that_leads_nowhere_in_a_secret_fails_the_task(stage: Stage) -> None:
    run = stage.run(simple(stage.task, key=reference(stage.secret, ".no.such")))
    assert "leads to nothing" in refused(stage, run) and stage.value not in stage.reads(run)
