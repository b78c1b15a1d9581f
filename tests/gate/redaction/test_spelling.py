"""Undoing escapes: the quick way and the exact way agree, and places are found again."""

import html
import json
from urllib.parse import unquote_to_bytes

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from stagedoor.gate.spelling import FAMILIES, FOLDED, HTML, JSON, URL, Family, View, views

PIECES = [
    "\\", "\\\\", '\\"', "\\/", "\\n", "\\u0041", "\\u005c", "\\u005C", "\\ud83d\\ude00", "\\ud83d", "\\u12", "\\x41", "\\x5c", "\\x4",
    "u0041", "%", "%41", "%25", "%4", "%C3%A4", "%u00e4", "%u0025", "%u12", "41", "&", "&amp;", "&amp", "&lt;", "&quot;", "&#39;", "&#x27;",
    "&#65;", "&#65", "&#38;", "&#x26;lt;", "&amplt;", "&eacute;", "&nothing;", "&#", "&#x", "&#1;", "&#x9999999;", "lt;", "#65;", " ", "\n",
    "\r\n\t", "a", "ä", "\U0001f511", "\0", ";", "x",
]  # fmt: skip
texts = st.lists(st.sampled_from(PIECES), max_size=12).map("".join)


def exactly(family: Family, data: bytes) -> bytes:
    return family.escape.sub(lambda match: family.decode(match[1]), data)


@settings(max_examples=1500, deadline=None)
@given(texts, st.sampled_from([*FAMILIES, FOLDED]))
def test_the_quick_way_and_the_exact_way_read_the_same(text: str, family: Family) -> None:
    data = text.encode()
    assert family.undo(data) == exactly(family, data)


@settings(max_examples=300, deadline=None)
@given(st.text(st.characters(blacklist_categories=("Cs",)), max_size=20))
def test_json_and_html_are_read_as_their_own_readers_do(text: str) -> None:
    assert JSON.undo(json.dumps(text)[1:-1].encode()).decode() == text
    assert HTML.undo(html.escape(text).encode()).decode() == html.unescape(html.escape(text))


@settings(max_examples=300, deadline=None)
@given(texts.filter(lambda text: "%u" not in text))
def test_urls_are_read_as_the_standard_library_does(text: str) -> None:
    assert URL.undo(text.encode()) == unquote_to_bytes(text.encode())


@settings(max_examples=500, deadline=None)
@given(texts, st.data())
def test_a_place_in_a_view_leads_back_to_the_bytes_it_was_read_from(text: str, data: st.DataObject) -> None:
    raw = text.encode()
    view = data.draw(st.sampled_from(list(views(raw))))
    if not view.data:
        return
    start = data.draw(st.integers(0, len(view.data) - 1))
    end = data.draw(st.integers(start + 1, len(view.data)))
    ((first, last),) = view.at_root([(start, end)])
    assert 0 <= first < last <= len(raw)
    read = [raw[first:last]]  # reading just these bytes again gives at least what was looked for
    for _ in range(2):
        read += [family.undo(one) for one in read for family in FAMILIES]
    assert any(view.data[start:end] in one for one in read)


@pytest.mark.parametrize(
    ("text", "place", "expected"), [("x\\u0041y", (1, 2), (1, 7)), ("x\\u0041y", (2, 3), (7, 8)), ("ab", (0, 1), (0, 1))]
)
def test_an_escape_is_taken_whole(text: str, place: tuple[int, int], expected: tuple[int, int]) -> None:
    root = View(text.encode())
    view = root.undone(JSON) or root
    assert view.at_root([place]) == [expected]
