"""Grants: subject, access, resource. Nobody hands out what they do not hold (promise 10; docs/decisions/0006-grants.md, 0018)."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import TypeVar

import msgspec

from stagedoor.core.audit import Audit
from stagedoor.core.cutting import cut, in_common
from stagedoor.core.epoch import name_changed, project_changed, subject_changed
from stagedoor.core.permission import NOBODY, Access, Authority, Denied, Resource, decide
from stagedoor.core.principal import Principal, project_user
from stagedoor.core.role import EVERY, KINDS, LATER_KINDS, PERMISSIONS, Effects, effects_of
from stagedoor.core.usage import Usage, Use
from stagedoor.kit.clock import Clock
from stagedoor.kit.errors import BadInput, Forbidden
from stagedoor.kit.strictjson import check_name
from stagedoor.store.store import Row, Transaction

GRANTABLE = (*KINDS, *LATER_KINDS, "TAG", "DOMAIN", "END_USER")
EVERYTHING = 2**31
ALIASES = {"SECRET": "SECRET_NAME"}
SUBJECTS = ("USER", "GROUP", "ROLE")
T = TypeVar("T")


class Subject(msgspec.Struct, frozen=True):
    """Who is granted to. Documents write the type in lower case, SDKs in upper (contract/orkes.md 0.11)."""

    type: str
    id: str


class Target(msgspec.Struct, frozen=True):
    type: str
    id: str


def authority_of(tx: Transaction, principal: Principal) -> Authority:
    """All roles and grants of a principal: what lists are filtered by."""
    return in_common([_authority(tx, one, _held(tx, one, EVERYTHING)) for one in _holders(principal)])


def authority_if_small(tx: Transaction, principal: Principal, limit: int) -> Authority | None:
    """The same; None where there are more than `limit` of them."""
    held = [(one, _held(tx, one, limit + 1)) for one in _holders(principal)]
    return in_common([_authority(tx, *each) for each in held]) if all(len(rows) <= limit for _, rows in held) else None


def _held(tx: Transaction, principal: Principal, size: int) -> list[Row]:
    return tx.all("authority_of_subject", project_id=principal.project, subject=principal.subject, size=size)


def authority_on(tx: Transaction, principal: Principal, resource: Resource) -> Authority:
    """The roles of a principal and its grants on one resource: all that a single question needs, however many grants it holds."""
    return in_common([_authority(tx, one, _held_on(tx, one, resource)) for one in _holders(principal)])


def _held_on(tx: Transaction, who: Principal, resource: Resource) -> list[Row]:
    return tx.all(
        "authority_on_target", project_id=who.project, subject=who.subject, target_type=resource.kind, target_id=resource.name
    )  # fmt: skip


def _holders(principal: Principal) -> tuple[Principal, ...]:
    """Whose rights count: the principal's own; of a run those of all in whose name it acts, each within the run's ceiling."""
    if principal.execution is None:
        return (principal,)
    return tuple(Principal(principal.project, user, ceiling=principal.ceiling) for user in principal.execution.holders)


def must_hold(tx: Transaction, who: Principal, resource: Resource, *accesses: Access) -> None:
    """Forbidden, with the missing grant named, unless `who` holds all of them now."""
    authority = authority_on(tx, who, resource)
    for access in accesses:
        verdict = decide(who, access, resource, authority)
        if isinstance(verdict, Denied):
            raise Forbidden(verdict.reason)


def asked_again(
    who: Principal, resource: Resource, accesses: Sequence[Access], change: Callable[[Transaction], T]
) -> Callable[[Transaction], T]:
    """A change whose right is asked once more in its own transaction: it may be gone since the route's rule was asked, and rights on the
    name change before it or after it. Forbidden."""

    def within(tx: Transaction) -> T:
        name_changed(tx, who.project, *resource)
        must_hold(tx, who, resource, *accesses)
        return change(tx)

    return within


def _authority(tx: Transaction, principal: Principal, rows: list[Row]) -> Authority:
    """Every Authority that is read of a principal comes from here, so that none is without its credential's ceiling."""
    whole = _whole(rows)
    if principal.ceiling is None:
        return whole
    return cut(whole, principal.ceiling, partial(_effects, tx, principal.project), application=principal.is_application)


