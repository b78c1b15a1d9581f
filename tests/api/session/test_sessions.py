"""`/session`: a browser signs in, refreshes its token, signs out; and what ends its session from elsewhere."""

import time

import httpx
import pytest

from stagedoor.core.principal import Principal
from stagedoor.kit.keyformat import CONSOLE_SESSION
from tests.api.authorization.forge import claims_in
from tests.api.authorization.tenancy import audit, change
from tests.api.authorization.world import new
from tests.api.session.browser import COOKIE, ME, OWN_PAGE, REFRESH, START, Browser, invited, signed_in
from tests.support.server import ADMIN, LiveServer

MINUTES = 60_000


def statuses(browser: Browser, *tokens: str) -> list[int]:
    """Of the session itself, and of tokens that it minted."""
    with_tokens = [browser.server.api(token).raw("GET", ME).status_code for token in tokens]
    return [browser.refresh().status_code, *with_tokens]


def test_it_works(sqlite_server: LiveServer) -> None:
    browser, before = Browser.at(sqlite_server), time.time() * 1000
    answer = browser.sign_in()
    body = answer.json()
    assert (answer.status_code, sorted(body)) == (200, ["expiresAt", "project", "token", "user"])
    assert (body["user"], body["project"]) == (ADMIN, "default")
    assert before + 9 * MINUTES < body["expiresAt"] <= time.time() * 1000 + 10 * MINUTES
    assert body["expiresAt"] == claims_in(body["token"])["exp"] * 1000
    assert sqlite_server.api(body["token"]).call("GET", ME)["id"] == ADMIN
    assert CONSOLE_SESSION.holds(browser.cookie)
    assert (ADMIN, f"USER {ADMIN}") in audit(sqlite_server, "default", "session.open")
    (line,) = answer.headers.get_list("set-cookie")
    (name, _), *flags = [part.strip().partition("=")[::2] for part in line.split(";")]
    assert name == COOKIE
    assert dict(flags) == {"Path": "/", "Max-Age": "36000", "HttpOnly": "", "SameSite": "Strict"}


def test_a_session_gives_itself_new_tokens(browser: Browser) -> None:
    answer = browser.refresh()
    body = answer.json()
    assert (answer.status_code, sorted(body), answer.headers["cache-control"]) == (200, ["expiresAt", "token"], "no-store")
    assert "set-cookie" not in answer.headers
    assert browser.server.api(body["token"]).call("GET", ME)["id"] == ADMIN
    assert statuses(browser, browser.refresh().json()["token"], body["token"]) == [200, 200, 200]


def test_nothing_that_is_answered_is_kept_by_a_cache(browser: Browser) -> None:
    other = Browser.at(browser.server)
    answers = [other.refresh(), other.sign_in(), other.refresh(), other.sign_out(), other.http.post(START, json={})]
    assert [(one.status_code, one.headers["cache-control"]) for one in answers] == [(s, "no-store") for s in (401, 200, 200, 204, 400)]


@pytest.mark.promise(2)
def test_signing_out_ends_the_session_and_its_tokens_at_once(sqlite_server: LiveServer) -> None:
    browser = Browser.at(sqlite_server)
    first = browser.sign_in().json()["token"]
    second, cookie = browser.refresh().json()["token"], browser.cookie
    assert statuses(browser, first, second) == [200, 200, 200]
    answer = browser.sign_out()
    assert (answer.status_code, answer.content) == (204, b"")
    assert answer.headers["set-cookie"] == f"{COOKIE}=; Path=/; Max-Age=0; HttpOnly; SameSite=Strict"
    assert browser.http.cookies.get(COOKIE) is None
    browser.http.cookies.set(COOKIE, cookie)  # somebody has kept it
    assert statuses(browser, first, second) == [401, 401, 401]
    assert (ADMIN, f"USER {ADMIN}") in audit(sqlite_server, "default", "session.close")


def test_who_signs_out_twice_or_was_never_in_is_out(sqlite_server: LiveServer) -> None:
    for cookie in ("", "unknown", CONSOLE_SESSION.new()):
        answer = httpx.delete(sqlite_server.url + START, headers={**OWN_PAGE, "Cookie": f"{COOKIE}={cookie}"})
        assert answer.status_code == 204 and "Max-Age=0" in answer.headers["set-cookie"]
    assert Browser.at(sqlite_server).sign_out().status_code == 204


