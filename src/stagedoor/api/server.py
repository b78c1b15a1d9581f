"""Serving: uvicorn on uvloop and httptools, with what an open socket needs besides."""

import asyncio
import contextlib
import ipaddress
import socket
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

import uvicorn
from uvicorn.protocols.http.httptools_impl import STATUS_LINE, HttpToolsProtocol

from stagedoor.api.dispatch import App
from stagedoor.kit.errors import BadInput
from stagedoor.settings import Settings, address

MAX_HEAD_BYTES = 64 * 1024
MAX_HEADERS = 100
HEAD_SECONDS = 10.0
BODY_SECONDS = 60.0
KEEP_ALIVE_SECONDS = 75
GRACE_SECONDS = 10
MAX_CONNECTIONS = 8192


@dataclass(frozen=True, slots=True)
class Listening:
    """Where and how to listen. `trusted_proxies`: addresses and CIDRs whose X-Forwarded-For and -Proto count; nobody's by default.

    `max_connections`: beyond it new requests get 503. `grace`: seconds that running calls have once the server is told to stop.
    """

    listen: str = "127.0.0.1:8080"
    tls_cert: Path | None = None
    tls_key: Path | None = None
    trusted_proxies: tuple[str, ...] = ()
    max_connections: int = MAX_CONNECTIONS
    grace: int = GRACE_SECONDS


class OneWrite:
    """A transport on which the head of an answer waits for its body, so that both leave in one segment and one system call."""

    __slots__ = ("_head", "_transport", "get_extra_info", "is_closing", "pause_reading", "resume_reading")

    def __init__(self, transport: asyncio.Transport) -> None:
        self._transport = transport
        self._head = b""
        self.get_extra_info, self.is_closing = transport.get_extra_info, transport.is_closing
        self.pause_reading, self.resume_reading = transport.pause_reading, transport.resume_reading

    def write(self, data: bytes) -> None:
        if self._head:
            data, self._head = self._head + data, b""
        elif data.startswith(b"HTTP/1.1 ") and not data.startswith(b"HTTP/1.1 100 "):
            self._head = data
            return
        self._transport.write(data)

    def flush(self) -> None:
        if self._head:
            head, self._head = self._head, b""
            self._transport.write(head)

    def close(self) -> None:
        self.flush()
        self._transport.close()


