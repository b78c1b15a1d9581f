"""The smallest changes that would turn a denial round, and whether whoever asks could make them (promise 10)."""

from collections.abc import Iterator
from dataclasses import dataclass, replace

import msgspec

from stagedoor.core.application import Applications
from stagedoor.core.evidence import Evidence, Granted, Held, Membership, RoleHeld
from stagedoor.core.grant import authority_on, must_hold
from stagedoor.core.group import Groups
from stagedoor.core.permission import NOTHING, Access, Allowed, Resource
from stagedoor.core.principal import Principal
from stagedoor.core.question import judge
from stagedoor.core.role import OF_APPLICATIONS, OF_USERS
from stagedoor.kit.errors import Forbidden
from stagedoor.store.store import Transaction

MOST_GROUPS = 200
"""So many groups are looked at, in the order of their names."""
NO_USER_MANAGEMENT = "You don't have permissions to manage users and groups (missing: permission USER_MANAGEMENT)"


class Change(msgspec.Struct, frozen=True, omit_defaults=True):
    """GRANT (`access` on `target`), ROLE, or MEMBER of a `group`; all for `subject`."""

    type: str
    text: str
    subject: str
    access: str | None = None
    target: dict[str, str] | None = None
    role: str | None = None
    group: str | None = None


class Remedy(msgspec.Struct, rename="camel", frozen=True):
    """Changes that together are enough. `refusal`: why the asking caller could not make them, in the words of the 403; None: it could."""

    text: str
    changes: tuple[Change, ...]
    refusal: str | None = None


@dataclass(frozen=True)
class Remedies:
    groups: Groups
    applications: Applications

    def for_denial(self, tx: Transaction, evidence: Evidence, who: Principal, asker: Principal | None) -> list[Remedy]:
        """Those that are enough, none of which holds another. `asker` None: the owner of the store, who may make any.

        Who is no administrator is not told what groups and roles hold that it is not in: it would learn which names there are (promise 9).
        """
        everything = asker is None or "AUTHORIZATION_MANAGEMENT" in authority_on(tx, asker, NOTHING).permissions
        known = evidence if everything else _own(evidence, who)
        enough: list[tuple[Held, ...]] = []
        for candidate in self._candidates(tx, known, who):
            if not any(set(smaller) <= set(candidate) for smaller in enough) and _allows(known, who, candidate):
                enough.append(candidate)
        others = [one for one in enough if not _administers(one)]
        return [self._told(tx, evidence, candidate, asker) for candidate in others or enough]

    def _candidates(self, tx: Transaction, evidence: Evidence, who: Principal) -> Iterator[tuple[Held, ...]]:
        question, subject = evidence.question, who.subject
        helpers = [RoleHeld(subject, role, "", 0) for role in ("WORKER", "METADATA_API")] if who.is_application else []
        targets = [] if question.access is Access.CREATE else [question.resource]
        targets += [Resource("DOMAIN", question.domain)] if question.polls and question.domain else []
        grants = [Granted(subject, target, "", 0) for target in targets]
        if who.is_project:  # it is in no group and has no role
            yield from ((grant,) for grant in grants)
            return
        yield from ((helper,) for helper in helpers)
        yield from ((grant,) for grant in grants)
        yield from ((grant, helper) for grant in grants for helper in helpers)
        joins = [Membership(subject, group, "", 0) for group in self._joinable(tx, evidence, who)]
        yield from ((join,) for join in joins)
        roles = [RoleHeld(subject, role, "", 0) for role in self._roles(evidence, who)]
        yield from ((role,) for role in roles)
        yield from ((join, helper) for join in joins for helper in helpers)
        yield from ((role, helper) for role in roles for helper in helpers)

    def _roles(self, evidence: Evidence, who: Principal) -> list[str]:
        """Those the subject may have, the ones that give least first."""
        may = OF_APPLICATIONS if who.is_application else OF_USERS - ({"USER_READ_ONLY"} if evidence.memberships.get(who.subject) else set())
        return sorted((*may, *evidence.custom), key=lambda role: (_weight(evidence, role), role))

    def _joinable(self, tx: Transaction, evidence: Evidence, who: Principal) -> list[str]:
        if any(held.role == "USER_READ_ONLY" for held in evidence.roles.get(who.subject, ())):
            return []
        joined = {one.group for one in evidence.memberships.get(who.subject, ())}
        known = [group.id for group in self.groups.all(tx, who.project) if group.id not in joined]
        return known[:MOST_GROUPS]

    def _told(self, tx: Transaction, evidence: Evidence, candidate: tuple[Held, ...], asker: Principal | None) -> Remedy:
        changes = tuple(_change(evidence, held) for held in candidate)
        refusal = None if asker is None else next(filter(None, (self._refusal(tx, asker, evidence, one) for one in candidate)), None)
        return Remedy(" and ".join(change.text for change in changes), changes, refusal)

    def _refusal(self, tx: Transaction, asker: Principal, evidence: Evidence, held: Held) -> str | None:
        try:
            self._demand(tx, asker, evidence, held)
        except Forbidden as refused:
            return refused.message
        return None

    def _demand(self, tx: Transaction, asker: Principal, evidence: Evidence, held: Held) -> None:
        """What the routes for this change ask; Forbidden as they say it."""
        if isinstance(held, Granted):
            _may_grant(tx, asker, held.target, evidence.question.access)
            return
        if isinstance(held, RoleHeld) and held.holder.startswith("USER:app:"):
            application = held.holder.removeprefix("USER:app:")
            must_hold(tx, asker, Resource("APPLICATION", application), Access.UPDATE)
            self.applications.check_role(tx, asker, application, held.role)
            return
        if "USER_MANAGEMENT" not in authority_on(tx, asker, NOTHING).permissions:
            raise Forbidden(NO_USER_MANAGEMENT)
        if isinstance(held, Membership):
            self.groups.must_cover(tx, asker, self.groups.get(tx, asker.project, held.group))
        else:
            self.groups.directory.role_book.must_cover(tx, asker, held.role)


