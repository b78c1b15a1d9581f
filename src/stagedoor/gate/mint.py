"""Makes access tokens: for a principal, by the credential that it came by."""

from dataclasses import dataclass, field
from typing import Any

import msgspec

from stagedoor.core.principal import Principal
from stagedoor.gate.keyring import Realm
from stagedoor.kit.clock import Clock
from stagedoor.kit.ids import NewId
from stagedoor.kit.tokens import Claims, ExecutionClaims


@dataclass(frozen=True)
class Additions:
    """What a token says beyond whom it speaks for: see kit/tokens.py, Claims."""

    ceiling: dict[str, Any] | None = None
    act: dict[str, Any] | None = None
    origin: tuple[str, ...] = ()


PLAIN = Additions()


@dataclass(frozen=True)
class Minted:
    claims: Claims
    text: str = field(repr=False)


@dataclass(frozen=True)
class Mint:
    realm: Realm
    clock: Clock
    new_id: NewId

    async def token(self, who: Principal, life: int, more: Additions = PLAIN) -> Minted:
        """`life` in milliseconds."""
        signer, now = await self.realm.keys.signer(), self.clock.now()
        claims = Claims(
            iss=self.realm.issuer, aud=self.realm.audience, sub=who.user, client_id=who.credential or "", project=who.project,
            jti=self.new_id(), iat=now // 1000, exp=(now + life) // 1000, ceiling=more.ceiling, act=more.act, origin=more.origin,
        )  # fmt: skip
        return Minted(claims, signer.sign(claims))

    async def of_run(self, said: ExecutionClaims, life: int) -> Minted:
        """An execution token. `said`: all but who issues it, and for how long. `life` in milliseconds."""
        signer, now = await self.realm.keys.signer(), self.clock.now()
        claims = msgspec.structs.replace(said, iss=self.realm.issuer, iat=now // 1000, exp=(now + life) // 1000)
        return Minted(claims, signer.sign(claims))
