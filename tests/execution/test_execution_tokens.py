"""A task asks for a token that speaks for its run: what it says, what it may, and when it ends (decision 0038)."""

from typing import Any

import httpx
import pytest
from joserfc import jws
from joserfc.jwk import KeySet

from tests.api.authorization.cast import sessions
from tests.api.authorization.forge import claims_in
from tests.api.authorization.world import new
from tests.execution.scene import Scene, definition
from tests.support.server import Api, LiveServer

GRANT = {"subject": {"type": "USER", "id": "{worker}"}, "target": {"type": "WORKFLOW_DEF", "id": "{child}"}, "access": ["EXECUTE"]}
pytestmark = [pytest.mark.slow, pytest.mark.promise(2, 10)]


@pytest.fixture(scope="module")
def scene(sqlite_server: LiveServer) -> Scene:
    return Scene(sqlite_server)


@pytest.fixture
def task(scene: Scene) -> dict[str, Any]:
    return scene.running()


def status(api: Api, scene: Scene) -> int:
    """Of a read that both who wrote it and who started it may do."""
    return api.raw("GET", f"/api/metadata/workflow/{scene.child['both']}").status_code


def oauth(scene: Scene, what: str, token: str, caller: str) -> httpx.Response:
    headers = {"Authorization": f"Bearer {caller}"}
    return httpx.post(f"{scene.server.url}/oauth/{what}", data={"token": token}, headers=headers, timeout=30)


def test_it_may_what_who_wrote_it_and_who_started_it_may_both_do(scene: Scene, task: dict[str, Any]) -> None:
    assert scene.starts(scene.bearer(task)) == {"both": 200, "author": 403, "starter": 403, "neither": 403}
    assert set(scene.starts(scene.worker).values()) == {403}


def test_it_says_of_which_run_it_speaks(scene: Scene, task: dict[str, Any]) -> None:
    answer = scene.ask(task, {"expiration": 60_000})
    said = claims_in(answer["token"])
    run = task["workflowInstanceId"]
    assert (said["sub"], said["workflow"], said["version"], said["task"]) == (f"run:{run}", scene.names[0], 1, task["taskId"])
    assert said["act"] == {"sub": scene.user("starter")}
    assert said["client_id"] == scene.made["worker"][1]["id"]
    assert said["exp"] - said["iat"] == 60
    assert answer["expiresAt"] == said["exp"] * 1000


def test_what_it_starts_is_started_for_the_same_one_and_goes_no_further(scene: Scene, task: dict[str, Any]) -> None:
    started = scene.bearer(task).start(scene.names[0]) if scene.grant("author", "WORKFLOW_DEF", scene.names[0], "EXECUTE") is None else ""
    run = scene.admin.run(started)
    assert run["createdBy"] == f"run:{task['workflowInstanceId']}"
    below = scene.worker.poll(scene.names[1], timeout=5_000)[0]
    assert below["workflowInstanceId"] == started
    assert set(scene.starts(scene.bearer(below)).values()) == {403}


def test_it_ends_with_the_task(scene: Scene, task: dict[str, Any]) -> None:
    bearer = scene.bearer(task)
    assert status(bearer, scene) == 200
    scene.worker.complete(task)
    assert status(bearer, scene) == 401
    scene.ask(task, status=409)


def test_it_ends_with_the_run(scene: Scene, task: dict[str, Any]) -> None:
    bearer = scene.bearer(task)
    scene.admin.call("DELETE", f"/api/workflow/{task['workflowInstanceId']}")
    assert status(bearer, scene) == 401


def test_a_task_handed_to_another_takes_no_token_along(scene: Scene, task: dict[str, Any]) -> None:
    bearer = scene.bearer(task)
    scene.worker.complete(task, status="IN_PROGRESS")
    assert status(bearer, scene) == 401
    again = scene.worker.poll(scene.names[1], timeout=5_000)[0]
    assert again["taskId"] == task["taskId"]
    assert (status(bearer, scene), status(scene.bearer(again), scene)) == (401, 200)


def test_a_right_taken_from_either_counts_at_once(scene: Scene, task: dict[str, Any]) -> None:
    bearer = scene.bearer(task)
    for part in ("author", "starter"):
        assert scene.starts(bearer)["both"] == 200
        scene.admin.revoke(scene.made[part][0], "WORKFLOW_DEF", scene.child["both"], "EXECUTE")
        assert scene.starts(bearer)["both"] == 403
        scene.grant(part, "WORKFLOW_DEF", scene.child["both"], "EXECUTE")


