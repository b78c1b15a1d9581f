"""Signing in to the console counts where `POST /api/token` counts, and takes as long (promise 5)."""

import pytest

from stagedoor.gate.console import console
from stagedoor.gate.exchange import SignIn
from stagedoor.kit.errors import StagedoorError
from tests.gate.limits.conftest import ALICE, HERE, PASSWORD, THERE, Desk
from tests.gate.limits.test_exchange import hashes

pytestmark = [pytest.mark.anyio, pytest.mark.promise(5)]
__all__ = ["hashes"]


async def signs_in(desk: Desk, password: str, address: str = HERE, account: str = ALICE) -> str:
    """`OK`, or the kind of the refusal."""
    try:
        await console(desk.exchange).open(SignIn(account, password), (), address)
    except StagedoorError as problem:
        return type(problem).__name__
    return "OK"


async def test_failures_of_both_are_counted_together(desk: Desk) -> None:
    tried = [await (signs_in(desk, "wrong") if number % 2 else desk.password("wrong")) for number in range(22)]
    assert tried == ["Unauthenticated"] * 20 + ["TooManyRequests"] * 2
    assert [await signs_in(desk, PASSWORD), await desk.password()] == ["TooManyRequests"] * 2
    assert [await signs_in(desk, PASSWORD, THERE), await desk.password(address=THERE)] == ["OK", "OK"]


async def test_an_unknown_account_takes_the_way_of_a_wrong_password(desk: Desk, hashes: list[str]) -> None:
    assert [await signs_in(desk, "wrong"), await signs_in(desk, "wrong", account="nobody@example.com")] == ["Unauthenticated"] * 2
    assert hashes == ["wrong", "wrong"]


async def test_right_passwords_are_not_counted(desk: Desk) -> None:
    assert [await signs_in(desk, PASSWORD) for _ in range(25)] == ["OK"] * 25
