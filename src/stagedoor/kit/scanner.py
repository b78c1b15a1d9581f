"""Finds machine secrets in a stream of bytes by the table of kit/keyformat.py: as they stand, in UTF-16, and inside of base64.

One pass for the prefixes of all spellings (Aho-Corasick), then one bounded look at each place. What is spelled in another way is read a
stretch at a time for all that begins in it, so that the whole is linear in the input, whatever it is. A chunk's last bytes wait for the
next chunk, so that a secret that lies across two is found, once.
"""

import re
from base64 import b64decode, b64encode
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from functools import cache

from ahocorasick_rs import BytesAhoCorasick

from stagedoor.kit.keyformat import ACCESS_TOKEN, FORMATS, LONGEST, Format
from stagedoor.kit.secretvalue import SecretValue

SHORTEST_PREFIX = "eyJ"
REACH = 2 * (3 * LONGEST + 64)
"""Bytes that a secret may take in the widest spelling."""
BEFORE = 8
"""Bytes kept of what was looked at: what stands right before a secret tells where it begins."""
GLANCE = 32
SHORT = 128
"""Characters: what is no longer is read at each place anew."""
_PART_OF_JWT = re.compile(rb"[A-Za-z0-9_-]")
_BASE64 = re.compile(rb"[A-Za-z0-9+/_-]*")
_STANDARD = bytes.maketrans(b"-_", b"+/")


@dataclass(frozen=True, slots=True)
class Hit:
    """`line` from 1 on. `checked`: its checksum is right, or its header and payload are; what only has the shape may be anything."""

    format: Format
    line: int
    checked: bool
    text: SecretValue

    @property
    def mask(self) -> str:
        return self.format.mask(self.text.reveal())


@dataclass(frozen=True, slots=True)
class _Needle:
    """`spelling`: plain, utf-16 or base64. `skip`: characters of base64 before it that belong to its first four; as many bytes less one
    stand before the secret."""

    data: bytes
    format: Format
    spelling: str
    skip: int = 0


@dataclass(frozen=True, slots=True)
class _Table:
    needles: tuple[_Needle, ...]
    patterns: dict[str, re.Pattern[bytes]]
    search: BytesAhoCorasick


@cache
def _table() -> _Table:
    needles = tuple(needle for each in FORMATS for needle in _needles(each))
    patterns = {each.kind: re.compile(each.pattern.encode()) for each in FORMATS}
    return _Table(needles, patterns, BytesAhoCorasick([needle.data for needle in needles]))


