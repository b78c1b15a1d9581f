"""A value is masked in a text that comes in chunks or in lines, wherever it is cut."""

import base64
import json
import random
import time
from urllib.parse import quote

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from stagedoor.gate.redaction import MaskEverything, Redactor
from stagedoor.gate.stream import RedactedStream

pytestmark = pytest.mark.promise(7)
VALUE = 'pä"ss/w\\ord +12'
SPELLED = [VALUE, quote(VALUE, safe=""), json.dumps(VALUE)[1:-1], VALUE.encode().hex(), base64.b64encode(b"xy" + VALUE.encode()).decode()]
PIECES = [*SPELLED, "harmless ", "é漢🎭", "\\", "%", "\n", "a" * 700]


def fed(redactor: Redactor, chunks: list[str]) -> str:
    stream = RedactedStream(redactor)
    return "".join([*map(stream.feed, chunks), stream.finish()])


@pytest.mark.parametrize("spelled", SPELLED)
@pytest.mark.parametrize("room", [0, 3000])
def test_a_value_cut_anywhere_is_masked(spelled: str, room: int) -> None:
    redactor, text = Redactor([VALUE]), "x" * room + spelled + "y" * room
    whole = redactor.clean_text(text)
    assert "***" in whole
    for cut in range(1, len(spelled), 3):
        assert fed(redactor, [text[: room + cut], text[room + cut :]]) == whole
    assert fed(redactor, list(text)) == whole


@settings(max_examples=60, deadline=None)
@given(st.lists(st.sampled_from(PIECES), max_size=12), st.integers(1, 900), st.randoms())
def test_no_value_is_left_however_the_chunks_are_cut(pieces: list[str], size: int, chance: random.Random) -> None:
    text, chunks = "".join(pieces), list[str]()
    at = 0
    while at < len(text):
        step = chance.randint(1, size)
        chunks.append(text[at : at + step])
        at += step
    shown = fed(Redactor([VALUE]), chunks)
    assert not any(spelled in shown for spelled in SPELLED[:4])
    assert shown == text or any(spelled in text for spelled in SPELLED)


def test_text_is_passed_on_long_before_the_end() -> None:
    redactor = Redactor([VALUE])
    stream = RedactedStream(redactor)
    passed = [stream.feed("harmless " * 10) for _ in range(1000)]
    assert sum(map(len, passed)) >= 90_000 - 3 * redactor.reach


def test_a_run_of_values_without_an_end_is_passed_on_as_stars() -> None:
    shown = fed(Redactor(["aaaaaa"]), ["a" * 100] * 200)
    assert set(shown) == {"*"} and len(shown) < 1000


@pytest.mark.slow
def test_small_chunks_cost_no_more_than_large_ones() -> None:
    text = ("harmless %41 \\ text " * 10_000)[:200_000]

    def seconds(size: int) -> float:
        begun = time.process_time()
        fed(Redactor([VALUE]), [text[at : at + size] for at in range(0, len(text), size)])
        return time.process_time() - begun

    assert seconds(20) < max(0.2, 4 * seconds(5_000))


def test_a_stream_does_not_print_what_it_holds() -> None:
    assert repr(RedactedStream(Redactor([VALUE]))) == "***"


# --- lines --------------------------------------------------------------------------------------------------------------------


def test_each_line_loses_its_part_of_a_value_that_is_broken_over_some() -> None:
    redactor = Redactor(["two-halves-of-a-secret", "short"])
    assert redactor.clean_lines(["it is two-halves-", "of-a-secret, it was", "harmless"]) == ["it is ***", "***, it was", "harmless"]
    assert redactor.clean_lines(["two-hal", "  ves-of", "-a-secret"]) == ["***", "***", "***"]
    assert redactor.clean_lines(["short", "not short"]) == ["***", "not short"]
    assert redactor.clean_lines([]) == []


def test_lines_without_a_hit_stay_as_they_are() -> None:
    lines = ["one", "", "two-halves", "three"]
    assert Redactor([VALUE]).clean_lines(lines) == lines


def test_where_nobody_knows_the_values_everything_is_masked() -> None:
    redactor = MaskEverything()
    assert redactor.clean({"a": ["b", 1, None, True, {"c": "d"}], "e": ""}) == {"***": [["***", "***", None, True, {"***": ["***"]}], ""]}
    assert redactor.clean_lines(["a", ""]) == ["***", ""]
    assert redactor.clean([{}, "x", None]) == [{}, "***", None]
