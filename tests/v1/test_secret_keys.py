"""A project's keys: made, listed masked, paused, deleted, imported; and what is refused where a secret key belongs."""

import hashlib
import json
import re
import sqlite3
from contextlib import closing

import httpx
import pytest

from stagedoor.kit.keyformat import PUBLISHABLE_KEY
from tests.v1.shop import KEYS, Shop

ME = "/end-users"


def test_a_project_tells_its_publishable_key(shop: Shop) -> None:
    found = shop.admin.call("GET", "/api/projects/default")
    assert set(found) == {"id", "name", "publishableKey", "createdAt"}
    assert re.fullmatch(r"pk_conductor_[0-9A-Za-z]{30}", found["publishableKey"])
    assert PUBLISHABLE_KEY.holds(found["publishableKey"])
    assert shop.admin.call("GET", "/api/projects/default") == found


@pytest.mark.promise(3)
def test_a_secret_key_is_shown_once(shop: Shop) -> None:
    made = shop.new_key("staging")
    assert set(made) == {"id", "name", "secretKey", "mask", "createdAt"}
    assert made["secretKey"].startswith("sk_conductor_eyJ")
    assert made["mask"] == f"sk_conductor_...{made['secretKey'][-4:]}"
    listed = next(one for one in shop.admin.call("GET", KEYS) if one["id"] == made["id"])
    assert (listed["name"], listed["mask"], listed["status"], listed["legacy"]) == ("staging", made["mask"], "ACTIVE", False)
    assert (listed["lastUsedAt"], listed["lastUsedFrom"]) == (None, None)
    assert made["secretKey"] not in json.dumps(shop.admin.call("GET", KEYS)) + shop.server.log.read_text()
    with closing(sqlite3.connect(shop.server.data / "stagedoor.db")) as store:
        kept = "\n".join(store.iterdump())
    assert made["id"] in kept
    assert made["secretKey"] not in kept and made["secretKey"].split(".")[2] not in kept


@pytest.mark.promise(2)
def test_a_paused_key_stops_at_once_and_works_again_when_resumed(shop: Shop) -> None:
    made = shop.new_key()
    assert shop.ask("GET", ME, key=made["secretKey"]).status_code == 200
    assert shop.admin.call("POST", f"{KEYS}/{made['id']}/status")["status"] == "INACTIVE"
    assert shop.refused("GET", ME, key=made["secretKey"])[:2] == (401, "API_KEY_INVALID")
    assert shop.admin.call("POST", f"{KEYS}/{made['id']}/status")["status"] == "ACTIVE"
    assert shop.ask("GET", ME, key=made["secretKey"]).status_code == 200


@pytest.mark.promise(2)
def test_a_deleted_key_stops_at_once(shop: Shop) -> None:
    made = shop.new_key()
    shop.admin.call("DELETE", f"{KEYS}/{made['id']}")
    status, code, message = shop.refused("GET", ME, key=made["secretKey"])
    assert (status, code, message) == (401, "API_KEY_INVALID", f"Invalid API key provided: '{made['mask']}'.")
    assert shop.admin.raw("DELETE", f"{KEYS}/{made['id']}").status_code == 404
    assert shop.admin.raw("POST", f"{KEYS}/{made['id']}/status").status_code == 404


def test_a_key_from_before_works_by_its_hash(shop: Shop) -> None:
    legacy = "sk_test_" + hashlib.sha256(shop.key["id"].encode()).hexdigest()[:24]
    assert shop.refused("GET", ME, key=legacy)[:2] == (401, "API_KEY_INVALID")
    body = {"name": "from before", "sha256": hashlib.sha256(legacy.encode()).hexdigest().upper()}
    made = shop.admin.call("POST", f"{KEYS}/import", body)
    assert (made["legacy"], legacy in json.dumps(made)) == (True, False)
    assert shop.ask("GET", ME, key=legacy).status_code == 200
    assert shop.refused("GET", ME, key=legacy + "x")[0] == 401
    assert shop.admin.raw("POST", f"{KEYS}/import", body).status_code == 409
    shop.admin.call("DELETE", f"{KEYS}/{made['id']}")
    assert shop.refused("GET", ME, key=legacy)[0] == 401


def test_the_hash_of_another_kind_of_key_is_not_taken_in(shop: Shop) -> None:
    """Its owner would speak for this project, unasked."""
    for known in (shop.key["secretKey"], shop.publishable):
        body = {"name": "mine now", "sha256": hashlib.sha256(known.encode()).hexdigest()}
        assert shop.admin.raw("POST", f"{KEYS}/import", body).status_code == 409


@pytest.mark.promise(12)
@pytest.mark.parametrize(
    ("path", "body", "named"),
    [
        ("", {"name": ""}, "name"),
        ("", {}, "name"),
        ("", {"name": "a", "extra": 1}, "extra"),
        ("/import", {"name": "a", "sha256": "abc"}, "sha256"),
        ("/import", {"name": "a", "sha256": "g" * 64}, "sha256"),
    ],
)
def test_what_is_wrong_is_named(shop: Shop, path: str, body: object, named: str) -> None:
    answer = shop.admin.raw("POST", KEYS + path, body)
    assert answer.status_code == 400
    assert named in answer.json()["message"]


