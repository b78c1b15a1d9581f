"""Values of secrets are masked in every spelling that promise 7 names, and nothing else is touched."""

import base64
import html
import json
import pickle
import time
from collections.abc import Callable
from urllib.parse import quote, quote_plus

import pytest
from hypothesis import assume, example, given, settings
from hypothesis import strategies as st

from stagedoor.gate import redaction
from stagedoor.gate.redaction import DEEPEST, Redactor
from stagedoor.gate.spelling import View

pytestmark = pytest.mark.promise(7)

VALUE = "pa\"ss/w\\örd <&> %41'+ 7"
KEY = "hK3+vQ/9zL0xPq=="


def every_byte(text: str) -> str:
    return "".join(f"%{byte:02x}" for byte in text.encode())


def every_unit(text: str) -> str:
    units = text.encode("utf-16-be")
    return "".join(f"\\u{units[i]:02X}{units[i + 1]:02x}" for i in range(0, len(units), 2))


def upper_unit(character: str) -> str:
    escape = json.dumps(character)[1:-1]
    return escape if character.isascii() else escape.upper().replace("\\U", "\\u")


def decimal(text: str) -> str:
    return "".join(f"&#{ord(character)};" for character in text)


def hexadecimal(text: str) -> str:
    return "".join(f"&#X{ord(character):x};" for character in text)


def mixed_hex(text: str) -> str:
    return "".join(digit.upper() if place % 3 else digit for place, digit in enumerate(text.encode().hex()))


SPELLINGS: dict[str, Callable[[str], str]] = {
    "plain": str,
    "json": lambda text: json.dumps(text, ensure_ascii=False)[1:-1],
    "json ascii": lambda text: json.dumps(text)[1:-1],
    "json ascii, upper case": lambda text: "".join(map(upper_unit, text)),
    "json with slashes": lambda text: json.dumps(text)[1:-1].replace("/", "\\/"),
    "json, every character": every_unit,
    "json twice": lambda text: json.dumps(json.dumps(text)[1:-1])[1:-1],
    "url": lambda text: quote(text, safe=""),
    "url, lower case": lambda text: "".join(c if c.isalnum() and c.isascii() else every_byte(c) for c in text),
    "url, slashes kept": quote,
    "url twice": lambda text: quote(quote(text, safe=""), safe=""),
    "form": quote_plus,
    "url, every byte": every_byte,
    "url of json": lambda text: quote(json.dumps(text)[1:-1], safe=""),
    "html": html.escape,
    "html, quotes kept": lambda text: html.escape(text, quote=False),
    "html, decimal": decimal,
    "html, hexadecimal": hexadecimal,
    "html of json": lambda text: html.escape(json.dumps(text)[1:-1]),
    "hex": lambda text: text.encode().hex(),
    "HEX": lambda text: text.encode().hex().upper(),
    "mixed hex": mixed_hex,
    "hex of json": lambda text: json.dumps(text)[1:-1].encode().hex(),
}


def base64_core(text: str, before: int, after: int, alphabet: bytes | None = None) -> tuple[str, str]:
    """The base64 of `text` between other bytes, and the part of it that `text` alone decides."""
    data = text.encode()
    whole = base64.b64encode(b"\x9d" * before + data + b"\xa7" * after, alphabet)
    start, end = {0: 0, 1: 2, 2: 3}[before % 3] + before // 3 * 4, (before + len(data)) * 8 // 6
    return whole.decode(), whole[start:end].decode()


@pytest.mark.parametrize("name", SPELLINGS)
@pytest.mark.parametrize("value", [VALUE, KEY, "abcdef", "sécrèt", "🔑🔑 key", "two\nlines\tand\x01more"])
def test_a_value_is_masked_in_every_spelling(name: str, value: str) -> None:
    spelled = SPELLINGS[name](value)
    assert Redactor([value]).clean_text(f"before, {spelled} after") == "before, *** after"


