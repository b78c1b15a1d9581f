"""Recognising the caller: a JWT in `X-Authorization`, or in `Authorization: Bearer` (contract/orkes.md, decisions)."""

from stagedoor.api.http import Request
from stagedoor.core.principal import Principal
from stagedoor.gate.server import Server
from stagedoor.kit.errors import BadInput, Unauthenticated

NO_TOKEN = "Token cannot be null or empty"  # noqa: S105  Orkes' own message


def presented(request: Request) -> list[str]:
    """Every token of the request; BadInput where a header stands twice. Basic and other schemes are not looked at."""
    found: list[str] = []
    seen: set[bytes] = set()
    for name, value in request.headers:
        if name != b"x-authorization" and name != b"authorization":
            continue
        if name in seen:
            raise BadInput(f"{name.decode()}: it stands twice in the request", name.decode())
        seen.add(name)
        text = value.decode("latin-1").strip()
        if name == b"authorization":
            text = text[7:].strip() if text[:7].lower() == "bearer " else ""
        if text:
            found.append(text)
    return found


async def authenticate(server: Server, request: Request) -> Principal:
    """The caller. Two tokens of different principals are BadInput: no request speaks for two."""
    tokens = presented(request)
    if not tokens:
        raise Unauthenticated(NO_TOKEN)
    who = await server.gate.authenticator.principal(tokens[0])
    for token in tokens[1:]:
        other = await server.gate.authenticator.principal(token)
        if (other.user, other.project) != (who.user, who.project):
            raise BadInput("X-Authorization and Authorization name two different callers", "authorization")
    return who
