"""Credentials: one table, one digest rule, one audit path for every kind. Here: access keys and sign-in sessions.

A secret is random (192 bits), shown once, and stored as SHA-256 (design: kit.crypto.digest). Each row carries a MAC over what it says
of whom it proves: a digest, an owner or a kind moved to another row is seen, and proves nothing.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

import msgspec

from stagedoor.core.audit import Audit
from stagedoor.core.epoch import subject_changed
from stagedoor.core.masterkey import CREDENTIAL, MasterKeys
from stagedoor.core.principal import Principal, application_user
from stagedoor.kit.clock import Clock
from stagedoor.kit.crypto import digest, same
from stagedoor.kit.errors import NotFound, TokenExpired, Unauthenticated
from stagedoor.kit.ids import NewId, new_token
from stagedoor.store.store import Row, Transaction

ACCESS_KEY = "access_key"
SESSION = "session"
SECRET_PREFIX = "sds_"  # noqa: S105  a prefix for scanners, no secret
PORTION = 500
_BOUND = ("id", "project_id", "kind", "owner", "digest", "created_by", "expires_at")
_NOBODY = dict.fromkeys(_BOUND, "")


class TamperedCredential(Unauthenticated):
    """Invalid access key"""

    def __init__(self, row: Mapping[str, str]) -> None:
        super().__init__()
        self.project, self.owner, self.credential = row["project_id"], row["owner"], row["id"]


class AccessKey(msgspec.Struct, rename="camel", frozen=True):
    """An access key as listed; its secret is gone."""

    id: str
    created_at: int
    status: Literal["ACTIVE", "INACTIVE"]


class NewAccessKey(msgspec.Struct, frozen=True):
    """An access key as created: the only time its secret is shown."""

    id: str
    secret: str

    def __repr__(self) -> str:
        return f"NewAccessKey(id={self.id!r}, secret=***)"


@dataclass(frozen=True)
class Credentials:
    clock: Clock
    new_id: NewId
    audit: Audit
    keys: MasterKeys

    def create_key(self, tx: Transaction, who: Principal, application_id: str) -> NewAccessKey:
        if tx.one("application_by_id", project_id=who.project, id=application_id) is None:
            raise NotFound(f"there is no application {application_id}")
        key = NewAccessKey(self.new_id(), new_token(SECRET_PREFIX))
        self.insert(tx, who, ACCESS_KEY, {"id": key.id, "owner": application_user(application_id), "digest": digest(key.secret)})
        self.audit.change(tx, who, "access_key.create", f"APPLICATION {application_id}", key.id)
        return key

    def open_session(self, tx: Transaction, project: str, user: str, expires_at: int, *, kind: str = SESSION) -> str:
        """A signed-in user's credential; its id. Access tokens are minted by it as by a key."""
        who, session_id = Principal(project, user), self.new_id()
        self.insert(tx, who, kind, {"id": session_id, "owner": user, "expires_at": expires_at})
        self.audit.change(tx, who, "session.open", f"USER {user}", session_id)
        return session_id

    def keys_of(self, tx: Transaction, project: str, application_id: str) -> list[AccessKey]:
        rows = tx.all("credentials_of_owner", project_id=project, owner=application_user(application_id), kind=ACCESS_KEY)
        return [_access_key(row) for row in rows]

    def key_of(self, tx: Transaction, project: str, application_id: str, key_id: str) -> AccessKey:
        return _access_key(self._key_row(tx, project, application_id, key_id))

    def toggle_key(self, tx: Transaction, who: Principal, application_id: str, key_id: str) -> AccessKey:
        """ACTIVE becomes INACTIVE and back; the tokens it minted stop and work again with it."""
        subject_changed(tx, who.project, f"USER:{application_user(application_id)}")
        row = self._key_row(tx, who.project, application_id, key_id)
        paused_at = None if row["paused_at"] else self.clock.now()
        tx.do("credential_set_paused", project_id=who.project, id=key_id, paused_at=paused_at)
        self.audit.change(tx, who, "access_key.pause" if paused_at else "access_key.resume", f"APPLICATION {application_id}", key_id)
        return self.key_of(tx, who.project, application_id, key_id)

    def delete_key(self, tx: Transaction, who: Principal, application_id: str, key_id: str) -> None:
        self._key_row(tx, who.project, application_id, key_id)
        subject_changed(tx, who.project, f"USER:{application_user(application_id)}")
        tx.do("credential_delete", project_id=who.project, id=key_id)
        self.audit.change(tx, who, "access_key.delete", f"APPLICATION {application_id}", key_id)

    def application_of_key(self, tx: Transaction, project: str, key_id: str) -> str | None:
        """The id of the application a key belongs to."""
        row = tx.one("credential_by_id", id=key_id)
        if row is None or row["project_id"] != project or row["kind"] != ACCESS_KEY:
            return None
        return str(row["owner"]).removeprefix("app:")

    def prove_key(self, tx: Transaction, key_id: str, secret: str) -> Principal:
        """The principal of an access key. A wrong id, a wrong secret, a paused and a deleted key fail alike (promise 5)."""
        row = tx.one("credential_by_id", id=key_id)
        matches = same(digest(secret), row["digest"] if row and row["digest"] else digest(""))
        if row is None or row["kind"] != ACCESS_KEY or not matches or row["paused_at"]:
            raise self.tampered(tx, row) or Unauthenticated("Invalid access key")
        self.check(tx, row)
        return Principal(row["project_id"], row["owner"], key_id)

    def alive(self, tx: Transaction, credential_id: str) -> Principal:
        """The principal behind a credential that is neither deleted nor paused nor expired."""
        row = tx.one("credential_by_id", id=credential_id)
        if row is None or row["paused_at"]:
            raise Unauthenticated
        if row["expires_at"] and self.clock.now() >= row["expires_at"]:
            raise TokenExpired
        self.check(tx, row)
        return Principal(row["project_id"], row["owner"], credential_id)

    def check(self, tx: Transaction, row: Row) -> None:
        """TamperedCredential where the row is not as this program wrote it."""
        problem = self.tampered(tx, row)
        if problem is not None:
            raise problem

    def tampered(self, tx: Transaction, row: Row | None) -> TamperedCredential | None:
        """None as well where there is no row, after as long a look."""
        mac = self._mac(tx, row or _NOBODY)
        return None if row is None or same(row["mac"] or "", mac) else TamperedCredential(row)

    def refused(self, tx: Transaction, problem: TamperedCredential) -> None:
        """The audit row of it."""
        who = Principal(problem.project, problem.owner, problem.credential)
        detail = "its row was changed by something else than this program, or mixed up with another's"
        self.audit.refusal(tx, who, "credential.tampered", f"CREDENTIAL {problem.credential}", detail)

    def vouch_for_old(self, tx: Transaction) -> None:
        """Rows of an earlier version carry no MAC. Once, when the store first meets this one: afterwards such a row is tampered with."""
        while rows := tx.all("credentials_without_mac", portion=PORTION):
            tx.do_each(
                "credential_set_mac", [{"project_id": row["project_id"], "id": row["id"], "mac": self._mac(tx, row)} for row in rows]
            )  # fmt: skip

    def _key_row(self, tx: Transaction, project: str, application_id: str, key_id: str) -> Row:
        row = tx.one("credential_by_id", id=key_id)
        if row is None or row["project_id"] != project or row["owner"] != application_user(application_id) or row["kind"] != ACCESS_KEY:
            raise NotFound(f"application {application_id} has no access key {key_id}")
        return row

    def insert(self, tx: Transaction, who: Principal, kind: str, columns: dict[str, object]) -> None:
        """`columns`: `id` and `owner`, where it has them `digest` and `expires_at`. A new credential changes no verdict already given,
        so the epoch stays."""
        fixed = {"project_id": who.project, "kind": kind, "created_by": who.user, "created_at": self.clock.now()}
        row = {"digest": None, "expires_at": None} | fixed | columns
        tx.do("credential_insert", **row, mac=self._mac(tx, row))

    def _mac(self, tx: Transaction, row: Mapping[str, object]) -> str:
        return self.keys.derived(tx, CREDENTIAL).mac(json.dumps([row[name] for name in _BOUND]).encode())


def _access_key(row: Row) -> AccessKey:
    return AccessKey(row["id"], row["created_at"], "INACTIVE" if row["paused_at"] else "ACTIVE")
