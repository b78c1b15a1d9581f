"""Tokens that nobody should take, made with the server's own signing key where it takes that to show what is refused."""

import asyncio
import base64
import hmac
import json
from dataclasses import dataclass
from typing import Any

import msgspec
from joserfc import jws
from joserfc.jwk import ECKey

from stagedoor.bootstrap import make_core, make_store, master_keys
from stagedoor.kit.clock import SystemClock
from stagedoor.kit.tokens import Claims, SigningKey
from stagedoor.settings import Settings
from tests.support.server import LiveServer


def signing_key(server: LiveServer) -> SigningKey:
    """The key that a server's tokens are signed with, from its store."""

    async def read() -> SigningKey:
        settings = Settings(data=server.data, database=server.database)
        core = make_core(make_store(settings), master_keys(settings), SystemClock())
        await core.store.open()
        try:
            return (await core.store.scan(core.signing.all))[0]
        finally:
            await core.store.close()

    return asyncio.run(read())


def part(value: Any) -> str:
    data = value if isinstance(value, bytes) else json.dumps(value, separators=(",", ":")).encode()
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def claims_in(token: str) -> dict[str, Any]:
    body = token.split(".")[1]
    claims: dict[str, Any] = json.loads(base64.urlsafe_b64decode(body + "=" * (-len(body) % 4)))
    return claims


@dataclass(frozen=True)
class Forger:
    """Has the private key, and a good token to begin with."""

    key: SigningKey
    good: str
    kind: type[Claims] = Claims

    @property
    def header(self) -> dict[str, Any]:
        return {"alg": "ES256", "typ": self.kind.typ, "kid": self.key.kid}

    def token(self, claims: dict[str, Any] | None = None, **header: Any) -> str:
        """Rightly signed, with claims or header fields changed (a None takes one away)."""
        head = {name: value for name, value in (self.header | header).items() if value is not None}
        signed = f"{part(head)}.{part(self._vouched(claims_in(self.good) | (claims or {})))}"
        algorithm = jws.JWSRegistry.algorithms["ES256"]
        return f"{signed}.{part(algorithm.sign(signed.encode(), ECKey.import_key(self.key.private())))}"

    def _vouched(self, claims: dict[str, Any]) -> dict[str, Any]:
        """With the MAC that goes with them, where it can be made: what is refused is refused for something else."""
        try:
            return claims | {"mac": self.key.mac_of(msgspec.convert(claims, self.kind))}
        except msgspec.ValidationError:
            return claims

    def unsigned(self, alg: str = "none") -> str:
        return f"{part(self.header | {'alg': alg})}.{part(claims_in(self.good))}."

    def by_hmac(self, secret: bytes) -> str:
        """HS256 with something public as the secret: the classic confusion of algorithms."""
        signed = f"{part(self.header | {'alg': 'HS256'})}.{part(claims_in(self.good))}"
        return f"{signed}.{part(hmac.digest(secret, signed.encode(), 'sha256'))}"

    def by_other_key(self, **header: Any) -> str:
        """Signed by a key of the attacker's, which the header may bring along."""
        other = ECKey.generate_key("P-256")
        head = self.header | {name: other.as_dict(private=False) if value == "own" else value for name, value in header.items()}
        signed = f"{part(head)}.{part(claims_in(self.good))}"
        return f"{signed}.{part(jws.JWSRegistry.algorithms['ES256'].sign(signed.encode(), other))}"
