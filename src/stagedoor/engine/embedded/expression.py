"""Parameter expressions: `${path}` in the strings of a template (contract/conductor-oss.md 3.1, upstream's ParametersUtils).

A string that is one expression gives the value itself, of its type; in a mixed string each value is written as Java
writes it, a missing one as `null`. `${a.${b}}` nests. `$${` stands for a literal `${`. One pass: what comes out of
data is never looked at again. `${workflow.secrets...}` and the process's environment are never resolved;
`${workflow.env.NAME}` is a variable of the project, where the name stands in the template itself.
"""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from typing import NamedTuple

import msgspec

from stagedoor.engine.definition import Json
from stagedoor.engine.embedded.budget import Budget, size_of
from stagedoor.engine.embedded.javatext import java_text
from stagedoor.engine.embedded.path import finds_once, read

_SECRETS = "workflow.secrets."
_ENVIRONMENT = "workflow.env."
_TASK_ID = "CPEWF_TASK_ID"
_DEEPEST = 10
_REMEMBERED = 4096
"""Longer templates are parsed each time, so that what is remembered stays small."""


@dataclass(frozen=True, slots=True)
class Document:
    """What expressions can see: the values by their first name (`workflow`, each task's reference name), and the rest.

    `budget`: how much may be made of it, all templates together."""

    roots: Mapping[str, Json]
    task_id: str | None = None
    environment: Callable[[str], str | None] = lambda name: None
    budget: Budget = field(default_factory=Budget)


class Part(NamedTuple):
    """One expression of a template: its text with `${` and `}`, and the path in it, which may hold expressions again."""

    text: str
    path: "str | tuple[str | Part, ...]"


def resolve(template: Json, document: Document) -> Json:
    """`template` with every expression in its strings resolved. Object keys stay as they are.

    Never raises on data but Unresolvable: TooLarge, where the result would take more than the document's budget has left, or what
    `environment` raises."""
    if isinstance(template, str):
        return _string(template, document)
    if isinstance(template, dict):
        return {key: resolve(member, document) for key, member in template.items()}
    if isinstance(template, list):
        return [resolve(member, document) for member in template]
    return template


def _string(text: str, document: Document) -> Json:
    if "${" not in text:
        document.budget.take(len(text))
        return text
    parts = parse(text) if len(text) <= _REMEMBERED else parse.__wrapped__(text)
    if len(parts) == 1 and isinstance(parts[0], Part):
        return _value(parts[0], document)
    return _joined(parts, document)


def _joined(parts: "tuple[str | Part, ...]", document: Document) -> str:
    document.budget.take(sum(len(part) for part in parts if isinstance(part, str)))
    return "".join(part if isinstance(part, str) else java_text(_value(part, document)) for part in parts)


def _value(part: Part, document: Document) -> Json:
    """Counted before anything is made of it."""
    found, shared = _found(part, document)
    document.budget.take(size_of(found, document.budget.left, shared=shared))
    return found


def _found(part: Part, document: Document) -> tuple[Json, bool]:
    """The value, and whether parts of it may be one and the same."""
    built = not isinstance(part.path, str)
    path = part.path if isinstance(part.path, str) else _joined(part.path, document)
    if not path.strip():
        return "", False
    if path.startswith(_SECRETS):
        return part.text, False
    if path.startswith(_ENVIRONMENT):
        return None if built else _environment(path[len(_ENVIRONMENT) :], document), False
    if path == _TASK_ID:
        return part.text if document.task_id is None else document.task_id, False
    return read(path, document.roots, plain_only=built), not finds_once(path)


def _environment(reference: str, document: Document) -> Json:
    """NAME; of a variable whose value is JSON, NAME.$ is all of that and NAME.path or NAME.$.path a part of it."""
    name, dot, path = reference.partition(".")
    value = document.environment(name)
    if value is None or not dot:
        return value
    try:
        return read(f"value{path[1:]}" if path.startswith("$") else f"value.{path}", {"value": msgspec.json.decode(value)})
    except (msgspec.DecodeError, UnicodeError):
        return None


def variables(text: str) -> Iterator[str]:
    """The names of the environment variables that a template's string resolves."""
    if _ENVIRONMENT in text:
        yield from _variables(parse.__wrapped__(text))


def _variables(parts: "tuple[str | Part, ...]") -> Iterator[str]:
    for part in parts:
        if isinstance(part, Part) and isinstance(part.path, str):
            if part.path.startswith(_ENVIRONMENT):
                yield part.path[len(_ENVIRONMENT) :].partition(".")[0]
        elif isinstance(part, Part):
            yield from _variables(part.path)  # type: ignore[arg-type]  # no text: looked at above


@lru_cache(maxsize=4096)
def parse(text: str, depth: int = 0) -> tuple[str | Part, ...]:
    """A template's string as literal texts and expressions, in order; `$${` in the literal texts is unescaped."""
    ends = _closing_braces(text)
    parts: list[str | Part] = []
    start = at = 0
    while (at := text.find("${", at)) >= 0:
        end = ends.get(at + 1)
        if end is None or (at and text[at - 1] == "$"):
            at += 2
            continue
        if at > start:
            parts.append(_unescaped(text[start:at]))
        parts.append(Part(text[at : end + 1], _path(text[at + 2 : end], depth)))
        start = at = end + 1
    if start < len(text):
        parts.append(_unescaped(text[start:]))
    return tuple(parts)


def _path(text: str, depth: int) -> str | tuple[str | Part, ...]:
    if "${" not in text or depth >= _DEEPEST:
        return text
    parts = parse(text, depth + 1)
    return parts if any(isinstance(part, Part) for part in parts) else "".join(str(part) for part in parts)


def _unescaped(text: str) -> str:
    return text.replace("$${", "${")


def _closing_braces(text: str) -> dict[int, int]:
    """The position of each opening brace with that of the one that closes it."""
    open_at: list[int] = []
    pairs: dict[int, int] = {}
    for index, character in enumerate(text):
        if character == "{":
            open_at.append(index)
        elif character == "}" and open_at:
            pairs[open_at.pop()] = index
    return pairs
