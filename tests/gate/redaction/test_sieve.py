"""The quick look at a text never passes what the close reading would have masked."""

import html
import json
import time
from collections.abc import Callable, Sequence
from functools import cache
from urllib.parse import quote

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from stagedoor.gate import telling
from stagedoor.gate.redaction import Redactor
from tests.gate.redaction.test_spelling import PIECES

pytestmark = pytest.mark.promise(7)

VALUES = ["hK3vQ9zL0xPqAtn5", "pass-word-rn\\u", 'a"b&c%d\\e longer Tail', "two\nlines4of8text", "12345678", "sécrèt-Größe9", "nrtnrt-nrt"]
SYMBOLS = ["X9!k@2#mQ$7p", 'p@s w"r/é%41', "a b+c\nd e", "\\n1\\2~rt", "!&%k\\%'\"<"]
"""Without four letters or digits in a row."""
ONES: list[Callable[[str], str]] = [
    str, str, str, str,
    lambda one: "".join(f"%{byte:02X}" for byte in one.encode()),
    lambda one: "".join(f"%{byte:02x}" for byte in one.encode()),
    lambda one: f"\\u{ord(one):04x}",
    lambda one: f"\\x{ord(one) & 255:02X}",
    lambda one: f"%u{ord(one):04X}",
    lambda one: f"&#{ord(one)};",
    lambda one: f"&#{ord(one):012d}",
    lambda one: f"&#x{ord(one):x};",
    lambda one: f"&#X{ord(one):06X};",
    lambda one: f"\\{one}",
    lambda one: f"{one}\n",
    lambda one: f"{one}\r\n  ",
    lambda one: f"{one}%0a",
    lambda one: f"{one}&#10;",
]  # fmt: skip
WHOLES: list[Callable[[str], str]] = [
    str, str, str, quote, html.escape,
    lambda text: json.dumps(text)[1:-1],
    lambda text: quote(text, safe=""),
    lambda text: "".join(f"%{byte:02x}" for byte in text.encode()),
    lambda text: "".join(f"&#{ord(one)};" for one in text),
    lambda text: text.replace("%", "%25"),
    lambda text: text.replace("\\", "%5C"),
    lambda text: text.replace("&", "\\u0026"),
    lambda text: text.replace("#", "%23"),
    lambda text: text.replace("\\", "&#92;"),
    lambda text: text.replace("&", "&amp;"),
    str.upper,
    lambda text: text.encode().hex(),
]  # fmt: skip
AROUND = st.lists(st.sampled_from([*PIECES, "C:\\new\\table", "x=1&amp;b=2", '{\\"a\\":1}']), max_size=4).map("".join)


@st.composite
def spelled(draw: st.DrawFn, values: Sequence[str]) -> str:
    """A value, each character and then the whole written in some way, among other things."""
    value = draw(st.sampled_from(values))
    few = draw(st.lists(st.sampled_from(ONES), min_size=1, max_size=3))
    plain = draw(st.booleans())  # letters and digits, as encoders leave them
    text = "".join(one if plain and one.isalnum() else draw(st.sampled_from(few))(one) for one in value)
    for whole in draw(st.lists(st.sampled_from(WHOLES), max_size=2)):
        text = whole(text)
    return draw(AROUND) + text + draw(AROUND)


@cache
def three(values: tuple[str, ...]) -> tuple[Redactor, Redactor, Redactor]:
    """One that reads every text closely; one that has just been made; one with windows, as after some texts."""
    exact, new, used = Redactor(values), Redactor(values), Redactor(values)
    exact._sieve = None
    if new._sieve is not None:
        new._sieve._unread = 0
    if used._sieve is not None:
        used._sieve._unread = 1
        assert used.clean_text("x" * 100) == "x" * 100
        assert used._sieve._windows or len(values) > 1
    return exact, new, used


def same(texts: list[str], values: tuple[str, ...]) -> None:
    value = {"a": texts, texts[0]: 12345678.0}
    exact, *others = three(values)
    for redactor in others:
        assert redactor.clean(value) == exact.clean(value)
        assert [redactor.clean_text(text) for text in texts] == [exact.clean_text(text) for text in texts]


@st.composite
def texts_and_values(draw: st.DrawFn) -> tuple[list[str], tuple[str, ...]]:
    values = draw(st.sampled_from([tuple(VALUES), *((one,) for one in VALUES + SYMBOLS)]))
    return draw(st.lists(st.one_of(spelled(values), AROUND), min_size=1, max_size=3)), values


@settings(max_examples=80, deadline=None)
@given(texts_and_values())
def test_the_quick_look_and_the_close_reading_mask_the_same(drawn: tuple[list[str], tuple[str, ...]]) -> None:
    same(*drawn)


@pytest.mark.soak
@settings(max_examples=5000, deadline=None)
@given(texts_and_values())
def test_they_mask_the_same_in_many_texts(drawn: tuple[list[str], tuple[str, ...]]) -> None:
    same(*drawn)


HARMLESS = [
    'He said "no", \n twice, in C:\\new\\table; see R&D, 20% off, {"a": "b\\u0434"} and https://x.example/?q=a%20b%2Fc&d=%7B%22%7D',
    json.dumps(json.dumps({"text": 'with "quotes"\n and\tmore', "path": "C:\\\\dir"})),
    html.escape('<a href="/x?a=1&b=2">it\'s</a>') + " &lt;b&gt; &nbsp;&eacute;&#8217;&#160;&#39;",
    "Straße 漢字 \\u6f22 \\u0434 \\n \\u003c %E6%BC%A2 %u6F22",
]


