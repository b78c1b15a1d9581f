"""WAIT and HUMAN: time, and somebody outside."""

import pytest

from stagedoor.engine.definition import Json, TaskDefinition
from stagedoor.engine.embedded.decision import Due
from stagedoor.engine.embedded.operators.waiting import parse_duration, parse_until
from tests.engine.decide.driver import NOW, Play, definition


def wait(**given: Json) -> Play:
    return Play(definition({"ref": "w", "type": "WAIT", "input": given}, {"ref": "after"})).start()


@pytest.mark.parametrize(
    ("text", "seconds"),
    [("5s", 5), ("1 days 2 hours 3 minutes 4 seconds", 93_784), (" 2 Hrs ", 7200), ("1d5m", 86_700), ("10 mins", 600), ("0 seconds", 0)],
)
def test_durations(text: str, seconds: int) -> None:
    assert parse_duration(text) == seconds


@pytest.mark.parametrize("text", ["5", "5 weeks", "1s 1d", "-5s", "1.5s", "٣s"])
def test_what_is_no_duration(text: str) -> None:
    with pytest.raises(ValueError, match="duration"):
        parse_duration(text)


@pytest.mark.parametrize(
    ("text", "moment"),
    [
        ("2023-11-14", 1_699_920_000_000),
        ("2023-11-14 22:13", 1_699_999_980_000),
        ("2023-11-14 22:13 UTC", 1_699_999_980_000),
        ("2023-11-15 00:13 GMT+02:00", 1_699_999_980_000),
        ("2023-11-14 14:13 PST", 1_699_999_980_000),
        ("2023-11-14 14:13 America/Los_Angeles", 1_699_999_980_000),
    ],
)
def test_moments(text: str, moment: int) -> None:
    assert parse_until(text) == moment


@pytest.mark.parametrize(
    "text", ["tomorrow", "2023-13-01", "2023-11-14 22:13 Nowhere/City", "2023-11-14 22:13 ../../etc/passwd", "0000-01-01"]
)
def test_what_is_no_moment(text: str) -> None:
    with pytest.raises(ValueError, match="Wait Until"):
        parse_until(text)


def test_a_wait_ends_when_its_time_has_come() -> None:
    play = wait(duration="10 seconds")
    assert (play.task("w").status, play.task("w").callback_after_seconds) == ("IN_PROGRESS", 10)
    assert play.run.next_check == NOW + 10_000
    play.now += 9_999
    assert play.send(Due()) == []
    play.advance(0.001)
    assert play.task("w").status == "COMPLETED"
    assert list(play.queued()) == ["after"]
    assert play.run.next_check == 0


def test_a_moment_that_is_over_is_not_waited_for() -> None:
    assert wait(until="2020-01-01").task("w").status == "COMPLETED"


@pytest.mark.parametrize("kind", ["WAIT", "HUMAN"])
def test_without_a_time_only_somebody_outside_ends_it(kind: str) -> None:
    play = Play(definition({"ref": "w", "type": kind, "input": {"x": 1}})).start()
    assert play.task("w").status == "IN_PROGRESS"
    assert play.run.next_check == 0
    play.update("w", "IN_PROGRESS", {"seen": True}, callback_after_seconds=1)
    play.advance(1_000_000)
    assert (play.task("w").status, play.task("w").output_data) == ("IN_PROGRESS", {"seen": True})
    play.update("w", output={"ok": True})
    assert (play.run.status, play.run.output) == ("COMPLETED", {"ok": True})


@pytest.mark.parametrize("given", [{"duration": "1s", "until": "2030-01-01"}, {"duration": "soon"}, {"until": "soon"}, {"duration": [1]}])
def test_a_time_that_makes_no_sense_fails_the_task(given: dict[str, Json]) -> None:
    play = wait(**given)
    assert (play.task("w").status, play.run.status) == ("FAILED_WITH_TERMINAL_ERROR", "FAILED")


def test_a_retried_wait_begins_after_its_delay() -> None:
    flow = definition({"ref": "w", "type": "WAIT"})
    play = Play(flow, task_definitions=[TaskDefinition(name="w", retry_delay_seconds=5)]).start()
    play.update("w", "FAILED")
    assert (play.task("w").status, play.run.next_check) == ("SCHEDULED", NOW + 5000)
    play.advance(5)
    assert (play.task("w").status, play.run.next_check) == ("IN_PROGRESS", 0)
