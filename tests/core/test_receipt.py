"""Uses of secrets are counted by day, and every question gets the same answer before, while and after they are."""

import msgspec
import pytest

from stagedoor.core import receipt
from stagedoor.core.receipt import DAY, EGRESS, HANDOFF, Counted, Destination, Place, Receipt, count_on, counted, handed_to
from stagedoor.store import Store

pytestmark = pytest.mark.anyio
NOW = 20_000 * DAY + 7 * 60 * 60_000
TODAY = NOW // DAY
FIRST = Receipt(
    "u", "root", "run", 1, "t", Place("w", "one", "work", "/key"), "s", "name", None, 1, HANDOFF, "app:a", "ada", "bob", "READ",
    Destination(), NOW,
)  # fmt: skip


def a_use(number: int, at: int, **more: object) -> Receipt:
    return msgspec.structs.replace(FIRST, use_id=f"{number:04}", task_id=f"t{number}", at=at, **more)


def uses() -> list[Receipt]:
    """Over three days, at two doors; some of another secret; the last of them just now."""
    sent = {"door": EGRESS, "consumer": "ada", "to": Destination("a.example", "a.example:443", False)}
    days = [a_use(number, NOW - (number % 3) * DAY - number * 1000 - 400_000) for number in range(20)]
    other = [a_use(100 + number, NOW - DAY, secret_id="other") for number in range(5)]
    sends = [a_use(200 + number, NOW - 2 * DAY + number, **sent) for number in range(7)]
    return [*days, *other, *sends, a_use(300, NOW - 1)]


async def asked(store: Store, days: int = 90) -> list[Counted]:
    return await store.scan(lambda tx: counted(tx, "p", "s", (TODAY - days, TODAY - 1), 100))


async def test_counting_changes_no_answer(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(receipt, "PORTION", 6)
    await store.write(lambda tx: receipt.write(tx, "p", uses()))
    before, rounds = await asked(store), 0
    assert [(one.door, one.uses, one.lately) for one in before] == [(EGRESS, 7, 0), (HANDOFF, 21, 15)]
    assert before[0].to == Destination("a.example", "a.example:443", False)
    while await store.write(lambda tx: count_on(tx, "p", NOW)):
        rounds += 1
        assert await asked(store) == before
    assert rounds >= 4 and await asked(store) == before
    assert await store.scan(lambda tx: handed_to(tx, "p", "s", TODAY - 90, 10)) == ["app:a"]
    await store.write(lambda tx: receipt.write(tx, "p", [a_use(400, NOW)]))
    assert [(one.door, one.uses) for one in await asked(store)] == [(EGRESS, 7), (HANDOFF, 22)]


async def test_days_are_whole_and_projects_apart(store: Store) -> None:
    await store.write(lambda tx: receipt.write(tx, "p", uses()))
    for _ in range(2):
        assert [one.uses for one in await asked(store, days=0)] == [8]
        assert [one.uses for one in await asked(store, days=1)] == [15]
        assert await store.scan(lambda tx: counted(tx, "another", "s", (0, 0), 100)) == []
        await store.write(lambda tx: count_on(tx, "p", NOW))


async def test_many_uses_at_one_moment_are_counted_once(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(receipt, "PORTION", 2)
    await store.write(lambda tx: receipt.write(tx, "p", [a_use(number, NOW - 3 * DAY) for number in range(9)]))
    while await store.write(lambda tx: count_on(tx, "p", NOW)):
        pass
    assert [one.uses for one in await asked(store)] == [9]
    assert not await store.write(lambda tx: count_on(tx, "p", NOW))


async def test_a_use_that_is_still_being_written_is_not_passed_over(store: Store) -> None:
    """What settles within five minutes is counted later; what is older stands by itself until then."""
    await store.write(lambda tx: receipt.write(tx, "p", [a_use(1, NOW - 10 * 60_000)]))
    await store.write(lambda tx: count_on(tx, "p", NOW))
    await store.write(lambda tx: receipt.write(tx, "p", [a_use(2, NOW - 4 * 60_000)]))
    assert [one.uses for one in await asked(store)] == [2]
    await store.write(lambda tx: count_on(tx, "p", NOW + 10 * 60_000))
    assert [one.uses for one in await asked(store)] == [2]


async def test_days_that_nobody_asks_about_are_forgotten_and_receipts_are_kept(store: Store) -> None:
    await store.write(lambda tx: receipt.write(tx, "p", [a_use(1, NOW - 200 * DAY)]))
    await store.write(lambda tx: count_on(tx, "p", NOW))
    await store.write(lambda tx: count_on(tx, "p", NOW + DAY))
    assert await asked(store) == []
    assert [one.use_id for one in await store.scan(lambda tx: list(receipt.of_tree(tx, "p", "root")))] == ["0001"]