@pytest.mark.parametrize("text", HARMLESS)
def test_usual_escapes_need_no_close_reading(text: str, monkeypatch: pytest.MonkeyPatch) -> None:
    redactor = Redactor(VALUES[:1])
    monkeypatch.setattr(Redactor, "_spans", None)
    value = {"text": text, "again": [text]}
    assert redactor.clean(value) is value
    assert redactor.clean_text(text) is text


def test_only_the_suspected_strings_are_read_closely(monkeypatch: pytest.MonkeyPatch) -> None:
    read: list[int] = []
    whole = Redactor._spans
    monkeypatch.setattr(Redactor, "_spans", lambda self, data: read.append(len(data)) or whole(self, data))  # type: ignore[func-returns-value]
    value = {"many": ["nothing to see here\n"] * 1000, "one": "it is %68K3vQ9zL0xPqAtn5", "two": "hk3vq9zl0xpqatn5"}
    assert Redactor(VALUES[:1]).clean(value) == {**value, "one": "it is ***"}
    assert read == [len("it is %68K3vQ9zL0xPqAtn5 hk3vq9zl0xpqatn5")]


@pytest.mark.parametrize("count", [1, 20])
def test_many_searches_give_the_same_as_one(count: int) -> None:
    """After some the automaton takes over."""
    values = [f"{number:02}-hK3vQ9zL0xPq" for number in range(count)]
    redactor, hit = Redactor(values), {"a": "b" * 5000, "c": values[-1]}
    for _ in range(40):
        assert redactor.clean({"a": "b" * 5000}) == {"a": "b" * 5000}
        assert redactor.clean(hit) == {"a": "b" * 5000, "c": "***"}
    assert (redactor._sieve is not None) and redactor._sieve._low._automaton is not None
    far = "b" * 100_000 + values[-1]  # over the edges of pieces
    assert all(redactor.clean_text(far[cut:]) == far[cut : -len(values[-1])] + "***" for cut in range(34_400, 34_600, 7))


def test_without_the_telling_escapes_a_spelled_value_would_pass(monkeypatch: pytest.MonkeyPatch) -> None:
    text = "".join(f"%{byte:02x}" for byte in VALUES[0].encode())
    assert Redactor(VALUES[:1]).clean({"a": text}) == {"a": "***"}
    monkeypatch.setattr(telling, "PATTERNS", {})
    assert Redactor(VALUES[:1]).clean({"a": text}) == {"a": text}


HOSTILE = [
    "a" * 16, "secret" * 3, "\\" * 16, "%25" * 6, "&amp;" * 4, "%5C%5c", "&#0000000", "&#x00000000;", "\\u005cu0061", "%\\\\\\\\\\\\\\\\",
    "YWFhYWFhYWFhYWFh", "616161616161", "a\n", "%2525252525", "&&&&####", "\\u00\\u00\\x", "a&#97;%61\\u0061", "\0\0a\0", "aaaaab",
]  # fmt: skip
EVERYTHING_CLOSELY = ("a" * 1000, "aaaaaa", "secret", "\\" * 8, "aaaaaab")


def cost(pattern: str, size: int, *, split: int = 0, values: Sequence[str] = EVERYTHING_CLOSELY) -> float:
    """CPU seconds, the least of three."""
    text = pattern * (size // len(pattern))
    value = [text[at : at + split] for at in range(0, len(text), split)] if split else text
    times = []
    for _ in range(3):
        redactor = Redactor(values)
        begun = time.process_time()
        redactor.clean(value)
        times.append(time.process_time() - begun)
    return min(times)


@pytest.mark.slow
@pytest.mark.parametrize("split", [0, 50])
@pytest.mark.parametrize("pattern", HOSTILE)
def test_twice_the_text_takes_twice_the_time(pattern: str, split: int) -> None:
    once, twice = cost(pattern, 100_000, split=split), cost(pattern, 400_000, split=split)
    assert twice < max(0.08, 4 * 2.2 * once), (once, twice)  # four times the text; were it squared, it would take sixteen times as long


@pytest.mark.slow
@pytest.mark.parametrize("pattern", ["c ", "secreta ", "cr\\", "c" + " " * 5000, "&#8217; ", "a& "])
@pytest.mark.parametrize("value", ["secretab", "a&%k\\u0"])
def test_texts_full_of_what_is_searched_take_linear_time_too(pattern: str, value: str) -> None:
    once, twice = cost(pattern, 100_000, values=[value]), cost(pattern, 400_000, values=[value])
    assert twice < max(0.08, 4 * 2.2 * once), (once, twice)


@pytest.mark.slow
def test_deep_nesting_is_linear_too() -> None:
    def seconds(rows: int) -> float:
        value: object = "aaaaab"
        for _ in range(390):
            value = {"aaaaac": [value][0], "b": "%61"}
        begun = time.process_time()
        Redactor(["aaaaab"]).clean([value] * rows)
        return time.process_time() - begun

    assert seconds(200) < max(0.2, 4 * 2.2 * seconds(50))
