"""Real servers on loopback addresses: one that counts who connects and says what a test wants, byte for byte."""

import asyncio
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable, Collection
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field

Answer = Callable[[bytes, asyncio.StreamWriter], Awaitable[None]]
PLAIN = b"HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: 2\r\n\r\nok"


@dataclass
class Listener:
    """`connections` counts accepted ones; `requests` holds each request, head and body; `names` what clients asked for by SNI."""

    port: int = 0
    connections: int = 0
    requests: list[bytes] = field(default_factory=list)
    names: list[str | None] = field(default_factory=list)


def saying(data: bytes, *, end: bool = False) -> Answer:
    """Answers with these bytes; `end`: and closes."""

    async def answer(request: bytes, writer: asyncio.StreamWriter) -> None:
        writer.write(data)
        await writer.drain()
        if end:
            writer.close()

    return answer


async def silence(request: bytes, writer: asyncio.StreamWriter) -> None:
    await asyncio.sleep(60)


def dripping(start: bytes, drop: bytes, pause: float = 0.02) -> Answer:
    async def answer(request: bytes, writer: asyncio.StreamWriter) -> None:
        writer.write(start)
        await writer.drain()
        await asyncio.sleep(pause)
        while True:
            writer.write(drop)
            await writer.drain()
            await asyncio.sleep(pause)

    return answer


@asynccontextmanager
async def listening(
    answer: Answer | None = None, *, host: str = "127.0.0.1", port: int = 0, tls: ssl.SSLContext | None = None, greeting: bytes = b""
) -> AsyncIterator[Listener]:
    listener = Listener()
    respond = answer or saying(PLAIN)
    under_way: set[asyncio.Task[None]] = set()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        under_way.add(task)
        listener.connections += 1
        writer.write(greeting)
        with suppress(ConnectionError, asyncio.IncompleteReadError, asyncio.CancelledError, ssl.SSLError):
            while True:
                request = await _request(reader)
                listener.requests.append(request)
                await respond(request, writer)
        writer.close()
        with suppress(Exception, asyncio.CancelledError):
            await writer.wait_closed()
        under_way.discard(task)

    if tls is not None:
        tls.sni_callback = lambda connection, name, context: listener.names.append(name)
    server = await asyncio.start_server(serve, host, port, ssl=tls)
    listener.port = server.sockets[0].getsockname()[1]
    try:
        yield listener
    finally:
        await close(server, under_way)


async def close(server: asyncio.Server, under_way: Collection[asyncio.Task[None]]) -> None:
    """The server, and whatever it still does."""
    server.close()
    for task in under_way:
        task.cancel()
    await asyncio.gather(*under_way, return_exceptions=True)
    await server.wait_closed()


async def _request(reader: asyncio.StreamReader) -> bytes:
    head = await reader.readuntil(b"\r\n\r\n")
    length = next((int(line.split(b":")[1]) for line in head.lower().split(b"\r\n") if line.startswith(b"content-length:")), 0)
    return head + (await reader.readexactly(length) if length else b"")
