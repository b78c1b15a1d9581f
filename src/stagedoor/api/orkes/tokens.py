"""`/api/token`: access tokens, and who the caller is (contract/orkes.md A, Token)."""

from typing import Any

import msgspec

from stagedoor.api.authenticate import presented
from stagedoor.api.http import Request, Response
from stagedoor.core.permission import NOTHING
from stagedoor.core.principal import Principal
from stagedoor.core.role import PERMISSIONS
from stagedoor.gate.gate import Gate
from stagedoor.gate.server import Server
from stagedoor.kit.errors import NotFound


async def exchange(server: Server, request: Request) -> Response:
    """A key id and secret, or an e-mail address and password, for a JWT."""
    return Response.json({"token": await server.gate.exchange.token(request.payload)})


async def user_info(server: Server, request: Request) -> Response:
    """The caller as a ConductorUser; `claims=true` adds what the token says."""
    user = await conductor_user(server.gate, request.principal)
    if not request.query_bool("claims"):
        return Response.json(user)
    claims = await server.gate.authenticator.claims(presented(request)[0])
    return Response.json({"user": user, "claims": msgspec.to_builtins(claims)})


async def conductor_user(gate: Gate, who: Principal) -> dict[str, Any]:
    """ConductorUser JSON of a user or an application."""
    if who.is_application:
        application = await gate.look(lambda tx: gate.applications.get(tx, who.project, who.user.removeprefix("app:")))
        name, uuid = application.name, application.id
    else:
        row = await gate.look(lambda tx: gate.directory.account(tx, who.project, who.user))
        if row is None:
            raise NotFound(f"there is no user {who.user}")
        name, uuid = row["name"], row["uuid"]
    roles = sorted((await gate.authenticator.authority(who, NOTHING)).roles)
    return {
        "id": who.user,
        "name": name,
        "roles": [{"name": role, "permissions": [{"name": one} for one in PERMISSIONS.get(role, ())]} for role in roles],
        "groups": [],
        "uuid": uuid,
        "contactInformation": {},
        "namespace": "0000",
        "applicationUser": who.is_application,
        "orkesWorkersApp": False,
        "orkesApiGateway": False,
        "orkesApp": False,
        "encryptedId": False,
    }
