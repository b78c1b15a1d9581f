"""Versions of a secret, and until when it may be used (docs/decisions/0023-versions-and-expiry.md)."""

import sqlite3
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from typing import Any

import pytest

from tests.api.authorization.world import World, new
from tests.support.server import Api, LiveServer

DAY = 24 * 60 * 60_000


def now() -> int:
    return time.time_ns() // 1_000_000


def three(admin: Api) -> str:
    """A secret of three versions: one-1, two-22, three-333."""
    name = new("secret")
    for value in ("one-1", "two-22", "three-333"):
        admin.put_secret(name, value)
    return name


def numbers(admin: Api, name: str) -> list[tuple[int, bool]]:
    return [(one["version"], one["current"]) for one in admin.call("GET", f"/api/secrets/{name}/versions")]


def audited(server: LiveServer, name: str) -> list[tuple[str, str]]:
    """(action, detail) of every deed on a secret, in order."""
    with closing(sqlite3.connect(server.data / "stagedoor.db")) as database:
        asked = "SELECT action, detail FROM audit WHERE target = ? AND outcome = 'done' ORDER BY rowid"
        return database.execute(asked, (f"SECRET_NAME {name}",)).fetchall()


def test_each_put_is_a_version_and_no_list_holds_a_value(admin: Api) -> None:
    before, name = now(), three(admin)
    answer = admin.raw("GET", f"/api/secrets/{name}/versions")
    found: list[dict[str, Any]] = answer.json()
    assert [(one["version"], one["current"]) for one in found] == [(3, True), (2, False), (1, False)]
    assert all(set(one) == {"version", "createdBy", "createdAt", "current"} for one in found)
    assert all(one["createdBy"].startswith("app:") and before <= one["createdAt"] <= now() for one in found)
    assert not any(value in answer.text for value in ("one-1", "two-22", "three-333"))
    older = admin.call("GET", f"/api/secrets/{name}/versions?before=3")
    assert [one["version"] for one in older] == [2, 1]


def test_rolling_back_makes_a_new_version_with_the_old_value(admin: Api, sqlite_server: LiveServer) -> None:
    name = three(admin)
    assert admin.call("POST", f"/api/secrets/{name}/versions/1/rollback") == {"version": 4}
    assert admin.call("GET", f"/api/secrets/{name}") == "one-1"
    assert numbers(admin, name) == [(4, True), (3, False), (2, False), (1, False)]
    assert ("secret.rollback", "version 4, from version 1") in audited(sqlite_server, name)
    admin.put_secret(name, "five")
    assert numbers(admin, name)[0] == (5, True)


def test_a_destroyed_version_is_gone_for_ever_and_its_row_stays(admin: Api, sqlite_server: LiveServer) -> None:
    name, before = three(admin), now()
    for _ in range(2):  # once more is no error, and no second deed
        assert admin.raw("DELETE", f"/api/secrets/{name}/versions/2").status_code == 200
    gone = next(one for one in admin.call("GET", f"/api/secrets/{name}/versions") if one["version"] == 2)
    assert gone["current"] is False and gone["createdBy"].startswith("app:") and before <= gone["destroyedAt"] <= now()
    refused = admin.raw("POST", f"/api/secrets/{name}/versions/2/rollback")
    assert (refused.status_code, "version 2" in refused.text, "destroyed" in refused.text) == (409, True, True)
    assert admin.call("GET", f"/api/secrets/{name}") == "three-333"
    assert audited(sqlite_server, name).count(("secret.destroy", "version 2")) == 1
    with closing(sqlite3.connect(sqlite_server.data / "stagedoor.db")) as database:
        asked = "SELECT v.version, LENGTH(v.sealed) FROM secret_version v JOIN secret s USING (secret_id) WHERE s.name = ? ORDER BY 1"
        sizes = dict(database.execute(asked, (name,)).fetchall())
    assert sizes[2] == 0 and sizes[1] > 0 and sizes[3] > 0


def test_the_current_version_cannot_be_destroyed_and_the_answer_says_what_to_do(admin: Api) -> None:
    name = three(admin)
    refused = admin.raw("DELETE", f"/api/secrets/{name}/versions/3")
    assert refused.status_code == 409
    assert "version 3" in refused.json()["message"] and "put another value or roll back" in refused.json()["message"]
    assert admin.call("GET", f"/api/secrets/{name}") == "three-333"
    admin.call("POST", f"/api/secrets/{name}/versions/1/rollback")
    assert admin.raw("DELETE", f"/api/secrets/{name}/versions/3").status_code == 200


