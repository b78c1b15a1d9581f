"""A right that is taken away while it is in use: what begins after that change was answered is never let through (promise 2).

The clocks are the client's: a change has happened once its answer is here, a use begins before its request leaves.
"""

import random
import threading
import time
from collections.abc import Iterator
from typing import Any

import httpx
import pytest

from tests.api.authorization.races import CHANGES, Change, Stage, new_stage, stage_on
from tests.support import postgres
from tests.support.server import LiveServer
from tests.support.using import Uses

pytestmark = [pytest.mark.promise(2), pytest.mark.timeout(1800)]

SOME, MANY = 50, 500
"""Races of each sort on each database, all changes together: `slow`, and `soak`."""
counts = pytest.mark.parametrize(
    "count", [pytest.param(SOME, marks=pytest.mark.slow), pytest.param(MANY, marks=pytest.mark.soak)], ids=["some", "many"]
)
changes = pytest.mark.parametrize("name", CHANGES)


@pytest.fixture(scope="module", params=["sqlite", pytest.param("postgres", marks=pytest.mark.postgres)])
def raced(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[LiveServer]:
    folder = tmp_path_factory.mktemp("races")
    if request.param == "sqlite":
        with stage_on(folder, None) as server:
            yield server
        return
    with postgres.database(request.getfixturevalue("postgres_server")) as url, stage_on(folder, url) as server:
        yield server


def token_of(stage: Stage, change: Change) -> str:
    return stage.person_token if change.person else stage.token


@changes
@counts
def test_no_use_that_begins_after_the_answer_is_let_through(name: str, count: int, raced: LiveServer) -> None:
    change, chance = CHANGES[name], random.Random(name)
    stage = new_stage(raced, change)
    for _ in range(-(-count // len(CHANGES))):
        change.give(stage)
        uses = Uses(f"{stage.server.url}/api/metadata/taskdefs/{stage.task}", {"X-Authorization": token_of(stage, change)})
        with uses.going_on():
            uses.wait_for(0.0)
            assert uses.statuses() == {200}
            time.sleep(chance.uniform(0, 0.01))
            change.take(stage)
            answered = time.monotonic()
            uses.wait_for(answered)
        assert uses.statuses(answered) == {change.refused}
        assert uses.statuses() == {200, change.refused}


class LongPoll(threading.Thread):
    """One poll that waits for a task."""

    def __init__(self, stage: Stage, token: str) -> None:
        super().__init__()
        self._stage, self._token = stage, token
        self.status = 0
        self.tasks: list[dict[str, Any]] = []

    def run(self) -> None:
        with httpx.Client(base_url=self._stage.server.url, headers={"X-Authorization": self._token}, timeout=30) as http:
            answer = http.get(f"/api/tasks/poll/batch/{self._stage.task}?timeout=5000&workerid=racer")
        self.status = answer.status_code
        self.tasks = answer.json() if answer.status_code == 200 else []


@changes
@counts
def test_no_poll_that_waited_gets_a_task_once_the_right_is_gone(name: str, count: int, raced: LiveServer) -> None:
    """In turn: a task that comes after the answer, which is never handed out; and one that comes while the right is being taken
    away, which may be had before the answer but not leased after it."""
    change, chance = CHANGES[name], random.Random(name)
    stage = new_stage(raced, change)
    other = raced.admin()
    for number in range(-(-count // len(CHANGES))):
        change.give(stage)
        poll = LongPoll(stage, token_of(stage, change))
        poll.start()
        time.sleep(chance.uniform(0.01, 0.03))
        meanwhile = threading.Timer(chance.uniform(0, 0.01), other.start, (stage.task,))
        if number % 2:
            meanwhile.start()
        change.take(stage)
        answered = time.time() * 1000
        if number % 2:
            meanwhile.join()
        else:
            other.start(stage.task)
        poll.join()
        assert (poll.status, len(poll.tasks)) in ((change.refused, 0), (200, 1))
        assert all(number % 2 and task["startTime"] <= answered for task in poll.tasks)
        assert len(other.poll(stage.task, timeout=0)) == 1 - len(poll.tasks)


@pytest.mark.slow
@changes
def test_a_poll_that_keeps_its_right_gets_the_task(name: str, raced: LiveServer) -> None:
    """Without the change the same poll has its task: the race is one."""
    change = CHANGES[name]
    stage = new_stage(raced, change)
    change.give(stage)
    poll = LongPoll(stage, token_of(stage, change))
    poll.start()
    time.sleep(0.02)
    stage.admin.start(stage.task)
    poll.join()
    assert (poll.status, len(poll.tasks)) == (200, 1)
