"""`/api/secret-stores` and `/api/secrets/{key}/source`: secrets that live in OpenBao or HashiCorp Vault (ours)."""

from stagedoor.api.http import Request, Response
from stagedoor.core.external import NewStore, Source
from stagedoor.gate.server import Server


async def list_all(server: Server, request: Request) -> Response:
    """Every store of the project, without its credential."""
    return Response.json(await server.stores.all(request.principal))


async def get(server: Server, request: Request) -> Response:
    """One store, its credential as `***`."""
    return Response.json(await server.stores.get(request.principal, request.params["name"]))


async def put(server: Server, request: Request) -> Response:
    """Makes a store, or replaces all of it, its credential included."""
    body: NewStore = request.payload
    return Response.json(await server.stores.put(request.principal, request.params["name"], body))


async def delete(server: Server, request: Request) -> Response:
    """409 while secrets live there."""
    await server.stores.delete(request.principal, request.params["name"])
    return Response.empty(200)


async def check(server: Server, request: Request) -> Response:
    """Tries it now: `{"ok", "message"}`."""
    return Response.json(await server.stores.check(request.principal, request.params["name"]))


async def get_source(server: Server, request: Request) -> Response:
    """Where the secret lives; 404 where its value is its own."""
    return Response.json(await server.stores.source(request.principal, request.params["key"]))


async def put_source(server: Server, request: Request) -> Response:
    """From now on the secret lives there; made where there is none."""
    body: Source = request.payload
    await server.stores.set_source(request.principal, request.params["key"], body)
    return Response.empty(200)


async def delete_source(server: Server, request: Request) -> Response:
    """The value is its own again: the last one that was fetched."""
    await server.stores.forget_source(request.principal, request.params["key"])
    return Response.empty(200)
