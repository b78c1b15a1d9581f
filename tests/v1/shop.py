"""A project with its keys, and plain calls to `/v1`, each answer held against the contract's document."""

import re
import uuid
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import httpx

from tests.support.server import Api, LiveServer
from tests.v1.contract import conforms

KEYS = "/api/projects/default/secret-keys"
_ID = re.compile(r"(?<=/end-users/)[^/]+")


@dataclass
class Shop:
    server: LiveServer
    admin: Api
    http: httpx.Client
    made: list[str] = field(default_factory=list)

    @cached_property
    def publishable(self) -> str:
        key: str = self.admin.call("GET", "/api/projects/default")["publishableKey"]
        return key

    @cached_property
    def key(self) -> dict[str, Any]:
        return self.new_key()

    def new_key(self, name: str = "tests") -> dict[str, Any]:
        made: dict[str, Any] = self.admin.call("POST", KEYS, {"name": name})
        return made

    def ask(self, method: str, path: str, body: Any = None, key: str | None = "", **headers: str) -> httpx.Response:
        """As who shows the shop's key, another, or (None) none."""
        shown = {} if key is None else {"Authorization": f"Bearer {key or self.key['secretKey']}"}
        content = {} if body is None else {"content": body} if isinstance(body, bytes) else {"json": body}
        answer = self.http.request(method, f"/v1{path}", headers=shown | headers, **content)
        conforms(answer, method, _ID.sub("{id}", path))
        return answer

    def call(self, method: str, path: str, body: Any = None) -> Any:
        answer = self.ask(method, path, body)
        assert answer.status_code == 200, answer.text
        return answer.json()

    def refused(self, method: str, path: str, body: Any = None, key: str | None = "") -> tuple[int, str, str]:
        """(status, code, message)."""
        answer = self.ask(method, path, body, key)
        error = answer.json()["error"]
        return answer.status_code, error["code"], error["message"]

    def customer(self, **fields: Any) -> dict[str, Any]:
        """A new end user."""
        made: dict[str, Any] = self.call("POST", "/end-users", customer(**fields))
        return made


def customer(**fields: Any) -> dict[str, Any]:
    return {"companyName": "Acme", "sourceId": uuid.uuid4().hex, "email": "a@acme.test"} | fields
