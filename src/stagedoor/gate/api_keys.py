"""API keys at the gate: recognised, made and ended. A key is looked up once for the exact bytes presented, and again whenever the epoch
of its owner has moved, so that a pause or a deletion counts at once (promise 2)."""

from dataclasses import dataclass, field

from stagedoor.core.api_key import ApiKey, ApiKeys, MadeApiKey, NewApiKey, Proven, check_format
from stagedoor.core.epoch import Epoch, epoch_of
from stagedoor.core.principal import Principal
from stagedoor.gate.authority import REMEMBERED
from stagedoor.gate.gate import Gate
from stagedoor.gate.recent import Recent
from stagedoor.kit.crypto import fingerprint

Known = Recent[bytes, tuple[Proven, Epoch]]


@dataclass(frozen=True)
class ApiKeyVerbs:
    gate: Gate
    keys: ApiKeys
    _known: Known = field(default_factory=lambda: Recent(REMEMBERED), repr=False)

    async def prove(self, key: str) -> Principal:
        """Unauthenticated in one of the contract's words. What cannot be a key is told so without touching the store."""
        digest = fingerprint(key.encode("utf-8", "surrogatepass"))
        known = self._known.get(digest)
        if known is None:
            check_format(key)
            found = await self._looked_up(key)
        else:
            found, epoch = known
            if epoch == await epoch_of(self.gate.store, found.principal) and self._in_time(found):
                return found.principal
        epoch = await epoch_of(self.gate.store, found.principal)
        found = await self._looked_up(key)  # after the epoch is known: a change that comes between moves it
        self._known.put(digest, (found, epoch))
        return found.principal

    async def _looked_up(self, key: str) -> Proven:
        return await self.gate.store.read(lambda tx: self.keys.prove(tx, key))

    def _in_time(self, found: Proven) -> bool:
        return found.expires_at is None or self.keys.clock.now() < found.expires_at

    async def create(self, who: Principal, wanted: NewApiKey) -> MadeApiKey:
        return await self.gate.store.write(lambda tx: self.keys.create(tx, who, wanted))

    async def all(self, who: Principal) -> list[ApiKey]:
        return await self.gate.store.read(lambda tx: self.keys.all(tx, who))

    async def rename(self, who: Principal, key_id: str, name: str) -> ApiKey:
        return await self.gate.store.write(lambda tx: self.keys.rename(tx, who, key_id, name))

    async def toggle(self, who: Principal, key_id: str) -> ApiKey:
        return await self.gate.store.write(lambda tx: self.keys.toggle(tx, who, key_id))

    async def delete(self, who: Principal, key_id: str) -> None:
        await self.gate.store.write(lambda tx: self.keys.delete(tx, who, key_id))
