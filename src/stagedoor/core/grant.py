"""Grants: subject, access, resource. Nobody hands out what they do not hold (promise 10)."""

from collections.abc import Sequence
from dataclasses import dataclass

import msgspec

from stagedoor.core.audit import Audit
from stagedoor.core.epoch import name_changed, subject_changed
from stagedoor.core.permission import NOBODY, Access, Authority, Denied, Resource, decide
from stagedoor.core.principal import Principal
from stagedoor.kit.clock import Clock
from stagedoor.kit.errors import BadInput, Forbidden
from stagedoor.kit.strictjson import check_name
from stagedoor.store.store import Row, Transaction

KINDS = ("WORKFLOW_DEF", "TASK_DEF", "SECRET_NAME", "APPLICATION")
EVERYTHING = 2**31
ALIASES = {"SECRET": "SECRET_NAME"}


class Subject(msgspec.Struct, frozen=True):
    """Who is granted to. Documents write the type in lower case, SDKs in upper (contract/orkes.md 0.11)."""

    type: str
    id: str


class Target(msgspec.Struct, frozen=True):
    type: str
    id: str


def authority_of(tx: Transaction, principal: Principal) -> Authority:
    """All roles and grants of a principal: what lists are filtered by."""
    return _authority(_held(tx, principal, EVERYTHING))


def authority_if_small(tx: Transaction, principal: Principal, limit: int) -> Authority | None:
    """The same; None where there are more than `limit` of them."""
    rows = _held(tx, principal, limit + 1)
    return _authority(rows) if len(rows) <= limit else None


def _held(tx: Transaction, principal: Principal, size: int) -> list[Row]:
    return tx.all("authority_of_subject", project_id=principal.project, subject=principal.subject, size=size)


def authority_on(tx: Transaction, principal: Principal, resource: Resource) -> Authority:
    """The roles of a principal and its grants on one resource: all that a single question needs, however many grants it holds."""
    rows = tx.all(
        "authority_on_target", project_id=principal.project, subject=principal.subject, target_type=resource.kind, target_id=resource.name
    )
    return _authority(rows)


def _authority(rows: list[Row]) -> Authority:
    if not rows:
        return NOBODY
    roles = [row["access"] for row in rows if row["kind"] == ""]
    return Authority.of(roles, [(row["access"], row["kind"], row["name"]) for row in rows if row["kind"] != ""])


def subject_name(subject: Subject) -> str:
    """`USER:alice` from a subject as sent; only users and applications hold grants so far."""
    if subject.type.upper() != "USER":
        raise BadInput(f"subject.type: {subject.type} is not one of USER", "subject.type")
    return f"USER:{subject.id}"


def resource_of(target: Target) -> Resource:
    kind = ALIASES.get(target.type, target.type)
    if kind not in KINDS:
        raise BadInput(f"target.type: {target.type} is not one of {', '.join(KINDS)}, SECRET", "target.type")
    return Resource(kind, check_name(target.id, "target.id"))


@dataclass(frozen=True)
class Grants:
    clock: Clock
    audit: Audit

    def own(self, tx: Transaction, who: Principal, resource: Resource) -> None:
        """The creator's five grants (contract/orkes.md 0.13)."""
        self._insert(tx, who, who.subject, resource, list(Access))

    def add(self, tx: Transaction, who: Principal, subject: Subject, target: Target, access: Sequence[Access]) -> None:
        """Grant; twice is once. Forbidden where the granter holds less, or may not change the resource."""
        resource = resource_of(target)
        name_changed(tx, who.project, *resource)
        self._must_hold(tx, who, resource, access)
        name = subject_name(subject)
        if not tx.one("subject_exists", project_id=who.project, subject=name, user_id=subject.id):
            raise BadInput(f"subject.id: there is no user or application {subject.id}", "subject.id")
        subject_changed(tx, who.project, name)
        self._insert(tx, who, name, resource, access)
        self.audit.change(tx, who, "grant.add", f"{resource.kind} {resource.name}", f"{','.join(access)} to {name}")

    def remove(self, tx: Transaction, who: Principal, subject: Subject, target: Target, access: Sequence[Access]) -> None:
        """Revoke; what is not there is no error. The owner's rights can be revoked too."""
        resource, name = resource_of(target), subject_name(subject)
        name_changed(tx, who.project, *resource)
        self._must_hold(tx, who, resource, access)
        subject_changed(tx, who.project, name)
        for one in access:
            tx.do("grant_delete", project_id=who.project, subject=name, target_type=resource.kind, target_id=resource.name, access=one)
        self.audit.change(tx, who, "grant.remove", f"{resource.kind} {resource.name}", f"{','.join(access)} from {name}")

    def on(self, tx: Transaction, project: str, target: Target) -> list[tuple[Subject, Access]]:
        """Every single grant on a resource."""
        resource = resource_of(target)
        rows = tx.all("grants_on_target", project_id=project, target_type=resource.kind, target_id=resource.name)
        return [(Subject(*row["subject"].split(":", 1)), Access(row["access"])) for row in rows]

    def forget(self, tx: Transaction, project: str, resource: Resource) -> None:
        """A deleted resource takes every grant on its name with it: the name made anew revives none."""
        tx.do("grants_delete_on_target", project_id=project, target_type=resource.kind, target_id=resource.name)
        tx.do("tags_delete", project_id=project, target_type=resource.kind, target_id=resource.name)

    def _must_hold(self, tx: Transaction, who: Principal, resource: Resource, access: Sequence[Access]) -> None:
        authority = authority_on(tx, who, resource)
        for needed in {Access.UPDATE, *access}:
            verdict = decide(who, needed, resource, authority)
            if isinstance(verdict, Denied):
                raise Forbidden(verdict.reason)

    def _insert(self, tx: Transaction, who: Principal, subject: str, resource: Resource, access: Sequence[Access]) -> None:
        for one in access:
            tx.do(
                "grant_insert", project_id=who.project, subject=subject, target_type=resource.kind, target_id=resource.name,
                access=one, granted_by=who.user, granted_at=self.clock.now(),
            )  # fmt: skip
