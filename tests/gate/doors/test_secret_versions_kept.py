"""What keeps versions and expiry, taken away; and a request that a killed server sends again."""

import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from stagedoor.core import secret_version
from stagedoor.core.secret import Secrets
from stagedoor.gate import doors
from stagedoor.gate.doors import MASKS_NOTHING
from tests.gate.doors.stage import Answer, Heard, Listener, Stage, http, simple
from tests.support.server import Api, live_server
from tests.support.thread import ThreadServer, thread_server

pytestmark = [pytest.mark.slow, pytest.mark.promise(6, 7)]


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ThreadServer]:
    with thread_server(tmp_path_factory.mktemp("versions"), STAGEDOOR_EGRESS_ALLOW="127.0.0.1") as server:
        yield server


@pytest.fixture
def inner(server: ThreadServer, listener: Listener) -> Stage:
    """A stage whose server can be patched."""
    return Stage(server, listener, server.admin())


def expired(stage: Stage) -> tuple[list[object], list[str], int]:
    """What a worker, an HTTP host and a reader get of an expired secret."""
    stage.admin.call("PUT", f"/api/secrets/{stage.secret}/expiry", {"expiresAt": time.time_ns() // 1_000_000 - 1})
    stage.run(simple(stage.task, key=stage.key))
    handed = [task["inputData"]["key"] for task in stage.entitled.poll(stage.task)]
    stage.ended(stage.run(http(stage.listener.url, method="POST", body=stage.key)))
    shown = stage.worker.raw("GET", f"/api/secrets/{stage.secret}").status_code
    return handed, [heard.body.decode() for heard in stage.listener.heard], shown


def test_without_its_condition_an_expired_secret_would_leave(inner: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    assert expired(inner) == ([], [], 403)
    monkeypatch.setattr(Secrets, "_expired", lambda *_: False)
    assert expired(inner) == ([inner.value], [inner.value], 200)


def test_without_its_refusal_a_destroyed_version_would_come_back_in_clear(inner: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(secret_version, "refuse_in_use", lambda *_: None)
    run = inner.run(simple(inner.task, key=inner.key))
    (task,) = inner.entitled.poll(inner.task)
    inner.admin.put_secret(inner.secret, "second-value")
    inner.admin.call("DELETE", f"/api/secrets/{inner.secret}/versions/1")
    inner.worker.complete(task, {"echo": inner.value})
    assert inner.ended(run)["tasks"][0]["outputData"] == {"echo": inner.value}


@pytest.mark.parametrize("protected", [True, False])
def test_without_its_mask_a_late_line_would_be_kept_in_clear(protected: bool, inner: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    if not protected:
        monkeypatch.setattr(doors, "MASKS_EVERYTHING", MASKS_NOTHING)
    run = inner.run(simple(inner.task, key=inner.key))
    (task,) = inner.entitled.poll(inner.task)
    inner.worker.complete(task)
    inner.ended(run)
    inner.admin.put_secret(inner.secret, "second-value")
    inner.admin.call("DELETE", f"/api/secrets/{inner.secret}/versions/1")
    path = f"/api/tasks/{task['taskId']}/log"
    inner.worker.call("POST", path, inner.value.encode(), headers={"Content-Type": "text/plain"})
    assert [line["log"] for line in inner.admin.call("GET", path)] == ["***" if protected else inner.value]


def test_a_request_that_a_killed_server_sends_again_carries_the_version_it_carried(tmp_path: Path, listener: Listener) -> None:
    """It may have reached the other side: the same request once more, not another one (docs/decisions/0010-http-at-least-once.md)."""
    killed = threading.Event()

    def say(heard: Heard) -> Answer:
        if len(listener.heard) == 1:
            killed.wait(20)
        return 200, {}, b"yes"

    listener.say = say
    with live_server(tmp_path, STAGEDOOR_EGRESS_ALLOW="127.0.0.1") as server:
        stage = Stage(server, listener, server.admin())
        run = stage.run(http(listener.url, method="POST", body=stage.key, readTimeOut=30_000))
        _until_heard(listener, 1)
        stage.admin.put_secret(stage.secret, "second-value")
        server.kill()
        killed.set()
        server.start()
        admin: Api = server.admin()
        assert admin.ended(run, 30)["status"] == "COMPLETED"
        admin.ended(admin.start(stage.name))
        assert [heard.body.decode() for heard in listener.heard] == [stage.value, stage.value, "second-value"]
        assert stage.value.encode() not in stage.stored()


def _until_heard(listener: Listener, count: int) -> None:
    for _ in range(1000):
        if len(listener.heard) >= count:
            return
        time.sleep(0.01)
    raise AssertionError("no request came")
