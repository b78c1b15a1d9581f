"""A whole server inside the test's own process, on a new SQLite file: for tests that patch it or look at what lies behind its routes."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import httpx

from stagedoor.api.app import make_app
from stagedoor.bootstrap import open_server
from stagedoor.cli.init import _init
from stagedoor.core.principal import Principal
from stagedoor.core.project import DEFAULT
from stagedoor.gate.exchange import TokenRequest
from stagedoor.gate.server import Server
from stagedoor.settings import Settings

ADMIN = "admin@example.com"


@dataclass(frozen=True)
class Inside:
    """`first` as `stagedoor init` prints it; `admin` is the person among it."""

    server: Server
    first: dict[str, str]
    http: httpx.AsyncClient
    admin: Principal

    async def token(self) -> str:
        """Of the first application's key."""
        return await self.server.gate.exchange.token(TokenRequest(self.first["keyId"], self.first["keySecret"]))


@asynccontextmanager
async def inside(folder: Path, public_url: str | None = None) -> AsyncIterator[Inside]:
    settings = Settings(data=folder, script_processes=1, public_url=public_url)
    first = await _init(settings, ADMIN)
    async with open_server(settings) as server:
        transport = httpx.ASGITransport(make_app(server))
        async with httpx.AsyncClient(transport=transport, base_url="http://inside") as http:
            yield Inside(server, first, http, Principal(DEFAULT, ADMIN))
