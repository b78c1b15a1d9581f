"""Who calls `/oauth`: exactly one proof of a client (RFC 6749 2.3), by an access key, a trusted issuer's token, or a token of ours."""

from dataclasses import dataclass

from stagedoor.api.authenticate import presented
from stagedoor.api.http import Request
from stagedoor.api.oauth.form import basic, needed
from stagedoor.core.principal import Principal
from stagedoor.gate.server import Server
from stagedoor.kit.errors import BadInput, Unauthenticated

JWT_BEARER = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"


@dataclass(frozen=True, repr=False)
class Proof:
    """What the request shows of its client. `key`: id and secret. `token`: one of ours, in a header."""

    key: tuple[str, str] | None
    assertion: tuple[str, str] | None
    token: str | None

    def __repr__(self) -> str:
        return "Proof(***)"


def proof(request: Request, fields: dict[str, str]) -> Proof:
    """BadInput where there is more than one: no request speaks for two."""
    key, assertion = basic(request), None
    tokens = [text for _, text in presented(request)]
    ways = [key is not None, "client_secret" in fields, "client_assertion" in fields, *tokens]
    if sum(map(bool, ways)) > 1:
        raise BadInput("the client is to prove itself in one way: HTTP Basic, client_secret, client_assertion, or a token in a header")
    if "client_secret" in fields:
        key = (needed(fields, "client_id"), fields["client_secret"])
    if "client_assertion" in fields:
        if needed(fields, "client_assertion_type") != JWT_BEARER:
            raise BadInput(f"client_assertion_type: only {JWT_BEARER} is taken", "client_assertion_type")
        assertion = (needed(fields, "client_id"), fields["client_assertion"])
    return Proof(key, assertion, tokens[0] if tokens else None)


async def caller(server: Server, request: Request, fields: dict[str, str]) -> Principal:
    """By an access key or a token of ours; Unauthenticated where there is none."""
    shown = proof(request, fields)
    if shown.key is not None:
        request.principal = await server.gate.exchange.prove(*shown.key, request.client)
    elif shown.token is not None:
        request.principal = await server.gate.exchange.counted(server.gate.authenticator.principal(shown.token), request.client)
    else:
        raise Unauthenticated("the client is to prove itself: an access key by HTTP Basic or in the form, or a token in a header")
    who: Principal = request.principal
    return who
