"""A server that means harm, as a process: `python -m tests.gate.egress.hostile` prints its port. The path says how it answers."""

import contextlib
import functools
import gzip
import socket
import socketserver
import sys
import time
import zlib
from collections.abc import Callable, Iterator

OK = b"HTTP/1.1 200 OK\r\n"
CHUNKED = OK + b"Transfer-Encoding: chunked\r\n\r\n"


@functools.cache
def _deflated(rounds: int) -> bytes:
    """Thirty megabytes of nothing."""
    data = bytes(30_000_000)
    for _ in range(rounds):
        data = gzip.compress(data)
    return data


def _encoded(coding: str, body: bytes) -> Iterator[bytes]:
    yield OK + f"Content-Encoding: {coding}\r\nContent-Length: {len(body)}\r\n\r\n".encode()
    yield body


def _forever(start: bytes, again: bytes, pause: float = 0) -> Iterator[bytes]:
    yield start
    while True:
        yield again
        if pause:
            time.sleep(pause)


def _empty_blocks() -> Iterator[bytes]:
    """A gzip stream of stored blocks without content: many bytes in, none out."""
    yield OK + b"Content-Encoding: gzip\r\nConnection: close\r\n\r\n\x1f\x8b\x08\0\0\0\0\0\0\x03"
    while True:
        yield b"\0\0\0\xff\xff" * 20_000


WAYS: dict[str, Callable[[], Iterator[bytes]]] = {
    "gzip": lambda: _encoded("gzip", _deflated(1)),
    "deflate": lambda: _encoded("deflate", zlib.compress(bytes(30_000_000))),
    "br": lambda: _encoded("br", b"\x5b\xff\xff\x3f\x00" * 1000),
    "zstd": lambda: _encoded("zstd", b"\x28\xb5\x2f\xfd" * 1000),
    "nested": lambda: _encoded("gzip, gzip", _deflated(2)),
    "twice": lambda: _encoded("gzip\r\nContent-Encoding: gzip", _deflated(2)),
    "large": lambda: iter([OK + b"Content-Length: 8388608\r\n\r\n", b"a" * 8388608]),
    "held": lambda: _forever(OK + b"Content-Length: 8388608\r\n\r\n", b"a" * 8388607, 60),
    "endless": lambda: _forever(OK + b"\r\n", bytes(65536)),
    "endless chunks": lambda: _forever(CHUNKED, b"10000\r\n" + bytes(65536) + b"\r\n"),
    "small chunks": lambda: _forever(CHUNKED, b"1\r\na\r\n" * 10_000),
    "long extensions": lambda: _forever(CHUNKED, b"1" + b";x=y" * 1500 + b"\r\na\r\n"),
    "bad extensions": lambda: _forever(CHUNKED, b"1;" + b"x=y;" * 1500 + b"\r\na\r\n"),
    "trailers": lambda: _forever(CHUNKED + b"0\r\n", b"X-A: b\r\n" * 10_000),
    "empty blocks": _empty_blocks,
    "interim": lambda: _forever(b"", b"HTTP/1.1 100 Continue\r\n\r\n" * 10_000),
    "interim with headers": lambda: _forever(b"", b"HTTP/1.1 103 Early Hints\r\n" + b"Link: </a>\r\n" * 90 + b"\r\n"),
    "headers": lambda: _forever(OK, b"X-A: b\r\n" * 10_000),
    "one header": lambda: _forever(OK + b"X-A: ", b"a" * 65536),
    "status line": lambda: _forever(b"HTTP/1.1 200 ", b"a" * 65536),
    "switching": lambda: _forever(b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\nConnection: upgrade\r\n\r\n", bytes(65536)),
    "switched": lambda: iter([b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\nConnection: upgrade\r\n\r\n"]),
    "drip": lambda: _forever(OK + b"Content-Length: 1000000\r\n\r\n", b"a", 0.5),
    "head drip": lambda: _forever(OK + b"X-A: ", b"a", 0.5),
    "two lengths": lambda: iter([OK + b"Content-Length: 3\r\nContent-Length: 5\r\n\r\nhello"]),
    "length and chunks": lambda: iter([OK + b"Content-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n"]),
    "length below zero": lambda: iter([OK + b"Content-Length: -5\r\n\r\nhello"]),
    "length with a plus": lambda: iter([OK + b"Content-Length: +5\r\n\r\nhello"]),
    "chunk below zero": lambda: iter([CHUNKED + b"-5\r\nhello\r\n0\r\n\r\n"]),
    "chunk too large": lambda: iter([CHUNKED + b"fffffffffffffffff\r\nhello\r\n0\r\n\r\n"]),
    "HTTP/0.9": lambda: iter([b"<html>hello</html>\r\n"]),
    "HTTP/3.7": lambda: iter([b"HTTP/3.7 200 OK\r\n\r\nhello"]),
    "folded header": lambda: iter([OK + b"X-A: b\r\n c\r\nContent-Length: 0\r\n\r\n"]),
    "bare line feeds": lambda: iter([b"HTTP/1.1 200 OK\nContent-Length: 2\n\nok"]),
    "NUL in a header": lambda: iter([OK + b"X-A: a\0b\r\nContent-Length: 0\r\n\r\n"]),
    "two answers": lambda: iter([OK + b"Content-Length: 2\r\n\r\nok" + OK + b"Content-Length: 4\r\n\r\nevil"]),
    "fine": lambda: iter([OK + b"Content-Length: 2\r\n\r\nok"]),
}


class _Handler(socketserver.BaseRequestHandler):
    def handle(self) -> None:
        with contextlib.suppress(OSError):
            words = self.request.recv(65536).split(b" ")
            way = words[1].decode().strip("/").replace("%20", " ") if len(words) > 1 else ""
            for data in WAYS.get(way, WAYS["fine"])():
                self.request.sendall(data)
            self.request.shutdown(socket.SHUT_WR)


class _Server(socketserver.ThreadingTCPServer):
    daemon_threads = True
    request_queue_size = 256


if __name__ == "__main__":
    with _Server(("127.0.0.1", 0), _Handler) as server:
        print(server.server_address[1], flush=True)
        sys.stdout.close()
        server.serve_forever()
