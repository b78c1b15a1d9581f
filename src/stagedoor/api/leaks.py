"""`POST /leaks` in the shape of GitHub's secret scanning partner programme; `/api/leaks` and `/api/usage/credentials` (ours).

https://docs.github.com/en/code-security/secret-scanning/secret-scanning-partnership-program/secret-scanning-partner-program
"""

from stagedoor.api.http import Request, Response
from stagedoor.core.usage import KEPT_HOUR_DAYS
from stagedoor.gate.leaks import Signed
from stagedoor.gate.server import Server
from stagedoor.kit.errors import BadInput, Forbidden, NotFound

DAYS = 7


async def report(server: Server, request: Request) -> Response:
    """Leaked credentials, signed by one of the reporters: what is live is paused at once, and the owner is told."""
    identifier, signature = request.header("github-public-key-identifier"), request.header("github-public-key-signature")
    try:
        found = await server.leaks.report(Signed(await request.body(), identifier or "", signature or ""))
    except Forbidden:
        server.gate.exchange.failures.count(request.client)
        raise
    return Response.json(found)


async def list_all(server: Server, request: Request) -> Response:
    """Leaks of the credentials that the caller may manage, newest first, with what was done since. `since`: count from then on (ms)."""
    before, since = (request.query_int(name, -1, most=2**53) for name in ("before", "since"))
    return Response.json(await server.leaks.all(request.principal, None if before < 0 else before, None if since < 0 else since))


async def credentials(server: Server, request: Request) -> Response:
    """Credentials of every kind that the caller may manage, or of one `kind`: 1,000 at most, those with ids after `after`."""
    return Response.json(await server.leaks.credentials(request.principal, request.query("after") or "", request.query("kind") or None))


async def uses(server: Server, request: Request) -> Response:
    """A credential of one's own or that one may manage: when it was used last, by the hour, from where, for what."""
    days, credential = request.query_int("days", DAYS), request.params["id"]
    if not 1 <= days <= KEPT_HOUR_DAYS:
        raise BadInput(f"days: 1 to {KEPT_HOUR_DAYS}", "days")
    found = await server.leaks.uses(request.principal, credential, days)
    if found is None:
        await server.gate.record_refusal(request.principal, f"CREDENTIAL {credential}", "missing: to manage it")
        raise NotFound(f"there is no credential {credential}")
    return Response.json(found)
