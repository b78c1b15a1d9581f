"""One SQLite connection: how it is opened, how statements run on it, and what its errors mean."""

import sqlite3
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from stagedoor.kit.errors import BadInput, Conflict, StagedoorError, Unavailable
from stagedoor.store.news import News
from stagedoor.store.sqlite_memory import Memory
from stagedoor.store.statements import Statement
from stagedoor.store.store import Params, Row, Transaction

_CONFLICTS = {
    sqlite3.SQLITE_CONSTRAINT_UNIQUE,
    sqlite3.SQLITE_CONSTRAINT_PRIMARYKEY,
    sqlite3.SQLITE_CONSTRAINT_ROWID,
    sqlite3.SQLITE_CONSTRAINT_FOREIGNKEY,
}
_UNAVAILABLE = {
    sqlite3.SQLITE_BUSY: "the database is locked by another process",
    sqlite3.SQLITE_LOCKED: "the database is locked",
    sqlite3.SQLITE_READONLY: "the database cannot be written to",
    sqlite3.SQLITE_IOERR: "the database's disk fails",
    sqlite3.SQLITE_FULL: "the database's disk is full",
    sqlite3.SQLITE_CANTOPEN: "the database file cannot be opened",
    sqlite3.SQLITE_NOMEM: "the database is out of memory",
    sqlite3.SQLITE_PROTOCOL: "the database is locked by another process",
    sqlite3.SQLITE_INTERRUPT: "the query took too long",
    sqlite3.SQLITE_CORRUPT: "the database file is damaged",
    sqlite3.SQLITE_NOTADB: "the database file is damaged",
}


def connect(path: Path, *, writing: bool, busy_seconds: float) -> sqlite3.Connection:
    """A connection in autocommit mode. Unavailable if it cannot be had."""
    uri = f"{path.absolute().as_uri()}?mode={'rw' if writing else 'ro'}"
    try:
        connection = sqlite3.connect(uri, busy_seconds, isolation_level=None, check_same_thread=False, cached_statements=512, uri=True)
        connection.execute("PRAGMA foreign_keys = ON")
        connection.execute("PRAGMA temp_store = MEMORY")
        connection.execute("PRAGMA cache_size = -20000")
        if not writing:
            connection.execute("PRAGMA query_only = ON")
            # Each commit of the writer empties a reader's page cache; mapped pages are found again without a system call.
            connection.execute("PRAGMA mmap_size = 268435456")
    except sqlite3.Error as error:
        raise translated(error, "(open)") from None
    return connection


def translated(error: Exception, name: str) -> Exception:
    """The error in the store's words. It carries no values, and a note with the statement's name for whoever debugs."""
    found = _meaning(error, name)
    found.add_note(f"statement {name}: {getattr(error, 'sqlite_errorname', type(error).__name__)}")
    return found


def _meaning(error: Exception, name: str) -> Exception:
    code: int = getattr(error, "sqlite_errorcode", 0)
    if code in _CONFLICTS:
        return Conflict()
    if (why := _UNAVAILABLE.get(code & 0xFF)) is not None:
        return Unavailable(why)
    if isinstance(error, OverflowError | UnicodeError | sqlite3.DataError):
        return BadInput("a value is too large, or holds characters that cannot be stored")
    if isinstance(error, StagedoorError):
        return error
    return AssertionError(f"statement {name} is wrong: {error}")


class SqliteTransaction(Transaction):
    """Statements on one connection. The connection's owner begins and ends the transaction."""

    def __init__(
        self,
        connection: sqlite3.Connection,
        statements: Mapping[str, Statement],
        news: News | None = None,
        *,
        cap: int | None = None,
        memory: Memory | None = None,
    ) -> None:
        """`cap`: the most rows a statement may give, else BadInput. `memory`: the writer's."""
        super().__init__(statements, news)
        self._connection = connection
        self._cap = cap
        self._memory = memory
        self._changed: frozenset[str] = frozenset()

    def lasting(self, name: str, /, **params: Any) -> Row | None:
        memory = self._memory
        if memory is None:
            return self.one(name, **params)
        key = tuple(params.items())
        found = memory.find(name, key)
        if found is None:
            found = self.one(name, **params)
            statement = self._statements[name]
            if found is not None and self._changed.isdisjoint(statement.tables):
                memory.put(statement, key, found)
        return found

    def _changes(self, statement: Statement) -> None:
        if self._memory is not None and not statement.reads:
            self._changed |= statement.tables
            self._memory.changed(statement.tables)

    def _rows(self, statement: Statement, params: Params) -> list[Row]:
        if not statement.reads:
            self._changes(statement)
        try:
            cursor = self._connection.execute(statement.sql, params)
            rows: list[tuple[Any, ...]] = cursor.fetchall() if self._cap is None else cursor.fetchmany(self._cap + 1)
        except (sqlite3.Error, OverflowError, UnicodeError) as error:
            self.failed = True
            raise translated(error, statement.name) from None
        if self._cap is not None and len(rows) > self._cap:
            raise BadInput(f"more than {self._cap} rows: narrow the search")
        names = statement.columns
        if not names:
            names += [column[0] for column in cursor.description]
        return [dict(zip(names, row)) for row in rows]  # noqa: B905  as many by construction, and `strict` costs on the hot path

    def _count(self, statement: Statement, params: Params) -> int:
        self._changes(statement)
        try:
            return self._connection.execute(statement.sql, params).rowcount
        except (sqlite3.Error, OverflowError, UnicodeError) as error:
            self.failed = True
            raise translated(error, statement.name) from None

    def _each(self, statement: Statement, rows: Sequence[Params]) -> None:
        self._changes(statement)
        try:
            self._connection.executemany(statement.sql, rows)
        except (sqlite3.Error, OverflowError, UnicodeError) as error:
            self.failed = True
            raise translated(error, statement.name) from None
