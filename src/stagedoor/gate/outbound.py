"""Sends a request to a host that a workflow named, to an address that was checked, and takes a bounded answer.

Between the check and the connection nothing is resolved again: aiohttp gets its addresses from `_Resolver` alone, and `_socket`
makes a socket for no address that this very request had checked. Redirects are not followed, cookies are neither kept nor read,
nothing of the environment (proxies, .netrc) counts. Messages name the host and the kind of failure, never a URL or a header; whoever
must not show the host takes the kind alone.
"""

import asyncio
import socket
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import AsyncExitStack, asynccontextmanager, contextmanager, suppress
from contextvars import ContextVar
from functools import lru_cache, partial
from http import HTTPStatus
from ipaddress import IPv6Address, ip_address
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import aiohttp
from aiohttp.abc import AbstractResolver, ResolveResult
from yarl import URL

from stagedoor.engine.embedded.shares import SLOTS
from stagedoor.gate.address import CA, Address, AddressRefused, EgressSettings, parse_host, plain
from stagedoor.gate.message import LONGEST_TIMEOUT_MS, Limits, OutboundRequest, OutboundResponse, Target, check_head, target_of
from stagedoor.gate.wire import Wire, WireError
from stagedoor.kit.errors import BadInput, StagedoorError

__all__ = ["Limits", "Lookup", "Outbound", "OutboundError", "OutboundRequest", "OutboundResponse"]

_CODINGS = frozenset({"", "identity", "gzip", "deflate"})
_LOOKUPS = SLOTS
"""Threads for names, made as they are needed; as many as there are HTTP tasks under way. A name server that never answers holds one each
for as long as the system's resolver has patience, and none of those that other parts of the server wait for."""
Lookup = Callable[[str], Awaitable[list[str]]]
"""A name -> its addresses. OSError or an empty list: there are none."""


class OutboundError(StagedoorError):
    """the request could not be sent, or not answered; the message holds the host and the kind of failure only"""

    def __init__(self, host: str, kind: str) -> None:
        super().__init__(f"{host}: {kind}")
        self.kind = kind


_checked: ContextVar[set[str]] = ContextVar("checked")
"""The addresses that the request under way may connect to, as text. A context is a task's own, and its children's."""


@contextmanager
def _checking(addresses: set[str]) -> Iterator[None]:
    token = _checked.set(addresses)
    try:
        yield
    finally:
        _checked.reset(token)


def _socket(info: tuple[Any, ...]) -> socket.socket:
    """The last line: whatever a URL was taken to mean on the way here, only a checked address gets a socket."""
    family, kind, protocol, _, target = info
    if target[0] not in _checked.get(set()):
        raise OSError("not a checked address")
    return socket.socket(family=family, type=kind, proto=protocol)


def _system_lookup(threads: ThreadPoolExecutor) -> Lookup:
    """getaddrinfo, in one of these threads."""

    def look(host: str) -> list[str]:
        return [str(entry[4][0]) for entry in socket.getaddrinfo(host, None, type=socket.SOCK_STREAM)]

    async def lookup(host: str) -> list[str]:
        return await asyncio.get_running_loop().run_in_executor(threads, look, host)

    return lookup


class _Resolver(AbstractResolver):
    """Resolves a name once and checks every address of the answer; one that may not be reached refuses the whole name."""

    def __init__(self, settings: EgressSettings, lookup: Lookup, limits: Limits) -> None:
        self._settings, self._lookup, self._limits = settings, lookup, limits
        self._proxy = URL(settings.proxy).host if settings.proxy else None

    async def resolve(self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_UNSPEC) -> list[ResolveResult]:
        """aiohttp's hook for names; it handles literal addresses itself, which is why `Outbound._admit` checks those."""
        override = self._settings.resolve.get(host)
        if override is not None:
            addresses, port = [override[0]], override[1]
        elif host == self._proxy:
            addresses = await self._addresses(host)  # the operator's own choice of host
        else:
            addresses = await self.check(host)
        _checked.get().update(map(str, addresses))
        return [_result(host, address, port) for address in addresses]

    async def check(self, host: str) -> list[Address]:
        addresses = await self._addresses(host)
        for address in addresses:
            self._settings.check(host, address)
        return addresses

    async def _addresses(self, host: str) -> list[Address]:
        try:
            async with asyncio.timeout(self._limits.lookup_seconds):
                answer = await self._lookup(host)
        except TimeoutError:
            raise OSError("the name was not resolved in time") from None
        addresses = list(dict.fromkeys(plain(ip_address(text)) for text in answer))
        if not addresses:
            raise OSError("the name has no address")
        if any(isinstance(address, IPv6Address) and address.scope_id for address in addresses):
            raise AddressRefused("it leads to a link-local address")
        return addresses[: self._limits.addresses]

    async def close(self) -> None:
        """Nothing is held."""


