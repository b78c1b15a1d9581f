"""PostgreSQL alone: lost connections, deadlocks, limits, and nodes that hear of each other."""

import asyncio
import threading
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager

import psycopg
import pytest

from stagedoor.kit.clock import ManualClock
from stagedoor.kit.errors import BadInput, Unavailable
from stagedoor.store import Schema, Transaction, postgres, postgres_pool, postgres_transaction, postgres_watch
from stagedoor.store.postgres import PostgresStore
from tests.store.conftest import Add
from tests.support.postgres import Cluster, database, private_cluster

pytestmark = [pytest.mark.anyio, pytest.mark.postgres]


@pytest.fixture
def url(postgres_server: str) -> Iterator[str]:
    with database(postgres_server) as url:
        yield url


@pytest.fixture(scope="module")
def cluster() -> Iterator[Cluster]:
    """A server of its own, to be stopped and started."""
    with private_cluster() as cluster:
        yield cluster


@asynccontextmanager
async def opened(store: PostgresStore) -> AsyncIterator[PostgresStore]:
    await store.open()
    try:
        yield store
    finally:
        await store.close()


async def becomes(condition: object, seconds: float = 5.0) -> bool:
    """Whether `condition()` is true within that time."""
    assert callable(condition)
    for _ in range(int(seconds / 0.01)):
        if condition():
            return True
        await asyncio.sleep(0.01)
    return False


async def test_a_lost_server_is_unavailable_and_heals(cluster: Cluster, boxes_schema: Schema, add: Add) -> None:
    with database(cluster.url()) as url:
        clock = ManualClock()
        async with opened(PostgresStore(url, clock, schema=boxes_schema)) as store:
            await asyncio.gather(*(store.write(add(f"a{number}")) for number in range(10)))
            await store.write(lambda tx: tx.raise_epoch("p"))
            cluster.stop()
            await asyncio.sleep(0.5)
            assert store.epoch("p") == 1
            clock.advance(801)
            with pytest.raises(Unavailable):
                store.epoch("p")
            for call in (store.write(add("b")), store.read(lambda tx: tx.one("box_by_id", id="a1")), store.fresh_epoch("p")):
                with pytest.raises(Unavailable):
                    await asyncio.wait_for(call, 8)
            cluster.start()
            started = asyncio.get_running_loop().time()
            while True:
                try:
                    await store.write(add("c"))
                    break
                except Unavailable:
                    assert asyncio.get_running_loop().time() - started < 5
            rows = await store.scan(lambda tx: tx.all("boxes", id=None))
            assert [row["id"] for row in rows] == [f"a{number}" for number in range(10)] + ["c"]
            assert await becomes(lambda: store._news.book.valid())
            assert store.epoch("p") == 1


async def test_a_restart_between_two_calls_goes_unnoticed(cluster: Cluster, boxes_schema: Schema, add: Add) -> None:
    with database(cluster.url()) as url:
        async with opened(PostgresStore(url, schema=boxes_schema)) as store:
            await asyncio.gather(*(store.write(add(f"a{number}")) for number in range(20)))
            cluster.stop()
            cluster.start()
            assert await asyncio.gather(*(store.write(add(f"b{number}")) for number in range(20))) == [1] * 20
            assert await store.read(lambda tx: tx.one("box_by_id", id="b1"))


async def test_a_connection_lost_within_a_transaction_repeats_it(url: str, boxes_schema: Schema, add: Add) -> None:
    tries: list[int] = []

    def change(tx: Transaction) -> int:
        tries.append(tx._connection.info.backend_pid)  # type: ignore[attr-defined]
        if len(tries) == 1:
            with psycopg.connect(url) as other:
                other.execute("SELECT pg_terminate_backend(%s)", [tries[0]])
        return add("a")(tx)

    async with opened(PostgresStore(url, schema=boxes_schema)) as store:
        assert await store.write(change) == 1
        assert len(tries) == 2
        assert await store.read(lambda tx: tx.one("box_by_id", id="a"))


async def test_a_connection_lost_in_commit_is_not_repeated(
    url: str, boxes_schema: Schema, add: Add, monkeypatch: pytest.MonkeyPatch
) -> None:
    commit, tries = postgres_pool._commit, []

    def lose(connection: postgres_transaction.Connection) -> None:
        tries.append(connection)
        with psycopg.connect(url) as other:
            other.execute("SELECT pg_terminate_backend(%s)", [connection.info.backend_pid])
        commit(connection)

    async with opened(PostgresStore(url, schema=boxes_schema)) as store:
        monkeypatch.setattr(postgres_pool, "_commit", lose)
        with pytest.raises(Unavailable, match="may or may not"):
            await store.write(add("a"))
        assert len(tries) == 1


async def crossing(store: PostgresStore, add: Add) -> tuple[list[object], list[str]]:
    """Two transactions that lock two rows in opposite order: a deadlock, once."""
    await store.write(lambda tx: (add("a")(tx), add("b")(tx)))
    both, tries = threading.Barrier(2), []

    def change(first: str, second: str, tx: Transaction) -> str:
        tries.append(first)
        tx.one("box_raise", id=first)
        if len(tries) <= 2:
            both.wait(5)
        tx.one("box_raise", id=second)
        return first

    calls = (store.write(lambda tx: change("a", "b", tx)), store.write(lambda tx: change("b", "a", tx)))
    return list(await asyncio.gather(*calls, return_exceptions=True)), tries


async def test_a_deadlock_is_tried_again(url: str, boxes_schema: Schema, add: Add) -> None:
    async with opened(PostgresStore(url, schema=boxes_schema)) as store:
        outcomes, tries = await crossing(store, add)
        assert outcomes == ["a", "b"]
        assert len(tries) >= 3
        assert [row["number"] for row in await store.scan(lambda tx: tx.all("boxes", id=None))] == [2, 2]


