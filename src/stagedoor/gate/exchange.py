"""`POST /api/token`: credentials for access tokens. All failures look alike in status, body and time (promise 5)."""

from collections.abc import Awaitable
from dataclasses import dataclass
from functools import partial
from typing import TypeVar

import msgspec

from stagedoor.core.credential import Credentials, TamperedCredential
from stagedoor.core.principal import Principal
from stagedoor.core.signin import SignIns
from stagedoor.core.signing import LONGEST_LIFE
from stagedoor.core.usage import Usage
from stagedoor.gate.failures import Failures
from stagedoor.gate.hashing import Hashing
from stagedoor.gate.limits import Limits
from stagedoor.gate.mint import Mint
from stagedoor.kit.clock import Clock
from stagedoor.kit.errors import BadInput, TooManyRequests, Unauthenticated
from stagedoor.kit.ids import NewId
from stagedoor.kit.secretvalue import SecretValue
from stagedoor.store.store import Store

T = TypeVar("T")
DEFAULT_LIFE = 60 * 60_000
SESSION_LIFE = 10 * 60 * 60_000
INVALID = "Invalid access key"


class TokenRequest(msgspec.Struct, rename="camel"):
    """`expiration` in milliseconds: less than the default, or up to the server's 24 h; never negative (contract/orkes.md)."""

    key_id: str | None = None
    key_secret: str | None = None
    email: str | None = None
    password: str | None = None
    project: str | None = None
    """Where to sign in; by default where it was last (core/signin.py)."""
    operator: bool = False
    """Without an account there, as an operator."""
    expiration: int | None = None

    def __repr__(self) -> str:
        return f"TokenRequest(key_id={self.key_id!r}, email={self.email!r}, ***)"


class SignIn(msgspec.Struct, frozen=True, rename="camel", forbid_unknown_fields=True):
    """Who signs in with a password, where, and whether as an operator: as of TokenRequest."""

    email: str
    password: str
    project: str | None = None
    operator: bool = False

    def __repr__(self) -> str:
        return f"SignIn(email={self.email!r}, password=***)"


@dataclass(frozen=True)
class Exchange:
    """`POST /api/token`, `POST /session`, and the proofs that `/oauth` asks for."""

    store: Store
    credentials: Credentials
    sign_ins: SignIns
    clock: Clock
    new_id: NewId
    mint: Mint
    limits: Limits
    hashing: Hashing
    failures: Failures
    no_password: str
    """A hash that no password matches, so that an unknown account takes as long as a wrong password."""
    usage: Usage

    async def token(self, request: TokenRequest, address: str = "") -> str:
        """`address`: the client's, by which failures are counted."""
        return await self.counted(self._token(request, address), address)

    async def prove(self, key_id: str, secret: str, address: str) -> Principal:
        """Who an access key is; failures as of `token`."""
        return await self.counted(self._prove_key(key_id, secret, address), address)

    async def sign_in(self, asked: SignIn, address: str, cookie: SecretValue) -> Principal:
        """Into a console session, which the cookie will prove; all else as of `token`."""
        who = await self.counted(self._sign_in(asked, address, cookie), address)
        self.usage.seen(who, address)
        return who

    async def counted(self, proof: Awaitable[T], address: str) -> T:
        """What a proof gives; where it fails, that is counted, and told of where a row was tampered with."""
        try:
            return await proof
        except (Unauthenticated, TooManyRequests) as problem:
            self.failures.count(address)
            if isinstance(problem, Unauthenticated) and problem.whose is not None:
                self.usage.failed(problem.whose, address)
            if isinstance(problem, TamperedCredential):
                await self.store.write(partial(self.credentials.refused, problem=problem))
            raise

    async def _token(self, request: TokenRequest, address: str) -> str:
        life = _life(request.expiration)
        if request.key_id is not None or request.key_secret is not None:
            who = await self._prove_key(request.key_id or "", request.key_secret or "", address)
        elif request.email is not None and request.password is not None:
            asked = SignIn(request.email, request.password, request.project, request.operator)
            who, life = await self._sign_in(asked, address), min(life, SESSION_LIFE)
        else:
            raise BadInput("keyId: it is required, with keySecret", "keyId")
        self.usage.seen(who, address)
        return (await self.mint.token(who, life)).text

    async def _prove_key(self, key_id: str, secret: str, address: str) -> Principal:
        """Proved first, counted after: a correct key is never refused for another's failures (promise 5)."""
        try:
            return await self.store.read(lambda tx: self.credentials.prove_key(tx, key_id, secret))
        except Unauthenticated:
            self.limits.keys.count(key_id, address)
            raise

    async def _sign_in(self, asked: SignIn, address: str, cookie: SecretValue | None = None) -> Principal:
        """Limited before it is hashed; counted by the account whatever the project, since a password opens all of its person's."""
        if asked.operator and asked.project is None:
            raise BadInput("project: an operator names the project to enter", "project")
        with self.limits.passwords.attempt(asked.email, address), self.hashing.place(address):
            entry = await self.store.read(lambda tx: self.sign_ins.find(tx, asked.email, asked.project, operator=asked.operator))
            hashed = entry.password_hash if entry else None
            if not await self.hashing.matches(hashed or self.no_password, asked.password) or entry is None or hashed is None:
                raise Unauthenticated(INVALID)
        expires = self.clock.now() + SESSION_LIFE
        who = await self.store.write(lambda tx: self.sign_ins.open(tx, entry, expires, cookie))
        if who is None:
            raise Unauthenticated(INVALID)
        return who


def _life(expiration: int | None) -> int:
    if expiration is None or expiration == 0:
        return DEFAULT_LIFE
    if expiration < 0:
        raise BadInput("expiration: it is negative; a token always expires", "expiration")
    return min(expiration, LONGEST_LIFE)
