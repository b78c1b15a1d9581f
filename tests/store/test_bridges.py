"""Which statements each bridge takes, its limits, and in which order the world hears of a change."""

import asyncio
import threading
from collections.abc import Callable

import pytest

from stagedoor.kit.errors import BadInput, Unavailable
from stagedoor.store import ScanLimits, Schema, Store, Transaction, postgres_pool, sqlite
from tests.conftest import NewStore
from tests.store.conftest import Add

pytestmark = pytest.mark.anyio


@pytest.mark.parametrize(
    "wrong",
    [
        lambda tx: tx.all("boxes", id=None),
        lambda tx: tx.do("box_delete", number=9),
        lambda tx: tx.one("box_raise", id="a"),
        lambda tx: tx.one("epoch_raise", project_id="a"),
    ],
)
async def test_read_takes_point_queries_only(boxes: Store, wrong: Callable[[Transaction], object]) -> None:
    with pytest.raises(LookupError, match="not for this bridge"):
        await boxes.read(wrong)


async def test_read_would_take_any_query_without_its_rule(
    new_store: NewStore, boxes_schema: Schema, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sqlite, "point_only", lambda statements: statements)
    monkeypatch.setattr(postgres_pool, "point_only", lambda statements: statements)
    store = new_store(schema=boxes_schema)
    await store.open()
    assert await store.read(lambda tx: tx.all("boxes", id=None)) == []


@pytest.mark.parametrize("wrong", [lambda tx: tx.do("box_delete", number=9), lambda tx: tx.one("box_raise", id="a")])
async def test_scan_takes_queries_only(boxes: Store, wrong: Callable[[Transaction], object]) -> None:
    with pytest.raises(LookupError, match="not for this bridge"):
        await boxes.scan(wrong)


@pytest.mark.parametrize("bridge", ["read", "scan"])
async def test_a_reading_transaction_has_nothing_to_announce(boxes: Store, bridge: str) -> None:
    with pytest.raises(AssertionError, match="only reads"):
        await getattr(boxes, bridge)(lambda tx: tx.notify("topic"))
    with pytest.raises(AssertionError, match="only reads"):
        await getattr(boxes, bridge)(lambda tx: tx.after_commit(print))


async def test_scan_stops_at_its_row_cap(boxes: Store, add: Add) -> None:
    for number in range(20):
        await boxes.write(add(f"b{number}"))
    assert len(await boxes.scan(lambda tx: tx.all("boxes", id=None))) == 20
    await boxes.write(add("one-more"))
    with pytest.raises(BadInput, match="more than 20 rows"):
        await boxes.scan(lambda tx: tx.all("boxes", id=None))


async def test_scan_stops_at_its_time_limit_and_holds_nobody_up(boxes: Store, add: Add) -> None:
    await asyncio.gather(*(boxes.write(add(f"b{number}")) for number in range(200)))
    loop = asyncio.get_running_loop()
    started = loop.time()
    slow = asyncio.ensure_future(boxes.scan(lambda tx: tx.all("pairs")))
    await boxes.write(add("meanwhile"))
    assert await boxes.read(lambda tx: tx.one("box_by_id", id="meanwhile"))
    assert not slow.done()
    with pytest.raises(Unavailable, match="too long"):
        await slow
    assert loop.time() - started < 3
    assert await boxes.scan(lambda tx: tx.all("boxes", id="meanwhile"))


async def test_scan_sees_one_snapshot(boxes: Store, add: Add) -> None:
    first, go_on = threading.Event(), threading.Event()

    def twice(tx: Transaction) -> tuple[int, int]:
        before = len(tx.all("boxes", id=None))
        first.set()
        go_on.wait(5)
        return before, len(tx.all("boxes", id=None))

    counting = asyncio.ensure_future(boxes.scan(twice))
    await asyncio.to_thread(first.wait, 5)
    await boxes.write(add("a"))
    go_on.set()
    assert await counting == (0, 0)
    assert len(await boxes.scan(lambda tx: tx.all("boxes", id=None))) == 1


async def test_too_many_scans_are_refused_at_once(new_store: NewStore, boxes_schema: Schema) -> None:
    store = new_store(schema=boxes_schema, limits=ScanLimits(threads=1, waiting=2))
    await store.open()
    go_on = threading.Event()
    held = [asyncio.ensure_future(store.scan(lambda tx: go_on.wait(5))) for _ in range(2)]
    await asyncio.sleep(0)
    with pytest.raises(Unavailable, match="too many"):
        await store.scan(lambda tx: tx.all("boxes", id=None))
    go_on.set()
    assert await asyncio.gather(*held) == [True, True]
    assert await store.scan(lambda tx: tx.all("boxes", id=None)) == []


