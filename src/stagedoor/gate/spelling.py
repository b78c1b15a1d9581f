"""The ways a text can be spelled with escapes (URL, JSON, HTML) or broken into lines, and how to read it without them.

A `View` is a text with one family's escapes undone. It is made quickly, without knowing which byte came from where; only a place
that is looked back (`at_root`) pays for that. Bytes are UTF-8 (lone surrogates kept), so 0xFF is free as a stand-in.
"""

import html
import re
from bisect import bisect_left, bisect_right
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import accumulate

Span = tuple[int, int]
_HELD = b"\xff"  # stands for a decoded character that would start an escape if it were written out at once


@dataclass(frozen=True, slots=True)
class Family:
    """One way of escaping. `undo(text)` is `decode` applied to every match of `escape` (one group), only faster: a test holds them
    equal."""

    leads: tuple[bytes, ...]
    escape: re.Pattern[bytes]
    decode: Callable[[bytes], bytes]
    undo: Callable[[bytes], bytes]


class View:
    """A text, or its parent's text read with one family's escapes undone."""

    __slots__ = ("_family", "_parent", "data")

    def __init__(self, data: bytes, parent: "View | None" = None, family: Family | None = None) -> None:
        self.data, self._parent, self._family = data, parent, family

    def undone(self, family: Family) -> "View | None":
        """None where the text has no such escape: then there is nothing new to read."""
        if not any(lead in self.data for lead in family.leads):
            return None
        data = family.undo(self.data)
        return None if data == self.data else View(data, self, family)

    def at_root(self, spans: list[Span]) -> list[Span]:
        """Places in this view as places in the text that was first given; an escape is taken whole."""
        if not spans or self._parent is None or self._family is None:
            return spans
        written = self._family.escape.split(self._parent.data)  # text, escape, text, escape, ..., text
        read = written.copy()
        read[1::2] = map(_Once(self._family.decode).__getitem__, written[1::2])
        here, there = list(accumulate(map(len, read))), list(accumulate(map(len, written)))
        if here[-1] != len(self.data):  # cannot be; were it so, masking everything is right and a wrong place is not
            return self._parent.at_root([(0, len(self._parent.data))])

        def back(place: int, piece: int, edge: int) -> int:
            named = written[piece][1:2].isalpha() and read[piece] == written[piece]  # `&pass` is no escape, nor any part of it
            return edge if piece % 2 and not named else there[piece] - (here[piece] - place)

        mapped = []
        for start, end in spans:
            first, last = bisect_right(here, start), bisect_left(here, end)
            mapped.append((back(start, first, there[first] - len(written[first])), back(end, last, there[last])))
        return self._parent.at_root(mapped)


def views(data: bytes) -> Iterator[View]:
    """The text, and each reading of it with one or two families undone, one after the other (JSON inside a form, HTML of JSON)."""
    return _undone(View(data), depth=2)


def _undone(view: View, depth: int) -> Iterator[View]:
    yield view
    for family in FAMILIES if depth else ():
        if under := view.undone(family):
            yield from _undone(under, depth - 1)


class _Once(dict[bytes, bytes]):
    """Escape -> what it stands for, decoded once in a text."""

    def __init__(self, decode: Callable[[bytes], bytes]) -> None:
        self._decode = decode

    def __missing__(self, escape: bytes) -> bytes:
        self[escape] = decoded = self._decode(escape)
        return decoded


def _bytes(code: int) -> bytes:
    return chr(code).encode("utf-8", "surrogatepass")


# --- JSON, and the \x of scripts ----------------------------------------------------------------------------------------------

_JSON_CODE = rb"\\u[dD][89abAB][0-9A-Fa-f]{2}\\u[dD][c-fC-F][0-9A-Fa-f]{2}|\\u[0-9A-Fa-f]{4}|\\x[0-9A-Fa-f]{2}"
_JSON_CODES = re.compile(_JSON_CODE)
_JSON_LETTERS = {b"\\b": b"\b", b"\\f": b"\f", b"\\n": b"\n", b"\\r": b"\r", b"\\t": b"\t"}


