"""The first pure heart: may this principal have this access on this resource? A verdict is a value that carries its reason.

Roles and their meaning: contract/orkes.md C, docs/decisions/0003-roles.md and 0018-groups-roles-tags.md.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import NamedTuple

from stagedoor.core.principal import Principal
from stagedoor.core.role import EDITS_METADATA, EVERY, POLLS, ROUTE_PERMISSIONS, Effects, effects_of


class Access(StrEnum):
    CREATE = "CREATE"
    READ = "READ"
    UPDATE = "UPDATE"
    DELETE = "DELETE"
    EXECUTE = "EXECUTE"


ACCESSES = tuple(Access)
"""All of them, for the hot path: a walk over an enumeration costs more than the questions asked of each."""


class Resource(NamedTuple):
    """A kind of Conductor (WORKFLOW_DEF, TASK_DEF, SECRET_NAME, APPLICATION ...) and a name of that kind."""

    kind: str
    name: str


NOTHING = Resource("", "")
"""No resource: for questions that roles alone answer."""
WITHIN = " within the ceiling of this credential"
"""What is missing where the owner may and the credential may not."""
WORDS = {
    "WORKFLOW_DEF": "workflow", "TASK_DEF": "task", "SECRET_NAME": "secret", "APPLICATION": "application",
    "ENV_VARIABLE": "environment variable", "END_USER": "end user",
}  # fmt: skip


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
Names = Mapping[tuple[str, str], frozenset[str]]


@dataclass(frozen=True)
class Authority:
    """The index: all roles and grants of one principal, its groups' and its roles' included, read once an epoch."""

    roles: frozenset[str]
    grants: Names
    """(access, kind) -> names; `*` among them is every name. Grants by tag stand here under each name that carries the tag."""
    wide: Mapping[tuple[str, str], str] = field(default_factory=dict)
    """(access, kind) -> the role that gives it on all of the kind; the kind `*` is every kind."""
    makes: Mapping[str, str] = field(default_factory=dict)
    """Kind -> the role by which new ones may be made."""
    permissions: frozenset[str] = frozenset()
    """The management permissions of the roles held."""
    polls: bool = False
    """Holds a role by which an application takes tasks."""
    edits_metadata: bool = False
    uncut: "Authority | None" = field(default=None, compare=False, repr=False)
    """What the owner may, where this is what is left of it under a credential's ceiling (core/cutting.py): for the reason of a denial."""

    @classmethod
    def of(
        cls, roles: Iterable[str], grants: Iterable[tuple[str, str, str]], custom: Mapping[str, Iterable[str]] | None = None
    ) -> "Authority":
        """From role names, (access, kind, name) triples, and the permissions of those roles that are custom ones."""
        names: dict[tuple[str, str], set[str]] = {}
        for access, kind, name in grants:
            names.setdefault((access, kind), set()).add(name)
        held, own = frozenset(roles), custom or {}
        wide: dict[tuple[str, str], str] = {}
        makes: dict[str, str] = {}
        listed: set[str] = set()
        for role in sorted(held):
            effects = effects_of(role, own.get(role))
            wide.update({(access, kind): role for kind, accesses in effects.wide.items() for access in accesses})
            makes.update(dict.fromkeys(effects.creates, role))
            listed.update(effects.permissions)
        return cls(
            held, {key: frozenset(value) for key, value in names.items()}, wide, makes, frozenset(listed),
            not POLLS.isdisjoint(held), not EDITS_METADATA.isdisjoint(held),
        )  # fmt: skip

    @property
    def administers(self) -> bool:
        """Holds the role ADMIN, and so everything."""
        return "ADMIN" in self.roles

    def names(self, access: Access, kind: str) -> frozenset[str]:
        """The names of a kind that single grants reach, `*` among them where that is granted; roles are asked by `whole`."""
        return self.grants.get((access, kind), _NONE)

    def whole(self, access: Access, kind: str) -> str | None:
        """The role, if any, that gives this access on every resource of the kind."""
        return self.wide.get((access, kind)) or self.wide.get((access, EVERY))


_NONE: frozenset[str] = frozenset()
NOBODY = Authority(frozenset(), {})
_DEFINITIONS = frozenset({"WORKFLOW_DEF", "TASK_DEF"})
_EDITING = frozenset({Access.UPDATE, Access.DELETE})


