"""SQLite alone: grouped commits, what a full disk does, and the file itself."""

import asyncio
import resource
import sqlite3
import threading
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from stagedoor.kit.errors import Conflict, Unavailable
from stagedoor.store import Schema, Transaction, sqlite, sqlite_transaction, sqlite_writer
from stagedoor.store.sqlite import SqliteStore
from tests.store.conftest import Add

pytestmark = pytest.mark.anyio


@pytest.fixture
def writers(monkeypatch: pytest.MonkeyPatch) -> list[sqlite3.Connection]:
    """Every connection for writing that a store opens, the newest last."""
    seen: list[sqlite3.Connection] = []
    connect = sqlite_transaction.connect

    def remembering(path: Path, *, writing: bool, busy_seconds: float) -> sqlite3.Connection:
        connection = connect(path, writing=writing, busy_seconds=busy_seconds)
        if writing:
            seen.append(connection)
        return connection

    monkeypatch.setattr(sqlite, "connect", remembering)
    return seen


@pytest.fixture
async def boxes(tmp_path: Path, boxes_schema: Schema, writers: list[sqlite3.Connection]) -> SqliteStore:
    store = SqliteStore(tmp_path / "boxes.db", schema=boxes_schema)
    await store.open()
    return store


async def kept(store: SqliteStore) -> set[str]:
    return {row["id"] for row in await store.scan(lambda tx: tx.all("boxes", id=None))}


@asynccontextmanager
async def held(store: SqliteStore) -> AsyncIterator[None]:
    """While this lasts the writer is busy with one write, so that others gather behind it."""
    begun, go_on = threading.Event(), threading.Event()

    def hold(tx: Transaction) -> None:
        begun.set()
        go_on.wait(5)

    call = asyncio.ensure_future(store.write(hold))
    await asyncio.to_thread(begun.wait, 5)
    yield
    await asyncio.sleep(0.05)
    go_on.set()
    await call


async def test_concurrent_writes_share_commits(boxes: SqliteStore, writers: list[sqlite3.Connection], add: Add) -> None:
    statements: list[str] = []
    writers[-1].set_trace_callback(statements.append)

    async def caller(name: str) -> None:
        for number in range(10):
            await boxes.write(add(f"{name}-{number}"))

    await asyncio.gather(*(caller(f"c{number}") for number in range(32)))
    assert len(await kept(boxes)) == 320
    assert 1 <= statements.count("COMMIT") <= 80
    assert statements.count("SAVEPOINT one") == 320
    await boxes.close()


async def test_one_write_that_fails_undoes_no_other_of_its_group(boxes: SqliteStore, writers: list[sqlite3.Connection], add: Add) -> None:
    def half_done(tx: Transaction) -> None:
        add("half")(tx)
        raise ValueError("no")

    statements: list[str] = []
    async with held(boxes):
        calls = [asyncio.ensure_future(boxes.write(each)) for each in (add("a"), half_done, add("b"), add("a"), add("c"))]
        writers[-1].set_trace_callback(statements.append)
    outcomes = await asyncio.gather(*calls, return_exceptions=True)
    assert [type(outcome) for outcome in outcomes] == [int, ValueError, int, Conflict, int]
    assert await kept(boxes) == {"a", "b", "c"}
    assert statements.count("COMMIT") == 2  # the one that was held, and the five together
    await boxes.close()


async def test_a_full_disk_refuses_the_group_and_heals(boxes: SqliteStore, add: Add, tmp_path: Path) -> None:
    """The limit makes each write past a file's present size fail, as a full disk does, at COMMIT."""
    await boxes.write(add("before"))
    heard: list[str] = []
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, ((tmp_path / "boxes.db-wal").stat().st_size, hard))
    try:
        async with held(boxes):
            # The last is a conflict, with a row that will not be there.
            changes = (add("a"), add("b"), lambda tx: tx.after_commit(lambda: heard.append("told")), add("a"))
            calls = [asyncio.ensure_future(boxes.write(change)) for change in changes]
        outcomes = await asyncio.gather(*calls, return_exceptions=True)
        assert [type(outcome) for outcome in outcomes] == [Unavailable] * 4
        assert await boxes.read(lambda tx: tx.one("box_by_id", id="before"))
        assert await kept(boxes) == {"before"}
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    await boxes.write(add("after"))
    assert await kept(boxes) == {"before", "after"}
    assert heard == []
    await boxes.close()


