"""`/api/environment`: the variables that definitions use as `${workflow.env.NAME}` (contract/orkes.md A, Environment variables)."""

from typing import Any

from stagedoor.api.http import Request, Response
from stagedoor.api.orkes.listing import wanted
from stagedoor.api.orkes.tags import Tags
from stagedoor.api.orkes.text import body_text
from stagedoor.core.environment import KIND
from stagedoor.core.tag import tags_of_kind
from stagedoor.gate.server import Server


async def list_all(server: Server, request: Request) -> Response:
    """Names, values and tags of the variables that the caller may READ."""
    gate, project = server.gate, request.principal.project
    shows = await wanted(server, request, KIND)
    tagged = await gate.scan(lambda tx: tags_of_kind(tx, project, KIND))
    found = await gate.scan(lambda tx: gate.environment.all(tx, project))
    return Response.json([_shown(name, value, tagged.get(name)) for name, value in found.items() if shows(name)])


def _shown(name: str, value: str, tags: Any) -> dict[str, Any]:
    return {"name": name, "value": value, **({"tags": tags} if tags else {})}


async def get(server: Server, request: Request) -> Response:
    """The value as text/plain."""
    gate, project, key = server.gate, request.principal.project, request.params["key"]
    return Response.text(await gate.look(lambda tx: gate.environment.get(tx, project, key)))


async def put(server: Server, request: Request) -> Response:
    """The body is the value: plain text, or what SDKs make of one (0.5)."""
    await server.gate.put_variable(request.principal, request.params["key"], body_text(request, await request.body()))
    return Response.empty(200)


async def delete(server: Server, request: Request) -> Response:
    """The value that it had, to who may READ it; to others nothing."""
    return Response.text(await server.gate.delete_variable(request.principal, request.params["key"]))


async def _must_exist(server: Server, request: Request) -> None:
    gate, project, name = server.gate, request.principal.project, request.params["name"]
    await gate.look(lambda tx: gate.environment.get(tx, project, name))


tags = Tags(KIND, "name", _must_exist)
