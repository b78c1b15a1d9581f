"""A leaked key is paused, its owner told, and what it did since is reported: over a live server, with signed reports."""

import hashlib
import json
import sqlite3
import time
from base64 import b64encode
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.leaked.reporter import PLACE, Reporter, reporting
from tests.support.server import Api, LiveServer, live_server

pytestmark = pytest.mark.slow


@dataclass
class Town:
    server: LiveServer
    reporter: Reporter
    admin: Api

    def key(self, *roles: str) -> tuple[str, dict[str, str]]:
        return self.admin.application(f"app-{time.monotonic_ns()}", *roles)

    def exchange(self, key: dict[str, str]) -> int:
        return httpx.post(f"{self.server.url}/api/token", json={"keyId": key["id"], "keySecret": key["secret"]}).status_code

    def leaks(self, api: Api, query: str = "") -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = api.call("GET", f"/api/leaks{query}")
        return found

    def of(self, credential: str) -> dict[str, Any]:
        (found,) = [one for one in self.leaks(self.admin) if one["credentialId"] == credential]
        return found

    def rows(self, sql: str, *given: str) -> list[Any]:
        with sqlite3.connect(self.server.data / "stagedoor.db") as database:
            return database.execute(sql, given).fetchall()


@pytest.fixture(scope="module")
def town(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Town]:
    with reporting() as reporter, live_server(tmp_path_factory.mktemp("leaks"), **reporter.environment) as server:
        yield Town(server, reporter, server.admin())


def until(look: Callable[[], bool], seconds: float = 15) -> None:
    deadline = time.monotonic() + seconds
    while not look():
        assert time.monotonic() < deadline, "it has not come to pass"
        time.sleep(0.1)


def test_a_leaked_key_is_paused_its_owner_told_and_what_it_did_since_is_reported(town: Town) -> None:
    application, key = town.key("WORKER")
    owner = town.server.api(town.server.token(key["id"], key["secret"]))
    assert town.reporter.report(town.server.url, key["secret"]) == [
        {"token_hash": hashlib.sha256(key["secret"].encode()).hexdigest(), "token_type": "stagedoor_key", "label": "true_positive"}
    ]
    assert owner.raw("GET", "/api/secrets").status_code == 401  # the token that it had before
    assert town.exchange(key) == 401
    (listed,) = town.admin.call("GET", f"/api/applications/{application}/accessKeys")
    assert listed["status"] == "INACTIVE"
    leak = town.of(key["id"])
    assert (leak["kind"], leak["owner"], leak["url"], leak["source"]) == ("access_key", f"app:{application}", PLACE, "content")
    assert leak["mask"] == f"sds_{key['secret'][4:8]}...{key['secret'][-4:]}"
    assert leak["pausedAt"] == leak["firstReportedAt"] == leak["lastReportedAt"]
    assert leak["credential"]["status"] == "PAUSED"
    assert leak["reportedBy"] == f"127.0.0.1 {town.reporter.identifier}"
    until(lambda: town.of(key["id"])["since"]["failed"] == 2)
    since = town.of(key["id"])["since"]
    assert [one["address"] for one in since["addresses"]] == ["127.0.0.1"]
    audit = town.rows("SELECT detail FROM audit WHERE action = 'credential.leaked' AND target = ?", f"CREDENTIAL {key['id']}")
    assert len(audit) == 1 and PLACE in audit[0][0] and key["secret"] not in audit[0][0]


def test_what_a_key_was_used_for_before_the_report_is_counted_from_the_time_asked_about(town: Town) -> None:
    started, (application, key) = int(time.time() * 1000), town.key("WORKER")
    town.admin.grant(application, "TASK_DEF", "some_task", "EXECUTE")
    api = town.server.api(town.server.token(key["id"], key["secret"]))
    for _ in range(3):
        api.poll("some_task", timeout=0)
    town.reporter.report(town.server.url, key["secret"])

    def since() -> dict[str, Any]:
        (found,) = [one for one in town.leaks(town.admin, f"?since={started - 1000}") if one["credentialId"] == key["id"]]
        return dict(found["since"])

    until(lambda: since()["ok"] == 4)  # the token exchange too
    assert [(one["access"], one["id"], one["count"]) for one in since()["rights"]] == [("POLL", "some_task", 3)]


