"""A local HTTP server, plain or under TLS, that answers what a test says; and certificates for it."""

import contextlib
import socket
import socketserver
import ssl
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO

import trustme


@dataclass(frozen=True)
class Received:
    """A request as it arrived. `target` is the raw path and query; names of headers are in lower case."""

    method: str
    target: str
    headers: dict[str, str]
    body: bytes


@dataclass(frozen=True)
class Reply:
    """`headers` and `body` as they are; `missing` bytes of the announced length never come; `wrong` replaces the whole answer."""

    status: int = 200
    headers: tuple[tuple[str, str], ...] = ()
    body: bytes = b""
    missing: int = 0
    wrong: bytes | None = None

    def encoded(self) -> bytes:
        if self.wrong is not None:
            return self.wrong
        lines = [f"HTTP/1.1 {self.status} Whatever", *(f"{name}: {value}" for name, value in self.headers)]
        head = "\r\n".join([*lines, f"Content-Length: {len(self.body) + self.missing}", "", ""])
        return head.encode() + self.body


Answer = Callable[[Received], Reply]


@dataclass
class Local:
    """A running server: where it listens, and all it has got, in order."""

    port: int
    received: list[Received] = field(default_factory=list)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"


class _Server(socketserver.ThreadingTCPServer):
    daemon_threads = True
    block_on_close = False
    request_queue_size = 256


@contextlib.contextmanager
def answering(answer: Answer, tls: ssl.SSLContext | None = None) -> Iterator[Local]:
    """Listens on a free port of 127.0.0.1 until the end of the block."""

    class Handler(socketserver.BaseRequestHandler):
        def handle(self) -> None:
            with contextlib.suppress(OSError, ValueError):  # the other side goes away as it likes
                if tls is None:
                    self.talk(self.request)
                else:
                    with tls.wrap_socket(self.request, server_side=True) as wrapped:
                        self.talk(wrapped)

        def talk(self, connection: socket.socket) -> None:
            with connection.makefile("rb") as stream:
                while received := _read(stream):
                    local.received.append(received)
                    reply = answer(received)
                    connection.sendall(reply.encoded())
                    if reply.missing or reply.wrong is not None:
                        return

    with _Server(("127.0.0.1", 0), Handler) as server:
        local = Local(server.server_address[1])
        threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True).start()
        try:
            yield local
        finally:
            server.shutdown()


def _read(stream: IO[bytes]) -> Received | None:
    line = stream.readline(1 << 20).decode("latin-1").split()
    if len(line) != 3:
        return None
    headers: dict[str, str] = {}
    while text := stream.readline(1 << 20).decode("utf-8", "replace").strip("\r\n"):
        name, _, value = text.partition(":")
        headers[name.lower()] = value.strip()
    body = stream.read(int(headers.get("content-length", 0)))
    return Received(line[0], line[1], headers, body)


def authority(folder: Path, host: str) -> tuple[Path, ssl.SSLContext]:
    """(the PEM file of a certificate authority made for the occasion, a server's TLS for `host` that it signed)."""
    ca = trustme.CA()
    file = folder / "authority.pem"
    ca.cert_pem.write_to_path(file)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    ca.issue_cert(host).configure_cert(context)
    return file, context
