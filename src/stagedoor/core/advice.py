"""The smaller set: what a subject could do without, by what it used. Pure (docs/decisions/0021-usage-counters.md).

Each proposal is checked by asking every recorded use again of the authority that would be left: none is refused, and nothing is
given that was not there before.
"""

from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import NamedTuple

from stagedoor.core.permission import Access, Allowed, Authority, Resource, creates, decide, decide_poll
from stagedoor.core.principal import Principal
from stagedoor.core.role import EDITS_METADATA, EVERY, OF_APPLICATIONS, OF_USERS, PERMISSIONS, ROUTE_PERMISSIONS, effects_of
from stagedoor.core.usage import MAKE, PERMIT, POLL, WHOLE, Use, Used

MOST_GRANTS = 200
"""One role or wildcard is replaced by so many single grants at most; whoever uses more keeps it."""
BROAD_KINDS = ("TAG", "DOMAIN")
HELPERS = frozenset({"WORKER"}) | EDITS_METADATA
"""Roles that by themselves give next to nothing, and without which certain grants do nothing."""
_NEVER_ADDED = frozenset({"ADMIN", "USER_READ_ONLY"})


class Grant(NamedTuple):
    """One access on one target, as granted; the target may be a TAG, a DOMAIN or `*`."""

    access: str
    kind: str
    name: str

    def __str__(self) -> str:
        return f"{self.access} on {self.kind} {self.name}"

    @property
    def broad(self) -> bool:
        return self.name == EVERY or self.kind in BROAD_KINDS


Item = str | Grant
"""A role by its name, or a grant."""


def items_of(roles: Iterable[str], grants: Iterable[Grant]) -> tuple[Item, ...]:
    """Both, each in order."""
    found: list[Item] = [*sorted(roles)]
    return (*found, *sorted(grants))


@dataclass(frozen=True)
class Held:
    """All that decides what one subject may do. `roles` and `grants` are its own, with the time they were given (epoch ms)."""

    who: Principal
    roles: Mapping[str, int]
    grants: Mapping[Grant, int]
    group_roles: frozenset[str] = frozenset()
    group_grants: frozenset[Grant] = frozenset()
    role_grants: Mapping[str, frozenset[Grant]] = field(default_factory=dict)
    """What is granted to each role of the project."""
    custom: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    """The project's own roles with their permissions."""
    tagged: Mapping[str, tuple[Resource, ...]] = field(default_factory=dict)
    """Tag (`key:value`) -> what carries it."""
    last_administrator: bool = False

    def authority(self, own: "Own") -> Authority:
        """What the subject may do if it holds itself just these."""
        roles = own.roles | self.group_roles
        grants = own.grants | self.group_grants | {grant for role in roles for grant in self.role_grants.get(role, ())}
        by_tag = {(grant.access, *thing) for grant in grants if grant.kind == "TAG" for thing in self.tagged.get(grant.name, ())}
        return Authority.of(roles, grants | by_tag, {role: self.custom[role] for role in roles if role in self.custom})

    @property
    def own(self) -> "Own":
        return Own(frozenset(self.roles), frozenset(self.grants))

    @property
    def items(self) -> tuple[Item, ...]:
        """Its own."""
        return items_of(self.roles, self.grants)

    def given(self, item: Item) -> int:
        return self.grants[item] if isinstance(item, Grant) else self.roles[item]


@dataclass(frozen=True)
class Own:
    """Roles and grants that a subject has itself."""

    roles: frozenset[str]
    grants: frozenset[Grant]

    def without(self, item: Item) -> "Own":
        return replace(self, grants=self.grants - {item}) if isinstance(item, Grant) else replace(self, roles=self.roles - {item})

    def plus(self, roles: Iterable[str] = (), grants: Iterable[Grant] = ()) -> "Own":
        return Own(self.roles | set(roles), self.grants | set(grants))


@dataclass(frozen=True)
class Advice:
    """What to take and what to give instead. `kept`: what stays though it is broad, or could not be judged, and why."""

    who: Principal
    before: Own
    after: Own
    kept: Mapping[str, str]
    replayed: int
    """Recorded uses that were asked again."""
    refused: tuple[Use, ...]
    """Those of them that the proposal would refuse: none, or it is not applied."""
    gone: tuple[Use, ...]
    """Recorded uses that are refused today already: somebody took the right meanwhile."""

    @property
    def removes(self) -> tuple[Item, ...]:
        return items_of(self.before.roles - self.after.roles, self.before.grants - self.after.grants)

    @property
    def adds(self) -> tuple[Item, ...]:
        return items_of(self.after.roles - self.before.roles, self.after.grants - self.before.grants)


