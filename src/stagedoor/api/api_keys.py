"""`/api/keys`: the caller's own API keys (contract/orchestrator-keys.md)."""

import msgspec

from stagedoor.api.http import Request, Response
from stagedoor.api.router import Options, Route
from stagedoor.api.rules import Authenticated
from stagedoor.core.api_key import ApiKey, MadeApiKey, NewApiKey
from stagedoor.gate.server import Server


class ApiKeyName(msgspec.Struct, forbid_unknown_fields=True):
    """The body that renames one."""

    name: str


async def create(server: Server, request: Request) -> Response:
    """A key of the caller's own; the only answer that ever holds it."""
    return Response.json(await server.api_keys.create(request.principal, request.payload))


async def list_all(server: Server, request: Request) -> Response:
    """The caller's own keys, masked, oldest first."""
    return Response.json(await server.api_keys.all(request.principal))


async def rename(server: Server, request: Request) -> Response:
    """Another name for a key."""
    return Response.json(await server.api_keys.rename(request.principal, request.params["id"], request.payload.name))


async def toggle(server: Server, request: Request) -> Response:
    """Pauses a key, or lets it work again."""
    return Response.json(await server.api_keys.toggle(request.principal, request.params["id"]))


async def delete(server: Server, request: Request) -> Response:
    """The end of a key."""
    await server.api_keys.delete(request.principal, request.params["id"])
    return Response.json({"message": f"Deleted API key '{request.params['id']}'"})


MAKES = Authenticated("any authenticated caller, for itself, by a credential without a ceiling; an operator inside a project has none")
OWN = Authenticated("any authenticated caller about its own keys, by a credential without a ceiling; 404 for others'")
SMALL = 64 * 1024
API_KEY_ROUTES = (
    Route("GET", "/api/keys", list_all, Authenticated("any authenticated caller: its own keys"), options=Options(answer=list[ApiKey])),
    Route("POST", "/api/keys", create, MAKES, NewApiKey, options=Options(strict=True, limit=SMALL, answer=MadeApiKey)),
    Route("PATCH", "/api/keys/{id}", rename, OWN, ApiKeyName, options=Options(strict=True, limit=SMALL, answer=ApiKey)),
    Route("DELETE", "/api/keys/{id}", delete, OWN),
    Route("POST", "/api/keys/{id}/status", toggle, OWN, options=Options(answer=ApiKey)),
)
