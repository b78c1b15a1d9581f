"""One operation after another, told to the model and to the real thing: both must say the same, and some things must hold always."""

from collections.abc import Callable
from typing import Any, ClassVar

from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from tests.model.model import Model, Right, Thing
from tests.model.operations import Judge, Judged
from tests.model.real import Real
from tests.model.roles import ACCESSES, NO_PERMISSIONS, OF_APPLICATIONS, OF_USERS, PERMISSIONS

ADMIN, PERSONS = "admin", ("ann", "bob", "cyd")
SLOTS = ("one", "two")
"""Applications have ids of the server's making: a slot stands for the one that was made last under it."""
PLAIN: tuple[Thing, ...] = (
    ("TASK_DEF", "t0"), ("TASK_DEF", "t1"), ("SECRET_NAME", "s0"), ("SECRET_NAME", "s1"), ("WORKFLOW_DEF", "w0"),
    ("ENV_VARIABLE", "e0"),
)  # fmt: skip
GROUPS, ROLES, DOMAIN = ("g0", "g1"), ("r0", "r1"), "d0"
PAIRS = ("team:red", "team:blue")

users = st.sampled_from((*PERSONS, ADMIN))
actors = st.sampled_from((ADMIN, ADMIN, *PERSONS, *PERSONS, *SLOTS))
slots, groups, roles = st.sampled_from(SLOTS), st.sampled_from(GROUPS), st.sampled_from(ROLES)
things = st.sampled_from((*PLAIN, *(("APPLICATION", slot) for slot in SLOTS)))
targets = st.one_of(
    things, things, st.sampled_from([("TAG", pair) for pair in PAIRS] + [("DOMAIN", DOMAIN), ("TASK_DEF", "*"), ("SECRET_NAME", "*")]),
    st.sampled_from([("WORKFLOW_DEF", "*"), ("APPLICATION", "*"), ("TAG", "*"), ("DOMAIN", "*"), ("TASK_DEF", "t*")]),
)  # fmt: skip
subjects = st.one_of(
    users.map(lambda user: f"USER:{user}"), slots.map(lambda slot: f"USER:{slot}"), groups.map(lambda name: f"GROUP:{name}"),
    st.sampled_from([*ROLES, "USER", "WORKER", "ADMIN", "nobody"]).map(lambda name: f"ROLE:{name}"),
)  # fmt: skip
accesses = st.lists(st.sampled_from(ACCESSES), min_size=1, max_size=3, unique=True).map(tuple)
role_sets = st.sets(st.sampled_from((*OF_USERS, *ROLES, *ROLES, "WORKER", "nonsense")), max_size=2)
permission_sets = st.one_of(
    st.sets(st.sampled_from(PERMISSIONS), max_size=3), st.sets(st.sampled_from((*PERMISSIONS, *NO_PERMISSIONS)), max_size=2)
).flatmap(lambda some: st.sampled_from([some, some, some | {"USER_MANAGEMENT"}]))
defaults = st.dictionaries(st.sampled_from(["TASK_DEF", "WORKFLOW_DEF"]), accesses, max_size=1)