@pytest.mark.promise(12)
@pytest.mark.parametrize("version", ["9", "0", "-1", "two", "1.0", "%D9%A1", "99999999999999999999", "2147483648"])
def test_an_unknown_version_is_404_and_named(version: str, admin: Api) -> None:
    name = three(admin)
    for method, path in (("POST", f"{version}/rollback"), ("DELETE", version)):
        answer = admin.raw(method, f"/api/secrets/{name}/versions/{path}")
        shown = "\u0661" if version.startswith("%") else version
        assert (answer.status_code, f"secret {name} has no version {shown}" in answer.json()["message"]) == (404, True)


def test_versions_of_a_secret_that_is_not_there_are_404_with_its_name(admin: Api) -> None:
    name = new("missing")
    for method, path in (("GET", "versions"), ("POST", "versions/1/rollback"), ("DELETE", "versions/1"), ("GET", "expiry")):
        answer = admin.raw(method, f"/api/secrets/{name}/{path}")
        assert (answer.status_code, name in answer.json()["message"]) == (404, True), path
    assert admin.raw("PUT", f"/api/secrets/{name}/expiry", {"expiresAt": None}).status_code == 404


def test_a_secret_made_again_under_its_name_begins_at_one(admin: Api) -> None:
    name = three(admin)
    admin.call("DELETE", f"/api/secrets/{name}")
    admin.put_secret(name, "another")
    assert numbers(admin, name) == [(1, True)]


def test_update_without_read_rolls_back_and_sees_nothing(sqlite_server: LiveServer) -> None:
    world = World.on(sqlite_server)
    name = three(world.admin)
    world.admin.grant(world.stranger_id, "SECRET_NAME", name, "UPDATE")
    assert world.stranger.call("POST", f"/api/secrets/{name}/versions/1/rollback") == {"version": 4}
    for path in ("", "/versions", "/expiry"):
        assert world.stranger.raw("GET", f"/api/secrets/{name}{path}").status_code == 403


@pytest.mark.slow
@pytest.mark.promise(1)
def test_puts_at_once_give_consecutive_versions_and_none_is_lost(server: LiveServer) -> None:
    """On both databases; the value shown is the one of the highest number."""
    admin, name = server.admin(), new("secret")
    callers = [server.admin() for _ in range(8)]

    def put(number: int) -> None:
        if number % 8 == 7 and number > 8:
            callers[7].call("POST", f"/api/secrets/{name}/versions/1/rollback", status=200)
        else:
            callers[number % 8].put_secret(name, f"value-{number}")

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(put, range(32)))
    assert numbers(admin, name) == [(32, True), *((number, False) for number in range(31, 0, -1))]
    values = set()
    for number in range(32, 0, -1):
        admin.call("POST", f"/api/secrets/{name}/versions/{number}/rollback")
        values.add(admin.call("GET", f"/api/secrets/{name}"))
    assert values >= {f"value-{number}" for number in range(32) if number % 8 != 7}
    for version in (1, 1, 2):
        assert admin.raw("DELETE", f"/api/secrets/{name}/versions/{version}").status_code == 200
    assert admin.raw("DELETE", f"/api/secrets/{name}/versions/64").status_code == 409
    gone = [one["version"] for one in admin.call("GET", f"/api/secrets/{name}/versions") if "destroyedAt" in one]
    assert gone == [2, 1]


# ---- expiry
def test_an_expiry_is_set_and_read_with_a_reminder_a_week_before(admin: Api, sqlite_server: LiveServer) -> None:
    name, end = three(admin), now() + 90 * DAY
    unset = {"name": name, "expiresAt": None, "remindAt": None, "expired": False}
    path = f"/api/secrets/{name}/expiry"
    assert admin.call("GET", path) == unset
    assert admin.raw("PUT", path, {"expiresAt": end}).content == b""
    assert admin.call("GET", path) == {"name": name, "expiresAt": end, "remindAt": end - 7 * DAY, "expired": False}
    admin.call("PUT", path, {"expiresAt": end, "remindAt": end - DAY})
    assert admin.call("GET", path)["remindAt"] == end - DAY
    admin.call("PUT", path, {"expiresAt": end, "remindAt": None})
    assert admin.call("GET", path)["remindAt"] is None
    admin.put_secret(name, "a new value keeps it")
    assert admin.call("GET", path)["expiresAt"] == end
    admin.call("PUT", path, {"expiresAt": None})
    assert admin.call("GET", path) == unset
    assert [action for action, _ in audited(sqlite_server, name)].count("secret.expiry") == 4


