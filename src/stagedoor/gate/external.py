"""External stores at the gate: kept, tried, and what lives in them (docs/decisions/0026-external-stores.md)."""

from dataclasses import dataclass

import msgspec

from stagedoor.core.external import ExternalStores, NewStore, Source
from stagedoor.core.permission import Access
from stagedoor.core.principal import Principal
from stagedoor.core.secret import KIND
from stagedoor.gate.gate import Gate
from stagedoor.gate.vault import FetchFailed


class Tried(msgspec.Struct, frozen=True):
    """Whether a store can be used now, and if not, why."""

    ok: bool
    message: str


@dataclass(frozen=True)
class StoreVerbs:
    gate: Gate
    external: ExternalStores

    async def put(self, who: Principal, name: str, new: NewStore) -> dict[str, object]:
        """As it is shown from now on."""
        self.gate.stores.vault.check_address(new.address)
        await self.gate.change(lambda tx: self.external.put(tx, who, name, new))
        return await self.get(who, name)

    async def get(self, who: Principal, name: str) -> dict[str, object]:
        return await self.gate.look(lambda tx: self.external.shown(tx, who.project, name))

    async def all(self, who: Principal) -> list[dict[str, object]]:
        return await self.gate.scan(lambda tx: self.external.all(tx, who.project))

    async def delete(self, who: Principal, name: str) -> None:
        await self.gate.change(lambda tx: self.external.delete(tx, who, name))

    async def check(self, who: Principal, name: str) -> Tried:
        """Asks the store for its mount, with the credential."""
        try:
            await self.gate.stores.check(who.project, name)
        except FetchFailed as problem:
            return Tried(False, problem.message)
        return Tried(True, f"store {name} answers, takes the credential, and has a KV engine of version 2 at the mount")

    async def source(self, who: Principal, secret: str) -> Source:
        return await self.gate.look(lambda tx: self.external.source(tx, who.project, secret))

    async def set_source(self, who: Principal, secret: str, source: Source) -> None:
        await self.gate.change(lambda tx: self.external.set_source(tx, who, secret, source))

    async def forget_source(self, who: Principal, secret: str) -> None:
        await self.gate.change(lambda tx: self.external.forget_source(tx, who, secret))

    async def clear_cache(self, who: Principal) -> int:
        """Of the secrets that the caller may READ: how many are asked for anew when they are next used."""
        return self.gate.stores.clear(who.project, await self.gate.visible(who, Access.READ, KIND))
