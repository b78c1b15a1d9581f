#!/usr/bin/env python3
"""Take each protection away in turn and see that a test notices: the rule of each route, each of the five conditions at each door, and each
check that keeps anybody from handing out more than they hold.

    remove_protections.py [--stride N --offset K] [--only TEXT] [--list]

One server runs in this process, on a temporary SQLite store; the tests that concern a protection are run against it as it is, where they
must pass, and with the protection taken away, where one of them must fail. Exit 1 where none does. Nothing in the product knows of this:
rules are replaced in a copy of the route table (a rule by "any principal", that by "anybody"), conditions in the doors' own objects, checks
in their classes.
"""

import argparse
import contextlib
import io
import os
import sys
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from stagedoor import bootstrap  # noqa: E402
from stagedoor.api.app import make_app  # noqa: E402
from stagedoor.api.router import Route  # noqa: E402
from stagedoor.api.routes import ROUTES  # noqa: E402
from stagedoor.api.rules import Authenticated, Public  # noqa: E402
from stagedoor.core import grant, permission, tag  # noqa: E402
from stagedoor.core.application import Applications  # noqa: E402
from stagedoor.core.custom_role import Roles  # noqa: E402
from stagedoor.core.grant import Grants  # noqa: E402
from stagedoor.core.group import Groups  # noqa: E402
from stagedoor.core.identity import Directory  # noqa: E402
from stagedoor.core.invite import Invites  # noqa: E402
from stagedoor.core.role import check_permissions  # noqa: E402
from stagedoor.gate.conditions import Conditions  # noqa: E402
from stagedoor.gate.doors import GateDoors  # noqa: E402
from tests.api.authorization.table import TABLE  # noqa: E402
from tests.support.server import LiveServer  # noqa: E402
from tests.support.thread import ThreadServer  # noqa: E402

MATRIX = "tests/api/authorization/test_matrix.py"
ANSWERS = f"{MATRIX}::test_a_route_answers_each_kind_of_caller_as_the_table_says"
AUDIT = f"{MATRIX}::test_a_strangers_refusal_is_one_row_of_the_audit"
AUDITED = {f"[{row.cell}]" for row in TABLE if row.refused}
DOORS = {
    "handoff": ("stands_at_its_place", "voucher_may_use", "starter_may_execute", "worker_may_use", "policy_allows"),
    "egress": ("stands_at_its_place", "voucher_may_use", "starter_may_execute", "host_may_use", "policy_allows"),
}
DOOR_TESTS = {"handoff": ("test_handoff.py", "test_data.py"), "egress": ("test_egress.py",)}
NO_WAY_UP = "tests/api/authorization/test_no_way_up.py"
HELD = "tests/core/test_more_than_held.py"


def _nothing(*_: Any, **__: Any) -> None:
    """In place of a check."""


