"""A server of its own for a while, the canaries through it, and the search of all it has stored, logged and answered."""

import asyncio
import json
import os
import sys
import tempfile
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import aiohttp

from stagedoor.canary.bird import Canary, Haystack, brood
from stagedoor.canary.client import Client
from stagedoor.canary.echo import echoing
from stagedoor.canary.flight import Flight
from stagedoor.demo.failure import Unexpected
from stagedoor.demo.process import ADMIN, free_port, healthy, running
from stagedoor.kit.clock import Clock
from stagedoor.kit.ids import new_id
from stagedoor.store.dump import postgres_tables, sqlite_tables, temporary_database

COMMAND = [sys.executable, "-m", "stagedoor"]
OWN = (
    "DATA",
    "DATABASE",
    "LISTEN",
    "PUBLIC_URL",
    "TLS_CERT",
    "TLS_KEY",
    "MASTER_KEY",
    "NEW_MASTER_KEY",
    "KEY_SERVICE",
    "KEY_SERVICE_TOKEN",
)
"""Settings that are the temporary server's own; all others are as they are for the real one."""
Show = Callable[[str], None]


@dataclass(frozen=True)
class Settled:
    """The temporary store."""

    data: Path
    database: str | None

    @property
    def options(self) -> list[str]:
        return ["--data", str(self.data), *(["--database", self.database] if self.database else [])]

    @property
    def log(self) -> Path:
        return self.data.parent / "server.log"


async def check(clock: Clock, show: Show, database: str | None = None, environ: Mapping[str, str] = os.environ) -> list[str]:
    """One line a finding. `database`: the PostgreSQL server on which a temporary database is made; otherwise SQLite in a temporary folder.

    Unexpected or Unavailable where the check itself cannot be made."""
    async with AsyncExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="stagedoor-canary-")))
        if database:
            database = stack.enter_context(temporary_database(database, f"stagedoor_canary_{new_id()[:8]}"))
        place = Settled(folder / "data", database)
        show("making a temporary store")
        made = await _initialise(place, _environment(environ))
        birds, answers = await _fly(place, made, clock, show, _environment(environ))
        stopped = _stored(place)
        show("searching what was stored, logged and answered")
        return _findings(birds, answers | stopped)


async def _fly(
    place: Settled, made: dict[str, str], clock: Clock, show: Show, environment: Mapping[str, str]
) -> tuple[list[Canary], dict[str, bytes]]:
    """All canaries through both doors; where they could be while the server runs (its write-ahead log is gone once it has stopped)."""
    by_worker, by_request = brood("worker"), brood("request")
    async with echoing() as echo, _serving(place, clock, environment) as url, aiohttp.ClientSession(url) as http:
        client = Client(http, clock)
        await client.sign_in(made)
        flight = Flight(client, echo)
        await flight.prepare()
        for canary in by_worker:
            show(f"{canary.name}: handed to a worker that repeats it")
            await flight.to_worker(canary)
        for canary in by_request:
            show(f"{canary.name}: sent to a server that gives it back")
            await flight.to_server(canary)
        seen = {"an answer of the API": b"\n".join(client.answers)}
        return [*by_worker, *by_request], seen | {f"{name} (while it ran)": data for name, data in _stored(place).items()}


def _stored(place: Settled) -> dict[str, bytes]:
    tables = postgres_tables(place.database) if place.database else sqlite_tables(place.data / "stagedoor.db")
    found = {f"table {name}": data for name, data in tables.items()}
    found |= {f"file {path.name}": path.read_bytes() for path in sorted(place.data.rglob("*")) if path.is_file()}
    return found | {"the server's log": place.log.read_bytes()}


def _findings(birds: list[Canary], seen: Mapping[str, bytes]) -> list[str]:
    """By place, and with the names of the forms: never the value."""
    findings = []
    for place, data in seen.items():
        haystack = Haystack(data)
        found = {canary.name: haystack.forms_of(canary.tag) for canary in birds}
        findings += [f"canary: {place} holds {name} as {', '.join(forms)}" for name, forms in found.items() if forms]
    return findings


def _environment(environ: Mapping[str, str]) -> dict[str, str]:
    """The operator's settings, save for those of the store; this machine may be reached, for the server that gives back is on it."""
    kept = {
        name: value for name, value in environ.items() if name.removeprefix("STAGEDOOR_") not in OWN or not name.startswith("STAGEDOOR_")
    }
    allowed = ",".join(filter(None, (kept.get("STAGEDOOR_EGRESS_ALLOW"), "127.0.0.1")))
    kept.pop("STAGEDOOR_EGRESS_PROXY", None)
    return {**kept, "STAGEDOOR_EGRESS_ALLOW": allowed}


async def _initialise(place: Settled, environment: Mapping[str, str]) -> dict[str, str]:
    command = [*COMMAND, "init", *place.options, "--admin", ADMIN, "--json"]
    process = await asyncio.create_subprocess_exec(
        *command, env=environment, stdin=asyncio.subprocess.DEVNULL, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.DEVNULL
    )
    out, _ = await process.communicate()
    if process.returncode != 0:
        raise Unexpected(f"stagedoor init: exit {process.returncode}")
    made: dict[str, str] = json.loads(out)
    return made


@asynccontextmanager
async def _serving(place: Settled, clock: Clock, environment: Mapping[str, str]) -> AsyncIterator[str]:
    port = free_port()
    async with running([*COMMAND, "serve", *place.options, "--listen", f"127.0.0.1:{port}"], environment, place.log) as process:
        await healthy(process, f"http://127.0.0.1:{port}", clock, place.log)
        yield f"http://127.0.0.1:{port}"
