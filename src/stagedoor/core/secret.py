"""Secrets: a name, sealed versions, a policy, rights. Values travel as `SecretValue`."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import NamedTuple

import msgspec

from stagedoor.core.audit import Audit
from stagedoor.core.epoch import NOTED, name_changed, project_changed, subject_changed
from stagedoor.core.grant import Grants, authority_on, check_new_name
from stagedoor.core.permission import Access, Denied, Resource, decide
from stagedoor.core.principal import Principal
from stagedoor.core.project import Erased, Projects
from stagedoor.core.viewing import demand_release
from stagedoor.kit.clock import Clock
from stagedoor.kit.errors import BadInput, Conflict, Forbidden, NotFound
from stagedoor.kit.ids import NewId
from stagedoor.kit.secretvalue import SecretValue
from stagedoor.store.store import Row, Transaction

KIND = "SECRET_NAME"
MAX_BYTES = 65_535


class Policy(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Where a secret may be used; None = anywhere, so a misspelt field is refused. `hosts` is also the list of condition 4
    (docs/flows.md)."""

    hosts: tuple[str, ...] | None = None
    workflows: tuple[str, ...] | None = None
    task_types: tuple[str, ...] | None = msgspec.field(name="taskTypes", default=None)
    places: tuple[str, ...] | None = None
    """`<workflow>/<task reference><JSON pointer>`, for example `postage_rate/get_rate_usps/http_request/uri`."""


class Opened(msgspec.Struct, frozen=True):
    """One version of a secret, opened."""

    secret_id: str
    name: str
    version: int
    value: SecretValue


class Destroyed(NotFound):
    """the version was destroyed: its value is gone for ever"""


class Handed(NamedTuple):
    """To which task of which tree of runs a value goes: a task that comes again keeps the version it was handed first."""

    root_id: str
    task_id: str


class LivesElsewhere(Conflict):
    """the secret's value is in an external store (core/external.py)"""

    def __init__(self, name: str, secret_id: str, source: str) -> None:
        super().__init__(f"secret {name} lives in an external store: its value must be fetched first")
        self.name, self.secret_id, self.source = name, secret_id, source


class HeldByEndUsers(Conflict):
    """the name is a field of an integration: its values are end users' (core/connection.py)"""

    def __init__(self, name: str, integration: str) -> None:
        super().__init__(f"{name} is a field of integration {integration}: its values are end users', and its policy is the integration's")


