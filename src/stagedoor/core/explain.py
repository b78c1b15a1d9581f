"""Why a verdict is what it is: every path that gives a right, in words and as objects; who may; what little would be enough.

A path is enough by itself; without all of them the answer is no (tests/core/test_explain.py).
"""

from collections.abc import Iterator
from datetime import UTC, datetime
from itertools import product

import msgspec

from stagedoor.core.evidence import Evidence, Granted, Held, Membership, RoleHeld
from stagedoor.core.permission import Access
from stagedoor.core.principal import Principal
from stagedoor.core.question import by_secret_key
from stagedoor.core.role import ACCESSES, EDITS_METADATA, EVERY, POLLS

Chain = tuple[Held, ...]
_DEFINITIONS = frozenset({"WORKFLOW_DEF", "TASK_DEF"})


class Step(msgspec.Struct, frozen=True, omit_defaults=True):
    """MEMBER of a group, ROLE, or GRANT on a `target`; `tag` where the grant is on a tag that the resource carries. `at` in epoch ms.
    SECRET_KEY: what every secret key of the project may, whatever is granted."""

    type: str
    text: str
    holder: str
    group: str | None = None
    role: str | None = None
    access: str | None = None
    target: dict[str, str] | None = None
    by: str = ""
    at: int = 0


class Path(msgspec.Struct, frozen=True):
    """One way by which the right is held: enough by itself."""

    text: str
    via: tuple[Step, ...]


def chains(evidence: Evidence, who: Principal) -> list[Chain]:
    """Every smallest set of memberships, roles and grants that gives what is asked."""
    question = evidence.question
    roles = list(_roles(evidence, who))
    wide = [chain for chain in roles if evidence.gives(_role_of(chain))]
    granted = list(_granted(evidence, who, roles))
    edits = question.access in (Access.UPDATE, Access.DELETE) and question.resource.kind in _DEFINITIONS
    if who.is_application and edits:
        granted = _with_role(granted, [chain for chain in roles if _role_of(chain) in EDITS_METADATA])
    found = [*wide, *granted]
    if who.is_application and question.polls:
        found = _with_role(found, [chain for chain in roles if _role_of(chain) in POLLS])
    return found


def paths(evidence: Evidence, who: Principal) -> list[Path]:
    """The same in words, the shortest first."""
    found = [_path(evidence, chain) for chain in chains(evidence, who)]
    if by_secret_key(who, evidence.question):
        text = f"{who.subject} is whoever shows a secret key of the project: it may name every end user"
        found.append(Path(text, (Step("SECRET_KEY", text, who.subject),)))
    return sorted(found, key=lambda path: (len(path.via), path.text))


def _roles(evidence: Evidence, who: Principal) -> Iterator[Chain]:
    for way, holder in evidence.holders(who.subject):
        for held in evidence.roles.get(holder, ()):
            yield (*way, held)


def _granted(evidence: Evidence, who: Principal, roles: list[Chain]) -> Iterator[Chain]:
    for way, holder in evidence.holders(who.subject):
        for grant in evidence.grants.get(holder, ()):
            yield (*way, grant)
    for chain in roles:
        for grant in evidence.grants.get(f"ROLE:{_role_of(chain)}", ()):
            yield (*chain, grant)


def _role_of(chain: Chain) -> str:
    held = chain[-1]
    return held.role if isinstance(held, RoleHeld) else ""


def _with_role(found: list[Chain], roles: list[Chain]) -> list[Chain]:
    """Each with each role that it needs beside it; one that holds such a role already is enough as it is."""
    complete = [chain for chain in found if any(chain[: len(role)] == role for role in roles)]
    return [*complete, *(tuple(dict.fromkeys((*chain, *role))) for chain, role in product(found, roles) if chain not in complete)]


def _path(evidence: Evidence, chain: Chain) -> Path:
    steps = tuple(step_of(evidence, held) for held in chain)
    text, reached = "", ""
    for step, held in zip(steps, chain, strict=True):
        said = step.text.removeprefix(f"{step.holder} ")
        joined = f", which {said}" if reached == step.holder else f"{'; ' if text else ''}{step.text}"
        text, reached = text + joined, _reaches(held)
    return Path(text, steps)


def _reaches(held: Held) -> str:
    """Who holds the step after this one."""
    if isinstance(held, Membership):
        return f"GROUP:{held.group}"
    return f"ROLE:{held.role}" if isinstance(held, RoleHeld) else ""


def step_of(evidence: Evidence, held: Held) -> Step:
    """One membership, role or grant, told."""
    given = {"holder": held[0], "by": held.by, "at": held.at}
    if isinstance(held, Membership):
        return Step(type="MEMBER", text=f"{held.member} is in GROUP:{held.group}", group=held.group, **given)  # type: ignore[arg-type]
    if isinstance(held, RoleHeld):
        text = f"{held.holder} has the role {held.role}{_effect(evidence, held.role)}"
        return Step(type="ROLE", text=text, role=held.role, **given)  # type: ignore[arg-type]
    access, target = evidence.question.access, {"type": held.target.kind, "id": held.target.name}
    return Step(type="GRANT", text=_grant_words(evidence, held), access=access, target=target, **given)  # type: ignore[arg-type]


def _effect(evidence: Evidence, role: str) -> str:
    question = evidence.question
    if not evidence.gives(role):
        return " (takes tasks)" if question.polls and role in POLLS else ""
    kind = question.resource.kind
    if question.access is Access.CREATE:
        return f": it may make every kind of thing, {kind} too" if role == "ADMIN" else f": it may make a new {kind}"
    effects = evidence.effects(role)
    everything = question.access in effects.wide.get(EVERY, ())
    given = effects.wide.get(EVERY if everything else kind, frozenset())
    listed = "all accesses" if given == frozenset(ACCESSES) else " and ".join(one for one in ACCESSES if one in given)
    return f": {listed} on {'everything' if everything else f'every {kind}'}"


def _grant_words(evidence: Evidence, grant: Granted) -> str:
    target, resource = grant.target, evidence.question.resource
    name = f"every {target.kind}" if target.name == EVERY else f"{target.kind} {target.name}"
    given = "it made that itself" if grant.holder == f"USER:{grant.by}" else f"given by {grant.by}"
    carries = f", which {resource.kind} {resource.name} carries" if evidence.reached(grant) != target else ""
    return f"{grant.holder} has {evidence.question.access} on {name}{carries} ({given}, {day(grant.at)})"


def day(at: int) -> str:
    """The day of a moment in epoch milliseconds, UTC."""
    return f"{datetime.fromtimestamp(at / 1000, UTC):%Y-%m-%d}"
