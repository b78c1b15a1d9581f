"""The part of the PostgreSQL store that runs in threads: connections, transactions, and trying again."""

import contextlib
import threading
from collections.abc import Callable, Iterator, Mapping
from typing import TypeVar

import psycopg
from psycopg import errors
from psycopg.rows import dict_row
from psycopg_pool import ConnectionPool, PoolClosed, PoolTimeout

from stagedoor.kit.errors import Unavailable
from stagedoor.kit.ids import jitter
from stagedoor.store.calls import Callback
from stagedoor.store.news import News
from stagedoor.store.postgres_transaction import Connection, PostgresTransaction, set_up, translated
from stagedoor.store.statements import Statement, point_only, reading
from stagedoor.store.store import ScanLimits, Transaction, run

T = TypeVar("T")
CONNECTION_SECONDS = 1.0
ATTEMPTS = 4


class Pool:
    """A bounded pool of connections. Every method but `open` may be called from any thread, and blocks it."""

    def __init__(self, conninfo: str, size: int, statements: Mapping[str, Statement], news: News, limits: ScanLimits) -> None:
        self._statements = statements
        self._points = point_only(statements)
        self._scanned = reading(statements)
        self._news = news
        self._limits = limits
        self._closing = threading.Event()
        # A lost connection is replaced when it is missed: a short `reconnect_timeout` keeps the pool from the long pauses
        # between its own attempts, which would go on after the server is back.
        self._pool: ConnectionPool[Connection] = ConnectionPool(
            conninfo,
            kwargs={"autocommit": True, "row_factory": dict_row},
            min_size=1,
            max_size=size,
            timeout=CONNECTION_SECONDS,
            reconnect_timeout=0.5,
            configure=set_up,
            open=False,
            name="stagedoor",
        )

    def open(self) -> None:
        self._pool.open()

    def close(self) -> None:
        self._closing.set()
        self._pool.close()

    def read(self, fn: Callable[[Transaction], T]) -> T:
        """`fn` over point statements, each a transaction of its own."""
        return self._again(lambda connection: self._read(connection, fn))

    def write(self, fn: Callable[[Transaction], T], then: list[Callback]) -> T:
        """`fn` in one transaction; what follows its commit is put into `then`."""
        return self._again(lambda connection: self._write(connection, fn, then))

    def scan(self, fn: Callable[[Transaction], T]) -> T:
        """`fn` in one read-only transaction on one snapshot."""
        return self._again(lambda connection: self._scan(connection, fn))

    def notify(self, channel: str, texts: list[str]) -> None:
        """Send all of them in one short transaction, which need not wait for the disk."""

        def send(tx: Transaction) -> None:
            tx.one("notify_lightly")
            tx.all("notify_all", channel=channel, texts=texts)

        self.write(send, [])

    def _again(self, attempt: Callable[[Connection], T]) -> T:
        """Up to four attempts, as long as each fails in a way that says: nothing was changed, try again."""
        for number in range(ATTEMPTS):
            try:
                with self._connection() as connection:
                    return attempt(connection)
            except _Again as again:
                if again.lost:  # the others of the pool are likely gone as well
                    self._pool.check()
                if number == ATTEMPTS - 1:
                    raise translated(again.cause, "(last attempt)") from None
                self._closing.wait(jitter(5 << number) / 1000)
        raise AssertionError("unreachable")

    @contextlib.contextmanager
    def _connection(self) -> Iterator[Connection]:
        try:
            connection = self._pool.getconn()
        except (PoolTimeout, PoolClosed):
            raise Unavailable("the database cannot be reached, or all connections are busy") from None
        try:
            yield connection
        finally:
            self._pool.putconn(connection)

    def _read(self, connection: Connection, fn: Callable[[Transaction], T]) -> T:
        tx = PostgresTransaction(connection, self._points)
        try:
            return run(fn, tx)
        except Exception:
            _raise_if_repeatable(connection, tx)
            raise

    def _write(self, connection: Connection, fn: Callable[[Transaction], T], then: list[Callback]) -> T:
        tx = PostgresTransaction(connection, self._statements, self._news)
        try:
            tx.control("BEGIN")
            result = run(fn, tx)
        except BaseException:
            _roll_back(connection)
            _raise_if_repeatable(connection, tx)
            raise
        _commit(connection)
        then.extend(tx.callbacks)
        return result

    def _scan(self, connection: Connection, fn: Callable[[Transaction], T]) -> T:
        tx = PostgresTransaction(connection, self._scanned, cap=self._limits.rows)
        try:
            tx.control("BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY")
            tx.control(f"SET LOCAL statement_timeout = {max(1, int(self._limits.seconds * 1000))}")
            return run(fn, tx)
        except Exception:
            _raise_if_repeatable(connection, tx)
            raise
        finally:
            _roll_back(connection)


class _Again(Exception):
    """Nothing was changed and the same call may do better."""

    def __init__(self, cause: Exception, lost: bool) -> None:
        super().__init__()
        self.cause = cause
        self.lost = lost


def _raise_if_repeatable(connection: Connection, tx: PostgresTransaction) -> None:
    """`_Again` for an error that says nothing against the call itself."""
    if tx.cause is not None and connection.closed:
        raise _Again(tx.cause, lost=True) from None
    if isinstance(tx.cause, errors.SerializationFailure | errors.DeadlockDetected):
        raise _Again(tx.cause, lost=False) from None


def _roll_back(connection: Connection) -> None:
    with contextlib.suppress(psycopg.Error):  # a lost connection has rolled back already, and the pool replaces it
        connection.execute("ROLLBACK")


def _commit(connection: Connection) -> None:
    """An error other than the server's own refusal leaves open whether the change was made: never repeated."""
    try:
        connection.execute("COMMIT")
    except (errors.SerializationFailure, errors.DeadlockDetected) as error:
        raise _Again(error, lost=False) from None
    except psycopg.Error as error:
        if connection.closed:
            raise Unavailable("the database was lost while it stored the change, which may or may not have been made") from None
        raise translated(error, "(commit)") from None
