"""`/v1/end-users` and `/v1/auth-sessions`. Creates answer 200, as the contract has it."""

from stagedoor.api.address import base_url
from stagedoor.api.http import Request, Response
from stagedoor.api.v1.wire import EndUserDeleted, EndUserList, NewAuthSession, NewEndUserBody, auth_session_view, end_user_view
from stagedoor.core.end_user import NewEndUser
from stagedoor.gate.end_users import LinkRequest
from stagedoor.gate.server import Server
from stagedoor.kit.errors import NotFound


async def create(server: Server, request: Request) -> Response:
    """A customer of the project's, under the project's own name for it."""
    body: NewEndUserBody = request.payload
    made = await server.end_users.create(request.principal, NewEndUser(body.company_name, body.source_id, body.email))
    return Response.json(end_user_view(made))


async def list_all(server: Server, request: Request) -> Response:
    """Every end user of the project, newest first."""
    return Response.json(EndUserList(data=[end_user_view(one) for one in await server.end_users.all(request.principal)]))


async def get(server: Server, request: Request) -> Response:
    """An end user with its connections."""
    return Response.json(end_user_view(await server.end_users.get(request.principal, request.params["id"])))


async def delete(server: Server, request: Request) -> Response:
    """For good, with its connections, its links and all that it gave."""
    await server.end_users.delete(request.principal, request.params["id"])
    return Response.json(EndUserDeleted(id=request.params["id"]))


async def link(server: Server, request: Request) -> Response:
    """A link by which an end user connects; the only answer that ever holds it."""
    body: NewAuthSession = request.payload
    asked = LinkRequest(body.publishable_key, body.end_user_id, body.link_expiry_mins, body.redirect_url)
    session, secret = await server.end_users.link(request.principal, asked)
    return Response.json(auth_session_view(session, secret, body.publishable_key, base_url(server, request)))


async def not_served(server: Server, request: Request) -> Response:
    """Out of scope: no integration is called by the raw request."""
    raise NotFound("there is no such address: passthrough and the QuickBooks Desktop routes are not served here")