@pytest.mark.promise(4)
def test_other_kinds_of_credentials_are_told_apart_and_refused(shop: Shop) -> None:
    session = shop.call("POST", "/auth-sessions", {"publishableKey": shop.publishable, "endUserId": shop.customer()["id"]})
    first = shop.server.first
    for token, said in (
        (shop.publishable, "publishable key"),
        ("orch_" + "0" * 40, "API key (orch_)"),
        (first["keySecret"], "access key"),
        (session["clientSecret"], "client secret"),
        (shop.server.token(first["keyId"], first["keySecret"]), "Invalid API key provided."),
        ("nothing", "Invalid API key provided."),
        ("sk_conductor_", "Invalid API key provided."),
        ("sk_conductor_" + "x" * 9000, "Invalid API key provided"),
        ("sk_conductor_é.ü.ö", "Invalid API key provided."),
    ):
        answer = shop.http.get(f"/v1{ME}", headers={b"Authorization": b"Bearer " + token.encode()})
        assert (answer.status_code, answer.json()["error"]["code"]) == (401, "API_KEY_INVALID"), token
        assert said in answer.json()["error"]["message"]
        assert token not in answer.text or len(token) < 14


@pytest.mark.promise(4)
def test_no_key_and_two_credentials(shop: Shop) -> None:
    assert shop.refused("GET", ME, key=None)[:2] == (401, "API_KEY_MISSING")
    assert shop.http.get(f"/v1{ME}", headers={"X-Authorization": shop.key["secretKey"]}).json()["error"]["code"] == "API_KEY_MISSING"
    for scheme in ("Basic abc", "Bearer", shop.key["secretKey"]):
        answer = shop.http.get(f"/v1{ME}", headers={"Authorization": scheme})
        assert (answer.status_code, answer.json()["error"]["code"]) == (401, "API_KEY_INVALID"), scheme
    both = {"Authorization": f"Bearer {shop.key['secretKey']}", "X-Authorization": "another"}
    assert shop.http.get(f"/v1{ME}", headers=both).status_code == 400
    twice = [("Authorization", f"Bearer {shop.key['secretKey']}"), ("Authorization", "Bearer another")]
    assert shop.http.get(f"/v1{ME}", headers=twice).status_code == 400
    assert shop.http.get(f"/v1{ME}?key={shop.key['secretKey']}").status_code == 401


@pytest.mark.promise(4)
def test_a_secret_key_proves_nobody_elsewhere(shop: Shop) -> None:
    token = shop.key["secretKey"]
    for path in ("/api/secrets", "/api/projects/default", KEYS, "/api/token/userInfo"):
        assert httpx.get(shop.server.url + path, headers={"Authorization": f"Bearer {token}"}).status_code == 401, path
        assert httpx.get(shop.server.url + path, headers={"X-Authorization": token}).status_code == 401, path
    exchange = httpx.post(f"{shop.server.url}/api/token", json={"keyId": shop.key["id"], "keySecret": token})
    assert exchange.status_code == 401


@pytest.mark.promise(5)
def test_failures_are_limited_and_a_correct_key_is_never_refused_for_them(shop: Shop) -> None:
    wrong = "sk_conductor_" + "w" * 40
    answers = [shop.http.get(f"/v1{ME}", headers={"Authorization": f"Bearer {wrong}"}) for _ in range(70)]
    assert {answer.status_code for answer in answers[:55]} == {401}
    limited = [answer for answer in answers if answer.status_code == 429]
    assert limited and limited[-1].json()["error"]["code"] == "RATE_LIMITED" and int(limited[-1].headers["retry-after"]) > 0
    assert shop.ask("GET", ME).status_code == 200


@pytest.mark.promise(11)
def test_each_change_of_a_key_and_of_an_end_user_is_one_row_of_the_audit(shop: Shop) -> None:
    made = shop.new_key()
    shop.admin.call("POST", f"{KEYS}/{made['id']}/status")
    shop.admin.call("DELETE", f"{KEYS}/{made['id']}")
    end_user = shop.customer()["id"]
    shop.call("POST", "/auth-sessions", {"publishableKey": shop.publishable, "endUserId": end_user})
    shop.call("DELETE", f"/end-users/{end_user}")
    with closing(sqlite3.connect(shop.server.data / "stagedoor.db")) as store:
        of_key = store.execute("SELECT action FROM audit WHERE detail = ? ORDER BY at", (made["id"],)).fetchall()
        asked = "SELECT action, actor, credential FROM audit WHERE target = ? ORDER BY at"
        of_user = store.execute(asked, (f"END_USER {end_user}",)).fetchall()
    assert sorted(of_key) == [("secret_key.create",), ("secret_key.delete",), ("secret_key.pause",)]
    by = ("project:default", shop.key["id"])
    assert sorted(of_user) == [("auth_session.create", *by), ("end_user.create", *by), ("end_user.delete", *by)]