class Protocol(HttpToolsProtocol):
    """uvicorn's protocol, which takes any number and size of headers for any time, with bounds on all three.

    It also refuses what two parties could read in two ways: a second Host, a second length, a length beside Transfer-Encoding.
    A request is in its *head* from its first byte until its headers are complete; then its body has BODY_SECONDS to arrive.
    """

    _in_head = False
    _fed_bytes = 0
    _timer: asyncio.TimerHandle | None = None
    _refusal: tuple[int, str] | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(cast(asyncio.Transport, OneWrite(transport)))
        self._arm(HEAD_SECONDS)

    def connection_lost(self, exc: Exception | None) -> None:
        self._disarm()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        if self._in_head:
            # What a head may gather before its end is in sight: httptools keeps a header that is still coming to itself.
            self._fed_bytes += len(data)
            if self._fed_bytes > MAX_HEAD_BYTES and not _may_end(data):
                self._give_up(431, "The headers are too large.")
                return
        super().data_received(data)
        if self._timer is None:
            if self._in_head or self.cycle is None or self.cycle.response_complete:
                self._arm(HEAD_SECONDS)  # neither half a head nor bytes after an answer may keep a connection for ever
            elif self.cycle.more_body:
                self._arm(BODY_SECONDS)

    def on_message_begin(self) -> None:
        super().on_message_begin()
        self._in_head = True
        self._fed_bytes = 0

    def on_headers_complete(self) -> None:
        self._in_head = False
        self._disarm()
        hosts = lengths = encodings = 0
        size = len(self.url)
        for name, value in self.headers:
            size += len(name) + len(value) + 4
            if name == b"host":
                hosts += 1
            elif name == b"content-length":
                lengths += 1
            elif name == b"transfer-encoding":
                encodings += 1 if value.lower() == b"chunked" else 2
        if size > MAX_HEAD_BYTES or len(self.headers) > MAX_HEADERS:
            self._refuse(431, "The headers are too large, or too many.")
        if hosts > 1 or (hosts == 0 and self.parser.get_http_version() == "1.1"):
            self._refuse(400, "Exactly one Host header is needed.")
        if lengths + encodings > 1:
            self._refuse(400, "The length of the body is given twice, or in a way not known here.")
        super().on_headers_complete()

    def on_message_complete(self) -> None:
        self._disarm()
        super().on_message_complete()

    def on_response_complete(self) -> None:
        cast(OneWrite, self.transport).flush()  # an answer to HEAD, which has no body to wait for
        if self.cycle.more_body:  # what nobody reads any more
            self._disarm()
            self._arm(HEAD_SECONDS)
        super().on_response_complete()

    def send_400_response(self, msg: str) -> None:
        """Answer what never became a request, and close; where another answer is on its way, only close."""
        status, text = self._refusal or (400, msg)
        self._disarm()
        if self.transport.is_closing():
            return
        if self.cycle is None or self.cycle.response_complete or not (self.cycle.response_started or self.pipeline):
            body = text.encode("ascii")
            head = b"content-type: text/plain; charset=utf-8\r\ncontent-length: %d\r\nconnection: close\r\n\r\n" % len(body)
            self.transport.write(STATUS_LINE[status] + head + body)
        self.transport.close()

    def _refuse(self, status: int, text: str) -> None:
        """httptools turns what is raised in a callback into a parser error, which uvicorn answers through `send_400_response`."""
        self._refusal = (status, text)
        raise ValueError(text)

    def _arm(self, seconds: float) -> None:
        self._timer = self.loop.call_later(seconds, self._too_slow, seconds)

    def _disarm(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _too_slow(self, seconds: float) -> None:
        self._timer = None
        if self.flow.read_paused:  # it is this side that does not read
            self._arm(seconds)
        elif self._in_head:
            self._give_up(408, "The headers did not arrive in time.")
        elif self.cycle is not None and self.cycle.more_body and not self.cycle.response_complete:
            self._give_up(408, "The body did not arrive in time.")
        else:
            self.transport.close()

    def _give_up(self, status: int, text: str) -> None:
        self._refusal = (status, text)
        self.send_400_response("")


class Server(uvicorn.Server):
    """uvicorn's server, which first ends what waits, so that stopping does not take as long as the longest poll."""

    def __init__(self, config: uvicorn.Config, app: App) -> None:
        super().__init__(config)
        self._stagedoor = app

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        """uvicorn ends by raising the signal once more, which would kill the process before engine and store are closed."""
        with super().capture_signals():
            yield
            self._captured_signals.clear()

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        self._stagedoor.release()
        await super().shutdown(sockets)

    @property
    def address(self) -> tuple[str, int]:
        """Where it listens, once started; the port is the real one where 0 was asked for."""
        name = self.servers[0].sockets[0].getsockname()
        return name[0], name[1]


def make_server(app: App, listening: Listening) -> Server:
    """BadInput where the address, a proxy or the TLS files are not valid."""
    host, port = address(listening.listen)
    if (listening.tls_cert is None) != (listening.tls_key is None):
        raise BadInput("tls_cert and tls_key are given together or not at all", "tls_cert")
    options: dict[str, Any] = {}
    if listening.tls_cert:
        options = {"ssl_certfile": listening.tls_cert, "ssl_keyfile": listening.tls_key}
    if listening.trusted_proxies:
        options |= {"proxy_headers": True, "forwarded_allow_ips": [form for text in listening.trusted_proxies for form in _network(text)]}
    else:
        options |= {"proxy_headers": False, "forwarded_allow_ips": []}
    config = uvicorn.Config(
        cast(Any, app), host=host, port=port, loop="uvloop", http=Protocol, ws="none", lifespan="on",
        log_config=None, access_log=False, server_header=False,
        limit_concurrency=listening.max_connections, timeout_keep_alive=KEEP_ALIVE_SECONDS, timeout_graceful_shutdown=listening.grace,
        **options,
    )  # fmt: skip
    return Server(config, app)


async def run(app: App, settings: Settings) -> None:
    """Serve until SIGTERM or SIGINT. Run it on uvloop: `uvloop.run(...)`."""
    listening = Listening(settings.listen, settings.tls_cert, settings.tls_key, settings.trusted_proxies)
    await make_server(app, listening).serve()


def _may_end(data: bytes) -> bool:
    """Whether this piece may hold the end of a head, so that most of it may be body: then `on_headers_complete` does the counting."""
    return data[:1] in (b"\r", b"\n") or b"\r\n\r\n" in data or b"\n\n" in data


def _network(text: str) -> tuple[str, ...]:
    """The network, and the same IPv4-mapped, as a proxy may write it. uvicorn takes a wrong one for a host's name and says nothing."""
    try:
        network = ipaddress.ip_network(text.strip(), strict=False)
        if isinstance(network, ipaddress.IPv6Network):
            return (str(network),)
        return str(network), f"::ffff:{network.network_address}/{96 + network.prefixlen}"
    except ValueError:
        raise BadInput(f"trusted_proxies: {text.strip()} is not an address or a CIDR", "trusted_proxies") from None
