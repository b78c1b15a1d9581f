"""What the dispatch costs: a trivial authenticated GET through it, against a bare ASGI callable giving the same bytes, both on uvicorn.

    python -m bench.dispatch [--seconds 5] [--rounds 3]

Each server is a process of its own with the stock or our protocol; rounds alternate; the CPU of the server's process is what is compared.
"""

import argparse
import asyncio
import multiprocessing
import resource
import statistics
import time
from collections.abc import Callable
from multiprocessing.connection import Connection
from typing import Any

import uvicorn
import uvloop

from stagedoor.api.dispatch import App, Hooks
from stagedoor.api.http import Request, Response
from stagedoor.api.problems import Problems
from stagedoor.api.router import Route
from stagedoor.api.server import Listening, make_server
from stagedoor.kit.clock import SystemClock
from stagedoor.kit.errors import Unauthenticated
from stagedoor.kit.ids import new_id

TOKEN = "t" * 600
ASK = (
    f"GET /api/secrets/some_name/exists HTTP/1.1\r\nHost: 127.0.0.1\r\nX-Authorization: {TOKEN}\r\n"
    "Accept: application/json\r\nUser-Agent: bench\r\n\r\n"
).encode()
CONNECTIONS = 16


async def bare(scope: Any, receive: Any, send: Any) -> None:
    if scope["type"] == "http":
        headers = [(b"content-type", b"application/json"), (b"cache-control", b"no-store"), (b"content-length", b"4")]
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        await send({"type": "http.response.body", "body": b"true"})


def dispatched() -> App:
    tokens = {TOKEN: "somebody"}

    async def authenticate(request: Request) -> None:
        request.principal = tokens.get(request.header("x-authorization") or "")
        if request.principal is None:
            raise Unauthenticated

    async def authorize(_: Request) -> None:
        return

    async def exists(_: Request) -> Response:
        return Response.json(True)

    rows = [Route("GET", f"/api/{noun}/{{key}}/exists", exists, "any") for noun in ("secrets", "applications", "workflow")]
    return App(rows, Hooks(authenticate, authorize, measure=lambda route, status, seconds: None), Problems(SystemClock(), new_id))


def serve(kind: str, pipe: Connection) -> None:
    if kind == "dispatch":
        server: uvicorn.Server = make_server(dispatched(), Listening("127.0.0.1:0"))
    else:
        config = uvicorn.Config(
            bare, port=0, loop="uvloop", http="httptools", lifespan="off", log_config=None, access_log=False, server_header=False
        )
        server = uvicorn.Server(config)

    async def run() -> None:
        task = asyncio.create_task(server.serve())
        while not server.started:
            await asyncio.sleep(0.01)
        pipe.send(server.servers[0].sockets[0].getsockname()[1])
        while await asyncio.get_running_loop().run_in_executor(None, pipe.recv) != "stop":
            usage = resource.getrusage(resource.RUSAGE_SELF)
            pipe.send(usage.ru_utime + usage.ru_stime)
        server.should_exit = True
        await task

    uvloop.run(run())


async def load(port: int, seconds: float) -> int:
    """Requests answered in that time over keep-alive connections."""
    until, done = time.monotonic() + seconds, 0

    async def one() -> None:
        nonlocal done
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        while time.monotonic() < until:
            writer.write(ASK)
            if b"200 OK" not in await reader.readuntil(b"true"):
                raise RuntimeError("not answered")
            done += 1
        writer.close()

    await asyncio.gather(*(one() for _ in range(CONNECTIONS)))
    return done


def cost(port: int, pipe: Connection, seconds: float) -> tuple[float, float]:
    """(CPU microseconds a request of the server, requests a second)."""
    pipe.send("usage")
    before = pipe.recv()
    done = uvloop.run(load(port, seconds))
    pipe.send("usage")
    return (pipe.recv() - before) / done * 1e6, done / seconds


def main(argv: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--seconds", type=float, default=5)
    parser.add_argument("--rounds", type=int, default=3)
    given = parser.parse_args(argv)
    context = multiprocessing.get_context("spawn")
    servers: dict[str, tuple[int, Connection, Any]] = {}
    start: Callable[..., Any] = context.Process
    for kind in ("bare", "dispatch"):
        mine, theirs = context.Pipe()
        process = start(target=serve, args=(kind, theirs))
        process.start()
        servers[kind] = (mine.recv(), mine, process)
    seen: dict[str, list[tuple[float, float]]] = {kind: [] for kind in servers}
    for _ in range(given.rounds):
        for kind, (port, pipe, _) in servers.items():
            seen[kind].append(cost(port, pipe, given.seconds))
    for kind, rounds in seen.items():
        cpu, rate = (statistics.median(column) for column in zip(*rounds, strict=True))
        print(f"{kind:9} {cpu:6.1f} us CPU  {rate:8.0f} requests/s")
    ratios = [ours / theirs for (ours, _), (theirs, _) in zip(seen["dispatch"], seen["bare"], strict=True)]
    print(f"ratio of CPU, median of {len(ratios)} interleaved rounds: {statistics.median(ratios):.2f}")
    for _, pipe, process in servers.values():
        pipe.send("stop")
        process.join(10)


if __name__ == "__main__":
    main()
