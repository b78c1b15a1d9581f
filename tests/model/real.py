"""The real thing, as the model's other side: requests to the whole server in this process, in a project of their own."""

import asyncio
from dataclasses import dataclass, field
from typing import Any
from uuid import uuid4

from stagedoor.core.permission import Access, Resource
from stagedoor.core.principal import Principal
from stagedoor.store.store import Transaction
from tests.model.roles import ACCESSES
from tests.support.inside import Inside

HOUR = 3_600_000


@dataclass
class Real:
    """`tokens` by principal: the credential it comes by, also after that has been paused or deleted."""

    inside: Inside
    loop: asyncio.AbstractEventLoop
    project: str = field(default_factory=lambda: f"p{uuid4().hex[:12]}")
    tokens: dict[str, str] = field(default_factory=dict)

    def begin(self, first: str) -> None:
        """A new project with one administrator."""
        gate, who = self.inside.server.gate, Principal(self.project, "begin")

        def within(tx: Transaction) -> None:
            gate.projects.create(tx, self.project, self.project)
            gate.directory.create(tx, who, first, None, ["ADMIN"])

        self.loop.run_until_complete(gate.store.write(within))
        self.sign_in(first)

    def sign_in(self, user: str) -> None:
        """A session of a person, as a password opens it."""
        gate = self.inside.server.gate
        until = gate.exchange.clock.now() + HOUR
        opened = gate.store.write(lambda tx: gate.credentials.open_session(tx, self.project, user, until))
        self.tokens[user] = self.loop.run_until_complete(
            gate.exchange.mint.token(Principal(self.project, user, self.loop.run_until_complete(opened)), HOUR)
        ).text

    def use_key(self, app: str, key: dict[str, str]) -> None:
        _, answer = self.call(None, "POST", "/api/token", {"keyId": key["id"], "keySecret": key["secret"]})
        self.tokens[f"app:{app}"] = answer["token"]

    def call(self, who: str | None, method: str, path: str, body: Any = None) -> tuple[int, Any]:
        """(status, the decoded answer)."""
        headers = {"X-Authorization": self.tokens[who]} if who else {}
        sent: dict[str, Any] = {"content": body} if isinstance(body, bytes) else {"json": body} if body is not None else {}
        answer = self.loop.run_until_complete(self.inside.http.request(method, path, headers=headers, **sent))
        json = answer.content and "json" in answer.headers.get("content-type", "")
        return answer.status_code, answer.json() if json else answer.text

    def may(self, who: str, things: list[tuple[str, str]]) -> set[tuple[str, str, str]]:
        """What the gate allows now, of every access on each of these."""
        gate, principal = self.inside.server.gate, Principal(self.project, who)

        async def ask() -> set[tuple[str, str, str]]:
            return {
                (access, *thing)
                for thing in things
                for access in ACCESSES
                if await gate.allows(principal, Access(access), Resource(*thing))
            }

        return self.loop.run_until_complete(ask())

    def administrators(self) -> int:
        """How many persons administer, at most 2."""
        found = self.inside.server.gate.store.scan(lambda tx: tx.all("administrators", project_id=self.project))
        return len(self.loop.run_until_complete(found))
