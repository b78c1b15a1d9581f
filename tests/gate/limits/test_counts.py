"""The meters: what they count, how they forgive, and that nothing makes them grow."""

from contextlib import ExitStack

import pytest

from stagedoor.gate.limits import Counts, Limits, Meter, Rate, counted
from stagedoor.kit.clock import ManualClock
from stagedoor.kit.errors import TooManyRequests, Unauthenticated, Unavailable

HERE, THERE = "192.0.2.1", "192.0.2.2"


def tries(counts: Counts, name: str, address: str, most: int = 1000) -> int:
    """How many failures are counted before one is refused."""
    for number in range(most):
        try:
            counts.count(name, address)
        except TooManyRequests:
            return number
    return most


def wait(counts: Counts, name: str, address: str) -> int:
    with pytest.raises(TooManyRequests) as refused:
        counts.count(name, address)
    return refused.value.retry_after


def counts(clock: ManualClock) -> Counts:
    return Counts.of(Rate(5, 10), Rate(20, 1), clock)


def test_so_many_at_once_then_one_at_a_time() -> None:
    clock = ManualClock()
    some = counts(clock)
    assert tries(some, "k", HERE) == 5
    assert wait(some, "k", HERE) == 10
    clock.advance(9_500)
    assert wait(some, "k", HERE) == 1
    clock.advance(500)
    assert tries(some, "k", HERE) == 1
    clock.advance(3_600_000)
    assert tries(some, "k", HERE) == 5


def test_what_is_refused_is_not_counted_again() -> None:
    clock = ManualClock()
    some = counts(clock)
    tries(some, "k", HERE)
    for _ in range(1000):
        assert wait(some, "k", HERE) == 10
    clock.advance(10_000)
    assert tries(some, "k", HERE) == 1


@pytest.mark.promise(5)
def test_a_name_is_counted_for_each_address_apart() -> None:
    some = counts(ManualClock())
    assert tries(some, "k", HERE) == 5
    assert tries(some, "other", HERE) == 5
    assert tries(some, "k", THERE) == 5


@pytest.mark.promise(5)
def test_an_address_is_counted_over_all_names() -> None:
    some = counts(ManualClock())
    assert sum(tries(some, f"k{number}", HERE) for number in range(100)) == 20
    assert wait(some, "new", HERE) == 1
    assert tries(some, "new", THERE) == 5


def test_a_wait_is_the_longer_of_the_two() -> None:
    some = counts(ManualClock())
    tries(some, "k", HERE)
    for number in range(15):
        some.count(f"k{number}", HERE)
    assert (wait(some, "new", HERE), wait(some, "k", HERE)) == (1, 10)


def test_a_clock_that_jumps_does_not_touch_the_counts() -> None:
    class Jumping(ManualClock):
        def now(self) -> int:
            raise AssertionError("the wall clock is not asked")

    assert tries(counts(Jumping()), "k", HERE) == 5


def attempt(some: Counts, problem: Exception | None = None) -> None:
    with some.attempt("k", HERE):
        if problem:
            raise problem


def test_only_a_failed_attempt_stays_counted() -> None:
    some = counts(ManualClock())
    for _ in range(50):
        attempt(some)
        with pytest.raises(Unavailable):
            attempt(some, Unavailable())
    for _ in range(5):
        with pytest.raises(Unauthenticated):
            attempt(some, Unauthenticated())
    with pytest.raises(TooManyRequests):
        attempt(some)


def test_attempts_under_way_are_counted_already() -> None:
    some = counts(ManualClock())
    with ExitStack() as under_way:
        for _ in range(5):
            under_way.enter_context(some.attempt("k", HERE))
        with pytest.raises(TooManyRequests):
            attempt(some)
    attempt(some)


@pytest.mark.promise(12)
def test_a_meter_keeps_no_more_keys_than_it_may_and_forgets_the_one_failed_longest_ago() -> None:
    meter = Meter(Rate(1, 60), ManualClock(), size=100)
    for number in range(100):
        meter.add(number)
    meter.add(0)
    for number in range(1000, 1099):
        meter.add(number)
    assert len(meter) == 100
    assert (meter.wait(0), meter.wait(1)) == (60, 0)


@pytest.mark.promise(12)
def test_millions_of_names_and_addresses_are_bounded() -> None:
    limits = Limits.by(ManualClock())
    for number in range(33_000):
        limits.keys.count("x" * 1000, f"2001:db8:{number >> 16:x}:{number & 0xFFFF:x}::1")
    assert len(limits.keys.names) == len(limits.keys.addresses) == 32_768
    assert {len(key) for key in limits.keys.names._empty_at} == {16}  # type: ignore[arg-type]  # however long the name


def test_one_address_cannot_push_others_out_of_the_memory() -> None:
    limits = Limits.by(ManualClock())
    tries(limits.keys, "k", HERE)
    for number in range(40_000):
        tries(limits.keys, f"k{number}", THERE, most=1)
    assert tries(limits.keys, "k", HERE) == 0


@pytest.mark.parametrize(
    ("address", "counts_as"),
    [
        ("192.0.2.1", "192.0.2.1"), ("::ffff:192.0.2.1", "192.0.2.1"), ("::FFFF:c000:201", "192.0.2.1"),
        ("2001:db8:1:2:3:4:5:6", "2001:db8:1:2::/64"), ("2001:DB8:1:2::", "2001:db8:1:2::/64"), ("2001:db8:1:3::1", "2001:db8:1:3::/64"),
        ("fe80::1%eth0", "fe80::/64"), ("::1", "::/64"),
        ("", "unknown"), ("unknown", "unknown"), ("192.0.2.1, 192.0.2.2", "unknown"), ("192.0.2.01", "unknown"), ("x" * 60_000, "unknown"),
        ("192.0.2.1\n", "unknown"), ("[::1]", "unknown"), ("0x7f000001", "unknown"), ("\ud800", "unknown"),
    ],
    ids=lambda text: text[:24].encode("ascii", "backslashreplace").decode(),
)  # fmt: skip
def test_an_address_counts_as_itself_and_ipv6_by_its_64(address: str, counts_as: str) -> None:
    assert counted(address) == counts_as


def test_names_and_addresses_do_not_run_into_each_other() -> None:
    some = counts(ManualClock())
    tries(some, "x y", HERE)
    assert tries(some, "y", HERE) == 5
    assert tries(some, "\ud800", THERE) == 5
