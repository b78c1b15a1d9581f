"""Inviting users, and what they do with the link they get: no credential is asked for there but the link itself."""

from dataclasses import dataclass
from functools import partial

from stagedoor.core.credential import TamperedCredential
from stagedoor.core.invite import GONE, Invites, NewInvite
from stagedoor.core.principal import Principal
from stagedoor.gate.hashing import Hashing
from stagedoor.kit.errors import NotFound
from stagedoor.store.store import Store


@dataclass(frozen=True)
class Invitations:
    store: Store
    invites: Invites
    hashing: Hashing

    async def create(self, who: Principal, user: str) -> NewInvite:
        return await self.store.write(lambda tx: self.invites.create(tx, who, user))

    async def invited(self, invite_id: str, secret: str) -> Principal:
        try:
            return await self.store.read(lambda tx: self.invites.invited(tx, invite_id, secret))
        except TamperedCredential as problem:
            await self.store.write(partial(self.invites.credentials.refused, problem=problem))
            raise NotFound(GONE) from None

    async def accept(self, invite_id: str, secret: str, password: str, address: str) -> Principal:
        """BadInput on a password that is too short; the link stays good then. It is proved before anything is hashed."""
        await self.invited(invite_id, secret)
        with self.hashing.place(address):
            hashed = await self.hashing.hashed(password)
        return await self.store.write(lambda tx: self.invites.accept(tx, invite_id, secret, hashed))
