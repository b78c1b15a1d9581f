"""Credentials: one table, one digest rule, one audit path for every kind. Here: access keys and sign-in sessions.

A secret is random (192 bits), shown once, and stored as SHA-256 (design: kit.crypto.digest). Each row carries a MAC over what it says
of whom it proves: a digest, an owner or a kind moved to another row is seen, and proves nothing.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal, TypeVar

import msgspec

from stagedoor.core.audit import Audit
from stagedoor.core.ceiling import ceiling_of
from stagedoor.core.epoch import subject_changed
from stagedoor.core.masterkey import CREDENTIAL, MasterKeys
from stagedoor.core.principal import Principal, application_user
from stagedoor.core.succession import Succession, succession
from stagedoor.kit.clock import Clock
from stagedoor.kit.crypto import digest, same
from stagedoor.kit.errors import Forbidden, NotFound, TokenExpired, Unauthenticated
from stagedoor.kit.ids import NewId
from stagedoor.kit.keyformat import ACCESS_KEY as FORMAT
from stagedoor.kit.keyformat import CONSOLE_SESSION as COOKIE
from stagedoor.kit.secretvalue import SecretValue
from stagedoor.store.store import Row, Transaction

P = TypeVar("P", bound=Unauthenticated)
ACCESS_KEY = "access_key"
SESSION = "session"
CONSOLE_SESSION = COOKIE.kind
SIGN_INS = (SESSION, CONSOLE_SESSION)
"""What a person's password opens."""
FEDERATED = "federated"
AUDITED = {FEDERATED: "trust"}
"""What kinds are called in the audit that are not called there as they are."""
PORTION = 500
_BOUND = ("id", "project_id", "kind", "owner", "digest", "created_by", "expires_at")
_BOUND_IF_SET = ("ceiling", "replaces", "retire_at", "retire_idle", "kid")
"""Under the MAC wherever they are set. A row without any of them is vouched for as before they existed, and one that has lost its
ceiling was never vouched for in that form."""
_FOR_PEOPLE = ("name", "mask")
_NOBODY = dict.fromkeys(_BOUND, "") | dict.fromkeys(_BOUND_IF_SET)


class TamperedCredential(Unauthenticated):
    """Invalid access key"""

    def __init__(self, row: Mapping[str, str]) -> None:
        super().__init__()
        self.project, self.owner, self.credential = row["project_id"], row["owner"], row["id"]


