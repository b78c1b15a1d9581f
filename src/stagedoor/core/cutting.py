"""An authority cut to a credential's ceiling: never more than it was, and never more than the ceiling allows
(docs/decisions/0032-keys-and-ceilings.md).

What is left is an authority like any other, so that every verdict, list, poll and creation follows without knowing of ceilings.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

from stagedoor.core.ceiling import Ceiling, all_of
from stagedoor.core.permission import ACCESSES, Access, Authority, Names
from stagedoor.core.role import EDITS_METADATA, EVERY, Effects

EffectsOf = Callable[[str], Effects]
"""What a role gives; nothing where there is none of that name (any more)."""
_EXECUTED_BY_WORKERS = ("TASK_DEF", "DOMAIN")
_DEFINITIONS = ("WORKFLOW_DEF", "TASK_DEF")
_EDITS = (Access.UPDATE, Access.DELETE)
_ADMIN = frozenset({"ADMIN"})
_WHOLE = frozenset({EVERY})
Wide = Mapping[tuple[str, str], str]


def cut(authority: Authority, ceiling: Ceiling, effects_of: EffectsOf, *, application: bool) -> Authority:
    """`application`: whether it is one's that holds it, whose grants on definitions count by a role only (permission.decide).

    Roles first, of all ceilings that bind: what a role gave stands as single grants once it is left on named things alone."""
    left, ceilings = authority, list(all_of(ceiling))
    for one in ceilings:
        left = _by_roles(left, one, effects_of)
    for one in ceilings:
        left = _by_resources(_by_access(left, one), one, application=application)
    return replace(left, uncut=authority)


def in_common(authorities: Sequence[Authority]) -> Authority:
    """What all of them may. More than one: those behind a run (core/grant.py), each cut to a ceiling that leaves kinds by name; what is
    left are accesses alone: no role, nothing to make, no tasks to take."""
    first, *others = authorities
    for other in others:
        first = Authority(frozenset(), _both_named(first, other), _both_wide(first, other))
    return first


def _both_wide(one: Authority, other: Authority) -> Wide:
    return {key: one.wide[key] for key in one.wide.keys() & other.wide.keys()}


def _both_named(one: Authority, other: Authority) -> Names:
    """On a kind that one of them reaches as a whole, the names of the other."""
    found: dict[tuple[str, str], frozenset[str]] = {}
    for key in (one.grants.keys() | one.wide.keys()) & (other.grants.keys() | other.wide.keys()):
        mine, its = _names(one, key), _names(other, key)
        found[key] = its if EVERY in mine else mine if EVERY in its else mine & its
    return found


def _names(authority: Authority, key: tuple[str, str]) -> frozenset[str]:
    return _WHOLE if key in authority.wide else authority.grants[key]


def _by_roles(authority: Authority, ceiling: Ceiling, effects_of: EffectsOf) -> Authority:
    """As if these were the owner's roles, as far as its own give as much. Of its single grants those count that such a role uses:
    on kinds that it reaches or may make, and for a worker EXECUTE on tasks and domains."""
    if not ceiling.roles or "ADMIN" in ceiling.roles:
        return authority
    most = _Most.of(ceiling.roles, effects_of)
    held = frozenset(ceiling.roles) if authority.administers else authority.roles & frozenset(ceiling.roles)
    return Authority(
        held, {key: names for key, names in authority.grants.items() if most.uses(*key)},
        most.of_wide(authority.wide), most.of_makes(authority.makes), authority.permissions & most.permissions,
        authority.polls and most.polls, authority.edits_metadata and not EDITS_METADATA.isdisjoint(ceiling.roles),
    )  # fmt: skip


def _by_access(authority: Authority, ceiling: Ceiling) -> Authority:
    """READ alone, with `readOnly`. What is no access on a thing, a management permission, needs all of them."""
    left = frozenset(ceiling.access or ACCESSES)
    if ceiling.read_only:
        left &= {Access.READ}
    if left == frozenset(ACCESSES):
        return authority
    return replace(
        authority, roles=authority.roles - _ADMIN, permissions=frozenset(), makes=authority.makes if Access.CREATE in left else {},
        grants={key: names for key, names in authority.grants.items() if key[0] in left},
        wide={key: role for key, role in authority.wide.items() if key[0] in left},
        polls=authority.polls and Access.EXECUTE in left,
    )  # fmt: skip


def _by_resources(authority: Authority, ceiling: Ceiling, *, application: bool) -> Authority:
    """What a role gives on all of a kind is left on these alone. New ones are made of kinds that are there as a whole."""
    if not ceiling.resources:
        return authority
    named = _by_kind((one.type, one.id) for one in ceiling.resources)
    whole = frozenset(kind for kind, names in named.items() if EVERY in names)
    grants = {
        (access, kind): names if kind in whole else named[kind] if EVERY in names else names & named[kind]
        for (access, kind), names in authority.grants.items()
        if kind in named and not (application and _does_nothing(access, kind, authority))
    }  # fmt: skip
    wide: dict[tuple[str, str], str] = {}
    for (access, of), role in authority.wide.items():
        for kind in named if of == EVERY else named.keys() & {of}:
            if kind in whole:
                wide[access, kind] = role
            else:
                grants[access, kind] = named[kind]
    makes = {kind: role for of, role in authority.makes.items() for kind in (whole if of == EVERY else whole & {of})}
    return replace(
        authority, roles=authority.roles - _ADMIN, grants=grants, wide=wide, makes=makes, permissions=frozenset(), edits_metadata=True
    )


def _does_nothing(access: str, kind: str, authority: Authority) -> bool:
    return access in _EDITS and kind in _DEFINITIONS and not authority.edits_metadata


def _by_kind(pairs: Iterable[tuple[str, str]]) -> dict[str, frozenset[str]]:
    named: dict[str, frozenset[str]] = {}
    for kind, name in pairs:
        named[kind] = named.get(kind, frozenset()) | {name}
    return named


@dataclass(frozen=True)
class _Most:
    """All that some roles give together."""

    wide: Mapping[str, frozenset[str]]
    """Kind -> accesses."""
    creates: frozenset[str]
    permissions: frozenset[str]
    polls: bool

    @classmethod
    def of(cls, roles: Iterable[str], effects_of: EffectsOf) -> "_Most":
        given = [effects_of(role) for role in roles]
        wide = _by_kind((kind, access) for one in given for kind, accesses in one.wide.items() for access in accesses)
        creates = frozenset(kind for one in given for kind in one.creates)
        permissions = frozenset(name for one in given for name in one.permissions)
        return cls(wide, creates, permissions, any(one.polls for one in given))

    def uses(self, access: str, kind: str) -> bool:
        """Whether a single grant of this sort counts."""
        if kind in self.creates or access in self.wide.get(kind, ()):
            return True
        return self.polls and access == Access.EXECUTE and kind in _EXECUTED_BY_WORKERS

    def of_wide(self, wide: Wide) -> dict[tuple[str, str], str]:
        left: dict[tuple[str, str], str] = {}
        for (access, of), role in wide.items():
            for kind, accesses in self.wide.items():
                if access in accesses and of in (EVERY, kind):
                    left[access, kind] = role
        return left

    def of_makes(self, makes: Mapping[str, str]) -> dict[str, str]:
        return {kind: role for of, role in makes.items() for kind in (self.creates if of == EVERY else self.creates & {of})}
