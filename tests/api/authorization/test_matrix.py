"""Every route, for four callers: nobody, one without rights, an owner, an administrator. All callers: test_every_cell.py."""

import json
import re
import sqlite3
import uuid
from contextlib import closing
from dataclasses import dataclass
from typing import Any

import httpx
import pytest

from stagedoor.api.app import make_app
from stagedoor.api.routes import ROUTES
from tests.api.authorization.notation import COLUMNS, Row
from tests.api.authorization.table import TABLE
from tests.api.authorization.world import World, new
from tests.support.server import Api, LiveServer

pytestmark = pytest.mark.promise(9)
ROWS = {row.cell: row for row in TABLE}
TOKENLESS = [row.cell for row in TABLE if row.statuses[0] == 401 and row.route != "/api/token" and not row.route.startswith("/v1")]
"""`/v1` says it in words of its own: tests/v1."""
STRANGER = COLUMNS.index("application without a role")
"""To whom what belongs to others and what does not exist look the same, unless the table says that it is no secret."""
HIDDEN = [row.cell for row in TABLE if row.unknown and row.unknown[STRANGER] == row.other[STRANGER]]


def test_the_table_has_a_row_for_every_route_and_no_other() -> None:
    routes = {f"{route.method} {route.path}" for route in make_app(None).router.routes}  # type: ignore[arg-type]  # only its table is looked at
    assert routes == {f"{row.method} {row.route}" for row in TABLE} == {row.cell for row in TABLE if not row.note}
    assert len(TABLE) == len(ROWS) > len(ROUTES)


@dataclass(frozen=True)
class Filled:
    """A row with names in it. `absent`: the things in question do not exist."""

    row: Row
    world: World
    absent: bool = False

    def text(self, text: str) -> str:
        def name(match: re.Match[str]) -> str:
            if match[1] == "new":
                return new("new")
            return str(uuid.uuid5(uuid.NAMESPACE_URL, match[1])) if match[2] and self.absent else str(getattr(self.world, match[1]))

        return re.sub(r"\{(\w+)(!?)\}", name, text)

    def send(self, api: Api) -> httpx.Response:
        body = self.row.body
        if body is not None and not isinstance(body, bytes):
            body = json.loads(self.text(json.dumps(body)))
        return api.raw(self.row.method, self.text(self.row.path), body)


def spelled_alike(answer: httpx.Response) -> Any:
    """An answer without the names and times in it."""
    names, times = r"(\w+-)?[0-9a-f]{12}\b|(app:)?[0-9a-f]{8}-[0-9a-f-]{27}", r"\b\d{13}\b|\d{4}-\d\d-\d\dT[\d:.+]+"
    text = re.sub(f"{names}|{times}", "...", answer.text)
    return answer.status_code, text, answer.headers.get("content-type")


@pytest.mark.parametrize("cell", ROWS)
def test_a_route_answers_each_kind_of_caller_as_the_table_says(cell: str, sqlite_server: LiveServer) -> None:
    row, world, other = ROWS[cell], World.on(sqlite_server), World.on(sqlite_server)
    callers = [(world, world.nobody), (world, world.stranger), (world, world.owner), (other, other.admin)]
    assert tuple(Filled(row, its).send(api).status_code for its, api in callers) == row.statuses


@pytest.mark.parametrize("cell", TOKENLESS)
def test_without_a_token_the_answer_is_the_same_for_what_exists_and_what_does_not(cell: str, sqlite_server: LiveServer) -> None:
    world = World.on(sqlite_server)
    answers = [Filled(ROWS[cell], world, absent).send(world.nobody) for absent in (False, True)]
    body = answers[0].json()
    said = ("UNAUTHORIZED", "Missing Authorization header") if "/api/keys" in cell else ("INVALID_TOKEN", "Token cannot be null or empty")
    assert (answers[0].status_code, body["error"], body["message"]) == (401, *said)
    assert spelled_alike(answers[0]) == spelled_alike(answers[1])


@pytest.mark.parametrize("cell", HIDDEN)
def test_a_stranger_cannot_tell_what_belongs_to_others_from_what_does_not_exist(cell: str, sqlite_server: LiveServer) -> None:
    world = World.on(sqlite_server)
    answers = [Filled(ROWS[cell], world, absent).send(world.stranger) for absent in (False, True)]
    assert spelled_alike(answers[0]) == spelled_alike(answers[1])


@pytest.mark.promise(11)
@pytest.mark.parametrize("cell", [row.cell for row in TABLE if row.refused])
def test_a_strangers_refusal_is_one_row_of_the_audit(cell: str, sqlite_server: LiveServer) -> None:
    """The row names what the rule protects, so that a refusal by something further down is not taken for the rule's."""
    row, world = ROWS[cell], World.on(sqlite_server)
    filled = Filled(row, world)
    answer = filled.send(world.stranger)
    found = refusals(sqlite_server, f"app:{world.stranger_id}")
    wanted = filled.text(row.refused) if "{new}" not in row.refused else found[0][0]
    assert (answer.status_code, found) == (row.statuses[1], [(wanted, 1)])


def refusals(server: LiveServer, actor: str) -> list[tuple[str, int]]:
    """(target, count) of an actor's refusals, from the server's database."""
    with closing(sqlite3.connect(f"file:{server.data / 'stagedoor.db'}?mode=ro", uri=True)) as db:
        return db.execute("SELECT target, count FROM audit WHERE actor = ? AND outcome = 'refused'", (actor,)).fetchall()
