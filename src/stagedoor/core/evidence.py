"""What bears on one question: memberships, roles and grants, each with who gave it and when. Read whole, then thought about."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import NamedTuple, TypeVar

import msgspec

from stagedoor.core.permission import Access, Authority, Resource
from stagedoor.core.question import Question
from stagedoor.core.role import EDITS_METADATA, EVERY, PERMISSIONS, POLLS, Effects, effects_of
from stagedoor.store.store import Row, Transaction


class Membership(NamedTuple):
    member: str
    group: str
    by: str
    at: int


class RoleHeld(NamedTuple):
    holder: str
    """`USER:...` or `GROUP:...`."""
    role: str
    by: str
    at: int


class Granted(NamedTuple):
    """A grant of the question's access, on its resource, on every one of the kind (`*`), on a tag of it, or on its domain."""

    holder: str
    """`USER:...`, `GROUP:...` or `ROLE:...`."""
    target: Resource
    by: str
    at: int


Held = Membership | RoleHeld | Granted
T = TypeVar("T", bound=Held)
Index = Mapping[str, tuple[T, ...]]


@dataclass(frozen=True)
class Evidence:
    """By holder. `custom` are the permissions of all custom roles of the project."""

    question: Question
    memberships: Index[Membership] = field(default_factory=dict)
    roles: Index[RoleHeld] = field(default_factory=dict)
    grants: Index[Granted] = field(default_factory=dict)
    custom: Mapping[str, tuple[str, ...]] = field(default_factory=dict)

    @classmethod
    def of(cls, question: Question, held: Iterable[Held], custom: Mapping[str, tuple[str, ...]]) -> "Evidence":
        """From single pieces."""
        return cls(question, custom=custom).plus(held)

    def plus(self, more: Iterable[Held]) -> "Evidence":
        """The same with more of it: a change that is not made."""
        pieces = list(more)
        return replace(
            self,
            memberships=_indexed(self.memberships, (one for one in pieces if isinstance(one, Membership))),
            roles=_indexed(self.roles, (one for one in pieces if isinstance(one, RoleHeld))),
            grants=_indexed(self.grants, (one for one in pieces if isinstance(one, Granted))),
        )

    def holders(self, subject: str) -> Iterator[tuple[tuple[Membership, ...], str]]:
        """The subject itself, then its groups, each with the membership that leads there."""
        yield (), subject
        for one in self.memberships.get(subject, ()):
            yield (one,), f"GROUP:{one.group}"

    def effects(self, role: str) -> Effects:
        return effects_of(role, self.custom.get(role))

    def authority(self, subject: str) -> Authority:
        """What the subject holds as far as this evidence goes."""
        roles, grants = set[str](), list[Granted]()
        for _, holder in self.holders(subject):
            roles |= {one.role for one in self.roles.get(holder, ())}
            grants += self.grants.get(holder, ())
        for role in roles:
            grants += self.grants.get(f"ROLE:{role}", ())
        triples = [(self.question.access, *self.reached(one)) for one in grants]
        return Authority.of(roles, triples, {role: self.custom[role] for role in roles if role in self.custom})

    def reached(self, grant: Granted) -> Resource:
        """What a grant gives access to: one on a tag reaches what carries it."""
        through_tag = grant.target.kind == "TAG" and self.question.resource.kind != "TAG"
        return self.question.resource if through_tag else grant.target

    def gives(self, role: str) -> bool:
        """Whether the role by itself gives what is asked."""
        effects, kind = self.effects(role), self.question.resource.kind
        if self.question.access is Access.CREATE:
            return not effects.creates.isdisjoint({kind, EVERY})
        return any(self.question.access in effects.wide.get(each, ()) for each in (kind, EVERY))


def _indexed(before: Index[T], more: Iterable[T]) -> Index[T]:
    index: dict[str, tuple[T, ...]] = dict(before)
    for one in more:
        index[one[0]] = (*index.get(one[0], ()), one)
    return index


def evidence_about(tx: Transaction, project: str, subject: str, question: Question) -> Evidence:
    """All that bears on one subject, and what all groups hold, for who might join one."""
    joined, own = tx.all("explain_groups", project_id=project, member=subject), tx.all("explain_roles", project_id=project, subject=subject)
    memberships = [Membership(subject, row["group_id"], row["added_by"], row["added_at"]) for row in joined]
    roles = [_role(row | {"subject": subject}) for row in own]
    groups = [_role(row) for row in tx.all("explain_group_roles", project_id=project)]
    return Evidence.of(question, [*memberships, *roles, *groups, *_grants(tx, project, question)], custom_roles(tx, project))


def evidence_about_all(tx: Transaction, project: str, question: Question) -> Evidence:
    """All that lets anybody have what is asked: only roles and groups that matter to it are looked up."""
    found = Evidence.of(question, _grants(tx, project, question), custom_roles(tx, project))
    roles = [
        _role(row | {"role": role})
        for role in (*PERMISSIONS, *found.custom)
        if found.gives(role) or f"ROLE:{role}" in found.grants or role in POLLS | EDITS_METADATA
        for row in tx.all("explain_holders", project_id=project, role=role)
    ]
    found = found.plus(roles)
    groups = [holder.removeprefix("GROUP:") for holder in {*found.roles, *found.grants} if holder.startswith("GROUP:")]
    return found.plus(
        Membership(row["member"], group, row["added_by"], row["added_at"])
        for group in sorted(groups)
        for row in tx.all("explain_members", project_id=project, group_id=group)
    )


def custom_roles(tx: Transaction, project: str) -> dict[str, tuple[str, ...]]:
    """Name -> permissions."""
    rows = tx.all("custom_roles", project_id=project)
    return {row["name"]: tuple(msgspec.json.decode(row["permissions"], type=list[str])) for row in rows}


def _grants(tx: Transaction, project: str, question: Question) -> list[Granted]:
    if question.access is Access.CREATE:
        return []
    rows = tx.all(
        "explain_grants", project_id=project, access=question.access, target_type=question.resource.kind,
        target_id=question.resource.name, domain=question.domain if question.polls else "",
    )  # fmt: skip
    return [Granted(row["subject"], Resource(row["target_type"], row["target_id"]), row["granted_by"], row["granted_at"]) for row in rows]


def _role(row: Row) -> RoleHeld:
    return RoleHeld(row["subject"], row["role"], row["granted_by"], row["granted_at"])
