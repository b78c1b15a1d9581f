"""Ways in which a request fails: what a server says, or where there is none; and what the reason holds."""

import base64
from typing import Any
from urllib.parse import quote

from tests.gate.egress.servers import Answer, saying, silence

HEAD = b"HTTP/1.1 200 OK\r\n"
NOT_HTTP = "the answer is not valid HTTP, or its headers are too large"
BROKEN = "the answer broke off, or is not encoded as it says"


async def echo(request: bytes, writer: Any) -> None:
    """An error of the worst kind: all of the request in the reason, in headers and in the body, in several spellings."""
    line = request.split(b"\r\n")[0]
    body = request + base64.b64encode(request) + request.hex().encode() + quote(request).encode()
    writer.write(b"HTTP/1.1 500 " + line + b"\r\nX-Echo: " + line + b"\r\nSet-Cookie: a=" + line + b"\r\n")
    writer.write(b"Content-Length: %d\r\n\r\n" % len(body) + body)
    await writer.drain()


async def reset(request: bytes, writer: Any) -> None:
    writer.transport.abort()


# way: (what the server says, how the reason goes on behind the host)
WAYS: dict[str, tuple[Answer, str]] = {
    "echo": (echo, ""),
    "closed": (saying(b"", end=True), "the connection was closed without an answer"),
    "reset": (reset, "the connection "),
    "silent": (silence, "nothing came for too long"),
    "half a head": (saying(HEAD + b"X-A: ", end=True), "the connection was closed without an answer"),
    "HTTP/0.9": (saying(b"<html>hello</html>", end=True), NOT_HTTP),
    "not HTTP": (saying(b"SSH-2.0-OpenSSH_9.6\r\n", end=True), NOT_HTTP),
    "headers too large": (saying(HEAD + b"X-A: " + b"a" * 20_000 + b"\r\n\r\n"), NOT_HTTP),
    "cut off": (saying(HEAD + b"Content-Length: 100\r\n\r\nshort", end=True), BROKEN),
    "bad chunk": (saying(HEAD + b"Transfer-Encoding: chunked\r\n\r\nzz\r\nab\r\n", end=True), ""),
    "not gzip": (saying(HEAD + b"Content-Encoding: gzip\r\nContent-Length: 5\r\n\r\nhello"), BROKEN),
    "an encoding not asked for": (saying(HEAD + b"Content-Encoding: compress\r\nContent-Length: 5\r\n\r\nhello"), "the answer is in a"),
    "too large": (saying(HEAD + b"Content-Length: 9000000\r\n\r\n" + bytes(9_000_000)), "the answer is larger than 8388608 bytes"),
}
OTHERS = {  # URLs that go nowhere
    "refused": ("http://127.0.0.1:1", "127.0.0.1: the connection was refused"),
    "no such name": ("http://nowhere.invalid", "nowhere.invalid: the name cannot be resolved"),
    "forbidden": ("http://127.0.0.9", "127.0.0.9: it is or leads to a loopback address"),
    "untrusted": ("https://untrusted.test", "untrusted.test: its certificate is not trusted: "),
    "wrong name": ("https://wrong.test", "wrong.test: its certificate is not trusted: Hostname mismatch"),
    "expired": ("https://expired.test", "expired.test: its certificate is not trusted: certificate has expired"),
    "no TLS": ("https://plain.test", "plain.test: the TLS handshake failed"),
    "bad port": ("http://127.0.0.1:99999", "uri: the host or port is not valid"),
    "bad host": ("http://127.0.0.1.5.6", "uri: the host is not a valid IPv4 address"),
    "user": ("http://user@127.0.0.1", "uri: a user or password"),
    "bad scheme": ("ftp://127.0.0.1", "uri: it is not an absolute http"),
}