def decide(principal: Principal, access: Access, resource: Resource, authority: Authority) -> Verdict:
    """Roles first, then grants; nothing found is a denial that names the missing grant."""
    kind, name = resource
    if (role := authority.whole(access, kind)) is not None:
        return Allowed(f"role {role}")
    names = authority.grants.get((access, kind), _NONE)
    if name in names or EVERY in names:
        if access in _EDITING and kind in _DEFINITIONS and principal.is_application and not authority.edits_metadata:
            return Denied("role METADATA_API", _sentence(access, kind, name, "role METADATA_API"))
        return Allowed(f"{access} on {kind} {name if name in names else EVERY}")
    missing = f"{access} on {kind} {name}"
    if authority.uncut is not None and isinstance(decide(principal, access, resource, authority.uncut), Allowed):
        missing += WITHIN
    return Denied(missing, _sentence(access, kind, name, missing))


def holds_any(resource: Resource, authority: Authority) -> bool:
    """Any access on the resource, by role or grant."""
    kind, name, grants = resource.kind, resource.name, authority.grants
    for access in ACCESSES:
        names = grants.get((access, kind), _NONE)
        if name in names or EVERY in names:
            return True
    return any(authority.whole(access, kind) for access in ACCESSES)


def creates(kind: str, authority: Authority) -> str | None:
    """The role, if any, by which new ones of this kind may be made."""
    return authority.makes.get(kind) or authority.makes.get(EVERY)


def denied(access: Access, resource: Resource) -> Denied:
    missing = f"{access} on {resource.kind} {resource.name}"
    return Denied(missing, _sentence(access, resource.kind, resource.name, missing))


def _sentence(access: Access | str, kind: str, name: str, missing: str) -> str:
    return f"You don't have permissions to {access.lower()} {WORDS.get(kind, kind)}: {name} (missing: {missing})"


def decide_create(resource: Resource, authority: Authority) -> Verdict:
    """Whether a new resource of this kind may be made; who makes it owns it."""
    if (role := creates(resource.kind, authority)) is not None:
        return Allowed(f"role {role}")
    missing = f"a role that creates {resource.kind}"
    if authority.uncut is not None and creates(resource.kind, authority.uncut) is not None:
        missing = f"CREATE of {resource.kind}{WITHIN}"
    return Denied(missing, _sentence("create", resource.kind, resource.name, missing))


def decide_save(principal: Principal, resource: Resource, exists: bool, authority: Authority) -> Verdict:
    """UPDATE on what exists, a role that creates where nothing does. Who has neither does not learn which it is (promise 9)."""
    update, create = decide(principal, Access.UPDATE, resource, authority), decide_create(resource, authority)
    if isinstance(update, Denied) and isinstance(create, Denied):
        return Denied(f"{update.missing}, or {create.missing}", f"{update.reason[:-1]}, or {create.missing})")
    return update if exists else create


def decide_poll(principal: Principal, task_type: str, authority: Authority, domain: str = "") -> Verdict:
    """A worker needs EXECUTE on the task or on the domain it polls in, and an application also the role of a worker
    (contract/orkes.md C, WORKER)."""
    verdict = decide(principal, Access.EXECUTE, Resource("TASK_DEF", task_type), authority)
    if isinstance(verdict, Denied) and domain and domain in authority.names(Access.EXECUTE, "DOMAIN"):
        verdict = Allowed(f"EXECUTE on DOMAIN {domain}")
    if isinstance(verdict, Denied) or not principal.is_application or authority.polls:
        return verdict
    missing = f"role WORKER{WITHIN if authority.uncut is not None and authority.uncut.polls else ''}"
    return Denied(missing, _sentence("execute", "TASK_DEF", task_type, missing))


def lacking(principal: Principal, authority: Authority, effects: Effects) -> str | None:
    """The first thing that a role gives and its giver does not hold; None where the giver covers it all (promise 10).

    To take tasks is no right by itself: a worker's role does nothing without EXECUTE on the task."""
    if authority.administers:
        return None
    for kind, accesses in effects.wide.items():
        for access in sorted(accesses):
            if authority.whole(Access(access), kind) is None:
                return f"{access} on every {kind}"
    for kind in sorted(effects.creates):
        if creates(kind, authority) is None:
            return f"a role that creates {kind}"
    missing = sorted(ROUTE_PERMISSIONS.intersection(effects.permissions) - authority.permissions)
    return f"permission {missing[0]}" if missing else None