def _effects(tx: Transaction, project: str, role: str) -> Effects:
    if role in PERMISSIONS:
        return effects_of(role)
    row = tx.one("custom_role_by_name", project_id=project, name=role)
    return effects_of(role, msgspec.json.decode(row["permissions"], type=list[str]) if row else ())


def _whole(rows: list[Row]) -> Authority:
    if not rows:
        return NOBODY
    roles = [row["access"] for row in rows if row["kind"] == ""]
    custom = {row["name"]: msgspec.json.decode(row["access"], type=list[str]) for row in rows if row["kind"] == "#"}
    grants = [(row["access"], row["kind"], row["name"]) for row in rows if row["kind"] not in ("", "#")]
    return Authority.of(roles, grants, custom)


def subject_name(subject: Subject) -> str:
    """`USER:alice` from a subject as sent."""
    kind = subject.type.upper()
    if kind not in SUBJECTS:
        raise BadInput(f"subject.type: {subject.type} is not one of {', '.join(SUBJECTS)}", "subject.type")
    return f"{kind}:{check_name(subject.id, 'subject.id')}"


def resource_of(target: Target) -> Resource:
    """BadInput where the kind is none that can be granted on, or the name is none of its names."""
    kind = ALIASES.get(target.type, target.type)
    if kind not in GRANTABLE:
        raise BadInput(f"target.type: {target.type} is not one of {', '.join(GRANTABLE)}, SECRET", "target.type")
    if kind in ("TAG", "DOMAIN") and target.id == EVERY:
        raise BadInput(f"target.id: {EVERY} is not taken for {kind}", "target.id")
    if kind == "TAG" and ":" not in target.id:
        raise BadInput("target.id: a tag is named as key:value", "target.id")
    return Resource(kind, check_name(target.id, "target.id"))


def thing_of(target: Target, field: str) -> Resource:
    """What a ceiling names: not by tag, since whoever may put tags on would widen it. BadInput names the field."""
    if target.type == "TAG":
        raise BadInput(f"{field}: name the things themselves; tags are not taken", field)
    try:
        return resource_of(target)
    except BadInput as problem:
        raise BadInput(f"{field}: {problem.message}", field) from None


def check_new_name(name: str, field: str = "name") -> str:
    """A name for a new thing. BadInput for what no name may hold, and for `*`, which grants read as every name."""
    if name == EVERY:
        raise BadInput(f"{field}: {EVERY} stands for every name in grants", field)
    return check_name(name, field)


