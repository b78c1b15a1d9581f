"""The ASGI application: the route table over one server."""

import stagedoor
from stagedoor.api import docs_page, openapi
from stagedoor.api.authenticate import authenticate, presented
from stagedoor.api.dispatch import App, Hooks
from stagedoor.api.http import Request, Response
from stagedoor.api.problems import Problems
from stagedoor.api.router import Route
from stagedoor.api.routes import ROUTES
from stagedoor.api.rules import Authenticated, Public
from stagedoor.core.ceiling import only_reads
from stagedoor.core.credential import TamperedCredential
from stagedoor.core.permission import WITHIN
from stagedoor.gate.server import Server
from stagedoor.kit.clock import Clock, SystemClock
from stagedoor.kit.crypto import SealBroken
from stagedoor.kit.errors import Forbidden, NotFound, TokenExpired, Unauthenticated
from stagedoor.kit.ids import new_id

TITLE = "Stagedoor"


def make_app(server: Server, clock: Clock | None = None, routes: tuple[Route, ...] = ROUTES) -> App:
    """The application; `routes` is an argument so that a test can take a rule away and see what then gets through."""

    async def recognise(request: Request) -> None:
        if isinstance(request.route.rule, Public):
            return
        try:
            request.principal = await authenticate(server, request)
        except Unauthenticated as problem:
            await _count(server, request, problem)
            raise

    async def authorize(request: Request) -> None:
        try:
            if request.principal is not None and request.principal.ceiling is not None:
                await _changes_nothing(server, request)
            await request.route.rule.check(server, request)
        except (Forbidden, NotFound):
            if request.principal is not None:  # a rule of a public route asks where a request comes from, not whose it is
                server.gate.usage.seen(request.principal, request.client, refused=True)
            raise

    async def handle(request: Request) -> Response:
        refused = False
        try:
            response: Response = await request.route.handler(server, request)
        except (Forbidden, SealBroken) as problem:  # found out while the thing was done: a definition's secrets, a grant
            refused = True
            known = request.principal is not None  # on a public route there is nobody to write down
            if known and (isinstance(problem, SealBroken) or not problem.audited):
                await server.gate.record_refusal(request.principal, f"{request.method} {request.route.path}", problem.message)
            raise
        finally:
            if request.principal is not None:
                server.gate.usage.seen(request.principal, request.client, refused=refused)
        return response

    all_routes = (*routes, *_self_description(routes))
    return App(all_routes, Hooks(recognise, authorize, handle), Problems(clock or SystemClock(), new_id))


async def _count(server: Server, request: Request, problem: Unauthenticated) -> None:
    """Told, never limited: a shared address must not lock out those with a good token."""
    if presented(request) and not isinstance(problem, TokenExpired):
        server.gate.exchange.failures.count(request.client)
    if problem.whose is not None:
        server.gate.usage.failed(problem.whose, request.client)
    if isinstance(problem, TamperedCredential):
        await server.gate.record_tampered(problem)


async def _changes_nothing(server: Server, request: Request) -> None:
    """What is open to any caller, and yet changes something, is not for a credential whose ceiling is READ alone, nor for a run."""
    who, route = request.principal, request.route
    if route.changes and (only_reads(who.ceiling) or (who.execution is not None and isinstance(route.rule, Authenticated))):
        missing = f"missing: more than READ{WITHIN}"
        await server.gate.record_refusal(who, f"{request.method} {route.path}", missing)
        raise Forbidden(f"You don't have permissions to change anything ({missing})", audited=True)


def _self_description(routes: tuple[Route, ...]) -> tuple[Route, ...]:
    """`/openapi.json` and `/docs`, made once from the table."""
    document = openapi.document(routes, title=TITLE, version=stagedoor.__version__, describe=lambda rule: str(rule.text))
    described, page, style = Response.json(document), docs_page.page(document), docs_page.style()

    async def openapi_json(server: Server, request: Request) -> Response:
        return described

    async def docs(server: Server, request: Request) -> Response:
        return page

    async def docs_style(server: Server, request: Request) -> Response:
        return style

    return (
        Route("GET", "/openapi.json", openapi_json, Public()),
        Route("GET", "/docs", docs, Public()),
        Route("GET", docs_page.STYLE_PATH, docs_style, Public()),
    )
