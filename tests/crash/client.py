"""Calls of the API of a server that may be gone at any moment."""

import asyncio
import contextlib
from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Any

import aiohttp

from tests.support.server import LiveServer

PATIENCE = aiohttp.ClientTimeout(total=40)


class Unanswered(Exception):
    """The request was sent, or could not be, and nobody said what came of it."""


@dataclass(frozen=True)
class Client:
    """As the application with the role ADMIN, unless a call brings its own token."""

    session: aiohttp.ClientSession
    token: str = ""

    async def ask(self, method: str, path: str, body: Any = None, *, token: str | None = None, **headers: str) -> tuple[int, Any]:
        """The status and the decoded answer. 503 says that the change may or may not have been made."""
        given = {"X-Authorization": token or self.token} if token or self.token else {}
        content: dict[str, Any] = {"data": body.encode()} if isinstance(body, str) else {"json": body} if body is not None else {}
        try:
            async with self.session.request(method, path, headers=given | headers, **content) as answer:
                text = await answer.text()
                decoded = await answer.json() if text and answer.content_type == "application/json" else text
        except TimeoutError:
            raise AssertionError(f"{method} {path}: no answer within {PATIENCE.total} s") from None
        except (aiohttp.ClientError, OSError):
            raise Unanswered from None
        if answer.status == 503:
            raise Unanswered
        assert answer.status < 500, f"{method} {path}: {answer.status} {text}"
        return answer.status, decoded

    async def call(self, method: str, path: str, body: Any = None, **options: Any) -> Any:
        """The answer of a call that must succeed."""
        status, answer = await self.ask(method, path, body, **options)
        assert status < 300, f"{method} {path}: {status} {answer}"
        return answer

    async def exchange(self, key_id: str, secret: str) -> str | None:
        """A token for an access key; None where it is refused."""
        status, answer = await Client(self.session).ask("POST", "/api/token", {"keyId": key_id, "keySecret": secret})
        assert status in (200, 401, 429), f"token: {status} {answer}"
        return answer["token"] if status == 200 else None


@contextlib.asynccontextmanager
async def connected(server: LiveServer) -> AsyncIterator[Client]:
    """A client with the administrator's token, which shows that the first key still works."""
    connector = aiohttp.TCPConnector(limit=0)
    async with aiohttp.ClientSession(server.url, timeout=PATIENCE, connector=connector) as session:
        token = await Client(session).exchange(server.first["keyId"], server.first["keySecret"])
        assert token is not None, "the first administrator's key is refused"
        yield Client(session, token)
        await asyncio.sleep(0)  # let connections that were cut close