def test_it_ends_with_the_workers_key_and_with_the_workers_token(scene: Scene, task: dict[str, Any]) -> None:
    application = scene.made["worker"][0]
    spare = scene.admin.call("POST", f"/api/applications/{application}/accessKeys")
    token = scene.server.token(spare["id"], spare["secret"])
    path = f"/api/tasks/{task['taskId']}/token"
    one, other = (scene.server.api(scene.server.api(token).call("POST", path)["token"]) for _ in range(2))
    assert (status(one, scene), status(other, scene)) == (200, 200)
    scene.admin.call("POST", f"/api/applications/{application}/accessKeys/{spare['id']}/status")
    assert (status(one, scene), status(other, scene)) == (401, 401)
    scene.admin.call("POST", f"/api/applications/{application}/accessKeys/{spare['id']}/status")
    assert status(one, scene) == 200
    assert oauth(scene, "revoke", token, token).status_code == 200
    assert status(one, scene) == 401


def test_the_worker_ends_it(scene: Scene, task: dict[str, Any]) -> None:
    token = scene.ask(task)["token"]
    own = scene.worker.http.headers["X-Authorization"]
    shown = oauth(scene, "introspect", token, own).json()
    assert (shown["active"], shown["act"]) == (True, {"sub": scene.user("starter")})
    assert oauth(scene, "revoke", token, own).status_code == 200
    assert status(scene.server.api(token), scene) == 401


def test_a_task_that_does_not_say_so_asks_in_vain(scene: Scene) -> None:
    """Neither data nor the worker decides it."""
    workflow, task = new("silent"), new("task")
    scene.api("author").save(definition(workflow, task))
    scene.grant("starter", "WORKFLOW_DEF", workflow, "EXECUTE")
    scene.grant("worker", "TASK_DEF", task, "EXECUTE")
    scene.api("starter").start(workflow, {"order": {"_executionToken": {}}, "_executionToken": {}})
    found = scene.worker.poll(task, timeout=5_000)[0]
    assert "_executionToken" in scene.ask(found, status=403)["message"]


def test_who_may_not_report_on_the_task_does_not_ask_for_it(scene: Scene, task: dict[str, Any]) -> None:
    path = f"/api/tasks/{task['taskId']}/token"
    assert scene.api("author").raw("POST", path).status_code in (403, 404)
    assert scene.bearer(task).raw("POST", path).status_code in (403, 404)
    assert scene.worker.raw("POST", f"/api/tasks/{new('no')}/token").status_code == 404


@pytest.mark.parametrize(
    ("method", "path", "body"),
    [
        ("GET", "/api/secrets/{secret}", None),
        ("PUT", "/api/secrets/{secret}", b"other"),
        ("POST", "/api/keys", {"name": "any"}),
        ("POST", "/api/applications", {"name": "any"}),
        ("POST", "/api/applications/{author}/accessKeys", None),
        ("PUT", "/api/metadata/workflow", [definition("{child}", "any")]),
        ("DELETE", "/api/metadata/workflow/{child}/1", None),
        ("GET", "/api/tasks/poll/{task}", None),
        ("GET", "/api/users", None),
        ("POST", "/api/auth/authorization", GRANT),
    ],
)  # fmt: skip
def test_whoever_wrote_and_started_it_it_changes_nothing_and_sees_no_secret(
    sqlite_server: LiveServer, method: str, path: str, body: Any
) -> None:
    """Both are administrators here."""
    scene = Scene(sqlite_server)
    scene.admin.save(definition(*scene.names, {"readOnly": False}))  # changed: it is the administrator's now
    scene.admin.put_secret("of_runs", "a value of many bytes")
    bearer = scene.bearer(scene.running(scene.admin))
    names = {"secret": "of_runs", "author": scene.made["author"][0], "child": scene.child["both"], "task": scene.names[1],
             "worker": scene.user("worker")}  # fmt: skip
    assert scene.starts(bearer)["neither"] == 200
    assert bearer.raw(method, path.format(**names), filled(body, names)).status_code in (403, 404)


def filled(body: Any, names: dict[str, str]) -> Any:
    if isinstance(body, str):
        return body.format(**names) if body.startswith("{") else body
    if isinstance(body, list):
        return [filled(one, names) for one in body]
    return {key: filled(value, names) for key, value in body.items()} if isinstance(body, dict) else body


def test_the_definition_and_the_worker_narrow_it(sqlite_server: LiveServer) -> None:
    scene = Scene(sqlite_server)
    scene.terms = {"resources": [{"type": "WORKFLOW_DEF", "id": scene.child["both"]}]}
    task = scene.running()
    assert scene.starts(scene.bearer(task))["both"] == 200
    assert scene.starts(scene.bearer(task, {"readOnly": True}))["both"] == 403
    workflow = f"/api/metadata/workflow/{scene.names[0]}"
    assert scene.bearer(task).raw("GET", workflow).status_code in (403, 404)


def test_the_ceiling_of_the_key_that_started_the_run_holds_for_it(sqlite_server: LiveServer) -> None:
    scene = Scene(sqlite_server)
    ceiling = {"resources": [{"type": "WORKFLOW_DEF", "id": scene.names[0]}]}
    key = scene.api("starter").call("POST", "/api/keys", {"name": "only this one", "ceiling": ceiling})["key"]
    starter = sqlite_server.api()
    starter.http.headers["Authorization"] = f"Bearer {key}"
    assert scene.starts(scene.bearer(scene.running(starter)))["both"] == 403
    assert scene.starts(scene.bearer(scene.running()))["both"] == 200