def _result(host: str, address: Address, port: int) -> ResolveResult:
    family = socket.AF_INET6 if isinstance(address, IPv6Address) else socket.AF_INET
    flags = socket.AI_NUMERICHOST | socket.AI_NUMERICSERV
    return ResolveResult(hostname=host, host=str(address), port=port, family=family, proto=0, flags=flags)


class _NoCookies(aiohttp.DummyCookieJar):
    """Does not even read them: aiohttp would log the odd names it meets, and a name may echo a secret."""

    def update_cookies_from_headers(self, headers: Any, response_url: URL) -> None:
        return None


class Outbound:
    """One pool of connections for the whole server: `async with Outbound(settings) as outbound`, then `send` from any task."""

    def __init__(self, settings: EgressSettings, lookup: Lookup | None = None, limits: Limits | None = None) -> None:
        """`lookup`: in place of the system's resolver."""
        self._settings, self._limits = settings, limits or Limits()
        self._threads = ThreadPoolExecutor(_LOOKUPS, thread_name_prefix="lookup")
        self._resolver = _Resolver(settings, lookup or _system_lookup(self._threads), self._limits)
        self._large = asyncio.Semaphore(self._limits.large)
        self._session: aiohttp.ClientSession | None = None

    async def __aenter__(self) -> Self:
        """BadInput where the file of STAGEDOOR_EGRESS_CA holds no certificate."""
        connector = aiohttp.TCPConnector(
            resolver=self._resolver, use_dns_cache=False, socket_factory=_socket, ssl=_tls(self._settings.ca_file), limit=1000,
            keepalive_timeout=10,
        )  # fmt: skip
        # The one place where aiohttp lets a connection be counted.
        connector._factory = partial(Wire, loop=asyncio.get_running_loop(), limits=self._limits)  # type: ignore[assignment]
        self._session = aiohttp.ClientSession(
            connector=connector, cookie_jar=_NoCookies(), trust_env=False,
            headers={"User-Agent": "Stagedoor", "Accept-Encoding": "gzip, deflate"}, skip_auto_headers={"Content-Type"},
            max_headers=self._limits.headers, max_field_size=self._limits.header_bytes, max_line_size=self._limits.header_bytes,
        )  # fmt: skip
        return self

    async def __aexit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        if self._session is not None:
            await self._session.close()
        self._threads.shutdown(wait=False, cancel_futures=True)

    def names(self, host: str) -> bool:
        """Did the operator name this host himself (EgressSettings.names)?"""
        return self._settings.names(host)

    def check(self, request: OutboundRequest) -> None:
        """BadInput where it can be seen that `send` would raise it."""
        target_of(request.url)
        check_head(request, self._limits)

    async def send(self, request: OutboundRequest) -> OutboundResponse:
        """The answer, whatever its status (a redirect is an answer). BadInput: nothing was sent, the request is not valid;
        OutboundError: it was refused, failed, or its answer was too large or too slow."""
        async with self.exchange(request) as response:
            return response

    @asynccontextmanager
    async def exchange(self, request: OutboundRequest) -> AsyncIterator[OutboundResponse]:
        """As `send`; a large answer counts as one until the end of the block."""
        async with AsyncExitStack() as room:
            yield await self._send(request, room)

    async def _send(self, request: OutboundRequest, room: AsyncExitStack) -> OutboundResponse:
        target = self._admit(request)
        checked = {str(target.address)} if target.address is not None else set()
        try:
            with _checking(checked):
                return await self._exchange(request, target, room)
        except OutboundError:
            raise
        except AddressRefused as refused:
            failure = OutboundError(target.host, refused.message)
        except (aiohttp.ClientError, OSError, ValueError) as error:
            failure = OutboundError(target.host, _kind(error, self._limits))
        raise failure  # outside of the handler, so that no exception that holds a URL hangs on it

    def _admit(self, request: OutboundRequest) -> Target:
        """All that can be checked before a byte is sent or a name is resolved."""
        target = target_of(request.url)
        check_head(request, self._limits)
        if target.address is not None:
            try:
                self._settings.check(target.host, target.address)
            except AddressRefused as refused:
                failure = OutboundError(target.host, refused.message)
            else:
                return target
            raise failure
        return target

    async def _exchange(self, request: OutboundRequest, target: Target, room: AsyncExitStack) -> OutboundResponse:
        if self._session is None:
            raise OutboundError(target.host, "the egress is not open")
        proxy = await self._proxy(target)
        async with self._session.request(
            request.method, target.url, headers=request.headers, data=request.body, allow_redirects=False, proxy=proxy,
            timeout=_timeout(request, self._limits),
        ) as response:  # fmt: skip
            try:
                body = await self._read(response, target.host, room)
            except BaseException:
                response.close()  # not back into the pool, and the rest of the answer not read
                raise
            return OutboundResponse(response.status, _phrase(response.status), _headers(response), body)

    async def _read(self, response: aiohttp.ClientResponse, host: str, room: AsyncExitStack) -> bytes:
        """Counted as it comes, after decompression, so that a bomb stops at the limit and not in memory."""
        if _coding(response) not in _CODINGS:
            raise OutboundError(host, "the answer is in a content encoding that was not asked for")
        limits, body, is_large = self._limits, bytearray(), False
        async for chunk in response.content.iter_any():
            body += chunk
            if len(body) > limits.body:
                raise OutboundError(host, f"the answer is larger than {limits.body} bytes")
            if len(body) > limits.small and not is_large:
                async with asyncio.timeout(limits.seconds):
                    await room.enter_async_context(self._large)
                is_large = True
        return bytes(body)

    async def _proxy(self, target: Target) -> str | None:
        """The operator's proxy resolves names itself and is the last to judge them; what is known to be forbidden never gets there."""
        proxy = self._settings.proxy
        if proxy is None or target.host in self._settings.resolve:
            return None
        host = parse_host(URL(proxy).host or "")
        if not isinstance(host, str):
            _checked.get().add(str(host))
        if target.address is None:
            with suppress(OSError):  # not known here; the proxy may know it
                await self._resolver.check(target.host)
        return proxy


