"""An HTTP task that needs a secret from an external store: judged first, then fetched; a store that fails does not end it for good."""

from collections.abc import Iterator

import pytest

from tests.gate.doors.stage import Listener, http, listening, reference
from tests.gate.stores.shelf import Shelf

pytestmark = [pytest.mark.promise(6), pytest.mark.slow]


@pytest.fixture
def relay() -> Iterator[Listener]:
    with listening() as made:
        yield made


def test_parts_of_a_path_s_fields_are_sent(shelf: Shelf) -> None:
    """A source without a field is all of them, as one JSON object."""
    stage = shelf.stage
    shelf.put("s3cret-of-ada", user="ada", port=443)
    shelf.point(stage.secret, field=None)
    body = {"u": reference(stage.secret, ".user"), "p": reference(stage.secret, ".port"), "k": reference(stage.secret, ".password")}
    run = stage.run(http(stage.listener.url, method="POST", body=body))
    assert stage.ended(run)["status"] == "COMPLETED"
    assert stage.listener.heard[0].body == b'{"u":"ada","p":443,"k":"s3cret-of-ada"}'


@pytest.mark.parametrize("made_from", ["literal", "data"])
def test_nothing_is_fetched_for_a_host_that_is_not_allowed(shelf: Shelf, relay: Listener, made_from: str) -> None:
    stage, heard = shelf.stage, shelf.through(relay).heard
    stage.admin.call("PUT", f"/api/secrets/{stage.secret}/policy", {"hosts": ["api.example.com"]})
    url = stage.listener.url if made_from == "literal" else "${workflow.input.url}"
    run = stage.run(http(url, headers={"X-Key": stage.key}), given={"url": stage.listener.url})
    assert stage.ended(run)["status"] == "FAILED"
    task = stage.task_of(run, "call")
    assert task["status"] == "FAILED_WITH_TERMINAL_ERROR" and "does not allow hosts" in task["reasonForIncompletion"]
    assert (heard, stage.listener.heard) == ([], [])


def test_a_store_that_fails_is_a_failure_to_be_retried(shelf: Shelf, relay: Listener) -> None:
    stage = shelf.stage
    shelf.through(relay)
    well, relay.say = relay.say, lambda one: (503, {}, b'{"errors": ["sealed"]}')
    stage.admin.call("POST", "/api/metadata/taskdefs", [{"name": "call", "retryCount": 3, "retryDelaySeconds": 1}])
    run = stage.run(http(stage.listener.url, headers={"X-Key": stage.key}))
    for _ in range(3_000):
        if (first := stage.waiting(run, "call"))["retryCount"] > 0:
            break
    relay.say = well
    failed = stage.admin.run(run)["tasks"][0]
    told = f"SECRET_NAME {stage.secret} cannot be had: store {shelf.name}: it is sealed, or under maintenance (status 503)"
    assert (failed["status"], failed["reasonForIncompletion"]) == ("FAILED", told), first
    assert stage.ended(run)["status"] == "COMPLETED"
    assert stage.listener.heard[0].headers["X-Key"] == stage.value


def test_a_path_that_is_not_there_ends_the_task_for_good(shelf: Shelf) -> None:
    stage = shelf.stage
    shelf.point(stage.secret, path="team/gone")
    run = stage.run(http(stage.listener.url, headers={"X-Key": stage.key}))
    assert stage.ended(run)["status"] == "FAILED"
    task = stage.task_of(run, "call")
    told = f"SECRET_NAME {stage.secret} cannot be had: store {shelf.name}: there is nothing at team/gone"
    assert (task["status"], task["reasonForIncompletion"]) == ("FAILED_WITH_TERMINAL_ERROR", told)
    assert stage.listener.heard == []


def test_what_comes_back_is_masked_for_every_version_that_left(shelf: Shelf) -> None:
    stage = shelf.stage
    stage.listener.say = lambda heard: (200, {"Content-Type": "text/plain"}, heard.headers["X-Key"].encode())
    first, second = "first-of-two-values", "second-of-two-values"
    shelf.put(first)
    stage.admin.call("GET", "/api/secrets/clearLocalCache")
    run = stage.run(http(stage.listener.url, headers={"X-Key": stage.key}))
    assert stage.ended(run)["output"]["response"]["body"] == "***"
    shelf.put(second)
    stage.admin.call("GET", "/api/secrets/clearLocalCache")
    again = stage.author.start(stage.name)
    assert stage.ended(again)["output"]["response"]["body"] == "***"
    assert [heard.headers["X-Key"] for heard in stage.listener.heard] == [first, second]
