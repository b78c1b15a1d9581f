"""Signing in with a password: in which project, and as whom. A session is of one project and good in no other."""

from dataclasses import dataclass, field, replace

from stagedoor.core.audit import Audit
from stagedoor.core.credential import CONSOLE_SESSION, SESSION, Credentials
from stagedoor.core.epoch import name_changed, operators_changed, subject_changed
from stagedoor.core.identity import Directory
from stagedoor.core.operator import ENTRY
from stagedoor.core.password import unbound
from stagedoor.core.principal import RESERVED, Principal, operator_user
from stagedoor.core.project import DEFAULT
from stagedoor.kit.secretvalue import SecretValue
from stagedoor.store.store import Row, Transaction


@dataclass(frozen=True, slots=True)
class Entry:
    """Where somebody who knows the password gets in. `operator`: without an account there, as an operator."""

    project: str
    email: str
    user: str
    password_hash: str | None = field(repr=False)
    operator: bool = False


@dataclass(frozen=True)
class SignIns:
    credentials: Credentials
    directory: Directory
    audit: Audit

    def find(self, tx: Transaction, email: str, project: str | None, *, operator: bool = False) -> Entry | None:
        """Point reads. Without a project: the one signed in to last, else `default`, else the only one. None where there is no way in;
        TamperedCredential where the password is another's."""
        if email.startswith(RESERVED):
            return None
        if operator:
            return self._operators_entry(tx, email, project)
        rows = {row["project_id"]: row for row in tx.all("accounts_of_person", person_id=email)}
        row = rows.get(project) if project is not None else _chosen(rows)
        return Entry(row["project_id"], email, row["user_id"], self._hash(tx, email, row)) if row else None

    def open(self, tx: Transaction, entry: Entry, expires_at: int, cookie: SecretValue | None = None) -> Principal | None:
        """A session, once the password was right; a console session where there is a cookie to prove it by. None where the account, the
        operator or the password has gone meanwhile."""
        if entry.operator:
            operators_changed(tx)
        else:
            name_changed(tx, entry.project, "ROLE", "ADMIN")  # so does a deletion of the account (core/identity.py): no session outlives it
            # Nor does one by an old password: a new one is waited for, and waits (core/invite.py).
            tx.do("person_set_last_project", person_id=entry.email, project_id=entry.project)
        if self.find(tx, entry.email, entry.project, operator=entry.operator) != entry:
            return None
        who = Principal(entry.project, entry.user)
        if entry.operator:
            return self._enter(tx, who, expires_at, cookie)
        return self._session(tx, who, SESSION, expires_at, cookie)

    def _session(self, tx: Transaction, who: Principal, kind: str, expires_at: int, cookie: SecretValue | None) -> Principal:
        kind = CONSOLE_SESSION if cookie else kind
        return replace(who, credential=self.credentials.open_session(tx, who.project, who.user, expires_at, kind=kind, cookie=cookie))

    def _enter(self, tx: Transaction, who: Principal, expires_at: int, cookie: SecretValue | None) -> Principal:
        """The role ADMIN stands as a row for as long as the person is an operator (core/operator.py)."""
        if "ADMIN" not in self.directory.roles(tx, who.project, who.subject):
            subject_changed(tx, who.project, who.subject)
            self.directory.give_role(tx, who, who.subject, "ADMIN")
        inside = self._session(tx, who, ENTRY, expires_at, cookie)
        self.audit.change(tx, inside, "operator.enter", f"PROJECT {who.project}")
        return inside

    def _operators_entry(self, tx: Transaction, email: str, project: str | None) -> Entry | None:
        row = tx.one("password_of_operator", person_id=email)
        if row is None or project is None or tx.one("project_by_id", project_id=project) is None:
            return None
        return Entry(project, email, operator_user(email), self._hash(tx, email, row), operator=True)

    def _hash(self, tx: Transaction, email: str, row: Row) -> str | None:
        return unbound(tx, self.credentials.keys, email, row["password_hash"])


def _chosen(rows: dict[str, Row]) -> Row | None:
    """For a sign-in that names no project."""
    last = next((row["last_project"] for row in rows.values()), None)
    for project in (last, DEFAULT):
        if project in rows:
            return rows[project]
    return next(iter(rows.values())) if len(rows) == 1 else None
