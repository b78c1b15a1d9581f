"""The first pure heart: may this principal have this access on this resource? A verdict is a value that carries its reason.

Roles and their meaning: contract/orkes.md C and docs/decisions/0003-roles.md.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import NamedTuple

from stagedoor.core.principal import Principal
from stagedoor.core.role import CREATES, PERMISSIONS, POLLS, WIDE


class Access(StrEnum):
    CREATE = "CREATE"
    READ = "READ"
    UPDATE = "UPDATE"
    DELETE = "DELETE"
    EXECUTE = "EXECUTE"


ACCESSES = tuple(Access)
"""All of them, for the hot path: a walk over an enumeration costs more than the questions asked of each."""


class Resource(NamedTuple):
    """A kind of Conductor (WORKFLOW_DEF, TASK_DEF, SECRET_NAME, APPLICATION) and a name of that kind."""

    kind: str
    name: str


NOTHING = Resource("", "")
"""No resource: for questions that roles alone answer."""
WORDS = {"WORKFLOW_DEF": "workflow", "TASK_DEF": "task", "SECRET_NAME": "secret", "APPLICATION": "application"}


@dataclass(frozen=True, slots=True)
class Allowed:
    """`grant` names what allowed it: a role or a grant."""

    grant: str


@dataclass(frozen=True, slots=True)
class Denied:
    """`missing` is the smallest thing that would allow it; `reason` is the sentence of the 403 (contract/orkes.md, decisions)."""

    missing: str
    reason: str


Verdict = Allowed | Denied


@dataclass(frozen=True, slots=True)
class Authority:
    """The index: all roles and grants of one principal, read once an epoch."""

    roles: frozenset[str]
    grants: Mapping[tuple[str, str], frozenset[str]]
    """(access, kind) -> names."""

    @classmethod
    def of(cls, roles: Iterable[str], grants: Iterable[tuple[str, str, str]]) -> "Authority":
        """From role names and (access, kind, name) triples."""
        names: dict[tuple[str, str], set[str]] = {}
        for access, kind, name in grants:
            names.setdefault((access, kind), set()).add(name)
        return cls(frozenset(roles), {key: frozenset(value) for key, value in names.items()})

    @property
    def permissions(self) -> frozenset[str]:
        """The management permissions of the roles held."""
        return frozenset().union(*(PERMISSIONS.get(role, ()) for role in self.roles))

    def names(self, access: Access, kind: str) -> frozenset[str]:
        """The names of a kind that single grants reach; roles are asked by `whole`."""
        return self.grants.get((access, kind), frozenset())

    def whole(self, access: Access, kind: str) -> str | None:
        """The role, if any, that gives this access on every resource of the kind."""
        for role in self.roles:
            wide = WIDE.get(role, {})
            if access in wide.get(kind, ()) or access in wide.get("*", ()):
                return role
        return None


_NONE: frozenset[str] = frozenset()
NOBODY = Authority(frozenset(), {})


def decide(principal: Principal, access: Access, resource: Resource, authority: Authority) -> Verdict:
    """Roles first, then grants; nothing found is a denial that names the missing grant."""
    if (role := authority.whole(access, resource.kind)) is not None:
        return Allowed(f"role {role}")
    if resource.name in authority.names(access, resource.kind):
        return Allowed(f"{access} on {resource.kind} {resource.name}")
    return denied(access, resource)


def holds_any(resource: Resource, authority: Authority) -> bool:
    """Any access on the resource, by role or grant."""
    kind, name, grants = resource.kind, resource.name, authority.grants
    for access in ACCESSES:
        if name in grants.get((access, kind), _NONE):
            return True
    return any(authority.whole(access, kind) for access in ACCESSES)


def creates(kind: str, authority: Authority) -> str | None:
    """The role, if any, by which new ones of this kind may be made."""
    return next((role for role in authority.roles if not CREATES.get(role, _NONE).isdisjoint((kind, "*"))), None)


def denied(access: Access, resource: Resource) -> Denied:
    missing = f"{access} on {resource.kind} {resource.name}"
    word = WORDS.get(resource.kind, resource.kind)
    return Denied(missing, f"You don't have permissions to {access.lower()} {word}: {resource.name} (missing: {missing})")


def decide_create(resource: Resource, authority: Authority) -> Verdict:
    """Whether a new resource of this kind may be made; who makes it owns it."""
    if (role := creates(resource.kind, authority)) is not None:
        return Allowed(f"role {role}")
    word = WORDS.get(resource.kind, resource.kind)
    missing = f"a role that creates {resource.kind}"
    return Denied(missing, f"You don't have permissions to create {word}: {resource.name} (missing: {missing})")


def decide_save(principal: Principal, resource: Resource, exists: bool, authority: Authority) -> Verdict:
    """UPDATE on what exists, a role that creates where nothing does. Who has neither does not learn which it is (promise 9)."""
    update, create = decide(principal, Access.UPDATE, resource, authority), decide_create(resource, authority)
    if isinstance(update, Denied) and isinstance(create, Denied):
        return Denied(f"{update.missing}, or {create.missing}", f"{update.reason[:-1]}, or {create.missing})")
    return update if exists else create


def decide_poll(principal: Principal, task_type: str, authority: Authority) -> Verdict:
    """A worker needs EXECUTE on the task, and an application also the role of a worker (contract/orkes.md C, WORKER)."""
    verdict = decide(principal, Access.EXECUTE, Resource("TASK_DEF", task_type), authority)
    if isinstance(verdict, Denied) or not principal.is_application or authority.roles & POLLS:
        return verdict
    return Denied("role WORKER", f"You don't have permissions to execute task: {task_type} (missing: role WORKER)")