async def test_a_deadlock_without_the_second_try_fails(url: str, boxes_schema: Schema, add: Add, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(postgres_pool, "ATTEMPTS", 1)
    async with opened(PostgresStore(url, schema=boxes_schema)) as store:
        outcomes, _ = await crossing(store, add)
        assert [type(outcome) for outcome in outcomes].count(Unavailable) == 1


async def test_a_statement_that_takes_too_long_is_stopped(
    url: str, boxes_schema: Schema, add: Add, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(postgres_transaction, "STATEMENT_SECONDS", 0.3)
    async with opened(PostgresStore(url, schema=boxes_schema)) as store:
        await store.write(add("a"))
        with psycopg.connect(url) as other:
            other.execute("UPDATE box SET number = 5 WHERE id = 'a'")
            with pytest.raises(Unavailable, match=r"too long|overloaded"):
                await store.write(lambda tx: tx.one("box_raise", id="a"))
            other.rollback()
        assert await store.write(lambda tx: tx.one("box_raise", id="a")) == {"number": 1}


async def test_calls_beyond_the_bound_are_refused_at_once(url: str, boxes_schema: Schema, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(postgres, "WAITING", 3)
    go_on = threading.Event()
    async with opened(PostgresStore(url, schema=boxes_schema, connections=1)) as store:
        held = [asyncio.ensure_future(store.write(lambda tx: go_on.wait(5))) for _ in range(3)]
        await asyncio.sleep(0.05)
        with pytest.raises(Unavailable, match="too many"):
            await store.read(lambda tx: tx.one("box_by_id", id="a"))
        go_on.set()
        assert await asyncio.gather(*held) == [True] * 3


async def test_a_caller_is_answered_though_the_database_is_not_heard_of(
    url: str, boxes_schema: Schema, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(postgres, "PATIENCE", 0.2)
    go_on = threading.Event()
    async with opened(PostgresStore(url, schema=boxes_schema)) as store:
        with pytest.raises(Unavailable, match="does not answer"):
            await store.write(lambda tx: go_on.wait(5))
        go_on.set()


async def test_notices_reach_other_nodes_and_not_twice_ones_own(url: str, boxes_schema: Schema, monkeypatch: pytest.MonkeyPatch) -> None:
    here: list[tuple[str, str]] = []
    there: list[tuple[str, str]] = []
    async with opened(PostgresStore(url, schema=boxes_schema)) as one, opened(PostgresStore(url, schema=boxes_schema)) as two:
        one.listen(lambda topic, payload: here.append((topic, payload)))
        two.listen(lambda topic, payload: there.append((topic, payload)))
        await asyncio.sleep(0.3)
        await asyncio.gather(*(one.write(lambda tx, text=f"'\"\\ \u00fc{number}": tx.notify("queue", text)) for number in range(50)))  # type: ignore[misc]
        assert len(here) == 50
        assert await becomes(lambda: len(there) == 50, 2)
        assert sorted(here) == sorted(there)
        await asyncio.sleep(0.3)
        assert len(here) == 50


async def test_an_epoch_is_heard_of_before_the_next_poll(url: str, boxes_schema: Schema, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(postgres_watch, "POLL_SECONDS", 30.0)
    nodes = [PostgresStore(url, ManualClock(), schema=boxes_schema) for _ in range(2)]
    async with opened(nodes[0]) as one, opened(nodes[1]) as two:
        await asyncio.sleep(0.3)
        await one.write(lambda tx: tx.raise_epoch("p"))
        assert await becomes(lambda: two.epoch("p") == 1, 2)


async def test_words_of_others_on_the_channel_are_passed_over(url: str, boxes_schema: Schema) -> None:
    async with opened(PostgresStore(url, schema=boxes_schema)) as store:
        await asyncio.sleep(0.2)
        with psycopg.connect(url) as other:
            for text in ("", "{}", "[1, 2]", '["n", "", null, "x"]', "[" * 1000):
                other.execute("SELECT pg_notify('stagedoor', %s)", [text])
        await asyncio.sleep(0.5)
        assert store.epoch("p") == 0
        await store.write(lambda tx: tx.raise_epoch("p"))
        assert store.epoch("p") == 1


async def test_a_session_keeps_commits_through_a_crash_though_the_server_would_not(url: str, boxes_schema: Schema, add: Add) -> None:
    with psycopg.connect(url, autocommit=True) as other:
        other.execute(f"ALTER DATABASE {psycopg.conninfo.conninfo_to_dict(url)['dbname']} SET synchronous_commit = off".encode())
    with psycopg.connect(url) as other:
        assert other.execute("SHOW synchronous_commit").fetchone() == ("off",)
    async with opened(PostgresStore(url, schema=boxes_schema)) as store:
        row = await store.write(lambda tx: tx._connection.execute("SHOW synchronous_commit").fetchone())  # type: ignore[attr-defined]
        assert row == {"synchronous_commit": "on"}


async def test_nul_in_text_is_bad_input(url: str, boxes_schema: Schema, add: Add) -> None:
    async with opened(PostgresStore(url, schema=boxes_schema)) as store:
        with pytest.raises(BadInput):
            await store.write(add("a\x00b"))


async def test_an_unusable_url_is_refused_without_its_password(boxes_schema: Schema) -> None:
    with pytest.raises(ValueError, match="database URL") as raised:
        PostgresStore("postgres:/user:the-password@host/db x=", schema=boxes_schema)
    assert "the-password" not in repr(raised.value)
    with pytest.raises(Unavailable, match="cannot be opened") as refused:
        await PostgresStore("postgresql://user:the-password@127.0.0.1:1/db", schema=boxes_schema).open()
    assert "the-password" not in repr(refused.value)
