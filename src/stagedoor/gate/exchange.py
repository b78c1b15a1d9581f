"""`POST /api/token`: credentials for access tokens. All failures look alike in status, body and time (promise 5)."""

import asyncio
from dataclasses import dataclass

import msgspec

from stagedoor.core.credential import Credentials
from stagedoor.core.identity import Directory
from stagedoor.core.principal import Principal
from stagedoor.gate.authority import Realm
from stagedoor.kit.clock import Clock
from stagedoor.kit.errors import BadInput, Unauthenticated
from stagedoor.kit.ids import NewId
from stagedoor.kit.passwords import hash_password, password_matches
from stagedoor.kit.tokens import Claims
from stagedoor.store.store import Store

DEFAULT_LIFE = 60 * 60_000
LONGEST_LIFE = 24 * 60 * 60_000
SESSION_LIFE = 10 * 60 * 60_000
INVALID = "Invalid access key"


class TokenRequest(msgspec.Struct, rename="camel"):
    """`expiration` in milliseconds: less than the default, or up to the server's 24 h; never negative (contract/orkes.md)."""

    key_id: str | None = None
    key_secret: str | None = None
    email: str | None = None
    password: str | None = None
    expiration: int | None = None


@dataclass(frozen=True)
class Exchange:
    store: Store
    credentials: Credentials
    directory: Directory
    clock: Clock
    new_id: NewId
    realm: Realm
    project: str
    hashing: asyncio.Semaphore
    """Bounds how many passwords are hashed at once: each takes 64 MB (promise 17)."""
    no_password: str
    """A hash that no password matches, so that an unknown account takes as long as a wrong password."""

    async def token(self, request: TokenRequest) -> str:
        life = _life(request.expiration)
        if request.key_id is not None or request.key_secret is not None:
            key_id, secret = request.key_id or "", request.key_secret or ""
            who = await self.store.read(lambda tx: self.credentials.prove_key(tx, key_id, secret))
        elif request.email is not None and request.password is not None:
            who, life = await self._sign_in(request.email, request.password), min(life, SESSION_LIFE)
        else:
            raise BadInput("keyId: it is required, with keySecret", "keyId")
        return self._mint(who, life)

    async def _sign_in(self, email: str, password: str) -> Principal:
        hashed = await self.store.read(lambda tx: self.directory.password_hash(tx, self.project, email))
        async with self.hashing:
            matches = await asyncio.to_thread(password_matches, hashed or self.no_password, password)
        if not matches or hashed is None:
            raise Unauthenticated(INVALID)
        expires = self.clock.now() + SESSION_LIFE
        session = await self.store.write(lambda tx: self.credentials.open_session(tx, self.project, email, expires))
        return Principal(self.project, email, session)

    def _mint(self, who: Principal, life: int) -> str:
        now = self.clock.now()
        signer = next(iter(self.realm.keys.values()))
        claims = Claims(
            iss=self.realm.issuer, aud=self.realm.audience, sub=who.user, client_id=who.credential or "", project=who.project,
            jti=self.new_id(), iat=now // 1000, exp=(now + life) // 1000,
        )  # fmt: skip
        return signer.sign(claims)


def unmatchable_hash(new_id: NewId) -> str:
    return hash_password(new_id())


def _life(expiration: int | None) -> int:
    if expiration is None or expiration == 0:
        return DEFAULT_LIFE
    if expiration < 0:
        raise BadInput("expiration: it is negative; a token always expires", "expiration")
    return min(expiration, LONGEST_LIFE)
