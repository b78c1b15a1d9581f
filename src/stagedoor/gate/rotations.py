"""Rotation of keys at the gate: who may make such a key may rotate it, asked once more in the change. And the retirement of those that
nobody uses any more, by whichever node looks first."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import TypeVar

from stagedoor.core.api_key import KIND as API_KEY
from stagedoor.core.api_key import ApiKey, ApiKeys, may_have_keys
from stagedoor.core.credential import ACCESS_KEY, AccessKey, Credentials
from stagedoor.core.grant import asked_again
from stagedoor.core.overlap import Overlap, Rotated, Rotation, Which, overlap_of, retire_unused, unused_keys
from stagedoor.core.permission import Access, Resource
from stagedoor.core.principal import Principal, application_user, project_user
from stagedoor.core.project_key import SECRET_KEY, ProjectKeys, SecretKeyView
from stagedoor.gate.gate import Gate
from stagedoor.gate.tenants import still_administers
from stagedoor.store.store import Store, Transaction

T = TypeVar("T")


@dataclass(frozen=True)
class Rotations:
    """`rotate_*` shows the new key this once; `roll_back_*` answers the old one as it is listed then."""

    gate: Gate
    overlap: Overlap
    api_keys: ApiKeys
    project_keys: ProjectKeys

    async def rotate_access_key(self, who: Principal, application: str, key_id: str, how: Rotation) -> Rotated:
        def within(tx: Transaction) -> Rotated:
            rotated = self.overlap.rotate(tx, who, Which(ACCESS_KEY, application_user(application), key_id), how)
            self.gate.applications.check_new_key(tx, who, application)  # as those left it who were waited for
            return rotated

        return await self.gate.change(_updating(who, application, within))

    async def roll_back_access_key(self, who: Principal, application: str, key_id: str) -> AccessKey:
        def within(tx: Transaction) -> AccessKey:
            self.overlap.rollback(tx, who, Which(ACCESS_KEY, application_user(application), key_id))
            self.gate.applications.check_new_key(tx, who, application)
            return self.gate.credentials.key_of(tx, who.project, application, key_id)

        return await self.gate.change(_updating(who, application, within))

    async def rotate_api_key(self, who: Principal, key_id: str, how: Rotation) -> Rotated:
        def within(tx: Transaction) -> Rotated:
            may_have_keys(who)
            rotated = self.overlap.rotate(tx, who, Which(API_KEY, who.user, key_id), how)
            self.api_keys.check_room(tx, who, more=0)
            return rotated

        return await self.gate.change(within)

    async def roll_back_api_key(self, who: Principal, key_id: str) -> ApiKey:
        def within(tx: Transaction) -> ApiKey:
            may_have_keys(who)
            self.overlap.rollback(tx, who, Which(API_KEY, who.user, key_id))
            return self.api_keys.get(tx, who, key_id)

        return await self.gate.change(within)

    async def rotate_secret_key(self, who: Principal, key_id: str, how: Rotation) -> Rotated:
        def within(tx: Transaction) -> Rotated:
            still_administers(tx, who)
            return self.overlap.rotate(tx, who, Which(SECRET_KEY, project_user(who.project), key_id), how)

        return await self.gate.change(within)

    async def roll_back_secret_key(self, who: Principal, key_id: str) -> SecretKeyView:
        def within(tx: Transaction) -> SecretKeyView:
            still_administers(tx, who)
            self.overlap.rollback(tx, who, Which(SECRET_KEY, project_user(who.project), key_id))
            return self.project_keys.get(tx, who.project, key_id)

        return await self.gate.change(within)


@dataclass(frozen=True)
class Retiring:
    """A chore (gate/chores.py). It judges by what all nodes have written."""

    store: Store
    credentials: Credentials

    async def look(self, project: str, now: int) -> None:
        for row in await self.store.scan(partial(unused_keys, project=project, now=now)):
            await self.store.write(partial(retire_unused, credentials=self.credentials, project=project, candidate=row))


def rotations(gate: Gate, api_keys: ApiKeys, project_keys: ProjectKeys) -> Rotations:
    return Rotations(gate, overlap_of(gate.credentials, project_keys), api_keys, project_keys)


def _updating(who: Principal, application: str, change: Callable[[Transaction], T]) -> Callable[[Transaction], T]:
    return asked_again(who, Resource("APPLICATION", application), (Access.UPDATE,), change)
