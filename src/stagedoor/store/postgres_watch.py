"""What other nodes do: one connection that listens for notices and reads all epochs five times a second."""

import asyncio
import contextlib
import json
import logging

import psycopg

from stagedoor.kit.clock import Clock
from stagedoor.store.news import News
from stagedoor.store.statements import Statement

CHANNEL = "stagedoor"
POLL_SECONDS = 0.2
ANSWER_SECONDS = 2.0
log = logging.getLogger(__name__)


def packed(node: str, topic: str, payload: str, number: int) -> str:
    """The text of a NOTIFY: who says it, a topic ("" for an epoch), a payload (the project), the epoch's number."""
    return json.dumps([node, topic, payload, number], ensure_ascii=False, separators=(",", ":"))


class Watch:
    """Runs on the event loop until closed; after any error it connects again. Polling is what counts, notices only hasten."""

    def __init__(self, conninfo: str, node: str, epoch_all: Statement, news: News, clock: Clock) -> None:
        self._conninfo = conninfo
        self._node = node
        self._epoch_all = epoch_all.sql.encode()
        self._news = news
        self._clock = clock
        self._closing = False
        self._task = asyncio.create_task(self._run())

    async def close(self) -> None:
        self._closing = True  # on Python 3.11 `asyncio.wait_for`, which psycopg uses, may swallow a cancellation
        self._task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await self._task

    async def _run(self) -> None:
        well = True
        while not self._closing:
            try:
                async with await psycopg.AsyncConnection.connect(self._conninfo, autocommit=True) as connection:
                    await connection.execute(b"LISTEN " + CHANNEL.encode())
                    while not self._closing:
                        async with asyncio.timeout(ANSWER_SECONDS):
                            await self._read_epochs(connection)
                        well = True
                        async for notify in connection.notifies(timeout=POLL_SECONDS):
                            self._hear(notify.payload)
            except Exception as error:  # whatever it was, other nodes' changes are not seen until this goes on
                if well:
                    log.warning("the database is out of reach, other nodes' changes are not seen: %s", type(error).__name__)
                well = False
                await asyncio.sleep(POLL_SECONDS)

    async def _read_epochs(self, connection: psycopg.AsyncConnection[tuple[str, int]]) -> None:
        sent = self._clock.monotonic()
        cursor = await connection.execute(self._epoch_all)
        self._news.book.read_all(await cursor.fetchall(), sent)

    def _hear(self, text: str) -> None:
        with contextlib.suppress(ValueError, TypeError):  # someone else's words on our channel
            node, topic, payload, number = json.loads(text)
            if node == self._node:  # told already, when its transaction was durable
                return
            if topic:
                self._news.hear(topic, payload)
            else:
                self._news.book.saw(payload, number)