def allowed(who: Principal, use: Use, authority: Authority) -> bool:
    """A recorded use, asked again."""
    if use.access == POLL:
        return isinstance(decide_poll(who, use.name, authority, use.domain), Allowed)
    if use.access == MAKE:
        return creates(use.kind, authority) is not None
    if use.access == PERMIT:
        return use.name in authority.permissions
    if use.access.startswith(WHOLE):
        return authority.whole(Access(use.access.removeprefix(WHOLE)), use.kind) is not None
    return isinstance(decide(who, Access(use.access), Resource(use.kind, use.name), authority), Allowed)


def refused(who: Principal, uses: Iterable[Use], authority: Authority) -> list[Use]:
    return [use for use in uses if not allowed(who, use, authority)]


def gains(who: Principal, before: Authority, after: Authority) -> Iterator[str]:
    """What one authority allows that the other does not; nothing, where it is no more than that."""
    for (access, kind), role in after.wide.items():
        if before.whole(Access(access), kind) is None:
            yield f"{access} on every {kind} by role {role}"
    for (access, kind), names in after.grants.items():
        for name in names:
            yield from _gain(who, Use(access, kind, name), before, after)
    for kind, role in after.makes.items():
        if creates(kind, before) is None:
            yield f"to make {kind} by role {role}"
    yield from ROUTE_PERMISSIONS & (after.permissions - before.permissions)
    if after.polls and not before.polls:
        yield "to take tasks"


def _gain(who: Principal, use: Use, before: Authority, after: Authority) -> Iterator[str]:
    if use.kind in BROAD_KINDS:
        if use.name not in before.names(Access(use.access), use.kind):
            yield str(use)
    elif allowed(who, use, after) and not allowed(who, use, before):
        yield str(use)


def exercised(held: Held, uses: Iterable[Used]) -> dict[Item, tuple[int, int]]:
    """Of each role and grant of the subject's own: how many recorded uses it allows, and when the last was (epoch ms). Two of them
    may allow the same use. What only lets others count (WORKER, METADATA_API) is used where they are."""
    whole = held.authority(held.own)
    helpers = frozenset({"WORKER"} if whole.polls else ()) | (EDITS_METADATA if whole.edits_metadata else frozenset())
    broad = [(item, _alone(held, item), _alone(held, item, helpers)) for item in held.items if _is_broad(item)]
    found: dict[Item, tuple[int, int]] = dict.fromkeys(held.items, (0, 0))
    for used in uses:
        helped = used.use.access in (POLL, Access.UPDATE, Access.DELETE)
        items: list[Item] = [item for item, alone, more in broad if allowed(held.who, used.use, more if helped else alone)]
        if (grant := _single(used.use)) in held.grants and grant is not None:
            items.append(grant)
        items += [role for role in held.roles if role in HELPERS and _enables(role, used.use)]
        for item in items:
            count, last = found[item]
            found[item] = count + used.count, max(last, used.last_at)
    return found


def _alone(held: Held, item: Item, helpers: frozenset[str] = frozenset()) -> Authority:
    grants = frozenset({item}) if isinstance(item, Grant) else frozenset[Grant]()
    roles = helpers if isinstance(item, Grant) else helpers | {item}
    return replace(held, group_roles=frozenset(), group_grants=frozenset()).authority(Own(roles, grants))


def _is_broad(item: Item) -> bool:
    return item.broad if isinstance(item, Grant) else item not in HELPERS


def _enables(role: str, use: Use) -> bool:
    if role in EDITS_METADATA:
        return use.kind in ("WORKFLOW_DEF", "TASK_DEF") and use.access in (MAKE, Access.UPDATE, Access.DELETE)
    return use.access == POLL


def advise(held: Held, uses: Collection[Use], judged_before: int) -> Advice:
    """What was given since `judged_before` (epoch ms) stays as it is: it has had no time to be used."""
    before = held.authority(held.own)
    asked = [use for use in uses if allowed(held.who, use, before)]
    search = _Search(held, asked, judged_before, before)
    after = search.narrowed(held.own)
    left = held.authority(after)
    wrong = tuple(refused(held.who, asked, left))
    if more := next(gains(held.who, before, left), None):
        raise AssertionError(f"a proposal gives more than there was: {more}")
    return Advice(held.who, held.own, after, search.kept, len(asked), wrong, tuple(set(uses) - set(asked)))


