"""What keeps an execution token small, and that it is more where that is taken away (promises 2, 10)."""

from collections.abc import Iterator
from typing import Any

import pytest

from stagedoor.core.ceiling import Ceiling
from stagedoor.core.permission import Allowed
from stagedoor.gate import executing, execution_tokens, sealing
from stagedoor.gate.execution_terms import Terms
from tests.api.authorization.world import new
from tests.execution.scene import Scene, definition, through_domain
from tests.support.thread import ThreadServer, thread_server

pytestmark = [pytest.mark.slow, pytest.mark.promise(2, 10)]


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ThreadServer]:
    with thread_server(tmp_path_factory.mktemp("execution")) as server:
        yield server


@pytest.fixture
def scene(server: ThreadServer) -> Scene:
    return Scene(server)


def test_the_voucher_binds_it_as_well(scene: Scene, monkeypatch: pytest.MonkeyPatch) -> None:
    bearer = scene.bearer(scene.running())
    assert scene.starts(bearer)["starter"] == 403
    monkeypatch.setattr(executing, "holders_of", lambda run, voucher: (run.starter,))
    assert scene.starts(bearer)["starter"] == 200


def test_the_starter_binds_it_as_well(scene: Scene, monkeypatch: pytest.MonkeyPatch) -> None:
    bearer = scene.bearer(scene.running())
    assert scene.starts(bearer)["author"] == 403
    monkeypatch.setattr(executing, "holders_of", lambda run, voucher: (voucher,))
    assert scene.starts(bearer)["author"] == 200


def test_no_secret_is_read_by_it(scene: Scene, monkeypatch: pytest.MonkeyPatch) -> None:
    secret = new("kept")
    scene.admin.put_secret(secret, "a value of many bytes")
    for part in ("author", "starter"):
        scene.grant(part, "SECRET_NAME", secret, "READ")
    bearer = scene.bearer(scene.running())
    assert bearer.raw("GET", f"/api/secrets/{secret}").status_code == 403
    monkeypatch.setattr(executing, "FOR_RUNS", Ceiling(access=("READ",)))
    assert bearer.raw("GET", f"/api/secrets/{secret}").status_code == 200


def test_it_ends_when_the_task_does(scene: Scene, monkeypatch: pytest.MonkeyPatch) -> None:
    task = scene.running()
    bearer = scene.bearer(task)
    scene.worker.complete(task)
    assert scene.starts(bearer)["both"] == 401
    monkeypatch.setattr(executing, "under_way", lambda view: True)
    assert scene.starts(bearer)["both"] == 200


def test_a_definition_that_does_not_ask_gives_none(scene: Scene, monkeypatch: pytest.MonkeyPatch) -> None:
    workflow, name = new("silent"), new("task")
    scene.api("author").save(definition(workflow, name))
    scene.grant("starter", "WORKFLOW_DEF", workflow, "EXECUTE")
    scene.grant("worker", "TASK_DEF", name, "EXECUTE")
    scene.api("starter").start(workflow)
    task = scene.worker.poll(name, timeout=5_000)[0]
    scene.ask(task, status=403)
    for module in (executing, execution_tokens):
        for name, instead in _unasked(scene.user("author")).items():
            monkeypatch.setattr(module, name, instead, raising=False)
    assert scene.starts(scene.bearer(task))["both"] == 200


def _unasked(voucher: str) -> dict[str, Any]:
    return {"asks": lambda node: True, "voucher_of": lambda *_: voucher, "terms_of": lambda node: Terms()}


def test_the_ceiling_of_the_starting_key_stays(scene: Scene, monkeypatch: pytest.MonkeyPatch) -> None:
    ceiling = {"resources": [{"type": "WORKFLOW_DEF", "id": scene.names[0]}]}
    key = scene.api("starter").call("POST", "/api/keys", {"name": "only this one", "ceiling": ceiling})["key"]
    starter = scene.server.api()
    starter.http.headers["Authorization"] = f"Bearer {key}"
    bearer = scene.bearer(scene.running(starter))
    assert scene.starts(bearer)["both"] == 403
    monkeypatch.setattr(executing, "ceiling_of", lambda text: None)
    assert scene.starts(bearer)["both"] == 200


def test_a_worker_by_its_domain_alone_has_none(scene: Scene, monkeypatch: pytest.MonkeyPatch) -> None:
    api, task = through_domain(scene, new("domain"))
    path = f"/api/tasks/{task['taskId']}/token"
    assert api.raw("POST", path).status_code == 403
    for module in (executing, execution_tokens):
        monkeypatch.setattr(module, "worker_may", lambda *_: Allowed("anything"))
    assert scene.starts(scene.server.api(api.call("POST", path)["token"]))["both"] == 200


def test_a_ceiling_does_not_vouch(scene: Scene, monkeypatch: pytest.MonkeyPatch) -> None:
    workflow, task = scene.names
    ceiling = {"resources": [{"type": "WORKFLOW_DEF", "id": workflow}]}
    key = scene.api("author").call("POST", "/api/keys", {"name": "narrow", "ceiling": ceiling})["key"]
    narrow = scene.server.api()
    narrow.http.headers["Authorization"] = f"Bearer {key}"
    written = [definition(workflow, task, {"readOnly": False})]
    assert narrow.raw("PUT", "/api/metadata/workflow", written).status_code == 403
    monkeypatch.setattr(sealing, "check_vouches", lambda *_: None)
    assert narrow.raw("PUT", "/api/metadata/workflow", written).status_code == 200
    assert scene.starts(narrow)["both"] == 403
    assert scene.starts(scene.bearer(scene.running()))["both"] == 200
