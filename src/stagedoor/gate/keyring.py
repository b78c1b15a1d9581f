"""The signing keys as this node has them: read again whenever their epoch has moved, or a token names one that is not known yet."""

from dataclasses import dataclass, field

from stagedoor.core.signing import SIGNING, Held, SigningKeys
from stagedoor.kit.clock import Clock
from stagedoor.kit.crypto import SealBroken
from stagedoor.kit.errors import Unauthenticated, Unavailable
from stagedoor.kit.ids import is_id
from stagedoor.kit.tokens import SigningKey
from stagedoor.store.store import Store


@dataclass
class Keyring:
    store: Store
    signing: SigningKeys
    clock: Clock
    _held: dict[str, Held] = field(default_factory=dict)
    _number: int = -1

    async def signer(self) -> SigningKey:
        await self._follow()
        return next(iter(self._held.values())).key

    async def verifier(self, kid: str) -> SigningKey:
        """Unauthenticated where there is none of that name, or none any more. One that another node has just made is looked for."""
        await self._follow()
        if kid not in self._held and is_id(kid) and await self.store.read(lambda tx: self.signing.knows(tx, kid)):
            try:
                await self._read()
            except SealBroken:  # a row that this program did not write
                raise Unauthenticated from None
        held = self._held.get(kid)
        if held is None or (held.retires_at is not None and self.clock.now() >= held.retires_at):
            raise Unauthenticated
        return held.key

    async def published(self) -> list[SigningKey]:
        """What others may verify by, the one that signs first."""
        await self._follow()
        now = self.clock.now()
        return [held.key for held in self._held.values() if held.retires_at is None or now < held.retires_at]

    async def _follow(self) -> None:
        """Unavailable where it cannot be known whether the keys still count."""
        try:
            number = self.store.epoch(SIGNING)
        except Unavailable:
            number = await self.store.fresh_epoch(SIGNING)
        if number != self._number:
            await self._read()
            self._number = number

    async def _read(self) -> None:
        found = await self.store.scan(lambda tx: self.signing.held(tx, self._held))
        self._held = {held.key.kid: held for held in found}


@dataclass(frozen=True)
class Realm:
    """Who issues the tokens this server takes, and for whom."""

    issuer: str
    audience: str
    keys: Keyring
