"""The `.sql` files: how they are read, and that what is called a point query is one."""

import re
import sqlite3
from pathlib import Path

import psycopg
import pytest

from stagedoor.store import Schema
from stagedoor.store.migrate import listed, statements
from stagedoor.store.statements import HOME, MANY, ONE, ROWS_CHANGED, Dialect, Statement, load, point_only
from tests.support.postgres import database as fresh_database

_SCAN = re.compile(r"^SCAN (?!CONSTANT ROW)")


def written(tmp_path: Path, text: str) -> Schema:
    (tmp_path / "some.sql").write_text(text)
    return Schema(queries=tmp_path)


def plan(connection: sqlite3.Connection, statement: Statement) -> list[str]:
    values = dict.fromkeys(re.findall(r":(\w+)", statement.sql))
    return [row[3] for row in connection.execute(f"EXPLAIN QUERY PLAN {statement.sql}", values)]


def database(schema: Schema) -> sqlite3.Connection:
    connection = sqlite3.connect(":memory:")
    for path in (HOME / "migrations" / "0000_store.sql", *(path for _, path in sorted(listed(schema).items()))):
        for sql in statements(path, "sqlite"):
            connection.execute(sql)
    return connection


@pytest.mark.parametrize("name", sorted(name for name, each in load(Schema(), "sqlite").items() if each.point))
def test_a_point_statement_reads_no_table_from_end_to_end(name: str) -> None:
    connection, statement = database(Schema()), load(Schema(), "sqlite")[name]
    own = set(re.findall(r"(\w+) \(\w+\) AS \(", statement.sql))  # a WITH's rows are what a search has found: each of them is looked at
    assert not [line for line in plan(connection, statement) if _SCAN.match(line) and line.split()[1] not in own]
    connection.close()


def test_the_check_of_plans_sees_a_scan(boxes_schema: Schema) -> None:
    connection = database(boxes_schema)
    assert [line for line in plan(connection, load(boxes_schema, "sqlite")["boxes"]) if _SCAN.match(line)]
    connection.close()


@pytest.mark.parametrize("dialect", ["sqlite", "postgres"])
def test_every_real_statement_is_read(dialect: Dialect) -> None:
    found = load(Schema(), dialect)
    assert {"epoch_raise", "schema_version"} <= found.keys()
    assert not [each.name for each in found.values() if "/*" in each.sql]


def test_statements_of_the_real_folder_are_valid_on_sqlite() -> None:
    connection = database(Schema())
    for statement in load(Schema(), "sqlite").values():
        plan(connection, statement)
    connection.close()


@pytest.mark.postgres
def test_statements_of_the_real_folder_are_valid_on_postgres(postgres_server: str) -> None:
    with fresh_database(postgres_server) as url, psycopg.connect(url) as connection:
        for path in (HOME / "migrations" / "0000_store.sql", *(path for _, path in sorted(listed(Schema()).items()))):
            for sql in statements(path, "postgres"):
                connection.execute(sql.encode())
        for statement in load(Schema(), "postgres").values():
            values = dict.fromkeys(re.findall(r"%\((\w+)\)s", statement.sql))
            try:
                connection.execute(f"EXPLAIN {statement.sql}".encode(), values)
            except psycopg.Error as error:
                pytest.fail(f"{statement.name}: {error}")


def test_a_statement_has_a_kind_a_mark_and_a_dialect(boxes_schema: Schema) -> None:
    here, there = load(boxes_schema, "sqlite"), load(boxes_schema, "postgres")
    assert [here[name].kind for name in ("box_by_id", "boxes", "box_add")] == [ONE, MANY, ROWS_CHANGED]
    assert [here[name].point for name in ("box_by_id", "boxes", "box_add")] == [True, False, False]
    assert "FOR UPDATE" not in here["box_locked"].sql
    assert there["box_locked"].sql.endswith("WHERE id = %(id)s  FOR UPDATE ;")
    assert "notify_all" not in here
    assert "notify_all" in there


def test_a_change_marked_point_is_not_for_reading(tmp_path: Path) -> None:
    schema = written(tmp_path, "-- name: take^\n-- point: A change.\nDELETE FROM epoch WHERE project_id = :id RETURNING number;\n")
    assert load(schema, "sqlite")["take"].point
    assert "take" not in point_only(load(schema, "sqlite"))


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("-- name: a\n-- A.\nSELECT 1;\n\n-- name: a\n-- B.\nSELECT 2;\n", "some.sql: cannot override .* query: a"),
        ("-- name: epoch_of^\n-- A.\nSELECT 1;\n", "statement epoch_of exists already"),
        ("-- name: a\n-- A.\nSELECT id FROM epoch WHERE id LIKE '%x';\n", "literal %"),
        ("-- name: a b\n-- A.\nSELECT 1;\n", "some.sql: invalid query name"),
        ("-- name: a$\n-- A.\nSELECT 1;\n", "suffixes"),
        ("-- name: a_cursor\n-- A.\nSELECT 1;\n", "_cursor"),
    ],
)
def test_a_mistake_in_a_file_is_named_when_it_is_read(tmp_path: Path, text: str, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        load(written(tmp_path, text), "sqlite")
