"""The doors on each database: what they refuse and what they let through is not the store's business (promise 6)."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.gate.doors.stage import Listener, Stage, http, simple
from tests.support.server import live_server

pytestmark = pytest.mark.promise(6)


@pytest.fixture
def stage(database: str, tmp_path: Path, listener: Listener) -> Iterator[Stage]:
    with live_server(tmp_path, None if database.startswith("/") else database, STAGEDOOR_EGRESS_ALLOW="127.0.0.1") as server:
        yield Stage(server, listener, server.admin())


def test_both_doors_hold_and_open_on_either_database(stage: Stage) -> None:
    run = stage.run(simple(stage.task, key=stage.key), http(stage.listener.url, method="POST", body=stage.key))
    assert stage.worker.poll(stage.task) == []
    assert stage.task_of(run)["reasonForIncompletion"].startswith(f"held: application app:{stage.worker_id} lacks READ")
    (task,) = stage.entitled.poll(stage.task)
    assert task["inputData"] == {"key": stage.value}
    stage.worker.complete(task, {"echo": stage.value})
    found = stage.ended(run)
    assert (found["status"], found["tasks"][0]["outputData"]) == ("COMPLETED", {"echo": "***"})
    assert [heard.body.decode() for heard in stage.listener.heard] == [stage.value]
    assert stage.value not in stage.reads(run)
    stage.author.start(stage.name)
    stage.admin.revoke(stage.author_id, "SECRET_NAME", stage.secret, "READ")
    assert stage.worker.poll(stage.task) == []
    last = stage.author.start(stage.name)
    assert stage.worker.poll(stage.task) == []
    assert "who vouched for it, lacks READ" in stage.ended(last)["tasks"][0]["reasonForIncompletion"]
