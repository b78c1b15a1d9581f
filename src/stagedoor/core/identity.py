"""Persons and their accounts in projects. A person (with a password) is global; an account is a person in one project."""

from dataclasses import dataclass

from stagedoor.core.audit import Audit
from stagedoor.core.epoch import subject_changed
from stagedoor.core.principal import Principal
from stagedoor.core.role import PERMISSIONS
from stagedoor.kit.clock import Clock
from stagedoor.kit.errors import BadInput, Conflict
from stagedoor.kit.ids import NewId
from stagedoor.store.store import Row, Transaction


@dataclass(frozen=True)
class Directory:
    clock: Clock
    new_id: NewId
    audit: Audit

    def create(self, tx: Transaction, who: Principal, email: str, password_hash: str | None, roles: list[str]) -> None:
        """A person with an account in the caller's project. Conflict where the account exists; unknown roles are BadInput."""
        if email.startswith("app:") or not email:
            raise BadInput("email: it is empty or starts with `app:`", "email")
        for role in roles:
            if role not in PERMISSIONS:
                raise BadInput(f"roles: there is no role {role}", "roles")
        if self.account(tx, who.project, email) is not None:
            raise Conflict(f"there is a user {email} already")
        now = self.clock.now()
        subject_changed(tx, who.project, f"USER:{email}")
        tx.do("person_insert", id=email, password_hash=password_hash, created_at=now)
        tx.do("account_insert", project_id=who.project, user_id=email, person_id=email, uuid=self.new_id(), name=email, created_at=now)
        for role in roles:
            self.give_role(tx, who, f"USER:{email}", role)
        self.audit.change(tx, who, "user.create", f"USER {email}")

    def account(self, tx: Transaction, project: str, user_id: str) -> Row | None:
        """Its row with the columns user_id, name, uuid, created_at; None where there is none."""
        return tx.one("account_by_id", project_id=project, user_id=user_id)

    def password_hash(self, tx: Transaction, project: str, email: str) -> str | None:
        """None where there is no such account or it has no password."""
        row = tx.one("password_of_account", project_id=project, user_id=email)
        return row["password_hash"] if row else None

    def roles(self, tx: Transaction, project: str, subject: str) -> list[str]:
        return [row["role"] for row in tx.all("roles_of_subject", project_id=project, subject=subject)]

    def give_role(self, tx: Transaction, who: Principal, subject: str, role: str) -> None:
        """Twice is once. The caller raises the epoch."""
        tx.do("role_insert", project_id=who.project, subject=subject, role=role, granted_by=who.user, granted_at=self.clock.now())

    def take_role(self, tx: Transaction, who: Principal, subject: str, role: str) -> None:
        tx.do("role_delete", project_id=who.project, subject=subject, role=role)
