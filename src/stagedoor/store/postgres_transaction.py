"""One PostgreSQL connection: how it is set up, how statements run on it, and what its errors mean."""

from collections.abc import Mapping, Sequence
from typing import Any

import psycopg
from psycopg import errors
from psycopg.abc import Buffer
from psycopg.adapt import Dumper
from psycopg.conninfo import conninfo_to_dict, make_conninfo
from psycopg.rows import DictRow

from stagedoor.kit.errors import BadInput, Conflict, Unavailable
from stagedoor.store.news import News
from stagedoor.store.statements import Statement
from stagedoor.store.store import Params, Row, Transaction

Connection = psycopg.Connection[DictRow]

STATEMENT_SECONDS = 5.0
OPTIONS: dict[str, Any] = {
    "connect_timeout": 3,
    "application_name": "stagedoor",
    "keepalives_idle": 5,
    "keepalives_interval": 2,
    "keepalives_count": 3,
    "tcp_user_timeout": 5000,
}
"""libpq's options: a network that swallows packets is noticed in seconds."""


class _BoolAsInteger(Dumper):
    """Booleans are columns of type INTEGER, as SQLite has them."""

    oid = psycopg.adapters.types["int4"].oid

    def dump(self, obj: bool) -> Buffer:
        return b"1" if obj else b"0"


def with_options(url: str) -> str:
    """libpq's connection string for `url`, whose own options win. ValueError, which does not repeat it: a password may be in it."""
    try:
        return make_conninfo("", **{**OPTIONS, **conninfo_to_dict(url)})
    except psycopg.ProgrammingError:
        raise ValueError("the database URL is not one that PostgreSQL understands") from None


def set_up(connection: Connection) -> None:
    """Limits of a session, and durability where the server's configuration would give it up."""
    connection.adapters.register_dumper(bool, _BoolAsInteger)
    connection.prepared_max = 500
    milliseconds = int(STATEMENT_SECONDS * 1000)
    connection.execute(f"SET statement_timeout = {milliseconds}")
    connection.execute(f"SET lock_timeout = {milliseconds}")
    connection.execute("SET idle_in_transaction_session_timeout = 15000")
    connection.execute("SELECT set_config('synchronous_commit', 'on', false) WHERE current_setting('synchronous_commit') = 'off'")


def translated(error: Exception, name: str) -> Exception:
    """The error in the store's words. It carries no values (PostgreSQL's own text would), and a note for whoever debugs."""
    found = _meaning(error, name)
    found.add_note(f"statement {name}: {type(error).__name__}")
    return found


def _meaning(error: Exception, name: str) -> Exception:
    match error:
        case errors.UniqueViolation() | errors.ForeignKeyViolation() | errors.ExclusionViolation():
            return Conflict()
        case psycopg.DataError() | UnicodeError():
            return BadInput("a value is too large, or holds characters that cannot be stored")
        case errors.QueryCanceled():
            return Unavailable("the query took too long")
        case errors.DiskFull():
            return Unavailable("the database's disk is full")
        case psycopg.OperationalError() | psycopg.InterfaceError() | errors.ReadOnlySqlTransaction():
            return Unavailable("the database cannot be reached, or is overloaded")
        case psycopg.Error():
            return AssertionError(f"statement {name} is wrong: {error.sqlstate} {error.diag.message_primary or type(error).__name__}")
    return error


class PostgresTransaction(Transaction):
    """Statements on one connection. The connection's owner begins and ends the transaction."""

    def __init__(
        self, connection: Connection, statements: Mapping[str, Statement], news: News | None = None, cap: int | None = None
    ) -> None:
        """`cap`: the most rows a statement may give, else BadInput; needs a transaction that is open."""
        super().__init__(statements, news)
        self._connection = connection
        self._cap = cap
        self.cause: Exception | None = None

    def control(self, sql: str) -> None:
        """BEGIN and the like."""
        try:
            self._connection.execute(sql.encode())
        except psycopg.Error as error:
            self.failed, self.cause = True, error
            raise translated(error, "(begin)") from None

    def _rows(self, statement: Statement, params: Params) -> list[Row]:
        try:
            if self._cap is not None:
                return self._capped(statement, params, self._cap)
            return self._connection.execute(statement.sql.encode(), params).fetchall()
        except (psycopg.Error, UnicodeError) as error:
            raise self._failed(error, statement) from None

    def _count(self, statement: Statement, params: Params) -> int:
        try:
            return self._connection.execute(statement.sql.encode(), params).rowcount
        except (psycopg.Error, UnicodeError) as error:
            raise self._failed(error, statement) from None

    def _each(self, statement: Statement, rows: Sequence[Params]) -> None:
        try:
            with self._connection.cursor() as cursor:
                cursor.executemany(statement.sql.encode(), rows)
        except (psycopg.Error, UnicodeError) as error:
            raise self._failed(error, statement) from None

    def _capped(self, statement: Statement, params: Params, cap: int) -> list[Row]:
        """Through a cursor on the server: a plain one would bring all rows here before the first is looked at."""
        with self._connection.cursor(name="scan") as cursor:
            cursor.execute(statement.sql.encode().rstrip(b"; \n"), params)
            rows = cursor.fetchmany(cap + 1)
        if len(rows) > cap:
            raise BadInput(f"more than {cap} rows: narrow the search")
        return rows

    def _failed(self, error: Exception, statement: Statement) -> Exception:
        self.failed, self.cause = True, error
        return translated(error, statement.name)
