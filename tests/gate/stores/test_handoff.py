"""The hand-off of a secret that lives in an external store: fetched only for who may have it, and never in anybody's way."""

import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from stagedoor.gate.stores import STORE_SECONDS
from stagedoor.gate.vault import READ_MS
from tests.api.authorization.world import new
from tests.gate.doors.stage import Answer, Heard, Listener, Stage, listening, reference, simple
from tests.gate.stores.shelf import Shelf
from tests.support.openbao import OpenBao, openbao_server
from tests.support.server import Api

pytestmark = [pytest.mark.promise(6), pytest.mark.slow]


@pytest.fixture(scope="module")
def fragile() -> Iterator[OpenBao]:
    """A server that these tests may freeze and stop."""
    with openbao_server() as server:
        yield server


@pytest.fixture
def relay() -> Iterator[Listener]:
    with listening() as made:
        yield made


def polled(worker: Api, task: str, seconds: float = 60) -> list[dict[str, object]]:
    """As soon as something is handed out."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        if found := worker.poll(task, timeout=500):
            return found
    raise AssertionError(f"nothing was handed out of {task}")


def test_it_works(shelf: Shelf) -> None:
    run = shelf.stage.run(simple(shelf.stage.task, given=f"Bearer {shelf.stage.key}"))
    (task,) = shelf.stage.entitled.poll(shelf.stage.task, timeout=20_000)
    assert (task["workflowInstanceId"], task["inputData"]) == (run, {"given": f"Bearer {shelf.stage.value}"})


def test_a_poll_that_does_not_wait_gets_it_too(shelf: Shelf) -> None:
    stage = shelf.stage
    stage.run(simple(stage.task, given=stage.key))
    worker = stage.entitled
    (task,) = next(found for _ in range(5) if (found := worker.poll(stage.task, timeout=0)))  # not the first where the machine is slow
    assert task["inputData"] == {"given": stage.value}


def test_runtime_metadata_names_a_secret_that_lives_there(shelf: Shelf) -> None:
    stage = shelf.stage
    stage.admin.call("PUT", "/api/metadata/taskdefs", {"name": stage.task, "runtimeMetadata": [stage.secret], "retryCount": 0})
    stage.run(simple(stage.task))
    (task,) = stage.entitled.poll(stage.task, timeout=20_000)
    assert task["runtimeMetadata"] == {stage.secret: stage.value}


def test_nothing_is_fetched_for_a_worker_that_may_not_have_it(shelf: Shelf, relay: Listener) -> None:
    stage, heard = shelf.stage, shelf.through(relay).heard
    run = stage.run(simple(stage.task, given=stage.key))
    assert stage.worker.poll(stage.task) == [] and heard == []
    assert "lacks READ" in stage.task_of(run)["reasonForIncompletion"]
    assert len(stage.entitled.poll(stage.task, timeout=20_000)) == 1 and len(heard) == 1


def test_many_workers_at_once_are_one_request(shelf: Shelf, relay: Listener) -> None:
    stage, heard = shelf.stage, shelf.through(relay).heard
    stage.save(simple(stage.task, given=stage.key))
    for _ in range(20):
        stage.author.start(stage.name)
    tasks = stage.entitled.poll(stage.task, count=20, timeout=20_000)
    assert [task["inputData"] for task in tasks] == [{"given": stage.value}] * 20
    assert [one.target for one in heard] == [f"/v1/{shelf.mount}/data/team/db"]


def test_many_secrets_of_one_task_are_fetched_together_after_one_login(shelf: Shelf, relay: Listener) -> None:
    stage, names = shelf.stage, [new("secret") for _ in range(6)]
    _, pair = shelf.by_role()
    shelf.through(relay)
    shelf.register(address=relay.url, token=None, **pair)
    for name in names:
        shelf.put(f"value-of-{name}", path=f"team/{name}")
        shelf.point(name, path=f"team/{name}")
        for application in (stage.author_id, stage.worker_id):
            stage.admin.grant(application, "SECRET_NAME", name, "READ")
    stage.run(simple(stage.task, given=[reference(name) for name in names]))
    (task,) = polled(stage.worker, stage.task)
    assert task["inputData"] == {"given": [f"value-of-{name}" for name in names]}
    logins = [heard for heard in relay.heard if heard.method == "POST"]
    assert len(logins) == 1 and len({heard.target for heard in relay.heard}) == 7


def test_a_store_that_answers_nothing_holds_up_nobody_behind_it(stage: Stage, fragile: OpenBao) -> None:
    shelf = Shelf.of(stage, fragile)
    stage.save(simple(stage.task, given=stage.key))
    first = stage.author.start(stage.name)
    other = f"{stage.name}-other"
    stage.author.save({"name": other, "version": 1, "tasks": [simple(stage.task, given="plain")]})
    worker = stage.entitled
    fragile.freeze()
    try:
        second = stage.author.start(other)
        began = time.monotonic()
        (task,) = worker.poll(stage.task, timeout=20_000)
        assert task["workflowInstanceId"] == second and time.monotonic() - began < READ_MS / 1000  # the store has not been given up
        assert stage.task_of(first)["status"] == "SCHEDULED"
    finally:
        fragile.thaw()
    assert [task["inputData"] for task in polled(worker, stage.task)] == [{"given": shelf.stage.value}]


def test_a_store_that_is_down_holds_the_task_until_it_is_back(stage: Stage, fragile: OpenBao) -> None:
    shelf = Shelf.of(stage, fragile)
    run = stage.run(simple(stage.task, given=stage.key))
    worker = stage.entitled
    fragile.stop()
    try:
        while not (held := stage.task_of(run)).get("reasonForIncompletion"):
            assert worker.poll(stage.task) == []
        assert (held["status"], held.get("pollCount", 0)) == ("SCHEDULED", 0)
        told = f"store {shelf.name}: the request to it failed: 127.0.0.1: the connection was refused"
        assert held["reasonForIncompletion"] == f"SECRET_NAME {stage.secret} cannot be had: {told}"
        assert (shelf.view().status_code, shelf.view().json()["retryable"]) == (503, True)
    finally:
        fragile.start()
    fragile.kv(shelf.mount)  # everything was in memory
    shelf.put(stage.value)
    shelf.register(token=fragile.root)
    assert [task["inputData"] for task in polled(worker, stage.task)] == [{"given": stage.value}]


def test_a_store_that_stays_down_is_asked_less_and_less(shelf: Shelf, relay: Listener) -> None:
    stage, heard = shelf.stage, shelf.through(relay).heard
    asked: list[float] = []

    def sealed(one: Heard) -> Answer:
        asked.append(time.monotonic())
        return 503, {}, b'{"errors": ["sealed"]}'

    relay.say = sealed
    stage.run(simple(stage.task, given=stage.key))
    worker, deadline = stage.entitled, time.monotonic() + 60
    while len(asked) < 3:
        assert worker.poll(stage.task, timeout=0) == [] and time.monotonic() < deadline
    assert len(heard) == 3 and asked[1] - asked[0] >= STORE_SECONDS[0] and asked[2] - asked[1] >= STORE_SECONDS[1]


def test_a_task_that_comes_again_keeps_the_version_it_was_handed(shelf: Shelf) -> None:
    stage = shelf.stage
    stage.run(simple(stage.task, given=stage.key))
    (task,) = stage.entitled.poll(stage.task, timeout=20_000)
    shelf.put("changed-meanwhile")
    stage.worker.complete(task, status="IN_PROGRESS")
    stage.admin.call("GET", "/api/secrets/clearLocalCache")
    assert [one["inputData"] for one in polled(stage.worker, stage.task)] == [{"given": stage.value}]


def test_a_server_in_another_process_hands_it_out_after_a_restart(shelf: Shelf, tmp_path: Path) -> None:
    """What is known of stores is in memory alone."""
    stage = shelf.stage
    stage.run(simple(stage.task, given=stage.key))
    stage.server.kill()
    stage.server.start()
    assert [one["inputData"] for one in polled(stage.entitled, stage.task)] == [{"given": stage.value}]
