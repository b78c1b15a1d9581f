"""A fragment is found wherever it stands, broken in any way, and texts full of look-alikes cost no more than others."""

import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from stagedoor.gate import windows
from stagedoor.gate.redaction import Redactor
from stagedoor.gate.telling import PIECE
from stagedoor.gate.windows import Fragment, windows_for

pytestmark = pytest.mark.promise(7)

FRAGMENTS = [Fragment(b"hK3vQ9zL0xPqAtn5"), Fragment(b"two-Trn4"), Fragment(b"1234"), Fragment(b"6e8b4c3d", any_case=True)]
BREAKS = ["", "", "", " ", "\n", "\r\n  ", "\t", "\\", "\\\\", "\\n", "\\r\\n", "\\t\\t", "\\\\n"]
AROUND = st.lists(st.sampled_from(["Q", "Q ", "z\\", "3d", "B4", "1 2", "x", " ", "\n", "hK", "two-"]), max_size=6).map("".join)


@st.composite
def broken(draw: st.DrawFn) -> str:
    fragment = draw(st.sampled_from(FRAGMENTS))
    letters = fragment.text.decode()
    if fragment.any_case:
        letters = "".join(draw(st.sampled_from([one, one.upper()])) for one in letters)
    few = draw(st.lists(st.sampled_from(BREAKS), min_size=1, max_size=3))
    return draw(AROUND) + "".join(one + draw(st.sampled_from(few)) for one in letters) + draw(AROUND)


@settings(max_examples=100, deadline=None)
@given(broken())
def test_a_fragment_is_found_however_it_is_broken(text: str) -> None:
    found = windows_for(FRAGMENTS)
    assert found is not None and found.finds(text.encode() + b"x" * 8000)


def test_without_the_breaks_a_broken_one_would_pass(monkeypatch: pytest.MonkeyPatch) -> None:
    text = b"x h\nK\n3\nv\nQ\n9\nz\nL\n0\nx\nP\nq\nA\nt\nn\n5"
    assert (found := windows_for(FRAGMENTS[:1])) and found.finds(text)
    monkeypatch.setattr(windows, "_BREAKS", ())
    assert (found := windows_for(FRAGMENTS[:1])) and not found.finds(text)


def test_a_token_alone_is_no_find() -> None:
    found = windows_for(FRAGMENTS)
    assert found is not None and found.finds(b"Q9 Q9z zL hK3 two-Trn 123 6e8b4c" + b"x" * 2000) is False


def test_one_is_found_over_the_edges_of_pieces_and_after_long_breaks() -> None:
    found = windows_for(FRAGMENTS[:1])
    assert found is not None and found.finds(b"x" * 3 * PIECE) is False
    for before in range(PIECE - 20, PIECE + 4):
        assert found.finds(b"x" * before + FRAGMENTS[0].text + b"x" * PIECE)
    assert found.finds(b"hK3vQ" + b" " * 100_000 + b"9zL0xPqAt" + b" \\n" * 50_000 + b"n5")


@pytest.mark.parametrize("pattern", ["Q ", "Q9 ", "Q9zL0", "Q9z\\n", "hK3vQ9zL0xPqAt "])
def test_a_text_full_of_tokens_is_left_to_the_other_search(pattern: str) -> None:
    found = windows_for(FRAGMENTS[:1])
    assert found is not None and found.finds(pattern.encode() * 1000) is None
    redactor, value = Redactor(["hK3vQ9zL0xPqAtn5"]), {"a": pattern * 10_000}
    for _ in range(3):
        assert redactor.clean(value) is value
        assert redactor.clean({**value, "b": "hK3vQ9zL0xPqAtn5"}) == {**value, "b": "***"}


def test_many_fragments_have_no_windows() -> None:
    chance = random.Random(2)
    assert windows_for([Fragment(chance.randbytes(16).hex().encode(), any_case=True) for _ in range(60)]) is None


def test_windows_do_not_print_their_fragments() -> None:
    assert "hK3" not in repr(windows_for(FRAGMENTS)) + repr(FRAGMENTS) + str(FRAGMENTS[0])