def test_a_repeated_report_is_one_notice_and_one_audit_row(town: Town) -> None:
    _, key = town.key()
    for _ in range(3):
        assert town.reporter.report(town.server.url, key["secret"])[0]["label"] == "true_positive"
    assert town.of(key["id"])["reports"] == 3
    assert len(town.rows("SELECT 1 FROM audit WHERE action = 'credential.leaked' AND target = ?", f"CREDENTIAL {key['id']}")) == 1


def test_a_key_found_again_after_somebody_resumed_it_is_paused_again(town: Town) -> None:
    application, key = town.key()
    town.reporter.report(town.server.url, key["secret"])
    town.admin.call("POST", f"/api/applications/{application}/accessKeys/{key['id']}/status")
    assert town.exchange(key) == 200
    town.reporter.report(town.server.url, key["secret"])
    assert town.exchange(key) == 401


def test_of_a_leaked_access_token_the_token_ends_and_the_key_behind_it_goes_on(town: Town) -> None:
    _, key = town.key()
    leaked, other = (town.server.token(key["id"], key["secret"]) for _ in range(2))
    assert town.reporter.report(town.server.url, leaked)[0]["label"] == "true_positive"
    assert town.server.api(leaked).raw("GET", "/api/secrets").status_code == 401
    assert town.server.api(other).raw("GET", "/api/secrets").status_code == 200
    assert town.of(key["id"])["kind"] == "access_token"
    assert town.of(key["id"])["credential"]["status"] == "ACTIVE"


def test_a_token_that_leaks_while_its_key_is_paused_does_not_come_back_with_the_key(town: Town) -> None:
    application, key = town.key()
    leaked, other = (town.server.token(key["id"], key["secret"]) for _ in range(2))
    town.admin.call("POST", f"/api/applications/{application}/accessKeys/{key['id']}/status")
    assert town.reporter.report(town.server.url, leaked)[0]["label"] == "true_positive"
    town.admin.call("POST", f"/api/applications/{application}/accessKeys/{key['id']}/status")
    assert town.server.api(leaked).raw("GET", "/api/secrets").status_code == 401
    assert town.server.api(other).raw("GET", "/api/secrets").status_code == 200


def test_api_keys_and_secret_keys_of_projects_are_paused_too(town: Town) -> None:
    made = town.admin.call("POST", "/api/keys", {"name": "ci"})
    secret = town.admin.call("POST", "/api/projects/default/secret-keys", {"name": "shop"})
    assert [one["label"] for one in town.reporter.report(town.server.url, made["key"], secret["secretKey"])] == ["true_positive"] * 2
    assert town.of(made["id"])["kind"] == "api_key" and town.of(secret["id"])["kind"] == "secret_key"
    for path, token in (("/api/secrets", made["key"]), ("/v1/end-users", secret["secretKey"])):
        assert httpx.get(f"{town.server.url}{path}", headers={"Authorization": f"Bearer {token}"}).status_code == 401


def test_a_leaked_invitation_and_a_leaked_link_of_an_end_user_open_nothing_any_more(town: Town) -> None:
    town.admin.call("PUT", "/api/users/invited@example.com", {"name": "Somebody", "roles": []})
    invitation = town.admin.call("POST", "/api/users/invited@example.com/sendInviteEmail")["inviteUrl"]
    secret = town.admin.call("POST", "/api/projects/default/secret-keys", {"name": "connects"})["secretKey"]
    with httpx.Client(base_url=town.server.url, headers={"Authorization": f"Bearer {secret}"}) as shop:
        body = {"companyName": "A", "sourceId": "a", "email": "a@example.com"}
        ada = shop.post("/v1/end-users", json=body).json()["id"]
        key = town.admin.call("GET", "/api/projects/default")["publishableKey"]
        link = shop.post("/v1/auth-sessions", json={"publishableKey": key, "endUserId": ada}).json()
    path = f"/connect/{link['clientSecret']}?key={key}"
    assert httpx.get(invitation).status_code == 200
    browser = httpx.Client(base_url=town.server.url)
    assert browser.get(path).status_code == 303 and browser.get("/connect/").status_code in (200, 303)
    found = town.reporter.report(town.server.url, invitation.rpartition("/")[2], link["clientSecret"])
    assert [one["label"] for one in found] == ["true_positive"] * 2
    assert [httpx.get(f"{town.server.url}{one}").status_code for one in (invitation.removeprefix(town.server.url), path)] == [404, 404]
    assert browser.get("/connect/").status_code == 404, "whoever had opened it before is out too"
    browser.close()
    assert town.of(link["id"])["kind"] == "auth_session"


