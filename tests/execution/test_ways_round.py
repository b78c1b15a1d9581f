"""Ways by which a token of a run was, or would be, more than those behind it may (decision 0038)."""

import threading
import time

import pytest

from tests.api.authorization.cast import sessions
from tests.api.authorization.forge import claims_in
from tests.api.authorization.world import new
from tests.execution.scene import Scene, definition, through_domain
from tests.oauth.oauth import ACCESS_TOKEN, Client, client
from tests.support.server import LiveServer

pytestmark = [pytest.mark.slow, pytest.mark.promise(2, 10)]


@pytest.fixture
def scene(sqlite_server: LiveServer) -> Scene:
    return Scene(sqlite_server)


def test_a_domain_that_others_choose_gives_no_token(scene: Scene) -> None:
    api, task = through_domain(scene, new("domain"))
    answer = api.raw("POST", f"/api/tasks/{task['taskId']}/token")
    assert (answer.status_code, f"EXECUTE on TASK_DEF {scene.names[1]}" in answer.json()["message"]) == (403, True)


@pytest.mark.parametrize("kept", [True, False], ids=["unchanged", "changed"])
def test_a_credential_with_a_ceiling_vouches_for_no_tokens(scene: Scene, kept: bool) -> None:
    """It may save what another vouches for, as long as that stays."""
    workflow, task = scene.names
    ceiling = {"resources": [{"type": "WORKFLOW_DEF", "id": workflow}]}
    key = scene.api("author").call("POST", "/api/keys", {"name": "narrow", "ceiling": ceiling})["key"]
    narrow = scene.server.api()
    narrow.http.headers["Authorization"] = f"Bearer {key}"
    written = definition(workflow, task, {} if kept else {"readOnly": False}, description="said otherwise")
    answer = narrow.raw("PUT", "/api/metadata/workflow", [written])
    assert answer.status_code == (200 if kept else 403), answer.text
    if not kept:
        assert "a credential without a ceiling" in answer.json()["message"]


def test_nor_does_it_adopt_them(scene: Scene) -> None:
    adopter = new("adopter")
    api = scene.server.api(sessions(scene.server, {adopter: ["ADMIN"]})[adopter])
    key = api.call("POST", "/api/keys", {"name": "narrow", "ceiling": {"access": ["READ", "UPDATE", "EXECUTE"]}})["key"]
    narrow, path = scene.server.api(), f"/api/metadata/workflow/{scene.names[0]}/adopt"
    narrow.http.headers["Authorization"] = f"Bearer {key}"
    (told,) = narrow.call("POST", path, {"dryRun": True})["adopted"]
    assert "a credential without a ceiling" in told["refused"]
    assert narrow.raw("POST", path, {}).status_code == 403
    assert api.call("POST", path, {})["adopted"][0]["place"] == "/_executionToken"


def acted_for(scene: Scene) -> tuple[Client, str]:
    """An application that acts for the worker, and the token that it has for that."""
    actor, key = client(scene.server, new("actor")), scene.made["worker"][1]
    worker = Client(scene.server, scene.made["worker"][0], key)
    return actor, worker.exchanged(worker.token(), actor_token=actor.token(), actor_token_type=ACCESS_TOKEN)


def test_it_ends_with_the_key_of_who_acts_for_the_worker(scene: Scene) -> None:
    actor, token = acted_for(scene)
    task = scene.running()
    answer = scene.server.api(token).call("POST", f"/api/tasks/{task['taskId']}/token")
    bearer = scene.server.api(answer["token"])
    assert scene.starts(bearer)["both"] == 200
    scene.admin.call("DELETE", f"/api/applications/{actor.application}/accessKeys/{actor.key['id']}")
    assert scene.starts(bearer)["both"] == 401


def test_a_poll_that_waits_for_who_acts_gets_nothing_once_its_key_is_gone(scene: Scene) -> None:
    actor, token = acted_for(scene)
    api, found = scene.server.api(token), []
    path = f"/api/tasks/poll/batch/{scene.names[1]}?timeout=8000&workerid=w"
    waiting = threading.Thread(target=lambda: found.append(api.raw("GET", path)))
    waiting.start()
    time.sleep(1)
    scene.admin.call("DELETE", f"/api/applications/{actor.application}/accessKeys/{actor.key['id']}")
    scene.api("starter").start(scene.names[0])
    waiting.join()
    assert found[0].status_code == 401
    assert len(scene.worker.poll(scene.names[1], timeout=5_000)) == 1


def test_it_ends_no_later_than_the_workers_own_token(scene: Scene) -> None:
    key = scene.made["worker"][1]
    short = Client(scene.server, "", key).exchanged(scene.token_of("worker"), expires_in="60")
    task = scene.running()
    answer = scene.server.api(short).call("POST", f"/api/tasks/{task['taskId']}/token", {"expiration": 3_600_000})
    assert claims_in(answer["token"])["exp"] <= claims_in(short)["exp"]


@pytest.mark.parametrize(("part", "kind", "which"), [("worker", "TASK_DEF", 1), ("starter", "WORKFLOW_DEF", 0)])
def test_what_asking_needs_is_needed_for_as_long_as_it_is_used(scene: Scene, part: str, kind: str, which: int) -> None:
    bearer = scene.bearer(scene.running())
    assert scene.starts(bearer)["both"] == 200
    scene.admin.revoke(scene.made[part][0], kind, scene.names[which], "EXECUTE")
    assert scene.starts(bearer)["both"] == 401


def test_the_ceiling_of_the_starting_key_is_not_shown(scene: Scene) -> None:
    ceiling = {"resources": [{"type": "WORKFLOW_DEF", "id": scene.names[0]}, {"type": "WORKFLOW_DEF", "id": "of_nobodys_business"}]}
    key = scene.api("starter").call("POST", "/api/keys", {"name": "narrow", "ceiling": ceiling})["key"]
    starter = scene.server.api()
    starter.http.headers["Authorization"] = f"Bearer {key}"
    run = starter.start(scene.names[0])
    assert "of_nobodys_business" not in scene.admin.raw("GET", f"/api/workflow/{run}").text


def test_a_run_is_no_subject_of_explanations(scene: Scene) -> None:
    task = scene.running()
    asked = {"subject": f"USER:run:{task['workflowInstanceId']}", "access": "EXECUTE", "type": "WORKFLOW_DEF", "id": scene.child["both"]}
    assert scene.bearer(task).raw("GET", "/api/auth/explain", params=asked).status_code == 404
