"""`/api/projects`: a project's settings (ours)."""

from stagedoor.api.http import Request, Response
from stagedoor.gate.server import Server


async def get_settings(server: Server, request: Request) -> Response:
    return Response.json(await server.gate.look(lambda tx: server.gate.projects.settings(tx, request.params["id"])))


async def set_settings(server: Server, request: Request) -> Response:
    """Replaces all of them; what is not named takes its default."""
    await server.gate.set_settings(request.principal, request.payload)
    return Response.empty(200)
