"""`/api/users` (contract/orkes.md A, Users). An application is the user `app:<id>` (0.15)."""

from typing import Any

import msgspec

from stagedoor.api.http import Request, Response
from stagedoor.api.orkes.people import OneOrMany, expected_version, listed, user_json, versioned
from stagedoor.core.change import DeleteUser
from stagedoor.core.grant import Subject, Target, resource_of
from stagedoor.core.identity import User
from stagedoor.core.permission import Access
from stagedoor.core.principal import Principal
from stagedoor.gate.explaining import Explaining
from stagedoor.gate.leaving import delete_user
from stagedoor.gate.persons import Granted
from stagedoor.gate.server import Server
from stagedoor.gate.vouchers import SEES_ALL
from stagedoor.kit.errors import BadInput


class UserBody(msgspec.Struct, rename="camel"):
    """Makes or replaces a user. `roles` and `groups` left out: they stay."""

    name: str
    roles: OneOrMany | None = None
    groups: list[str] | None = None
    contact_information: dict[str, str] | None = None


async def list_all(server: Server, request: Request) -> Response:
    """All users; with `apps=true` the applications too."""
    found = await server.persons.users(request.principal, applications=request.query_bool("apps"))
    return Response.json([user_json(view) for view in found])


async def get(server: Server, request: Request) -> Response:
    view = await server.persons.user(request.principal, request.params["id"])
    return versioned(user_json(view), view.user.version)


async def put(server: Server, request: Request) -> Response:
    """Make a user, or replace its name, roles, groups and contact information."""
    body: UserBody = request.payload
    roles = None if body.roles is None else listed(body.roles)
    draft = User(request.params["id"], body.name, roles, body.contact_information or {})
    view = await server.persons.put(request.principal, draft, body.groups, expected_version(request))
    return versioned(user_json(view), view.user.version)


async def delete(server: Server, request: Request) -> Response:
    """With `dryRun=true` nothing is deleted: the answer is what would stop, as from `/api/auth/what-if`, for whoever may ask that."""
    gate, who, user_id = server.gate, request.principal, request.params["id"]
    if request.query_bool("dryRun"):
        await gate.demand_permission(who, SEES_ALL)
        return Response.json(msgspec.to_builtins(await Explaining(gate).what_if(who, DeleteUser(id=user_id))))
    left = await delete_user(gate, who, user_id, expected_version(request))
    return Response.json({"message": f"Deleted user '{user_id}'", **({"stopped": left} if left else {})})


async def permissions(server: Server, request: Request) -> Response:
    """The grants it holds itself, none of its groups' (0.14)."""
    return Response.json(granted_access(await server.persons.granted(request.principal, Subject("USER", request.params["id"]))))


async def check_permissions(server: Server, request: Request) -> Response:
    """What a user may do on one thing, by whatever path."""
    for name in ("type", "id"):
        if not request.query(name):
            raise BadInput(f"{name}: it is required", name)
    resource = resource_of(Target(request.query("type") or "", request.query("id") or ""))
    view = await server.persons.user(request.principal, request.params["id"])
    subject = Principal(request.principal.project, view.user.id)
    return Response.json({access: await server.gate.allows(subject, access, resource) for access in Access})


def granted_access(found: list[Granted]) -> dict[str, Any]:
    """`{"grantedAccess": [...]}`."""
    return {"grantedAccess": [_granted(one) for one in found]}


def _granted(one: Granted) -> dict[str, Any]:
    shown = {"target": {"type": one.resource.kind, "id": one.resource.name}, "access": one.access}
    return {**shown, "tag": one.tag} if one.tag else shown