async def test_what_follows_a_commit_comes_after_it_and_before_the_answer(
    boxes: Store, new_store: NewStore, boxes_schema: Schema, add: Add
) -> None:
    other = new_store(schema=boxes_schema)
    await other.open()
    order: list[str] = []
    boxes.listen(lambda topic, payload: order.append(f"{topic} {payload}"))
    loop_thread = threading.get_ident()

    def change(tx: Transaction) -> str:
        add("a")(tx)
        tx.after_commit(lambda: order.append(f"callback {threading.get_ident() == loop_thread}"))
        tx.notify("boxes", "a")
        order.append("changed")
        return "answered"

    order.append(await boxes.write(change))
    assert await other.read(lambda tx: tx.one("box_by_id", id="a"))
    assert order == ["changed", "callback True", "boxes a", "answered"]


async def test_nothing_follows_a_change_undone(boxes: Store) -> None:
    heard: list[str] = []
    boxes.listen(lambda topic, payload: heard.append(topic))

    def fail(tx: Transaction) -> None:
        tx.after_commit(lambda: heard.append("callback"))
        tx.notify("boxes")
        tx.raise_epoch("p")
        raise ValueError("no")

    with pytest.raises(ValueError, match="no"):
        await boxes.write(fail)
    assert heard == []
    assert boxes.epoch("p") == 0


async def test_a_callback_that_fails_harms_nobody(boxes: Store, add: Add) -> None:
    heard: list[str] = []

    def change(tx: Transaction) -> str:
        tx.after_commit(lambda: [][0])
        tx.after_commit(lambda: heard.append("next"))
        return "done"

    assert await boxes.write(change) == "done"
    assert heard == ["next"]


async def test_a_caller_that_leaves_disturbs_no_other(boxes: Store, add: Add) -> None:
    calls = [asyncio.ensure_future(boxes.write(add(f"b{number}"))) for number in range(20)]
    await asyncio.sleep(0)
    for call in calls[::2]:
        call.cancel()
    outcomes = await asyncio.gather(*calls, return_exceptions=True)
    assert outcomes[1::2] == [1] * 10
    assert all(isinstance(outcome, asyncio.CancelledError) for outcome in outcomes[::2])
    await boxes.write(add("last"))
    for number in range(1, 20, 2):
        assert await boxes.read(lambda tx, number=number: tx.one("box_by_id", id=f"b{number}"))  # type: ignore[misc]


async def test_what_follows_a_commit_runs_though_its_caller_left(boxes: Store, add: Add) -> None:
    begun, go_on, heard = threading.Event(), threading.Event(), []

    def change(tx: Transaction) -> None:
        add("a")(tx)
        tx.after_commit(lambda: heard.append("committed"))
        begun.set()
        go_on.wait(5)

    call = asyncio.ensure_future(boxes.write(change))
    await asyncio.to_thread(begun.wait, 5)
    call.cancel()
    go_on.set()
    await asyncio.gather(call, return_exceptions=True)
    await boxes.write(add("b"))
    await asyncio.sleep(0.1)
    assert heard == ["committed"]
    assert await boxes.read(lambda tx: tx.one("box_by_id", id="a"))


async def test_a_listener_may_leave(boxes: Store) -> None:
    heard: list[str] = []
    leave = boxes.listen(lambda topic, payload: heard.append(payload))
    await boxes.write(lambda tx: tx.notify("boxes", "1"))
    leave()
    leave()
    await boxes.write(lambda tx: tx.notify("boxes", "2"))
    assert heard == ["1"]


async def test_a_notice_too_long_to_travel_is_refused(boxes: Store) -> None:
    with pytest.raises(ValueError, match="at most 4000 bytes"):
        await boxes.write(lambda tx: tx.notify("boxes", "x" * 4000))


async def test_a_closed_store_is_unavailable_and_keeps_what_waited(
    boxes: Store, new_store: NewStore, boxes_schema: Schema, add: Add
) -> None:
    calls = [asyncio.ensure_future(boxes.write(add(f"b{number}"))) for number in range(10)]
    await asyncio.sleep(0)
    await boxes.close()
    assert await asyncio.gather(*calls) == [1] * 10
    await boxes.close()
    for bridge in (boxes.read, boxes.write, boxes.scan):
        with pytest.raises(Unavailable, match="closed"):
            await bridge(lambda tx: tx.one("box_by_id", id="b0"))
    again = new_store(schema=boxes_schema)
    await again.open()
    assert len(await again.scan(lambda tx: tx.all("boxes", id=None))) == 10