@pytest.mark.promise(12)
@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({}, "expiresAt"),
        ({"expiresAt": "soon"}, "expiresAt"),
        ({"expiresAt": -1}, "expiresAt"),
        ({"expiresAt": 1.5}, "expiresAt"),
        ({"expiresAt": 2**63}, "expiresAt"),
        ({"expiresAt": 1000, "remindAt": 1001}, "remindAt"),
        ({"expiresAt": None, "expireAt": 1000}, "expireAt"),
    ],
)
def test_a_wrong_expiry_is_refused_by_field(body: dict[str, Any], field: str, admin: Api) -> None:
    answer = admin.raw("PUT", f"/api/secrets/{three(admin)}/expiry", body)
    assert (answer.status_code, answer.json()["validationErrors"][0]["path"]) == (400, field), answer.text


def test_an_expired_secret_is_viewed_by_who_may_update_it_alone(sqlite_server: LiveServer) -> None:
    """So its owner can rescue the value; a reader cannot fetch past the doors what these keep shut."""
    world = World.on(sqlite_server)
    name = three(world.admin)
    world.admin.grant(world.stranger_id, "SECRET_NAME", name, "READ")
    assert world.stranger.call("GET", f"/api/secrets/{name}") == "three-333"
    world.admin.call("PUT", f"/api/secrets/{name}/expiry", {"expiresAt": now() - 1})
    refused = world.stranger.raw("GET", f"/api/secrets/{name}")
    assert (refused.status_code, "expired" in refused.text, f"UPDATE on SECRET_NAME {name}" in refused.text) == (403, True, True)
    with closing(sqlite3.connect(sqlite_server.data / "stagedoor.db")) as database:
        asked = "SELECT COUNT(*) FROM audit WHERE actor = ? AND outcome = 'refused'"
        assert database.execute(asked, (f"app:{world.stranger_id}",)).fetchone() == (1,)
    assert world.admin.call("GET", f"/api/secrets/{name}") == "three-333"
    world.admin.grant(world.stranger_id, "SECRET_NAME", name, "UPDATE")
    assert world.stranger.call("GET", f"/api/secrets/{name}") == "three-333"
    assert "has expired" in world.admin.raw("PUT", f"/api/secrets/{name}", b"three-333").headers["warning"]
    world.admin.call("PUT", f"/api/secrets/{name}/expiry", {"expiresAt": None})
    assert "warning" not in world.admin.raw("PUT", f"/api/secrets/{name}", b"three-333").headers
    world.admin.revoke(world.stranger_id, "SECRET_NAME", name, "UPDATE")
    assert world.stranger.call("GET", f"/api/secrets/{name}") == "three-333"


@pytest.mark.promise(9)
def test_what_expires_soon_is_listed_to_who_may_read_it(sqlite_server: LiveServer) -> None:
    world, at = World.on(sqlite_server), now()
    soon, later, past, reminded, never = (three(world.admin) for _ in range(5))
    times = {soon: (at + 10 * DAY, None), later: (at + 40 * DAY, None), past: (at - DAY, None), reminded: (None, at + DAY)}
    for name, (end, reminder) in times.items():
        world.admin.call("PUT", f"/api/secrets/{name}/expiry", {"expiresAt": end, "remindAt": reminder})

    def listed(api: Api, query: str = "") -> list[str]:
        found: list[dict[str, Any]] = api.call("GET", f"/api/secrets-expiring{query}")
        return [one["name"] for one in found if one["name"] in (*times, never)]

    assert listed(world.admin) == [past, reminded, soon]
    assert listed(world.admin, "?days=50") == [past, reminded, soon, later]
    assert listed(world.admin, "?days=0") == [past]
    assert listed(world.stranger, "?days=50") == []
    world.admin.grant(world.stranger_id, "SECRET_NAME", soon, "READ")
    assert world.stranger.call("GET", "/api/secrets-expiring") == [
        {"name": soon, "expiresAt": at + 10 * DAY, "remindAt": None, "expired": False}
    ]
    for days in ("-1", "3651", "x"):
        assert world.admin.raw("GET", f"/api/secrets-expiring?days={days}").status_code == 400
