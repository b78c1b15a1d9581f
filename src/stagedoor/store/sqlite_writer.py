"""The one thread that writes to an SQLite file: it groups the writes that wait into one commit, a SAVEPOINT for each."""

import asyncio
import contextlib
import logging
import queue
import sqlite3
import threading
from collections.abc import Callable, Mapping
from typing import TypeVar

from stagedoor.kit.errors import StagedoorError, Unavailable
from stagedoor.store.calls import Call, release
from stagedoor.store.news import News
from stagedoor.store.sqlite_memory import Memory
from stagedoor.store.sqlite_transaction import SqliteTransaction, translated
from stagedoor.store.statements import Statement
from stagedoor.store.store import Transaction, run

T = TypeVar("T")
log = logging.getLogger(__name__)

GROUP = 256
"""The most writes in one commit."""
WAITING = 10_000
"""The most writes that may wait; beyond, a write is refused at once."""


class Writer:
    """Callers are released after COMMIT. A COMMIT that fails undoes its whole group; the next group starts anew."""

    def __init__(self, connect: Callable[[], sqlite3.Connection], statements: Mapping[str, Statement], news: News) -> None:
        self._connect = connect
        self._statements = statements
        self._news = news
        self._connection: sqlite3.Connection | None = connect()
        self._memory = Memory(self._connection)
        self._loop = asyncio.get_running_loop()
        self._queue: queue.SimpleQueue[Call | None] = queue.SimpleQueue()
        self._closed = False
        self._well = True
        self._thread = threading.Thread(target=self._serve, name="stagedoor-writer", daemon=True)
        self._thread.start()

    async def write(self, fn: Callable[[Transaction], T]) -> T:
        """`fn`'s result once durable."""
        if self._closed:
            raise Unavailable("the store is closed")
        if self._queue.qsize() >= WAITING:
            raise Unavailable("too many writes are waiting")
        call = Call(fn, self._loop.create_future())
        self._queue.put(call)
        result: T = await call.future
        return result

    async def close(self) -> None:
        """After the writes that wait now."""
        self._closed = True
        self._queue.put(None)
        await asyncio.to_thread(self._thread.join)

    def _serve(self) -> None:
        going = True
        while going:
            group = self._next_group()
            going = group[-1] is not None
            calls = [call for call in group if call is not None]
            if calls:
                self._commit(calls)
                self._loop.call_soon_threadsafe(release, calls)
        self._drop()

    def _next_group(self) -> list[Call | None]:
        """Whatever waits, at least one. None is the last there will ever be."""
        group = [self._queue.get()]
        with contextlib.suppress(queue.Empty):
            while group[-1] is not None and len(group) < GROUP:
                group.append(self._queue.get_nowait())
        return group

    def _commit(self, calls: list[Call]) -> None:
        """One transaction for all. If it fails none has an outcome of its own: even a refusal may rest on a neighbour's write."""
        try:
            if self._connection is None:
                self._connection = self._connect()
                self._memory = Memory(self._connection)
            self._connection.execute("BEGIN IMMEDIATE")
            self._memory.begin()
            for call in calls:
                self._apply(self._connection, call)
            self._connection.execute("COMMIT")
        except Exception as error:
            self._refuse(calls, error if isinstance(error, StagedoorError) else translated(error, "(commit)"))
        else:
            self._well = True

    def _refuse(self, calls: list[Call], failure: Exception) -> None:
        if self._well:  # said once, not with every group until the disk has room again
            log.error("a group of %d writes was undone: %s %s", len(calls), failure, getattr(failure, "__notes__", ""))
        self._well = False
        self._undo()
        message = failure.message if isinstance(failure, Unavailable) else "the change could not be stored"
        for call in calls:
            call.fail(Unavailable(message))

    def _apply(self, connection: sqlite3.Connection, call: Call) -> None:
        if call.future.cancelled():  # nobody waits for it, and it has not begun
            return
        connection.execute("SAVEPOINT one")
        tx = SqliteTransaction(connection, self._statements, self._news, memory=self._memory)
        try:
            call.result = run(call.work, tx)
            call.then = tx.callbacks
        except BaseException as error:
            if not connection.in_transaction:  # SQLite has undone the whole group: a full disk, an I/O error
                raise Unavailable(error.message if isinstance(error, Unavailable) else "") from None
            connection.execute("ROLLBACK TO one")
            call.fail(error)
        connection.execute("RELEASE one")

    def _undo(self) -> None:
        self._memory.clear()
        try:
            if self._connection is not None and self._connection.in_transaction:
                self._connection.execute("ROLLBACK")
        except sqlite3.Error:
            self._drop()

    def _drop(self) -> None:
        """Give the connection up; the next group opens another."""
        if self._connection is not None:
            with contextlib.suppress(sqlite3.Error):
                self._connection.close()
        self._connection = None
