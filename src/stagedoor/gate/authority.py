"""From the bytes of a token to a principal and its authority. Both are remembered for as long as the project's epoch stands."""

from collections import OrderedDict
from dataclasses import dataclass
from typing import Generic, TypeVar

from stagedoor.core.credential import Credentials
from stagedoor.core.epoch import Epoch, epoch_of
from stagedoor.core.grant import authority_if_small, authority_of, authority_on
from stagedoor.core.permission import Authority, Resource
from stagedoor.core.principal import Principal
from stagedoor.kit.clock import Clock
from stagedoor.kit.crypto import fingerprint
from stagedoor.kit.errors import Unauthenticated
from stagedoor.kit.tokens import Claims, SigningKey, check_time, verify
from stagedoor.store.store import Store

K = TypeVar("K")
V = TypeVar("V")
REMEMBERED = 50_000
LARGE = 500
"""From so many roles and grants on, a principal's authority is not kept whole but asked for one resource at a time."""


class Recent(Generic[K, V]):
    """A bounded dict: the oldest entry goes first."""

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._entries: OrderedDict[K, V] = OrderedDict()

    def get(self, key: K) -> V | None:
        return self._entries.get(key)

    def put(self, key: K, value: V) -> None:
        self._entries[key] = value
        if len(self._entries) > self._limit:
            self._entries.popitem(last=False)


@dataclass(slots=True)
class _Verified:
    claims: Claims
    principal: Principal
    epoch: Epoch


@dataclass(frozen=True)
class Realm:
    """Who issues the tokens this server takes, and for whom. `keys` by `kid`; the first one signs."""

    issuer: str
    audience: str
    keys: dict[str, SigningKey]


class Authenticator:
    """Recognises access tokens. A signature is checked once for the exact bytes presented; the credential behind it again
    whenever the epoch has moved, so that a pause or a deletion counts at once (promise 2)."""

    def __init__(self, store: Store, credentials: Credentials, clock: Clock, realm: Realm) -> None:
        self._store = store
        self._credentials = credentials
        self._clock = clock
        self._realm = realm
        self._verified: Recent[bytes, _Verified] = Recent(REMEMBERED)
        self._authorities: Recent[tuple[str, str], tuple[Epoch, Authority | None]] = Recent(REMEMBERED)

    async def principal(self, token: str) -> Principal:
        """Unauthenticated or TokenExpired where the token, or the credential that minted it, is no longer good."""
        key = fingerprint(token.encode("utf-8", "surrogatepass"))
        known = self._verified.get(key)
        claims = known.claims if known else verify(token, self._realm.keys, self._realm.issuer, self._realm.audience)
        check_time(claims, self._clock.now())
        who = known.principal if known else Principal(claims.project, claims.sub, claims.client_id)
        epoch = await epoch_of(self._store, who)
        if known is not None and known.epoch == epoch:
            return who
        if await self._store.read(lambda tx: self._credentials.alive(tx, claims.client_id)) != who:
            raise Unauthenticated
        self._verified.put(key, _Verified(claims, who, epoch))
        return who

    async def still_good(self, principal: Principal) -> None:
        """After a wait: Unauthenticated where the credential has been paused or deleted meanwhile."""
        credential = principal.credential
        if credential is not None:
            await self._store.read(lambda tx: self._credentials.alive(tx, credential))

    async def claims(self, token: str) -> Claims:
        """What a token says, once it is known to be good."""
        await self.principal(token)
        return verify(token, self._realm.keys, self._realm.issuer, self._realm.audience)

    async def authority(self, principal: Principal, resource: Resource) -> Authority:
        """The principal's roles and grants as of now; of one that holds very many, those on this resource."""
        key = (principal.project, principal.user)
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
