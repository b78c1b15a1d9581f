"""What becomes of each operation: the statuses it may be refused with, or what it changes (contract/orkes.md A)."""

from collections.abc import Callable
from copy import deepcopy
from dataclasses import dataclass

from tests.model.model import Group, Model, Thing
from tests.model.roles import BY_ANYBODY, KINDS, NO_PERMISSIONS, OF_APPLICATIONS, OF_GROUPS, OF_USERS, SYSTEM

Effect = Callable[[], None]


@dataclass(frozen=True)
class Judged:
    """`refused` is empty where it is done, and `effect` then does it to the model."""

    refused: frozenset[int]
    effect: Effect = lambda: None


def judged(effect: Effect, *refused: tuple[bool, int]) -> Judged:
    return Judged(frozenset(status for holds, status in refused if holds), effect)


FORBIDDEN = Judged(frozenset({403}))
HIDDEN = Judged(frozenset({404}))


@dataclass(frozen=True)
class Judge:
    model: Model

    # ---- users and groups
    def put_user(self, who: str, user: str, roles: set[str] | None) -> Judged:
        model = self.model
        if not model.manages(who):
            return FORBIDDEN
        held = model.users.get(user, set())
        wanted = held if roles is None else roles

        def effect() -> None:
            model.users[user] = set(wanted)
            model.alive.setdefault(user, False)

        grouped = any(user in group.members for group in model.groups.values())
        bad = self._unknown(wanted - held, OF_USERS) or ("USER_READ_ONLY" in wanted - held and grouped)
        return self._last(effect, (bad, 400), (not self._covers(who, wanted ^ held), 403))

    def delete_user(self, who: str, user: str) -> Judged:
        model = self.model
        if not model.manages(who):
            return FORBIDDEN
        if user not in model.users:
            return HIDDEN

        def effect() -> None:
            for group in model.groups.values():
                group.members.discard(user)
            model.forget_subject(f"USER:{user}")
            del model.users[user]
            del model.alive[user]

        return self._last(effect, (not self._covers(who, model.users[user]), 403))

    def put_group(self, who: str, name: str, roles: set[str], default: dict[str, tuple[str, ...]]) -> Judged:
        model = self.model
        if not model.manages(who):
            return FORBIDDEN
        held = model.groups.get(name, Group())

        def effect() -> None:
            model.groups[name] = Group(set(roles), held.members, default)

        # What members make is not there yet: as with any name that is not, a right on it is given by who has it on all of the kind.
        changed = {(access, kind) for kind in KINDS for access in set(default.get(kind, ())) ^ set(held.default.get(kind, ()))}
        covered = self._covers(who, roles ^ held.roles) and all(model.wide(who, *one) for one in changed)
        return self._last(effect, (self._unknown(roles - held.roles, OF_GROUPS), 400), (not covered, 403))

    def delete_group(self, who: str, name: str) -> Judged:
        model = self.model
        if not model.manages(who):
            return FORBIDDEN
        if name not in model.groups:
            return HIDDEN

        def effect() -> None:
            model.forget_subject(f"GROUP:{name}")
            del model.groups[name]

        return self._last(effect, (not self._covers(who, model.groups[name].roles), 403))

    def add_member(self, who: str, name: str, user: str) -> Judged:
        model = self.model
        if not model.manages(who):
            return FORBIDDEN
        there = name in model.groups
        return judged(
            lambda: model.groups[name].members.add(user),
            (not there or user not in model.principals(), 404),
            ("USER_READ_ONLY" in model.users.get(user, set()), 400),
            (there and not model.covers_group(who, name), 403),
        )

    def remove_member(self, who: str, name: str, user: str) -> Judged:
        model = self.model
        if not model.manages(who):
            return FORBIDDEN
        if name not in model.groups or user not in model.principals():
            return HIDDEN
        return self._last(lambda: model.groups[name].members.discard(user))

    def members(self, who: str, name: str) -> Judged:
        if not self.model.manages(who):
            return FORBIDDEN
        return judged(lambda: None, (name not in self.model.groups, 404))

    def see_user(self, who: str, user: str) -> Judged:
        if not self.model.manages(who):
            return FORBIDDEN
        return judged(lambda: None, (user not in self.model.principals(), 404))

    # ---- custom roles
    def create_role(self, who: str, name: str, permissions: set[str]) -> Judged:
        model = self.model
        if not model.admin(who):
            return FORBIDDEN
        taken, bad = name in SYSTEM or name in model.custom, bool(permissions & {*NO_PERMISSIONS})
        return judged(lambda: model.custom.update({name: frozenset(permissions)}), (taken, 409), (bad, 400))

    def put_role(self, who: str, name: str, permissions: set[str]) -> Judged:
        model = self.model
        if not model.admin(who):
            return FORBIDDEN
        if name not in model.custom and name not in SYSTEM:
            return HIDDEN
        bad = name in SYSTEM or bool(permissions & {*NO_PERMISSIONS})
        return judged(lambda: model.custom.update({name: frozenset(permissions)}), (bad, 400))

    def delete_role(self, who: str, name: str) -> Judged:
        model = self.model
        if not model.admin(who):
            return FORBIDDEN
        if name not in model.custom:
            return Judged(frozenset({400 if name in SYSTEM else 404}))

        def effect() -> None:
            del model.custom[name]
            model.forget_subject(f"ROLE:{name}")
            for roles in (*model.users.values(), *model.apps.values(), *(group.roles for group in model.groups.values())):
                roles.discard(name)

        return judged(effect)

    # ---- grants and tags
    def grant(self, who: str, subject: str, thing: Thing, accesses: tuple[str, ...]) -> Judged:
        given = {(subject, access, *thing) for access in accesses}
        return self._grants(who, thing, accesses, lambda: self.model.grants.update(given), (not self._is_subject(subject), 400))

    def revoke(self, who: str, subject: str, thing: Thing, accesses: tuple[str, ...]) -> Judged:
        taken = {(subject, access, *thing) for access in accesses}
        return self._grants(who, thing, accesses, lambda: self.model.grants.difference_update(taken))

    def _grants(self, who: str, thing: Thing, accesses: tuple[str, ...], effect: Effect, *refused: tuple[bool, int]) -> Judged:
        if thing[1] == "*" and thing[0] in ("TAG", "DOMAIN"):
            return Judged(frozenset({400}))
        if not self.model.hands_out(who, *thing, accesses):
            return FORBIDDEN
        return judged(effect, *refused)

    def put_tag(self, who: str, thing: Thing, key: str, value: str) -> Judged:
        there = self.model.tags.get(thing, {})
        pairs = {f"{key}:{value}"} | ({f"{key}:{there[key]}"} if key in there else set())
        return self._tag(who, thing, pairs, lambda: self.model.tags.setdefault(thing, {}).update({key: value}))

    def delete_tag(self, who: str, thing: Thing, key: str) -> Judged:
        there = self.model.tags.get(thing, {})
        pairs = {f"{key}:{there[key]}"} if key in there else set()

        def effect() -> None:
            there.pop(key, None)

        return self._tag(who, thing, pairs, effect)

    def _tag(self, who: str, thing: Thing, pairs: set[str], effect: Effect) -> Judged:
        if thing[0] == "APPLICATION" and not self.model.may(who, "READ", *thing):
            return HIDDEN
        if not self.model.may(who, "UPDATE", *thing):
            return FORBIDDEN
        if thing not in self.model.things:
            return HIDDEN
        return judged(effect, (not all(self.model.covers_tag(who, thing, pair) for pair in pairs), 403))

    # ---- things
    def read(self, who: str, thing: Thing) -> Judged:
        if not self.model.may(who, "READ", *thing):
            return HIDDEN if thing[0] == "APPLICATION" else FORBIDDEN
        return judged(lambda: None, (thing not in self.model.things, 404))

    def save(self, who: str, thing: Thing) -> Judged:
        if not self.model.saves(who, *thing):
            return FORBIDDEN
        return judged(lambda: None if thing in self.model.things else self.model.own(who, thing))

    def delete(self, who: str, thing: Thing) -> Judged:
        if not self.model.may(who, "DELETE", *thing):
            return FORBIDDEN
        absent = thing not in self.model.things
        return judged(lambda: None if absent else self.model.forget(thing), (absent and thing[0] != "SECRET_NAME", 404))

    def poll(self, who: str, task: str, domain: str) -> Judged:
        return judged(lambda: None) if self.model.polls(who, task, domain) else FORBIDDEN

    # ---- applications
    def create_app(self, who: str) -> Judged:
        return judged(lambda: None) if self.model.makes(who, "APPLICATION") else FORBIDDEN

    def made_app(self, who: str, app: str) -> None:
        self.model.apps[app] = set()
        self.model.alive[f"app:{app}"] = False
        self.model.own(who, ("APPLICATION", app))

    def delete_app(self, who: str, app: str) -> Judged:
        model = self.model

        def effect() -> None:
            for group in model.groups.values():
                group.members.discard(f"app:{app}")
            model.forget(("APPLICATION", app))
            model.forget_subject(f"USER:app:{app}")
            del model.apps[app]
            del model.alive[f"app:{app}"]

        return self._on_app(who, app, "DELETE") or judged(effect)

    def app_role(self, who: str, app: str, role: str, given: bool) -> Judged:
        model = self.model
        bad = role not in OF_APPLICATIONS and role not in model.custom
        allowed = model.admin(who) or (role in BY_ANYBODY and model.covers_role(who, role))
        change = (lambda: model.apps[app].add(role)) if given else (lambda: model.apps[app].discard(role))
        return self._on_app(who, app, "UPDATE") or judged(change, (bad, 400), (not allowed, 403))

    def create_key(self, who: str, app: str) -> Judged:
        model = self.model
        beyond = {role for role in model.roles(f"app:{app}") if role not in BY_ANYBODY}
        return self._on_app(who, app, "UPDATE") or judged(lambda: None, (not model.admin(who) and not beyond <= model.roles(who), 403))

    def change_key(self, who: str, app: str) -> Judged:
        """Pausing and deleting: what happens to `alive` is the caller's business, who knows which key it comes by."""
        return self._on_app(who, app, "UPDATE") or judged(lambda: None)

    def _on_app(self, who: str, app: str, access: str) -> Judged | None:
        thing = ("APPLICATION", app)
        if not self.model.may(who, "READ", *thing):
            return HIDDEN
        if not self.model.may(who, access, *thing):
            return FORBIDDEN
        return None if app in self.model.apps else HIDDEN

    # ---- shared
    def _unknown(self, roles: set[str], system: tuple[str, ...]) -> bool:
        return any(role not in system and role not in self.model.custom for role in roles)

    def _covers(self, who: str, roles: set[str]) -> bool:
        return all(self.model.covers_role(who, role) for role in roles if role in SYSTEM or role in self.model.custom)

    def _is_subject(self, subject: str) -> bool:
        kind, _, name = subject.partition(":")
        model = self.model
        if kind == "GROUP":
            return name in model.groups
        if kind == "ROLE":
            return name in SYSTEM or name in model.custom
        return name in model.users or name.removeprefix("app:") in model.apps

    def _last(self, effect: Effect, *refused: tuple[bool, int]) -> Judged:
        """At least one person administers: tried on a copy."""
        if any(holds for holds, _ in refused):
            return judged(effect, *refused)
        before = deepcopy(self.model.__dict__)
        effect()
        nobody = not self.model.administrators()
        self.model.__dict__.update(before)
        return judged(effect, (nobody, 409))
