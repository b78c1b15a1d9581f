"""`/api/metadata/tags`: tags over all things, as far as the caller may READ the things that carry them (contract/orkes.md A, Tags)."""

from collections import Counter

from stagedoor.api.http import Request, Response
from stagedoor.core.grant import ALIASES
from stagedoor.core.permission import Access, Resource
from stagedoor.core.role import KINDS
from stagedoor.core.tag import Tag, pair_of, tags_of_project
from stagedoor.gate.server import Server
from stagedoor.kit.errors import BadInput


async def list_all(server: Server, request: Request) -> Response:
    """Every tag, once."""
    found = await _visible(server, request)
    return Response.json(list({(pair_of(tag), tag.type): tag for _, tag in found}.values()))


async def grouped(server: Server, request: Request) -> Response:
    """How many things of each kind carry each tag."""
    counts = Counter((tag.key, str(tag.value), resource.kind) for resource, tag in await _visible(server, request))
    return Response.json([
        {"tagKey": key, "tagValue": value, "resourceType": kind, "countPerResourceType": count}
        for (key, value, kind), count in sorted(counts.items())
    ])  # fmt: skip


async def resources(server: Server, request: Request) -> Response:
    """The things of one kind that carry a tag."""
    key, value, asked = (request.query(name) or "" for name in ("tagKey", "tagValue", "resourceType"))
    kind = ALIASES.get(asked, asked)
    if kind not in KINDS:
        raise BadInput(f"resourceType: {kind[:100]} is not one of {', '.join(KINDS)}", "resourceType")
    wanted = (kind, key, value)
    found = [resource.name for resource, tag in await _visible(server, request) if (resource.kind, tag.key, str(tag.value)) == wanted]
    gate, project = server.gate, request.principal.project
    applications = await gate.scan(lambda tx: gate.applications.all(tx, project)) if kind == "APPLICATION" else []
    shown = {one.id: one.name for one in applications}
    return Response.json([{"id": name, "displayName": shown.get(name, name)} for name in sorted(found)])


async def _visible(server: Server, request: Request) -> list[tuple[Resource, Tag]]:
    gate, who = server.gate, request.principal
    visible = {kind: await gate.visible(who, Access.READ, kind) for kind in KINDS}
    found = await gate.scan(lambda tx: tags_of_project(tx, who.project))
    return [(resource, tag) for resource, tag in found if resource.kind in visible and visible[resource.kind](resource.name)]
