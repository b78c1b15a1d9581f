"""`/api/projects`: projects, their settings and their members (ours)."""

import msgspec

from stagedoor.api.http import Request, Response
from stagedoor.core.change import DeleteUser
from stagedoor.gate.explaining import Explaining
from stagedoor.gate.server import Server
from stagedoor.gate.vouchers import SEES_ALL


class NewProject(msgspec.Struct, forbid_unknown_fields=True):
    """The body that makes one."""

    id: str
    name: str


class ProjectView(msgspec.Struct, rename="camel", frozen=True):
    """`created_at` in epoch milliseconds. The publishable key names the project in links, and proves nothing."""

    id: str
    name: str
    publishable_key: str | None
    created_at: int


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
    """The project with its publishable key."""
    project = await server.tenants.get(request.params["id"])
    key = await server.project_keys.publishable(project.id)
    return Response.json(ProjectView(project.id, project.name, key, project.created_at))


async def members(server: Server, request: Request) -> Response:
    """Every account of the project with the roles it has itself."""
    return Response.json(await server.tenants.members(request.principal))


async def put_member(server: Server, request: Request) -> Response:
    """Makes the account where there is none; replaces its roles where there is."""
    body: MemberRoles = request.payload
    return Response.json(await server.tenants.put_member(request.principal, request.params["email"], body.roles))


async def remove_member(server: Server, request: Request) -> Response:
    """The account with its rights and sessions here; the person stays. The answer lists what is shut from then on; with `dryRun=true` it
    is what would stop, and nothing is changed."""
    who, email = request.principal, request.params["email"]
    if request.query_bool("dryRun"):
        await server.gate.demand_permission(who, SEES_ALL)
        return Response.json(msgspec.to_builtins(await Explaining(server.gate).what_if(who, DeleteUser(id=email))))
    left = await server.tenants.remove_member(who, email)
    return Response.json({"message": f"Removed member '{email}'", **({"stopped": left} if left else {})})


async def get_settings(server: Server, request: Request) -> Response:
    return Response.json(await server.gate.look(lambda tx: server.gate.projects.settings(tx, request.params["id"])))


async def set_settings(server: Server, request: Request) -> Response:
    """Replaces all of them; what is not named takes its default."""
    await server.gate.set_settings(request.principal, request.payload)
    return Response.empty(200)
