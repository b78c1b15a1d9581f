"""A browser as `/session` sees one: it keeps the cookie, and says of each request which page it comes from."""

import uuid
from dataclasses import dataclass
from typing import Any

import httpx

from tests.support.server import ADMIN, Api, LiveServer

COOKIE = "stagedoor_session"
OWN_PAGE = {"Sec-Fetch-Site": "same-origin"}
ME = "/api/token/userInfo"
START = "/session"
REFRESH = "/session/token"


@dataclass(frozen=True)
class Browser:
    server: LiveServer
    http: httpx.Client

    @classmethod
    def at(cls, server: LiveServer, **headers: str) -> "Browser":
        http = httpx.Client(base_url=server.url, timeout=30, headers=headers or OWN_PAGE)
        server.clients.append(http)
        return cls(server, http)

    def sign_in(self, email: str = ADMIN, password: str = "", **more: Any) -> httpx.Response:
        """As the first administrator, if nobody is named."""
        body = {"email": email, "password": password or self.server.first["password"], **more}
        return self.http.post(START, json=body)

    def refresh(self) -> httpx.Response:
        return self.http.post(REFRESH)

    def sign_out(self) -> httpx.Response:
        return self.http.delete(START)

    def api(self) -> Api:
        """Calls with a new token of the session."""
        answer = self.refresh()
        assert answer.status_code == 200, answer.text
        return self.server.api(answer.json()["token"])

    @property
    def cookie(self) -> str:
        found = self.http.cookies.get(COOKIE)
        assert found is not None
        return found


def signed_in(server: LiveServer, *who: str, **more: Any) -> Browser:
    browser = Browser.at(server)
    answer = browser.sign_in(*who, **more)
    assert answer.status_code == 200, answer.text
    return browser


def invited(server: LiveServer, email: str = "", *roles: str) -> tuple[str, str]:
    """(address, password) of a person of the project `default`, a new one if none is named, with a password that it chose just now."""
    email, password, admin = email or f"person-{uuid.uuid4().hex[:12]}@example.com", uuid.uuid4().hex, server.admin()
    admin.call("PUT", f"/api/users/{email}", {"name": email, "roles": list(roles)})
    link = admin.call("POST", f"/api/users/{email}/sendInviteEmail")["inviteUrl"]
    answer = httpx.post(link, data={"password": password, "again": password}, timeout=30)
    assert answer.status_code == 200, answer.text
    return email, password
