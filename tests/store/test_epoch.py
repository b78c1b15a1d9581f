"""Epochs: one number a project, known at once on the node that raised it and within a second on every other."""

import asyncio

import pytest

from stagedoor.kit.clock import ManualClock
from stagedoor.kit.errors import Unavailable
from stagedoor.store import Store
from stagedoor.store.epoch import VALID_FOR, EpochBook
from stagedoor.store.postgres import PostgresStore
from tests.conftest import NewStore


@pytest.mark.anyio
async def test_an_epoch_is_zero_until_raised_and_each_project_has_its_own(store: Store) -> None:
    assert store.epoch("p") == 0
    assert await store.write(lambda tx: tx.raise_epoch("p")) == 1
    assert await store.write(lambda tx: tx.raise_epoch("p")) == 2
    assert (store.epoch("p"), store.epoch("q")) == (2, 0)
    assert await store.fresh_epoch("p") == 2


@pytest.mark.anyio
async def test_the_node_that_raised_it_knows_before_its_caller_is_answered(store: Store) -> None:
    seen: list[int] = []

    async def raise_it() -> None:
        number = await store.write(lambda tx: tx.raise_epoch("p"))
        seen.append(store.epoch("p") - number)

    await asyncio.gather(*(raise_it() for _ in range(20)))
    assert min(seen) >= 0
    assert store.epoch("p") == 20


@pytest.mark.anyio
async def test_another_node_knows_within_a_second(store: Store, new_store: NewStore) -> None:
    other = new_store()
    await other.open()
    await store.write(lambda tx: tx.raise_epoch("p"))
    for _ in range(100):
        if other.epoch("p") == 1:
            break
        await asyncio.sleep(0.01)
    assert other.epoch("p") == 1


@pytest.mark.anyio
async def test_a_new_node_starts_with_what_is_there(store: Store, new_store: NewStore) -> None:
    await store.write(lambda tx: tx.raise_epoch("p"))
    other = new_store()
    await other.open()
    assert other.epoch("p") == 1


@pytest.mark.anyio
async def test_where_other_nodes_may_raise_it_an_old_reading_does_not_count(new_store: NewStore) -> None:
    clock = ManualClock()
    store = new_store(clock=clock)
    await store.open()
    await store.write(lambda tx: tx.raise_epoch("p"))
    await asyncio.sleep(0.1)
    clock.advance(799)
    assert store.epoch("p") == 1
    clock.advance(2)
    if isinstance(store, PostgresStore):
        with pytest.raises(Unavailable):
            store.epoch("p")
    assert await store.fresh_epoch("p") == 1
    await asyncio.sleep(0.5)
    assert store.epoch("p") == 1


def test_a_reading_counts_from_its_sending_not_from_its_arrival() -> None:
    clock = ManualClock(0)
    book = EpochBook(clock, VALID_FOR)
    with pytest.raises(Unavailable):
        book.number("p")
    clock.advance(700)
    book.read_all([("p", 4)], sent=0.0)
    assert book.number("p") == 4
    clock.advance(100)
    assert not book.valid()
    with pytest.raises(Unavailable):
        book.number("p")
    clock.advance(10_000)
    book.saw("p", 5)
    with pytest.raises(Unavailable):
        book.number("p")


def test_numbers_never_fall_whatever_order_news_arrives_in() -> None:
    clock = ManualClock(0)
    book = EpochBook(clock, VALID_FOR)
    book.saw("p", 7)
    book.read_all([("p", 6), ("q", 1)], sent=0.0)
    book.read_all([("p", 5)], sent=-1.0)
    book.saw("p", 3)
    assert (book.number("p"), book.number("q")) == (7, 1)
