"""What stands at the root: health, the version, the keys that verify our tokens, the API's own description."""

import stagedoor
from stagedoor.api.http import Request, Response
from stagedoor.gate.server import Server
from stagedoor.kit.errors import StagedoorError


async def health(server: Server, request: Request) -> Response:
    """200 with `healthy` true, or 503: the store answers and the engine works."""
    found = await server.gate.engine.health()
    try:
        await server.gate.look(lambda tx: server.gate.projects.exists(tx, "default"))
    except StagedoorError as problem:
        found = {**found, "healthy": False, "store": problem.message}
    return Response.json(found, 200 if found.get("healthy") else 503)


async def version(server: Server, request: Request) -> Response:
    return Response.text(stagedoor.__version__)


async def jwks(server: Server, request: Request) -> Response:
    """The public keys of our access tokens (RFC 7517)."""
    return Response.json({"keys": [key.public() for key in await server.realm.keys.published()]})
