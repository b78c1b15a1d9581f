"""From an ASGI call to a handler and back: match, authenticate, decode, authorize, handle, encode. The hot path.

The body is decoded before the rule is asked, because a rule may speak of what the body names; who is nobody gets 401 before either.
"""

import asyncio
import logging
import traceback
from collections.abc import Awaitable, Callable, Iterable, Sequence
from dataclasses import dataclass
from functools import partial

from stagedoor.api.http import Request, Response
from stagedoor.api.problems import Problems
from stagedoor.api.router import Route, Router
from stagedoor.api.wire import ClientGone, Receive, Scope, Send
from stagedoor.kit import strictjson
from stagedoor.kit.errors import MethodNotAllowed, NotFound, StagedoorError, Unavailable

logger = logging.getLogger("stagedoor.api")

Check = Callable[[Request], Awaitable[None]]
Step = Callable[[], Awaitable[None]]
Measure = Callable[[Route | None, int, float], None]
"""(route or None where none matched, status, seconds)."""

QUICK = 0.02
"""Seconds a waiting handler may take before anyone watches whether its client is still there."""
CLIENT_GONE = 499
"""What `measure` is told where no answer was sent because the client had left."""


async def _call_handler(request: Request) -> Response:
    response: Response = await request.route.handler(request)
    return response


@dataclass(frozen=True, slots=True)
class Hooks:
    """What the dispatch calls, in this order, each with the request whose `route` and `params` are set:

    authenticate  sets `request.principal`, or raises Unauthenticated or BadInput; it sees the rule at `request.route.rule`
    authorize     the rule, once `request.payload` is decoded: returns, or raises Forbidden or NotFound
    handle        makes the response; by default the route's handler with the request alone
    measure       told of every answer
    startup, shutdown   run once each by the server's lifespan; shutdown in reverse order
    """

    authenticate: Check
    authorize: Check
    handle: Callable[[Request], Awaitable[Response]] = _call_handler
    measure: Measure | None = None
    startup: Sequence[Step] = ()
    shutdown: Sequence[Step] = ()


class App:
    """The ASGI application over one route table."""

    def __init__(self, routes: Iterable[Route], hooks: Hooks, problems: Problems) -> None:
        self.router = Router(routes)
        self.hooks = hooks
        self.problems = problems
        self._waiting: set[_Wait] = set()
        self._stopping = False

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._lifespan(scope, receive, send)
            return
        request = Request(scope, receive)
        monotonic = self.problems.clock.monotonic
        began = monotonic()
        try:
            response = await self._respond(request)
        except ClientGone:
            if self.hooks.measure is not None:
                self.hooks.measure(request.route, CLIENT_GONE, monotonic() - began)
            return
        except Exception as problem:
            response = self._spell(problem, request)
        if request.segments and request.segments[0] == "v1":
            response = response.with_header("conductor-request-id", self.problems.request_id(request))
        await send({"type": "http.response.start", "status": response.status, "headers": response.headers})
        await send({"type": "http.response.body", "body": response.body})
        if self.hooks.measure is not None:
            self.hooks.measure(request.route, response.status, monotonic() - began)

    def release(self) -> None:
        """End every waiting call with 503, and take no new wait: the server is stopping."""
        self._stopping = True
        for wait in tuple(self._waiting):
            wait.cancel()

    async def _respond(self, request: Request) -> Response:
        segments = request.split()
        if request.method == "OPTIONS":
            return self._options(segments)
        request.route, request.params = route, _ = self.router.find(request.method, segments)
        hooks, options = self.hooks, route.options
        request.limit = options.limit
        await hooks.authenticate(request)
        request.arrived = partial(hooks.authenticate, request)  # what was paused or deleted before its body came counts no more
        if route.body is not None:
            data = await request.body()
            if data or not route.takes_empty:
                request.payload = strictjson.decode_as(route.body, data, strict=options.strict)
        await hooks.authorize(request)
        return await (self._wait(request) if options.waits else hooks.handle(request))

    def _options(self, segments: list[str]) -> Response:
        """The methods of an address are in the public document; no credential is asked for them. There is no CORS."""
        allowed = self.router.allowed(segments)
        if not allowed:
            raise NotFound("there is no such address")
        return Response.empty().with_header("allow", ", ".join([*allowed, "OPTIONS"]))

    async def _wait(self, request: Request) -> Response:
        """Run a handler that may wait long; it is cancelled when the client leaves or the server stops."""
        await request.body()  # what comes after it can only be the client's leaving
        if self._stopping:
            raise Unavailable("the server is stopping")
        wait = _Wait(request)
        self._waiting.add(wait)
        try:
            return await self.hooks.handle(request)
        except asyncio.CancelledError:
            wait.explain()
            raise
        finally:
            self._waiting.discard(wait)
            wait.close()

    def _spell(self, problem: Exception, request: Request) -> Response:
        if not isinstance(problem, StagedoorError):
            # The message of an unknown exception may hold what the request held, so only its kind and its places are logged.
            places = [f"{frame.filename}:{frame.lineno} {frame.name}" for frame in traceback.extract_tb(problem.__traceback__)]
            path = request.route.path if request.route else "?"
            logger.error("%s %s failed: %s at %s", request.method, path, type(problem).__name__, " < ".join(reversed(places)))
        response = self.problems.response(problem, request)
        if isinstance(problem, MethodNotAllowed) and response.status == 405:
            response = response.with_header("allow", ", ".join([*self.router.allowed(request.segments), "OPTIONS"]))
        return response

    async def _lifespan(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "lifespan":
            raise RuntimeError("only HTTP is spoken here")
        await receive()
        try:
            for step in self.hooks.startup:
                await step()
        except StagedoorError as problem:
            await send({"type": "lifespan.startup.failed", "message": problem.message})
            return
        await send({"type": "lifespan.startup.complete"})
        await receive()
        for step in reversed(self.hooks.shutdown):
            await step()
        await send({"type": "lifespan.shutdown.complete"})


class _Wait:
    """One handler that waits. Someone watches for the client's leaving only once it has taken longer than QUICK."""

    def __init__(self, request: Request) -> None:
        loop = asyncio.get_running_loop()
        self._request = request
        self._task = asyncio.current_task()
        self._timer = loop.call_later(QUICK, self._start)
        self._watcher: asyncio.Task[None] | None = None
        self._reason: Exception | None = None

    def cancel(self, reason: Exception | None = None) -> None:
        """Cancel the handler, once; `explain` then tells why, so that a cancellation from elsewhere stays one."""
        if self._reason is None and self._task is not None:
            self._reason = reason or Unavailable("the server is stopping")
            self._task.cancel()

    def explain(self) -> None:
        if self._reason is not None and self._task is not None:
            self._task.uncancel()
            raise self._reason from None

    def close(self) -> None:
        self._timer.cancel()
        if self._watcher is not None:
            self._watcher.cancel()

    def _start(self) -> None:
        self._watcher = asyncio.get_running_loop().create_task(self._watch())

    async def _watch(self) -> None:
        await self._request.gone()
        self.cancel(ClientGone())
