"""For every role, custom ones too, and any grants: each list, search and count holds exactly what single reads allow (promise 9)."""

import asyncio
from collections import Counter
from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from tests.api.authorization.world import definition, new
from tests.model.real import Real
from tests.model.roles import ACCESSES, KINDS, OF_APPLICATIONS, OF_GROUPS, OF_USERS, PERMISSIONS
from tests.support.inside import Inside, inside

pytestmark = [pytest.mark.promise(9), pytest.mark.slow]
Grant = tuple[str, str, str, tuple[str, ...]]
"""(who gets it: itself, its group or its custom role; kind; name; accesses)"""
ADMIN = "admin@lists"
NAMES = ("one", "two", "three")
TAGS = {"one": ["team:red"], "two": ["team:red", "stage:live"], "three": []}
LISTS = {
    "WORKFLOW_DEF": ("GET /api/metadata/workflow",),
    "TASK_DEF": ("GET /api/metadata/taskdefs",),
    "SECRET_NAME": ("GET /api/secrets", "POST /api/secrets", "GET /api/secrets-v2"),
    "APPLICATION": ("GET /api/applications",),
    "ENV_VARIABLE": ("GET /api/environment",),
}
PLACES = {"WORKFLOW_DEF": "metadata/workflow", "TASK_DEF": "metadata/taskdefs", "SECRET_NAME": "secrets", "APPLICATION": "applications"}
PLACES["ENV_VARIABLE"] = "environment"
TAGGED = PLACES | {"TASK_DEF": "metadata/task"}


class Lists:
    """A project with three things of each kind; `ids` by kind and word."""

    def __init__(self, real: Real) -> None:
        self.real = real
        self.ids: dict[tuple[str, str], str] = {}

    def __repr__(self) -> str:  # hypothesis shows the arguments of what fails
        return "the lists"

    def admin(self, method: str, path: str, body: Any = None) -> Any:
        status, answer = self.real.call(ADMIN, method, path, body)
        assert status == 200, (method, path, answer)
        return answer

    def set_up(self) -> None:
        self.real.begin(ADMIN)
        for word in NAMES:
            self.admin("POST", "/api/metadata/taskdefs", [{"name": word}])
            self.admin("PUT", "/api/metadata/workflow", [definition(word, word)])
            self.admin("PUT", f"/api/secrets/{word}", b"a value")
            self.admin("PUT", f"/api/environment/{word}", b"a value")
            self.ids |= {(kind, word): word for kind in KINDS}
            self.ids["APPLICATION", word] = self.admin("POST", "/api/applications", {"name": word})["id"]
            for kind in KINDS:
                tags = [dict(zip(("key", "value"), pair.split(":"), strict=True)) for pair in TAGS[word]]
                self.admin("PUT", f"/api/{TAGGED[kind]}/{self.ids[kind, word]}/tags", tags)

    def caller(self, application: bool, roles: set[str], permissions: set[str], by_group: bool, grants: list[Grant]) -> str:
        """A new principal with these rights, some by a group and some by a custom role of its own."""
        group, role, who = new("group"), new("role"), f"{new('user')}@lists"
        self.admin("POST", "/api/roles", {"name": role, "permissions": sorted(permissions)})
        if application:
            app = self.admin("POST", "/api/applications", {"name": "caller"})["id"]
            self.real.use_key(app, self.admin("POST", f"/api/applications/{app}/accessKeys"))
            who = f"app:{app}"
            for one in {*roles, role}:
                self.admin("POST", f"/api/applications/{app}/roles/{one}")
        else:
            self.admin("PUT", f"/api/users/{who}", {"name": who, "roles": [] if by_group else sorted({*roles, role})})
            self.real.sign_in(who)
        if "USER_READ_ONLY" not in roles:
            given = sorted({role, *roles} & {role, *OF_GROUPS}) if by_group and not application else []
            self.admin("PUT", f"/api/groups/{group}", {"description": "", "roles": given})
            self.admin("POST", f"/api/groups/{group}/users/{who}")
        subjects = {"itself": ("USER", who), "group": ("GROUP", group), "role": ("ROLE", role)}
        for holder, kind, name, accesses in grants:
            if holder == "group" and "USER_READ_ONLY" in roles:
                continue
            subject = dict(zip(("type", "id"), subjects[holder], strict=True))
            target = {"type": kind, "id": self.ids.get((kind, name), name)}
            self.admin("POST", "/api/auth/authorization", {"subject": subject, "target": target, "access": list(accesses)})
        return who

    def readable(self, who: str, kind: str) -> set[str]:
        """By asking for one after the other."""
        statuses = {self.ids[kind, word]: self.real.call(who, "GET", f"/api/{PLACES[kind]}/{self.ids[kind, word]}")[0] for word in NAMES}
        assert set(statuses.values()) <= {200, 404 if kind == "APPLICATION" else 403}
        return {name for name, status in statuses.items() if status == 200}

    def listed(self, who: str, route: str) -> set[str]:
        """Of the things set up here; applications come and go."""
        status, found = self.real.call(who, *route.split())
        names = [one if isinstance(one, str) else one["id" if "applications" in route else "name"] for one in found]
        assert (status, len(names)) == (200, len(set(names)))
        return set(names) & set(self.ids.values())


@pytest.fixture(scope="module")
def lists(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Lists]:
    loop = asyncio.new_event_loop()
    context = inside(tmp_path_factory.mktemp("lists"))
    made: Inside = loop.run_until_complete(context.__aenter__())
    lists = Lists(Real(made, loop))
    lists.set_up()
    try:
        yield lists
    finally:
        loop.run_until_complete(context.__aexit__(None, None, None))
        loop.close()


