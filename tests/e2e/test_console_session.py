"""The life of a console session: a browser signs in, its dashboard keeps a token fresh by the cookie, works with it, and signs out."""

import httpx

from stagedoor.kit.keyformat import CONSOLE_SESSION
from tests.api.authorization.world import new
from tests.api.session.browser import COOKIE, REFRESH, Browser
from tests.support.server import ADMIN, LiveServer


def test_a_console_session_from_signing_in_to_signing_out(sqlite_server: LiveServer) -> None:
    browser, name = Browser.at(sqlite_server), new("secret")

    # signed in with a password: a cookie that no script reads, and a first token
    answer = browser.sign_in()
    assert answer.status_code == 200 and answer.json()["user"] == ADMIN and answer.json()["project"] == "default"
    assert CONSOLE_SESSION.holds(browser.cookie) and browser.cookie not in answer.text
    flags = answer.headers["set-cookie"]
    assert "HttpOnly" in flags and "SameSite=Strict" in flags and "Path=/" in flags

    # the dashboard works by the token, and has itself given another before that one ends
    first = sqlite_server.api(answer.json()["token"])
    first.put_secret(name, "a value of it")
    refreshed = browser.refresh()
    assert refreshed.headers["cache-control"] == "no-store" and refreshed.json()["expiresAt"] >= answer.json()["expiresAt"]
    second = sqlite_server.api(refreshed.json()["token"])
    assert second.raw("GET", f"/api/secrets/{name}").text == "a value of it"

    # the session is a credential like any other: listed, counted, without its secret
    used = second.call("GET", f"/api/usage/credentials/{second.call('GET', '/api/token/userInfo?claims=true')['claims']['client_id']}")
    assert (used["kind"], used["owner"], used["status"]) == ("console_session", ADMIN, "ACTIVE")

    # the cookie opens nothing by itself, and nothing to another site's page
    cookie = {"Cookie": f"{COOKIE}={browser.cookie}"}
    assert httpx.get(f"{sqlite_server.url}/api/secrets/{name}", headers={**cookie, "Sec-Fetch-Site": "same-origin"}).status_code == 401
    foreign = httpx.post(sqlite_server.url + REFRESH, headers={**cookie, "Sec-Fetch-Site": "cross-site", "Origin": "https://evil.example"})
    assert foreign.status_code == 403

    # signed out: the cookie, the session and both tokens are gone with the answer
    assert browser.sign_out().status_code == 204
    assert browser.http.cookies.get(COOKIE) is None
    assert [api.raw("GET", "/api/secrets").status_code for api in (first, second)] == [401, 401]
    assert httpx.post(sqlite_server.url + REFRESH, headers={**cookie, "Sec-Fetch-Site": "same-origin"}).status_code == 401
