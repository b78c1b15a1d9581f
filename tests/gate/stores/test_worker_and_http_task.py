"""A secret that lives in a real OpenBao is used by a worker and by an HTTP task of a live server (promise 6)."""

import json

import pytest

from tests.gate.doors.stage import http, simple
from tests.gate.stores.shelf import Shelf

pytestmark = [pytest.mark.promise(6), pytest.mark.slow]


def test_a_worker_and_an_http_task_use_a_secret_that_lives_in_openbao(shelf: Shelf) -> None:
    stage = shelf.stage
    stage.save(simple(stage.task, given=stage.key), http(stage.listener.url, method="POST", body={"key": stage.key}))
    run = stage.author.start(stage.name)
    (task,) = stage.entitled.poll(stage.task, timeout=20_000)
    assert task["inputData"] == {"given": stage.value}
    stage.worker.complete(task, {"said": f"it was {stage.value}"})
    assert stage.ended(run)["status"] == "COMPLETED"
    assert json.loads(stage.listener.heard[0].body) == {"key": stage.value}
    assert stage.task_of(run)["outputData"] == {"said": "it was ***"}
    assert stage.value not in stage.reads(run) and stage.value.encode() not in stage.stored()
