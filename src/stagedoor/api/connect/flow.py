"""The hosted flow's handlers. Its cookie is read here and nowhere else; what goes wrong is a plain page that says so."""

from collections.abc import Awaitable, Callable
from functools import wraps
from urllib.parse import parse_qs, urlsplit

from stagedoor.api.address import base_url
from stagedoor.api.connect import pages
from stagedoor.api.http import Request, Response
from stagedoor.core.visit import LASTS
from stagedoor.gate.connecting import Connecting, Incomplete, LinkUnusable, NotGranted, Seen, VisitOver, callback_path
from stagedoor.gate.server import Server
from stagedoor.kit.crypto import same
from stagedoor.kit.errors import BadInput, Conflict, NotFound, TooLarge, Unavailable

NAME = "stagedoor_connect"
START, DONE = "/connect/", "/connect/done"
MOST_FIELDS = 128
Handler = Callable[[Server, Request], Awaitable[Response]]
CHANGED = "What there is to connect has changed meanwhile."


def _page(handler: Handler) -> Handler:
    """A handler whose problems are pages."""

    @wraps(handler)
    async def shown(server: Server, request: Request) -> Response:
        try:
            return await handler(server, request)
        except LinkUnusable as problem:
            server.gate.exchange.failures.count(request.client)
            return pages.problem(problem.message, 404)
        except VisitOver as problem:
            return pages.problem(problem.message, 404)
        except NotGranted as problem:
            return pages.problem(problem.message, 400, again=START)
        except (NotFound, Conflict):
            return pages.problem(CHANGED, 409, again=START)
        except TooLarge:  # its answer ends the connection
            raise
        except BadInput as problem:
            return pages.problem(problem.message, 400, again=START)
        except Unavailable:
            return pages.problem("The server cannot do this right now. Please try again in a moment.", 503, again=START)

    return shown


@_page
async def link(server: Server, request: Request) -> Response:
    """An end user's link: once, it is swapped for a cookie of this browser."""
    cookie = await server.connecting.redeem(request.params["clientSecret"], request.query("key") or "")
    secure = base_url(server, request).startswith("https:")
    name, more = _cookie_name(secure), "; Secure" if secure else ""
    text = f"{name}={cookie}; Path=/connect; Max-Age={LASTS // 1000}; HttpOnly; SameSite=Lax{more}"
    return pages.see_other(START).with_header("set-cookie", text)


@_page
async def start(server: Server, request: Request) -> Response:
    """What there is to connect; where that is one thing, its page."""
    seen = await _seen(server, request)
    found = await server.connecting.choices(seen.visit)
    if len(found) == 1:
        return pages.see_other(f"/connect/integrations/{found[0].slug}")
    return pages.page("choose", integrations=found, company=seen.company)


@_page
async def show(server: Server, request: Request) -> Response:
    """The form of an integration, or the way to its provider."""
    seen, connecting = await _seen(server, request), server.connecting
    integration = await connecting.integration(seen.visit, request.params["slug"])
    if integration.oauth is None:
        return await _form(connecting, seen, request.params["slug"], Incomplete({}), {})
    url = await connecting.provider_url(seen.visit, integration, base_url(server, request))
    several = len(await connecting.choices(seen.visit)) > 1
    host = urlsplit(url).hostname
    return pages.page("provider", integration=integration, url=url, host=host, several=several, company=seen.company)


@_page
async def fill(server: Server, request: Request) -> Response:
    """What was filled in, of the form that was shown."""
    seen, slug = await _seen(server, request), request.params["slug"]
    fields = _fields(await request.body())
    if not same(fields.get("csrf", ""), seen.csrf):
        raise BadInput("This form was not shown by this page, or is too old.")
    given = {name.removeprefix("field."): value for name, value in fields.items() if name.startswith("field.")}
    try:
        await server.connecting.fill(seen.visit, slug, given)
    except Incomplete as incomplete:
        return await _form(server.connecting, seen, slug, incomplete, given)
    return pages.see_other(DONE)


@_page
async def callback(server: Server, request: Request) -> Response:
    """Where a provider sends the browser back to."""
    seen = await _cookie_visit(server, request)
    if seen.visit.ended:  # loaded once more
        return pages.see_other(DONE)
    answer = {name: value for name in ("state", "code", "error", "iss") if (value := request.query(name)) is not None}
    where = callback_path(request.params["project"], request.params["slug"])
    await server.connecting.come_back(seen.visit, where, answer, base_url(server, request))
    return pages.see_other(DONE)


@_page
async def done(server: Server, request: Request) -> Response:
    """The end: back to where the link was asked for, or nowhere."""
    seen = await _cookie_visit(server, request)
    return pages.page("done", redirect=seen.visit.redirect_url) if seen.visit.ended else pages.see_other(START)


async def style(server: Server, request: Request) -> Response:
    """The pages' style sheet."""
    return pages.style()


async def _form(connecting: Connecting, seen: Seen, slug: str, incomplete: Incomplete, given: dict[str, str]) -> Response:
    """With what is wrong at each field; the keyboard begins at the first of them. Secrets are never sent back."""
    integration = await connecting.integration(seen.visit, slug)
    if not integration.fields:  # it became a provider's while the form was open
        raise Conflict(CHANGED)
    several, problems = len(await connecting.choices(seen.visit)) > 1, incomplete.problems
    first = next((field.name for field in integration.fields if field.name in problems), integration.fields[0].name)
    return pages.page(
        "form", 400 if problems else 200, integration=integration, csrf=seen.csrf, problems=problems, given=given, focus=first,
        several=several, company=seen.company,
    )  # fmt: skip


async def _seen(server: Server, request: Request) -> Seen:
    """A visit that has still something to connect."""
    seen = await _cookie_visit(server, request)
    if seen.visit.ended:
        raise VisitOver("What this link was for is connected.")
    return seen


async def _cookie_visit(server: Server, request: Request) -> Seen:
    name = _cookie_name(base_url(server, request).startswith("https:"))
    pairs = [part.strip().partition("=") for header in request.header_all("cookie") for part in header.split(";")]
    values = [value for key, _, value in pairs if key == name]
    if len(values) != 1:
        raise VisitOver
    return await server.connecting.seen(values[0])


def _cookie_name(secure: bool) -> str:
    """Over TLS no page without it can set one of this name (RFC 6265bis, 4.1.3.1)."""
    return f"__Secure-{NAME}" if secure else NAME


def _fields(body: bytes) -> dict[str, str]:
    """Of a form (WHATWG URL, 5.1)."""
    try:
        fields = parse_qs(body.decode("ascii"), keep_blank_values=True, errors="strict", max_num_fields=MOST_FIELDS)
    except ValueError:
        raise BadInput("The form cannot be read.") from None
    return {name: values[-1] for name, values in fields.items()}