@pytest.mark.promise(4)
def test_a_cookie_that_was_brought_along_is_never_adopted(browser: Browser) -> None:
    planted = CONSOLE_SESSION.new()
    victim = Browser.at(browser.server)
    victim.http.cookies.set(COOKIE, planted)
    answer = victim.sign_in()
    assert answer.status_code == 200 and planted not in answer.headers["set-cookie"]
    planter = Browser.at(browser.server)
    planter.http.cookies.set(COOKIE, planted)
    assert planter.refresh().status_code == 401


def test_signing_in_anew_ends_the_session_before(sqlite_server: LiveServer) -> None:
    browser = signed_in(sqlite_server)
    earlier, token = browser.cookie, browser.refresh().json()["token"]
    assert browser.sign_in().status_code == 200 and browser.cookie != earlier
    assert statuses(browser, token) == [200, 401]
    other = Browser.at(sqlite_server)
    other.http.cookies.set(COOKIE, earlier)
    assert other.refresh().status_code == 401


def test_a_wrong_sign_in_leaves_the_session_before_as_it_was(browser: Browser) -> None:
    answer = browser.sign_in(password="wrong" * 4)
    assert (answer.status_code, "set-cookie" in answer.headers) == (401, False)
    assert browser.refresh().status_code == 200


@pytest.mark.promise(5)
def test_all_failures_look_alike(sqlite_server: LiveServer) -> None:
    browser, nobody = Browser.at(sqlite_server), f"{new('nobody')}@example.com"
    answers = [browser.sign_in(ADMIN, "wrong" * 4), browser.sign_in(nobody, "wrong" * 4), browser.sign_in(project="no-such")]
    answers.append(browser.sign_in(f"app:{sqlite_server.first['applicationId']}", sqlite_server.first["keySecret"]))
    told = [(one.status_code, {**one.json(), "timestamp": 0}, sorted(one.headers)) for one in answers]
    assert told == [(401, {"message": "Invalid access key", "error": "INVALID_TOKEN", "timestamp": 0}, told[0][2])] * 4


@pytest.mark.promise(12)
@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({}, "email"),
        ({"email": "a"}, "password"),
        ({"email": "a", "password": 1}, "password"),
        ({"email": "a", "password": "b", "x": 1}, "x"),
        ({"email": "a", "password": "b", "operator": True}, "project"),
        ({"email": "a\0", "password": "b"}, ""),
    ],
)
def test_a_body_that_is_no_sign_in_is_told_where(sqlite_server: LiveServer, body: dict[str, object], field: str) -> None:
    answer = Browser.at(sqlite_server).http.post(START, json=body)
    assert answer.status_code == 400
    assert not field or answer.json()["validationErrors"][0]["path"] == field


def test_odd_texts_are_refused_as_any_wrong_password(sqlite_server: LiveServer) -> None:
    browser = Browser.at(sqlite_server)
    answer = browser.http.post(START, content=b'{"email": "\\ud800", "password": "\\udfff"}')
    assert answer.status_code in (400, 401)
    assert browser.http.post(START, content=b"[" * 20_000).status_code in (400, 413)


@pytest.mark.parametrize("cookie", ["", "=", "x", "a; b", "\xe9" * 10, f"{'sdsess_' + '0' * 56}"])
def test_a_cookie_that_is_none_of_ours_proves_nobody(sqlite_server: LiveServer, cookie: str) -> None:
    headers = [(b"Cookie", f"{COOKIE}={cookie}".encode("latin-1")), *((k.encode(), v.encode()) for k, v in OWN_PAGE.items())]
    answer = httpx.post(sqlite_server.url + REFRESH, headers=headers)
    assert (answer.status_code, answer.json()["message"]) == (401, "there is no such session: sign in")


@pytest.mark.promise(4)
def test_of_two_cookies_none_counts(browser: Browser) -> None:
    """Another site of the same domain may have put one before ours."""
    for text in (f"{COOKIE}={browser.cookie}; {COOKIE}={CONSOLE_SESSION.new()}", f"{COOKIE}={browser.cookie}; {COOKIE}={browser.cookie}"):
        assert httpx.post(browser.server.url + REFRESH, headers={**OWN_PAGE, "Cookie": text}).status_code == 401


