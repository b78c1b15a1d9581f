"""PostgreSQL: a bounded pool of connections, each call in a thread; any number of nodes share one database."""

import asyncio
import contextlib
from collections.abc import Callable, Sequence
from typing import TypeVar

import psycopg
import psycopg.sql
from psycopg.rows import dict_row

from stagedoor.kit.clock import Clock, SystemClock
from stagedoor.kit.errors import Unavailable
from stagedoor.kit.ids import new_id
from stagedoor.store.calls import Crew
from stagedoor.store.epoch import VALID_FOR, EpochBook
from stagedoor.store.migrate import migrate
from stagedoor.store.news import Listener, News
from stagedoor.store.postgres_pool import Pool
from stagedoor.store.postgres_transaction import PostgresTransaction, translated, with_options
from stagedoor.store.postgres_watch import CHANNEL, Watch, packed
from stagedoor.store.statements import Schema, load
from stagedoor.store.store import ScanLimits, Transaction

T = TypeVar("T")
WAITING = 2_000
"""The most reads and writes that are under way or wait for a connection."""
PATIENCE = 15.0
"""Seconds after which a caller is told that the database does not answer, whatever its connection does."""
MIGRATION_LOCK = 7_310_061_502
"""The key of an advisory lock, a number nobody else locks: one node at a time brings the schema up."""


class PostgresStore:
    """A store on a PostgreSQL server. Each node watches the others: their epochs and notices arrive within 200 ms."""

    def __init__(
        self,
        url: str,
        clock: Clock | None = None,
        *,
        connections: int = 10,
        schema: Schema | None = None,
        limits: ScanLimits | None = None,
    ) -> None:
        """`url`: in libpq's form. `connections`: for reads and writes; scans have `limits.threads` more, the watch has one."""
        self._conninfo = with_options(url)
        self._clock = clock or SystemClock()
        self._connections = connections
        self._schema = schema or Schema()
        self._limits = limits or ScanLimits()
        self._node = new_id()
        self._outbox: dict[str, None] = {}
        self._sending: asyncio.Task[None] | None = None
        self._news = News(EpochBook(self._clock, VALID_FOR), self._send)
        self._statements = load(self._schema, "postgres")
        self._opened = contextlib.AsyncExitStack()

    async def open(self) -> None:
        await asyncio.to_thread(self._migrate)
        limits = self._limits
        async with contextlib.AsyncExitStack() as opened:
            self._pool = Pool(self._conninfo, self._connections + limits.threads, self._statements, self._news, limits)
            self._pool.open()
            opened.push_async_callback(asyncio.to_thread, self._pool.close)
            self._crew = Crew("stagedoor-db", size=self._connections, waiting=WAITING, patience=PATIENCE)
            opened.push_async_callback(self._crew.close)
            self._scanners = Crew("stagedoor-scan", size=limits.threads, waiting=limits.waiting, patience=limits.seconds * 3)
            opened.push_async_callback(self._scanners.close)
            await self._read_epochs()
            watch = Watch(self._conninfo, self._node, self._statements["epoch_all"], self._news, self._clock)
            opened.push_async_callback(watch.close)
            opened.push_async_callback(self._sent)
            self._opened = opened.pop_all()

    async def close(self) -> None:
        await self._opened.aclose()

    async def read(self, fn: Callable[[Transaction], T]) -> T:
        return await self._crew.run(lambda then: self._pool.read(fn))

    async def write(self, fn: Callable[[Transaction], T]) -> T:
        return await self._crew.run(lambda then: self._pool.write(fn, then))

    async def scan(self, fn: Callable[[Transaction], T]) -> T:
        return await self._scanners.run(lambda then: self._pool.scan(fn))

    async def scrub(self, table: str, needles: Sequence[bytes]) -> bool:
        await asyncio.to_thread(self._vacuum, table)
        return True

    def epoch(self, project_id: str) -> int:
        return self._news.book.number(project_id)

    def epochs(self, *names: str) -> tuple[int, ...]:
        return self._news.book.numbers(*names)

    async def fresh_epoch(self, project_id: str) -> int:
        if self._news.book.valid():
            return self._news.book.number(project_id)
        row = await self.read(lambda tx: tx.one("epoch_of", project_id=project_id))
        number: int = row["number"] if row else 0
        self._news.book.saw(project_id, number)
        return number

    def listen(self, callback: Listener) -> Callable[[], None]:
        return self._news.listen(callback)

    def _migrate(self) -> None:
        try:
            with psycopg.connect(self._conninfo, row_factory=dict_row) as connection:
                connection.execute("SELECT pg_advisory_xact_lock(%s)", [MIGRATION_LOCK])
                tx = PostgresTransaction(connection, self._statements, self._news)
                migrate(tx, lambda sql: connection.execute(sql.encode()), self._schema, "postgres", self._clock.now())
        except psycopg.OperationalError as error:  # libpq's own words say which of host, user and database is at fault
            raise Unavailable(f"the database cannot be opened: {str(error).strip()}") from None
        except psycopg.Error as error:
            raise translated(error, "(migration)") from None

    def _vacuum(self, table: str) -> None:
        """The table in a new file: no transaction that began before sees the deleted rows then, and none is left in it."""
        try:
            with psycopg.connect(self._conninfo, autocommit=True) as connection:
                connection.execute(psycopg.sql.SQL("VACUUM FULL {}").format(psycopg.sql.Identifier(table)))
        except psycopg.Error as error:
            raise translated(error, "(vacuum)") from None

    async def _read_epochs(self) -> None:
        sent = self._clock.monotonic()
        rows = await self.scan(lambda tx: tx.all("epoch_all"))
        self._news.book.read_all(((row["project_id"], row["number"]) for row in rows), sent)

    # Notices to other nodes go out after the commit, many at a time: a NOTIFY inside a transaction takes a lock of the whole
    # server through its commit, and writes would queue up behind each other's disk flush.

    def _send(self, topic: str, payload: str, number: int) -> None:
        self._outbox[packed(self._node, topic, payload, number)] = None
        if self._sending is None or self._sending.done():
            self._sending = asyncio.create_task(self._deliver())

    async def _deliver(self) -> None:
        while self._outbox:
            texts, self._outbox = list(self._outbox), {}
            with contextlib.suppress(Unavailable):  # a hint, no more: nodes poll
                await self._pass_on(texts)

    async def _pass_on(self, texts: list[str]) -> None:
        await self._crew.run(lambda then: self._pool.notify(CHANNEL, texts))

    async def _sent(self) -> None:
        if self._sending is not None:
            await self._sending
