"""The smaller set: every recorded use stays allowed, nothing is given that was not there, and the cases that matter come out as told."""

from collections.abc import Collection
from itertools import product

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from stagedoor.core import advice
from stagedoor.core.advice import Advice, Grant, Held, advise, allowed, exercised
from stagedoor.core.permission import Access, Authority, Resource
from stagedoor.core.principal import Principal
from stagedoor.core.role import OF_APPLICATIONS, OF_USERS
from stagedoor.core.usage import ADMINISTERS, MAKE, PERMIT, POLL, WHOLE, Use, Used

APPLICATION, PERSON = Principal("default", "app:1"), Principal("default", "ann")
NOW = 1_000
KINDS = ("WORKFLOW_DEF", "TASK_DEF", "SECRET_NAME")
NAMES = ("a", "b", "c")
TAGGED = {"team:red": (Resource("TASK_DEF", "a"), Resource("SECRET_NAME", "b")), "team:blue": ()}
CUSTOM = {"reader": ("READ_WORKFLOW_DEF", "READ_SECRET_NAME"), "staff": ("USER_MANAGEMENT", "CREATE_SECRET_NAME")}


def held(who: Principal, roles: Collection[str] = (), grants: Collection[Grant] = (), **more: object) -> Held:
    return Held(who, dict.fromkeys(roles, 0), dict.fromkeys(grants, 0), custom=CUSTOM, tagged=TAGGED, **more)  # type: ignore[arg-type]


def advised(who: Principal, roles: Collection[str], grants: Collection[Grant], *uses: Use, **more: object) -> Advice:
    return advise(held(who, roles, grants, **more), uses, NOW)


def everything() -> list[Use]:
    """Every question there is in this small world, with names that nobody has been granted."""
    asked = [Use(access, kind, name) for access, kind, name in product(Access, (*KINDS, "APPLICATION"), (*NAMES, "new"))]
    asked += [Use(POLL, "TASK_DEF", name, domain) for name, domain in product((*NAMES, "new"), ("", "east", "west"))]
    asked += [Use(MAKE, kind, "") for kind in (*KINDS, "APPLICATION")]
    asked += [Use(PERMIT, "", name) for name in ("USER_MANAGEMENT", "ADMIN_MANAGEMENT", "AUTHORIZATION_MANAGEMENT")]
    return asked + [Use(f"{WHOLE}{access}", kind, "") for access, kind in product(Access, KINDS)]


EVERYTHING = everything()
single = st.builds(Grant, st.sampled_from([str(one) for one in Access]), st.sampled_from(KINDS), st.sampled_from((*NAMES, "*")))
by_tag = st.builds(Grant, st.sampled_from(["READ", "EXECUTE"]), st.just("TAG"), st.sampled_from(sorted(TAGGED)))
by_domain = st.builds(Grant, st.just("EXECUTE"), st.just("DOMAIN"), st.sampled_from(["east", "west"]))
grants = st.frozensets(single | by_tag | by_domain, max_size=8)


@st.composite
def worlds(draw: st.DrawFn) -> Held:
    who = draw(st.sampled_from([APPLICATION, PERSON]))
    roles = st.sampled_from(sorted((OF_APPLICATIONS if who is APPLICATION else OF_USERS) | CUSTOM.keys()))
    some = st.frozensets(roles, max_size=3)
    times = st.sampled_from([0, 0, 0, NOW + 1])
    return Held(
        who, {role: draw(times) for role in sorted(draw(some))}, {grant: draw(times) for grant in sorted(draw(grants))},
        draw(some), draw(grants), {role: draw(grants) for role in draw(some)}, CUSTOM, TAGGED, draw(st.booleans()),
    )  # fmt: skip


def answers(who: Principal, authority: Authority) -> set[Use]:
    return {use for use in EVERYTHING if allowed(who, use, authority)}


@settings(max_examples=300, deadline=None)
@given(worlds(), st.sets(st.sampled_from(EVERYTHING), max_size=8))
def test_every_recorded_use_stays_and_nothing_is_given_that_was_not_there(world: Held, uses: set[Use]) -> None:
    found = advise(world, uses, NOW)
    before, after = answers(world.who, world.authority(found.before)), answers(world.who, world.authority(found.after))
    assert found.refused == ()
    assert uses & before <= after <= before
    assert set(found.gone) == uses - before
    assert not [item for item in found.removes if world.given(item) > NOW], "too young to judge"


@settings(max_examples=200, deadline=None)
@given(worlds(), st.sets(st.sampled_from(EVERYTHING), max_size=8))
def test_advice_that_was_followed_has_no_unused_single_grant_left(world: Held, uses: set[Use]) -> None:
    found = advise(world, uses, NOW)
    named = {("EXECUTE" if use.access == POLL else use.access, use.kind, use.name) for use in uses - set(found.gone)}
    ripe = {grant for grant in found.after.grants if world.grants.get(grant, 0) <= NOW}
    assert {grant for grant in ripe if not grant.broad} <= {Grant(*one) for one in named}


