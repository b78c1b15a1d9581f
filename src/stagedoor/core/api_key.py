"""API keys: `orch_` + 32 hex characters + 8 of CRC32, for scripts and CI (contract/orchestrator-keys.md).

A key belongs to whoever made it and may do at most what that one may, and at most what its own ceiling allows
(docs/decisions/0032-keys-and-ceilings.md). It is shown once and stored as SHA-256.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, TypeVar

import msgspec

from stagedoor.core.audit import Audit
from stagedoor.core.ceiling import Ceiling, Within, ceiling_of, text_of
from stagedoor.core.credential import Credentials, turned_away
from stagedoor.core.epoch import subject_changed
from stagedoor.core.grant import Target, authority_on, thing_of
from stagedoor.core.permission import NOTHING
from stagedoor.core.principal import OPERATOR_PREFIX, Principal
from stagedoor.core.revocation import check_still_good
from stagedoor.core.role import ACCESSES, PERMISSIONS
from stagedoor.core.succession import Succession, succession
from stagedoor.kit.clock import Clock
from stagedoor.kit.crypto import digest
from stagedoor.kit.errors import BadInput, Conflict, Forbidden, NotFound, Unauthenticated
from stagedoor.kit.ids import NewId
from stagedoor.kit.keyformat import API_KEY
from stagedoor.kit.strictjson import check_name
from stagedoor.store.store import Row, Transaction

T = TypeVar("T")
KIND = API_KEY.kind
MOST_KEYS = 1_000
"""Of one owner: its list comes whole."""
MOST_PARTS = 200
"""Roles or resources of one ceiling: they are gone through with every change of rights."""
Status = Literal["ACTIVE", "PAUSED", "EXPIRED", "RETIRED"]


class BadFormat(Unauthenticated):
    """Invalid API key format"""


class UnknownKey(Unauthenticated):
    """API key not found"""


class CeilingBody(msgspec.Struct, frozen=True, rename="camel", forbid_unknown_fields=True):
    """As sent and as shown; empty and missing parts limit nothing."""

    roles: Sequence[str] = ()
    access: Sequence[str] = ()
    resources: Sequence[Target] = ()
    read_only: bool = False


class NewApiKey(msgspec.Struct, frozen=True, rename="camel", forbid_unknown_fields=True):
    """What a key is made from. `expires_at` in epoch milliseconds; without it the key has no end."""

    name: str
    expires_at: int | None = None
    ceiling: CeilingBody | None = None


class MadeApiKey(msgspec.Struct, frozen=True, rename="camel"):
    """A key as made: the only time that `key` is shown."""

    id: str
    name: str
    key: str
    mask: str
    created_at: int

    def __repr__(self) -> str:
        return f"MadeApiKey(id={self.id!r}, mask={self.mask!r}, key=***)"


class ApiKey(Succession, frozen=True, rename="camel", omit_defaults=True):
    """A key as listed. Times in epoch milliseconds; `last_used_at` is some seconds late."""

    id: str
    name: str
    mask: str
    status: Status
    created_at: int
    expires_at: int | None
    last_used_at: int | None
    last_used_from: str | None
    ceiling: CeilingBody | None


@dataclass(frozen=True, slots=True)
class Proven:
    """Whom a key speaks for, and from when on (epoch ms) it no longer does."""

    principal: Principal
    expires_at: int | None


@dataclass(frozen=True)
class ApiKeys:
    clock: Clock
    new_id: NewId
    audit: Audit
    credentials: Credentials

    def create(self, tx: Transaction, who: Principal, wanted: NewApiKey) -> MadeApiKey:
        """Forbidden to who may have no keys of its own; BadInput names the field."""
        may_have_keys(who)
        check_name(wanted.name, "name")
        now = self.clock.now()
        if wanted.expires_at is not None and not now < wanted.expires_at < 2**53:
            raise BadInput("expiresAt: it must be a time to come, in epoch milliseconds", "expiresAt")
        ceiling = checked(tx, who.project, wanted.ceiling)
        subject_changed(tx, who.project, who.subject)  # so that the keys of one owner are counted one after another
        check_still_good(tx, self.credentials, who)  # nor does one that was ended meanwhile leave another behind
        self.check_room(tx, who)
        key = API_KEY.new()
        made = MadeApiKey(self.new_id(), wanted.name, key, API_KEY.mask(key), now)
        columns: dict[str, object] = {
            "id": made.id, "owner": who.user, "digest": digest(key), "expires_at": wanted.expires_at, "name": made.name, "mask": made.mask,
            "ceiling": text_of(ceiling), "created_at": now,
        }  # fmt: skip
        self.credentials.insert(tx, who, KIND, columns)
        self.audit.change(tx, who, "api_key.create", _target(made.id), wanted.name)
        return made

    def check_room(self, tx: Transaction, who: Principal, more: int = 1) -> None:
        """Conflict for whom so many more would be too many."""
        if len(self._rows(tx, who)) + more > MOST_KEYS:
            raise Conflict(f"{who.user} has {MOST_KEYS} API keys: delete one first")

    def all(self, tx: Transaction, who: Principal) -> list[ApiKey]:
        """The caller's own, oldest first; one with a ceiling sees no other key than itself."""
        now = self.clock.now()
        return [_shown(row, now) for row in self._rows(tx, who) if who.ceiling is None or row["id"] == who.credential]

    def get(self, tx: Transaction, who: Principal, key_id: str) -> ApiKey:
        """NotFound for another's, as for none."""
        row = tx.one("api_key_of_owner", project_id=who.project, owner=who.user, id=key_id)
        if row is None:
            raise _absent(key_id)
        return _shown(row, self.clock.now())

    def rename(self, tx: Transaction, who: Principal, key_id: str, name: str) -> ApiKey:
        may_have_keys(who)
        check_name(name, "name")
        self.get(tx, who, key_id)
        tx.do("credential_rename", project_id=who.project, id=key_id, name=name)
        self.audit.change(tx, who, "api_key.rename", _target(key_id), name)
        return self.get(tx, who, key_id)

    def toggle(self, tx: Transaction, who: Principal, key_id: str) -> ApiKey:
        """ACTIVE becomes PAUSED, at once, and back."""
        may_have_keys(who)
        self.get(tx, who, key_id)
        self.credentials.toggle(tx, who, key_id, _target(key_id))
        return self.get(tx, who, key_id)

    def delete(self, tx: Transaction, who: Principal, key_id: str) -> None:
        """One's own; for an administrator anybody's in the project, so that no key stays that nobody can end."""
        _without_ceiling(who)
        subject_changed(tx, who.project, f"USER:{self._owner(tx, who, key_id)}")
        if not tx.do("credential_delete", project_id=who.project, id=key_id):
            raise _absent(key_id)
        self.audit.change(tx, who, "api_key.delete", _target(key_id))

    def prove(self, tx: Transaction, key: str) -> Proven:
        """By the whole key. UnknownKey where it is deleted or paused as well; TokenExpired past its time."""
        row = tx.one("credential_by_digest", digest=digest(key), kind=KIND)
        if row is None or row["paused_at"]:
            raise self.credentials.tampered(tx, row) or turned_away(UnknownKey(), row)
        return Proven(*self.credentials.alive_until(tx, row["id"]))

    def _owner(self, tx: Transaction, who: Principal, key_id: str) -> str:
        """Whose key it is. NotFound for another's to who is no administrator."""
        row = tx.one("credential_by_id", id=key_id)
        if row is None or (row["project_id"], row["kind"]) != (who.project, KIND):
            raise _absent(key_id)
        if row["owner"] != who.user and not authority_on(tx, who, NOTHING).administers:
            raise _absent(key_id)
        return str(row["owner"])

    def _rows(self, tx: Transaction, who: Principal) -> list[Row]:
        return tx.all("api_keys_of_owner", project_id=who.project, owner=who.user)