@lru_cache(maxsize=8)
def _tls(ca_file: Path | None) -> ssl.SSLContext:
    """One for all of a process: to read the system's certificates takes 40 ms of CPU, and a server has four ways out."""
    context = ssl.create_default_context()
    context.set_alpn_protocols(["http/1.1"])
    if ca_file is not None:
        try:
            context.load_verify_locations(cafile=ca_file)
        except OSError:  # ssl.SSLError is one
            raise BadInput(f"{CA}: {ca_file} holds no certificate in PEM", CA) from None
    return context


def _timeout(request: OutboundRequest, limits: Limits) -> aiohttp.ClientTimeout:
    connect, read = (min(ms, LONGEST_TIMEOUT_MS) / 1000 for ms in (request.connect_timeout, request.read_timeout))
    return aiohttp.ClientTimeout(total=limits.seconds, sock_connect=connect, sock_read=read)


def _coding(response: aiohttp.ClientResponse) -> str:
    return ", ".join(response.headers.getall("Content-Encoding", ())).strip().lower()  # of several, aiohttp would undo the first


def _headers(response: aiohttp.ClientResponse) -> tuple[tuple[str, str], ...]:
    """Of a body that was decompressed, encoding and length are no longer true and go, as with upstream's client."""
    gone = {b"content-encoding", b"content-length"} if _coding(response) in _CODINGS - {"", "identity"} else set()
    return tuple((_text(name), _text(value)) for name, value in response.raw_headers if name.lower() not in gone)


def _text(raw: bytes) -> str:
    try:
        return raw.decode()
    except UnicodeDecodeError:
        return raw.decode("latin-1")


def _phrase(status: int) -> str:
    return HTTPStatus(status).phrase if status in HTTPStatus._value2member_map_ else ""


_FAILURES: tuple[tuple[type[BaseException], str], ...] = (
    (WireError, "the answer is many times larger on the wire than what it says"),
    (aiohttp.ConnectionTimeoutError, "connecting took too long"),
    (aiohttp.SocketTimeoutError, "nothing came for too long"),
    (aiohttp.ClientConnectorCertificateError, "its certificate is not trusted"),
    (aiohttp.ClientSSLError, "the TLS handshake failed"),
    (aiohttp.ClientProxyConnectionError, "the proxy cannot be reached"),
    (aiohttp.ClientConnectorDNSError, "the name cannot be resolved"),
    (aiohttp.ClientHttpProxyError, "the proxy refused"),
    (aiohttp.ServerDisconnectedError, "the connection was closed without an answer"),
    (aiohttp.ClientPayloadError, "the answer broke off, or is not encoded as it says"),
    (aiohttp.InvalidURL, "the address is not valid"),
    (aiohttp.ClientResponseError, "the answer is not valid HTTP, or its headers are too large"),
    (ConnectionRefusedError, "the connection was refused"),
    (ConnectionError, "the connection broke"),
)


def _kind(error: BaseException, limits: Limits) -> str:
    """The kind of a failure, from its type alone."""
    if isinstance(error, aiohttp.ClientConnectorCertificateError):
        reason = getattr(error.certificate_error, "verify_message", "").partition(", certificate is not valid")[0]  # the host again
        return f"its certificate is not trusted: {reason}" if reason else "its certificate is not trusted"
    for kind, text in _FAILURES:
        if isinstance(error, kind) or (isinstance(error, aiohttp.ClientConnectorError) and isinstance(error.os_error, kind)):
            return text
    if isinstance(error, TimeoutError):
        return f"the answer took longer than {limits.seconds:g} s in all"
    return "it cannot be reached"
