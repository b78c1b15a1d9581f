"""Viewing by four eyes: one person asks with a reason, another one agrees, and the asker alone may view for so long."""

import sqlite3
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from typing import Any

import pytest

from stagedoor.kit.clock import SystemClock
from tests.gate.doors.stage import Stage
from tests.gate.uses.persons import Person, Persons

MINUTE = 60_000
WHY = {"reason": "the partner's support asks for the key", "minutes": 10}


def guard(stage: Stage, by: Person | None = None, **more: Any) -> dict[str, Any]:
    """From now on the secret is viewed by a release alone."""
    api = by.api if by else stage.admin
    found: dict[str, Any] = api.call("PUT", f"/api/secrets/{stage.secret}/viewing", {"release": "four-eyes", **more})
    return found


def ask(stage: Stage, who: Person, **more: Any) -> str:
    release: str = who.api.call("POST", f"/api/secrets/{stage.secret}/releases", {**WHY, **more})["id"]
    return release


def approve(stage: Stage, who: Person, release: str, status: int = 200) -> Any:
    return who.api.call("POST", f"/api/secrets/{stage.secret}/releases/{release}/approve", status=status)


def end(stage: Stage, who: Person, release: str, status: int = 200) -> Any:
    return who.api.call("DELETE", f"/api/secrets/{stage.secret}/releases/{release}", status=status)


def views(stage: Stage, who: Person) -> bool:
    """Whether the value is shown; a refusal says what to do."""
    answer = who.api.raw("GET", f"/api/secrets/{stage.secret}")
    if answer.status_code == 200:
        assert answer.text == stage.value
        return True
    assert answer.status_code == 403 and "missing: a release by a second person" in answer.json()["message"], answer.text
    assert f"POST /api/secrets/{stage.secret}/releases" in answer.json()["message"]
    return False


def audited(stage: Stage) -> list[tuple[str, str, str, str]]:
    """(actor, action, outcome, detail) of what happened to the secret, oldest first."""
    with closing(sqlite3.connect(stage.server.data / "stagedoor.db")) as database:
        query = "SELECT actor, action, outcome, detail FROM audit WHERE target = ? OR detail LIKE ? ORDER BY rowid"
        return list(database.execute(query, (f"SECRET_NAME {stage.secret}", f"%{stage.secret}%")))


def test_a_second_person_releases_a_value_for_viewing(stage: Stage, persons: Persons) -> None:
    """End to end: ask, refused until another person agrees, view, over; all of it in the audit with the reason."""
    asker, approver, other = persons.make("READ"), persons.make("READ", "UPDATE"), persons.make("READ", "UPDATE")
    assert views(stage, asker)
    assert guard(stage)["release"] == "four-eyes"
    assert not views(stage, asker)
    release = ask(stage, asker)
    assert not views(stage, asker)
    told = approve(stage, approver, release)
    assert (told["status"], told["asker"], told["decidedBy"], told["reason"]) == ("approved", asker.user, approver.user, WHY["reason"])
    assert views(stage, asker)
    assert not views(stage, approver) and not views(stage, other)
    rows = audited(stage)
    reason = f"release {release}, view, 10 minutes: {WHY['reason']}"
    assert (asker.user, "secret.release.ask", "done", reason) in rows
    assert (approver.user, "secret.release.approve", "done", f"release {release}, view, asked by {asker.user}: {WHY['reason']}") in rows
    assert (asker.user, "secret.view", "done", f"version 1, release {release}: {WHY['reason']}") in rows
    assert [row for row in rows if row[0] == other.user and row[2] == "refused" and "a release by a second person" in row[3]]
    (shown,) = asker.api.call("GET", f"/api/secrets/{stage.secret}/releases")
    assert shown == told


def test_a_release_ends_with_its_time(stage: Stage, persons: Persons, monkeypatch: pytest.MonkeyPatch) -> None:
    asker, approver = persons.make("READ"), persons.make("READ", "UPDATE")
    guard(stage)
    approve(stage, approver, ask(stage, asker))
    real = SystemClock.now
    monkeypatch.setattr(SystemClock, "now", lambda self: real(self) + 10 * MINUTE - 5_000)
    assert views(stage, asker)
    monkeypatch.setattr(SystemClock, "now", lambda self: real(self) + 10 * MINUTE + 1_000)
    assert not views(stage, asker)
    assert asker.api.call("GET", f"/api/secrets/{stage.secret}/releases")[0]["status"] == "over"


def test_a_request_that_nobody_decides_is_over_after_a_day(stage: Stage, persons: Persons, monkeypatch: pytest.MonkeyPatch) -> None:
    asker, approver = persons.make("READ"), persons.make("READ", "UPDATE")
    guard(stage)
    release = ask(stage, asker)
    with closing(sqlite3.connect(stage.server.data / "stagedoor.db")) as database:
        database.execute("UPDATE secret_release SET ends_at = ends_at - 86400001 WHERE release_id = ?", (release,))
        database.commit()
    assert "it is over" in approve(stage, approver, release, 409)["message"]


