"""What a token is worth now (RFC 7662), and its end before its time (RFC 7009)."""

from dataclasses import dataclass
from typing import Any

import msgspec

from stagedoor.core.credential import TamperedCredential
from stagedoor.core.principal import Principal
from stagedoor.core.revocation import revoke
from stagedoor.gate.authority import Authenticator
from stagedoor.gate.gate import Gate
from stagedoor.kit.clock import Clock
from stagedoor.kit.errors import Unauthenticated
from stagedoor.kit.tokens import Claims
from stagedoor.store.store import Transaction

INACTIVE = {"active": False}
ADMINISTERS = "ADMIN_MANAGEMENT"


@dataclass(frozen=True)
class Inspection:
    gate: Gate
    clock: Clock

    async def introspect(self, who: Principal, token: str) -> dict[str, Any]:
        """Of an access token of the caller's project that is good now, what it says; of anything else that it is not active."""
        claims = await self._claims(who, token)
        if claims is None:
            return INACTIVE
        said = msgspec.to_builtins(msgspec.structs.replace(claims, origin=(), mac=""))
        return {"active": True, "token_type": "Bearer", **said}

    async def revoke(self, who: Principal, token: str) -> None:
        """The token, and all that it was exchanged for, at once and everywhere. Nothing happens for one that is good no longer, or that
        the caller's project does not know. Its own subject may, the worker that asked for it, and an administrator; Forbidden otherwise."""
        claims = await self._claims(who, token)
        if claims is None:
            return
        if claims.sub != who.user and claims.client_id != who.credential:
            await self.gate.demand_permission(who, ADMINISTERS)
        holder = Principal(claims.project, claims.sub, claims.client_id)

        def within(tx: Transaction) -> None:
            revoke(tx, holder, claims.jti, claims.exp * 1000, self.clock.now())
            self.gate.audit.change(tx, who, "token.revoke", f"USER {claims.sub}", claims.jti)

        await self.gate.change(within)

    async def _claims(self, who: Principal, token: str) -> Claims | None:
        authenticator: Authenticator = self.gate.authenticator
        try:
            claims = await authenticator.claims(token)
        except TamperedCredential as problem:
            await self.gate.record_tampered(problem)
            return None
        except Unauthenticated:
            return None
        return claims if claims.project == who.project else None