class Side(RuleBasedStateMachine):
    """Rules for everything that changes rights; `new_real` is set by the test that runs it."""

    new_real: ClassVar[Callable[[], Real]]
    steps: ClassVar[int] = 0

    def __init__(self) -> None:
        super().__init__()
        self.model, self.real = Model(), type(self).new_real()
        self.judge = Judge(self.model)
        self.apps: dict[str, str] = {}
        self.keys: dict[str, str] = {}
        self.turn = 0

    # ---- both sides
    def both(self, actor: str, judged: Judged, method: str, path: str, body: Any = None, makes: bool = False) -> Any:
        """The answer where it was done, else None. A principal whose credential is gone is nobody."""
        type(self).steps += 1
        who = self.principal(actor)
        watched = not (judged.refused or makes or self.model.admin(who))
        before, held = (self.rights(), self.held(who)) if watched else ({}, set())
        status, answer = self.real.call(who, method, path, body)
        if not self.model.alive.get(who, False):
            assert status == 401, (who, method, path, body, status)
            return None
        if judged.refused:
            assert status in judged.refused, (who, method, path, body, status, answer, sorted(judged.refused))
            return None
        assert status in (200, 204), (who, method, path, body, status, answer)
        judged.effect()
        if watched:
            self.nobody_has_more(before, held)
        return answer

    def principal(self, actor: str) -> str:
        return f"app:{self.apps[actor]}" if actor in SLOTS else f"{actor}@{self.real.project}"

    def subject(self, subject: str) -> str:
        kind, _, name = subject.partition(":")
        return f"{kind}:{self.principal(name)}" if kind == "USER" else subject

    def thing(self, thing: Thing) -> Thing:
        return (thing[0], self.apps[thing[1]]) if thing[1] in SLOTS else thing

    # ---- what always holds
    def names(self) -> dict[str, list[str]]:
        found: dict[str, list[str]] = {"APPLICATION": list(self.apps.values()), "TAG": list(PAIRS), "DOMAIN": [DOMAIN]}
        for kind, name in PLAIN:
            found.setdefault(kind, []).append(name)
        return found

    def held(self, who: str) -> set[Right]:
        return self.model.rights(who, self.names())

    def rights(self) -> dict[str, set[Right]]:
        return {who: self.held(who) for who in self.model.principals()}

    def nobody_has_more(self, before: dict[str, set[Right]], held: set[Right]) -> None:
        """Nobody hands out what they do not hold, to themselves neither."""
        for who, rights in self.rights().items():
            assert rights - before.get(who, set()) <= held, (who, rights - before.get(who, set()) - held)

    @invariant()
    def somebody_administers(self) -> None:
        if self.real.tokens:
            assert self.model.administrators()
            assert self.real.administrators() == min(2, len(self.model.administrators()))

    @invariant()
    def both_allow_the_same(self) -> None:
        """Asked for one principal after the other."""
        principals = self.model.principals()
        if principals:
            self.turn += 1
            self.compare(principals[self.turn % len(principals)])

    def compare(self, who: str) -> None:
        things = [*PLAIN, *(("APPLICATION", app) for app in self.apps.values())]
        expected = {(access, *thing) for thing in things for access in ACCESSES if self.model.may(who, access, *thing)}
        assert self.real.may(who, things) == expected, who

    def teardown(self) -> None:
        for who in self.model.principals():
            self.compare(who)

    # ---- to begin with
    @initialize(powers=st.lists(role_sets, min_size=3, max_size=3), manager=permission_sets)
    def begin(self, powers: list[set[str]], manager: set[str]) -> None:
        """Three persons besides the administrator, custom roles (one manages users) and groups with grants, applications, some things."""
        first = self.principal(ADMIN)
        self.real.begin(first)
        self.model.users[first], self.model.alive[first] = {"ADMIN"}, True
        self.create_role(ADMIN, "r0", manager - {*NO_PERMISSIONS} | {"USER_MANAGEMENT"})
        for user, given in zip(PERSONS, powers, strict=True):
            self.put_user(ADMIN, user, given - {"nonsense", "WORKER", "ADMIN", "r1"} | ({"r0"} if user == "bob" else set()))
        for name in GROUPS:
            self.put_group(ADMIN, name, set(), {})
        for slot, maker in zip(SLOTS, (ADMIN, "ann"), strict=True):
            self.apps[slot] = "none yet"
            self.create_app(maker, slot)
            if self.apps[slot] == "none yet":
                self.create_app(ADMIN, slot)
        for thing in PLAIN[::2]:
            self.save("ann", thing)
        self.create_role(ADMIN, "r1", set())
        for subject, on in (("GROUP:g0", PLAIN[0]), ("ROLE:r1", PLAIN[2]), ("ROLE:r1", ("TAG", PAIRS[0])), ("GROUP:g1", ("TAG", PAIRS[1]))):
            self.grant(ADMIN, subject, on, ("READ", "UPDATE"))

    # ---- users, groups, roles
    @rule(actor=actors, user=users, roles=st.one_of(st.none(), role_sets))
    def put_user(self, actor: str, user: str, roles: set[str] | None) -> None:
        person, body = self.principal(user), {"name": user} | ({} if roles is None else {"roles": sorted(roles)})
        done = self.both(actor, self.judge.put_user(self.principal(actor), person, roles), "PUT", f"/api/users/{person}", body)
        if done and not self.model.alive[person]:
            self.real.sign_in(person)
            self.model.alive[person] = True

    @rule(actor=actors, user=users)
    def delete_user(self, actor: str, user: str) -> None:
        person = self.principal(user)
        self.both(actor, self.judge.delete_user(self.principal(actor), person), "DELETE", f"/api/users/{person}")

    @rule(actor=actors, name=groups, given=role_sets, default=defaults)
    def put_group(self, actor: str, name: str, given: set[str], default: dict[str, tuple[str, ...]]) -> None:
        body = {"description": name, "roles": sorted(given), "defaultAccess": default}
        self.both(actor, self.judge.put_group(self.principal(actor), name, given, default), "PUT", f"/api/groups/{name}", body)

    @rule(actor=actors, name=groups)
    def delete_group(self, actor: str, name: str) -> None:
        self.both(actor, self.judge.delete_group(self.principal(actor), name), "DELETE", f"/api/groups/{name}")

    @rule(actor=actors, name=groups, user=st.one_of(users, slots), joins=st.sampled_from([True, True, False]))
    def member(self, actor: str, name: str, user: str, joins: bool) -> None:
        who, member = self.principal(actor), self.principal(user)
        judged = (self.judge.add_member if joins else self.judge.remove_member)(who, name, member)
        self.both(actor, judged, "POST" if joins else "DELETE", f"/api/groups/{name}/users/{member}")

    @rule(actor=actors, name=groups)
    def members(self, actor: str, name: str) -> None:
        found = self.both(actor, self.judge.members(self.principal(actor), name), "GET", f"/api/groups/{name}/users")
        if found is not None:
            assert sorted(one["id"] for one in found) == sorted(self.model.groups[name].members)

    @rule(actor=actors, user=st.one_of(users, slots), thing=things)
    def check_permissions(self, actor: str, user: str, thing: Thing) -> None:
        member, (kind, name) = self.principal(user), self.thing(thing)
        path = f"/api/users/{member}/checkPermissions?type={kind}&id={name}"
        found = self.both(actor, self.judge.see_user(self.principal(actor), member), "GET", path)
        if found is not None:
            assert found == {access: self.model.may(member, access, kind, name) for access in ACCESSES}

    @rule(actor=actors, name=st.sampled_from((*ROLES, *ROLES, "USER")), permissions=permission_sets)
    def create_role(self, actor: str, name: str, permissions: set[str]) -> None:
        body = {"name": name, "permissions": sorted(permissions)}
        self.both(actor, self.judge.create_role(self.principal(actor), name, permissions), "POST", "/api/roles", body)

    @rule(actor=actors, name=st.sampled_from((*ROLES, *ROLES, "USER")), permissions=permission_sets)
    def put_role(self, actor: str, name: str, permissions: set[str]) -> None:
        body = {"permissions": sorted(permissions)}
        self.both(actor, self.judge.put_role(self.principal(actor), name, permissions), "PUT", f"/api/roles/{name}", body)

    @rule(actor=actors, name=st.sampled_from((*ROLES, "USER")))
    def delete_role(self, actor: str, name: str) -> None:
        self.both(actor, self.judge.delete_role(self.principal(actor), name), "DELETE", f"/api/roles/{name}")

    # ---- grants and tags
    @rule(actor=actors, subject=subjects, on=targets, access=accesses)
    def grant(self, actor: str, subject: str, on: Thing, access: tuple[str, ...]) -> None:
        self.authorize("POST", actor, self.subject(subject), self.thing(on), access)

    @rule(actor=actors, subject=subjects, on=targets, access=accesses)
    def revoke(self, actor: str, subject: str, on: Thing, access: tuple[str, ...]) -> None:
        self.authorize("DELETE", actor, self.subject(subject), self.thing(on), access)

    @precondition(lambda self: self.model.grants)
    @rule(actor=actors, data=st.data())
    def revoke_one_that_there_is(self, actor: str, data: st.DataObject) -> None:
        subject, access, *thing = data.draw(st.sampled_from(sorted(self.model.grants)))
        self.authorize("DELETE", actor, subject, (thing[0], thing[1]), (access,))

    def authorize(self, method: str, actor: str, subject: str, on: Thing, access: tuple[str, ...]) -> None:
        kind, _, name = subject.partition(":")
        body = {"subject": {"type": kind, "id": name}, "target": {"type": on[0], "id": on[1]}, "access": list(access)}
        judge = self.judge.grant if method == "POST" else self.judge.revoke
        self.both(actor, judge(self.principal(actor), subject, on, access), method, "/api/auth/authorization", body)

    @rule(actor=actors, thing=things, pair=st.sampled_from(PAIRS), puts=st.sampled_from([True, True, False]))
    def tag(self, actor: str, thing: Thing, pair: str, puts: bool) -> None:
        who, on, (key, value) = self.principal(actor), self.thing(thing), pair.split(":")
        judged = self.judge.put_tag(who, on, key, value) if puts else self.judge.delete_tag(who, on, key)
        paths = {"TASK_DEF": "metadata/task", "WORKFLOW_DEF": "metadata/workflow", "SECRET_NAME": "secrets", "APPLICATION": "applications"}
        paths["ENV_VARIABLE"] = "environment"
        one = {"key": key, "value": value}
        body = one if on[0] in ("TASK_DEF", "WORKFLOW_DEF") else [one]
        method = "DELETE" if not puts else "POST" if body is one else "PUT"
        self.both(actor, judged, method, f"/api/{paths[on[0]]}/{on[1]}/tags", body)

    # ---- things, and what is done with them
    @rule(actor=actors, thing=things)
    def read(self, actor: str, thing: Thing) -> None:
        on = self.thing(thing)
        self.both(actor, self.judge.read(self.principal(actor), on), "GET", address(on))

    @rule(actor=actors, thing=st.sampled_from(PLAIN))
    def save(self, actor: str, thing: Thing) -> None:
        kind, name = thing
        judged = self.judge.save(self.principal(actor), thing)
        if kind in ("SECRET_NAME", "ENV_VARIABLE"):
            self.both(actor, judged, "PUT", address(thing), b"a value", makes=True)
        elif kind == "TASK_DEF":
            self.both(actor, judged, "POST", "/api/metadata/taskdefs", [{"name": name}], makes=True)
        else:
            body = {"name": name, "version": 1, "tasks": [{"name": "t0", "taskReferenceName": "one"}]}
            self.both(actor, judged, "POST", "/api/metadata/workflow?overwrite=true", body, makes=True)

    @rule(actor=actors, thing=st.sampled_from(PLAIN))
    def delete(self, actor: str, thing: Thing) -> None:
        version = "/1" if thing[0] == "WORKFLOW_DEF" else ""
        self.both(actor, self.judge.delete(self.principal(actor), thing), "DELETE", address(thing) + version)

    @rule(actor=actors, task=st.sampled_from(["t0", "t1"]), domain=st.sampled_from(["", DOMAIN, "d1"]))
    def poll(self, actor: str, task: str, domain: str) -> None:
        query = f"?domain={domain}" if domain else ""
        self.both(actor, self.judge.poll(self.principal(actor), task, domain), "GET", f"/api/tasks/poll/{task}{query}")

    @rule(actor=actors, kind=st.sampled_from(["TASK_DEF", "SECRET_NAME", "WORKFLOW_DEF", "APPLICATION", "ENV_VARIABLE"]))
    def list_all(self, actor: str, kind: str) -> None:
        who = self.principal(actor)
        found = self.both(actor, Judged(frozenset()), "GET", LISTS[kind])
        if found is not None:
            listed = [one if isinstance(one, str) else one["id" if kind == "APPLICATION" else "name"] for one in found]
            there = [name for on, name in self.model.things if on == kind]
            assert sorted(listed) == sorted(name for name in there if self.model.may(who, "READ", kind, name))

    # ---- applications and their keys
    @rule(actor=actors, slot=slots)
    def create_app(self, actor: str, slot: str) -> None:
        if self.apps[slot] in self.model.apps:
            return
        who = self.principal(actor)
        made = self.both(actor, self.judge.create_app(who), "POST", "/api/applications", {"name": slot}, makes=True)
        if made:
            self.judge.made_app(who, made["id"])
            self.apps[slot] = made["id"]
            self.create_key(actor, slot)

    @rule(actor=actors, slot=slots)
    def delete_app(self, actor: str, slot: str) -> None:
        app = self.apps[slot]
        self.both(actor, self.judge.delete_app(self.principal(actor), app), "DELETE", f"/api/applications/{app}")

    @rule(actor=actors, slot=slots, role=st.sampled_from((*OF_APPLICATIONS, *ROLES, "USER_READ_ONLY", "nonsense")), given=st.booleans())
    def app_role(self, actor: str, slot: str, role: str, given: bool) -> None:
        app = self.apps[slot]
        judged = self.judge.app_role(self.principal(actor), app, role, given)
        self.both(actor, judged, "POST" if given else "DELETE", f"/api/applications/{app}/roles/{role}")

    @rule(actor=actors, slot=slots)
    def create_key(self, actor: str, slot: str) -> None:
        """From then on the application comes by this one."""
        app = self.apps[slot]
        made = self.both(actor, self.judge.create_key(self.principal(actor), app), "POST", f"/api/applications/{app}/accessKeys")
        if made:
            self.real.use_key(app, made)
            self.keys[app], self.model.alive[f"app:{app}"] = made["id"], True

    @rule(actor=actors, slot=slots)
    def toggle_key(self, actor: str, slot: str) -> None:
        app = self.apps[slot]
        judged = self.judge.change_key(self.principal(actor), app)
        if app in self.keys and (done := self.both(actor, judged, "POST", f"/api/applications/{app}/accessKeys/{self.keys[app]}/status")):
            self.model.alive[f"app:{app}"] = done["status"] == "ACTIVE"

    @rule(actor=actors, slot=slots)
    def delete_key(self, actor: str, slot: str) -> None:
        app = self.apps[slot]
        judged = self.judge.change_key(self.principal(actor), app)
        if app in self.keys and self.both(actor, judged, "DELETE", f"/api/applications/{app}/accessKeys/{self.keys[app]}"):
            self.model.alive[f"app:{app}"] = False
            del self.keys[app]


LISTS = {
    "TASK_DEF": "/api/metadata/taskdefs", "SECRET_NAME": "/api/secrets",
    "WORKFLOW_DEF": "/api/metadata/workflow", "APPLICATION": "/api/applications", "ENV_VARIABLE": "/api/environment",
}  # fmt: skip


def address(thing: Thing) -> str:
    return f"{LISTS[thing[0]]}/{thing[1]}"
