"""Recognising the caller: a JWT in `X-Authorization`, or in `Authorization: Bearer` (contract/orkes.md, decisions)."""

from stagedoor.api.http import Request
from stagedoor.core.principal import Principal
from stagedoor.gate.server import Server
from stagedoor.kit.errors import BadInput, Unauthenticated

NO_TOKEN = "Token cannot be null or empty"  # noqa: S105  Orkes' own message


def presented(request: Request) -> list[str]:
    """Every token of the request; BadInput where a header stands twice. Basic and other schemes are not looked at."""
    found: list[str] = []
    for name, prefix in (("x-authorization", ""), ("authorization", "bearer ")):
        values = [value.strip() for value in request.header_all(name)]
        if len(values) > 1:
            raise BadInput(f"{name}: it stands twice in the request", name)
        if values and values[0][: len(prefix)].lower() == prefix:
            token = values[0][len(prefix) :].strip()
            found += [token] if token else []
    return found


async def authenticate(server: Server, request: Request) -> Principal:
    """The caller. Two tokens of different principals are BadInput: no request speaks for two."""
    tokens = presented(request)
    if not tokens:
        raise Unauthenticated(NO_TOKEN)
    principals = [await server.gate.authenticator.principal(token) for token in tokens]
    if any(other.user != principals[0].user or other.project != principals[0].project for other in principals[1:]):
        raise BadInput("X-Authorization and Authorization name two different callers", "authorization")
    return principals[0]
