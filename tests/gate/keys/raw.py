"""The database itself, past every rule: what somebody does who may write to its rows or read its files. And the command line."""

import os
import sqlite3
from collections.abc import Sequence
from typing import Any

import psycopg
from typer.testing import CliRunner, Result

from stagedoor.cli import app
from tests.support.server import LiveServer


def stagedoor(server: LiveServer, *words: str, **environment: str) -> Result:
    """In this process: each start of the program would take longer than all it does."""
    others: dict[str, str | None] = {name: None for name in os.environ if name.startswith("STAGEDOOR_")}
    env = {**others, "COLUMNS": "200", "NO_COLOR": "1", **server.environment, **environment}
    return CliRunner().invoke(app, [*words, *server._store()], env=env)


def sql(server: LiveServer, statement: str, *params: Any) -> list[tuple[Any, ...]]:
    """One statement with `?` for its parameters; its rows."""
    if server.database:
        with psycopg.connect(server.database) as postgres:
            cursor = postgres.execute(statement.replace("?", "%s").encode(), params)
            return list(cursor.fetchall()) if cursor.description else []
    connection = sqlite3.connect(server.data / "stagedoor.db", 10)
    try:
        with connection:
            return connection.execute(statement, params).fetchall()
    finally:
        connection.close()


def swap(server: LiveServer, table: str, column: str, key: str, one: Any, other: Any) -> None:
    """The column's values of two rows, each in the other's place."""
    values = {row: sql(server, f"SELECT {column} FROM {table} WHERE {key} = ?", row)[0][0] for row in (one, other)}
    for row, value in ((one, values[other]), (other, values[one])):
        sql(server, f"UPDATE {table} SET {column} = ? WHERE {key} = ?", value, row)


def audited(server: LiveServer, outcome: str, words: str) -> list[str]:
    """`action target detail` of the rows with this outcome that hold these words."""
    rows: Sequence[tuple[str, str, str]] = sql(server, "SELECT action, target, detail FROM audit WHERE outcome = ?", outcome)
    return [text for text in (" ".join(row) for row in rows) if words in text]
