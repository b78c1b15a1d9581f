"""An authority under a ceiling: never more than either of the two, and without roles in the ceiling exactly what both allow."""

from itertools import product

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from stagedoor.core.ceiling import Ceiling, Within, all_of, both, ceiling_of, only_reads, text_of
from stagedoor.core.cutting import cut, in_common
from stagedoor.core.permission import (
    ACCESSES,
    Access,
    Allowed,
    Authority,
    Denied,
    Resource,
    decide,
    decide_create,
    decide_poll,
    lacking,
)  # fmt: skip
from stagedoor.core.principal import Principal
from stagedoor.core.role import OF_APPLICATIONS, OF_USERS, PERMISSIONS, ROUTE_PERMISSIONS, effects_of

KINDS = ("WORKFLOW_DEF", "TASK_DEF", "SECRET_NAME", "APPLICATION", "ENV_VARIABLE", "DOMAIN")
APPLICATION, USER = Principal("default", "app:1", "key"), Principal("default", "ada@example.com", "key")
NAMES = ("a", "b", "*")
ROLES = tuple(PERMISSIONS)

grants = st.lists(st.tuples(st.sampled_from(ACCESSES), st.sampled_from(KINDS), st.sampled_from(NAMES)), max_size=6)
authorities = st.builds(Authority.of, st.lists(st.sampled_from(ROLES), max_size=3), grants)
resources = st.lists(st.builds(Within, st.sampled_from(KINDS), st.sampled_from(NAMES)), max_size=3).map(tuple)
accesses = st.lists(st.sampled_from([str(one) for one in ACCESSES]), max_size=5).map(tuple)
roles = st.lists(st.sampled_from(ROLES), max_size=2).map(tuple)
single = st.builds(Ceiling, roles=roles, access=accesses, resources=resources, read_only=st.booleans())
without_roles = st.builds(Ceiling, access=accesses, resources=resources, read_only=st.booleans())
ceilings = st.one_of(single, st.builds(both, single, single).filter(lambda one: one is not None))
callers = st.sampled_from([USER, APPLICATION])
questions = st.tuples(st.sampled_from(ACCESSES), st.builds(Resource, st.sampled_from(KINDS), st.sampled_from(("a", "b", "c"))))


def under(authority: Authority, ceiling: Ceiling, who: Principal = USER) -> Authority:
    return cut(authority, ceiling, effects_of, application=who.is_application)


def allows(one: Ceiling, access: str, resource: Resource) -> bool:
    """What the parts but the roles leave, said once more and differently."""
    by_access = (not one.access or access in one.access) and (not one.read_only or access == "READ")
    named = {(each.type, each.id) for each in one.resources}
    return by_access and (not named or bool(named & {(resource.kind, resource.name), (resource.kind, "*")}))


@given(callers, authorities, ceilings, questions)
def test_nothing_is_allowed_beyond_the_owner_or_beyond_any_part_of_the_ceiling(
    who: Principal, authority: Authority, ceiling: Ceiling, question: tuple[Access, Resource]
) -> None:
    left, (access, resource) = under(authority, ceiling, who), question
    if isinstance(decide(who, access, resource, left), Allowed):
        assert isinstance(decide(who, access, resource, authority), Allowed)
        assert all(allows(one, access, resource) for one in all_of(ceiling))
    if isinstance(decide_poll(who, resource.name, left, "b"), Allowed):
        assert isinstance(decide_poll(who, resource.name, authority, "b"), Allowed)
    if isinstance(decide_create(resource, left), Allowed):
        assert isinstance(decide_create(resource, authority), Allowed)
        assert all(not one.access or "CREATE" in one.access for one in all_of(ceiling))
    assert left.permissions <= authority.permissions


@given(callers, authorities, without_roles, questions)
def test_what_the_owner_may_and_the_ceiling_allows_stays_allowed(
    who: Principal, authority: Authority, ceiling: Ceiling, question: tuple[Access, Resource]
) -> None:
    access, resource = question
    if isinstance(decide(who, access, resource, authority), Allowed) and allows(ceiling, access, resource):
        assert isinstance(decide(who, access, resource, under(authority, ceiling, who)), Allowed)


@given(authorities, single, single, questions)
def test_of_two_ceilings_both_bind(authority: Authority, one: Ceiling, other: Ceiling, question: tuple[Access, Resource]) -> None:
    joined = both(one, other)
    assert joined is not None
    verdicts = [isinstance(decide(USER, *question, under(authority, each)), Allowed) for each in (joined, one, other)]
    assert verdicts[0] <= min(verdicts[1:])


@given(authorities, ceilings)
def test_no_role_covers_more_for_who_hands_it_out_than_the_ceiling_leaves(authority: Authority, ceiling: Ceiling) -> None:
    """Promise 10: whoever gives a role, gives what is left."""
    left = under(authority, ceiling)
    for role in ROLES:
        if lacking(USER, left, effects_of(role)) is None:
            assert lacking(USER, authority, effects_of(role)) is None


