"""Masks the values of opened secrets in whatever enters a run afterwards (design: secrets never enter an engine; promise 7).

The strings of a JSON value are searched as one text, from two sides:

* an encoding that spells every value in one way (base64 at its three alignments, hex) is a *needle*, made once per value;
* an encoding with escapes (URL, JSON, HTML) or broken lines, where a sender chooses what to escape and how, is undone: the text
  is read again as a *view* (`spelling.py`), to a depth of two (JSON within a form, HTML within JSON). A hit in a view is mapped
  back to the bytes it was written with.

So partly escaped and mixed spellings are found without being listed, and text without an escape costs no view. Needles are
searched one by one: `bytes.find` is so fast that an automaton would win only from about a hundred values on. The cost is linear
in the text. Redaction is the second line, not the control: an encoding that nobody thought of passes.
"""

import base64
import json
import re
from bisect import bisect_right
from collections.abc import Iterable, Iterator
from itertools import accumulate, chain
from typing import Any
from urllib.parse import unquote, unquote_plus

import msgspec

from stagedoor.gate.spelling import FOLDED, Span, squeezed, views

Json = Any

MASK = "***"
SHORTEST = 6  # bytes; a shorter value is masked only where a whole string equals it, or half of all texts would be stars
DEEPEST = 400  # levels of lists and objects; what lies deeper is masked whole rather than passed unread
_SEPARATOR = "\0"
_NUMBER = re.compile(r"-?[0-9]{1,300}(\.[0-9]{1,300})?([eE][+-]?[0-9]{1,3})?")


class Redactor:
    """Masks `values` (the texts of the secrets opened so far) as `***`; prints as `***` itself."""

    __slots__ = ("_folded", "_hex", "_needles", "_numbers", "_short", "_whole")

    def __init__(self, values: Iterable[str]) -> None:
        given = {value for value in values if value}
        long = {text for value in given for text in _arriving(value) if len(_bytes(text)) >= SHORTEST}
        self._whole = frozenset(given)
        self._short = tuple(b'"' + _bytes(value) + b'"' for value in given if value not in long)
        encoded = {needle for text in long for form in _inner_forms(text) for needle in _base64(_bytes(form))}
        plain = {_bytes(text) for text in long}
        self._needles = _long_enough(encoded | plain | {data.replace(b" ", b"+") for data in plain})
        self._folded = _long_enough(encoded | {squeezed(data) for data in plain})
        self._hex = _long_enough({_bytes(form).hex().encode() for text in long for form in _inner_forms(text)})
        self._numbers = frozenset(number for text in long for number in _as_numbers(text))

    def __repr__(self) -> str:
        return MASK

    def __reduce__(self) -> tuple[object, ...]:
        raise TypeError("a redactor holds secret values and cannot be pickled")

    def clean(self, value: Json) -> Json:
        """The same JSON value with every occurrence masked, in keys, strings and whole numbers; the very same object if there is none."""
        if not self._whole or self._is_surely_clean(value):
            return value
        found = _Strings()
        found.collect(value, 0)
        damage = self._damage(found.strings)
        if not (damage or found.too_deep or not self._whole.isdisjoint(found.strings) or not self._numbers.isdisjoint(found.numbers)):
            return value
        return _Rebuild(damage, self._whole, self._numbers).rebuild(value, 0)

    def _is_surely_clean(self, value: Json) -> bool:
        """The common case, ten times faster: the JSON text, where it holds no backslash, shows every string as it is."""
        try:
            data = msgspec.json.encode(value)
        except (TypeError, ValueError, OverflowError, RecursionError):  # lone surrogates, huge numbers, very deep
            return False
        if self._numbers or b"\\" in data or any(short in data for short in self._short):
            return False
        return not self._spans(data)

    def clean_text(self, text: str) -> str:
        """The same for one string."""
        if text in self._whole:
            return MASK
        data = _bytes(text)
        spans = self._spans(data)
        return _masked(data, spans) if spans else text

    def _damage(self, strings: list[str]) -> dict[int, str]:
        """Index of each string that holds a value -> the string masked."""
        joined = _SEPARATOR.join(strings)
        data = _bytes(joined)
        spans = self._spans(data)
        if not spans:
            return {}
        lengths = map(len, strings) if len(data) == len(joined) else (len(_bytes(text)) for text in strings)
        ends = list(accumulate(lengths, lambda end, length: end + 1 + length))
        return {index: _masked(_bytes(strings[index]), inside) for index, inside in _by_string(spans, strings, ends)}

    def _spans(self, data: bytes) -> list[Span]:
        """Every place, merged and in order, where a value stands in any spelling."""
        spans: list[Span] = _found(data.lower(), self._hex)
        for view in views(data):
            spans += view.at_root(_found(view.data, self._needles))
            if folded := view.undone(FOLDED):
                spans += folded.at_root(_found(folded.data, self._folded) + _found(folded.data.lower(), self._hex))
        return _merged(spans)


def _bytes(text: str) -> bytes:
    return text.encode("utf-8", "surrogatepass")


def _text(data: bytes) -> str:
    try:
        return data.decode("utf-8", "surrogatepass")
    except UnicodeDecodeError:  # a cut through a character: values are whole characters, but nothing may fail here
        return data.decode("utf-8", "replace")


