"""Exact bytes: requests as the SDKs put them on the socket (recorded from Python 2.0.0 and JavaScript 4.0.0)."""

import socket
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass
from typing import Any

from stagedoor.kit import strictjson
from tests.support.server import LiveServer

PYTHON = "python-httpx/0.28.1"
JAVASCRIPT = "node"
JAVA = "Java-http-client/17.0.9"
GO = "Go-http-client/1.1"


@dataclass(frozen=True)
class Answer:
    status: int
    headers: dict[str, str]
    body: bytes

    @property
    def json(self) -> Any:
        return strictjson.decode(self.body)


def say(server: LiveServer, data: bytes) -> Answer:
    """Send these bytes on a connection of their own; the answer."""
    with closing(socket.create_connection(("127.0.0.1", server.port), timeout=10)) as connection:
        connection.sendall(data)
        gathered = b""
        while piece := connection.recv(65536):
            gathered += piece
    head, _, body = gathered.partition(b"\r\n\r\n")
    first, *lines = head.decode("latin-1").split("\r\n")
    return Answer(int(first.split()[1]), {name.lower(): value for name, _, value in (line.partition(": ") for line in lines)}, body)


def chunks(body: bytes, size: int) -> Iterator[bytes]:
    for at in range(0, len(body), size):
        piece = body[at : at + size]
        yield b"%x\r\n%b\r\n" % (len(piece), piece)
    yield b"0\r\n\r\n"


def javascript(method: str, target: str, token: str | None = None, body: bytes | None = None, size: int = 65536) -> bytes:
    """As node's fetch sends it: a body in chunks, without Content-Length."""
    lines = [f"{method} {target} HTTP/1.1", "host: localhost", "connection: close"]
    lines += [f"X-Authorization: {token}"] if token else []
    lines += ["Content-Type: application/json", "accept: */*", "accept-language: *", "sec-fetch-mode: cors", f"user-agent: {JAVASCRIPT}"]
    lines += ["accept-encoding: gzip, deflate"]
    if body is None:
        return "\r\n".join(lines).encode() + b"\r\n\r\n"
    return "\r\n".join([*lines, "transfer-encoding: chunked"]).encode() + b"\r\n\r\n" + b"".join(chunks(body, size))


def python(method: str, target: str, token: str | None = None, body: bytes | None = None) -> bytes:
    """As the Python SDK's httpx sends it."""
    lines = [f"{method} {target} HTTP/1.1", "Host: 127.0.0.1", "Accept: application/json", "Accept-Encoding: gzip, deflate"]
    lines += ["Connection: close", f"User-Agent: {PYTHON}", "Content-Type: application/json"]
    lines += [f"X-Authorization: {token}"] if token else []
    lines += [f"Content-Length: {len(body)}"] if body is not None else []
    return "\r\n".join(lines).encode() + b"\r\n\r\n" + (body or b"")
