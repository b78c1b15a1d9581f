"""Calls to the server's API, each written into the journal."""

import json
from dataclasses import dataclass, replace
from typing import Any

import aiohttp

from stagedoor.demo.failure import Unexpected
from stagedoor.demo.journal import Journal

TOKEN_HEADER = "X-Authorization"  # noqa: S105


@dataclass(frozen=True)
class Answer:
    """An answer as it came. `body`: JSON decoded where it is JSON, else text, None where it is empty."""

    status: int
    raw: bytes
    body: Any

    @property
    def plain(self) -> dict[str, Any]:
        return {"status": self.status, "body": self.body}


@dataclass(frozen=True)
class Call:
    """A request. `body`: bytes as they are, None for none, anything else as JSON."""

    method: str
    path: str
    body: Any = None
    content_type: str = "application/json"


@dataclass(frozen=True)
class Caller:
    """One caller of the API: nobody, or whoever the token speaks for."""

    http: aiohttp.ClientSession
    journal: Journal
    token: str | None = None

    def with_token(self, token: str | None) -> "Caller":
        return replace(self, token=token)

    async def ask(self, does: str, call: Call, *, status: int = 200, says: str | None = None, tells_token: bool = False) -> Answer:
        """Make the call and write it down; Unexpected where the status is another, or the answer does not hold the text `says`.

        `tells_token`: the transcript shows the header too, because the step is about it.
        """
        answer = await self.quietly(call)
        self.expect(does, answer, status, says)
        self.write(does, call, answer, tells_token=tells_token)
        return answer

    async def quietly(self, call: Call) -> Answer:
        """Make the call without a word: for waiting until something is so."""
        headers = {TOKEN_HEADER: self.token} if self.token else {}
        data = call.body
        if data is not None:
            headers["Content-Type"] = call.content_type
            data = data if isinstance(data, bytes) else json.dumps(data).encode()
        async with self.http.request(call.method, call.path, data=data, headers=headers) as response:
            raw = await response.read()
            text = raw.decode("utf-8", "replace")
            is_json = response.content_type.endswith("json")
            return Answer(response.status, raw, (json.loads(text) if is_json else text) if raw else None)

    def expect(self, does: str, answer: Answer, status: int, says: str | None = None) -> None:
        if answer.status != status:
            raise Unexpected(f"{does}: expected {status}, got {answer.status} {answer.raw[:500].decode('utf-8', 'replace')}")
        if says is not None and says not in answer.raw.decode("utf-8", "replace"):
            raise Unexpected(f"{does}: expected the answer to say {says!r}, got {answer.raw[:500].decode('utf-8', 'replace')}")

    def write(self, does: str, call: Call, answer: Answer, *, tells_token: bool = False, **facts: Any) -> None:
        request: dict[str, Any] = {"method": call.method, "path": call.path}
        if tells_token and self.token:
            request["headers"] = {TOKEN_HEADER: self.token}
        if call.body is not None:
            request["body"] = call.body.decode() if isinstance(call.body, bytes) else call.body
        self.journal.step(does, request, answer.plain, **facts)