@dataclass(frozen=True)
class Secrets:
    clock: Clock
    new_id: NewId
    audit: Audit
    grants: Grants
    projects: Projects

    def put(self, tx: Transaction, who: Principal, name: str, value: SecretValue) -> None:
        """A new version of the secret, or a new secret that the caller then owns. A value has at most 65,535 bytes of UTF-8."""
        check_new_name(name, "key")
        data = encoded(value)
        row = tx.one("secret_locked", project_id=who.project, name=name) or self.create(tx, who, name)
        not_of_end_users(name, row)
        if row["source"] is not None:
            way_out = f"change it there, or make it the secret's own first: DELETE /api/secrets/{name}/source"
            raise Conflict(f"secret {name} lives in an external store: {way_out}")
        version = self.add_version(tx, who, name, row, data)
        self.audit.change(tx, who, "secret.put", f"{KIND} {name}", f"version {version}")

    def add_version(self, tx: Transaction, who: Principal, name: str, row: Row, data: bytes) -> int:
        """The number of a new version of a secret, whose row (`secret_locked`) the caller holds and whose change it audits."""
        version: int = row["version"] + 1
        key_id, key = self.projects.newest_key(tx, who.project)
        sealed = key.seal(data, version_identity(who.project, row["secret_id"], version))
        now = self.clock.now()
        tx.do(
            "secret_version_insert", secret_id=row["secret_id"], version=version, key_id=key_id,
            sealed=sealed, created_by=who.user, created_at=now,
        )  # fmt: skip
        tx.do("secret_set_version", project_id=who.project, name=name, version=version, updated_by=who.user, updated_at=now)
        return version

    def exists(self, tx: Transaction, project: str, name: str) -> bool:
        return self._row(tx, project, name) is not None

    def integration(self, tx: Transaction, project: str, name: str) -> str | None:
        """Of which integration the name is a field, in a transaction that opens it; None for a secret of the project's own."""
        row = self._kept(tx, project, name)
        return row["integration"] if row else None

    def secret_id(self, tx: Transaction, project: str, name: str) -> str | None:
        row = self._row(tx, project, name)
        return row["secret_id"] if row else None

    def names(self, tx: Transaction, project: str) -> list[str]:
        return [row["name"] for row in tx.all("secrets_of_project", project_id=project)]

    def open(self, tx: Transaction, project: str, name: str, handed: Handed | None = None) -> Opened:
        """The newest version's value, or the one handed before. NotFound by name; LivesElsewhere (gate/stores.py catches it); the caller
        audits the viewing."""
        row = self._kept(tx, project, name)
        if row is None:
            raise NotFound(f"there is no secret {name}")
        not_of_end_users(name, row)
        before = tx.one("version_handed", secret_id=row["secret_id"], **handed._asdict()) if handed else None
        kept = before["version"] if before else None
        if kept is None and row["source"] is not None:
            raise LivesElsewhere(name, row["secret_id"], row["source"])
        version = row["version"] if kept is None else kept
        return Opened(row["secret_id"], name, version, self._open(tx, project, row, version))

    def _open(self, tx: Transaction, project: str, row: Row, version: int) -> SecretValue:
        """A version of the secret whose row (`secret_kept`) holds the newest one, sealed, if that is there and opens."""
        if version != row["version"] or row["destroyed_at"] is not None or row["wrapped"] is None:
            return self.open_version(tx, project, row["secret_id"], version)
        key = self.projects.in_memory(project, row["key_id"]) or self.projects.unwrapped(
            tx, project, {"key_id": row["key_id"], "sealed": row["wrapped"], "master_id": row["master_id"]}
        )
        identity = version_identity(project, row["secret_id"], version)
        value = SecretValue(key.open(row["sealed"], identity).decode())
        if tx.writes:
            tx.notes[identity] = value
        return value

    def shut(self, tx: Transaction, project: str, name: str) -> str | None:
        """Why no door opens it: there is none, or it has expired. For a transaction that opens it: a deletion, another expiry or policy,
        once acknowledged, comes before or after all of it."""
        row = self._kept(tx, project, name)
        if row is None:
            return f"there is no secret {name}"
        return f"secret {name} expired {at_text(row['expires_at'])}" if self._expired(row) else None

    def expired(self, tx: Transaction, project: str, name: str) -> bool:
        row = self._row(tx, project, name)
        return row is not None and self._expired(row)

    def _expired(self, row: Row) -> bool:
        return row["expires_at"] is not None and row["expires_at"] <= self.clock.now()

    def view(self, tx: Transaction, who: Principal, name: str, opener: "Opener | None" = None) -> SecretValue:
        """The value for a caller who may READ it: one audit row. An expired one is shown to who may UPDATE it as well (decision 0023).

        `opener` in place of `open`: asked last, so that nothing is fetched for who may not see it."""
        if self._kept(tx, who.project, name) is None:
            raise NotFound(f"there is no secret {name}")
        released = demand_release(tx, who, name, self.clock.now())
        expired, secret = self.shut(tx, who.project, name), Resource(KIND, name)
        if expired and isinstance(decide(who, Access.UPDATE, secret, authority_on(tx, who, secret)), Denied):
            raise Forbidden(f"{expired}: only who may UPDATE it can view it (missing: UPDATE on {KIND} {name})")
        opened = (opener or self.open)(tx, who.project, name)
        told = f"version {opened.version}" + (f", {released}" if released else "")
        self.audit.change(tx, who, "secret.view", f"{KIND} {name}", told)
        return opened.value

    def open_version(self, tx: Transaction, project: str, secret_id: str, version: int) -> SecretValue:
        identity = version_identity(project, secret_id, version)
        if tx.writes and identity in tx.notes:  # opened by this very transaction, which now looks for it in what it is about to store
            known: SecretValue = tx.notes[identity]
            return known
        row = tx.one("secret_version_by_id", secret_id=secret_id, version=version)
        if row is None:
            raise NotFound(f"secret {secret_id} has no version {version}")
        if row["destroyed_at"] is not None:
            raise Destroyed
        try:
            key = self.projects.key(tx, project, row["key_id"])
        except Erased:  # sealed anew between the two statements (core/resealing.py), or gone for ever
            again = tx.one("secret_version_by_id", secret_id=secret_id, version=version)
            if again is None or again["key_id"] == row["key_id"]:
                raise
            row, key = again, self.projects.key(tx, project, again["key_id"])
        return SecretValue(key.open(row["sealed"], identity).decode())

    def delete(self, tx: Transaction, who: Principal, name: str) -> None:
        """With its versions, grants and tags. An absent one is no error (contract/orkes.md 0.8)."""
        name_changed(tx, who.project, KIND, name)
        if not self.exists(tx, who.project, name):
            return
        project_changed(tx, who.project)
        row = tx.one("secret_locked", project_id=who.project, name=name)
        if row is None:
            return
        not_of_end_users(name, row)
        tx.do("secret_versions_retire", secret_id=row["secret_id"])
        tx.do("secret_delete", project_id=who.project, name=name)
        self.grants.forget(tx, who.project, Resource(KIND, name))
        self.audit.change(tx, who, "secret.delete", f"{KIND} {name}")

    def policy(self, tx: Transaction, project: str, name: str) -> Policy:
        row = self._row(tx, project, name)
        if row is None:
            raise NotFound(f"there is no secret {name}")
        return msgspec.json.decode(row["policy"], type=Policy)

    def set_policy(self, tx: Transaction, who: Principal, name: str, policy: Policy) -> None:
        self.policy(tx, who.project, name)
        not_of_end_users(name, self._row(tx, who.project, name))
        project_changed(tx, who.project)
        tx.do("secret_set_policy", project_id=who.project, name=name, policy=msgspec.json.encode(policy).decode())
        self.audit.change(tx, who, "secret.policy", f"{KIND} {name}")

    def _row(self, tx: Transaction, project: str, name: str) -> Row | None:
        return tx.one("secret_by_name", project_id=project, name=name)

    def _kept(self, tx: Transaction, project: str, name: str) -> Row | None:
        """Asked by each condition in turn: what was found once stands until the transaction ends, or raises an epoch."""
        if not tx.writes:
            return tx.one("secret_kept", project_id=project, name=name)
        notes, note = tx.notes, f"secret_kept {project} {name}"
        if note not in notes:
            notes[note] = tx.lasting("secret_kept", project_id=project, name=name)
            notes.pop(NOTED, None)  # it may have waited for the row, and epochs that were read before are of no use
        found: Row | None = notes[note]
        return found

    def create(self, tx: Transaction, who: Principal, name: str) -> Row:
        """The row of a secret that has no version yet; its five grants go to the caller."""
        subject_changed(tx, who.project, who.subject)
        secret_id, now = self.new_id(), self.clock.now()
        tx.do(
            "secret_insert", project_id=who.project, name=name, secret_id=secret_id, version=0, policy="{}",
            created_by=who.user, created_at=now, updated_by=who.user, updated_at=now,
        )  # fmt: skip
        self.grants.own(tx, who, Resource(KIND, name))
        return {"secret_id": secret_id, "version": 0, "source": None, "integration": None}


Opener = Callable[[Transaction, str, str], Opened]
"""(tx, project, name) -> the newest version, opened."""


def not_of_end_users(name: str, row: Row | None) -> None:
    """HeldByEndUsers where the row is an integration's field: nothing done to a secret of the project is done to it."""
    if row is not None and row["integration"] is not None:
        raise HeldByEndUsers(name, row["integration"])


def encoded(value: SecretValue) -> bytes:
    """A value as it is sealed. BadInput where it is too long, or no Unicode text."""
    try:
        data = value.reveal().encode()
    except UnicodeEncodeError:
        raise BadInput("value: it is not valid Unicode text", "value") from None
    if len(data) > MAX_BYTES:
        raise BadInput(f"value: it has more than {MAX_BYTES} bytes", "value")
    return data


def at_text(milliseconds: int) -> str:
    """A time as messages show it: `2026-11-22 09:30 UTC`."""
    return datetime.fromtimestamp(milliseconds / 1000, UTC).strftime("%Y-%m-%d %H:%M UTC")


def version_identity(project: str, secret_id: str, version: int) -> str:
    return f"secret_version:{project}:{secret_id}:{version}"
