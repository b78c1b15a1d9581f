"""Tokens for tokens (RFC 8693): the same principal with less, or, for a token of a trusted issuer, an application (gate/federation.py).

Never more than what was shown: ceilings intersect, lives end no later, and whatever ends the token shown ends what came of it.
"""

from dataclasses import dataclass
from typing import Any

import msgspec

from stagedoor.core.ceiling import Ceiling, both
from stagedoor.core.principal import Principal
from stagedoor.gate.authority import Authenticator
from stagedoor.gate.exchange import DEFAULT_LIFE, Exchange
from stagedoor.gate.federation import REFUSED, Federation
from stagedoor.gate.mint import Additions, Mint, Minted
from stagedoor.gate.oauth_refused import OAuthRefused
from stagedoor.kit import strictjson
from stagedoor.kit.errors import BadInput, Unauthenticated
from stagedoor.kit.tokens import Claims

MOST_EXCHANGES = 8
"""How often a token may be exchanged on: each one names all it came of."""
LONGEST = 6_000
ACCESSES = {"create": "CREATE", "read": "READ", "update": "UPDATE", "delete": "DELETE", "execute": "EXECUTE"}


@dataclass(frozen=True)
class Less:
    """What the caller asks the token to be cut to: its ceiling, and its life in milliseconds."""

    ceiling: Ceiling | None = None
    life: int = DEFAULT_LIFE


WHOLE = Less()


@dataclass(frozen=True)
class TokenExchange:
    authenticator: Authenticator
    exchange: Exchange
    federation: Federation
    mint: Mint

    async def of_key(self, who: Principal, less: Less) -> Minted:
        """For an application that has proved itself by a secret."""
        return await self._mint(who, less.life, Additions(_plain(less.ceiling)))

    async def of_token(self, subject: str, actor: str | None, less: Less, address: str) -> Minted:
        """One of our access tokens for another. OAuthRefused where one shown is not good, or was exchanged too often already."""
        had, _ = await self._shown(subject, address)
        acting = await self._shown(actor, address) if actor is not None else None
        if acting is not None and acting[0].project != had.project:
            raise OAuthRefused("invalid_request", "actor_token: it is of another project")
        origin = (had.jti, *had.origin, *((acting[0].jti, *acting[0].origin) if acting else ()))
        if len(origin) > MOST_EXCHANGES:
            raise OAuthRefused("invalid_request", f"subject_token: it came by {MOST_EXCHANGES} exchanges already")
        ceiling = both(msgspec.convert(had.ceiling, Ceiling | None), less.ceiling)
        more = Additions(_plain(ceiling), _acting(had, acting[0]) if acting else had.act, origin)
        until = min(claims.exp for claims in (had, *((acting[0],) if acting else ())))
        who = Principal(had.project, had.sub, had.client_id)
        return await self._mint(who, self._rest(less.life, until * 1000), more)

    async def of_assertion(self, application: str, token: str, less: Less, address: str) -> Minted:
        """A token of an issuer that the application trusts. Unauthenticated, counted by address."""
        entered = await self.exchange.counted(self.federation.enter(application, token), address)
        more = Additions(_plain(less.ceiling), origin=(entered.revision,))
        self.exchange.usage.seen(entered.who, address)
        return await self._mint(entered.who, self._rest(less.life, entered.expires_at), more)

    async def _shown(self, token: str, address: str) -> tuple[Claims, Principal]:
        try:
            who = await self.exchange.counted(self.authenticator.principal(token), address)
        except Unauthenticated:
            raise OAuthRefused("invalid_request", "subject_token or actor_token: it is not an access token that is good now") from None
        self.exchange.usage.seen(who, address)
        return await self.authenticator.claims(token), who

    async def _mint(self, who: Principal, life: int, more: Additions) -> Minted:
        """What it may is said in the token itself, and every node remembers tokens: their length is bounded."""
        minted = await self.mint.token(who, life, more)
        if len(minted.text) > LONGEST:
            raise OAuthRefused("invalid_request", f"ceiling: with it the token would be longer than {LONGEST} characters")
        return minted

    def _rest(self, life: int, until: int) -> int:
        """At least a second, in whole seconds: a token that ends with the one shown ends in the same second."""
        now = self.mint.clock.now()
        return min(now + life, until) // 1000 * 1000 - now // 1000 * 1000


def refused_assertion(error: str) -> OAuthRefused:
    """`error`: what the grant calls a token that is not taken."""
    return OAuthRefused(error, REFUSED)


def narrowing(ceiling: str | None, scope: str | None) -> Ceiling | None:
    """`ceiling`: JSON, as at the making of a key. `scope`: words, accesses (`read execute`) and resources (`WORKFLOW_DEF/orders`)."""
    asked = None
    if ceiling:
        try:
            asked = strictjson.decode_as(Ceiling, ceiling.encode("utf-8", "surrogatepass"), max_depth=8, strict=True)
        except BadInput as problem:
            raise OAuthRefused("invalid_request", f"ceiling: {problem.message}") from None
        if asked.below is not None:
            raise OAuthRefused("invalid_request", "ceiling: below is not taken")
    return both(asked, _scoped(scope) if scope else None)


def _scoped(scope: str) -> Ceiling:
    words = scope.split()
    access = tuple(ACCESSES[word] for word in words if word in ACCESSES)
    named = [word.split("/", 1) for word in words if word not in ACCESSES]
    if any(len(parts) != 2 or not all(parts) for parts in named):
        raise OAuthRefused("invalid_scope", "scope: words are create, read, update, delete, execute, and KIND/name of a resource")
    return msgspec.convert({"access": access, "resources": [{"type": kind, "id": name} for kind, name in named]}, Ceiling)


def _acting(subject: Claims, actor: Claims) -> dict[str, Any]:
    """RFC 8693 4.1: who acts now, and inside of it who did before."""
    now = {"sub": actor.sub, "client_id": actor.client_id}
    return now | ({"act": subject.act} if subject.act else {})


def _plain(ceiling: Ceiling | None) -> dict[str, Any] | None:
    found: dict[str, Any] | None = msgspec.to_builtins(ceiling)
    return found
