"""`/api/token`: access tokens, and who the caller is (contract/orkes.md A, Token)."""


import msgspec

from stagedoor.api.authenticate import presented
from stagedoor.api.http import Request, Response
from stagedoor.api.orkes.people import user_json
from stagedoor.api.verifiers import API_KEYS
from stagedoor.gate.server import Server


async def exchange(server: Server, request: Request) -> Response:
    """A key id and secret, or an e-mail address and password, for a JWT."""
    return Response.json({"token": await server.gate.exchange.token(request.payload, request.client)})


async def user_info(server: Server, request: Request) -> Response:
    """The caller as a ConductorUser, with the roles of its groups; `claims=true` adds what the token says. An API key says nothing."""
    user = user_json(await server.persons.caller(request.principal))
    if not request.query_bool("claims"):
        return Response.json(user)
    _, text = presented(request)[0]
    claims = None if API_KEYS.recognises(text) else await server.gate.authenticator.claims(text)
    return Response.json({"user": user, "claims": msgspec.to_builtins(claims)})