def check_format(key: str) -> None:
    """BadFormat by prefix, length and alphabet; UnknownKey by the checksum: no such key was ever made."""
    if not API_KEY.shaped(key):
        raise BadFormat
    if not API_KEY.holds(key):
        raise UnknownKey


def _absent(key_id: str) -> NotFound:
    return NotFound(f"there is no API key {key_id}")


def _without_ceiling(who: Principal) -> None:
    if who.ceiling is not None:
        raise Forbidden("You don't have permissions to make or change API keys (missing: a credential without a ceiling)")


def may_have_keys(who: Principal) -> None:
    """Forbidden to a credential that has a ceiling, and to an operator who is inside a project for a while."""
    _without_ceiling(who)
    if who.user.startswith(OPERATOR_PREFIX):
        raise Forbidden("You don't have permissions to make API keys (missing: an account in this project)")


def checked(tx: Transaction, project: str, wanted: CeilingBody | None) -> Ceiling | None:
    """A ceiling as kept. BadInput where a part names what there is not."""
    if wanted is None:
        return None
    for name, part in (("roles", wanted.roles), ("resources", wanted.resources), ("access", wanted.access)):
        if len(part) > MOST_PARTS:
            raise BadInput(f"ceiling.{name}: more than {MOST_PARTS}", f"ceiling.{name}")
    for role in wanted.roles:
        if role not in PERMISSIONS and tx.one("custom_role_by_name", project_id=project, name=role) is None:
            raise BadInput(f"ceiling.roles: there is no role {role[:100]}", "ceiling.roles")
    for access in wanted.access:
        if access not in ACCESSES:
            raise BadInput(f"ceiling.access: {access[:100]} is not one of {', '.join(ACCESSES)}", "ceiling.access")
    resources = [Within(*thing_of(one, "ceiling.resources")) for one in wanted.resources]
    ceiling = Ceiling(_once(wanted.roles), _once(wanted.access), _once(resources), wanted.read_only)
    return ceiling if ceiling.limits else None


def _once(items: Sequence[T]) -> tuple[T, ...]:
    return tuple(dict.fromkeys(items))


def _target(key_id: str) -> str:
    return f"CREDENTIAL {key_id}"


def _shown(row: Row, now: int) -> ApiKey:
    return ApiKey(
        row["id"], row["name"], row["mask"], _status(row, now), row["created_at"], row["expires_at"], row["last_used_at"],
        row["last_used_from"], _ceiling(row["ceiling"]), **succession(row),
    )  # fmt: skip


def _ceiling(text: str | None) -> CeilingBody | None:
    found = ceiling_of(text)
    if found is None:
        return None
    return CeilingBody(found.roles, found.access, [Target(*msgspec.structs.astuple(one)) for one in found.resources], found.read_only)


def _status(row: Row, now: int) -> Status:
    if row["paused_at"]:
        return "PAUSED"
    if row["expires_at"] and now >= row["expires_at"]:
        return "EXPIRED"
    return "RETIRED" if row["retire_at"] and now >= row["retire_at"] else "ACTIVE"