@dataclass
class _Search:
    held: Held
    uses: list[Use]
    judged_before: int
    before: Authority
    kept: dict[str, str] = field(default_factory=dict)

    def narrowed(self, own: Own) -> Own:
        """Single grants first, each by the uses that name it; then what is broad, the broadest first."""
        named = {(POLLED if use.access == POLL else use.access, use.kind, use.name) for use in self.uses}
        for grant in sorted(own.grants):
            if not grant.broad and self._ripe(grant) and grant not in named:
                own = own.without(grant)
        broad: list[Item] = [grant for grant in sorted(own.grants) if grant.broad]
        for item in [*sorted(own.roles, key=lambda role: (-self._breadth(role), role)), *broad]:
            if self._ripe(item):
                own = self._without(own, item)
        return own

    def _ripe(self, item: Item) -> bool:
        if self.held.given(item) > self.judged_before:
            self.kept[str(item)] = "given within the time that is looked at"
            return False
        if item == "ADMIN" and self.held.last_administrator:
            self.kept["ADMIN"] = "the last administrator"
            return False
        return True

    def _without(self, own: Own, item: Item) -> Own:
        """Without it, and with as little instead as the uses need; as it was, where nothing smaller will do."""
        smaller = own.without(item)
        missing = self._missing(smaller)
        if not missing:
            return smaller
        breadth = self._breadth(item) if isinstance(item, str) else 0
        smaller = self._with_roles(smaller, missing, breadth)
        missing = self._missing(smaller)
        grants = {_single(use) for use in missing}
        if None in grants:
            self.kept[str(item)] = f"used: {next(use for use in missing if _single(use) is None)}"
            return own
        if len(grants) > MOST_GRANTS:
            self.kept[str(item)] = f"used for {len(grants)} names"
            return own
        smaller = smaller.plus(grants=[grant for grant in grants if grant is not None])
        after = self.held.authority(smaller)
        if refused(self.held.who, self.uses, after) or any(gains(self.held.who, self.before, after)):
            self.kept[str(item)] = f"used: {missing[0]}" if missing else "used"
            return own
        return smaller

    def _missing(self, own: Own) -> list[Use]:
        return refused(self.held.who, self.uses, self.held.authority(own))

    def _with_roles(self, own: Own, missing: list[Use], breadth: int) -> Own:
        """The narrowest roles by which single grants, or roles alone, can stand in. Only such as give nothing new."""
        for use in _one_of_each(missing):
            if allowed(self.held.who, use, self.held.authority(own)):
                continue
            grant = _single(use)
            if grant is not None and allowed(self.held.who, use, self.held.authority(own.plus(grants=[grant]))):
                continue
            for role in self._candidates(breadth):
                more = own.plus(roles=[role])
                helped = self.held.authority(more.plus(grants=[grant] if grant is not None else []))
                if allowed(self.held.who, use, helped) and not any(gains(self.held.who, self.before, self.held.authority(more))):
                    own = more
                    break
        return own

    def _candidates(self, breadth: int) -> list[str]:
        built_in = (OF_APPLICATIONS if self.held.who.is_application else OF_USERS) - _NEVER_ADDED
        roles = sorted({*built_in, *self.held.custom}, key=lambda role: (self._breadth(role), role))
        return [role for role in roles if self._breadth(role) < breadth]

    def _breadth(self, role: str) -> int:
        """How much a role gives: to compare roles."""
        effects = effects_of(role, None if role in PERMISSIONS else self.held.custom.get(role, ()))
        wide = sum(len(accesses) * (1000 if kind == EVERY else 10) for kind, accesses in effects.wide.items())
        made = sum(1000 if kind == EVERY else 1 for kind in effects.creates)
        powers = 100 * len(ROUTE_PERMISSIONS.intersection(effects.permissions))
        return wide + made + powers + 10 * len(self.held.role_grants.get(role, ()))


POLLED = Access.EXECUTE.value


def _one_of_each(uses: Iterable[Use]) -> list[Use]:
    """One use for each access and kind, which is what roles speak of; each of those that no single grant allows."""
    return list({(use.access, use.kind, "" if _single(use) else use.name): use for use in uses}.values())


def _single(use: Use) -> Grant | None:
    """The single grant that allows a use, so far as grants can."""
    if use.name in ("", EVERY) or use.kind in BROAD_KINDS:
        return None
    if use.access == POLL:
        return Grant(POLLED, use.kind, use.name)
    return Grant(use.access, use.kind, use.name) if use.access in Access.__members__ else None
