"""Calls of `/oauth` as clients make them: forms, HTTP Basic."""

from dataclasses import dataclass
from typing import Any

import httpx

from tests.support.server import Api, LiveServer

ACCESS_TOKEN = "urn:ietf:params:oauth:token-type:access_token"
ID_TOKEN = "urn:ietf:params:oauth:token-type:id_token"
EXCHANGE = "urn:ietf:params:oauth:grant-type:token-exchange"
JWT_BEARER = "urn:ietf:params:oauth:grant-type:jwt-bearer"
ME = "/api/token/userInfo"


@dataclass(frozen=True)
class Client:
    """An application's access key, and its calls."""

    server: LiveServer
    application: str
    key: dict[str, str]

    @property
    def basic(self) -> tuple[str, str]:
        return self.key["id"], self.key["secret"]

    def token(self) -> str:
        return self.server.token(*self.basic)

    def send(self, verb: str, fields: dict[str, str], **options: Any) -> httpx.Response:
        """`auth` None: without the key."""
        return httpx.post(f"{self.server.url}/oauth/{verb}", data=fields, timeout=30, **({"auth": self.basic} | options), verify=False)

    def introspect(self, token: str, **options: Any) -> dict[str, Any]:
        answer = self.send("introspect", {"token": token}, **options)
        assert answer.status_code == 200, answer.text
        found: dict[str, Any] = answer.json()
        return found

    def exchange(self, token: str, **fields: str) -> httpx.Response:
        body = {"grant_type": EXCHANGE, "subject_token": token, "subject_token_type": ACCESS_TOKEN, **fields}
        return self.send("token", body, auth=None)

    def exchanged(self, token: str, **fields: str) -> str:
        answer = self.exchange(token, **fields)
        assert answer.status_code == 200, answer.text
        found: str = answer.json()["access_token"]
        return found


def client(server: LiveServer, name: str, *roles: str) -> Client:
    return Client(server, *server.admin().application(name, *roles))


def status(server: LiveServer, token: str) -> int:
    """What the server says to a request with this token."""
    return httpx.get(server.url + ME, headers={"X-Authorization": token}, timeout=30, verify=False).status_code


def api(server: LiveServer, token: str) -> Api:
    return server.api(token)
