"""Which things of a kind a list shows: those on which the caller holds each access asked for (READ where none is), and that carry the
tag asked for. Exactly what single reads would allow (promise 9)."""

from collections.abc import Callable

from stagedoor.api.http import Request
from stagedoor.core.permission import Access
from stagedoor.core.tag import Tag, pair_of, tags_of_kind
from stagedoor.gate.server import Server
from stagedoor.kit.errors import BadInput


async def wanted(server: Server, request: Request, kind: str) -> Callable[[str], bool]:
    """By the query's `access` (any number), `tagKey` and `tagValue`. READ is always among them: a list names things."""
    gate, who, filters = server.gate, request.principal, []
    for access in {Access.READ, *_accesses(request)}:
        filters.append(await gate.visible(who, access, kind))
    key, value = request.query("tagKey"), request.query("tagValue")
    if key:
        tagged = await gate.scan(lambda tx: tags_of_kind(tx, who.project, kind))
        carrying = {name for name, tags in tagged.items() if any(_is(tag, key, value) for tag in tags)}
        filters.append(lambda name: name in carrying)
    return lambda name: all(shows(name) for shows in filters)


def _is(tag: Tag, key: str, value: str | None) -> bool:
    return tag.key == key and (value is None or pair_of(tag) == f"{key}:{value}")


def _accesses(request: Request) -> set[Access]:
    asked = request.query_all("access")
    for access in asked:
        if access not in Access.__members__:
            raise BadInput(f"access: {access[:100]} is not one of {', '.join(Access)}", "access")
    return {Access(access) for access in asked}
