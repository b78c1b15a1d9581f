"""Reading a value by a path: JsonPath of the Jayway kind without the leading `$.`.

Plain paths (`t1.output.list[0].x`, `h.X-Backside-Transport[0]`, `loop['iteration']`) are read here. Anything else
(filters, wildcards, slices, unions, one `..`) goes to python-jsonpath. A path never raises: what is missing or
malformed is None. Regular expressions are not evaluated, nor is anything else that takes longer than the data is large: it would
hold the server up.
"""

import re
from collections.abc import Callable, Mapping
from functools import lru_cache
from typing import NamedTuple

import jsonpath

from stagedoor.engine.definition import Json

Step = str | int
LONGEST = 1000
"""Characters of a path; longer ones, which only data could make, lead nowhere."""
MOST_COMMAS = 3
"""Each `['a','a']` doubles what the next one finds: a path of them would never end."""
_FROM_THE_TOP = re.compile(r"[$^]")
"""A filter that looks at the whole document for each element takes the square of its size."""
_NAME = re.compile(r"[^.\[\]()*\s]+")
_BRACKET = re.compile(r"""\[\s*(?:(-?\d{1,9})|'((?:[^'\\]|\\.)*)'|"((?:[^"\\]|\\.)*)")\s*\]""")
_DOTTED = re.compile(r"\.(\.?)([^.\[\]()*\s'\"]+)")
_FUNCTION = re.compile(r"\.(\w+)\(\)$")
_INDEFINITE = re.compile(r"\*|\?|\.\.|:|,")
_REGULAR_EXPRESSION = re.compile(r"=~|\b(?:match|search)\s*\(")


class Plain(NamedTuple):
    """Names and indexes, one after the other, and perhaps a function of what is found there."""

    steps: tuple[Step, ...]
    function: str | None = None


class Query(NamedTuple):
    """A first name, and a compiled query within its value (None: within the whole document)."""

    first: str | None
    query: jsonpath.JSONPath
    definite: bool


def read(path: str, roots: Mapping[str, Json], plain_only: bool = False) -> Json:
    """The value at `path`, or None. `plain_only`: refuse queries, for paths that are put together from data."""
    compiled = _compile(path) if len(path) <= LONGEST else None
    if isinstance(compiled, Plain):
        found = _walk(roots, compiled.steps)
        return found if compiled.function is None else _apply(compiled.function, found)
    if compiled is None or plain_only:
        return None
    return _query(compiled, roots)


def finds_once(path: str) -> bool:
    """Whether what `read` finds there is a part of the data as it is, no list of parts that may hold each other."""
    return len(path) > LONGEST or not isinstance(_compile(path), Query)


def _walk(roots: Mapping[str, Json], steps: tuple[Step, ...]) -> Json:
    here: Json = roots
    for step in steps:
        if isinstance(step, str):
            if not isinstance(here, Mapping):
                return None
            here = here.get(step)
        elif isinstance(here, list) and -len(here) <= step < len(here):
            here = here[step]
        else:
            return None
    return here


@lru_cache(maxsize=4096)
def _compile(path: str) -> Plain | Query | None:
    path = path.strip().removeprefix("$.")
    function = _FUNCTION.search(path)
    if function:
        steps = _plain(path[: function.start()])
        return Plain(steps, function[1]) if steps and function[1] in _FUNCTIONS else None
    steps = _plain(path)
    return Plain(steps) if steps else _compile_query(path)


def _plain(path: str) -> tuple[Step, ...]:
    """The steps of a plain path; () if it is none."""
    steps: list[Step] = []
    at = 0
    while at < len(path):
        bracket = _BRACKET.match(path, at)
        if bracket and steps:
            steps.append(_bracket_step(bracket))
            at = bracket.end()
            continue
        if steps:
            if path[at] != ".":
                return ()
            at += 1
        name = _NAME.match(path, at)
        if name is None:
            return ()
        steps.append(name[0])
        at = name.end()
    return tuple(steps)


def _bracket_step(bracket: re.Match[str]) -> Step:
    if bracket[1] is not None:
        return int(bracket[1])
    return re.sub(r"\\(.)", r"\1", bracket[2] if bracket[2] is not None else bracket[3])


def _compile_query(path: str) -> Query | None:
    if path.count("..") > 1 or path.count(",") > MOST_COMMAS or _FROM_THE_TOP.search(path) or _REGULAR_EXPRESSION.search(path):
        return None
    first = _NAME.match(path)
    rest = path[first.end() :] if first else "." + path if path and path[0] not in ".[" else path
    try:
        query = jsonpath.compile("$" + _quoted_names(rest))
    except Exception:  # the library's errors have no common base for all malformed input
        return None
    if not isinstance(query, jsonpath.JSONPath):
        return None
    return Query(first[0] if first else None, query, not _INDEFINITE.search(rest))


def _quoted_names(path: str) -> str:
    """`.X-Rate[*].b c` with each dotted name in brackets and quotes, so that dashes in it are no operators."""
    out: list[str] = []
    at = 0
    while at < len(path):
        if path[at] == "[":
            end = _end_of_bracket(path, at)
            out.append(path[at:end])
            at = end
            continue
        name = _DOTTED.match(path, at)
        if name:
            out.append(f"{'..' if name[1] else ''}['{name[2]}']")
            at = name.end()
            continue
        out.append(path[at])
        at += 1
    return "".join(out)


def _end_of_bracket(path: str, at: int) -> int:
    depth, quote = 0, ""
    for index in range(at, len(path)):
        character = path[index]
        if quote:
            quote = "" if character == quote else quote
        elif character in "'\"":
            quote = character
        elif character == "[":
            depth += 1
        elif character == "]":
            depth -= 1
            if depth == 0:
                return index + 1
    return len(path)


def _query(compiled: Query, roots: Mapping[str, Json]) -> Json:
    document = dict(roots) if compiled.first is None else roots.get(compiled.first)
    if not isinstance(document, dict | list):
        return None if compiled.definite else []
    try:
        found = compiled.query.findall(document)
    except Exception:  # a filter that compares what cannot be compared, and the like
        return None if compiled.definite else []
    if compiled.definite:
        return found[0] if found else None
    return list(found)


def _numbers(value: Json) -> list[int | float]:
    return [each for each in value if isinstance(each, int | float) and not isinstance(each, bool)] if isinstance(value, list) else []


def _length(value: Json) -> Json:
    return len(value) if isinstance(value, list | dict | str) else None


_FUNCTIONS: dict[str, Callable[[Json], Json]] = {
    "length": _length,
    "size": _length,
    "min": lambda value: min(_numbers(value), default=None),
    "max": lambda value: max(_numbers(value), default=None),
    "sum": lambda value: sum(_numbers(value)) if _numbers(value) else None,
    "avg": lambda value: sum(_numbers(value)) / len(_numbers(value)) if _numbers(value) else None,
    "keys": lambda value: list(value) if isinstance(value, dict) else None,
    "first": lambda value: value[0] if isinstance(value, list) and value else None,
    "last": lambda value: value[-1] if isinstance(value, list) and value else None,
}


def _apply(function: str, value: Json) -> Json:
    try:
        return _FUNCTIONS[function](value)
    except (ArithmeticError, ValueError):
        return None
