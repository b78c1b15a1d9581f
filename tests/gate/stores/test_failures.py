"""What is said when a value cannot be had: the store, the kind of failure, and what an administrator wrote wrong. Never more."""

from collections.abc import Iterator

import pytest

from tests.gate.doors.stage import Listener, listening, simple
from tests.gate.stores.shelf import Shelf

pytestmark = [pytest.mark.promise(6), pytest.mark.slow]
BODY = b'{"data": {"data": {"password": "canary-of-the-answer"}}}'
TOLD = {
    "sealed": ((503, {}, b'{"errors": ["canary-of-the-answer"]}'), "it is sealed, or under maintenance (status 503)"),
    "asked too often": ((429, {}, b""), "it is asked too often (status 429)"),
    "a redirect": ((307, {"Location": "http://169.254.169.254/canary-of-the-answer"}, b""), "a redirect, which is not followed"),
    "a page": ((200, {}, b"<html>canary-of-the-answer</html>"), "something else than a value (status 200)"),
    "other JSON": ((200, {}, b'{"canary-of-the-answer": 1}'), "something else than a value (status 200)"),
    "a deep one": ((200, {}, b"[" * 1000 + b"]" * 1000), "something else than a value (status 200)"),
    "too much": ((200, {}, BODY + b" " * 1024 * 1024), "the answer is larger than 1048576 bytes"),
    "a failure": ((500, {}, b'{"errors": ["canary-of-the-answer"]}'), "something else than a value (status 500)"),
}


@pytest.fixture
def stub() -> Iterator[Listener]:
    """Something that is no OpenBao."""
    with listening() as made:
        yield made


def said(shelf: Shelf, status: int = 503) -> str:
    answer = shelf.view()
    assert answer.status_code == status, answer.text
    message: str = answer.json()["message"]
    assert "canary" not in answer.text and shelf.token not in answer.text and shelf.vault.root not in answer.text
    return message


@pytest.mark.parametrize("kind", TOLD)
def test_an_answer_that_is_no_value(shelf: Shelf, stub: Listener, kind: str) -> None:
    answer, told = TOLD[kind]
    stub.say = lambda heard: answer
    shelf.register(address=stub.url)
    message = said(shelf)
    assert message.startswith(f"store {shelf.name}: ") and told in message


def test_one_path_that_is_too_large_keeps_no_other_from_being_read(shelf: Shelf, stub: Listener) -> None:
    shelf.through(stub)
    well = stub.say
    stub.say = lambda heard: (200, {}, BODY + b" " * 1024 * 1024) if heard.target.endswith("/large") else well(heard)
    shelf.point(shelf.stage.secret, path="team/large")
    assert "larger than" in said(shelf)
    shelf.point(shelf.stage.secret)
    assert shelf.view().text == shelf.stage.value


def test_a_field_or_a_path_that_is_not_there_is_named(shelf: Shelf) -> None:
    shelf.point(shelf.stage.secret, field="pass")
    assert said(shelf, 404) == f"store {shelf.name}: there is no field pass at team/db"
    shelf.point(shelf.stage.secret, path="team/nothing")
    assert said(shelf, 404) == f"store {shelf.name}: there is nothing at team/nothing"
    shelf.point(shelf.stage.secret, version=7)
    assert said(shelf, 404) == f"store {shelf.name}: there is nothing of version 7 at team/db"


def test_a_deleted_version_is_said_to_be_deleted(shelf: Shelf) -> None:
    shelf.vault.call("DELETE", f"{shelf.mount}/data/team/db")
    assert said(shelf, 404) == f"store {shelf.name}: what was there is deleted at team/db"


def test_a_value_that_is_too_long_is_refused(shelf: Shelf) -> None:
    shelf.put("x" * 65_536)
    assert said(shelf) == f"store {shelf.name}: what is at team/db cannot be used: value: it has more than 65535 bytes"


def test_a_revoked_token_is_told_from_a_policy_that_says_no(shelf: Shelf) -> None:
    shelf.put("x", path="other/db")
    shelf.point(shelf.stage.secret, path="other/db")
    assert said(shelf) == f"store {shelf.name}: the policy of its token does not allow to read other/db"
    shelf.vault.call("POST", "auth/token/revoke", {"token": shelf.token})
    shelf.point(shelf.stage.secret)
    told = f"it refuses the token: revoked, expired, or without any right in the mount {shelf.mount}"
    assert said(shelf) == f"store {shelf.name}: {told}"


def test_a_mount_that_is_not_there_is_named(shelf: Shelf) -> None:
    shelf.register(mount="nowhere", token=shelf.vault.root)
    assert said(shelf) == f"store {shelf.name}: there is no mount nowhere"


def test_a_new_token_ends_the_waiting_at_once(shelf: Shelf) -> None:
    shelf.register(token="s.of-nobody")
    assert "it refuses the token" in said(shelf)
    shelf.register()
    assert shelf.view().text == shelf.stage.value


def test_a_check_that_succeeds_ends_the_waiting_at_once(shelf: Shelf, stub: Listener) -> None:
    shelf.through(stub)
    well, stub.say = stub.say, lambda heard: (503, {}, b"")
    assert shelf.admin.call("POST", f"/api/secret-stores/{shelf.name}/check")["ok"] is False
    for _ in range(3):
        said(shelf)
    stub.say = well
    assert shelf.admin.call("POST", f"/api/secret-stores/{shelf.name}/check")["ok"] is True
    assert shelf.view().text == shelf.stage.value


def test_a_refused_task_says_what_is_missing_and_is_audited(shelf: Shelf) -> None:
    stage = shelf.stage
    shelf.point(stage.secret, field="pass")
    run = stage.run(simple(stage.task, given=stage.key))
    for _ in range(3):
        stage.entitled.poll(stage.task, timeout=500)
    told = f"SECRET_NAME {stage.secret} cannot be had: store {shelf.name}: there is no field pass at team/db"
    found = stage.ended(run)
    assert found["status"] == "FAILED" and stage.task_of(run)["reasonForIncompletion"] == told
    assert told.encode() in stage.stored()