def _needles(form: Format) -> Iterator[_Needle]:
    prefix = (form.prefix or SHORTEST_PREFIX).encode()
    yield _Needle(prefix, form, "plain")
    yield _Needle(b"\0".join(prefix[at : at + 1] for at in range(len(prefix))), form, "utf-16")
    for before in range(3):
        known = b64encode(b"\0" * before + prefix)[: (before + len(prefix)) * 8 // 6]  # those that no byte after the prefix decides
        skip = (before * 8 + 5) // 6
        for data in {known[skip:], known[skip:].translate(bytes.maketrans(b"+/", b"-_"))}:
            yield _Needle(data, form, "base64", skip)


@dataclass(frozen=True, slots=True)
class _Stretch:
    """What stands from `first` on, up to `end`, read. `whole`: nothing of that spelling follows."""

    first: int
    end: int
    whole: bool
    plain: bytes

    def holds(self, first: int, length: int) -> bool:
        return self.first <= first < self.end and (self.whole or first + length <= self.end)


@dataclass
class _Stretches:
    """`width`: characters that belong together in a spelling, 2 in UTF-16 and 4 in base64. Each of the ways in which `data` falls into such
    groups has its own latest stretch, twice as long as a place needs: no byte is read more than a few times, however many places ask."""

    data: bytes = field(repr=False)
    _known: dict[tuple[int, int], _Stretch] = field(default_factory=dict, repr=False)

    def at(self, width: int, first: int, length: int) -> tuple[bytes, int]:
        """The plain text of `length` characters from `first` on, if there are so many, and where it begins in what is given."""
        known = self._known.get((width, first % width))
        if known is None or not known.holds(first, length):
            known = self._known[width, first % width] = self._read(width, first, first + 2 * length)
        return known.plain, (first - known.first) // width * (3 if width == 4 else 1)

    def _read(self, width: int, first: int, end: int) -> _Stretch:
        if width == 2:
            return _Stretch(first, min(end, len(self.data)), end >= len(self.data), self.data[first:end:2])
        run = _BASE64.match(self.data, first, end)
        assert run is not None
        return _Stretch(first, run.end(), run.end() < end, _unpacked(run[0]))


@dataclass
class Scanner:
    """`feed` it in order, then `end` it."""

    _rest: bytes = b""
    _line: int = 1
    _before: bytes = field(default=b"", repr=False)

    def feed(self, chunk: bytes) -> Iterator[Hit]:
        data = self._rest + chunk
        yield from self._look(data, max(len(data) - REACH, 0))

    def end(self) -> Iterator[Hit]:
        yield from self._look(self._rest, len(self._rest))

    def _look(self, data: bytes, limit: int) -> Iterator[Hit]:
        """All that begins before `limit`; what is after it waits."""
        table, around = _table(), self._before + data
        stretches = _Stretches(around)
        shift, at = len(self._before), 0
        if limit:
            for number, start, _ in table.search.find_matches_as_indexes(around, overlapping=True):
                if not shift <= start < shift + limit:
                    continue
                needle = table.needles[number]
                text = _text_at(needle, stretches, start, table.patterns[needle.format.kind])
                if text is None:
                    continue
                checked = needle.format.holds(text)
                if checked or needle.format is not ACCESS_TOKEN:
                    self._line += around.count(b"\n", shift + at, start)
                    at = start - shift
                    yield Hit(needle.format, self._line, checked, SecretValue(text))
        self._line += data.count(b"\n", at, limit)
        self._before = around[: shift + limit][-BEFORE:] if limit else self._before
        self._rest = data[limit:]


def scan(chunks: Iterable[bytes]) -> Iterator[Hit]:
    scanner = Scanner()
    for chunk in chunks:
        yield from scanner.feed(chunk)
    yield from scanner.end()


def scan_text(text: str) -> Iterator[Hit]:
    return scan((text.encode("utf-8", "surrogatepass"),))


def _text_at(needle: _Needle, stretches: _Stretches, start: int, pattern: re.Pattern[bytes]) -> str | None:
    """The secret whose prefix stands there in the needle's spelling. A JWT begins where no part of another one goes on."""
    data, longest = stretches.data, needle.format.longest
    plain, at = data, start
    if needle.spelling == "utf-16":
        plain, at = (data[start - 2 : start + 1 : 2], 1) if start >= 2 else (b"", 0)
    elif needle.spelling == "base64":
        plain, at = _decoded(needle, data, start, GLANCE)
    if needle.format is ACCESS_TOKEN and at > 0 and _PART_OF_JWT.match(plain, at - 1):
        return None
    if needle.spelling == "utf-16":
        plain, at = stretches.at(2, start, 2 * longest)
    elif needle.spelling == "base64" and len(plain) - at < longest:
        plain, at = _all_of(needle, stretches, start)
    found = pattern.match(plain, at)
    return found[0].decode("ascii") if found else None


def _all_of(needle: _Needle, stretches: _Stretches, start: int) -> tuple[bytes, int]:
    """As much of the base64 there as the longest such secret takes; and where the prefix is in it."""
    length, first = needle.format.longest * 4 // 3 + 8, start - needle.skip
    if length <= SHORT or first < 0 or not _BASE64.fullmatch(stretches.data, first, start):
        return _decoded(needle, stretches.data, start, length)
    plain, at = stretches.at(4, first, length)
    return plain, at + max(needle.skip - 1, 0)


def _decoded(needle: _Needle, data: bytes, start: int, length: int) -> tuple[bytes, int]:
    """What the base64 around there says, from the four characters before those of the prefix where there are any; and where the prefix
    is in it."""
    first = start - needle.skip
    begin = first - 4 if first >= 4 and _BASE64.match(data, first - 4, first).end() == first else first  # type: ignore[union-attr]
    run = _BASE64.match(data, max(begin, 0), start + length)
    if first < 0 or run is None or run.end() <= start:
        return b"", 0
    return _unpacked(run[0]), (first - begin) // 4 * 3 + max(needle.skip - 1, 0)


def _unpacked(text: bytes) -> bytes:
    """What base64 in either alphabet says. What is left after the last four characters is padded; one alone says nothing."""
    text = text.translate(_STANDARD)
    whole = len(text) // 4 * 4
    left = text[whole:]
    return b64decode(text[:whole] + (left + b"=" * (4 - len(left)) if len(left) > 1 else b""))
