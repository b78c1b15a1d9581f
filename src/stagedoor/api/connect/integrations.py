"""`/api/projects/{id}/integrations`: what end users of a project can connect (ours)."""

from stagedoor.api.http import Request, Response
from stagedoor.core.integration import NewIntegration
from stagedoor.gate.server import Server


async def list_all(server: Server, request: Request) -> Response:
    """Every integration of the project, client secrets as `***`."""
    return Response.json(await server.connecting.shown_all(request.principal))


async def create(server: Server, request: Request) -> Response:
    """Fields to fill in, or a provider of OAuth 2.0; 409 where the slug or a field's name is taken, also by a secret."""
    body: NewIntegration = request.payload
    return Response.json(await server.connecting.create(request.principal, body))


async def get(server: Server, request: Request) -> Response:
    return Response.json(await server.connecting.shown(request.principal, request.params["slug"]))


async def replace(server: Server, request: Request) -> Response:
    """All of it; what end users gave stays for fields that stay."""
    body: NewIntegration = request.payload
    return Response.json(await server.connecting.replace(request.principal, request.params["slug"], body))


async def delete(server: Server, request: Request) -> Response:
    """With its fields, and all that end users gave."""
    await server.connecting.delete(request.principal, request.params["slug"])
    return Response.empty(200)
