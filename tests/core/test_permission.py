"""The verdict: tables of roles by hand, and laws that hold for any authority."""

from itertools import product

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stagedoor.core.permission import (
    NOBODY,
    Access,
    Allowed,
    Authority,
    Denied,
    Resource,
    decide,
    decide_create,
    decide_poll,
    decide_save,
    holds_any,
)  # fmt: skip
from stagedoor.core.principal import Principal
from stagedoor.core.role import OF_APPLICATIONS, PERMISSIONS, UNRESTRICTED

APPLICATION, USER = Principal("default", "app:1"), Principal("default", "ada@example.com")
KINDS = ("WORKFLOW_DEF", "TASK_DEF", "SECRET_NAME", "APPLICATION", "ENV_VARIABLE")
LETTER = dict(zip("CRUDX", Access, strict=True))

ROLES = {  # role -> the letters of what it may on every one of KINDS (contract/orkes.md C)
    "ADMIN": ("CRUDX", "CRUDX", "CRUDX", "CRUDX", "CRUDX"),
    "USER": ("", "", "", "", ""),
    "METADATA_MANAGER": ("CRUDX", "CRUDX", "", "", "CRUDX"),
    "WORKFLOW_MANAGER": ("RX", "RX", "", "", ""),
    "USER_READ_ONLY": ("R", "R", "", "R", ""),
    "METADATA_API": ("", "", "", "", ""),
    "WORKER": ("", "", "", "", ""),
    "UNRESTRICTED_WORKER": ("", "X", "", "", ""),
    "APPLICATION_CREATOR": ("", "", "", "", ""),
    "APPLICATION_MANAGER": ("", "", "", "CRUDX", ""),
}
CREATES = {  # role -> the kinds of which it makes new ones
    "ADMIN": KINDS, "USER": KINDS[:4], "METADATA_MANAGER": (*KINDS[:3], "ENV_VARIABLE"), "METADATA_API": KINDS[:2],
    "APPLICATION_CREATOR": ("APPLICATION",), "APPLICATION_MANAGER": ("APPLICATION",),
}  # fmt: skip
POLLERS = {"ADMIN", "WORKER", "UNRESTRICTED_WORKER"}

names = st.text("ab*%_", min_size=1, max_size=3)
resources = st.builds(Resource, st.sampled_from(KINDS), names)
grants = st.lists(st.tuples(st.sampled_from(list(Access)), st.sampled_from(KINDS), names), max_size=6)


def allowed(verdict: object) -> bool:
    return isinstance(verdict, Allowed)


def test_the_tables_name_every_role() -> None:
    assert ROLES.keys() == PERMISSIONS.keys()
    assert {"WORKER", "METADATA_API", "APPLICATION_CREATOR"} == OF_APPLICATIONS - UNRESTRICTED


@pytest.mark.promise(9)
@pytest.mark.parametrize("role", ROLES)
def test_a_role_reaches_what_the_table_says_and_no_more(role: str) -> None:
    authority = Authority.of([role], [])
    for kind, letters in zip(KINDS, ROLES[role], strict=True):
        held = {access for access in Access if allowed(decide(USER, access, Resource(kind, "any"), authority))}
        assert held == {LETTER[letter] for letter in letters}, kind
        assert holds_any(Resource(kind, "any"), authority) is bool(held)
        assert allowed(decide_create(Resource(kind, "any"), authority)) is (kind in CREATES.get(role, ()))


@pytest.mark.parametrize(("role", "granted"), list(product([None, *ROLES], [False, True])))
def test_an_application_polls_with_a_workers_role_and_execute(role: str | None, granted: bool) -> None:
    authority = Authority.of([role] if role else [], [(Access.EXECUTE, "TASK_DEF", "t")] if granted else [])
    reaches = granted or (role is not None and "X" in ROLES[role][1])
    assert allowed(decide_poll(APPLICATION, "t", authority)) is (reaches and role in POLLERS)
    assert allowed(decide_poll(USER, "t", authority)) is reaches
    assert not allowed(decide_poll(USER, "other", Authority.of([], [(Access.EXECUTE, "TASK_DEF", "t")])))


@given(resources, grants)
def test_without_a_role_exactly_the_grants_count(resource: Resource, held: list[tuple[Access, str, str]]) -> None:
    authority = Authority.of([], held)
    for access in Access:
        verdict = decide(APPLICATION, access, resource, authority)
        reached = any((access, resource.kind, name) in held for name in (resource.name, "*"))
        assert allowed(verdict) is (reached and not (resource.kind in ("WORKFLOW_DEF", "TASK_DEF") and access in ("UPDATE", "DELETE")))
        assert allowed(decide(USER, access, resource, authority)) is reached
        if isinstance(verdict, Denied) and not reached:
            assert verdict.missing == f"{access} on {resource.kind} {resource.name}" and f"(missing: {verdict.missing})" in verdict.reason


@given(resources, grants, st.lists(st.sampled_from(sorted(ROLES)), max_size=3), st.sampled_from(sorted(ROLES)))
def test_more_roles_and_grants_never_take_anything_away(
    resource: Resource, held: list[tuple[Access, str, str]], roles: list[str], more: str
) -> None:
    less, wider = Authority.of(roles, held), Authority.of([*roles, more], [*held, (Access.READ, *resource)])
    for access in Access:
        assert allowed(decide(USER, access, resource, wider)) >= allowed(decide(USER, access, resource, less))
    assert allowed(decide(USER, Access.READ, resource, wider))


@given(resources, st.sampled_from(list(Access)))
def test_nobody_may_nothing(resource: Resource, access: Access) -> None:
    assert not allowed(decide(APPLICATION, access, resource, NOBODY)) and not allowed(decide_create(resource, NOBODY))
    assert not holds_any(resource, NOBODY)


@pytest.mark.promise(9)
@given(resources, grants, st.lists(st.sampled_from(sorted(ROLES)), max_size=2))
def test_who_may_neither_change_nor_create_is_told_the_same_whether_it_exists(
    resource: Resource, held: list[tuple[Access, str, str]], roles: list[str]
) -> None:
    authority = Authority.of(roles, held)
    there, not_there = (decide_save(USER, resource, exists, authority) for exists in (True, False))
    assert allowed(there) <= allowed(decide(USER, Access.UPDATE, resource, authority))
    assert allowed(not_there) <= allowed(decide_create(resource, authority))
    if not allowed(decide(USER, Access.UPDATE, resource, authority)) and not allowed(decide_create(resource, authority)):
        assert there == not_there