@pytest.mark.parametrize("by", ["asker", "approver", "other"])
def test_a_release_is_ended_at_once(by: str, stage: Stage, persons: Persons) -> None:
    """Withdrawn by the asker, revoked by whoever may UPDATE the secret; who may only READ it does neither."""
    people = {"asker": persons.make("READ"), "approver": persons.make("READ", "UPDATE"), "other": persons.make("READ", "UPDATE")}
    asker, reader = people["asker"], persons.make("READ")
    guard(stage)
    release = ask(stage, asker)
    approve(stage, people["approver"], release)
    assert views(stage, asker)
    assert "missing: UPDATE" in end(stage, reader, release, 403)["message"]
    assert end(stage, people[by], release)["status"] == ("withdrawn" if by == "asker" else "revoked")
    assert not views(stage, asker)
    assert approve(stage, people["approver"], release, 409)


def test_a_denied_request_cannot_be_approved(stage: Stage, persons: Persons) -> None:
    asker, approver = persons.make("READ"), persons.make("READ", "UPDATE")
    guard(stage)
    release = ask(stage, asker)
    assert "nobody has decided yet" in asker.api.call("POST", f"/api/secrets/{stage.secret}/releases", WHY, status=409)["message"]
    assert end(stage, approver, release)["status"] == "denied"
    assert approve(stage, approver, release, 409) and not views(stage, asker)
    ask(stage, asker)


def test_the_time_box_is_bounded(stage: Stage, persons: Persons) -> None:
    asker = persons.make("READ")
    assert guard(stage, maxMinutes=5) == {"release": "four-eyes", "maxMinutes": 5, "workers": []}
    path = f"/api/secrets/{stage.secret}/releases"
    for body in (
        {**WHY, "minutes": 6},
        {**WHY, "minutes": 0},
        {"minutes": 5},
        {"reason": "", "minutes": 5},
        {"reason": "a\nb", "minutes": 5},
    ):
        assert asker.api.raw("POST", path, body).status_code == 400, body
    assert asker.api.raw("POST", path, {**WHY, "minutes": 5}).status_code == 200


def test_where_no_release_is_demanded_none_is_asked_for(stage: Stage, persons: Persons) -> None:
    asker = persons.make("READ")
    assert "demands no release" in asker.api.call("POST", f"/api/secrets/{stage.secret}/releases", WHY, status=409)["message"]
    assert stage.admin.call("GET", f"/api/secrets/{stage.secret}/viewing") == {"release": None, "maxMinutes": 60, "workers": None}


def test_demanding_it_needs_read_and_update(stage: Stage, persons: Persons) -> None:
    for access in ("READ", "UPDATE"):
        answer = persons.make(access).api.raw("PUT", f"/api/secrets/{stage.secret}/viewing", {"release": "four-eyes"})
        assert answer.status_code == 403


def test_whoever_loses_read_views_no_more(stage: Stage, persons: Persons) -> None:
    asker, approver = persons.make("READ"), persons.make("READ", "UPDATE")
    guard(stage)
    release = ask(stage, asker)
    body = {"subject": {"type": "USER", "id": asker.user}, "target": {"type": "SECRET_NAME", "id": stage.secret}, "access": ["READ"]}
    stage.admin.call("DELETE", "/api/auth/authorization", body)
    assert "missing: READ" in approve(stage, approver, release, 403)["message"]
    persons.grant(stage.admin, asker.user, "READ")
    approve(stage, approver, release)
    assert views(stage, asker)
    stage.admin.call("DELETE", "/api/auth/authorization", body)
    assert asker.api.raw("GET", f"/api/secrets/{stage.secret}").status_code == 403


def test_demanding_less_waits_for_a_second_person(stage: Stage, persons: Persons) -> None:
    """Less time and fewer workers are in force at once."""
    owner, approver = persons.make("READ", "UPDATE"), persons.make("READ", "UPDATE")
    guard(stage, owner, maxMinutes=30, workers=["a", "b"])
    assert guard(stage, owner, maxMinutes=20, workers=["a"])["maxMinutes"] == 20
    path = f"/api/secrets/{stage.secret}/viewing"
    for body in (
        {"release": None},
        {"release": "four-eyes", "maxMinutes": 21},
        {"release": "four-eyes", "maxMinutes": 20, "workers": ["b"]},
    ):
        waits = owner.api.call("PUT", f"{path}?reason=moving+house", body, status=202)
        assert (waits["kind"], waits["status"], waits["reason"]) == ("viewing", "pending", "moving house")
        assert owner.api.call("GET", path) == {"release": "four-eyes", "maxMinutes": 20, "workers": ["a"]}
        end(stage, owner, waits["id"])
    waits = owner.api.call("PUT", path, {"release": None}, status=202)
    assert approve(stage, owner, waits["id"], 403)
    approve(stage, approver, waits["id"])
    assert owner.api.call("GET", path)["release"] is None and views(stage, owner)


