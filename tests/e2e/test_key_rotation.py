"""Rotation of every kind of key: a new one beside the old, the use of each, the old one retired by time, for want of use, or at once."""

import time

import pytest

from tests.api.authorization.world import new
from tests.api.keys.hand import key_under
from tests.rotation.keys import KINDS, SECRETS, held
from tests.support.server import LiveServer

DAY, HOUR = 24 * 60 * 60_000, 60 * 60_000
kinds = pytest.mark.parametrize("kind", KINDS)


@kinds
def test_a_key_is_rotated_beside_the_old_one_and_back(kind: str, sqlite_server: LiveServer) -> None:
    admin, before = sqlite_server.admin(), int(time.time() * 1000)
    old = held(kind, sqlite_server, admin)
    name = (old.listed() or {}).get("name")

    # a new secret beside the old, which ends in seven days where nothing is said
    made, answer = old.rotated()
    assert answer["replaces"] == old.id and "retireAfterIdleHours" not in answer
    assert before + 7 * DAY <= answer["retireAt"] <= time.time() * 1000 + 7 * DAY
    assert answer.get("name") == name and made.secret != old.secret
    assert old.works() and made.works()

    # each names the other
    first, second = old.listed(), made.listed()
    assert first and (first["replacedBy"], first["retireAt"], first["status"]) == (made.id, answer["retireAt"], "ACTIVE")
    assert second and (second["replaces"], second["status"], second.get("name")) == (old.id, "ACTIVE", name)
    assert "retireAt" not in second and "replacedBy" not in second
    assert old.secret not in admin.raw("GET", old.home).text and made.secret not in admin.raw("GET", old.home).text

    # one successor at a time
    assert old.ask("rotate").status_code == 409

    # back, while both live: the new one is gone at once, the old one has no end any more
    shown = old.ask("rollback")
    assert shown.status_code == 200 and shown.json()["id"] == old.id
    assert not {"retireAt", "replacedBy", "retireAfterIdleHours"} & shown.json().keys()
    assert old.works() and not made.works() and made.listed() is None
    assert old.ask("rollback").status_code == 409

    # again, at once this time: nothing to go back to
    last, answer = old.rotated(now=True)
    assert not old.works() and last.works()
    assert old.ask("rollback").status_code == 409 and old.ask("rotate").status_code == 409
    ended = old.listed()
    assert ended and ended["retireAt"] == answer["retireAt"] and ended["status"] in ("INACTIVE", "RETIRED")

    # a chain: the last one can be rotated as well
    newest, _ = last.rotated(retireAfterIdleHours=24)
    shown_last = last.listed()
    assert shown_last and shown_last["retireAfterIdleHours"] == 24 and "retireAt" not in shown_last
    assert newest.works() and last.works()


@kinds
def test_what_the_body_may_say(kind: str, sqlite_server: LiveServer) -> None:
    key, now = held(kind, sqlite_server, sqlite_server.admin()), int(time.time() * 1000)
    for body, field in (
        ({"retireAt": now - 1}, "retireAt"),
        ({"retireAt": now + 3651 * DAY}, "retireAt"),
        ({"retireAfterIdleHours": 0}, "retireAfterIdleHours"),
        ({"retireAfterIdleHours": 1e9}, "retireAfterIdleHours"),
        ({"now": True, "retireAt": now + DAY}, "now"),
        ({"tomorrow": True}, "tomorrow"),
    ):
        answer = key.ask("rotate", body)
        assert answer.status_code == 400 and field in answer.text, answer.text
    assert "replacedBy" not in (key.listed() or {})
    _, both = key.rotated(retireAt=now + DAY, retireAfterIdleHours=0.5)
    assert (both["retireAt"], both["retireAfterIdleHours"]) == (now + DAY, 0.5)


@kinds
def test_a_successor_that_is_deleted_leaves_a_key_that_can_be_rotated_or_kept(kind: str, sqlite_server: LiveServer) -> None:
    admin = sqlite_server.admin()
    key = held(kind, sqlite_server, admin)
    for _ in range(2):
        made, _answer = key.rotated()
        admin.call("DELETE", f"{made.home}/{made.id}")
    assert "retireAt" in (key.listed() or {})
    assert key.ask("rollback").status_code == 200
    assert "retireAt" not in (key.listed() or {}) and key.works()


@kinds
def test_a_paused_key_is_neither_rotated_nor_gone_back_to(kind: str, sqlite_server: LiveServer) -> None:
    """A rotation would undo the pause; after going back to it no key that works would be left."""
    key = held(kind, sqlite_server, sqlite_server.admin())
    assert key.ask("status").json()["status"] in ("INACTIVE", "PAUSED")
    answer = key.ask("rotate")
    assert (answer.status_code, f"key {key.id} is paused" in answer.text) == (409, True)
    assert key.ask("status").json()["status"] == "ACTIVE"
    made, _ = key.rotated()
    key.ask("status")
    assert key.ask("rollback").status_code == 409
    assert made.works() and not key.works()
    key.ask("status")
    assert key.ask("rollback").status_code == 200
    assert key.works() and not made.works()


def test_a_rotated_successor_is_not_rolled_back_over(sqlite_server: LiveServer) -> None:
    key = held("api_key", sqlite_server, sqlite_server.admin())
    made, _ = key.rotated()
    newest, _ = made.rotated()
    assert key.ask("rollback").status_code == 409
    assert key.works() and made.works() and newest.works()
    assert made.ask("rollback").status_code == 200 and key.ask("rollback").status_code == 200
    assert key.works() and not made.works() and not newest.works()


def test_the_new_key_can_do_no_more_and_lives_no_longer(sqlite_server: LiveServer) -> None:
    admin, expires = sqlite_server.admin(), int(time.time() * 1000) + DAY
    key = held("api_key", sqlite_server, admin, ceiling={"readOnly": True}, expiresAt=expires)
    made, _ = key.rotated()
    shown = made.listed()
    assert shown and shown["ceiling"] == {"roles": [], "access": [], "resources": [], "readOnly": True}
    assert shown["expiresAt"] == expires
    headers = {"Authorization": f"Bearer {made.secret}"}
    assert sqlite_server.api().raw("PUT", f"/api/secrets/{new('secret')}", b"x", headers=headers).status_code == 403


@kinds
def test_no_credential_with_a_ceiling_rotates_or_rolls_back(kind: str, sqlite_server: LiveServer) -> None:
    admin = sqlite_server.admin()
    key, low = held(kind, sqlite_server, admin), key_under(sqlite_server, admin, roles=["ADMIN"])
    assert key.ask("rotate", owner=low).status_code == 403
    made, _ = key.rotated()
    assert key.ask("rollback", owner=low).status_code == 403
    assert key.works() and made.works()


def test_an_imported_key_is_rotated_to_one_of_ours(sqlite_server: LiveServer) -> None:
    from stagedoor.kit.crypto import digest

    admin, legacy = sqlite_server.admin(), f"legacy-{new('key')}-0123456789abcdef"
    home = "/api/projects/default/secret-keys"
    taken = admin.call("POST", f"{home}/import", {"name": "from before", "sha256": digest(legacy)})
    made = admin.call("POST", f"{home}/{taken['id']}/rotate")
    assert made[SECRETS["secret_key"]].startswith("sk_conductor_")
    listed = {one["id"]: one for one in admin.call("GET", home)}
    assert listed[taken["id"]]["legacy"] and not listed[made["id"]]["legacy"]
