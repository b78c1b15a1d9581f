"""Where secrets go (ours): the receipts of an execution, where a secret is named and used, and a policy tried on what was recorded."""

from stagedoor.api.http import Request, Response
from stagedoor.core.secret import Policy
from stagedoor.gate.server import Server
from stagedoor.gate.tracing import Tracing
from stagedoor.gate.uses import LATELY, LONG, Page

MOST = 1_000


async def of_run(server: Server, request: Request) -> Response:
    """The receipts of an execution and those it started: which secret, at which place, through which door, to whom, when."""
    return Response.json(await Tracing(server.gate).of_run(request.principal, request.params["workflowId"], _page(request)))


async def where(server: Server, request: Request) -> Response:
    """Everything that names a secret, whoever may be handed it, and what became of it in 30 and 90 days; in pages."""
    return Response.json(await Tracing(server.gate).where(request.principal, request.params["key"], _page(request)))


async def dry_run(server: Server, request: Request) -> Response:
    """What a policy would have refused of the uses recorded in `days` (1 to 90, by default 30). Nothing is changed."""
    policy: Policy = request.payload
    days = request.query_int("days", LATELY, least=1, most=LONG)
    return Response.json(await Tracing(server.gate).dry_run(request.principal, request.params["key"], policy, days))


def _page(request: Request) -> Page:
    return Page(request.query_int("start", 0, most=1_000_000), request.query_int("size", Page().size, least=1, most=MOST))
