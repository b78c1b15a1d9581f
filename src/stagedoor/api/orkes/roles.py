"""`/api/roles`: the built-in roles and the project's own (contract/orkes.md A, Roles)."""

import msgspec

from stagedoor.api.http import Request, Response
from stagedoor.api.orkes.people import OneOrMany, expected_version, listed, role_json, versioned
from stagedoor.core.custom_role import CustomRole
from stagedoor.core.role import KNOWN_PERMISSIONS, PERMISSIONS
from stagedoor.gate.server import Server
from stagedoor.kit.errors import BadInput

LISTS = ("system", "custom", "permissions")
"""Words that stand where a role's name does: a role of that name could not be read."""


class RoleBody(msgspec.Struct):
    """Makes a role, or replaces one; `permissions` are of those that `GET /api/roles/permissions` lists."""

    name: str | None = None
    permissions: OneOrMany = []
    description: str = ""


async def list_all(server: Server, request: Request) -> Response:
    """The built-in roles and the project's own."""
    own = await server.persons.custom(request.principal)
    return Response.json([role_json(name, own) for name in (*PERMISSIONS, *own)])


async def system(server: Server, request: Request) -> Response:
    """The built-in roles by name."""
    return Response.json({name: role_json(name, {}) for name in PERMISSIONS})


async def custom(server: Server, request: Request) -> Response:
    """The project's own roles."""
    own = await server.persons.custom(request.principal)
    return Response.json([role_json(name, own) for name in own])


async def permissions(server: Server, request: Request) -> Response:
    """Every permission that a custom role may list, with what it is on."""
    return Response.json({name: {"name": name} for name in KNOWN_PERMISSIONS})


async def create(server: Server, request: Request) -> Response:
    gate, body = server.gate, request.payload
    if body.name in LISTS:
        raise BadInput(f"name: {body.name} is the address of a list of roles", "name")
    draft = CustomRole(body.name or "", body.description, listed(body.permissions))
    role = await gate.change(lambda tx: gate.roles.create(tx, request.principal, draft))
    return versioned(role_json(role.name, {role.name: role}), role.version)


async def get(server: Server, request: Request) -> Response:
    name = request.params["name"]
    if name in PERMISSIONS:
        return Response.json(role_json(name, {}))
    role = await server.gate.look(lambda tx: server.gate.roles.get(tx, request.principal.project, name))
    return versioned(role_json(name, {name: role}), role.version)


async def put(server: Server, request: Request) -> Response:
    """Replace a custom role's permissions and description."""
    gate, body, expected = server.gate, request.payload, expected_version(request)
    draft = CustomRole(request.params["name"], body.description, listed(body.permissions))
    role = await gate.change(lambda tx: gate.roles.update(tx, request.principal, draft, expected))
    return versioned(role_json(role.name, {role.name: role}), role.version)


async def delete(server: Server, request: Request) -> Response:
    gate, name, expected = server.gate, request.params["name"], expected_version(request)
    await gate.change(lambda tx: gate.roles.delete(tx, request.principal, name, expected))
    return Response.json({"message": f"Deleted role '{name}'"})
