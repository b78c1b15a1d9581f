"""Secrets that a task definition names in `runtimeMetadata` (contract/orkes.md B, Task): beside the input, under the same conditions."""

import pytest

from tests.api.authorization.world import new
from tests.gate.doors.stage import Stage, simple

pytestmark = pytest.mark.promise(6)


@pytest.fixture
def named(stage: Stage) -> Stage:
    """A task of the author's whose definition names the secret."""
    stage.task = new("task")
    names = [stage.secret, new("missing")]
    stage.author.call("POST", "/api/metadata/taskdefs", [{"name": stage.task, "retryCount": 0, "runtimeMetadata": names}])
    return stage


def test_it_works(named: Stage) -> None:
    run = named.run(simple(named.task, x=1))
    (task,) = named.entitled.poll(named.task)
    assert (task["runtimeMetadata"], task["inputData"]) == ({named.secret: named.value}, {"x": 1})
    named.worker.complete(task, {"echo": named.value})
    assert named.ended(run)["tasks"][0]["outputData"] == {"echo": "***"}
    assert named.value not in named.reads(run) and named.value.encode() not in named.stored()


def test_a_worker_that_may_not_read_the_secret_does_not_get_the_task(named: Stage) -> None:
    run = named.run(simple(named.task))
    assert named.worker.poll(named.task) == []
    reason = f"held: application app:{named.worker_id} lacks READ on SECRET_NAME {named.secret}"
    assert named.task_of(run)["reasonForIncompletion"] == reason


def test_whoever_saved_the_task_definition_vouches_for_it(named: Stage) -> None:
    named.save(simple(named.task))
    run = named.admin.start(named.name)
    named.admin.revoke(named.author_id, "SECRET_NAME", named.secret, "READ")
    assert named.entitled.poll(named.task) == []
    assert "who vouched for it, lacks READ" in named.ended(run)["tasks"][0]["reasonForIncompletion"]


def test_the_secrets_policy_is_asked(named: Stage) -> None:
    path = f"/api/secrets/{named.secret}/policy"
    run = named.run(simple(named.task))
    named.admin.call("PUT", path, {"places": ["elsewhere"]})
    assert named.entitled.poll(named.task) == []
    assert f"does not allow places {named.name}/one#runtimeMetadata" in named.ended(run)["tasks"][0]["reasonForIncompletion"]
    named.admin.call("PUT", path, {"places": [f"{named.name}/one#runtimeMetadata"]})
    named.author.start(named.name)
    assert named.entitled.poll(named.task)[0]["runtimeMetadata"] == {named.secret: named.value}


def test_naming_a_secret_needs_read_on_it(stage: Stage) -> None:
    _, other = stage.caller("other", "METADATA_API")
    for method in ("POST", "PUT"):
        body = {"name": new("task"), "runtimeMetadata": [stage.secret]}
        answer = other.raw(method, "/api/metadata/taskdefs", [body] if method == "POST" else body)
        assert (answer.status_code, f"(missing: READ on SECRET_NAME {stage.secret})" in answer.json()["message"]) == (403, True)
        assert stage.admin.raw("GET", f"/api/metadata/taskdefs/{body['name']}").status_code == 404


def test_a_task_without_such_names_carries_none(stage: Stage) -> None:
    stage.run(simple(stage.task))
    assert "runtimeMetadata" not in stage.entitled.poll(stage.task)[0]
