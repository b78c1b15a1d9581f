"""Rows that the one writer of an SQLite file has read and would read again with nearly every write: secrets, epochs.

They hold exactly: a row is forgotten when a statement changes one of the tables that it was read from, when what was written is undone
with the whole group, and when another process has committed, which SQLite itself tells (`PRAGMA data_version`, asked once a group). A
transaction that has changed such a table leaves nothing here, so that undoing it alone leaves nothing either.
"""

import sqlite3
from collections.abc import Hashable
from typing import Any

from stagedoor.store.statements import Statement

MOST = 1_000
"""Rows of one statement. They are as they are stored: of secrets the sealed bytes."""
Row = dict[str, Any]


class Memory:
    """Of one connection, in its one thread."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection
        self._rows: dict[str, dict[Hashable, Row]] = {}
        self._tables: dict[str, frozenset[str]] = {}
        self._version = -1
        self._checked = False

    def begin(self) -> None:
        """A group begins: nobody else commits before it ends, but somebody may have."""
        self._checked = False

    def find(self, name: str, key: Hashable) -> Row | None:
        """The row that this statement gave for these parameters. None: it must be read."""
        if not self._checked:
            self._check()
        rows = self._rows.get(name)
        return rows.get(key) if rows is not None else None

    def put(self, statement: Statement, key: Hashable, row: Row) -> None:
        rows = self._rows.setdefault(statement.name, {})
        self._tables[statement.name] = statement.tables
        rows[key] = row
        if len(rows) > MOST:
            del rows[next(iter(rows))]

    def changed(self, tables: frozenset[str]) -> None:
        for name, read in self._tables.items():
            if not read.isdisjoint(tables):
                self._rows.pop(name, None)

    def clear(self) -> None:
        self._rows.clear()

    def _check(self) -> None:
        [(version,)] = self._connection.execute("PRAGMA data_version").fetchall()
        if version != self._version:
            self._rows.clear()
        self._version, self._checked = version, True
