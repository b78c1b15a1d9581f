"""What a function given to a bridge can do, and what it is told: the same on both databases."""

from collections.abc import Callable

import pytest

from stagedoor.kit.errors import BadInput, Conflict, NotFound
from stagedoor.store import Store, Transaction
from tests.store.conftest import Add

pytestmark = pytest.mark.anyio


async def test_it_works(boxes: Store, add: Add) -> None:
    assert await boxes.write(add("a", 7, flag=True, sealed=b"\x00\xff")) == 1
    box = await boxes.read(lambda tx: tx.one("box_by_id", id="a"))
    assert box == {"id": "a", "number": 7, "flag": 1, "sealed": b"\x00\xff"}
    assert type(box) is dict
    assert type(box["sealed"]) is bytes
    assert await boxes.read(lambda tx: tx.one("box_by_id", id="b")) is None


async def test_nothing_is_kept_as_none(boxes: Store, add: Add) -> None:
    await boxes.write(lambda tx: tx.do("box_add", id="a", number=1, flag=None, sealed=None))
    assert await boxes.read(lambda tx: tx.one("box_by_id", id="a")) == {"id": "a", "number": 1, "flag": None, "sealed": None}


async def test_all_gives_every_row_and_do_counts_them(boxes: Store, add: Add) -> None:
    for number in range(3):
        await boxes.write(add(f"b{number}", number))
    assert [row["id"] for row in await boxes.scan(lambda tx: tx.all("boxes", id=None))] == ["b0", "b1", "b2"]
    assert [row["id"] for row in await boxes.scan(lambda tx: tx.all("boxes", id="%1"))] == ["b1"]
    assert await boxes.write(lambda tx: tx.do("box_delete", number=2)) == 2
    assert await boxes.write(lambda tx: tx.do("box_delete", number=2)) == 0


async def test_a_change_may_return_its_row(boxes: Store, add: Add) -> None:
    await boxes.write(add("a", 1))
    assert await boxes.write(lambda tx: (tx.one("box_raise", id="a"), tx.one("box_raise", id="a"))) == ({"number": 2}, {"number": 3})
    assert await boxes.write(lambda tx: tx.one("box_locked", id="a")) == {"id": "a", "number": 3}


async def test_a_parameter_may_be_called_name(boxes: Store, add: Add) -> None:
    await boxes.write(add("a"))
    assert await boxes.write(lambda tx: tx.do("box_flag", name="a")) == 1


async def test_an_exception_undoes_all_and_reaches_the_caller(boxes: Store, add: Add) -> None:
    def fail(tx: Transaction) -> None:
        add("a")(tx)
        raise NotFound("no such box")

    with pytest.raises(NotFound, match="no such box"):
        await boxes.write(fail)
    assert await boxes.read(lambda tx: tx.one("box_by_id", id="a")) is None


async def test_a_name_taken_and_a_row_missing_are_conflicts_without_values(boxes: Store, add: Add) -> None:
    await boxes.write(add("the-name"))
    with pytest.raises(Conflict) as taken:
        await boxes.write(add("the-name"))
    with pytest.raises(Conflict):
        await boxes.write(lambda tx: tx.do("thing_add", id="t", box_id="the-other"))
    assert "the-name" not in repr(taken.value) + str(taken.value.__notes__)
    assert taken.value.__cause__ is None


@pytest.mark.parametrize("number", [2**63, -(2**63) - 1, 2**200])
async def test_a_number_too_large_is_bad_input(boxes: Store, add: Add, number: int) -> None:
    with pytest.raises(BadInput):
        await boxes.write(add("a", number))


async def test_text_that_cannot_be_encoded_is_bad_input(boxes: Store, add: Add) -> None:
    with pytest.raises(BadInput):
        await boxes.write(add("a\ud800"))


@pytest.mark.parametrize("number", [2**63 - 1, -(2**63)])
async def test_the_largest_numbers_are_kept(boxes: Store, add: Add, number: int) -> None:
    await boxes.write(add("a", number))
    box = await boxes.read(lambda tx: tx.one("box_by_id", id="a"))
    assert box is not None
    assert box["number"] == number


async def test_a_function_that_goes_on_after_an_error_is_refused(boxes: Store, add: Add) -> None:
    def go_on(tx: Transaction) -> str:
        add("b")(tx)
        try:
            add("a")(tx)
        except Conflict:
            return "all is well"
        raise AssertionError("a conflict was expected")

    await boxes.write(add("a"))
    with pytest.raises(AssertionError, match="went on after an error"):
        await boxes.write(go_on)
    assert await boxes.read(lambda tx: tx.one("box_by_id", id="b")) is None


@pytest.mark.parametrize(
    ("wrong", "error", "message"),
    [
        (lambda tx: tx.one("no_such"), LookupError, "no statement no_such"),
        (lambda tx: tx.all("box_by_id", id="a"), AssertionError, "one row"),
        (lambda tx: tx.one("boxes", id=None), AssertionError, "many rows"),
        (lambda tx: tx.do("boxes", id=None), AssertionError, "many rows"),
        (lambda tx: tx.one("box_any"), AssertionError, "promises one row and gave 2"),
        (lambda tx: tx.do("box_add", id="c", number=None, flag=None, sealed=b"the-secret"), AssertionError, "box_add is wrong"),
    ],
)
async def test_mistakes_of_the_program_are_named_at_once(
    boxes: Store, add: Add, wrong: Callable[[Transaction], object], error: type[Exception], message: str
) -> None:
    await boxes.write(add("a"))
    await boxes.write(add("b"))
    with pytest.raises(error, match=message) as raised:
        await boxes.write(wrong)
    assert "the-secret" not in repr(raised.value)
