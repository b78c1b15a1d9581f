"""`POST /oauth/introspect`, `POST /oauth/revoke`, and the discovery document."""

from stagedoor.api.http import Request, Response
from stagedoor.api.oauth.client import caller
from stagedoor.api.oauth.form import form, needed
from stagedoor.api.oauth.token import GRANTS
from stagedoor.gate.server import Server
from stagedoor.kit.errors import NotFound
from stagedoor.kit.tokens import ALGORITHM


async def introspect(server: Server, request: Request) -> Response:
    """What an access token of the caller's project says, while it is good (RFC 7662)."""
    fields = await form(request)
    who = await caller(server, request, fields)
    return Response.json(await server.oauth.inspection.introspect(who, needed(fields, "token")))


async def revoke(server: Server, request: Request) -> Response:
    """End an access token of one's own, or as an administrator any of the project, and all that it was exchanged for (RFC 7009)."""
    fields = await form(request)
    who = await caller(server, request, fields)
    await server.oauth.inspection.revoke(who, needed(fields, "token"))
    return Response.empty(200)


async def discovery(server: Server, request: Request) -> Response:
    """Where things are, for clients and for who verifies tokens (RFC 8414, OpenID Connect Discovery 1.0)."""
    issuer = server.realm.issuer
    if not issuer.startswith(("https://", "http://")):
        raise NotFound("this server does not know its own address: start it with --public-url")
    at, methods = issuer.rstrip("/"), ["client_secret_basic", "client_secret_post"]
    return Response.json({
        "issuer": issuer,
        "jwks_uri": f"{at}/.well-known/jwks.json",
        "token_endpoint": f"{at}/oauth/token",
        "token_endpoint_auth_methods_supported": [*methods, "none"],
        "introspection_endpoint": f"{at}/oauth/introspect",
        "introspection_endpoint_auth_methods_supported": methods,
        "revocation_endpoint": f"{at}/oauth/revoke",
        "revocation_endpoint_auth_methods_supported": methods,
        "grant_types_supported": list(GRANTS),
        "response_types_supported": [],
        "subject_types_supported": ["public"],
        "id_token_signing_alg_values_supported": [ALGORITHM],
        "claims_supported": ["iss", "aud", "sub", "client_id", "project", "jti", "iat", "exp", "ceiling", "act"],
    })  # fmt: skip
