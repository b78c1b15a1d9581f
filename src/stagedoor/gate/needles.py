"""What the value of a secret may be found by: its forms, encoded in every way that spells it in one way (the rest: `spelling.py`)."""

import base64
import json
import math
import re
from collections.abc import Iterator
from urllib.parse import unquote, unquote_plus

import msgspec

from stagedoor.gate.spelling import squeezed

SHORTEST = 6  # bytes; a shorter value is masked only where a whole string equals it, or half of all texts would be stars
_NUMBER = re.compile(r"-?[0-9]{1,300}(\.[0-9]{1,300})?([eE][+-]?[0-9]{1,3})?")


def arriving(value: str) -> set[str]:
    """What the other side may read where it was sent the value: a header loses white space around it, an address ends at a `#`, and
    addresses and forms are decoded."""
    if value.isalnum():
        return {value}
    return {value, value.strip(), unquote(value), unquote_plus(value), value.partition("#")[0]}


def _inner_forms(text: str) -> set[str]:
    """The value as it stands, and as it stands inside a JSON document that is then encoded as a whole."""
    if text.isascii() and text.isalnum():
        return {text}
    return {text, json.dumps(text)[1:-1], json.dumps(text, ensure_ascii=False)[1:-1]}


class Needles:
    """What one value may be found by, in the forms in which it may arrive."""

    def __init__(self, texts: set[str]) -> None:
        plain = {utf8(text) for text in texts}
        inner = {utf8(form) for text in texts for form in _inner_forms(text)}
        self.plain = _long_enough(plain | {data.replace(b" ", b"+") for data in plain})
        self.squeezed = _long_enough({squeezed(data) for data in plain})
        self.base64 = _long_enough({needle for data in inner for needle in _base64(data)})
        self.hex = {data.hex().encode() for data in inner}
        self.numbers = {number for text in texts for number in _as_numbers(text)}


def _long_enough(needles: set[bytes]) -> set[bytes]:
    return {needle for needle in needles if len(needle) >= SHORTEST}


def _base64(data: bytes) -> Iterator[bytes]:
    """The characters that the value alone decides, at each of its three alignments, in both alphabets."""
    for before, undecided in ((0, 0), (1, 2), (2, 3)):
        whole = base64.b64encode(b"\0" * before + data)[undecided : (before + len(data)) * 8 // 6]
        yield whole
        yield whole.replace(b"+", b"-").replace(b"/", b"_")


def json_text(value: str | float) -> bytes:
    try:
        return msgspec.json.encode(value)
    except UnicodeEncodeError:  # then no JSON text is made of anything that holds it
        return utf8(value) if isinstance(value, str) else b""


def written(number: float) -> Iterator[bytes]:
    """How JSON may write what equals this number; nothing, which is in every text, for what it cannot write."""
    yield json_text(number) if math.isfinite(number) and abs(number) < 2**63 else b""
    if math.isfinite(number) and number == int(number):
        yield str(int(number)).encode()


def _as_numbers(text: str) -> Iterator[int | float]:
    """What a JSON parser makes of the text: a secret of digits comes back from a parsed answer as a number (or a Double)."""
    if match := _NUMBER.fullmatch(text):
        yield float(text)
        if not (match[1] or match[2]):
            yield int(text)


def utf8(text: str) -> bytes:
    return text.encode("utf-8", "surrogatepass")
