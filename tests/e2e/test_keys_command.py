"""`stagedoor keys rotate`, the real command on the store of a running server."""

import json
import time
from datetime import UTC, datetime
from typing import Any

import pytest
from typer.testing import CliRunner, Result

from stagedoor.cli import app
from tests.rotation.keys import KINDS, Held, held
from tests.support.server import LiveServer

pytestmark = pytest.mark.slow
DAY = 24 * 60 * 60_000
WAIT = 15


def command(server: LiveServer, *words: str) -> Result:
    return CliRunner().invoke(app, ["keys", "rotate", *words, "--data", str(server.data)])


def rotated(old: Held, *words: str) -> tuple[Held, dict[str, Any]]:
    done = command(old.server, old.id, *words, "--json")
    assert done.exit_code == 0, done.output
    made = json.loads(done.stdout)
    assert (made["kind"], made["replaces"]) == (old.kind, old.id)
    return Held(old.kind, old.server, old.owner, old.home, made["id"], made["secret"]), made


def ends(key: Held) -> None:
    """Other processes hear of it within a second."""
    deadline = time.monotonic() + WAIT
    while key.works():
        assert time.monotonic() < deadline, "it is still good"
        time.sleep(0.05)


@pytest.mark.parametrize("kind", KINDS)
def test_a_key_is_rotated_by_the_command_and_back(kind: str, sqlite_server: LiveServer) -> None:
    old, before = held(kind, sqlite_server, sqlite_server.admin()), time.time() * 1000
    made, told = rotated(old)
    assert before + 7 * DAY <= told["retireAt"] <= time.time() * 1000 + 7 * DAY and told["retireAfterIdleHours"] is None
    assert old.works() and made.works()
    assert (made.listed() or {})["replaces"] == old.id

    again = command(sqlite_server, old.id)
    assert again.exit_code == 1 and "rotated already" in again.stderr

    back = command(sqlite_server, old.id, "--back")
    assert back.exit_code == 0 and made.secret not in back.output
    ends(made)
    assert old.works() and made.listed() is None
    assert command(sqlite_server, old.id, "--back").exit_code == 1

    last, _ = rotated(old, "--at-once")
    ends(old)
    assert last.works()


def test_the_old_key_ends_at_a_time_or_for_want_of_use_as_is_said(sqlite_server: LiveServer) -> None:
    key, at = held("api_key", sqlite_server, sqlite_server.admin()), int(time.time()) * 1000 + 3 * DAY
    for said in (
        str(at),
        datetime.fromtimestamp(at / 1000, UTC).isoformat(),
        f"{datetime.fromtimestamp(at / 1000, UTC):%Y-%m-%dT%H:%M:%S}",
    ):
        _, told = rotated(key, "--at", said, "--after-idle", "1.5")
        assert (told["retireAt"], told["retireAfterIdleHours"]) == (at, 1.5), said
        listed = key.listed() or {}
        assert (listed["retireAt"], listed["retireAfterIdleHours"], listed["status"]) == (at, 1.5, "ACTIVE")
        assert command(sqlite_server, key.id, "--back").exit_code == 0
    _, told = rotated(key, "--after-idle", "48")
    assert (told["retireAt"], told["retireAfterIdleHours"]) == (None, 48)


def test_the_secret_is_printed_once_with_what_becomes_of_the_old_one(sqlite_server: LiveServer) -> None:
    admin = sqlite_server.admin()
    old = held("secret_key", sqlite_server, admin)
    done = command(sqlite_server, old.id, "--after-idle", "24")
    assert done.exit_code == 0
    secret = next(line.split()[1] for line in done.stdout.splitlines() if line.strip().startswith("secret"))
    made = next(one for one in admin.call("GET", old.home) if one.get("replaces") == old.id)
    assert Held(old.kind, sqlite_server, admin, old.home, made["id"], secret).works()
    assert done.stdout.count(secret) == 1 and old.secret not in done.stdout
    assert f"{old.id} ends once it was not used for 24 hours" in done.stdout


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (["--at", "soon"], "at: soon is no time"),
        (["--at", "1000"], "a time to come"),
        (["--after-idle", "0"], "more than 0"),
        (["--at-once", "--after-idle", "3"], "ends at once"),
        (["--back", "--at-once"], "--back"),
        (["--project", "none"], "none"),
        (["--back"], "was not rotated"),
    ],
)
def test_what_cannot_be_is_said_and_changes_nothing(words: list[str], says: str, sqlite_server: LiveServer) -> None:
    key = held("api_key", sqlite_server, sqlite_server.admin())
    done = command(sqlite_server, key.id, *words)
    assert done.exit_code == 1 and says in done.stderr, done.output
    assert "replacedBy" not in (key.listed() or {}) and key.works()


def test_only_kinds_with_a_secret_of_their_own_are_rotated(sqlite_server: LiveServer) -> None:
    done = CliRunner().invoke(app, ["keys", "list", "--kind", "publishable_key", "--data", str(sqlite_server.data), "--json"])
    (publishable,) = json.loads(done.stdout)
    refused = command(sqlite_server, publishable["id"])
    assert refused.exit_code == 1 and "publishable_key" in refused.stderr
    assert "there is no key" in command(sqlite_server, "none").stderr
