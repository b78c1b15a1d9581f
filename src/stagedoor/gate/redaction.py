"""Masks the values of opened secrets in whatever enters a run afterwards (design: secrets never enter an engine; promise 7).

The strings of a JSON value are searched as one text, from two sides:

* an encoding that spells every value in one way (base64 at its three alignments, hex) is a *needle*, made once per value;
* an encoding with escapes (URL, JSON, HTML) or broken lines, where a sender chooses what to escape and how, is undone: the text
  is read again as a *view* (`spelling.py`), to a depth of two (JSON within a form, HTML within JSON). A hit in a view is mapped
  back to the bytes it was written with.

So partly escaped and mixed spellings are found without being listed. Only strings that may hold one are read so; a quick look
(`sieve.py`) passes all others. The cost is linear in the text (docs/decisions/0030-redaction.md). Redaction is the second line, not
the control: an encoding that nobody thought of passes.
"""

from bisect import bisect_right
from collections.abc import Iterable, Iterator, Sequence
from functools import cached_property
from itertools import accumulate, chain
from typing import Any

import msgspec

from stagedoor.gate.needles import SHORTEST, Needles, arriving, json_text, utf8, written
from stagedoor.gate.sieve import Sieve, sieve_for
from stagedoor.gate.spelling import FOLDED, Span, views

__all__ = ["MASK", "SHORTEST", "MaskEverything", "Redactor"]

Json = Any

MASK = "***"
MOST_SPELLED = 18  # bytes for one of a value's: `%5C%75%30%30%34%31`
DEEPEST = 400  # levels of lists and objects; what lies deeper is masked whole rather than passed unread
_encode = msgspec.json.Encoder().encode