def test_for_another_audience_it_is_made_out_where_the_definition_says_so(sqlite_server: LiveServer) -> None:
    """Anybody can check it by the published keys; here it opens nothing."""
    scene = Scene(sqlite_server, {"audience": ["https://billing.example.com"]})
    task = scene.running()
    assert "other.example.com" in scene.ask(task, {"audience": "https://other.example.com"}, 403)["message"]
    token = scene.ask(task, {"audience": "https://billing.example.com"})["token"]
    assert status(sqlite_server.api(token), scene) == 401
    keys = KeySet.import_key_set(httpx.get(f"{sqlite_server.url}/.well-known/jwks.json", timeout=30).json())
    found = jws.deserialize_compact(token, keys, algorithms=["ES256"])
    assert found.headers()["typ"] == "execution+jwt"
    assert claims_in(token)["aud"] == "https://billing.example.com"


@pytest.mark.parametrize(
    ("terms", "named"),
    [
        (True, "_executionToken"), ({"acess": []}, "acess"), ({"access": ["CREATE"]}, "_executionToken.access"),
        ({"resources": [{"type": "NOTHING", "id": "x"}]}, "_executionToken.resources"),
        ({"resources": [{"type": "TAG", "id": "a:b"}]}, "_executionToken.resources"),
        ({"audience": ["${workflow.input.audience}"]}, "_executionToken/audience/0"), ({"audience": [""]}, "_executionToken.audience"),
    ],
)  # fmt: skip
def test_terms_that_cannot_be_meant_are_refused_at_saving(scene: Scene, terms: Any, named: str) -> None:
    answer = scene.admin.raw("PUT", "/api/metadata/workflow", [definition(new("wrong"), "any", terms)])
    assert answer.status_code == 400
    assert named in answer.json()["message"]


def test_a_task_of_the_servers_own_asks_for_none(scene: Scene) -> None:
    node = {"name": "call", "taskReferenceName": "call", "type": "HTTP", "inputParameters": {"_executionToken": {}, "uri": "x"}}
    answer = scene.admin.raw("PUT", "/api/metadata/workflow", [definition(new("http"), "any") | {"tasks": [node]}])
    assert answer.status_code == 400
    assert "only a task that a worker does" in answer.json()["message"]


@pytest.mark.parametrize("body", [{"expiration": 999}, {"expiration": 3_600_001}, {"expiry": 1}, {"audience": 1}])
def test_a_wish_that_cannot_be_met_is_named(scene: Scene, task: dict[str, Any], body: Any) -> None:
    assert next(iter(body)) in scene.ask(task, body, 400)["message"]


def test_who_saves_the_task_anew_vouches_for_it(sqlite_server: LiveServer) -> None:
    """Unchanged it keeps its voucher, whoever saves the rest; changed, it is the saver's."""
    scene = Scene(sqlite_server)
    before = definition(*scene.names, {})
    assert claims_in(scene.ask(scene.running())["token"])["voucher"] == scene.user("author")
    scene.admin.save(before | {"description": "somebody else's words"})
    assert claims_in(scene.ask(scene.running())["token"])["voucher"] == scene.user("author")
    changed = definition(*scene.names, {"readOnly": False})
    scene.admin.save(changed)
    assert claims_in(scene.ask(scene.running())["token"])["voucher"] == f"app:{sqlite_server.first['applicationId']}"


def test_a_task_that_asks_is_adopted_and_told_of(sqlite_server: LiveServer) -> None:
    """Its voucher leaves: another takes it over, also for runs under way."""
    scene = Scene(sqlite_server)
    saver, token = sessions(sqlite_server, {new("saver"): ["ADMIN"]}).popitem()
    sqlite_server.api(token).save(definition(*scene.names, {"readOnly": False}))
    task = scene.running()
    before = scene.ask(task)["token"]
    assert claims_in(before)["voucher"] == saver
    shown = scene.admin.call("GET", f"/api/metadata/workflow/{scene.names[0]}/vouchers")["references"]
    assert [(one["place"], one["voucher"], one["secret"]) for one in shown] == [("/_executionToken", saver, None)]
    left = scene.admin.call("DELETE", f"/api/users/{saver}")["stopped"]
    assert [(one["task"], one["place"], one["secret"]) for one in left] == [("work", "/_executionToken", None)]
    assert set(scene.starts(sqlite_server.api(before)).values()) == {403}
    adopted = scene.admin.call("POST", f"/api/metadata/workflow/{scene.names[0]}/adopt", {"from": saver, "running": True})
    assert [one["place"] for one in adopted["adopted"]] == ["/_executionToken"]
    assert status(sqlite_server.api(before), scene) == 401
    assert scene.starts(scene.bearer(task))["starter"] == 200
