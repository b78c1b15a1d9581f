"""A browser sends its cookies whatever page asks it to: `/session` answers to this server's own pages alone (CSRF, in both directions).

The attacks are shown to succeed where the protection is taken away.
"""

from collections.abc import Callable
from pathlib import Path

import httpx
import pytest

from stagedoor.api.session import OwnPage
from stagedoor.kit.keyformat import CONSOLE_SESSION
from tests.api.authorization.forge import claims_in
from tests.api.session.browser import COOKIE, REFRESH, START, Browser
from tests.support.inside import ADMIN, Inside, inside

pytestmark = pytest.mark.promise(4)
EVIL = {"Origin": "https://evil.example"}
FOREIGN: tuple[dict[str, str], ...] = (
    {},
    EVIL,
    {"Origin": "null"},
    {"Sec-Fetch-Site": "cross-site"},
    {"Sec-Fetch-Site": "same-site"},
    {"Sec-Fetch-Site": "none"},
    {"Sec-Fetch-Site": ""},
    {"Sec-Fetch-Site": "cross-site", "Origin": "{own}"},
    {"Sec-Fetch-Site": "same-site", "Origin": "{own}"},
    {"Origin": "{own}.evil.example"},
    {"Origin": "{own}/"},
    {"Origin": "{own}, https://evil.example"},
    {"Origin": "http://127.0.0.1"},
    {"Referer": "{own}/"},
)


def asks(browser: Browser) -> dict[str, Callable[[dict[str, str]], httpx.Response]]:
    """What another site's page would have the browser do. Plain text is what a page may send without asking first."""
    url, cookie = browser.server.url, {"Cookie": f"{COOKIE}={browser.cookie}", "Content-Type": "text/plain"}
    body = b'{"email": "attacker@example.com", "password": "the password of the attacker"}'
    return {
        "sign in": lambda headers: httpx.post(url + START, headers=cookie | headers, content=body),
        "token": lambda headers: httpx.post(url + REFRESH, headers=cookie | headers),
        "sign out": lambda headers: httpx.delete(url + START, headers=cookie | headers),
    }


@pytest.mark.parametrize("said", FOREIGN, ids=str)
def test_no_other_sites_page_gets_anything_done(browser: Browser, said: dict[str, str]) -> None:
    headers = {name: value.format(own=browser.server.url) for name, value in said.items()}
    for what, ask in asks(browser).items():
        answer = ask(headers)
        assert (answer.status_code, "set-cookie" in answer.headers) == (403, False), what
        assert "only a page of this server" in answer.json()["message"], what
    assert browser.refresh().status_code == 200


def test_a_header_that_stands_twice_is_not_believed(browser: Browser) -> None:
    cookie = (b"Cookie", f"{COOKIE}={browser.cookie}".encode())
    twice = [(b"Sec-Fetch-Site", b"same-origin"), (b"Sec-Fetch-Site", b"cross-site")]
    for pair in (twice, twice[::-1], [(b"Origin", browser.server.url.encode()), (b"Origin", b"https://evil.example")]):
        assert httpx.post(browser.server.url + REFRESH, headers=[cookie, *pair]).status_code == 403


def test_without_fetch_metadata_the_origin_says_it(browser: Browser) -> None:
    """Browsers leave Sec-Fetch-Site out where a server has no TLS and is not on their own machine."""
    headers = {"Origin": browser.server.url, "Cookie": f"{COOKIE}={browser.cookie}"}
    assert httpx.post(browser.server.url + REFRESH, headers=headers).status_code == 200


async def _opened(here: Inside) -> str:
    """The cookie of a session that an honest page opened."""
    body = {"email": ADMIN, "password": here.first["password"]}
    answer = await here.http.post(START, json=body, headers={"Origin": "http://inside"})
    assert answer.status_code == 200, answer.text
    cookie = here.http.cookies[COOKIE]
    here.http.cookies.clear()
    return cookie


@pytest.mark.anyio
@pytest.mark.slow
async def test_without_the_protection_another_sites_page_signs_in_and_out(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    async def unasked(*_: object) -> None:
        return

    async with inside(tmp_path) as here:
        victim = {**EVIL, "Cookie": f"{COOKIE}={await _opened(here)}"}
        attackers = f'{{"email": "{ADMIN}", "password": "{here.first["password"]}"}}'.encode()

        async def attack() -> list[int]:
            """The cookie makes a token; the victim finds itself in the attacker's account; the victim is signed out."""
            done = [await here.http.post(REFRESH, headers=victim)]
            done.append(await here.http.post(START, headers={**EVIL, "Content-Type": "text/plain"}, content=attackers))
            return [one.status_code for one in (*done, await here.http.delete(START, headers=victim))]

        assert await attack() == [403, 403, 403]
        monkeypatch.setattr(OwnPage, "check", unasked)
        assert await attack() == [200, 200, 204]
        monkeypatch.undo()
        ended = await here.http.post(REFRESH, headers={**victim, "Origin": "http://inside"})
        assert ended.status_code == 401


@pytest.mark.parametrize(
    ("public", "own", "others"),
    [
        ("https://doors.example", "https://doors.example", ("http://doors.example", "https://doors.example:444", "https://127.0.0.1")),
        ("https://Doors.Example:443/", "https://doors.example", ("https://doors.example:443", "http://doors.example:443")),
        ("https://[2001:db8::1]:8443", "https://[2001:db8::1]:8443", ("https://[2001:db8::1]",)),
        ("http://doors.example:80/base", "http://doors.example", ("https://doors.example",)),
    ],
)  # fmt: skip
@pytest.mark.anyio
@pytest.mark.slow
async def test_the_public_address_is_the_own_one(public: str, own: str, others: tuple[str, ...], tmp_path: Path) -> None:
    """And its scheme decides on the cookie: over TLS nobody but this host can set one of that name, and it never travels without."""
    async with inside(tmp_path, public_url=public) as here:
        body = {"email": ADMIN, "password": here.first["password"]}
        signed_in = await here.http.post(START, json=body, headers={"Origin": own})
        line, secure = signed_in.headers["set-cookie"], public.startswith("https:")
        name = f"__Host-{COOKIE}" if secure else COOKIE
        cookie = line.partition(";")[0].partition("=")[2]
        assert CONSOLE_SESSION.holds(cookie)
        assert line == f"{name}={cookie}; Path=/; Max-Age=36000; HttpOnly; SameSite=Strict{'; Secure' if secure else ''}"
        assert claims_in(signed_in.json()["token"])["iss"] == public
        shown = {"Cookie": f"{name}={cookie}"}
        assert [(await here.http.post(REFRESH, headers={**shown, "Origin": one})).status_code for one in (own, *others)] == [
            200, *(403 for _ in others)
        ]  # fmt: skip
        other = {"Cookie": f"{COOKIE if secure else f'__Host-{COOKIE}'}={cookie}", "Origin": own}
        assert (await here.http.post(REFRESH, headers=other)).status_code == 401
