"""SQLite: one writer thread, point reads on the event loop, a few read-only threads for scans."""

import asyncio
import contextlib
import os
import queue
import sqlite3
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Literal, TypeVar

from stagedoor.kit.clock import Clock, SystemClock
from stagedoor.kit.errors import StagedoorError, Unavailable
from stagedoor.store.calls import Crew
from stagedoor.store.epoch import EpochBook
from stagedoor.store.migrate import migrate
from stagedoor.store.news import Listener, News
from stagedoor.store.scrub import scrub
from stagedoor.store.sqlite_transaction import SqliteTransaction, connect, translated
from stagedoor.store.sqlite_writer import Writer
from stagedoor.store.statements import Schema, load, point_only, reading
from stagedoor.store.store import ScanLimits, Transaction, run

T = TypeVar("T")
POLL_SECONDS = 0.2
WRITER_WAITS = 5.0
"""Seconds for another process's lock. The loop's own reader never waits long: in WAL mode readers are hardly ever locked out."""
READER_WAITS = 0.1
STEPS_BETWEEN_CHECKS = 2_000
"""Steps of SQLite's virtual machine between two looks at a scan's deadline."""


class SqliteStore:
    """A store in one file, made with mode 0600. Another process may write to the file too: its epochs are seen within
    200 ms, its notices are not."""

    def __init__(
        self,
        path: Path | str,
        clock: Clock | None = None,
        *,
        synchronous: Literal["FULL", "NORMAL"] = "FULL",
        schema: Schema | None = None,
        limits: ScanLimits | None = None,
    ) -> None:
        """`synchronous`: FULL keeps every acknowledged write through a power cut. NORMAL does not, and is there to prove it."""
        if synchronous not in ("FULL", "NORMAL"):
            raise ValueError("synchronous is FULL or NORMAL")
        self._path = Path(path)
        self._clock = clock or SystemClock()
        self._synchronous = synchronous
        self._schema = schema or Schema()
        self._limits = limits or ScanLimits()
        self._news = News(EpochBook(self._clock))
        self._statements = load(self._schema, "sqlite")
        self._scanned = reading(self._statements)
        self._opened = contextlib.AsyncExitStack()
        self._writer: Writer | None = None

    async def open(self) -> None:
        _make_private(self._path)
        self._migrate()
        async with contextlib.AsyncExitStack() as opened:
            reader = connect(self._path, writing=False, busy_seconds=READER_WAITS)
            opened.callback(reader.close)
            self._reader = SqliteTransaction(reader, point_only(self._statements))
            self._idle: queue.SimpleQueue[sqlite3.Connection] = queue.SimpleQueue()
            for _ in range(self._limits.threads):
                scanner = connect(self._path, writing=False, busy_seconds=WRITER_WAITS)
                opened.callback(scanner.close)
                self._idle.put(scanner)
            patience = self._limits.seconds * 3
            self._crew = Crew("stagedoor-scan", size=self._limits.threads, waiting=self._limits.waiting, patience=patience)
            opened.push_async_callback(self._crew.close)
            self._writer = Writer(self._connect_writer, self._statements, self._news)
            opened.push_async_callback(self._writer.close)
            self._read_epochs(reader)
            self._poller = asyncio.create_task(self._poll(reader))
            opened.callback(self._poller.cancel)
            self._opened = opened.pop_all()

    async def close(self) -> None:
        await self._opened.aclose()
        self._writer = None

    async def read(self, fn: Callable[[Transaction], T]) -> T:
        if self._writer is None:
            raise Unavailable("the store is closed")
        self._reader.failed = False
        return run(fn, self._reader)

    async def write(self, fn: Callable[[Transaction], T]) -> T:
        if self._writer is None:
            raise Unavailable("the store is closed")
        return await self._writer.write(fn)

    async def scan(self, fn: Callable[[Transaction], T]) -> T:
        return await self._crew.run(lambda then: self._scan(fn))

    async def scrub(self, table: str, needles: Sequence[bytes]) -> bool:
        return await asyncio.to_thread(scrub, self._path, needles, self._clock)

    def epoch(self, project_id: str) -> int:
        return self._news.book.number(project_id)

    def epochs(self, *names: str) -> tuple[int, ...]:
        return self._news.book.numbers(*names)

    async def fresh_epoch(self, project_id: str) -> int:
        return self._news.book.number(project_id)

    def listen(self, callback: Listener) -> Callable[[], None]:
        return self._news.listen(callback)

    def _connect_writer(self) -> sqlite3.Connection:
        connection = connect(self._path, writing=True, busy_seconds=WRITER_WAITS)
        connection.execute("PRAGMA journal_mode = WAL")
        connection.execute(f"PRAGMA synchronous = {self._synchronous}")
        connection.execute("PRAGMA journal_size_limit = 67108864")
        return connection

    def _migrate(self) -> None:
        try:
            with contextlib.closing(self._connect_writer()) as connection:
                connection.execute("BEGIN IMMEDIATE")
                tx = SqliteTransaction(connection, self._statements, self._news)
                migrate(tx, connection.execute, self._schema, "sqlite", self._clock.now())
                connection.execute("COMMIT")
        except sqlite3.Error as error:
            raise translated(error, "(migration)") from None

    def _scan(self, fn: Callable[[Transaction], T]) -> T:
        connection = self._idle.get()
        deadline = self._clock.monotonic() + self._limits.seconds
        try:
            connection.set_progress_handler(lambda: self._clock.monotonic() > deadline, STEPS_BETWEEN_CHECKS)
            connection.execute("BEGIN")
            return run(fn, SqliteTransaction(connection, self._scanned, cap=self._limits.rows))
        finally:
            connection.set_progress_handler(None, 0)
            if connection.in_transaction:
                connection.execute("ROLLBACK")
            self._idle.put(connection)

    async def _poll(self, reader: sqlite3.Connection) -> None:
        """See what other processes raised. `data_version` tells whether anyone but this connection has written at all."""
        seen = None
        while True:
            await asyncio.sleep(POLL_SECONDS)
            with contextlib.suppress(StagedoorError, sqlite3.Error):
                version = reader.execute("PRAGMA data_version").fetchone()
                if version != seen:
                    self._read_epochs(reader)
                    seen = version

    def _read_epochs(self, reader: sqlite3.Connection) -> None:
        sent = self._clock.monotonic()
        rows = SqliteTransaction(reader, self._scanned).all("epoch_all")
        self._news.book.read_all(((row["project_id"], row["number"]) for row in rows), sent)


def _make_private(path: Path) -> None:
    """The file is there and nobody else's to read; its folder's entry is on the disk. A file that exists is not opened here:
    closing it again would drop the locks that SQLite holds for a connection of this process."""
    try:
        with contextlib.suppress(FileExistsError):
            os.close(os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600))
        path.chmod(0o600)
        folder = os.open(path.parent, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        os.fsync(folder)
        os.close(folder)
    except OSError as error:
        raise Unavailable(f"the database file {path} cannot be made: {error.strerror}") from None