def test_a_wider_policy_waits_for_a_second_person(stage: Stage, persons: Persons) -> None:
    owner, approver = persons.make("READ", "UPDATE"), persons.make("READ", "UPDATE")
    guard(stage)
    path = f"/api/secrets/{stage.secret}/policy"
    owner.api.call("PUT", path, {"workflows": ["w", "v"], "hosts": []})
    owner.api.call("PUT", path, {"workflows": ["w"]})
    for wider in ({}, {"workflows": ["v"]}, {"workflows": ["w"], "hosts": ["a.example"]}):
        waits = owner.api.call("PUT", path, wider, status=202)
        assert (waits["kind"], owner.api.call("GET", path)["workflows"]) == ("policy", ["w"])
        end(stage, owner, waits["id"])
    waits = owner.api.call("PUT", path, {"workflows": ["w"], "hosts": ["a.example"]}, status=202)
    assert waits["change"]["hosts"] == ["a.example"]
    approve(stage, approver, waits["id"])
    assert owner.api.call("GET", path)["hosts"] == ["a.example"]


def test_a_secret_made_anew_is_under_no_old_release(stage: Stage, persons: Persons) -> None:
    asker, approver = persons.make("READ"), persons.make("READ", "UPDATE")
    guard(stage)
    approve(stage, approver, ask(stage, asker))
    stage.admin.call("DELETE", f"/api/secrets/{stage.secret}")
    stage.admin.put_secret(stage.secret, stage.value)
    persons.grant(stage.admin, asker.user, "READ")
    guard(stage)
    assert not views(stage, asker)
    assert asker.api.call("GET", f"/api/secrets/{stage.secret}/releases") == []


def test_an_account_made_anew_is_under_no_old_release(stage: Stage, persons: Persons) -> None:
    asker, approver = persons.make("READ"), persons.make("READ", "UPDATE")
    guard(stage)
    approve(stage, approver, ask(stage, asker))
    waits = approver.api.call("PUT", f"/api/secrets/{stage.secret}/viewing", {"release": None}, status=202)
    for user in (asker.user, approver.user):
        stage.admin.call("DELETE", f"/api/users/{user}")
        stage.admin.call("PUT", f"/api/users/{user}", {"name": "Somebody else", "roles": ["USER"]})
        persons.grant(stage.admin, user, "READ", "UPDATE")
    assert not views(stage, persons.signed_in(asker.user))
    assert "is not the user any more" in approve(stage, persons.first_admin(), waits["id"], 409)["message"]


def test_an_application_asks_for_nothing(stage: Stage) -> None:
    """Who runs it could agree to what it asked for. It may demand a release, and demand more."""
    guard(stage, workers=["a"])
    path = f"/api/secrets/{stage.secret}"
    for method, rest, body in (
        ("POST", "/releases", WHY), ("PUT", "/viewing", {"release": None}), ("PUT", "/policy", {"hosts": ["a.example"]}),
    ):  # fmt: skip
        assert "missing: a person" in stage.admin.call(method, path + rest, body, status=403)["message"]
    assert guard(stage, maxMinutes=5, workers=[]) == {"release": "four-eyes", "maxMinutes": 5, "workers": []}
    assert stage.admin.call("GET", f"{path}/policy")["hosts"] is None


def test_an_operator_who_is_somebody_else_may_agree(stage: Stage, persons: Persons) -> None:
    asker, other = persons.make("READ"), persons.make()
    guard(stage)
    approve(stage, persons.operator(other.user), ask(stage, asker))
    assert views(stage, asker)


@pytest.mark.slow
def test_nobody_views_what_was_denied_while_it_was_approved(stage: Stage, persons: Persons) -> None:
    decide_at_once(stage, persons)


def decide_at_once(stage: Stage, persons: Persons) -> None:
    """Approved and denied in the same moment: the denial holds, whichever came first."""
    asker, one, two = persons.make("READ"), persons.make("READ", "UPDATE"), persons.make("READ", "UPDATE")
    guard(stage)
    path = f"/api/secrets/{stage.secret}/releases"
    for _ in range(5):
        release = ask(stage, asker)
        with ThreadPoolExecutor(2) as pool:
            approving = pool.submit(one.api.raw, "POST", f"{path}/{release}/approve")
            denying = pool.submit(two.api.raw, "DELETE", f"{path}/{release}")
        assert denying.result().status_code == 200 and approving.result().status_code in (200, 409)
        assert denying.result().json()["status"] in ("denied", "revoked")
        assert not views(stage, asker)
