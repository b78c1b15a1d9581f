"""From the bytes of a token to a principal and its authority. Both are remembered for as long as the project's epoch stands."""

from dataclasses import dataclass

from stagedoor.core.ceiling import Ceiling
from stagedoor.core.credential import Credentials
from stagedoor.core.epoch import Epoch, epoch_of
from stagedoor.core.grant import authority_if_small, authority_of, authority_on
from stagedoor.core.permission import Authority, Resource
from stagedoor.core.principal import Execution, Principal
from stagedoor.core.revocation import actors, check_not_revoked, check_still_good, narrowed, ties
from stagedoor.engine.port import Engine
from stagedoor.gate.executing import Executing
from stagedoor.gate.keyring import Realm
from stagedoor.gate.recent import Recent
from stagedoor.kit.clock import Clock
from stagedoor.kit.crypto import fingerprint
from stagedoor.kit.errors import Unauthenticated
from stagedoor.kit.tokens import Claims, check_time, is_execution_token, kid_of, verify
from stagedoor.store.store import Store, Transaction

REMEMBERED = 50_000
LARGE = 500
"""From so many roles and grants on, a principal's authority is not kept whole but asked for one resource at a time."""


@dataclass(slots=True)
class _Verified:
    kid: str
    claims: Claims
    principal: Principal
    epoch: Epoch
    until: int | None
    """Then (epoch ms) a credential behind it retires or expires: the epoch does not move for that."""


class Authenticator:
    """Recognises access tokens. A signature is checked once for the exact bytes presented; the credential behind it again
    whenever the epoch has moved, so that a pause or a deletion counts at once (promise 2)."""

    def __init__(self, store: Store, credentials: Credentials, clock: Clock, realm: Realm, engine: Engine) -> None:
        self.executing = Executing(store, credentials, clock, realm, engine)
        self._store = store
        self._credentials = credentials
        self._clock = clock
        self._realm = realm
        self._verified: Recent[bytes, _Verified] = Recent(REMEMBERED)
        self._authorities: Recent[tuple[str, str, Ceiling | None, Execution | None], tuple[Epoch, Authority | None]] = Recent(REMEMBERED)

    async def principal(self, token: str) -> Principal:
        """Unauthenticated or TokenExpired where the token, or the credential that minted it, is no longer good."""
        key = fingerprint(token.encode("utf-8", "surrogatepass"))
        known = self._verified.get(key)
        kid, claims = (known.kid, known.claims) if known else await self._verify(token)
        check_time(claims, self._clock.now())
        who = known.principal if known else Principal(claims.project, claims.sub, claims.client_id)
        epoch = await epoch_of(self._store, who, *ties(claims))
        if known is not None and known.epoch == epoch and (known.until is None or self._clock.now() < known.until):
            return who
        await self._realm.keys.verifier(kid)
        who, until = await self._store.read(lambda tx: self._behind(tx, claims, kid))
        self._verified.put(key, _Verified(kid, claims, who, epoch, until))
        return who

    async def still_good(self, principal: Principal) -> None:
        """After a wait: Unauthenticated where the credential has been paused or deleted meanwhile."""
        if principal.credential is not None:
            await self._store.read(lambda tx: check_still_good(tx, self._credentials, principal))
        if principal.signed_by:
            await self._realm.keys.verifier(principal.signed_by)
        await self.executing.under_way(principal)

    async def claims(self, token: str) -> Claims:
        """What a token says, once it is known to be good: an access token's, or an execution token's."""
        if is_execution_token(token):
            return await self.executing.claims(token)
        await self.principal(token)
        return (await self._verify(token))[1]

    async def _verify(self, token: str) -> tuple[str, Claims]:
        """Its `kid` and what it says."""
        key = await self._realm.keys.verifier(kid_of(token))
        return key.kid, verify(token, {key.kid: key}, self._realm.issuer, self._realm.audience, Claims)

    def _behind(self, tx: Transaction, claims: Claims, kid: str) -> tuple[Principal, int | None]:
        """Whom the token speaks for: who its credential does, within the ceilings of both; and until when. Those who act by it must be
        good as well."""
        ends = [self._credentials.alive_until(tx, actor["client_id"])[1] for actor in actors(claims)]
        behind, end = self._credentials.alive_until(tx, claims.client_id)
        if (behind.project, behind.user) != (claims.project, claims.sub):
            raise Unauthenticated
        who = narrowed(behind, claims, kid)
        check_not_revoked(tx, who)
        return who, min((one for one in (end, *ends) if one is not None), default=None)

    async def authority(self, principal: Principal, resource: Resource) -> Authority:
        """The principal's roles and grants as of now; of one that holds very many, those on this resource."""
        key = (principal.project, principal.user, principal.ceiling, principal.execution)
        epoch = await epoch_of(self._store, principal)
        known = self._authorities.get(key)
        if known is None or known[0] != epoch:
            few = await self._store.read(lambda tx: authority_if_small(tx, principal, LARGE))
            known = (epoch, few)
            self._authorities.put(key, known)
        if known[1] is not None:
            return known[1]
        return await self._store.read(lambda tx: authority_on(tx, principal, resource))

    async def whole_authority(self, principal: Principal) -> Authority:
        """All its roles and grants: what a list is filtered by."""
        return await self._store.read(lambda tx: authority_of(tx, principal))
