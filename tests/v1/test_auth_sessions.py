"""`POST /v1/auth-sessions`: the link by which an end user connects."""

import sqlite3
from contextlib import closing
from datetime import datetime

import pytest

from stagedoor.kit.crypto import digest
from tests.v1.shop import Shop


def minutes(session: dict[str, str]) -> float:
    created, expires = (datetime.fromisoformat(session[name]) for name in ("createdAt", "expiresAt"))
    return (expires - created).total_seconds() / 60


def test_a_link_names_the_end_user_and_the_publishable_key(shop: Shop) -> None:
    made = shop.customer()
    session = shop.call("POST", "/auth-sessions", {"publishableKey": shop.publishable, "endUserId": made["id"]})
    assert session["id"].startswith("auth_sess_") and session["clientSecret"].startswith("auth_sess_client_secret_")
    assert session["authFlowUrl"] == f"{shop.server.url}/connect/{session['clientSecret']}?key={shop.publishable}"
    assert (session["endUserId"], session["redirectUrl"], minutes(session)) == (made["id"], None, 30)


@pytest.mark.promise(3)
def test_the_client_secret_is_kept_as_its_hash_alone(shop: Shop) -> None:
    session = shop.call("POST", "/auth-sessions", {"publishableKey": shop.publishable, "endUserId": shop.customer()["id"]})
    with closing(sqlite3.connect(shop.server.data / "stagedoor.db")) as store:
        found = store.execute("SELECT * FROM auth_session WHERE id = ?", (session["id"],)).fetchone()
        assert digest(session["clientSecret"]) in found
        assert not any(session["clientSecret"] in line for line in store.iterdump())
    assert session["clientSecret"] not in shop.server.log.read_text()


@pytest.mark.parametrize("given", [15, 15.0, 10080, 22.5])
def test_how_long_it_lives_is_chosen(shop: Shop, given: float) -> None:
    body = {"publishableKey": shop.publishable, "endUserId": shop.customer()["id"], "linkExpiryMins": given}
    assert minutes(shop.call("POST", "/auth-sessions", body)) == given


@pytest.mark.parametrize("url", ["https://app.acme.test/done?x=1#top", "http://localhost:3000/back"])
def test_the_end_user_can_be_sent_back(shop: Shop, url: str) -> None:
    body = {"publishableKey": shop.publishable, "endUserId": shop.customer()["id"], "redirectUrl": url}
    assert shop.call("POST", "/auth-sessions", body)["redirectUrl"] == url


@pytest.mark.promise(12)
@pytest.mark.parametrize(
    ("changed", "named"),
    [
        ({"linkExpiryMins": 14}, "linkExpiryMins"),
        ({"linkExpiryMins": 10081}, "linkExpiryMins"),
        ({"linkExpiryMins": -1}, "linkExpiryMins"),
        ({"linkExpiryMins": "30"}, "linkExpiryMins"),
        ({"linkExpiryMins": True}, "linkExpiryMins"),
        ({"linkExpiryMins": 1e300}, "linkExpiryMins"),
        ({"redirectUrl": "javascript:alert(1)"}, "redirectUrl"),
        ({"redirectUrl": "//evil.test/"}, "redirectUrl"),
        ({"redirectUrl": "/back"}, "redirectUrl"),
        ({"redirectUrl": "https://a.test\r\nx: y/"}, "redirectUrl"),
        ({"redirectUrl": "https://good.test@evil.test/"}, "redirectUrl"),
        ({"redirectUrl": "https://[::1/"}, "redirectUrl"),
        ({"redirectUrl": "https:\\\\evil.test/"}, "redirectUrl"),
        ({"publishableKey": "pk_conductor_000000000000000000000000000000"}, "publishableKey"),
        ({"endUserId": 1}, "endUserId"),
        ({"theme": "dark"}, 'Unrecognized keys: "theme"'),
    ],
)
def test_what_is_wrong_is_named(shop: Shop, changed: dict[str, object], named: str) -> None:
    body = {"publishableKey": shop.publishable, "endUserId": shop.customer()["id"]} | changed
    status, code, message = shop.refused("POST", "/auth-sessions", body)
    assert (status, code) == (400, "REQUEST_INVALID")
    assert named in message


def test_an_end_user_that_is_not_there_is_missing(shop: Shop) -> None:
    gone = shop.customer()["id"]
    shop.call("DELETE", f"/end-users/{gone}")
    for end_user in (gone, "end_usr_1", ""):
        body = {"publishableKey": shop.publishable, "endUserId": end_user}
        assert shop.refused("POST", "/auth-sessions", body)[:2] == (404, "RESOURCE_MISSING")


def test_a_secret_key_in_the_place_of_the_publishable_one_is_refused_unrepeated(shop: Shop) -> None:
    body = {"publishableKey": shop.key["secretKey"], "endUserId": shop.customer()["id"]}
    answer = shop.ask("POST", "/auth-sessions", body)
    assert answer.status_code == 400
    assert shop.key["secretKey"] not in answer.text
