"""Who may do what, as the documents say it, in the plainest code that can say it: no index, no cache, nothing of the product.

Sources: contract/orkes.md A and C, docs/decisions/0003-roles.md, 0006-grants.md, 0018-groups-roles-tags.md.
"""

from dataclasses import dataclass, field
from itertools import product

from tests.model.roles import ACCESSES, DEFINITIONS, KINDS, SYSTEM, Powers, of_custom, of_system

Thing = tuple[str, str]
"""(kind, name)."""
Right = tuple[str, str, str]
"""(access, kind, name); the kinds `#make` and `#manage` stand for what roles alone give, the name `*` for all of a kind."""


@dataclass
class Group:
    roles: set[str] = field(default_factory=set)
    members: set[str] = field(default_factory=set)
    default: dict[str, tuple[str, ...]] = field(default_factory=dict)


@dataclass
class Model:
    """One project. A principal is a user's id, or `app:<id>`. A grant is (subject, access, kind, name)."""

    users: dict[str, set[str]] = field(default_factory=dict)
    apps: dict[str, set[str]] = field(default_factory=dict)
    groups: dict[str, Group] = field(default_factory=dict)
    custom: dict[str, frozenset[str]] = field(default_factory=dict)
    grants: set[tuple[str, str, str, str]] = field(default_factory=set)
    things: set[Thing] = field(default_factory=set)
    tags: dict[Thing, dict[str, str]] = field(default_factory=dict)
    alive: dict[str, bool] = field(default_factory=dict)
    """By principal: whether the credential it comes by is there and not paused."""

    # ---- rights
    def roles(self, who: str) -> set[str]:
        own = self.apps.get(who.removeprefix("app:"), set()) if is_app(who) else self.users.get(who, set())
        return own.union(*(group.roles for group in self.groups.values() if who in group.members))

    def powers(self, role: str) -> Powers:
        return of_system(role) if role in SYSTEM else of_custom(self.custom[role])

    def subjects(self, who: str) -> set[str]:
        groups = {f"GROUP:{name}" for name, group in self.groups.items() if who in group.members}
        return {f"USER:{who}"} | groups | {f"ROLE:{role}" for role in self.roles(who)}

    def admin(self, who: str) -> bool:
        return "ADMIN" in self.roles(who)

    def manages(self, who: str) -> bool:
        return any(self.powers(role).manages for role in self.roles(who))

    def makes(self, who: str, kind: str) -> bool:
        return any(kind in self.powers(role).makes for role in self.roles(who))

    def wide(self, who: str, access: str, kind: str) -> bool:
        return self.admin(who) or any((access, kind) in self.powers(role).wide for role in self.roles(who))

    def granted(self, who: str, access: str, kind: str, name: str) -> bool:
        """By a grant on it, on all of its kind, or on a tag that it carries."""
        subjects = self.subjects(who)
        pairs = {f"{key}:{value}" for key, value in self.tags.get((kind, name), {}).items()}
        for subject, given, on, what in self.grants:
            hit = (on == kind and what in (name, "*")) or (on == "TAG" and what in pairs)
            if subject in subjects and given == access and hit:
                return True
        return False

    def may(self, who: str, access: str, kind: str, name: str) -> bool:
        if self.wide(who, access, kind):
            return True
        editing = access in ("UPDATE", "DELETE") and kind in DEFINITIONS
        if editing and is_app(who) and "METADATA_API" not in self.roles(who):
            return False
        return self.granted(who, access, kind, name)

    def polls(self, who: str, task: str, domain: str = "") -> bool:
        may = self.may(who, "EXECUTE", "TASK_DEF", task) or (domain != "" and self.granted(who, "EXECUTE", "DOMAIN", domain))
        return may and (not is_app(who) or any(self.powers(role).polls for role in self.roles(who)))

    def saves(self, who: str, kind: str, name: str) -> bool:
        return self.may(who, "UPDATE", kind, name) if (kind, name) in self.things else self.makes(who, kind)

    # ---- nobody hands out what they do not hold
    def hands_out(self, who: str, kind: str, name: str, accesses: tuple[str, ...]) -> bool:
        return all(self.may(who, access, kind, name) for access in {"UPDATE", *accesses})

    def covers_role(self, who: str, role: str) -> bool:
        """May give it or take it: holds all that it gives, and all that is granted to it."""
        if self.admin(who):
            return True
        powers = self.powers(role)
        return (
            role != "ADMIN"
            and all(self.wide(who, *one) for one in powers.wide)
            and all(self.makes(who, kind) for kind in powers.makes)
            and (self.manages(who) or not powers.manages)
            and self.covers_grants(who, f"ROLE:{role}")
        )

    def covers_grants(self, who: str, subject: str) -> bool:
        return all(self.may(who, access, kind, name) for holder, access, kind, name in self.grants if holder == subject)

    def covers_group(self, who: str, name: str) -> bool:
        return all(self.covers_role(who, role) for role in self.groups[name].roles) and self.covers_grants(who, f"GROUP:{name}")

    def covers_tag(self, who: str, thing: Thing, pair: str) -> bool:
        given = {access for _, access, kind, name in self.grants if (kind, name) == ("TAG", pair)}
        return all(self.may(who, access, *thing) for access in given)

    def administrators(self) -> set[str]:
        """Persons only."""
        return {user for user in self.users if self.admin(user)}

    # ---- for the invariants
    def principals(self) -> list[str]:
        return [*self.users, *(f"app:{app}" for app in self.apps)]

    def rights(self, who: str, names: dict[str, list[str]]) -> set[Right]:
        """Everything it has. The roles by which an application's grants take effect count as there: what they switch on was granted."""
        held: set[Right] = {("", "#manage", "*")} if self.manages(who) else set()
        held |= {("", "#make", kind) for kind in KINDS if self.makes(who, kind)}
        for access, kind in product(ACCESSES, names):
            everything = self.wide(who, access, kind)
            held |= {(access, kind, name) for name in ("*", *names[kind]) if everything or self.granted(who, access, kind, name)}
        return held

    # ---- changes
    def own(self, who: str, thing: Thing) -> None:
        """Who makes a thing has all of it, and its groups what their defaultAccess says."""
        self.things.add(thing)
        self.grants |= {(f"USER:{who}", access, *thing) for access in ACCESSES}
        for name, group in self.groups.items():
            if who in group.members:
                self.grants |= {(f"GROUP:{name}", access, *thing) for access in group.default.get(thing[0], ())}

    def forget(self, thing: Thing) -> None:
        self.things.discard(thing)
        self.tags.pop(thing, None)
        self.grants = {grant for grant in self.grants if grant[2:] != thing}

    def forget_subject(self, subject: str) -> None:
        self.grants = {grant for grant in self.grants if grant[0] != subject}


def is_app(who: str) -> bool:
    return who.startswith("app:")