# --- needles ------------------------------------------------------------------------------------------------------------------


def _arriving(value: str) -> set[str]:
    """What the other side may read where it was sent the value: a header loses white space around it, an address ends at a `#`, and
    addresses and forms are decoded."""
    return {value, value.strip(), unquote(value), unquote_plus(value), value.partition("#")[0]}


def _inner_forms(text: str) -> set[str]:
    """The value as it stands, and as it stands inside a JSON document that is then encoded as a whole."""
    return {text, json.dumps(text)[1:-1], json.dumps(text, ensure_ascii=False)[1:-1]}


def _long_enough(needles: set[bytes]) -> tuple[bytes, ...]:
    return tuple(needle for needle in needles if len(needle) >= SHORTEST)


def _base64(data: bytes) -> Iterator[bytes]:
    """The characters that the value alone decides, at each of its three alignments, in both alphabets."""
    for before, undecided in ((0, 0), (1, 2), (2, 3)):
        whole = base64.b64encode(b"\0" * before + data)[undecided : (before + len(data)) * 8 // 6]
        yield whole
        yield whole.replace(b"+", b"-").replace(b"/", b"_")


def _as_numbers(text: str) -> Iterator[int | float]:
    """What a JSON parser makes of the text: a secret of digits comes back from a parsed answer as a number (or a Double)."""
    if match := _NUMBER.fullmatch(text):
        yield float(text)
        if not (match[1] or match[2]):
            yield int(text)


# --- places -------------------------------------------------------------------------------------------------------------------


def _found(data: bytes, needles: tuple[bytes, ...]) -> list[Span]:
    return [span for needle in needles if needle in data for span in _runs(data, needle)]


def _runs(data: bytes, needle: bytes) -> Iterator[Span]:
    """The places of a needle; occurrences that overlap or touch are one run, so `aaaaaa` in a million a's costs little."""
    size = len(needle)
    start = data.find(needle)
    while start >= 0:
        last = start
        while (later := data.rfind(needle, last + 1, last + 2 * size)) >= 0:
            last = later
        yield start, last + size
        start = data.find(needle, last + size)


def _merged(spans: list[Span]) -> list[Span]:
    merged: list[Span] = []
    for start, end in sorted(spans):
        if merged and start <= merged[-1][1]:
            merged[-1] = (merged[-1][0], max(end, merged[-1][1]))
        else:
            merged.append((start, end))
    return merged


def _masked(data: bytes, spans: list[Span]) -> str:
    parts, at = [], 0
    for start, end in spans:
        parts.append(_text(data[at:start]))
        at = end
    return MASK.join([*parts, _text(data[at:])])


def _by_string(spans: list[Span], strings: list[str], ends: list[int]) -> Iterator[tuple[int, list[Span]]]:
    """Places in the joined text as places in the strings (`ends`: where each ends in the joined text)."""
    inside: dict[int, list[Span]] = {}
    for start, end in spans:
        index = bisect_right(ends, start)
        while index < len(strings):
            begin = ends[index - 1] + 1 if index else 0
            if begin >= end:
                break
            inside.setdefault(index, []).append((max(start, begin) - begin, min(end, ends[index]) - begin))
            index += 1
    yield from inside.items()


class _Strings:
    """The strings (keys too) and numbers of a JSON value, in the order in which `_Rebuild` meets them again."""

    def __init__(self) -> None:
        self.strings: list[str] = []
        self.numbers: list[int | float] = []
        self.too_deep = False

    def collect(self, value: Json, depth: int) -> None:
        """Plain types are met first and by identity: this loop is most of the cost of cleaning a large object."""
        members: Iterable[Json] = (value,)
        if isinstance(value, dict | list):
            if depth > DEEPEST:
                self.too_deep = True
                return
            members = chain.from_iterable(value.items()) if isinstance(value, dict) else value
        for member in members:
            kind = type(member)
            if kind is str:
                self.strings.append(member)
            elif kind is dict or kind is list:
                self.collect(member, depth + 1)
            elif kind is int or kind is float:
                self.numbers.append(member)
            elif isinstance(member, str | dict | list | int | float) and kind is not bool:
                raise TypeError(f"not plain JSON: {kind.__name__}")  # better no answer than a subclass passed unread


class _Rebuild:
    """Builds the value anew with the damaged strings replaced; counts strings exactly as `_Strings` does."""

    def __init__(self, damage: dict[int, str], whole: frozenset[str], numbers: frozenset[int | float]) -> None:
        self._damage, self._whole, self._numbers = damage, whole, numbers
        self._at = -1

    def rebuild(self, value: Json, depth: int) -> Json:
        if isinstance(value, str):
            return self._string(value)
        if isinstance(value, dict | list):
            if depth > DEEPEST:
                return MASK
            if isinstance(value, dict):
                return {self._string(key): self.rebuild(member, depth + 1) for key, member in value.items()}
            return [self.rebuild(member, depth + 1) for member in value]
        if isinstance(value, int | float) and not isinstance(value, bool) and value in self._numbers:
            return MASK
        return value

    def _string(self, text: str) -> str:
        self._at += 1
        return MASK if text in self._whole else self._damage.get(self._at, text)
