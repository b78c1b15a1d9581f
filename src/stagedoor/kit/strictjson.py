"""JSON as it comes over the wire (RFC 8259), and the names in it. Errors name the place, never the content.

`msgspec` does the work. What it refuses though it is JSON (a lone surrogate escape such as `"\\ud800"`) goes the slower way
through the `json` module, so that inputs and outputs of tasks keep any valid JSON text.
"""

import json
import re
from array import array
from functools import cache
from itertools import accumulate
from typing import Any, NoReturn, TypeAlias, TypeVar

import msgspec

from stagedoor.kit.errors import BadInput

Json: TypeAlias = dict[str, Any] | list[Any] | str | int | float | bool | None
T = TypeVar("T")

MAX_DEPTH = 128
MAX_NAME = 255

_STRINGS = re.compile(rb'"[^"\\]*+(?:\\.[^"\\]*+)*+(?:"|\\?\Z)', re.DOTALL)  # an unterminated one reaches to the end: never tried twice
_STEPS = bytes.maketrans(b"[{]}", b"\x01\x01\xff\xff")  # as signed bytes: +1 and -1
_NOT_BRACKETS = bytes(set(range(256)) - set(b"[{]}"))
_QUOTED = re.compile(r"'.*'|\".*\"", re.DOTALL)
_FORBIDDEN_IN_NAMES = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff]")

_any = msgspec.json.Decoder()
_encoder = msgspec.json.Encoder()


def decode(data: bytes, *, max_depth: int = MAX_DEPTH, strict: bool = False) -> Json:
    """The value of a JSON text in UTF-8. NaN, Infinity, numbers out of range, other encodings and nesting beyond `max_depth` are BadInput.

    `strict` (control routes) also refuses two equal keys in one object and the character NUL.
    """
    _check_depth(data, max_depth)
    if strict:
        return _slowly(data, strict=True)
    try:
        return _any.decode(data)  # type: ignore[no-any-return]
    except (ValueError, RecursionError):
        return _slowly(data, strict=False)


def decode_as(type_: type[T], data: bytes, *, max_depth: int = MAX_DEPTH, strict: bool = False) -> T:
    """A JSON text as a msgspec struct or another type msgspec knows. BadInput names the field that does not fit."""
    _check_depth(data, max_depth)
    if strict:
        return _convert(type_, _slowly(data, strict=True))
    try:
        return _decoder(type_).decode(data)  # type: ignore[no-any-return, arg-type]
    except msgspec.ValidationError as problem:
        raise _misfit(problem) from None
    except (ValueError, RecursionError):
        return _convert(type_, _slowly(data, strict=False))


def encode(value: object) -> bytes:
    """JSON in UTF-8, compact. Lone surrogates leave as the escapes they came as; NaN, which JSON cannot say, leaves as null."""
    try:
        return _encoder.encode(value)
    except UnicodeEncodeError:
        return json.dumps(msgspec.to_builtins(value), separators=(",", ":")).encode()


def check_name(text: str, field: str) -> str:
    """`text`, if it may name a thing: 1 to 255 characters, none of them NUL, a control, a line separator or half a surrogate pair."""
    if not text:
        raise BadInput(f"{field}: must not be empty", field)
    if len(text) > MAX_NAME:
        raise BadInput(f"{field}: longer than {MAX_NAME} characters", field)
    if found := _FORBIDDEN_IN_NAMES.search(text):
        raise BadInput(f"{field}: holds the character U+{ord(found[0]):04X}, which no name may hold", field)
    return text


def _check_depth(data: bytes, limit: int) -> None:
    """Linear in time, before anything is built. Up to the first error of syntax it sees the very nesting the parser would see."""
    if data.count(b"[") + data.count(b"{") <= limit:
        return
    brackets = _STRINGS.sub(b"", data).translate(_STEPS, _NOT_BRACKETS)
    if max(accumulate(array("b", brackets)), default=0) > limit:
        raise BadInput(f"the body is nested more than {limit} levels deep")


@cache
def _decoder(type_: Any) -> msgspec.json.Decoder[Any]:
    return msgspec.json.Decoder(type_)


def _convert(type_: type[T], value: Json) -> T:
    try:
        return msgspec.convert(value, type_)
    except msgspec.ValidationError as problem:
        raise _misfit(problem) from None
    except UnicodeEncodeError:
        raise BadInput("a field's name or value holds half a surrogate pair where it may not") from None


def _misfit(problem: msgspec.ValidationError) -> BadInput:
    """msgspec's words with the path in front. It quotes a wrong enum value in quotes: that is content, and goes."""
    what, _, place = str(problem).partition(" - at `$")
    field = place.rstrip("`").lstrip(".")
    if not field and (named := re.search(r"(?:missing required|unknown) field `(.{1,64})`", what, re.DOTALL)):
        field = named[1]
    what = _QUOTED.sub("", what).strip()
    what = re.sub(r"[\x00-\x1f\x7f\ud800-\udfff]", "?", what[:200])
    field = re.sub(r"[\x00-\x1f\x7f\ud800-\udfff]", "?", field)
    return BadInput(f"{field}: {what}" if field else what, field)


def _slowly(data: bytes, *, strict: bool) -> Json:
    try:
        text = data.decode()
        value: Json = json.loads(text, parse_constant=_no_constant, parse_float=_finite, object_pairs_hook=_no_twins if strict else None)
    except json.JSONDecodeError as problem:
        raise BadInput(f"the body is not JSON: line {problem.lineno}, column {problem.colno}") from None
    except UnicodeDecodeError as problem:
        raise BadInput(f"the body is not UTF-8: byte {problem.start}") from None
    except RecursionError:
        raise BadInput("the body is nested too deeply") from None
    except BadInput:
        raise
    except ValueError:  # a whole number of more digits than Python converts
        raise BadInput("the body holds a number out of range") from None
    if strict and "\\u0000" in text:
        _check_no_nul(value)
    return value


def _no_constant(_: str) -> NoReturn:
    raise BadInput("the body is not JSON: NaN and Infinity are no JSON numbers")


def _finite(digits: str) -> float:
    number = float(digits)
    if number - number != 0:
        raise BadInput("the body holds a number out of range")
    return number


def _no_twins(pairs: list[tuple[str, Json]]) -> dict[str, Json]:
    value = dict(pairs)
    if len(value) != len(pairs):
        seen: set[str] = set()
        twin = next(key for key, _ in pairs if key in seen or seen.add(key))  # type: ignore[func-returns-value]
        shown = _FORBIDDEN_IN_NAMES.sub("?", twin[:64])
        raise BadInput(f"{shown}: stands twice in one object", shown)
    return value


def _check_no_nul(value: Json, place: str = "") -> None:
    """Recursion is safe: the depth was checked."""
    if isinstance(value, str) and "\0" in value:
        raise BadInput(f"{place or 'the body'}: holds the character U+0000", place)
    if isinstance(value, dict):
        for key, item in value.items():
            _check_no_nul(key, place)
            _check_no_nul(item, f"{place}.{key[:64]}" if place else key[:64])
    elif isinstance(value, list):
        for index, item in enumerate(value):
            _check_no_nul(item, f"{place}[{index}]")
