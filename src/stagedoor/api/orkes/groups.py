"""`/api/groups` (contract/orkes.md A, Groups)."""

import msgspec

from stagedoor.api.http import Request, Response
from stagedoor.api.orkes.people import OneOrMany, expected_version, group_json, listed, user_json, versioned
from stagedoor.api.orkes.users import granted_access
from stagedoor.core.grant import Subject
from stagedoor.core.group import Group
from stagedoor.core.permission import Access
from stagedoor.gate.server import Server


class GroupBody(msgspec.Struct, rename="camel"):
    """Makes or replaces a group; what is left out is empty."""

    description: str
    roles: OneOrMany = []
    default_access: dict[str, list[Access]] | None = None
    contact_information: dict[str, str] | None = None


async def list_all(server: Server, request: Request) -> Response:
    gate, project = server.gate, request.principal.project
    found, custom = await gate.scan(lambda tx: (gate.groups.all(tx, project), gate.roles.by_name(tx, project)))
    return Response.json([group_json(group, custom) for group in found])


async def get(server: Server, request: Request) -> Response:
    gate, project = server.gate, request.principal.project
    group, custom = await gate.scan(lambda tx: (gate.groups.get(tx, project, request.params["id"]), gate.roles.by_name(tx, project)))
    return versioned(group_json(group, custom), group.version)


async def put(server: Server, request: Request) -> Response:
    """Make a group, or replace all of it but its members."""
    gate, who, body, expected = server.gate, request.principal, request.payload, expected_version(request)
    draft = Group(request.params["id"], body.description, listed(body.roles), body.default_access or {}, body.contact_information or {})
    group, custom = await gate.change(lambda tx: (gate.groups.put(tx, who, draft, expected), gate.roles.by_name(tx, who.project)))
    return versioned(group_json(group, custom), group.version)


async def delete(server: Server, request: Request) -> Response:
    gate, group_id, expected = server.gate, request.params["id"], expected_version(request)
    await gate.change(lambda tx: gate.groups.delete(tx, request.principal, group_id, expected))
    return Response.json({"message": f"Deleted group '{group_id}'"})


async def members(server: Server, request: Request) -> Response:
    """The users in it."""
    return Response.json([user_json(view) for view in await server.persons.members(request.principal, request.params["id"])])


async def add_member(server: Server, request: Request) -> Response:
    return await _add(server, request, [request.params["userId"]])


async def add_members(server: Server, request: Request) -> Response:
    return await _add(server, request, request.payload)


async def remove_member(server: Server, request: Request) -> Response:
    return await _remove(server, request, [request.params["userId"]])


async def remove_members(server: Server, request: Request) -> Response:
    return await _remove(server, request, request.payload)


async def permissions(server: Server, request: Request) -> Response:
    """The grants it holds; one on a tag also lists each thing that carries it."""
    return Response.json(granted_access(await server.persons.granted(request.principal, Subject("GROUP", request.params["id"]))))


async def _add(server: Server, request: Request, users: list[str]) -> Response:
    gate, group_id = server.gate, request.params["id"]
    await gate.change(lambda tx: gate.groups.add(tx, request.principal, group_id, users))
    return Response.json({"message": f"Added to group '{group_id}'"})


async def _remove(server: Server, request: Request, users: list[str]) -> Response:
    gate, group_id = server.gate, request.params["id"]
    await gate.change(lambda tx: gate.groups.remove(tx, request.principal, group_id, users))
    return Response.json({"message": f"Removed from group '{group_id}'"})