def test_what_was_never_a_secret_here_is_a_false_positive_and_changes_nothing(town: Town) -> None:
    publishable = town.admin.call("GET", "/api/projects/default")["publishableKey"]
    before = len(town.leaks(town.admin))
    found = town.reporter.report(town.server.url, "sds_" + "0" * 56, publishable, "", "ghp_something", "eyJhbGciOiJub25lIn0.e30.")
    assert {one["label"] for one in found} == {"false_positive"}
    assert len(town.leaks(town.admin)) == before


def test_a_secret_in_the_address_of_the_place_is_not_kept(town: Town) -> None:
    _, key = town.key()
    town.reporter.report(town.server.url, key["secret"], place=f"https://example.com/?key={key['secret']}\n")
    assert town.of(key["id"])["url"] == f"https://example.com/?key=sds_{key['secret'][4:8]}...{key['secret'][-4:]}?"


def test_an_address_that_is_made_to_be_looked_at_for_long_is_not_looked_at(town: Town) -> None:
    _, key = town.key()
    town.reporter.report(town.server.url, key["secret"], place=b64encode(b" eyJ" * 100_000).decode())
    assert town.of(key["id"])["url"] == "not kept: it is too long"
    assert town.exchange(key) == 401


def test_only_who_may_manage_a_credential_sees_that_it_leaked(town: Town) -> None:
    application, key = town.key()
    (mine, my_key), (_, stranger) = town.key(), town.key()
    town.reporter.report(town.server.url, key["secret"], my_key["secret"])
    again = town.admin.call("POST", f"/api/applications/{mine}/accessKeys")
    own = town.server.api(town.server.token(again["id"], again["secret"]))
    assert [one["credentialId"] for one in town.leaks(own)] == [my_key["id"]]
    other = town.server.api(town.server.token(stranger["id"], stranger["secret"]))
    assert town.leaks(other) == []
    town.admin.grant(mine, "APPLICATION", application, "UPDATE")
    assert {one["credentialId"] for one in town.leaks(own)} == {my_key["id"], key["id"]}


def unsigned(town: Town, body: bytes, headers: dict[str, str]) -> int:
    return httpx.post(f"{town.server.url}/leaks", content=body, headers=headers, timeout=30).status_code


def test_without_a_signature_over_exactly_these_bytes_nothing_happens(town: Town) -> None:
    _, key = town.key()
    body = json.dumps([{"token": key["secret"], "type": "t", "url": "", "source": "content"}]).encode()
    good = town.reporter.headers(body)
    assert unsigned(town, body, {}) == 403
    assert unsigned(town, body, {**good, "Github-Public-Key-Identifier": "another"}) == 403
    assert unsigned(town, body, {**good, "Github-Public-Key-Signature": "AAAA"}) == 403
    assert unsigned(town, body, Reporter(town.reporter.listener).headers(body)) == 403  # another key pair under the same name
    assert unsigned(town, body + b" ", good) == 403
    assert unsigned(town, b"not json", good) == 403
    assert unsigned(town, b"not json", town.reporter.headers(b"not json")) == 400
    assert unsigned(town, b"[" + b" " * (1 << 20) + b"]", good) == 413
    assert town.exchange(key) == 200
    assert key["id"] not in {one["credentialId"] for one in town.leaks(town.admin)}


def test_keys_of_reporters_are_fetched_once_however_many_report_with_a_key_that_is_not_there(town: Town) -> None:
    body = b"[]"
    assert unsigned(town, body, town.reporter.headers(body)) == 200
    asked = len(town.reporter.listener.heard)
    for number in range(10):
        assert unsigned(town, body, {**town.reporter.headers(body), "Github-Public-Key-Identifier": f"unknown {number}"}) == 403
    assert len(town.reporter.listener.heard) == asked <= 2


def test_where_the_keys_of_reporters_cannot_be_had_the_reporter_is_asked_to_come_again(tmp_path: Path) -> None:
    environment = {"STAGEDOOR_LEAKS_KEYS_URL": "https://127.0.0.1:1/keys", "STAGEDOOR_EGRESS_ALLOW": "127.0.0.1"}
    with live_server(tmp_path, **environment) as server, reporting() as reporter:
        body = b"[]"
        assert httpx.post(f"{server.url}/leaks", content=body, headers=reporter.headers(body), timeout=30).status_code == 503
