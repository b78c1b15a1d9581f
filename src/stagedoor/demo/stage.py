"""What every story needs: callers, the journal, the server's files, the worker's interpreter."""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field
from importlib.resources import files
from pathlib import Path
from typing import Any

import msgspec

from stagedoor.demo.caller import Answer, Call, Caller
from stagedoor.demo.failure import Unexpected
from stagedoor.demo.journal import Journal
from stagedoor.demo.masks import Masks
from stagedoor.demo.post_office import PostOffice
from stagedoor.demo.process import Sdk
from stagedoor.kit.clock import Clock

WAIT_SECONDS = 20.0


@dataclass(frozen=True)
class Key:
    """An application's access key."""

    application: str
    id: str
    secret: str = field(repr=False)


@dataclass(frozen=True)
class Stage:
    """`admin` acts with the administrator's token, once it has signed in."""

    url: str
    data: Path
    logs: Path
    clock: Clock
    journal: Journal
    nobody: Caller
    admin: Caller
    post_office: PostOffice
    sdk: Sdk

    @property
    def masks(self) -> Masks:
        return self.journal.masks

    async def application(self, name: str, *roles: str) -> Key:
        """A new application with an access key, made by the administrator."""
        made = await self.admin.ask(f"The administrator creates the application {name}", Call("POST", "/api/applications", {"name": name}))
        application: str = made.body["id"]
        for role in roles:
            call = Call("POST", f"/api/applications/{application}/roles/{role}")
            await self.admin.ask(f"and gives it the role {role}", call)
        call = Call("POST", f"/api/applications/{application}/accessKeys")
        answer = await self.admin.quietly(call)
        self.admin.expect("an access key", answer, 200)
        key = Key(application, answer.body["id"], answer.body["secret"])
        self.masks.shorten(key.secret, "(shown this once)")
        self.admin.write(f"and an access key for {name}", call, answer)
        return key

    async def signed_in(self, key: Key, does: str, whose: str) -> Caller:
        """A caller with a token for the access key."""
        return self.nobody.with_token(await self.exchange({"keyId": key.id, "keySecret": key.secret}, does, whose))

    async def exchange(self, credentials: dict[str, str], does: str, whose: str) -> str:
        return await exchange(self.nobody, credentials, does, whose)

    async def grant(self, key: Key, kind: str, name: str, *access: str) -> None:
        """Subject and target as the seed text writes them: the type in lower case, the application as `app:<id>`."""
        body = {"subject": {"type": "user", "id": f"app:{key.application}"}, "target": {"type": kind, "id": name}, "access": list(access)}
        call = Call("POST", "/api/auth/authorization", body)
        await self.admin.ask(f"The administrator grants {' and '.join(access)} on {kind} {name}", call, says="Granted permission")

    async def secret(self, name: str, value: str) -> None:
        self.masks.hide(value)
        call = Call("PUT", f"/api/secrets/{name}", value.encode(), "text/plain")
        await self.admin.ask(f"The administrator stores the secret {name}", call)

    async def save(self, *names: str) -> None:
        """Workflow definitions of this package."""
        definitions = [definition(name) for name in names]
        call = Call("PUT", "/api/metadata/workflow", definitions)
        await self.admin.ask(f"The administrator saves the workflow {' and '.join(one['name'] for one in definitions)}", call)

    async def until(self, caller: Caller, does: str, call: Call, ready: Callable[[Any], bool]) -> Answer:
        """Ask until the answer's body is as wanted; only that answer is written down."""
        deadline = self.clock.monotonic() + WAIT_SECONDS
        with self.journal.show.waiting(f"waiting: {does}"):
            while True:
                answer = await caller.quietly(call)
                caller.expect(does, answer, 200)
                if ready(answer.body):
                    return answer
                if self.clock.monotonic() > deadline:
                    raise Unexpected(f"{does}: not within {WAIT_SECONDS:.0f} seconds; last: {answer.raw[:1500].decode('utf-8', 'replace')}")
                await asyncio.sleep(0.05)


async def exchange(nobody: Caller, credentials: dict[str, str], does: str, whose: str) -> str:
    """A token for an access key, or for an e-mail address and a password."""
    call = Call("POST", "/api/token", credentials)
    answer = await nobody.quietly(call)
    nobody.expect(does, answer, 200)
    token: str = answer.body["token"]
    nobody.journal.masks.shorten(token, f"({whose})", 12)
    nobody.write(does, call, answer)
    return token


def definition(name: str) -> dict[str, Any]:
    found: dict[str, Any] = msgspec.json.decode(files("stagedoor.demo").joinpath("definitions", f"{name}.json").read_bytes())
    return found


def ended(run: dict[str, Any]) -> bool:
    return run["status"] not in ("RUNNING", "PAUSED")
