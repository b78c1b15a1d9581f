"""Recognising who shows a project's secret key: `Authorization: Bearer sk_conductor_...`, and nothing else."""

from stagedoor.api.http import Request
from stagedoor.core.principal import Principal
from stagedoor.core.project_key import SecretKeyInvalid
from stagedoor.gate.server import Server
from stagedoor.kit.errors import BadInput, Unauthenticated

MISSING = "No API key provided. Send your project's secret key as `Authorization: Bearer sk_conductor_...`."


async def project_of(server: Server, request: Request) -> Principal:
    """The project behind the request's secret key. BadInput where the request shows a second credential, which would be another's."""
    shown = request.header_all("authorization")
    if not shown:
        raise Unauthenticated(MISSING)
    if len(shown) > 1:
        raise BadInput("authorization: it stands twice in the request", "authorization")
    if request.header("x-authorization") is not None:
        raise BadInput("X-Authorization: a secret key is sent in Authorization alone", "x-authorization")
    scheme, _, token = shown[0].strip().partition(" ")
    if scheme.lower() != "bearer" or not token.strip():
        raise SecretKeyInvalid("Invalid API key provided: send it as `Authorization: Bearer sk_conductor_...`.")
    return await server.project_keys.prove(token.strip(), request.client)