def check(lists: Lists, who: str) -> None:
    readable = {kind: lists.readable(who, kind) for kind in KINDS}
    for kind, routes in LISTS.items():
        for route in routes:
            assert lists.listed(who, route) == readable[kind], route
    for kind, (route, *_) in LISTS.items():
        if kind != "APPLICATION":
            check_wanted(lists, who, kind, route, readable[kind])
    check_tags(lists, who, {(kind, word) for kind, word in lists.ids if lists.ids[kind, word] in readable[kind]})
    check_people(lists, who)


def check_wanted(lists: Lists, who: str, kind: str, route: str, readable: set[str]) -> None:
    """`access` asks for what may be done besides, `tagKey` and `tagValue` for what carries a tag: never for more than may be read."""
    may = lists.real.may(who, [(kind, word) for word in NAMES])
    for access in ACCESSES:
        assert lists.listed(who, f"{route}?access={access}") == {name for name in readable if (access, kind, name) in may}
    for pair in ("team:red", "stage:live"):
        key, value = pair.split(":")
        assert lists.listed(who, f"{route}?tagKey={key}&tagValue={value}") == {name for name in readable if pair in TAGS[name]}


def check_tags(lists: Lists, who: str, readable: set[tuple[str, str]]) -> None:
    """`GET /metadata/tags`, `/grouped` and `/resources` speak of what may be read."""
    pairs = {pair for some in TAGS.values() for pair in some}
    counts = Counter((pair, kind) for kind, word in readable for pair in TAGS[word])
    found = [f"{tag['key']}:{tag['value']}" for tag in lists.real.call(who, "GET", "/api/metadata/tags")[1]]
    assert sorted(found) == sorted({pair for pair, _ in counts})
    grouped = lists.real.call(who, "GET", "/api/metadata/tags/grouped")[1]
    shown = {(f"{one['tagKey']}:{one['tagValue']}", one["resourceType"]): one["countPerResourceType"] for one in grouped}
    assert shown == dict(counts)
    for kind in KINDS:
        for pair in pairs:
            key, value = pair.split(":")
            query = f"?tagKey={key}&tagValue={value}&resourceType={kind}"
            carriers = lists.real.call(who, "GET", f"/api/metadata/tags/resources{query}")[1]
            assert {one["id"] for one in carriers} == {lists.ids[kind, word] for on, word in readable if on == kind and pair in TAGS[word]}


def check_people(lists: Lists, who: str) -> None:
    """Who may list users and groups may see each, and nobody else any."""
    for route, ids in (("/api/users", [ADMIN]), ("/api/groups", ["known"])):
        status, found = lists.real.call(who, "GET", route)
        singles = {lists.real.call(who, "GET", f"{route}/{one}")[0] for one in ids}
        assert (status == 200) == (singles <= {200, 404})
        assert status == 200 or (status, singles) == (403, {403})
        assert status == 403 or route == "/api/groups" or ADMIN in {one["id"] for one in found}


grants = st.lists(
    st.one_of(
        st.tuples(
            st.sampled_from(["itself", "group", "role"]),
            st.sampled_from(KINDS),
            st.sampled_from([*NAMES, *NAMES, "*", "t*", "nothing"]),
            st.lists(st.sampled_from(ACCESSES), min_size=1, max_size=2, unique=True).map(tuple),
        ),
        st.tuples(
            st.sampled_from(["itself", "group", "role"]),
            st.just("TAG"),
            st.sampled_from(["team:red", "stage:live", "team:none"]),
            st.sampled_from([("READ",), ("UPDATE",), ("READ", "EXECUTE")]),
        ),
        st.tuples(st.just("itself"), st.just("DOMAIN"), st.just("one"), st.sampled_from([("EXECUTE",), ("READ",)])),
    ),
    max_size=4,
)


@pytest.mark.parametrize("role", sorted({*OF_USERS, *OF_APPLICATIONS}))
def test_every_built_in_role_sees_in_lists_what_it_may_read(role: str, lists: Lists) -> None:
    granted: list[Grant] = [("itself", "SECRET_NAME", "two", ("READ",)), ("itself", "TAG", "stage:live", ("READ",))]
    for some in (list[Grant](), granted):
        if role in OF_APPLICATIONS:
            check(lists, lists.caller(True, {role}, set(), False, some))
        if role in OF_USERS:
            check(lists, lists.caller(False, {role}, set(), False, some))
        if role in OF_GROUPS:
            check(lists, lists.caller(False, {role}, set(), True, some))


@given(
    application=st.booleans(), roles=st.sets(st.sampled_from(["USER", "METADATA_MANAGER", "WORKFLOW_MANAGER"]), max_size=1),
    permissions=st.sets(st.sampled_from(PERMISSIONS), max_size=3), by_group=st.booleans(), some=grants,
)  # fmt: skip
@example(application=False, roles=set(), permissions=set(), by_group=False, some=[("group", "SECRET_NAME", "*", ("READ",))])
@example(application=True, roles=set(), permissions=set(), by_group=False, some=[("role", "TAG", "team:red", ("READ",))])
@example(application=False, roles=set(), permissions={"READ_SECRET_NAME"}, by_group=True, some=[])
@settings(max_examples=15, deadline=None, derandomize=True, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_any_grants_and_custom_roles_show_in_lists_what_they_let_one_read(
    application: bool, roles: set[str], permissions: set[str], by_group: bool, some: list[Grant], lists: Lists
) -> None:
    check(lists, lists.caller(application, roles, permissions, by_group, some))
