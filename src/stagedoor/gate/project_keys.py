"""A project's keys at the gate: who manages them is asked once more in each change; who shows one is proved here."""

from dataclasses import dataclass

from stagedoor.core.principal import Principal
from stagedoor.core.project_key import ProjectKeys, SecretKeyView
from stagedoor.gate.gate import Gate
from stagedoor.gate.tenants import still_administers
from stagedoor.kit.crypto import digest
from stagedoor.kit.errors import TooManyRequests, Unauthenticated
from stagedoor.kit.secretvalue import SecretValue
from stagedoor.store.store import Transaction


@dataclass(frozen=True)
class ProjectKeyVerbs:
    gate: Gate
    keys: ProjectKeys

    async def prove(self, token: str, address: str) -> Principal:
        """The project behind a secret key. Proved first, counted after: a correct key is never refused for another's failures
        (promise 5). TooManyRequests for a wrong one, where too many were wrong before."""
        try:
            return await self.gate.look(lambda tx: self.keys.prove(tx, token))
        except Unauthenticated:
            try:
                self.gate.exchange.limits.keys.count(digest(token), address)
            except TooManyRequests:
                self.gate.exchange.failures.count(address)
                raise
            raise

    async def publishable(self, project: str) -> str | None:
        return await self.gate.look(lambda tx: self.gate.projects.publishable.of(tx, project))

    async def all(self, project: str) -> list[SecretKeyView]:
        return await self.gate.look(lambda tx: self.keys.all(tx, project))

    async def create(self, who: Principal, name: str) -> tuple[SecretKeyView, SecretValue]:
        """Shown this once."""

        def within(tx: Transaction) -> tuple[SecretKeyView, SecretValue]:
            still_administers(tx, who)
            return self.keys.create(tx, who, name)

        return await self.gate.change(within)

    async def import_digest(self, who: Principal, name: str, sha256: str) -> SecretKeyView:
        def within(tx: Transaction) -> SecretKeyView:
            still_administers(tx, who)
            return self.keys.import_digest(tx, who, name, sha256)

        return await self.gate.change(within)

    async def toggle(self, who: Principal, key_id: str) -> SecretKeyView:
        def within(tx: Transaction) -> SecretKeyView:
            still_administers(tx, who)
            return self.keys.toggle(tx, who, key_id)

        return await self.gate.change(within)

    async def delete(self, who: Principal, key_id: str) -> None:
        def within(tx: Transaction) -> None:
            still_administers(tx, who)
            self.keys.delete(tx, who, key_id)

        await self.gate.change(within)
