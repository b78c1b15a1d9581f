"""`/api/secrets/{key}/versions` and `/expiry`, `/api/secrets-expiring` (ours): never a value."""

from stagedoor.api.http import Request, Response
from stagedoor.core import secret_expiry, secret_version
from stagedoor.core.grant import asked_again
from stagedoor.core.permission import Access, Resource
from stagedoor.core.secret import KIND
from stagedoor.core.secret_expiry import Expiry
from stagedoor.core.secret_version import no_version
from stagedoor.gate.server import Server

MOST_DAYS = 3650


async def list_all(server: Server, request: Request) -> Response:
    """The versions of a secret, newest first, a thousand at most; `before` goes on from there."""
    project, key, before = request.principal.project, request.params["key"], request.query_int("before", 2**31 - 1)
    return Response.json(await server.gate.scan(lambda tx: secret_version.versions(tx, project, key, before)))


async def roll_back(server: Server, request: Request) -> Response:
    """A new version with the value of an old one."""
    gate, who, key, version = server.gate, request.principal, request.params["key"], _version(request)
    change = asked_again(
        who, Resource(KIND, key), (Access.UPDATE,), lambda tx: secret_version.roll_back(tx, gate.secrets, who, key, version)
    )
    return Response.json({"version": await gate.change(change)})


async def destroy(server: Server, request: Request) -> Response:
    """The value of an old version goes for ever. 409 for the current one, and while a run that was handed it has not ended."""
    gate, who, key, version = server.gate, request.principal, request.params["key"], _version(request)
    await gate.scan(lambda tx: secret_version.refuse_in_use(tx, who.project, key, version))
    change = asked_again(who, Resource(KIND, key), (Access.DELETE,), lambda tx: secret_version.destroy(tx, gate.secrets, who, key, version))
    await gate.change(change)
    return Response.empty(200)


async def get_expiry(server: Server, request: Request) -> Response:
    """Until when the secret may be used, and when its reminder is due."""
    gate, key = server.gate, request.params["key"]
    now = gate.secrets.clock.now()
    return Response.json(await gate.look(lambda tx: secret_expiry.expiry(tx, request.principal.project, key, now)))


async def set_expiry(server: Server, request: Request) -> Response:
    """From `expiresAt` on no door opens the secret."""
    gate, who, key, wanted = server.gate, request.principal, request.params["key"], request.payload
    assert isinstance(wanted, Expiry)
    change = asked_again(who, Resource(KIND, key), (Access.UPDATE,), lambda tx: secret_expiry.set_expiry(tx, gate.audit, who, key, wanted))
    await gate.change(change)
    return Response.empty(200)


async def expiring(server: Server, request: Request) -> Response:
    """What has expired, or expires or wants a reminder within `days` (by default 30), of what the caller may READ."""
    gate, project, days = server.gate, request.principal.project, request.query_int("days", 30, most=MOST_DAYS)
    shows = await gate.visible(request.principal, Access.READ, KIND)
    found = await gate.scan(lambda tx: secret_expiry.expiring(tx, project, gate.secrets.clock.now(), days))
    return Response.json([one for one in found if shows(one.name)])


def _version(request: Request) -> int:
    """NotFound for what is no number that a version could have."""
    text = request.params["version"]
    if not (text.isascii() and text.isdecimal() and len(text) < 10):
        raise no_version(request.params["key"], text[:40])
    return int(text)