CHECKS: tuple[tuple[Any, str, Any, str], ...] = (
    (Roles, "must_cover", _nothing, f"{NO_WAY_UP}::test_a_manager_of_people_gives_no_role_that_reaches_further"),
    (Roles, "must_cover", _nothing, f"{NO_WAY_UP}::test_a_manager_of_people_takes_no_role_away_that_it_does_not_hold"),
    (Roles, "_must_be_covered", _nothing, f"{NO_WAY_UP}::test_a_custom_role_is_given_by_who_covers_it_and_what_it_was_granted"),
    (
        Roles, "_checked", lambda self, tx, who, permissions: check_permissions(permissions),
        f"{HELD}::test_who_changes_a_custom_role_holds_what_it_lists_and_listed",
    ),
    (Grants, "must_cover", _nothing, f"{NO_WAY_UP}::test_nobody_joins_a_group_that_holds_a_grant_they_lack"),
    (grant, "must_hold", _nothing, f"{HELD}::test_the_transaction_of_a_grant_asks_for_what_is_handed_out"),
    (Groups, "must_cover", _nothing, f"{NO_WAY_UP}::test_nobody_joins_a_group_that_holds_a_grant_they_lack"),
    (Groups, "_must_cover_default", _nothing, f"{NO_WAY_UP}::test_nobody_has_a_group_given_what_others_will_make"),
    (Groups, "_may_join", _nothing, f"{NO_WAY_UP}::test_who_may_only_read_does_not_get_more_by_a_group"),
    (tag, "_must_cover", _nothing, f"{NO_WAY_UP}::test_a_tagger_puts_on_no_tag_that_gives_what_they_lack"),
    (tag, "_must_cover", _nothing, f"{NO_WAY_UP}::test_a_tagger_takes_off_no_tag_that_gives_others_what_they_lack"),
    (
        Directory, "administrators_remain", lambda *_: contextlib.nullcontext(),
        f"{NO_WAY_UP}::test_the_last_administrator_is_neither_deleted_nor_lowered",
    ),
    (Applications, "check_role", _nothing, f"{NO_WAY_UP}::test_the_owner_of_an_application_gives_it_no_role_of_administrators"),
    (Applications, "check_new_key", _nothing, f"{NO_WAY_UP}::test_the_owner_of_an_application_that_was_raised_makes_no_key_for_it"),
    (Invites, "_must_cover", _nothing, f"{NO_WAY_UP}::test_nobody_becomes_another_by_inviting_them"),
    (
        permission, "_EDITING", frozenset(),
        f"{NO_WAY_UP}::test_a_grant_changes_a_definition_for_an_application_by_the_role_metadata_api_alone",
    ),
)  # fmt: skip
"""Where a check stands, what does nothing in its place, and the test that must fail without it."""


@dataclass(frozen=True)
class Removal:
    """A protection, the tests that concern it, and how it is taken away; the returned function puts it back."""

    name: str
    tests: tuple[str, ...]
    remove: Callable[["Running"], Callable[[], None]]


@dataclass
class Running(ThreadServer):
    """The one server."""

    doors: GateDoors | None = None

    def with_routes(self, routes: tuple[Route, ...]) -> None:
        assert self.parts is not None
        self.app = make_app(self.parts, routes=routes)


class Without:
    """The conditions with one of them always content."""

    def __init__(self, real: Conditions, missing: str) -> None:
        self._real, self._missing = real, missing

    def __getattr__(self, name: str) -> Any:
        return (lambda *_, **__: None) if name == self._missing else getattr(self._real, name)


def removals() -> list[Removal]:
    return [*(_of_route(route) for route in ROUTES if not isinstance(route.rule, Public)), *_of_doors(), *_of_checks()]


def _of_route(route: Route) -> Removal:
    weaker = Public() if isinstance(route.rule, Authenticated) else Authenticated()

    def remove(running: Running) -> Callable[[], None]:
        running.with_routes(tuple(replace(one, rule=weaker) if one is route else one for one in ROUTES))
        return lambda: running.with_routes(ROUTES)

    cell = f"[{route.method} {route.path}]"
    tests = (ANSWERS + cell, *([AUDIT + cell] if cell in AUDITED and not isinstance(route.rule, Authenticated) else []))
    return Removal(f"{route.method} {route.path}: {type(route.rule).__name__}", tests, remove)


def _of_doors() -> Iterator[Removal]:
    for door, conditions in DOORS.items():
        for condition in conditions:
            tests = tuple(f"tests/gate/doors/{name}" for name in DOOR_TESTS[door])
            yield Removal(f"{door}: {condition}", tests, _without_condition(door, condition))


def _of_checks() -> Iterator[Removal]:
    for owner, name, instead, test in CHECKS:
        where = owner.__name__.removeprefix("stagedoor.core.")
        yield Removal(f"{where}.{name}: {test.partition('::')[2]}", (test,), _without_check(owner, name, instead))


