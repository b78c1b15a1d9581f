"""`POST /oauth/token`."""

from stagedoor.api.http import Request, Response
from stagedoor.api.oauth.client import Proof, proof
from stagedoor.api.oauth.form import form, needed
from stagedoor.gate.exchange import DEFAULT_LIFE
from stagedoor.gate.mint import Minted
from stagedoor.gate.oauth_refused import OAuthRefused
from stagedoor.gate.server import Server
from stagedoor.gate.token_exchange import Less, narrowing, refused_assertion
from stagedoor.kit.errors import BadInput, Unauthenticated

CLIENT_CREDENTIALS = "client_credentials"
TOKEN_EXCHANGE = "urn:ietf:params:oauth:grant-type:token-exchange"  # noqa: S105  names of RFC 8693, no secrets
JWT_BEARER = "urn:ietf:params:oauth:grant-type:jwt-bearer"
GRANTS = (CLIENT_CREDENTIALS, TOKEN_EXCHANGE, JWT_BEARER)
ACCESS_TOKEN = "urn:ietf:params:oauth:token-type:access_token"  # noqa: S105
FOREIGN = ("urn:ietf:params:oauth:token-type:id_token", "urn:ietf:params:oauth:token-type:jwt")


async def token(server: Server, request: Request) -> Response:
    """An access token for an access key (client_credentials), for another access token, or for a token of a trusted issuer."""
    fields = await form(request)
    grant, shown, less = needed(fields, "grant_type"), proof(request, fields), _less(fields)
    if grant == CLIENT_CREDENTIALS:
        return _answer(await _client_credentials(server, request, shown, less))
    if grant not in GRANTS:
        raise OAuthRefused("unsupported_grant_type", f"grant_type: one of {', '.join(GRANTS)}")
    if shown.key or shown.assertion or shown.token:
        raise BadInput("with this grant the token in the form is the proof: show no other credential")
    if grant == JWT_BEARER:
        application = needed(fields, "client_id")
        return _answer(await _of_assertion(server, request, (application, needed(fields, "assertion"), "invalid_grant"), less))
    return _answer(await _token_exchange(server, request, fields, less), issued=True)


async def _client_credentials(server: Server, request: Request, shown: Proof, less: Less) -> Minted:
    """Only for a secret or an issuer's token: a token of ours, which may be cut to less, never gets a whole one."""
    if shown.assertion is not None:
        return await server.oauth.exchange.of_assertion(*shown.assertion, less, request.client)
    if shown.key is None:
        raise Unauthenticated("the client is to prove itself by its access key: HTTP Basic, or client_id and client_secret")
    request.principal = await server.gate.exchange.prove(*shown.key, request.client)
    return await server.oauth.exchange.of_key(request.principal, less)


async def _token_exchange(server: Server, request: Request, fields: dict[str, str], less: Less) -> Minted:
    subject, kind = needed(fields, "subject_token"), needed(fields, "subject_token_type")
    if fields.get("requested_token_type", ACCESS_TOKEN) != ACCESS_TOKEN:
        raise BadInput(f"requested_token_type: only {ACCESS_TOKEN} is issued", "requested_token_type")
    if "resource" in fields:
        raise OAuthRefused("invalid_target", "resource: tokens are for this server alone")
    if kind in FOREIGN:
        application = fields.get("client_id") or needed(fields, "audience")
        if "actor_token" in fields:
            raise BadInput("actor_token: it is taken with an access token of this server alone", "actor_token")
        return await _of_assertion(server, request, (application, subject, "invalid_request"), less)
    if kind != ACCESS_TOKEN:
        raise BadInput(f"subject_token_type: one of {', '.join((ACCESS_TOKEN, *FOREIGN))}", "subject_token_type")
    if fields.get("audience", server.realm.audience) not in (server.realm.audience, server.realm.issuer):
        raise OAuthRefused("invalid_target", "audience: tokens are for this server alone")
    return await server.oauth.exchange.of_token(subject, _actor(fields), less, request.client)


def _actor(fields: dict[str, str]) -> str | None:
    """RFC 8693 2.1: the type is needed with a token, and not allowed without."""
    if ("actor_token" in fields) != ("actor_token_type" in fields):
        raise BadInput("actor_token: it comes with actor_token_type, and that only with it", "actor_token")
    if fields.get("actor_token_type", ACCESS_TOKEN) != ACCESS_TOKEN:
        raise BadInput(f"actor_token_type: only {ACCESS_TOKEN} is taken", "actor_token_type")
    return fields.get("actor_token")


async def _of_assertion(server: Server, request: Request, shown: tuple[str, str, str], less: Less) -> Minted:
    """`shown`: the application, the token, and the error that the grant has for one that is not taken."""
    application, assertion, error = shown
    try:
        return await server.oauth.exchange.of_assertion(application, assertion, less, request.client)
    except Unauthenticated:
        raise refused_assertion(error) from None


def _less(fields: dict[str, str]) -> Less:
    """`expires_in` in seconds, our addition: RFC 6749 lets a client ask for less only by `scope`."""
    text = fields.get("expires_in", str(DEFAULT_LIFE // 1000))
    if not (text.isascii() and text.isdecimal() and len(text) < 10 and int(text) > 0):
        raise BadInput("expires_in: it must be a whole number of seconds, at least 1", "expires_in")
    return Less(narrowing(fields.get("ceiling"), fields.get("scope")), min(int(text) * 1000, DEFAULT_LIFE))


def _answer(minted: Minted, *, issued: bool = False) -> Response:
    claims = minted.claims
    body: dict[str, object] = {"access_token": minted.text, "token_type": "Bearer", "expires_in": claims.exp - claims.iat}
    if issued:
        body["issued_token_type"] = ACCESS_TOKEN
    return Response.json(body).with_header("pragma", "no-cache")