@dataclass(frozen=True)
class Grants:
    clock: Clock
    audit: Audit
    usage: Usage

    def own(self, tx: Transaction, who: Principal, resource: Resource) -> None:
        """The creator's five grants (contract/orkes.md 0.13), and what the creator's groups get by their `defaultAccess`."""
        self._insert(tx, who, who.subject, resource, list(Access))
        for group in tx.all("groups_of_member", project_id=who.project, member=who.subject):
            given: Mapping[str, list[Access]] = msgspec.json.decode(group["default_access"], type=dict[str, list[Access]])
            if resource.kind in given:
                project_changed(tx, who.project)
                self._insert(tx, who, f"GROUP:{group['id']}", resource, given[resource.kind])

    def add(self, tx: Transaction, who: Principal, subject: Subject, target: Target, access: Sequence[Access]) -> None:
        """Grant; twice is once. Forbidden where the granter holds less, or may not change the resource."""
        resource = resource_of(target)
        name_changed(tx, who.project, *resource)
        must_hold(tx, who, resource, Access.UPDATE, *access)
        name = subject_name(subject)
        self.must_exist(tx, who.project, subject)
        _changed(tx, who.project, name)
        self._insert(tx, who, name, resource, access)
        self.audit.change(tx, who, "grant.add", f"{resource.kind} {resource.name}", f"{','.join(access)} to {name}")

    def remove(self, tx: Transaction, who: Principal, subject: Subject, target: Target, access: Sequence[Access]) -> None:
        """Revoke; what is not there is no error. The owner's rights can be revoked too."""
        resource, name = resource_of(target), subject_name(subject)
        name_changed(tx, who.project, *resource)
        must_hold(tx, who, resource, Access.UPDATE, *access)
        _changed(tx, who.project, name)
        for one in access:
            tx.do("grant_delete", project_id=who.project, subject=name, target_type=resource.kind, target_id=resource.name, access=one)
        self.audit.change(tx, who, "grant.remove", f"{resource.kind} {resource.name}", f"{','.join(access)} from {name}")

    def of(self, tx: Transaction, project: str, subject: Subject) -> dict[Resource, list[Access]]:
        """The grants that a subject holds itself, not by a group or role."""
        found: dict[Resource, list[Access]] = {}
        for row in tx.all("grants_of_subject", project_id=project, subject=subject_name(subject)):
            found.setdefault(Resource(row["target_type"], row["target_id"]), []).append(Access(row["access"]))
        return found

    def tagged(self, tx: Transaction, project: str, pair: str) -> list[Resource]:
        """What carries the tag `key:value`."""
        return [Resource(row["target_type"], row["target_id"]) for row in tx.all("resources_tagged", project_id=project, pair=pair)]

    def remove_all(self, tx: Transaction, who: Principal, subject: Subject, kind: str | None = None) -> None:
        """Every grant that a subject holds itself, or those on one kind."""
        for resource, access in self.of(tx, who.project, subject).items():
            if kind in (None, resource.kind):
                self.remove(tx, who, subject, Target(*resource), access)

    def must_cover(self, tx: Transaction, who: Principal, subject: str, what: str) -> None:
        """Forbidden where a subject holds a grant that the caller does not: who joins it or gets it would get more (promise 10)."""
        authority = authority_of(tx, who)
        for row in tx.all("grants_of_subject", project_id=who.project, subject=subject):
            verdict = decide(who, Access(row["access"]), Resource(row["target_type"], row["target_id"]), authority)
            if isinstance(verdict, Denied):
                raise Forbidden(f"You don't have permissions to give {what} (missing: {verdict.missing})")
            self.usage.within(tx, who, Use(row["access"], row["target_type"], row["target_id"]))

    def must_exist(self, tx: Transaction, project: str, subject: Subject) -> None:
        """BadInput where there is no such user, application, group or role."""
        kind, known = subject.type.upper(), {"project_id": project}
        if kind == "GROUP":
            found = tx.one("group_by_id", id=subject.id, **known) is not None
        elif kind == "ROLE":
            found = subject.id in PERMISSIONS or tx.one("custom_role_by_name", name=subject.id, **known) is not None
        else:
            found = subject.id == project_user(project)
            found = found or tx.one("subject_exists", subject=f"USER:{subject.id}", user_id=subject.id, **known) is not None
        if not found:
            word = {"GROUP": "group", "ROLE": "role"}.get(kind, "user or application")
            raise BadInput(f"subject.id: there is no {word} {subject.id}", "subject.id")

    def on(self, tx: Transaction, project: str, target: Target) -> list[tuple[Subject, Access]]:
        """Every single grant on a resource."""
        resource = resource_of(target)
        rows = tx.all("grants_on_target", project_id=project, target_type=resource.kind, target_id=resource.name)
        return [(Subject(*row["subject"].split(":", 1)), Access(row["access"])) for row in rows]

    def forget(self, tx: Transaction, project: str, resource: Resource) -> None:
        """A deleted resource takes every grant on its name with it: the name made anew revives none."""
        tx.do("grants_delete_on_target", project_id=project, target_type=resource.kind, target_id=resource.name)
        tx.do("tags_delete", project_id=project, target_type=resource.kind, target_id=resource.name)

    def _insert(self, tx: Transaction, who: Principal, subject: str, resource: Resource, access: Sequence[Access]) -> None:
        for one in access:
            tx.do(
                "grant_insert", project_id=who.project, subject=subject, target_type=resource.kind, target_id=resource.name,
                access=one, granted_by=who.user, granted_at=self.clock.now(),
            )  # fmt: skip


def _changed(tx: Transaction, project: str, subject: str) -> None:
    """What a user holds is known of it alone; what a group or a role holds concerns anybody."""
    if subject.startswith("USER:"):
        subject_changed(tx, project, subject)
    else:
        project_changed(tx, project)