@pytest.mark.parametrize("alphabet", [None, b"-_"])
@pytest.mark.parametrize("before", range(4))
@pytest.mark.parametrize("value", [VALUE, KEY, "abcdef", "sécrèt"])
def test_base64_is_masked_at_each_alignment(value: str, before: int, alphabet: bytes | None) -> None:
    for after in range(4):
        whole, core = base64_core(value, before, after, alphabet)
        cleaned = Redactor([value]).clean_text(f"x {whole} y")
        assert core not in cleaned
        assert "***" in cleaned
        assert cleaned.startswith("x ") and cleaned.endswith(" y")


def test_basic_authorization_is_masked() -> None:
    token = base64.b64encode(f"user:{KEY}".encode()).decode()
    cleaned = Redactor([KEY]).clean({"headers": {"authorization": [f"Basic {token}"]}})["headers"]["authorization"][0]
    assert cleaned.startswith("Basic dXNlc") and "***" in cleaned
    assert base64.b64encode(KEY.encode()).decode()[4:-4] not in cleaned


def test_base64_and_values_broken_into_lines_are_masked() -> None:
    value = "-----BEGIN KEY-----\n" + "\n".join("Ab0/" * 16 for _ in range(9)) + "\n-----END KEY-----\n"
    redactor = Redactor([value])
    folded = base64.encodebytes(b"x" + value.encode()).decode()
    assert len(redactor.clean_text(folded)) < 12
    assert redactor.clean_text("<key>" + value.replace("\n", "\r\n") + "</key>") == "<key>***\r\n</key>"
    assert redactor.clean_text("  " + value.strip().replace("\n", "\n  ")) == "  ***"
    assert redactor.clean_text(json.dumps({"key": value})) in ('{"key": "***"}', '{"key": "***\\n"}')


def test_a_value_is_masked_without_the_white_space_around_it() -> None:
    assert Redactor(["needles\n"]).clean_text("Bearer needles") == "Bearer ***"


ARRIVING = [("pass%40word", "pass@word"), ("abc+def/ghi==", "abc def/ghi=="), ("needles#pin", "needles")]


@pytest.mark.parametrize(("value", "arrives"), ARRIVING)
def test_a_value_is_masked_as_an_address_delivers_it(value: str, arrives: str) -> None:
    assert Redactor([value]).clean({"got": f"<{arrives}>"}) == {"got": "<***>"}


def test_keys_lists_and_depth_are_cleaned_and_the_rest_stays() -> None:
    value = {"a": [1, 2.5, None, True, "x abcdef y"], "abcdef-key": {"deep": [["abcdef"]]}, "z": "ok"}
    assert Redactor(["abcdef"]).clean(value) == {"a": [1, 2.5, None, True, "x *** y"], "***-key": {"deep": [["***"]]}, "z": "ok"}
    assert value["a"][4] == "x abcdef y"  # type: ignore[index]  # the input is not changed


def test_a_value_without_a_hit_is_the_very_same_object() -> None:
    value = {"a": ['back\\slash and "quotes"', 1.5, {"b": "\ud800"}], "n": 2**80}
    assert Redactor(["abcdef", "xy"]).clean(value) is value
    assert Redactor([]).clean(value) is value


def test_a_short_value_is_masked_only_where_a_whole_string_equals_it() -> None:
    redactor = Redactor(["ab", "", 'q"'])
    assert redactor.clean({"x": ["ab", "abc", "xab", ""], "ab": 'q"'}) == {"x": ["***", "abc", "xab", ""], "***": "***"}
    assert redactor.clean_text("ab") == "***" and redactor.clean_text("abc") == "abc"


def test_six_bytes_not_six_characters_make_a_value_long() -> None:
    assert Redactor(["äöü"]).clean_text("xäöüx") == "x***x"
    assert Redactor(["äöx"]).clean_text("xäöxx") == "xäöxx"


@pytest.mark.parametrize("number", [123456, 123456.0])
def test_a_value_that_comes_back_as_a_number_is_masked(number: float) -> None:
    assert Redactor(["123456"]).clean({"n": number, "m": 1234567, "t": True}) == {"n": "***", "m": 1234567, "t": True}


def test_large_and_fractional_numbers_are_masked() -> None:
    redactor = Redactor(["12345678901234567890", "3.14159", "0012345"])
    assert redactor.clean([12345678901234567890, 1.2345678901234567e19, 3.14159, 12345, 3]) == ["***", "***", "***", "***", 3]


