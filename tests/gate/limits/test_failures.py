"""Failed attempts in the audit: one row an address and minute, few rows whatever happens, nothing lost while the store is away."""

import asyncio
import json
import logging
import sqlite3
from contextlib import closing
from typing import Any

import pytest

from stagedoor.core.audit import MINUTE, Audit
from stagedoor.gate import failures as module
from stagedoor.gate.failures import Failures, recorded
from stagedoor.kit.clock import ManualClock
from stagedoor.kit.crypto import Key
from stagedoor.kit.ids import new_id
from stagedoor.store import Store
from tests.conftest import NewStore

pytestmark = [pytest.mark.anyio, pytest.mark.promise(11)]
START = 1_700_000_040_000 // MINUTE * MINUTE
KEY = Key(bytes(32))
ASKED = "SELECT audit_id, project_id, at, actor, credential, action, target, outcome, detail, count, mac FROM audit ORDER BY at, target"


def node(store: Store, clock: ManualClock) -> Failures:
    return Failures(store, Audit(lambda tx: KEY, clock, new_id), clock, "default")


def rows(database: str) -> list[tuple[Any, ...]]:
    if database.startswith("/"):
        with closing(sqlite3.connect(f"file:{database}?mode=ro", uri=True)) as db:
            return db.execute(ASKED).fetchall()
    import psycopg

    with psycopg.connect(database) as connection:
        return connection.execute(ASKED).fetchall()


def counts(database: str) -> list[tuple[int, str, int]]:
    return [(row[2], row[6], row[9]) for row in rows(database)]


async def test_an_address_is_one_row_a_minute_once_the_minute_is_over(store: Store, database: str) -> None:
    clock = ManualClock(START)
    failures = node(store, clock)
    for _ in range(500):
        failures.count("192.0.2.1")
    failures.count("2001:db8::1")
    failures.count("2001:db8::2")
    await failures.flush()
    assert rows(database) == []
    clock.advance(MINUTE)
    failures.count("192.0.2.1")
    await failures.flush()
    await failures.flush()
    assert counts(database) == [(START, "192.0.2.1", 500), (START, "2001:db8::/64", 2)]
    await failures.flush(unfinished=True)
    assert counts(database)[2:] == [(START + MINUTE, "192.0.2.1", 1)]


async def test_several_nodes_share_the_row_and_its_mac_is_right(store: Store, database: str) -> None:
    clock = ManualClock(START)
    for times in (3, 4):
        failures = node(store, clock)
        for _ in range(times):
            failures.count("192.0.2.1")
        await failures.flush(unfinished=True)
    (row,) = rows(database)
    assert row[1:10] == ("default", START, "", None, "authenticate", "192.0.2.1", "refused", "", 7)
    assert row[10] == KEY.mac(json.dumps(row[:10]).encode())


@pytest.mark.promise(12)
async def test_a_million_addresses_are_a_hundred_rows_and_one(store: Store, database: str, monkeypatch: pytest.MonkeyPatch) -> None:
    async def written() -> list[int]:
        failures = node(store, ManualClock(START))
        for number in range(2000):
            failures.count(f"10.0.{number >> 8}.{number & 255}")
        failures.count("10.0.0.1")
        await failures.flush(unfinished=True)
        return [count for _, _, count in counts(database)]

    assert sorted(await written()) == [1] * 99 + [2, 1900]
    assert counts(database)[-1] == (START, "others", 1900)
    monkeypatch.setattr(module, "LISTED", 10**9)
    assert len(await written()) == 2001, "without the bound every address is a row"


@pytest.mark.promise(13)
async def test_what_a_store_refuses_is_kept_and_written_later(new_store: NewStore, database: str, caplog: pytest.LogCaptureFixture) -> None:
    clock, store = ManualClock(START), new_store()
    await store.open()
    failures = node(store, clock)
    failures.count("192.0.2.1")
    clock.advance(MINUTE)
    await store.close()
    with caplog.at_level(logging.WARNING):
        await failures.flush()
    assert [record.getMessage() for record in caplog.records if record.name == "stagedoor.gate"] == [
        "1 failed attempts could not be written to the audit"
    ]
    failures.count("192.0.2.1")
    failures.store = new_store()
    await failures.store.open()
    await failures.flush(unfinished=True)
    assert counts(database) == [(START, "192.0.2.1", 1), (START + MINUTE, "192.0.2.1", 1)]


@pytest.mark.promise(13)
async def test_a_store_that_stays_away_does_not_make_the_counts_grow(new_store: NewStore) -> None:
    clock, store = ManualClock(START), new_store()
    await store.open()
    await store.close()
    failures = node(store, clock)
    for _ in range(80):
        failures.count("192.0.2.1")
        clock.advance(MINUTE)
        await failures.flush()
    assert len(failures._minutes) == module.KEPT_MINUTES - 1


async def test_what_is_left_is_written_when_the_server_stops(store: Store, database: str) -> None:
    failures = node(store, ManualClock(START))
    async with recorded(failures):
        failures.count("192.0.2.1")
    assert counts(database) == [(START, "192.0.2.1", 1)]


async def test_minutes_are_written_by_themselves(store: Store, database: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "LOOK_SECONDS", 0.01)
    clock = ManualClock(START)
    failures = node(store, clock)
    async with recorded(failures):
        failures.count("192.0.2.1")
        clock.advance(MINUTE)
        for _ in range(3_000):
            if rows(database):
                break
            await asyncio.sleep(0.02)
        assert counts(database) == [(START, "192.0.2.1", 1)]