def _without_check(owner: Any, name: str, instead: Any) -> Callable[[Running], Callable[[], None]]:
    def remove(_: Running) -> Callable[[], None]:
        real = getattr(owner, name)
        setattr(owner, name, instead)
        return lambda: setattr(owner, name, real)

    return remove


def _without_condition(door: str, condition: str) -> Callable[[Running], Callable[[], None]]:
    def remove(running: Running) -> Callable[[], None]:
        part = getattr(running.doors, door)
        real = part.conditions
        object.__setattr__(part, "conditions", Without(real, condition))  # a frozen dataclass
        return lambda: object.__setattr__(part, "conditions", real)

    return remove


@contextlib.contextmanager
def running() -> Iterator[Running]:
    """The server, in a thread of its own; every `LiveServer` of the tests becomes it."""
    with tempfile.TemporaryDirectory() as folder:
        one = Running(Path(folder) / "data", environment={"STAGEDOOR_EGRESS_ALLOW": "127.0.0.1"})
        _keep_doors(one)
        one.init()
        one.start()
        try:
            _take_the_place_of_live_servers(one)
            yield one
        finally:
            one.stop()


def _keep_doors(one: Running) -> None:
    def make(*parts: Any) -> GateDoors:
        one.doors = GateDoors(*parts)
        return one.doors

    setattr(bootstrap, "GateDoors", make)  # noqa: B010  # a name that module imports, not one it offers


def _take_the_place_of_live_servers(one: Running) -> None:
    def init(live: LiveServer) -> dict[str, str]:
        live.data, live.port, live.first = one.data, one.port, one.first
        return one.first

    def stop(live: LiveServer) -> None:
        for client in live.clients:
            client.close()

    as_it_is = {"launch": lambda live: None, "well": lambda live: live, "start": lambda live: live}
    for name, instead in {"init": init, "set_up": init, "stop": stop, **as_it_is}.items():
        setattr(LiveServer, name, instead)


def outcome(tests: tuple[str, ...]) -> int:
    """pytest's exit code: 0 all pass, 1 one has failed."""
    with contextlib.redirect_stdout(said := io.StringIO()):
        code = int(pytest.main(["-x", "-q", "--no-header", "-m", "not postgres and not soak", *tests]))
    if code not in (0, 1):
        raise SystemExit(f"{' '.join(tests)} cannot be run:\n{said.getvalue()[-3000:]}")
    return code


def unnoticed(chosen: list[Removal]) -> Iterator[str]:
    """The names of those that no test noticed, and of tests that fail anyhow."""
    content: dict[tuple[str, ...], int] = {}
    with running() as one:
        for removal in chosen:
            if removal.tests not in content:
                content[removal.tests] = outcome(removal.tests)
            if content[removal.tests]:
                yield f"{removal.name}: its tests fail though nothing is taken away"
                continue
            put_back = removal.remove(one)
            noticed = outcome(removal.tests)
            put_back()
            print(f"{'noticed' if noticed else 'UNNOTICED':<10} {removal.name}", flush=True)
            if not noticed:
                yield removal.name


def main() -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--stride", type=int, default=1, help="take every Nth protection away only")
    parser.add_argument("--offset", type=int, default=0, help="begin with the Kth")
    parser.add_argument("--only", default="", metavar="TEXT", help="take away those alone whose name holds this")
    parser.add_argument("--list", action="store_true", help="name them and do nothing")
    given = parser.parse_args()
    chosen = [removal for removal in removals() if given.only in removal.name][given.offset % given.stride :: given.stride]
    if given.list:
        print("\n".join(removal.name for removal in chosen))
        return 0
    os.chdir(ROOT)
    left = list(unnoticed(chosen))
    print(f"{len(chosen)} protections taken away in turn, {len(left)} unnoticed")
    for name in left:
        print(f"  {name}")
    return 1 if left else 0


if __name__ == "__main__":
    sys.exit(main())