@pytest.mark.promise(2)
def test_of_two_cookies_each_is_signed_out(sqlite_server: LiveServer) -> None:
    """One that another site of the domain put beside ours keeps nothing alive."""
    browser = Browser.at(sqlite_server)
    browser.sign_in()
    text = f"{COOKIE}={CONSOLE_SESSION.new()}; {COOKIE}={browser.cookie}"
    assert httpx.delete(browser.server.url + START, headers={**OWN_PAGE, "Cookie": text}).status_code == 204
    assert browser.refresh().status_code == 401


@pytest.mark.promise(4)
def test_a_token_or_key_is_no_proof_and_beside_the_cookie_it_is_refused(browser: Browser) -> None:
    token = browser.refresh().json()["token"]
    for header in ("X-Authorization", "Authorization"):
        for shown in ("", f"{COOKIE}={browser.cookie}"):
            headers = {**OWN_PAGE, header: f"Bearer {token}" if header == "Authorization" else token, "Cookie": shown}
            for method, path in (("POST", REFRESH), ("DELETE", START)):
                answer = httpx.request(method, browser.server.url + path, headers=headers)
                assert answer.status_code == 400 and header.lower() in answer.json()["message"]
    assert browser.refresh().status_code == 200


@pytest.mark.promise(4)
def test_the_cookie_opens_nothing_else(browser: Browser) -> None:
    headers = {**OWN_PAGE, "Cookie": f"{COOKIE}={browser.cookie}; __Host-{COOKIE}={browser.cookie}"}
    for path in ("/api/secrets", ME, "/api/keys", "/v1/end-users", "/connect/"):
        assert httpx.get(browser.server.url + path, headers=headers).status_code in (401, 404), path
    assert httpx.post(f"{browser.server.url}/oauth/introspect", data={"token": "any"}, headers=headers).status_code == 401
    assert browser.refresh().status_code == 200


@pytest.mark.slow
@pytest.mark.promise(2)
def test_a_new_password_ends_the_sessions_before_it(sqlite_server: LiveServer) -> None:
    email, password = invited(sqlite_server)
    browser = signed_in(sqlite_server, email, password)
    token = browser.refresh().json()["token"]
    invited(sqlite_server, email)
    assert statuses(browser, token) == [401, 401]


@pytest.mark.slow
@pytest.mark.promise(2)
def test_with_the_account_its_sessions_are_gone(sqlite_server: LiveServer) -> None:
    email, password = invited(sqlite_server)
    browser = signed_in(sqlite_server, email, password)
    token = browser.refresh().json()["token"]
    assert statuses(browser, token) == [200, 200]
    sqlite_server.admin().call("DELETE", f"/api/users/{email}")
    assert statuses(browser, token) == [401, 401]
    invited(sqlite_server, email)
    assert statuses(browser, token) == [401, 401]


@pytest.mark.slow
@pytest.mark.promise(2)
def test_an_operator_enters_by_it_and_is_out_with_the_office(sqlite_server: LiveServer) -> None:
    by, (email, password) = Principal("default", "a-test"), invited(sqlite_server)
    assert Browser.at(sqlite_server).sign_in(email, password, project="default", operator=True).status_code == 401
    change(sqlite_server, lambda core, tx: core.operators.add(tx, by, email))
    own, entered = signed_in(sqlite_server, email, password), signed_in(sqlite_server, email, password, project="default", operator=True)
    assert entered.api().call("GET", ME)["id"] == f"operator:{email}"
    made = new("made")
    assert own.api().raw("POST", "/api/projects", {"id": made, "name": made}).status_code == 200
    there = signed_in(sqlite_server, email, password, project=made, operator=True)
    assert there.api().raw("POST", "/api/projects", {"id": new("made"), "name": made}).status_code == 200
    assert (f"operator:{email}", f"PROJECT {made}") in audit(sqlite_server, made, "operator.enter")
    tokens = [one.refresh().json()["token"] for one in (entered, there)]
    change(sqlite_server, lambda core, tx: core.operators.remove(tx, by, email))
    deadline = time.monotonic() + 30  # another process changed the store: it is heard of soon
    while [*statuses(entered, tokens[0]), *statuses(there, tokens[1])] != [401] * 4:
        assert time.monotonic() < deadline
        time.sleep(0.05)
    kept = own.api()  # still a person with an account
    assert kept.raw("POST", "/api/projects", {"id": new("made"), "name": "x"}).status_code == 403
