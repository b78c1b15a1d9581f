"""The route table and how a request finds its route: a tree over the path's segments, made once."""

from collections.abc import Awaitable, Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any, get_args

from stagedoor.api.http import MAX_BODY, Response
from stagedoor.kit.errors import MethodNotAllowed, NotFound

Handler = Callable[..., Awaitable[Response]]
METHODS = ("DELETE", "GET", "HEAD", "PATCH", "POST", "PUT")


@dataclass(frozen=True, slots=True)
class Parameter:
    """A query parameter, for the document: its name, whether it may stand more than once."""

    name: str
    type: Any = str
    many: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Options:
    """What most routes leave as it is.

    strict      a control route: equal keys and NUL in the body are refused
    waits       the answer may take long: the handler is cancelled when the client leaves or the server stops
    head        HEAD is answered as GET without a body; off by default because a GET may lease a task or be audited
    limit       the most bytes of a body
    query       the query parameters
    answer      the type of the 200 answer; None where it is text or empty
    reads       whether it changes nothing, and so is open to a credential that may only read; by default as the method says
    summary     one line for the document; by default the handler's own first line
    """

    strict: bool = False
    waits: bool = False
    head: bool = False
    limit: int = MAX_BODY
    query: Sequence[Parameter] = ()
    answer: Any = None
    reads: bool | None = None
    summary: str = ""


@dataclass(frozen=True, slots=True)
class Route:
    """One row of the table. `rule` is whatever the authorize hook understands; a route without one cannot exist.

    `path` has placeholders that fill a whole segment: `/api/secrets/{key}`. `body` is the type the body is decoded as, or None:
    then the handler reads the raw bytes itself. Where the type has None in it, an empty body is taken as None.
    """

    method: str
    path: str
    handler: Handler
    rule: Any
    body: Any = None
    options: Options = field(default_factory=Options, kw_only=True)
    takes_empty: bool = field(init=False, default=False)

    def __post_init__(self) -> None:
        if self.rule is None:
            raise ValueError(f"{self.method} {self.path} has no rule")
        if self.method not in METHODS or not self.path.startswith("/"):
            raise ValueError(f"{self.method} {self.path} is no method and path")
        object.__setattr__(self, "takes_empty", type(None) in get_args(self.body))

    @property
    def changes(self) -> bool:
        return self.method not in ("GET", "HEAD") if self.options.reads is None else not self.options.reads

    @property
    def names(self) -> tuple[str, ...]:
        """The placeholders' names, in order."""
        return tuple(part[1:-1] for part in self.path.split("/") if part.startswith("{"))


@dataclass(slots=True)
class _Node:
    words: "dict[str, _Node]" = field(default_factory=dict)
    any: "_Node | None" = None
    routes: dict[str, tuple[Route, tuple[str, ...]]] = field(default_factory=dict)


class Router:
    """Finds the route for a method and decoded segments. A literal segment goes before a placeholder; where the literal branch
    leads nowhere for the method, the placeholder is tried, as Spring does (`POST /workflow/search` starts a workflow of that name).
    """

    def __init__(self, routes: Iterable[Route]) -> None:
        self.routes = tuple(routes)
        self._root = _Node()
        for route in self.routes:
            self._add(route)

    def _add(self, route: Route) -> None:
        node = self._root
        for part in route.path.split("/")[1:]:
            if part.startswith("{"):
                node.any = node.any or _Node()
                node = node.any
            else:
                node = node.words.setdefault(part, _Node())
        for method in (route.method, "HEAD") if route.options.head else (route.method,):
            if method in node.routes:
                raise ValueError(f"{method} {route.path} stands twice in the table")
            node.routes[method] = (route, route.names)

    def find(self, method: str, segments: list[str]) -> tuple[Route, dict[str, str]]:
        """The route and its path parameters. NotFound, or MethodNotAllowed where the address exists under other methods."""
        found = _find(self._root, method, segments, 0, ())
        if found is None:
            if allowed := self.allowed(segments):
                raise MethodNotAllowed(f"this address takes {', '.join(allowed)}")
            raise NotFound("there is no such address")
        return found

    def allowed(self, segments: list[str]) -> list[str]:
        """The methods that the address takes, for the Allow header; empty where there is no such address."""
        return sorted({method for node in _ends(self._root, segments, 0) for method in node.routes})


def _find(node: _Node, method: str, segments: list[str], at: int, values: tuple[str, ...]) -> tuple[Route, dict[str, str]] | None:
    end = len(segments)
    while at < end:
        segment = segments[at]
        at += 1
        word, wild = node.words.get(segment), node.any
        if wild is None or not segment:
            if word is None:
                return None
            node = word
            continue
        if word is not None and (found := _find(word, method, segments, at, values)):
            return found
        values = (*values, segment)
        node = wild
    entry = node.routes.get(method)
    return (entry[0], dict(zip(entry[1], values, strict=True))) if entry else None


def _ends(node: _Node, segments: list[str], at: int) -> Iterator[_Node]:
    if at == len(segments):
        yield node
        return
    if word := node.words.get(segments[at]):
        yield from _ends(word, segments, at + 1)
    if segments[at] and node.any:
        yield from _ends(node.any, segments, at + 1)
