"""A live server over a small table of routes, and raw sockets to say exact bytes to it."""

import asyncio
import contextlib
import json
import socket
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any, Literal

import msgspec
import uvloop

from stagedoor.api.dispatch import App, Hooks
from stagedoor.api.http import Request, Response
from stagedoor.api.problems import Problems
from stagedoor.api.router import Options, Route
from stagedoor.api.server import Listening, Server, make_server
from stagedoor.kit.clock import SystemClock
from stagedoor.kit.errors import AdminOnly, Conflict, Forbidden, NotFound, TokenExpired, TooManyRequests, Unauthenticated, Unavailable
from stagedoor.kit.ids import new_id

TOKEN = "let-me-in"
PROBLEMS = {
    "admin": AdminOnly(),
    "conflict": Conflict("it exists: x"),
    "expired": TokenExpired(),
    "forbidden": Forbidden("You don't have permissions to execute task: t (missing: EXECUTE on TASK_DEF t)"),
    "many": TooManyRequests(retry_after=7),
    "missing": NotFound("there is no x"),
    "unavailable": Unavailable(),
    "bug": RuntimeError("the request held s3cret-value"),
}


class Thing(msgspec.Struct, forbid_unknown_fields=True):
    name: str
    size: int = 0
    kind: Literal["a", "b"] = "a"


@dataclass
class Seen:
    """What the server's own side noticed."""

    cancelled: threading.Event = field(default_factory=threading.Event)
    waiting: threading.Event = field(default_factory=threading.Event)
    measured: list[tuple[str, int]] = field(default_factory=list)


async def authenticate(request: Request) -> None:
    if request.route.rule == "anybody":
        return
    token = request.header("x-authorization") or (request.header("authorization") or "").removeprefix("Bearer ")
    if token != TOKEN:
        raise Unauthenticated
    request.principal = "somebody"


async def authorize(request: Request) -> None:
    if request.route.rule == "nobody":
        raise Forbidden("nobody may")


async def segments(request: Request) -> Response:
    return Response.json([request.segments, request.params, request.client])


async def echo(request: Request) -> Response:
    return Response.json({"length": len(await request.body()), "payload": msgspec.to_builtins(request.payload)})


async def raw(request: Request) -> Response:
    return Response.text(await request.body())


async def fail(request: Request) -> Response:
    raise PROBLEMS[request.params["problem"]]


def routes(seen: Seen) -> list[Route]:
    async def wait(_: Request) -> Response:
        seen.waiting.set()
        try:
            await asyncio.sleep(30)
        except asyncio.CancelledError:
            seen.cancelled.set()
            raise
        return Response.empty()

    return [
        Route("GET", "/health", segments, "anybody", options=Options(head=True)),
        Route("POST", "/api/token", fail_with_missing, "anybody", Thing),
        Route("GET", "/api/token/userInfo", segments, "somebody"),
        Route("GET", "/api/secrets/{key}", segments, "somebody"),
        Route("PUT", "/api/secrets/{key}", raw, "somebody"),
        Route("GET", "/api/closed", segments, "nobody"),
        Route("POST", "/api/things", echo, "anybody", Thing),
        Route("POST", "/api/any", echo, "anybody", Any, options=Options(limit=100_000)),
        Route("POST", "/api/maybe", echo, "anybody", dict[str, Any] | None),
        Route("POST", "/api/control", echo, "anybody", Any, options=Options(strict=True)),
        Route("POST", "/api/tasks/update-v2", fail_with_missing, "anybody"),
        Route("GET", "/api/tasks/poll/{type}", wait, "anybody", options=Options(waits=True)),
        Route("POST", "/api/tasks/wait", wait, "anybody", options=Options(waits=True)),
        Route("GET", "/api/fail/{problem}", fail, "anybody"),
        Route("GET", "/api/keys/{problem}", fail, "anybody"),
        Route("GET", "/v1/{problem}", fail, "anybody"),
        Route("GET", "/v1/things/{id}", segments, "somebody"),
    ]


async def fail_with_missing(_: Request) -> Response:
    raise NotFound("there is no such key")


@dataclass
class Live:
    server: Server
    seen: Seen
    thread: threading.Thread

    @property
    def port(self) -> int:
        return self.server.address[1]

    def connect(self) -> socket.socket:
        return socket.create_connection(("127.0.0.1", self.port), timeout=10)

    def say(self, data: bytes) -> bytes:
        """Send bytes, read until the server closes."""
        with self.connect() as conn:
            with contextlib.suppress(ConnectionError):
                conn.sendall(data)
            return read_all(conn)

    def stop(self) -> None:
        self.server.should_exit = True
        self.thread.join(15)


def read_all(conn: socket.socket) -> bytes:
    """Everything until the other side closes."""
    gathered = b""
    with contextlib.suppress(ConnectionResetError):
        while piece := conn.recv(65536):
            gathered += piece
    return gathered


@dataclass(frozen=True)
class Answer:
    status: int
    headers: dict[str, str]
    body: bytes

    @property
    def json(self) -> Any:
        return json.loads(self.body)


def parsed(data: bytes) -> Answer:
    """The one answer in `data`."""
    head, _, body = data.partition(b"\r\n\r\n")
    lines = head.decode("latin-1").split("\r\n")
    return Answer(int(lines[0].split()[1]), {name.lower(): value for name, _, value in (line.partition(": ") for line in lines[1:])}, body)


def request(method: str, path: str, body: bytes = b"", **headers: str) -> bytes:
    """The bytes of one HTTP/1.1 request that closes afterwards; underscores in header names stand for hyphens."""
    given = {"Host": "stagedoor", "Connection": "close"} | {name.replace("_", "-"): value for name, value in headers.items()}
    if body and "transfer-encoding" not in {name.lower() for name in given}:
        given.setdefault("Content-Length", str(len(body)))
    lines = "".join(f"{name}: {value}\r\n" for name, value in given.items())
    return f"{method} {path} HTTP/1.1\r\n{lines}\r\n".encode() + body


@contextlib.contextmanager
def serving(**listening: Any) -> Iterator[Live]:
    seen = Seen()
    hooks = Hooks(authenticate, authorize, measure=lambda route, status, _: seen.measured.append((route.path if route else "", status)))
    app = App(routes(seen), hooks, Problems(SystemClock(), new_id))
    server = make_server(app, Listening(**{"listen": "127.0.0.1:0", "grace": 2} | listening))
    thread = threading.Thread(target=lambda: uvloop.run(server.serve()), daemon=True)
    thread.start()
    pause = threading.Event()
    while not server.started and thread.is_alive():
        pause.wait(0.01)
    live = Live(server, seen, thread)
    try:
        yield live
    finally:
        live.stop()