async def test_answers_and_rows_agree_when_the_disk_fills_within_a_group(
    boxes: SqliteStore, writers: list[sqlite3.Connection], add: Add
) -> None:
    pages = writers[-1].execute("PRAGMA page_count").fetchone()[0]
    writers[-1].execute(f"PRAGMA max_page_count = {pages + 1}")
    async with held(boxes):
        calls = [asyncio.ensure_future(boxes.write(each)) for each in (add("a"), add("b", sealed=bytes(100_000)), add("c"))]
    outcomes = await asyncio.gather(*calls, return_exceptions=True)
    assert await kept(boxes) == {name for name, outcome in zip("abc", outcomes, strict=True) if outcome == 1}
    assert isinstance(outcomes[1], Unavailable)
    assert "full" in str(outcomes[1])
    writers[-1].execute("PRAGMA max_page_count = 1000000")
    await boxes.write(add("d", sealed=bytes(100_000)))
    assert "d" in await kept(boxes)
    await boxes.close()


async def test_a_connection_that_is_lost_is_replaced(boxes: SqliteStore, writers: list[sqlite3.Connection], add: Add) -> None:
    writers[-1].close()
    with pytest.raises(Unavailable):
        await boxes.write(add("a"))
    await boxes.write(add("b"))
    assert await kept(boxes) == {"b"}
    await boxes.close()


async def test_another_process_that_holds_the_file_is_waited_for_then_unavailable(
    boxes: SqliteStore, writers: list[sqlite3.Connection], add: Add, tmp_path: Path
) -> None:
    writers[-1].execute("PRAGMA busy_timeout = 200")
    other = sqlite3.connect(tmp_path / "boxes.db", isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    with pytest.raises(Unavailable, match="locked"):
        await boxes.write(add("a"))
    call = asyncio.ensure_future(boxes.write(add("b")))
    await asyncio.sleep(0.05)
    other.execute("COMMIT")
    assert await call == 1
    other.close()
    await boxes.close()


async def test_too_many_waiting_writes_are_refused_at_once(boxes: SqliteStore, add: Add, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sqlite_writer, "WAITING", 3)
    async with held(boxes):
        await asyncio.sleep(0.05)
        calls = [asyncio.ensure_future(boxes.write(add(f"b{number}"))) for number in range(5)]
    outcomes = await asyncio.gather(*calls, return_exceptions=True)
    assert [type(outcome) for outcome in outcomes] == [int, int, int, Unavailable, Unavailable]
    await boxes.close()


@pytest.mark.parametrize(("synchronous", "number"), [("FULL", 2), ("NORMAL", 1)])
async def test_the_file_is_private_and_synced_as_asked(
    tmp_path: Path, boxes_schema: Schema, writers: list[sqlite3.Connection], add: Add, synchronous: str, number: int
) -> None:
    path = tmp_path / "a file?with#marks.db"
    store = SqliteStore(path, schema=boxes_schema, synchronous=synchronous)  # type: ignore[arg-type]
    await store.open()
    await store.write(add("a"))
    assert writers[-1].execute("PRAGMA synchronous").fetchone() == (number,)
    assert writers[-1].execute("PRAGMA journal_mode").fetchone() == ("wal",)
    assert writers[-1].execute("PRAGMA foreign_keys").fetchone() == (1,)
    assert sorted(file.stat().st_mode & 0o777 for file in tmp_path.iterdir()) == [0o600] * 3
    await store.close()


async def test_full_is_what_one_gets_unasked(boxes: SqliteStore, writers: list[sqlite3.Connection]) -> None:
    assert writers[-1].execute("PRAGMA synchronous").fetchone() == (2,)
    await boxes.close()


async def test_a_file_that_cannot_be_made_or_read_is_unavailable(tmp_path: Path, boxes_schema: Schema) -> None:
    with pytest.raises(Unavailable, match="cannot be made"):
        await SqliteStore(tmp_path / "no such folder" / "boxes.db", schema=boxes_schema).open()
    (tmp_path / "other.db").write_bytes(b"this is no database" * 1000)
    with pytest.raises(Unavailable, match="damaged"):
        await SqliteStore(tmp_path / "other.db", schema=boxes_schema).open()
