"""Permissions against a model of their own: no difference in thousands of operations, and nobody rises by what others do not hold."""

import asyncio
from collections.abc import Callable, Iterator
from contextlib import nullcontext
from typing import Any

import pytest
from hypothesis import HealthCheck, Phase, settings
from hypothesis.stateful import run_state_machine_as_test

from stagedoor.api.rules import HandsOut
from stagedoor.core import grant, tag
from stagedoor.core.application import Applications
from stagedoor.core.custom_role import Roles
from stagedoor.core.grant import Grants
from stagedoor.core.group import Groups
from stagedoor.core.identity import Directory
from tests.model.machine import Side
from tests.model.real import Real
from tests.support.inside import Inside, inside

pytestmark = [pytest.mark.promise(2, 9, 10), pytest.mark.timeout(1800)]
STEPS = 50
"""Of one history; each has a project of its own."""
PLAIN = settings(
    stateful_step_count=STEPS, deadline=None, database=None, suppress_health_check=list(HealthCheck), phases=[Phase.generate, Phase.shrink]
)


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Callable[[], Real]]:
    """New projects of one server."""
    loop = asyncio.new_event_loop()
    context = inside(tmp_path_factory.mktemp("model"))
    made: Inside = loop.run_until_complete(context.__aenter__())
    try:
        yield lambda: Real(made, loop)
    finally:
        loop.run_until_complete(context.__aexit__(None, None, None))
        loop.close()


@pytest.fixture
def sides(server: Callable[[], Real]) -> type[Side]:
    return type("Run", (Side,), {"new_real": staticmethod(server), "steps": 0})


def run(sides: type[Side], steps: int, chance: settings) -> None:
    while sides.steps < steps:
        histories = max(1, (steps - sides.steps) // STEPS)
        run_state_machine_as_test(sides, settings=settings(chance, max_examples=histories))


@pytest.mark.slow
def test_the_model_and_the_server_agree_on_every_operation(sides: type[Side]) -> None:
    run(sides, 2_000, settings(PLAIN, derandomize=True))


@pytest.mark.soak
def test_they_agree_in_any_other_history_too(sides: type[Side]) -> None:
    run(sides, 20_000, PLAIN)


def test_an_application_that_is_deleted_leaves_its_groups(sides: type[Side]) -> None:
    side = sides()
    side.begin(powers=[set(), set(), set()], manager=set())
    side.member("admin", "g0", "one", True)
    side.delete_app("admin", "one")
    side.members("admin", "g0")


def allowed(*given: Any, **named: Any) -> None:
    """In place of a protection."""


async def passed(*given: Any, **named: Any) -> None:
    """In place of a rule."""


def tag_by_cyd(side: Side) -> None:
    side.grant("admin", "USER:cyd", TASK, ("UPDATE",))
    side.tag("cyd", TASK, "team:red", True)


def key_by_cyd(side: Side) -> None:
    side.app_role("admin", "one", "ADMIN", True)
    side.grant("admin", "USER:cyd", ("APPLICATION", "one"), ("READ", "UPDATE"))
    side.create_key("cyd", "one")


def made_again(side: Side) -> None:
    side.delete("ann", TASK)
    side.both_allow_the_same()


TASK = ("TASK_DEF", "t0")
Instead = tuple[Any, str, Any]
ATTACKS: dict[str, tuple[list[Instead], Callable[[Side], None]]] = {
    "grants": (
        [(HandsOut, "check", passed), (grant, "must_hold", allowed)],
        lambda side: side.grant("cyd", "USER:cyd", ("SECRET_NAME", "s0"), ("READ",)),
    ),
    "roles": ([(Roles, "must_cover", allowed)], lambda side: side.put_user("bob", "bob", {"r0", "ADMIN"})),
    "what a role was granted": ([(Grants, "must_cover", allowed)], lambda side: side.put_user("bob", "cyd", {"r1"})),
    "what a group was granted": ([(Grants, "must_cover", allowed)], lambda side: side.member("bob", "g0", "bob", True)),
    "defaultAccess": ([(Groups, "_must_cover_default", allowed)], lambda side: side.put_group("bob", "g0", set(), {"TASK_DEF": ("READ",)})),
    "tags": ([(tag, "_must_cover", allowed)], tag_by_cyd),
    "keys": ([(Applications, "check_new_key", allowed)], key_by_cyd),
    "grants on what is deleted": ([(Grants, "forget", allowed)], made_again),
    "the last administrator": (
        [(Directory, "administrators_remain", lambda *given: nullcontext())],
        lambda side: side.put_user("admin", "admin", set()),
    ),
}


@pytest.mark.parametrize("name", ATTACKS)
def test_the_model_tells_a_server_without_this_protection_from_one_with_it(
    name: str, sides: type[Side], monkeypatch: pytest.MonkeyPatch
) -> None:
    protections, attack = ATTACKS[name]
    for patched in (False, True):
        side = sides()
        side.begin(powers=[{"USER"}, set(), set()], manager={"USER_MANAGEMENT"})
        if not patched:
            attack(side)
            continue
        for protection in protections:
            monkeypatch.setattr(*protection)
        with pytest.raises(AssertionError):
            attack(side)
