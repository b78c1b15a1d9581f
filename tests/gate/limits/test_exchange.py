"""Failed exchanges and sign-ins are limited, correct ones are not (promises 5 and 17). Each protection is also taken out."""

import asyncio
from collections import Counter

import pytest

from stagedoor.core.principal import Principal
from stagedoor.gate import hashing
from stagedoor.gate.exchange import Exchange
from stagedoor.gate.limits import Counts
from stagedoor.kit.passwords import password_matches
from tests.gate.limits.conftest import HERE, THERE, Desk

pytestmark = pytest.mark.anyio
CORRECT = 2000


@pytest.fixture
def hashes(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Every password that was hashed, as the argument it came by."""
    seen: list[str] = []
    check = password_matches

    def watched(hashed: str, password: str) -> bool:
        seen.append(password)
        return check(hashed, password)

    monkeypatch.setattr(hashing, "password_matches", watched)
    return seen


def take_the_limits_out(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Counts, "count", lambda self, name, address: None)


async def attacked(desk: Desk, correct: int) -> tuple[Counter[str], Counter[str]]:
    """(what the correct exchanges got, what the attack from the same address got)."""
    given: Counter[str] = Counter()
    attack: Counter[str] = Counter()
    for number in range(correct):
        attack[await desk.key("sds_wrong")] += 1
        attack[await desk.key("sds_wrong", f"other-{number}")] += 1
        if number % 10 == 0:
            attack[await desk.password("a wrong password")] += 1
        given[await desk.key()] += 1
    return given, attack


@pytest.mark.promise(5)
async def test_no_correct_key_is_refused_during_an_attack_from_its_own_address(desk: Desk) -> None:
    given, attack = await attacked(desk, CORRECT)
    assert given == {"OK": CORRECT}
    assert attack["OK"] == 0
    assert attack["TooManyRequests"] > CORRECT


@pytest.mark.promise(5)
async def test_where_it_is_counted_before_it_is_proved_correct_keys_are_refused(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    prove = Exchange._prove_key

    async def counted_first(self: Exchange, key_id: str, secret: str, address: str) -> Principal:
        self.limits.keys.count(key_id, address)
        return await prove(self, key_id, secret, address)

    monkeypatch.setattr(Exchange, "_prove_key", counted_first)
    given, _ = await attacked(desk, CORRECT // 10)
    assert given["TooManyRequests"] > 100


@pytest.mark.promise(5)
async def test_guesses_at_a_key_are_limited_and_without_the_limit_they_are_not(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    assert [await desk.key("sds_wrong") for _ in range(200)] == ["Unauthenticated"] * 60 + ["TooManyRequests"] * 140
    desk.clock.advance(10_000)
    assert Counter([await desk.key("sds_wrong") for _ in range(50)]) == {"Unauthenticated": 10, "TooManyRequests": 40}
    take_the_limits_out(monkeypatch)
    assert {await desk.key("sds_wrong") for _ in range(200)} == {"Unauthenticated"}


@pytest.mark.promise(5, 17)
async def test_passwords_are_limited_before_they_are_hashed(desk: Desk, hashes: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    got = [await desk.password(f"wrong password {number}") for number in range(100)]
    assert got == ["Unauthenticated"] * 20 + ["TooManyRequests"] * 80
    assert len(hashes) == 20
    assert await desk.password() == "TooManyRequests", "who guesses right beyond the limit learns nothing of it"
    assert len(hashes) == 20
    desk.clock.advance(60_000)
    assert await desk.password() == "OK"
    monkeypatch.setattr(hashing, "PAUSE", 0)
    take_the_limits_out(monkeypatch)
    assert {await desk.password(f"wrong password {number}") for number in range(100)} == {"Unauthenticated"}
    assert len(hashes) == 121


@pytest.mark.promise(5)
async def test_a_correct_password_is_taken_whatever_was_tried_from_elsewhere(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(hashing, "PAUSE", 0)
    for number in range(30):
        for _ in range(30):
            await desk.password("a wrong password", address=f"198.51.100.{number}")
    assert await desk.password() == "OK"


async def test_one_account_over_its_limit_leaves_the_others_at_its_address(desk: Desk) -> None:
    for _ in range(30):
        await desk.password("a wrong password", account="bob@example.com")
    assert await desk.password() == "OK"


async def test_spraying_many_accounts_from_one_address_is_limited(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(hashing, "PAUSE", 0)
    got = Counter([await desk.password("a wrong password", account=f"user-{number}@example.com") for number in range(150)])
    assert got == {"Unauthenticated": 100, "TooManyRequests": 50}
    assert await desk.password(address=THERE) == "OK"


async def test_wrong_keys_do_not_keep_anybody_from_signing_in(desk: Desk) -> None:
    for number in range(1000):
        await desk.key("sds_wrong", f"key-{number % 7}")
    assert await desk.password() == "OK"


async def test_correct_passwords_are_not_counted(desk: Desk) -> None:
    assert {await desk.password() for _ in range(120)} == {"OK"}


@pytest.mark.promise(5)
async def test_the_limit_says_nothing_of_whether_a_key_or_an_account_exists(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(hashing, "PAUSE", 0)

    async def key(key_id: str, address: str) -> list[str]:
        return [await desk.key("sds_wrong", key_id, address) for _ in range(100)]

    async def account(name: str, address: str) -> list[str]:
        return [await desk.password("a wrong password", name, address) for _ in range(30)]

    assert await key(desk.inside.first["keyId"], HERE) == await key("unknown", THERE)
    assert await account("alice@example.com", HERE) == await account("nobody@example.com", THERE)


@pytest.mark.promise(17)
async def test_the_line_before_the_hashing_is_short_and_the_token_path_does_not_stand_in_it(desk: Desk) -> None:
    flood = [asyncio.create_task(desk.password("a wrong password", address=f"198.51.100.{number}")) for number in range(100)]
    await asyncio.sleep(0)
    assert await desk.key() == "OK"
    assert Counter(await asyncio.gather(*flood)) == {"Unauthenticated": 24, "Unavailable": 76}
    assert await desk.password() == "OK", "the line has room again"


@pytest.mark.promise(17)
async def test_without_the_bound_the_line_grows_without_end(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(hashing, "IN_LINE", 10**9)
    monkeypatch.setattr(hashing, "PAUSE", 0)
    got = await asyncio.gather(*[desk.password("a wrong password", address=f"198.51.100.{number}") for number in range(100)])
    assert Counter(got) == {"Unauthenticated": 100}


@pytest.mark.promise(17)
async def test_one_address_has_a_small_share_of_the_line(desk: Desk) -> None:
    flood = [asyncio.create_task(desk.password("a wrong password")) for _ in range(50)]
    await asyncio.sleep(0)
    assert await desk.password(address=THERE) == "OK"
    assert Counter(await asyncio.gather(*flood)) == {"Unauthenticated": 3, "TooManyRequests": 47}


async def test_a_refusal_for_the_line_is_no_failure_of_the_account(desk: Desk) -> None:
    for _ in range(10):
        await asyncio.gather(*[desk.password() for _ in range(50)])
    assert await desk.password() == "OK"


@pytest.mark.promise(17)
async def test_hashing_is_slowed_down_once_many_fail_wherever_they_come_from(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    rests, sleep = list[float](), asyncio.sleep

    async def noted(seconds: float) -> None:
        if seconds == hashing.PAUSE:
            rests.append(seconds)
        else:
            await sleep(seconds)

    monkeypatch.setattr(hashing, "PAUSE", 0.6123)  # nobody else's
    monkeypatch.setattr(asyncio, "sleep", noted)
    assert (await desk.password(), len(rests)) == ("OK", 0)
    for number in range(30):
        await desk.password("a wrong password", address=f"198.51.100.{number}")
    assert rests == []
    assert (await desk.password(), len(rests)) == ("OK", 1)
    desk.clock.advance(60_000)
    assert (await desk.password(), len(rests)) == ("OK", 1)
