"""A sign-in by the old password, at the very moment at which a new one is set, on both databases (promise 2)."""

import asyncio
import time
from pathlib import Path

import pytest

from stagedoor.bootstrap import open_server
from stagedoor.cli.init import _init
from stagedoor.core.identity import User
from stagedoor.core.principal import Principal
from stagedoor.core.project import DEFAULT
from stagedoor.gate.exchange import SignIn
from stagedoor.gate.server import Server
from stagedoor.kit.errors import Unauthenticated
from stagedoor.kit.passwords import hash_password
from stagedoor.settings import Settings
from stagedoor.store.store import Transaction

BOB, OLD = "bob@example.com", "the old password"
BY = Principal(DEFAULT, "admin@example.com")
pytestmark = [pytest.mark.anyio, pytest.mark.slow, pytest.mark.promise(2)]


async def invited(server: Server) -> tuple[str, str]:
    invites = server.invitations.invites
    made = await server.gate.change(lambda tx: invites.create(tx, BY, BOB))
    return made.id, made.secret


async def test_none_of_its_sessions_outlives_the_change(tmp_path: Path, database: str) -> None:
    settings = Settings(data=tmp_path, script_processes=1, database=None if database.endswith(".db") else database)
    await _init(settings, BY.user)
    async with open_server(settings) as server:
        await server.gate.change(lambda tx: server.gate.directory.put(tx, BY, User(BOB, "Bob", ("USER",))))
        await server.invitations.accept(*await invited(server), OLD, "")
        link, hashed = await invited(server), hash_password("the new password")

        def accept(tx: Transaction) -> None:
            server.invitations.invites.accept(tx, *link, hashed)
            time.sleep(2.0)  # all is done, nothing committed

        changing = asyncio.ensure_future(server.gate.change(accept))
        await asyncio.sleep(0.5)
        with pytest.raises(Unauthenticated):
            await server.gate.exchange._sign_in(SignIn(BOB, OLD), "")
        await changing