def test_an_unrestricted_worker_becomes_a_worker_of_the_types_it_polled() -> None:
    polls = [Use(POLL, "TASK_DEF", name) for name in ("a", "b")]
    found = advised(APPLICATION, ["UNRESTRICTED_WORKER"], [], *polls)
    assert found.removes == ("UNRESTRICTED_WORKER",)
    assert found.adds == ("WORKER", Grant("EXECUTE", "TASK_DEF", "a"), Grant("EXECUTE", "TASK_DEF", "b"))


def test_a_metadata_manager_that_only_edits_one_definition_gets_the_grant_and_the_role_that_lets_it_count() -> None:
    uses = [Use("UPDATE", "WORKFLOW_DEF", "a"), Use("READ", "WORKFLOW_DEF", "b")]
    found = advised(APPLICATION, ["METADATA_MANAGER"], [], *uses)
    assert found.removes == ("METADATA_MANAGER",)
    assert found.adds == ("METADATA_API", Grant("READ", "WORKFLOW_DEF", "b"), Grant("UPDATE", "WORKFLOW_DEF", "a"))


def test_an_administrator_that_only_makes_applications_may_just_do_that() -> None:
    found = advised(APPLICATION, ["ADMIN"], [], Use(MAKE, "APPLICATION", ""), Use("READ", "SECRET_NAME", "a"))
    assert (found.removes, found.adds) == (("ADMIN",), ("APPLICATION_CREATOR", Grant("READ", "SECRET_NAME", "a")))


def test_an_administrator_that_administers_stays_one() -> None:
    found = advised(PERSON, ["ADMIN"], [Grant("READ", "SECRET_NAME", "a")], ADMINISTERS)
    assert found.removes == (Grant("READ", "SECRET_NAME", "a"),)
    assert found.kept == {"ADMIN": "used: PERMIT ADMIN_MANAGEMENT"}


def test_the_last_administrator_stays_even_unused() -> None:
    assert advised(PERSON, ["ADMIN"], [], last_administrator=True).removes == ()
    assert advised(PERSON, ["ADMIN"], []).removes == ("ADMIN",)


@pytest.mark.parametrize("broad", [Grant("READ", "SECRET_NAME", "*"), Grant("READ", "TAG", "team:red")])
def test_a_wildcard_or_tag_becomes_the_names_used(broad: Grant) -> None:
    found = advised(APPLICATION, [], [broad], Use("READ", "SECRET_NAME", "b"))
    assert (found.removes, found.adds) == ((broad,), (Grant("READ", "SECRET_NAME", "b"),))


def test_a_domain_in_use_stays_because_a_grant_on_the_task_would_reach_further() -> None:
    domain = Grant("EXECUTE", "DOMAIN", "east")
    found = advised(APPLICATION, ["WORKER"], [domain, Grant("EXECUTE", "DOMAIN", "west")], Use(POLL, "TASK_DEF", "a", "east"))
    assert (found.removes, found.adds) == ((Grant("EXECUTE", "DOMAIN", "west"),), ())


def test_of_a_role_and_a_grant_that_both_allow_the_use_the_role_goes() -> None:
    grant = Grant("EXECUTE", "TASK_DEF", "a")
    found = advised(APPLICATION, ["UNRESTRICTED_WORKER", "WORKER"], [grant], Use(POLL, "TASK_DEF", "a"))
    assert (found.removes, found.adds) == (("UNRESTRICTED_WORKER",), ())


def test_who_used_very_many_names_keeps_the_role() -> None:
    uses = [Use(POLL, "TASK_DEF", f"t{number}") for number in range(advice.MOST_GRANTS + 1)]
    assert advised(APPLICATION, ["UNRESTRICTED_WORKER"], [], *uses).removes == ()
    assert advised(APPLICATION, ["UNRESTRICTED_WORKER"], [], Use(POLL, "TASK_DEF", "*")).removes == ()


def test_what_a_group_gives_is_not_given_again() -> None:
    found = advised(
        PERSON, ["WORKFLOW_MANAGER"], [], Use("READ", "WORKFLOW_DEF", "a"), group_grants=frozenset({Grant("READ", "WORKFLOW_DEF", "a")})
    )
    assert (found.removes, found.adds) == (("WORKFLOW_MANAGER",), ())


def test_without_the_check_for_gains_a_grant_would_reach_further(monkeypatch: pytest.MonkeyPatch) -> None:
    domain, poll = Grant("EXECUTE", "DOMAIN", "east"), Use(POLL, "TASK_DEF", "a", "east")
    monkeypatch.setattr(advice, "gains", lambda who, before, after: iter(()))
    found = advised(APPLICATION, ["WORKER"], [domain], poll)
    world = held(APPLICATION, ["WORKER"], [domain])
    assert answers(APPLICATION, world.authority(found.after)) - answers(APPLICATION, world.authority(found.before))


def test_uses_are_shown_beside_what_allows_them() -> None:
    roles, some = ["UNRESTRICTED_WORKER", "WORKER"], [Grant("EXECUTE", "TASK_DEF", "a"), Grant("READ", "SECRET_NAME", "*")]
    used = [Used(Use(POLL, "TASK_DEF", "a"), 3, 70), Used(Use(POLL, "TASK_DEF", "b"), 2, 50)]
    found = exercised(held(APPLICATION, roles, some), used)
    assert found == {"UNRESTRICTED_WORKER": (5, 70), "WORKER": (5, 70), some[0]: (3, 70), some[1]: (0, 0)}
