"""API keys in tests: made, and sent as `Authorization: Bearer`."""

from typing import Any

import httpx

from tests.api.authorization.world import new
from tests.support.server import Api, LiveServer


def bearer(server: LiveServer, key: str, **headers: str) -> Api:
    server.clients.append(httpx.Client(base_url=server.url, timeout=30, headers={"Authorization": f"Bearer {key}", **headers}))
    return Api(server.clients[-1])


def made(owner: Api, name: str = "", **more: Any) -> dict[str, Any]:
    """`{"id", "name", "key", "mask", "createdAt"}`."""
    found: dict[str, Any] = owner.call("POST", "/api/keys", {"name": name or new("key"), **more})
    return found


def key_under(server: LiveServer, owner: Api, **ceiling: Any) -> Api:
    """A caller by a new key of the owner that has this ceiling."""
    return bearer(server, made(owner, ceiling=ceiling)["key"])


def listed(owner: Api, key_id: str) -> dict[str, Any]:
    return next(one for one in owner.call("GET", "/api/keys") if one["id"] == key_id)


def refused(answer: httpx.Response) -> str:
    """The message of a flat 401."""
    body = answer.json()
    assert (answer.status_code, body["error"], body["code"], len(body)) == (401, "UNAUTHORIZED", 401, 3), answer.text
    return str(body["message"])