class AccessKey(Succession, rename="camel", frozen=True, omit_defaults=True):
    """An access key as listed; its secret is gone. INACTIVE: paused, or retired. Its last use (epoch ms, some seconds late) is left out
    where there was none."""

    id: str
    created_at: int
    status: Literal["ACTIVE", "INACTIVE"]
    last_used_at: int | None = None
    last_used_from: str | None = None


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
        key = NewAccessKey(self.new_id(), FORMAT.new())
        named = {"id": key.id, "owner": application_user(application_id)}
        self.insert(tx, who, ACCESS_KEY, {**named, "digest": digest(key.secret), "mask": FORMAT.mask(key.secret)})
        self.audit.change(tx, who, "access_key.create", f"APPLICATION {application_id}", key.id)
        return key

    def open_session(
        self, tx: Transaction, project: str, user: str, expires_at: int, *, kind: str = SESSION, cookie: SecretValue | None = None
    ) -> str:
        """A signed-in user's credential; its id. Access tokens are minted by it as by a key. `cookie`: what proves a console session."""
        who, session_id = Principal(project, user), self.new_id()
        proof = digest(cookie.reveal()) if cookie else None
        self.insert(tx, who, kind, {"id": session_id, "owner": user, "expires_at": expires_at, "digest": proof})
        self.audit.change(tx, who, "session.open", f"USER {user}", session_id)
        return session_id

    def keys_of(self, tx: Transaction, project: str, application_id: str) -> list[AccessKey]:
        rows = tx.all("credentials_of_owner", project_id=project, owner=application_user(application_id), kind=ACCESS_KEY)
        return [self._access_key(row) for row in rows]

    def key_of(self, tx: Transaction, project: str, application_id: str, key_id: str) -> AccessKey:
        self._key_row(tx, project, application_id, key_id)
        return next(key for key in self.keys_of(tx, project, application_id) if key.id == key_id)

    def toggle_key(self, tx: Transaction, who: Principal, application_id: str, key_id: str) -> AccessKey:
        """ACTIVE becomes INACTIVE and back; the tokens it minted stop and work again with it."""
        self._key_row(tx, who.project, application_id, key_id)
        self.toggle(tx, who, key_id, f"APPLICATION {application_id}", key_id)
        return self.key_of(tx, who.project, application_id, key_id)

    def toggle(self, tx: Transaction, who: Principal, credential_id: str, target: str, detail: str = "") -> None:
        """Pauses a credential of the project, of whatever kind, or resumes it where it is paused, at once. The caller has found that it is
        the one meant. `target`, `detail`: how the audit tells of it. Forbidden where one with a ceiling would resume it."""
        found = tx.one("credential_by_id", id=credential_id)
        if found is not None:
            subject_changed(tx, who.project, f"USER:{found['owner']}")
        row = tx.one("credential_by_id", id=credential_id)  # as those who came before have left it
        if row is None or row["project_id"] != who.project:
            raise NotFound(f"there is no credential {credential_id}")
        paused_at = None if row["paused_at"] else self.clock.now()
        check_resumes(who, resumes=paused_at is None)
        tx.do("credential_set_paused", project_id=who.project, id=credential_id, paused_at=paused_at)
        deed = f"{AUDITED.get(row['kind'], row['kind'])}.{'pause' if paused_at else 'resume'}"
        self.audit.change(tx, who, deed, target, detail)

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
        if row is None or row["kind"] != ACCESS_KEY or not matches or row["paused_at"] or self._past(row):
            shown = row is not None and row["kind"] == ACCESS_KEY and matches
            raise self.tampered(tx, row) or turned_away(Unauthenticated("Invalid access key"), row if shown else None)
        self.check(tx, row)
        return Principal(row["project_id"], row["owner"], key_id, ceiling_of(row["ceiling"]))

    def alive(self, tx: Transaction, credential_id: str) -> Principal:
        """The principal behind a credential that is neither deleted nor paused nor expired."""
        return self.alive_until(tx, credential_id)[0]

    def alive_until(self, tx: Transaction, credential_id: str) -> tuple[Principal, int | None]:
        """The same, and from when on (epoch ms) it is so no longer, though nothing is changed."""
        row = tx.one("credential_by_id", id=credential_id)
        if row is None or row["paused_at"]:
            raise turned_away(Unauthenticated(), row)
        if self._past(row):
            raise turned_away(TokenExpired(), row)
        self.check(tx, row)
        return Principal(row["project_id"], row["owner"], credential_id, ceiling_of(row["ceiling"])), end_of(row)

    def _past(self, row: Row) -> bool:
        """It has expired, or is retired in favour of the one that replaces it."""
        end = end_of(row)
        return end is not None and self.clock.now() >= end

    def set_retirement(self, tx: Transaction, row: Row, retire_at: int | None, retire_idle: int | None) -> None:
        """Another end of a row that is as this program wrote it (`check`), and a MAC that holds it."""
        self.check(tx, row)
        ends = {"retire_at": retire_at, "retire_idle": retire_idle}
        mac = self._mac(tx, {name: row[name] for name in (*_BOUND, *_BOUND_IF_SET)} | ends)
        tx.do("key_set_retirement", project_id=row["project_id"], id=row["id"], mac=mac, **ends)

    def _check_keeps(self, tx: Transaction, who: Principal) -> None:
        """What a trusted token allows for minutes leaves nothing behind for ever, neither a key nor another trust."""
        row = tx.one("credential_by_id", id=who.credential) if who.credential is not None else None
        if row is not None and row["kind"] == FEDERATED:
            raise Forbidden("You don't have permissions to make a key (missing: a credential of one's own, not an issuer's token)")

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

    def _access_key(self, row: Row) -> AccessKey:
        ended = row["paused_at"] or self._past(row)
        uses = (row["last_used_at"], row["last_used_from"])
        return AccessKey(row["id"], row["created_at"], "INACTIVE" if ended else "ACTIVE", *uses, **succession(row))

    def _key_row(self, tx: Transaction, project: str, application_id: str, key_id: str) -> Row:
        row = tx.one("credential_by_id", id=key_id)
        if row is None or row["project_id"] != project or row["owner"] != application_user(application_id) or row["kind"] != ACCESS_KEY:
            raise NotFound(f"application {application_id} has no access key {key_id}")
        return row

    def insert(self, tx: Transaction, who: Principal, kind: str, columns: dict[str, object]) -> None:
        """`columns`: `id` and `owner`, and whichever it has of `digest`, `expires_at`, `name`, `mask`, `ceiling`, `replaces`, `retire_at`,
        `retire_idle`, `kid`. A new credential changes no verdict already given, so the epoch stays. Forbidden to who comes by a
        credential that has a ceiling itself, and to who came by an issuer's token and would have one of its own."""
        if refuses_to_make(who):
            raise Forbidden("You don't have permissions to make a credential (missing: a credential without a ceiling)")
        if columns["owner"] == who.user:
            self._check_keeps(tx, who)
        fixed = {"project_id": who.project, "kind": kind, "created_by": who.user, "created_at": self.clock.now()}
        row = dict.fromkeys(("digest", "expires_at", *_BOUND_IF_SET, *_FOR_PEOPLE)) | fixed | columns
        tx.do("credential_insert", **row, mac=self._mac(tx, row))

    def _mac(self, tx: Transaction, row: Mapping[str, object]) -> str:
        said: list[object] = [row[name] for name in _BOUND]
        later = {name: row[name] for name in _BOUND_IF_SET if row[name] is not None}
        return self.keys.derived(tx, CREDENTIAL).mac(json.dumps([*said, later] if later else said).encode())


def refuses_to_make(who: Principal) -> bool:
    """Whatever a credential with a ceiling made would outlive it, and could be more than it is."""
    return who.ceiling is not None


def check_resumes(who: Principal, *, resumes: bool) -> None:
    """Forbidden to a credential with a ceiling where another one would be good again: that is as if it were made."""
    if resumes and refuses_to_make(who):
        raise Forbidden("You don't have permissions to resume a credential (missing: a credential without a ceiling)")


def end_of(row: Row) -> int | None:
    """The time (epoch ms) at which a credential is good no longer by itself: it expires, or is retired."""
    return min((row[name] for name in ("expires_at", "retire_at") if row[name]), default=None)


def turned_away(problem: P, row: Row | None) -> P:
    """The same, saying whose secret was shown, so that it is counted as a use that failed (core/usage.py). None: nobody's."""
    problem.whose = (row["project_id"], row["owner"], row["id"]) if row is not None else None
    return problem
