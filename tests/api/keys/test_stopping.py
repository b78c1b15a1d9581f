"""A key that is paused or deleted stops at once: what begins after the answer is refused, and what waits gets nothing (promise 2).

The clocks are the client's: a change has happened once its answer is here, a use begins before its request leaves.
"""

import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest

from stagedoor.gate import api_keys
from tests.api.authorization.world import World, definition, new
from tests.api.keys.hand import bearer, made, refused
from tests.support.server import LiveServer
from tests.support.thread import ThreadServer, thread_server
from tests.support.using import Uses

pytestmark = pytest.mark.promise(2)
FEW, SOME = 3, 40
"""Races of each sort."""

Stop = Callable[[World, str], None]


def pause(world: World, key_id: str) -> None:
    world.admin.call("POST", f"/api/keys/{key_id}/status")


def delete(world: World, key_id: str) -> None:
    world.admin.call("DELETE", f"/api/keys/{key_id}")


def raced(world: World, stop: Stop) -> set[int]:
    """What those uses got that began after the key had been stopped."""
    key = made(world.admin)
    uses = Uses(f"{world.server.url}/api/secrets", {"Authorization": f"Bearer {key['key']}"})
    with uses.going_on():
        uses.wait_for(0.0)
        stop(world, key["id"])
        stopped = time.monotonic()
        uses.wait_for(stopped)
    assert 200 in uses.statuses()
    return uses.statuses(stopped)


@pytest.mark.parametrize("rounds", [FEW, pytest.param(SOME, marks=pytest.mark.slow)])
@pytest.mark.parametrize("stop", [pause, delete], ids=["pause", "delete"])
def test_no_use_that_begins_after_the_answer_is_let_through(stop: Stop, rounds: int, sqlite_server: LiveServer) -> None:
    world = World.on(sqlite_server)
    for _ in range(rounds):
        assert raced(world, stop) == {401}


def _waiting_poll(server: LiveServer, stop: Stop) -> tuple[int, str, str]:
    """A poll that waits while its key is stopped and then a task comes: its status, what it was told, the task's state."""
    world, task = World.on(server), new("task")
    world.admin.call("POST", "/api/metadata/taskdefs", [{"name": task}])
    world.admin.save(definition(task, task))
    key = made(world.admin)
    caller = bearer(server, key["key"])
    assert caller.poll(task, timeout=0) == []
    with ThreadPoolExecutor(1) as pool:
        waits = pool.submit(caller.raw, "GET", f"/api/tasks/poll/batch/{task}?timeout=5000&workerid=waits")
        time.sleep(0.3)  # most likely it waits by now; where it does not yet, the answer is the same
        stop(world, key["id"])
        run = world.admin.start(task)
        answer = waits.result()
    state = world.admin.run(run)["tasks"][0]["status"]
    return answer.status_code, refused(answer) if answer.status_code == 401 else "", state


@pytest.mark.parametrize("stop", [pause, delete], ids=["pause", "delete"])
def test_a_poll_that_waits_gets_nothing_by_a_key_that_was_stopped(stop: Stop, sqlite_server: LiveServer) -> None:
    assert _waiting_poll(sqlite_server, stop) == (401, "API key not found", "SCHEDULED")


@pytest.fixture(scope="module")
def threaded(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ThreadServer]:
    with thread_server(tmp_path_factory.mktemp("stopping")) as server:
        yield server


@pytest.mark.slow
def test_without_the_epoch_a_stopped_key_would_go_on(threaded: ThreadServer, monkeypatch: pytest.MonkeyPatch) -> None:
    async def never_moves(store: object, who: object) -> tuple[int, ...]:
        return (0,)

    world = World.on(threaded)
    assert raced(world, pause) == {401}
    monkeypatch.setattr(api_keys, "epoch_of", never_moves)
    assert 200 in raced(world, pause)