def _own(evidence: Evidence, who: Principal) -> Evidence:
    """Without what other groups and roles hold."""
    holders = [holder for _, holder in evidence.holders(who.subject)]
    roles = {held.role for holder in holders for held in evidence.roles.get(holder, ())}
    mine = {*holders, *(f"ROLE:{role}" for role in roles)}
    return replace(
        evidence,
        roles={holder: held for holder, held in evidence.roles.items() if holder in mine},
        grants={holder: held for holder, held in evidence.grants.items() if holder in mine},
    )


def _may_grant(tx: Transaction, asker: Principal, target: Resource, access: Access) -> None:
    must_hold(tx, asker, target, Access.UPDATE, access)


def _allows(evidence: Evidence, who: Principal, candidate: tuple[Held, ...]) -> bool:
    more = evidence.plus(candidate)
    return isinstance(judge(who, evidence.question, more.authority(who.subject)), Allowed)


def _administers(candidate: tuple[Held, ...]) -> bool:
    return any(isinstance(held, RoleHeld) and held.role == "ADMIN" for held in candidate)


def _weight(evidence: Evidence, role: str) -> int:
    """How much a role gives, roughly: accesses on whole kinds, kinds it makes; ADMIN gives most."""
    effects = evidence.effects(role)
    return (sum(map(len, effects.wide.values())) + len(effects.creates)) * (100 if role == "ADMIN" else 1)


def _change(evidence: Evidence, held: Held) -> Change:
    access = evidence.question.access
    if isinstance(held, Granted):
        target = {"type": held.target.kind, "id": held.target.name}
        return Change("GRANT", f"grant {access} on {held.target.kind} {held.target.name} to {held.holder}", held.holder, access, target)
    if isinstance(held, RoleHeld):
        return Change("ROLE", f"give {held.holder} the role {held.role}", held.holder, role=held.role)
    return Change("MEMBER", f"put {held.member} into GROUP:{held.group}", held.member, group=held.group)