class Redactor:
    """Masks `values` (the texts of the secrets opened so far) as `***`; prints as `***` itself."""

    def __init__(self, values: Iterable[str]) -> None:
        self._values = tuple(values)

    @cached_property
    def _whole(self) -> frozenset[str]:
        return frozenset(filter(None, self._values))

    @cached_property
    def _least(self) -> int:
        return min(map(_shortest, self._whole), default=0)

    @cached_property
    def _of_each(self) -> list[Needles]:
        """Made when a text first comes that is long enough to hold anything."""
        forms = ({text for text in arriving(value) if len(utf8(text)) >= SHORTEST} for value in self._whole)
        return [Needles(long) for long in forms if long]

    @cached_property
    def _sieve(self) -> Sieve | None:
        return sieve_for((one.plain | one.squeezed | one.base64, one.hex) for one in self._of_each)

    @cached_property
    def _numbers(self) -> frozenset[int | float]:
        return frozenset(number for one in self._of_each for number in one.numbers)

    @cached_property
    def _exactly(self) -> tuple[bytes, ...]:
        """How JSON text writes what is masked as a whole alone: short values, and numbers."""
        short = [json_text(value) for value in self._whole if len(utf8(value)) < SHORTEST]
        numbers = {digits for number in self._numbers for digits in written(number)}
        return (*short, *(one for one in numbers if not any(other in one for other in numbers - {one})))

    @cached_property
    def _needles(self) -> tuple[bytes, ...]:
        return tuple(set().union(*(one.plain | one.base64 for one in self._of_each)))

    @cached_property
    def _folded(self) -> tuple[bytes, ...]:
        """Those for a text without its white space."""
        return tuple(set().union(*(one.squeezed | one.base64 for one in self._of_each)))

    @cached_property
    def _hex(self) -> tuple[bytes, ...]:
        return tuple(set().union(*(one.hex for one in self._of_each)))

    def __repr__(self) -> str:
        return MASK

    def __reduce__(self) -> tuple[object, ...]:
        raise TypeError("a redactor holds secret values and cannot be pickled")

    def clean(self, value: Json) -> Json:
        """The same JSON value with every occurrence masked, in keys, strings and whole numbers; the very same object if there is none."""
        if type(value) is str:
            return self.clean_text(value)
        if not self._whole or value is None:
            return value
        if self._is_surely_clean(value):
            return value
        found = _Strings()
        found.collect(value, 0)
        damage = self._damage(found.strings)
        if not (damage or found.too_deep or not self._whole.isdisjoint(found.strings) or not self._numbers.isdisjoint(found.numbers)):
            return value
        return _Rebuild(damage, self._whole, self._numbers).rebuild(value, 0)

    def _is_surely_clean(self, value: Json) -> bool:
        """The common case, told from the JSON text alone."""
        if self._sieve is None:
            return False
        try:
            data = _encode(value)
        except (TypeError, ValueError, OverflowError, RecursionError):  # lone surrogates, huge numbers, very deep
            return False
        return not (self._sieve.holds_back(data) or (self._exactly and any(map(data.__contains__, self._exactly))))

    def clean_text(self, text: str) -> str:
        """The same for one string."""
        size = len(text)
        for value in self._values:
            if len(value) <= size or not value.isalnum():
                break
        else:  # mostly a name: every poll brings the worker's
            return text
        if text in self._whole:
            return MASK
        if size < self._least:  # any spelling is at least as long
            return text
        data = utf8(text)
        spans = self.places(data)
        return _masked(data, spans) if spans else text

    def clean_lines(self, lines: Sequence[str]) -> list[str]:
        """The same for the lines of one text: of a value that is broken over some, each loses its part."""
        data, ends = _joined(lines, "\n")
        inside = dict(_by_string(self.places(data), lines, ends))
        cleaned = (_masked(utf8(line), inside[index]) if index in inside else line for index, line in enumerate(lines))
        return [MASK if line in self._whole else clean for line, clean in zip(lines, cleaned, strict=True)]

    def places(self, data: bytes) -> list[Span]:
        """Where in a text, as UTF-8, values stand in any spelling: merged and in order."""
        if not self._whole or (self._sieve is not None and not self._sieve.holds_back(data)):
            return []
        return self._spans(data)

    @property
    def reach(self) -> int:
        """Bytes that a value may take at most, with each of its characters spelled out twice over (`%5Cu0041`, `%26%23%36%35%3B`)."""
        return MOST_SPELLED * max(map(len, self._needles), default=0)

    def _damage(self, strings: list[str]) -> dict[int, str]:
        """Index of each string that holds a value -> the string masked."""
        data, ends = _joined(strings)
        chosen = range(len(strings)) if self._sieve is None else sorted(self._sieve.suspects(data, ends))
        if len(chosen) < len(strings):
            strings = [strings[index] for index in chosen]
            data, ends = _joined(strings)
        inside = _by_string(self._spans(data), strings, ends)
        return {chosen[index]: _masked(utf8(strings[index]), spans) for index, spans in inside}

    def _spans(self, data: bytes) -> list[Span]:
        """Every place, merged and in order, where a value stands in any spelling."""
        spans: list[Span] = []
        for view in views(data):
            spans += view.at_root(_found(view.data, self._needles) + _found(view.data.lower(), self._hex))
            if folded := view.undone(FOLDED):
                spans += folded.at_root(_found(folded.data, self._folded) + _found(folded.data.lower(), self._hex))
        return _merged(spans)


def _shortest(value: str) -> int:
    """The least length of anything that spells a value, white space apart."""
    return len(value) if value.isalnum() else min(len("".join(text.split())) for text in arriving(value))


def _joined(strings: Sequence[str], separator: str = "\0") -> tuple[bytes, list[int]]:
    """All as one text, and where each ends in it."""
    joined = separator.join(strings)
    data = utf8(joined)
    lengths = map(len, strings) if len(data) == len(joined) else (len(utf8(text)) for text in strings)
    return data, list(accumulate(lengths, lambda end, length: end + 1 + length))


def _text(data: bytes) -> str:
    try:
        return data.decode("utf-8", "surrogatepass")
    except UnicodeDecodeError:  # a cut through a character: values are whole characters, but nothing may fail here
        return data.decode("utf-8", "replace")


class MaskEverything(Redactor):
    """For a run whose values nobody knows any more: what cannot be searched is not passed on."""

    def __init__(self) -> None:
        super().__init__(())

    def clean(self, value: Json) -> Json:
        if isinstance(value, dict):
            return {MASK: self.clean(list(value.values()))} if value else {}
        if isinstance(value, list):
            return [self.clean(member) for member in value]
        return value if value is None or value == "" or isinstance(value, bool) else MASK

    def clean_text(self, text: str) -> str:
        return text and MASK

    def clean_lines(self, lines: Sequence[str]) -> list[str]:
        return [self.clean_text(line) for line in lines]


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


def _by_string(spans: list[Span], strings: Sequence[str], ends: list[int]) -> Iterator[tuple[int, list[Span]]]:
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
