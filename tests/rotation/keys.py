"""A key of each kind that is rotated by overlap, in the hands of somebody who uses it."""

import time
from dataclasses import dataclass
from typing import Any

import httpx

from tests.api.authorization.world import new
from tests.support.server import Api, LiveServer

KINDS = ("access_key", "api_key", "secret_key")
SECRETS = {"access_key": "secret", "api_key": "key", "secret_key": "secretKey"}
WAIT = 15


@dataclass(frozen=True)
class Held:
    """`home`: the address of the list that it stands in."""

    kind: str
    server: LiveServer
    owner: Api
    home: str
    id: str
    secret: str

    def use(self) -> httpx.Response:
        """Something that whoever holds it may do."""
        if self.kind == "access_key":
            given = httpx.post(f"{self.server.url}/api/token", json={"keyId": self.id, "keySecret": self.secret}, timeout=30)
            return by_token(self.server, given.json()["token"]) if given.status_code == 200 else given
        path = "/v1/end-users" if self.kind == "secret_key" else "/api/token/userInfo"
        return httpx.get(f"{self.server.url}{path}", headers={"Authorization": f"Bearer {self.secret}"}, timeout=30)

    def works(self) -> bool:
        status = self.use().status_code
        assert status in (200, 401), status
        return status == 200

    def ask(self, verb: str, body: Any = None, owner: Api | None = None) -> httpx.Response:
        return (owner or self.owner).raw("POST", f"{self.home}/{self.id}/{verb}", body)

    def rotated(self, **how: Any) -> "tuple[Held, dict[str, Any]]":
        """(the new one, the answer)."""
        answer = self.ask("rotate", how or None)
        assert answer.status_code == 200, answer.text
        made = answer.json()
        return Held(self.kind, self.server, self.owner, self.home, made["id"], made[SECRETS[self.kind]]), made

    def listed(self, owner: Api | None = None) -> dict[str, Any] | None:
        return next((one for one in (owner or self.owner).call("GET", self.home) if one["id"] == self.id), None)

    def seen_since(self, at: int, owner: Api | None = None) -> dict[str, Any]:
        """As listed, once a use after that time (epoch ms) is written there."""
        deadline = time.monotonic() + WAIT
        while time.monotonic() < deadline:
            found = self.listed(owner)
            if found is not None and (found.get("lastUsedAt") or 0) >= at:
                return found
            time.sleep(0.05)
        raise AssertionError(f"no use of it was written: {found}")


def held(kind: str, server: LiveServer, owner: Api, **more: Any) -> Held:
    """A new one."""
    if kind == "access_key":
        application = owner.call("POST", "/api/applications", {"name": new("rotating")})["id"]
        home, body = f"/api/applications/{application}/accessKeys", None
    else:
        home = "/api/keys" if kind == "api_key" else "/api/projects/default/secret-keys"
        body = {"name": new("rotating"), **more}
    made = owner.call("POST", home, body)
    return Held(kind, server, owner, home, made["id"], made[SECRETS[kind]])


def by_token(server: LiveServer, token: str) -> httpx.Response:
    return httpx.get(f"{server.url}/api/token/userInfo", headers={"X-Authorization": token}, timeout=30)
