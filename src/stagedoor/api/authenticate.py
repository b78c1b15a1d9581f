"""Recognising the caller: a JWT in `X-Authorization`; a JWT or an API key in `Authorization: Bearer` (contract/orkes.md, decisions)."""

from stagedoor.api.http import Request
from stagedoor.api.orkes.for_end_user import end_user_of
from stagedoor.api.rules import ShowsSecretKey, Starts
from stagedoor.api.v1.authenticate import project_of
from stagedoor.api.verifiers import proven
from stagedoor.core.principal import Principal
from stagedoor.core.project_key import SECRET_KEY_PREFIX
from stagedoor.gate.server import Server
from stagedoor.kit.errors import BadInput, Unauthenticated

NO_TOKEN = "Token cannot be null or empty"  # noqa: S105  Orkes' own message


def presented(request: Request) -> list[tuple[str, str]]:
    """(header, credential) of all that the request shows; BadInput where a header stands twice.

    Basic and other schemes are not looked at."""
    found: list[tuple[str, str]] = []
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
            found.append((name.decode(), text))
    return found


def _starts_for_end_user(request: Request) -> bool:
    """The one place under `/api` for a project's secret key: it starts a run for an end user that it names (decision 0034)."""
    if not isinstance(request.route.rule, Starts) or not end_user_of(request):
        return False
    shown = request.header("authorization") or ""
    return shown[:7].lower() == "bearer " and shown[7:].strip().startswith(SECRET_KEY_PREFIX)


async def authenticate(server: Server, request: Request) -> Principal:
    """The caller, by the kind of credential that the route takes. Two credentials of different principals are BadInput: no request speaks
    for two. One with a ceiling speaks for somebody else than its owner does."""
    if isinstance(request.route.rule, ShowsSecretKey) or _starts_for_end_user(request):
        return await project_of(server, request)
    shown = presented(request)
    if not shown:
        raise Unauthenticated(NO_TOKEN)
    who = await proven(server, *shown[0])
    for header, text in shown[1:]:
        other = await proven(server, header, text)
        if (other.user, other.project, other.ceiling, other.execution) != (who.user, who.project, who.ceiling, who.execution):
            raise BadInput("X-Authorization and Authorization name two different callers", "authorization")
    return who
