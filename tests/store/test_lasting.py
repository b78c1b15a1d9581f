"""Rows that the writer of an SQLite file remembers: each change is seen at once, and nothing that was undone is."""

import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from stagedoor.store import Schema, Transaction
from stagedoor.store.sqlite import SqliteStore
from stagedoor.store.sqlite_memory import Memory
from stagedoor.store.sqlite_transaction import SqliteTransaction
from tests.store.conftest import Add

pytestmark = pytest.mark.anyio


@pytest.fixture
async def boxes(tmp_path: Path, boxes_schema: Schema, add: Add) -> SqliteStore:
    store = SqliteStore(tmp_path / "boxes.db", schema=boxes_schema)
    await store.open()
    await store.write(add("a", 1))
    return store


def number(tx: Transaction) -> int | None:
    row = tx.lasting("box_by_id", id="a")
    return row["number"] if row else None


def raised(tx: Transaction) -> None:
    assert number(tx) is not None
    tx.one("box_raise", id="a")


def elsewhere(path: Path) -> None:
    """Another process."""
    with closing(sqlite3.connect(path)) as other, other:
        other.execute("UPDATE box SET number = number + 1 WHERE id = 'a'")


async def test_it_is_read_once(boxes: SqliteStore, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[str] = []
    real = SqliteTransaction._rows

    def counted(self: SqliteTransaction, statement: Any, params: Any) -> Any:
        if statement.name.startswith("box_"):  # servers of other tests may run in this process
            asked.append(statement.name)
        return real(self, statement, params)

    monkeypatch.setattr(SqliteTransaction, "_rows", counted)
    assert [await boxes.write(number) for _ in range(3)] == [1, 1, 1]
    assert asked == ["box_by_id"]
    assert await boxes.write(lambda tx: tx.lasting("box_by_id", id="b")) is None


async def test_a_change_is_seen_in_the_same_transaction_and_in_the_next(boxes: SqliteStore, monkeypatch: pytest.MonkeyPatch) -> None:
    def both(tx: Transaction) -> tuple[int | None, int | None]:
        raised(tx)
        return number(tx), number(tx)

    assert await boxes.write(both) == (2, 2)
    assert await boxes.write(number) == 2
    await boxes.write(lambda tx: tx.do_each("box_add", [{"id": "b", "number": 0, "flag": None, "sealed": b""}]))
    await boxes.write(lambda tx: tx.do("box_delete", number=9))
    assert await boxes.write(number) is None
    await boxes.write(lambda tx: tx.do("box_add", id="a", number=5, flag=None, sealed=b""))
    assert await boxes.write(number) == 5
    monkeypatch.setattr(Memory, "changed", lambda *_: None)
    await boxes.write(raised)
    assert await boxes.write(number) == 5  # so it is this that forgets


async def test_what_was_undone_is_not_remembered(boxes: SqliteStore, monkeypatch: pytest.MonkeyPatch) -> None:
    def undone(tx: Transaction) -> None:
        raised(tx)
        number(tx)
        raise RuntimeError

    with pytest.raises(RuntimeError):
        await boxes.write(undone)
    assert await boxes.write(number) == 1
    monkeypatch.setattr(SqliteTransaction, "_changes", lambda self, statement: self._memory and self._memory.changed(statement.tables))
    with pytest.raises(RuntimeError):
        await boxes.write(undone)
    assert await boxes.write(number) == 2  # so it is what a transaction has changed that it leaves out


async def test_what_another_process_commits_is_seen(boxes: SqliteStore, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert await boxes.write(number) == 1
    elsewhere(tmp_path / "boxes.db")
    assert await boxes.write(number) == 2
    monkeypatch.setattr(Memory, "begin", lambda _: None)
    elsewhere(tmp_path / "boxes.db")
    assert await boxes.write(number) == 2  # so it is asked with each group


async def test_what_a_lost_group_has_read_is_forgotten(boxes: SqliteStore) -> None:
    """The group's COMMIT fails: nobody's change was made."""
    assert await boxes.write(number) == 1
    writer = boxes._writer
    assert writer is not None
    await boxes.write(raised)
    assert writer._memory.find("box_by_id", (("id", "a"),)) is None
    await boxes.write(number)
    assert writer._memory.find("box_by_id", (("id", "a"),)) is not None
    writer._undo()
    assert writer._memory.find("box_by_id", (("id", "a"),)) is None


async def test_names_of_parameters_tell_rows_apart(boxes: SqliteStore) -> None:
    memory = Memory(sqlite3.connect(":memory:"))
    statement = boxes._statements["box_by_id"]
    memory.put(statement, (("project_id", "x"), ("name", "y")), {"id": 1})
    assert memory.find("box_by_id", (("name", "x"), ("project_id", "y"))) is None


async def test_a_scan_and_a_read_remember_nothing(boxes: SqliteStore, tmp_path: Path) -> None:
    for expected in (1, 2):
        assert await boxes.scan(number) == await boxes.read(number) == expected
        elsewhere(tmp_path / "boxes.db")