def test_overlapping_nested_and_touching_values_are_all_masked() -> None:
    assert Redactor(["abcdefgh", "defghijk"]).clean_text("xabcdefghijkx") == "x***x"
    assert Redactor(["abcdefgh", "cdefgh"]).clean_text("abcdefgh cdefgh") == "*** ***"
    assert Redactor(["aaaaaa"]).clean_text("aaaaaaaaabaaaaa") == "***baaaaa"
    assert Redactor(["abcabc"]).clean_text("abcabcabcab") == "***ab"


def test_strings_are_not_joined_with_their_neighbours() -> None:
    value = ["abc", "def", {"abc": "def"}]
    assert Redactor(["abcdef"]).clean(value) is value


def test_what_is_nested_too_deep_is_masked_unread() -> None:
    value: object = "abcdef"
    for _ in range(DEEPEST + 50):
        value = [value]
    assert "abcdef" not in json.dumps(Redactor(["abcdef"]).clean(value))


def test_a_redactor_neither_prints_nor_pickles_its_values() -> None:
    redactor = Redactor([VALUE])
    assert repr(redactor) == str(redactor) == f"{redactor}" == "***"
    with pytest.raises(TypeError):
        pickle.dumps(redactor)


def test_without_needles_the_value_would_show(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(redaction, "_found", lambda data, needles: [])
    assert Redactor([KEY]).clean_text(f"x {KEY}") == f"x {KEY}"


def test_without_views_an_escaped_value_would_show(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(redaction, "views", lambda data: [View(data)])
    spelled = quote(VALUE, safe="")
    assert Redactor([VALUE]).clean_text(spelled) == spelled


@pytest.mark.parametrize("text", ["a" * 1_000_000, "secret" * 160_000, "\\" * 300_000, "%25" * 100_000, "&amp;" * 60_000])
def test_time_stays_linear_in_hostile_text(text: str) -> None:
    started = time.monotonic()
    Redactor(["a" * 1000, "aaaaaa", "secret"]).clean_text(text)
    assert time.monotonic() - started < 5


# --- properties ---------------------------------------------------------------------------------------------------------------

texts = st.text(st.characters(blacklist_categories=("Cs",)), max_size=40)
# A surrounding that could itself be read as half of an escape, or lengthen one, says nothing about the value.
surroundings = st.text(st.sampled_from("abc xyzäö ,.:;{}[]\"'<>\n"), max_size=30)
values = st.text(st.characters(blacklist_categories=("Cs",), blacklist_characters="*"), min_size=1, max_size=24).filter(
    lambda text: len(text.strip().encode()) >= 6
)


@settings(max_examples=400, deadline=None)
@given(values, st.sampled_from(sorted(SPELLINGS)), surroundings, surroundings)
@example("a+b c d", "form", "", "")
def test_no_spelling_of_any_value_is_left(value: str, name: str, before: str, after: str) -> None:
    spelled = SPELLINGS[name](value)
    text = f"{before} {spelled} {after}"
    for cleaned in (Redactor([value]).clean_text(text), Redactor([value]).clean({"k": [text, "other"]})["k"][0]):
        assert spelled not in cleaned
        assert "***" in cleaned


@settings(max_examples=200, deadline=None)
@given(st.lists(values, min_size=1, max_size=4), st.data())
def test_no_value_is_left_where_several_stand_together(secrets: list[str], data: st.DataObject) -> None:
    pieces = data.draw(st.lists(st.one_of(surroundings, st.sampled_from(secrets)), max_size=8))
    cleaned = Redactor(secrets).clean({"text": "".join(pieces), "list": pieces})
    for secret in secrets:
        assert secret not in cleaned["text"]
        assert all(secret not in piece for piece in cleaned["list"])


@settings(max_examples=200, deadline=None)
@given(values, texts)
def test_a_text_that_holds_no_spelling_is_unchanged(value: str, text: str) -> None:
    assume(not set(value) <= set(text) | {" "})  # no character set in common: then no spelling by characters can be in it
    assume(not any(character in text for character in "%&\\") and len(text) < 7)  # nor by bytes: shorter than any needle
    assert Redactor([value]).clean_text(text) is text
