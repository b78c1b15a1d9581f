"""References to secrets and markers as text: finding, replacing, and naming their places by JSON pointers (RFC 6901)."""

import re
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

Json = Any
REFERENCE = re.compile(r"(?<!\$)\$\{workflow\.secrets\.([^.${}\s]+)(?:\.(\$(?=[.\[}])[^${}]*|[^${}]+))?\}")
MARKER_START = "#{stagedoor:"
MARKER = re.compile(r"#\{stagedoor:([0-9a-f-]{36})\}")


class Reference(NamedTuple):
    """`${workflow.secrets.NAME}` or `${workflow.secrets.NAME.path}`; `path` goes into a secret whose value is JSON, and may begin at
    its root: `$.field`, or `$` for the whole."""

    name: str
    path: str | None

    def text(self) -> str:
        return "${workflow.secrets." + self.name + (f".{self.path}" if self.path else "") + "}"


def marker_text(marker_id: str) -> str:
    return "#{stagedoor:" + marker_id + "}"


def pointer(parent: str, key: str | int) -> str:
    """The JSON pointer of a member of what `parent` points to."""
    return f"{parent}/{str(key).replace('~', '~0').replace('/', '~1')}"


def steps_of(place: str) -> tuple[str, ...]:
    """The keys that a JSON pointer names, from the outside in."""
    return tuple(step.replace("~1", "/").replace("~0", "~") for step in place.split("/")[1:])


def strings(value: Json, place: str = "") -> Iterator[tuple[str, str]]:
    """Every string of a JSON value with its JSON pointer; object keys are no values and are not among them."""
    if isinstance(value, str):
        yield place, value
    elif isinstance(value, dict):
        for key, member in value.items():
            yield from strings(member, pointer(place, key))
    elif isinstance(value, list | tuple):
        for index, member in enumerate(value):
            yield from strings(member, pointer(place, index))


def references(value: Json, place: str = "") -> Iterator[tuple[str, Reference]]:
    """Every literal reference to a secret in the strings of a JSON value, with its place."""
    for where, text in strings(value, place):
        for match in REFERENCE.finditer(text):
            yield where, Reference(match[1], match[2])


def map_strings(value: Json, change: Callable[[str, str], Json], place: str = "") -> Json:
    """The same JSON value with every string replaced by `change(place, string)`."""
    if isinstance(value, str):
        return change(place, value)
    if isinstance(value, dict):
        return {key: map_strings(member, change, pointer(place, key)) for key, member in value.items()}
    if isinstance(value, list | tuple):
        return [map_strings(member, change, pointer(place, index)) for index, member in enumerate(value)]
    return value


def marker_counts(text: str) -> dict[str, int]:
    """How often each marker stands in a string."""
    counts: dict[str, int] = {}
    for match in MARKER.finditer(text):
        counts[match[1]] = counts.get(match[1], 0) + 1
    return counts
