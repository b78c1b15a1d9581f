"""The exchange of a whole server, with counts of its own, a clock that is moved, and passwords whose hash costs next to nothing."""

import dataclasses
from collections.abc import AsyncIterator
from dataclasses import dataclass

import argon2
import pytest

from stagedoor.gate.exchange import Exchange, TokenRequest
from stagedoor.gate.hashing import Hashing
from stagedoor.gate.limits import Limits
from stagedoor.kit.clock import ManualClock
from stagedoor.kit.errors import StagedoorError
from tests.support.inside import Inside, inside

ALICE, PASSWORD = "alice@example.com", "correct horse battery staple"
HERE, THERE = "192.0.2.1", "192.0.2.2"
_cheap = argon2.PasswordHasher(time_cost=1, memory_cost=8, parallelism=1)


@dataclass(frozen=True)
class Desk:
    inside: Inside
    exchange: Exchange
    clock: ManualClock

    async def key(self, secret: str | None = None, key_id: str | None = None, address: str = HERE) -> str:
        """`OK`, or the kind of the refusal."""
        first = self.inside.first
        return await self.ask(TokenRequest(key_id or first["keyId"], secret or first["keySecret"]), address)

    async def password(self, password: str = PASSWORD, account: str = ALICE, address: str = HERE) -> str:
        return await self.ask(TokenRequest(email=account, password=password), address)

    async def ask(self, request: TokenRequest, address: str) -> str:
        try:
            return "OK" if await self.exchange.token(request, address) else "nothing"
        except StagedoorError as problem:
            return type(problem).__name__


@pytest.fixture(scope="package")
async def one_inside(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Inside]:
    async with inside(tmp_path_factory.mktemp("limits") / "data") as made:
        hashed, directory = _cheap.hash(PASSWORD), made.server.gate.directory
        await made.server.gate.store.write(lambda tx: directory.create(tx, made.admin, ALICE, hashed, ["USER"]))
        yield made


@pytest.fixture
async def desk(one_inside: Inside) -> Desk:
    clock, exchange = ManualClock(), one_inside.server.gate.exchange
    limits, hashing, no_password = Limits.by(clock), Hashing(clock), _cheap.hash("nobody's")
    return Desk(one_inside, dataclasses.replace(exchange, limits=limits, hashing=hashing, no_password=no_password), clock)
