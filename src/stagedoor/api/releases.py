"""Viewing by four eyes (ours; docs/decisions/0027-uses-and-releases.md): demanded of a secret, asked for, agreed to, ended."""

from stagedoor.api.http import Request, Response
from stagedoor.core.grant import asked_again
from stagedoor.core.permission import Resource
from stagedoor.core.release import NEEDS, POLICY, VIEWING, Ask, Release, Releases
from stagedoor.core.secret import KIND, Policy
from stagedoor.core.viewing import Viewing
from stagedoor.gate.server import Server

WAITS_FOR_ANOTHER = 202


async def get_viewing(server: Server, request: Request) -> Response:
    """What viewing the secret demands: `release` null is no more than READ."""
    project, key = request.principal.project, request.params["key"]
    return Response.json(await server.gate.look(lambda tx: _releases(server).viewing(tx, project, key)))


async def set_viewing(server: Server, request: Request) -> Response:
    """Demand a release, at once; demand less, once another person has agreed: then 202 with what waits for them."""
    viewing: Viewing = request.payload
    who, key, reason = request.principal, request.params["key"], request.query("reason") or ""
    change = asked_again(who, Resource(KIND, key), NEEDS[VIEWING], lambda tx: _releases(server).set_viewing(tx, who, key, viewing, reason))
    waiting = await server.gate.change(change)
    return _waits(waiting) if waiting else await get_viewing(server, request)


async def set_policy(server: Server, request: Request) -> Response:
    """Where a secret may be used. Of one that is viewed by a release alone, a wider policy waits for another person: 202."""
    policy: Policy = request.payload
    who, key, reason = request.principal, request.params["key"], request.query("reason") or ""
    change = asked_again(who, Resource(KIND, key), NEEDS[POLICY], lambda tx: _releases(server).set_policy(tx, who, key, policy, reason))
    waiting = await server.gate.change(change)
    return _waits(waiting) if waiting else Response.empty(200)


async def list_all(server: Server, request: Request) -> Response:
    """The releases of a secret, newest first."""
    project, key = request.principal.project, request.params["key"]
    return Response.json(await server.gate.scan(lambda tx: _releases(server).of(tx, project, key)))


async def ask(server: Server, request: Request) -> Response:
    """Ask to view the value, with a reason, for some minutes: another person has to agree."""
    wanted: Ask = request.payload
    who, key = request.principal, request.params["key"]
    return _release(await server.gate.change(lambda tx: _releases(server).ask(tx, who, key, wanted)))


async def approve(server: Server, request: Request) -> Response:
    """Agree, as a second person. Who asked may then view the value, and nobody else, until the time is over."""
    who, key, release = request.principal, request.params["key"], request.params["id"]
    return _release(await server.gate.change(lambda tx: _releases(server).approve(tx, who, key, release)))


async def end(server: Server, request: Request) -> Response:
    """Withdraw what one asked for; deny or revoke, with UPDATE on the secret, what somebody else did."""
    who, key, release = request.principal, request.params["key"], request.params["id"]
    return _release(await server.gate.change(lambda tx: _releases(server).end(tx, who, key, release)))


def _releases(server: Server) -> Releases:
    return Releases(server.gate.secrets)


def _release(release: Release) -> Response:
    return Response.json(release)


def _waits(release: Release) -> Response:
    return Response.json(release, WAITS_FOR_ANOTHER)
