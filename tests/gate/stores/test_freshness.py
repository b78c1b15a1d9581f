"""How long what was fetched is used, and that it becomes versions of the secret."""

import time
from collections.abc import Iterator

import pytest

from tests.gate.doors.stage import Listener, listening, simple
from tests.gate.stores.conftest import CACHE_SECONDS
from tests.gate.stores.shelf import Shelf

pytestmark = [pytest.mark.promise(6), pytest.mark.slow]


@pytest.fixture
def relay() -> Iterator[Listener]:
    with listening() as made:
        yield made


def test_a_change_in_the_store_is_seen_within_the_age_of_the_cache(shelf: Shelf) -> None:
    assert shelf.view().text == shelf.stage.value
    shelf.put("rotated")
    time.sleep(CACHE_SECONDS)  # since what is known was asked for
    assert shelf.view().text == "rotated"


def test_within_that_age_the_store_is_asked_once(shelf: Shelf, relay: Listener) -> None:
    heard, began = shelf.through(relay).heard, time.monotonic()
    assert {shelf.view().text for _ in range(10)} == {shelf.stage.value}
    assert 1 <= len(heard) <= 1 + (time.monotonic() - began) // CACHE_SECONDS


def test_clearing_the_cache_asks_anew_at_once(shelf: Shelf) -> None:
    began = time.monotonic()
    assert shelf.view().text == shelf.stage.value
    shelf.put("rotated")
    assert shelf.view().text == shelf.stage.value or time.monotonic() > began + CACHE_SECONDS
    shelf.admin.call("GET", "/api/secrets/clearLocalCache")
    assert shelf.view().text == "rotated"


def test_only_who_may_read_a_secret_clears_what_is_known_of_it(shelf: Shelf, relay: Listener) -> None:
    _, stranger = shelf.stage.caller("stranger", "USER")
    heard, began = shelf.through(relay).heard, time.monotonic()
    assert shelf.view().text == shelf.stage.value
    stranger.call("GET", "/api/secrets/clearLocalCache")
    assert shelf.view().text == shelf.stage.value
    assert len(heard) == 1 or time.monotonic() > began + CACHE_SECONDS


def test_another_source_or_another_store_is_asked_at_once(shelf: Shelf) -> None:
    assert shelf.view().text == shelf.stage.value
    shelf.put("of-another-path", path="team/other")
    shelf.point(shelf.stage.secret, path="team/other")
    assert shelf.view().text == "of-another-path"
    second = shelf.vault.kv()
    shelf.vault.kv_put(second, "team/other", {"password": "of-another-mount"})
    shelf.register(mount=second, token=shelf.vault.root)
    assert shelf.view().text == "of-another-mount"


def test_a_version_in_the_store_may_be_named(shelf: Shelf) -> None:
    old = shelf.put("the-old-one")
    shelf.put("the-new-one")
    shelf.point(shelf.stage.secret, version=old)
    assert shelf.view().text == "the-old-one"


def test_each_new_value_is_a_version_and_the_same_value_is_none(shelf: Shelf) -> None:
    before = shelf.versions()
    for value in (shelf.stage.value, "another", "another"):
        shelf.put(value)
        shelf.admin.call("GET", "/api/secrets/clearLocalCache")
        assert shelf.view().text == value
    assert shelf.versions() == [before[0] + 1, *before]


def test_many_who_ask_at_once_make_one_version(shelf: Shelf) -> None:
    stage, before = shelf.stage, shelf.versions()
    shelf.put("for-many")
    stage.save(simple(stage.task, given=stage.key))
    for _ in range(8):
        stage.author.start(stage.name)
    assert len(stage.entitled.poll(stage.task, count=8, timeout=20_000)) == 8
    assert shelf.versions() == [before[0] + 1, *before]


def test_a_destroyed_version_is_fetched_anew(shelf: Shelf) -> None:
    assert shelf.view().text == shelf.stage.value
    shelf.put("newer")
    shelf.admin.call("GET", "/api/secrets/clearLocalCache")
    assert shelf.view().text == "newer"
    newest = shelf.versions()[0]
    destroyed = shelf.admin.raw("DELETE", f"/api/secrets/{shelf.stage.secret}/versions/{newest}")
    assert destroyed.status_code in (200, 409)  # the newest may be kept
    assert shelf.view().text == "newer"


def test_what_a_store_has_may_be_json_or_empty_and_arrives_byte_for_byte(shelf: Shelf) -> None:
    for value in ("", "a", 'quotes " \\ and\nlines', "${x} #{stagedoor:1}", "\U0001f511 \u00fc", "x" * 65_535):
        shelf.put(value)
        shelf.admin.call("GET", "/api/secrets/clearLocalCache")
        assert shelf.view().text == value
