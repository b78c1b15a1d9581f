"""A task acts for its run: with a token that is worth what its author and its starter are both worth, for as long as it is under way."""

import pytest

from tests.execution.scene import Scene
from tests.support.server import LiveServer


@pytest.fixture
def scene(server: LiveServer) -> Scene:
    scene = Scene(server)
    scene.terms = {"resources": [{"type": "WORKFLOW_DEF", "id": name} for name in scene.child.values()]}
    return scene


@pytest.mark.promise(2, 10)
def test_a_worker_acts_for_the_run_and_no_longer(scene: Scene) -> None:
    task = scene.running()
    run = scene.bearer(task, {"expiration": 60_000})
    assert scene.starts(scene.worker) == dict.fromkeys(scene.child, 403)
    assert scene.starts(run) == {"both": 200, "author": 403, "starter": 403, "neither": 403}
    started = scene.admin.call("GET", f"/api/workflow/{run.start(scene.child['both'])}")
    assert started["createdBy"] == f"run:{task['workflowInstanceId']}"
    scene.worker.complete(task)
    assert scene.starts(run) == dict.fromkeys(scene.child, 401)
    assert scene.admin.ended(task["workflowInstanceId"])["status"] == "COMPLETED"
