"""`/api/projects`: projects, their settings and their members (ours)."""

import msgspec

from stagedoor.api.http import Request, Response
from stagedoor.gate.server import Server


class NewProject(msgspec.Struct, forbid_unknown_fields=True):
    """The body that makes one."""

    id: str
    name: str


class MemberRoles(msgspec.Struct, forbid_unknown_fields=True):
    """All the roles that a member is to have itself."""

    roles: list[str]


async def list_all(server: Server, request: Request) -> Response:
    """Those that the caller's person is in; all for an operator."""
    return Response.json(await server.tenants.projects(request.principal))


async def create(server: Server, request: Request) -> Response:
    """A project without members: an operator enters it to add the first administrator."""
    body: NewProject = request.payload
    return Response.json(await server.tenants.create(request.principal, body.id, body.name))


async def get(server: Server, request: Request) -> Response:
    return Response.json(await server.tenants.get(request.params["id"]))


async def members(server: Server, request: Request) -> Response:
    """Every account of the project with the roles it has itself."""
    return Response.json(await server.tenants.members(request.principal))


async def put_member(server: Server, request: Request) -> Response:
    """Makes the account where there is none; replaces its roles where there is."""
    body: MemberRoles = request.payload
    return Response.json(await server.tenants.put_member(request.principal, request.params["email"], body.roles))


async def remove_member(server: Server, request: Request) -> Response:
    """The account with its rights and sessions here; the person stays."""
    await server.tenants.remove_member(request.principal, request.params["email"])
    return Response.empty(200)


async def get_settings(server: Server, request: Request) -> Response:
    return Response.json(await server.gate.look(lambda tx: server.gate.projects.settings(tx, request.params["id"])))


async def set_settings(server: Server, request: Request) -> Response:
    """Replaces all of them; what is not named takes its default."""
    await server.gate.set_settings(request.principal, request.payload)
    return Response.empty(200)