def _json_decode(escape: bytes) -> bytes:
    if len(escape) == 12:  # two halves of one character
        return bytes.fromhex((escape[2:6] + escape[8:]).decode()).decode("utf-16-be").encode()
    return _bytes(int(escape[2:], 16)) if len(escape) > 2 else _JSON_LETTERS.get(escape, escape[1:])


def _json_undo(data: bytes) -> bytes:
    data = data.replace(b"\\\\", _HELD)
    if b"\\u" in data or b"\\x" in data:
        once = _Once(lambda escape: _json_decode(escape).replace(b"\\", _HELD))
        data = _JSON_CODES.sub(lambda match: once[match[0]], data)
    for escape, character in _JSON_LETTERS.items():
        data = data.replace(escape, character)
    return data.replace(b"\\", b"").replace(_HELD, b"\\")


# --- URLs and forms -----------------------------------------------------------------------------------------------------------

_URL_WIDE = re.compile(rb"%u[0-9A-Fa-f]{4}")  # what JavaScript's escape() writes


class _Pairs(dict[bytes, bytes]):
    """The two characters after a `%` -> their byte; no hexadecimal pair -> the `%` and themselves."""

    def __missing__(self, pair: bytes) -> bytes:
        return b"%" + pair


_DIGITS = "0123456789abcdefABCDEF"
_PAIRS = _Pairs({(high + low).encode(): bytes.fromhex(high + low) for high in _DIGITS for low in _DIGITS})


def _url_decode(escape: bytes) -> bytes:
    return _PAIRS[escape[1:]] if len(escape) == 3 else _bytes(int(escape[2:], 16))


def _url_undo(data: bytes) -> bytes:
    wide = b"%u" in data
    if wide:
        data = _URL_WIDE.sub(lambda match: _url_decode(match[0]).replace(b"%", _HELD), data)
    first, *rest = data.split(b"%")
    data = first + b"".join([_PAIRS[part[:2]] + part[2:] for part in rest])
    return data.replace(_HELD, b"%") if wide else data


# --- HTML and XML -------------------------------------------------------------------------------------------------------------

_HTML_ENTITY = re.compile(rb"(&(?:#[0-9]{1,10}|#[xX][0-9A-Fa-f]{1,8}|[A-Za-z][A-Za-z0-9]{1,31});?)")
_HTML_COMMON = {b"&quot;": b'"', b"&lt;": b"<", b"&gt;": b">", b"&#39;": b"'", b"&#x27;": b"'", b"&#34;": b'"'}


def _html_decode(escape: bytes) -> bytes:
    """A number is its character, also where HTML forbids it (`&#1;`): an encoder that writes all characters so writes those too."""
    if escape.startswith(b"&#"):
        digits = escape[2:].rstrip(b";")
        code = int(digits[1:], 16) if digits[:1] in b"xX" else int(digits)
        return _bytes(code) if code < 0x110000 else escape
    return html.unescape(escape.decode()).encode("utf-8", "surrogatepass")


def _html_undo(data: bytes) -> bytes:
    data = data.replace(b"&amp;", _HELD)
    for escape, character in _HTML_COMMON.items():
        data = data.replace(escape, character)
    if b"&" in data:
        once = _Once(_html_decode)
        data = _HTML_ENTITY.sub(lambda match: once[match[0]], data)
    return data.replace(_HELD, b"&")


# --- lines --------------------------------------------------------------------------------------------------------------------


def squeezed(data: bytes) -> bytes:
    """Without white space."""
    return data.translate(None, b" \t\r\n")


FOLDED = Family((b"\n", b"\r"), re.compile(rb"([ \t\r\n]+)"), lambda escape: b"", squeezed)
JSON = Family((b"\\",), re.compile(rb"(" + _JSON_CODE + rb"|\\(?:.|\Z))", re.DOTALL), _json_decode, _json_undo)
URL = Family((b"%",), re.compile(rb"(%[0-9A-Fa-f]{2}|%u[0-9A-Fa-f]{4})"), _url_decode, _url_undo)
HTML = Family((b"&",), _HTML_ENTITY, _html_decode, _html_undo)
FAMILIES = (JSON, URL, HTML)
