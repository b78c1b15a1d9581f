"""The automaton of beginnings finds every escape that a pattern finds."""

from itertools import product

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from stagedoor.gate import telling
from stagedoor.gate.telling import PATTERNS, PIECE, telling_places, tells, tokens

pytestmark = pytest.mark.promise(7)

PARTS = [
    *(bytes([one]) for one in b"%&\\#;xXuU0123456789abcdefABCDEFn "),
    b"amp", b"AMP", b"&amp;", b"percnt", b"bsol;", b"num&", b"NewLine", b"fjlig",
    b"&#x", b"&#", b"\\u00", b"%u00", b"%25", b"\\x", b"0000", b"\\\\", b"\n", "ä".encode(),
]  # fmt: skip
texts = st.lists(st.sampled_from(PARTS), max_size=14).map(b"".join)


def by_pattern(data: bytes) -> set[int]:
    """Every place at which a pattern matches."""
    return {at for at in range(len(data)) if (pattern := PATTERNS.get(data[at])) and pattern.match(data, at)}


def agree(data: bytes) -> None:
    exact, found = by_pattern(data), set(telling_places(data))
    assert tells(data) == bool(exact) == bool(found)
    assert found <= exact


@settings(max_examples=150, deadline=None)
@given(texts)
def test_it_tells_what_the_patterns_tell(text: bytes) -> None:
    agree(text)


@pytest.mark.soak
@settings(max_examples=10_000, deadline=None)
@given(texts)
def test_it_tells_what_the_patterns_tell_in_many_texts(text: bytes) -> None:
    agree(text)


def escapes() -> list[bytes]:
    """Every escape of two hexadecimal digits or a number, with a backslash at any place or none."""
    digits = "0123456789abcdefABCDEF"
    plain = [lead + high + low for lead in ("%", "%u00", "\\x", "\\u00", "&#x", "&#X") for high, low in product(digits, digits)]
    plain += [f"&#{zeros}{code}" for zeros in ("", "0", "00") for code in range(300)]
    broken = (text[:at] + "\\" * (at < len(text)) + text[at:] for text in plain for at in range(1, len(text) + 1))
    return [(text + end).encode() for text in broken for end in ";g"]


def test_each_escape_on_its_own_is_told() -> None:
    for text in escapes():
        assert tells(text) == any(pattern.search(text) for pattern in PATTERNS.values()), text


def test_a_lead_within_a_token_is_its_last_byte() -> None:
    """Then of tokens that overlap the one that ends first is also the one that begins first, and none is passed over."""
    assert all(set(token[1:-1]).isdisjoint(PATTERNS) for token in tokens())
    assert max(map(len, tokens())) <= telling.OVERLAP


@pytest.mark.parametrize("usual", [b"a" * 16, b"&#8217; &#82179 ", b"\\u0026b % %26c"])
def test_an_escape_is_found_wherever_it_stands_in_a_long_text(usual: bytes) -> None:
    long = usual * (PIECE // len(usual))
    assert not tells(long)
    for moved in range(0, 18, 2):
        for escape in (b"%61", b"&#x0041;", b"\\u0061", b"&amp;NewLine;"):
            text = long[len(usual) :] + b" " * moved + escape + long
            assert next(telling_places(text)) == text.index(escape)
