"""Operators: persons above projects. They make projects, and enter one without an account in it by an explicit, audited sign-in.

Inside, an operator is the user `operator:<person>` with the role ADMIN as a row like any other, so that nothing that judges rights
knows of operators. Whoever stops being one loses it everywhere in the same transaction.
"""

from dataclasses import dataclass

import msgspec

from stagedoor.core.audit import Audit
from stagedoor.core.epoch import operators_changed, subject_changed
from stagedoor.core.principal import OPERATOR_PREFIX, Principal, operator_user
from stagedoor.kit.clock import Clock
from stagedoor.kit.errors import AdminOnly, Conflict, NotFound
from stagedoor.store.store import Transaction

ENTRY = "operator_session"
"""The kind of the credential by which an operator is inside a project."""


class Operator(msgspec.Struct, rename="camel", frozen=True):
    """`made_at` in epoch milliseconds."""

    email: str
    made_by: str
    made_at: int


@dataclass(frozen=True)
class Operators:
    clock: Clock
    audit: Audit

    def add(self, tx: Transaction, who: Principal, email: str) -> None:
        """Twice is once. NotFound where there is no such person."""
        operators_changed(tx)
        if tx.one("person_by_id", person_id=email) is None:
            raise NotFound(f"there is no person {email}")
        if tx.do("operator_insert", person_id=email, made_by=who.user, made_at=self.clock.now()):
            self.audit.change(tx, who, "operator.add", f"PERSON {email}")

    def remove(self, tx: Transaction, who: Principal, email: str) -> None:
        """With every session, role and grant it has as an operator in any project. Conflict where it is the last one."""
        operators_changed(tx)
        if not tx.do("operator_delete", person_id=email):
            raise NotFound(f"there is no operator {email}")
        if not tx.all("operators"):
            raise Conflict(f"{email} is the last operator: one must remain")
        user = operator_user(email)
        for row in tx.all("projects_entered", subject=f"USER:{user}"):
            inside = Principal(row["project_id"], user)
            subject_changed(tx, inside.project, inside.subject)
            tx.do("credentials_delete_of_owner", project_id=inside.project, owner=user)
            tx.do("roles_delete_of_subject", project_id=inside.project, subject=inside.subject)
            tx.do("grants_delete_of_subject", project_id=inside.project, subject=inside.subject)
            self.audit.change(tx, Principal(inside.project, who.user), "operator.leave", f"USER {user}")
        self.audit.change(tx, who, "operator.remove", f"PERSON {email}")

    def all(self, tx: Transaction) -> list[Operator]:
        return [Operator(row["person_id"], row["made_by"], row["made_at"]) for row in tx.all("operators")]

    def is_one(self, tx: Transaction, who: Principal) -> bool:
        """Whether an operator has signed in: by an account of a project, or by entering one. No other credential of theirs counts, and no
        token cut to a ceiling: that speaks of what is in a project, and so leaves out all that is above them."""
        if who.credential is None or who.ceiling is not None:
            return False
        statement = "operator_of_entry" if who.user.startswith(OPERATOR_PREFIX) else "operator_of_account"
        return tx.one(statement, id=who.credential, project_id=who.project) is not None

    def demand(self, tx: Transaction, who: Principal) -> None:
        if not self.is_one(tx, who):
            raise AdminOnly