@pytest.mark.parametrize("role", sorted(OF_APPLICATIONS | OF_USERS))
def test_an_administrators_key_with_one_role_may_what_that_role_may(role: str) -> None:
    """And not what its owner was granted on things that it made."""
    everything = [(access, kind, "mine") for access, kind in product(ACCESSES, KINDS)]
    left, alone = under(Authority.of(["ADMIN"], everything), Ceiling(roles=(role,))), Authority.of([role], ())
    for access, kind in product(ACCESSES, KINDS):
        verdicts = [decide(USER, access, Resource(kind, "some"), each) for each in (left, alone)]
        assert isinstance(verdicts[0], Allowed) is isinstance(verdicts[1], Allowed), (access, kind)
        assert isinstance(decide_create(Resource(kind, ""), left), type(decide_create(Resource(kind, ""), alone)))
    assert left.permissions & ROUTE_PERMISSIONS == alone.permissions & ROUTE_PERMISSIONS and left.polls == alone.polls
    if role == "WORKER":
        mine = {(access, kind) for access, kind in product(ACCESSES, KINDS) if "mine" in left.names(access, kind)}
        assert mine == {(Access.EXECUTE, "TASK_DEF"), (Access.EXECUTE, "DOMAIN")}
    if role == "USER_READ_ONLY":
        assert isinstance(decide(USER, Access.DELETE, Resource("WORKFLOW_DEF", "mine"), left), Denied)


def test_a_role_of_the_projects_own_counts_as_it_stands_and_a_deleted_one_gives_nothing() -> None:
    admin, ceiling = Authority.of(["ADMIN"], ()), Ceiling(roles=("keepers",))
    left = cut(admin, ceiling, lambda role: effects_of(role, ("READ_SECRET_NAME",)), application=False)
    gone = cut(admin, ceiling, lambda role: effects_of(role, ()), application=False)
    verdicts = [decide(USER, Access.READ, Resource("SECRET_NAME", "a"), each) for each in (left, gone)]
    assert [type(verdict) for verdict in verdicts] == [Allowed, Denied]


def test_the_denial_says_that_it_is_the_ceiling() -> None:
    left = under(Authority.of(["ADMIN"], ()), Ceiling(read_only=True))
    secret = Resource("SECRET_NAME", "a")
    denials = [decide(USER, Access.UPDATE, secret, left), decide_create(secret, left)]
    assert [isinstance(one, Denied) and one.missing.endswith("within the ceiling of this credential") for one in denials] == [True, True]
    plain = decide(USER, Access.UPDATE, secret, under(Authority.of([], ()), Ceiling(read_only=True)))
    assert isinstance(plain, Denied) and plain.missing == "UPDATE on SECRET_NAME a"


def test_two_lists_that_share_nothing_leave_nothing() -> None:
    joined = both(Ceiling(resources=(Within("TASK_DEF", "a"),)), Ceiling(resources=(Within("TASK_DEF", "b"),)))
    assert joined is not None
    left = under(Authority.of(["ADMIN"], ()), joined)
    assert not any(isinstance(decide(USER, Access.READ, Resource("TASK_DEF", name), left), Allowed) for name in "abc")


@given(ceilings)
def test_a_ceiling_comes_back_from_its_row(ceiling: Ceiling) -> None:
    assert ceiling_of(text_of(ceiling)) == (ceiling if ceiling.limits else None)


def test_an_unknown_part_of_a_kept_ceiling_is_no_ceiling_at_all_but_an_error() -> None:
    with pytest.raises(msgspec.ValidationError):
        ceiling_of('{"read-only": true}')


def test_only_reading_is_seen_through_whatever_stands_above() -> None:
    assert only_reads(Ceiling(read_only=True)) and only_reads(Ceiling(access=("READ",)))
    assert only_reads(both(Ceiling(read_only=True), Ceiling(access=("READ", "EXECUTE"))))
    assert not only_reads(Ceiling(access=("READ", "EXECUTE"))) and not only_reads(None)


@given(st.lists(authorities, min_size=2, max_size=3), questions)
def test_what_several_may_in_common_is_what_each_of_them_may(several: list[Authority], question: tuple[Access, Resource]) -> None:
    """As it stands behind a run: each cut to a ceiling that leaves whole kinds."""
    kinds = Ceiling(access=("READ", "EXECUTE"), resources=(Within("WORKFLOW_DEF", "*"), Within("ENV_VARIABLE", "*")))
    access, resource = question
    cuts = [under(one, kinds) for one in several]
    expected = all(isinstance(decide(USER, access, resource, one), Allowed) for one in cuts)
    found = in_common(cuts)
    assert isinstance(decide(USER, access, resource, found), Allowed) == expected
    assert not (found.administers or found.makes or found.permissions or found.polls)
