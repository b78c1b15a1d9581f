"""EXECUTE against READ: who may use a secret without seeing it does so in HTTP tasks, to the hosts of its list; who sets that list may
see it and change it (design: a secret's accesses). And a policy's fields, at both doors."""

import pytest

from tests.api.authorization.world import new
from tests.gate.doors.stage import Stage, http, simple

pytestmark = pytest.mark.promise(6)


def execute_only(stage: Stage) -> None:
    assert stage.author_id
    stage.admin.revoke(stage.author_id, "SECRET_NAME", stage.secret, "READ")
    stage.admin.grant(stage.author_id, "SECRET_NAME", stage.secret, "EXECUTE")


def policy(stage: Stage, **fields: list[str]) -> None:
    stage.admin.call("PUT", f"/api/secrets/{stage.secret}/policy", fields)


def test_who_may_only_execute_a_secret_uses_it_in_http_tasks_to_its_hosts_alone(stage: Stage) -> None:
    """End to end: no worker's task, no task definition, no other host, no look at the value, its policy or what it was used for."""
    execute_only(stage)
    author, path = stage.author, f"/api/secrets/{stage.secret}"
    workflow = {"name": stage.name, "version": 1, "tasks": [simple(stage.task, key=stage.key)]}
    assert "missing: READ on SECRET_NAME" in author.call("PUT", "/api/metadata/workflow", [workflow], status=403)["message"]
    definition = {"name": new("mine"), "runtimeMetadata": [stage.secret]}
    assert "missing: READ on SECRET_NAME" in author.call("POST", "/api/metadata/taskdefs", [definition], status=403)["message"]
    for method, rest, body in (
        ("GET", "", None), ("GET", "/policy", None), ("GET", "/where", None), ("PUT", "/policy", {"hosts": [stage.listener.authority]}),
        ("POST", "/policy/dry-run", {}), ("GET", "/releases", None), ("PUT", "/viewing", {}),
    ):  # fmt: skip
        assert author.raw(method, path + rest, body).status_code == 403, rest
    run = stage.run(http(stage.listener.url, method="POST", body=stage.key))
    assert stage.ended(run)["status"] == "FAILED" and stage.listener.heard == []
    policy(stage, hosts=[stage.listener.authority])
    run = author.start(stage.name)
    assert stage.ended(run)["status"] == "COMPLETED"
    assert [heard.body.decode() for heard in stage.listener.heard] == [stage.value]
    assert stage.value not in stage.reads(run)


def test_a_voucher_that_keeps_execute_alone_is_no_longer_one_for_a_worker(stage: Stage) -> None:
    run = stage.run(simple(stage.task, key=stage.key))
    execute_only(stage)
    assert stage.entitled.poll(stage.task) == []
    assert "who vouched for it, lacks READ" in stage.ended(run)["tasks"][-1]["reasonForIncompletion"]


@pytest.mark.parametrize("held", [("READ",), ("UPDATE",), ("READ", "UPDATE"), ("CREATE", "DELETE", "EXECUTE")])
def test_setting_the_list_needs_read_and_update(held: tuple[str, ...], stage: Stage) -> None:
    other_id, other = stage.caller("other")
    stage.admin.grant(other_id, "SECRET_NAME", stage.secret, *held)
    answer = other.raw("PUT", f"/api/secrets/{stage.secret}/policy", {"hosts": ["a.example"]})
    assert answer.status_code == (200 if held == ("READ", "UPDATE") else 403)


@pytest.mark.parametrize("field", ["workflows", "taskTypes", "places", "hosts"])
def test_each_field_of_a_policy_is_asked_at_both_doors(field: str, stage: Stage) -> None:
    """End to end, one workflow with a task at each door. `hosts` says nothing of workers: `taskTypes` does."""
    stage.save(simple(stage.task, key=stage.key), http(stage.listener.url, method="POST", body=stage.key))
    name = stage.name
    handoff, egress = {
        "workflows": (name, name), "taskTypes": (stage.task, "HTTP"), "places": (f"{name}/one/key", f"{name}/call/http_request/body"),
        "hosts": (None, stage.listener.authority),
    }[field]  # fmt: skip

    def reached() -> tuple[bool, bool]:
        """Whether the value came to the worker, and to the host."""
        stage.listener.heard.clear()
        run = stage.author.start(name)
        found = stage.entitled.poll(stage.task)
        for task in found:
            assert task["inputData"] == {"key": stage.value}
            stage.worker.complete(task)
        stage.ended(run)
        return bool(found), [heard.body.decode() for heard in stage.listener.heard] == [stage.value]

    assert reached() == (True, True)
    policy(stage, **{field: ["another", *([handoff] if handoff else [])]})
    assert reached() == (True, handoff is not None and handoff == egress)
    policy(stage, **{field: ["another"]})
    assert reached() == (handoff is None, False)
    policy(stage, **{field: ["another", egress, *([handoff] if handoff else [])]})
    assert reached() == (True, True)
