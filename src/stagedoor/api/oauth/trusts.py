"""`/api/applications/{id}/trusts`: whom an application trusts in place of a key."""

import msgspec

from stagedoor.api.http import Request, Response
from stagedoor.gate.server import Server


class Shown(msgspec.Struct, forbid_unknown_fields=True):
    """A token to try. It is not kept, nor given back."""

    token: str

    def __repr__(self) -> str:
        return "Shown(***)"


async def list_all(server: Server, request: Request) -> Response:
    return Response.json(await server.oauth.federation.of(request.principal, request.params["id"]))


async def get(server: Server, request: Request) -> Response:
    project, application, trust = request.principal.project, request.params["id"], request.params["trustId"]
    return Response.json(await server.gate.look(lambda tx: server.oauth.trusts.get(tx, project, application, trust)))


async def create(server: Server, request: Request) -> Response:
    """Trust an issuer's tokens for an audience under conditions. Needs what making a key of the application needs."""
    return Response.json(await server.oauth.federation.create(request.principal, request.params["id"], request.payload))


async def replace(server: Server, request: Request) -> Response:
    """Other terms; tokens that were had by those before end at once."""
    application, trust = request.params["id"], request.params["trustId"]
    return Response.json(await server.oauth.federation.replace(request.principal, application, trust, request.payload))


async def toggle(server: Server, request: Request) -> Response:
    """ACTIVE becomes INACTIVE and back, for the tokens that were had by it too."""
    application, trust = request.params["id"], request.params["trustId"]
    return Response.json(await server.gate.change(lambda tx: server.oauth.trusts.toggle(tx, request.principal, application, trust)))


async def delete(server: Server, request: Request) -> Response:
    application, trust = request.params["id"], request.params["trustId"]
    await server.gate.change(lambda tx: server.oauth.trusts.delete(tx, request.principal, application, trust))
    return Response.json({"message": f"Deleted trust '{trust}'"})


async def test(server: Server, request: Request) -> Response:
    """Condition by condition, why a token matches the application's trusts or does not."""
    return Response.json(await server.oauth.federation.test(request.principal, request.params["id"], request.payload.token))
