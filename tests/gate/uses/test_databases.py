"""Receipts, where, dry runs and releases on both databases, and a way there from a store that knew none of them."""

import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from stagedoor.store import Schema
from stagedoor.store.migrate import listed, statements
from stagedoor.store.statements import HOME
from tests.gate.doors.stage import Listener, Stage, reference, simple
from tests.gate.uses.persons import Persons
from tests.gate.uses.test_dry_run import refused, tried
from tests.gate.uses.test_receipts import uses
from tests.gate.uses.test_releases import approve, ask, decide_at_once, end, guard, views
from tests.gate.uses.test_where import where
from tests.support.server import LiveServer


@pytest.mark.slow
def test_the_life_of_a_guarded_secret(server: LiveServer, listener: Listener) -> None:
    """End to end on both: used, traced, tried under another policy, guarded, released, ended."""
    stage = Stage(server, listener, server.admin())
    persons = Persons(stage)
    asker, approver = persons.make("READ"), persons.make("READ", "UPDATE")
    run = stage.run(simple(stage.task, key=stage.key, other=[stage.key], no=reference("no-such-secret-at-all")[1:]))
    assert stage.entitled.poll(stage.task, timeout=20_000)
    assert [use["place"] for use in uses(stage, run)] in (["/key", "/other/0"], ["/other/0", "/key"])
    found = where(stage)
    assert (found["references"], [one["count90"] for one in found["uses"]]) == (2, [2])
    assert refused(stage, places=[f"{stage.name}/one/key"]) == [("places", "one", 1)] and tried(stage)["unjudged"] == 0
    assert guard(stage)["workers"] == [stage.worker_id] and not views(stage, asker)
    release = ask(stage, asker)
    assert approve(stage, asker, release, 403) and not views(stage, asker)
    approve(stage, approver, release)
    assert views(stage, asker) and not views(stage, approver)
    end(stage, approver, release)
    assert not views(stage, asker)
    waits = approver.api.call("PUT", f"/api/secrets/{stage.secret}/viewing", {"release": None}, status=202)
    approve(stage, persons.first_admin(), waits["id"])
    assert views(stage, asker)
    decide_at_once(stage, persons)


def test_the_migration_stands_on_its_own(tmp_path: Path) -> None:
    """Whatever other migrations came before it; secrets that there are demand nothing."""
    files = listed(Schema())
    with closing(sqlite3.connect(tmp_path / "old.db")) as database:
        for path in (HOME / "migrations" / "0000_store.sql", *(files[number] for number in sorted(files) if number <= 6)):
            for sql in statements(path, "sqlite"):
                database.execute(sql)
        columns = "project_id, name, secret_id, version, policy, created_by, created_at, updated_by, updated_at"
        database.execute(f"INSERT INTO secret ({columns}) VALUES ('default', 's', 'i', 1, '{{}}', 'a', 1, 'a', 1)")
        for sql in statements(files[11], "sqlite"):
            database.execute(sql)
        assert database.execute("SELECT viewing FROM secret").fetchall() == [("",)]
