"""Listing a name's revisions asks one run of each, and of those under way only: however many have ended."""

import sqlite3

from stagedoor.store import Schema
from stagedoor.store.migrate import listed, statements
from stagedoor.store.statements import HOME, load


def test_the_list_of_revisions_uses_the_indexes_of_runs() -> None:
    connection = sqlite3.connect(":memory:")
    for path in (HOME / "migrations" / "0000_store.sql", *(path for _, path in sorted(listed(Schema()).items()))):
        for sql in statements(path, "sqlite"):
            connection.execute(sql)
    sql = load(Schema(), "sqlite")["revisions_of_name"].sql
    plan = [row[3] for row in connection.execute(f"EXPLAIN QUERY PLAN {sql}", {"project_id": "p", "name": "n"})]
    connection.close()
    of_runs = [line for line in plan if line.split()[1] == "r"]
    assert len(of_runs) == 3 and all("(revision_id=?)" in line for line in of_runs), plan
    assert any("INDEX run_under_way" in line for line in of_runs), plan
