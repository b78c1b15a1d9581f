"""Every way in which a server can fail or misbehave ends in time, in bounds, and in a message of host and kind only."""

import asyncio
import gzip
import socket
import ssl
import time
import traceback
import tracemalloc
from dataclasses import replace
from datetime import UTC, datetime
from ipaddress import ip_address, ip_network
from pathlib import Path

import pytest
import trustme

from stagedoor.gate.address import CA, RESOLVE, EgressSettings
from stagedoor.gate.outbound import Limits, Outbound, OutboundError, OutboundRequest
from stagedoor.kit.errors import BadInput
from tests.gate.egress.servers import PLAIN, Answer, dripping, listening, saying, silence
from tests.gate.egress.spellings import lookup

pytestmark = pytest.mark.anyio

HERE = EgressSettings(allow_networks=(ip_network("127.0.0.1/32"),))
LIMITS = Limits(seconds=60, body=100_000, header_bytes=8190)
SHORT = replace(LIMITS, seconds=1.5)
PATIENT, IMPATIENT = 60_000, 400
"""Milliseconds. Only where a limit on time is what ends a request is there one: all else has its time, on a machine however slow."""
SECRET = "Hidden1"
HEAD = b"HTTP/1.1 200 OK\r\n"


def request(port: int, scheme: str = "http", host: str = "127.0.0.1", patience: int = PATIENT) -> OutboundRequest:
    headers = (("Authorization", SECRET),)
    return OutboundRequest("POST", f"{scheme}://{host}:{port}/{SECRET}?{SECRET}", headers, SECRET.encode(), patience, patience)


def limits_of(expected: str) -> Limits:
    return SHORT if "took longer than 1.5 s" in expected else LIMITS


async def failure(outbound: Outbound, asked: OutboundRequest) -> str:
    """The message, having checked that nothing of the request hangs on the error."""
    started = time.monotonic()
    with pytest.raises(OutboundError) as caught:
        await outbound.send(asked)
    assert time.monotonic() - started < 50, "it ended by a limit on time"
    assert caught.value.__cause__ is None
    assert caught.value.__context__ is None
    assert SECRET not in "".join(traceback.format_exception(caught.value)) + repr(asked) + repr(caught.value)
    return caught.value.message


def chunked_gzip(size: int) -> bytes:
    return HEAD + b"Content-Encoding: gzip\r\nConnection: close\r\n\r\n" + gzip.compress(bytes(size))


BROKEN: dict[str, tuple[Answer, str]] = {
    "silent": (silence, "nothing came for too long"),
    "closed": (saying(b"", end=True), "the connection was closed without an answer"),
    "half a head": (saying(HEAD + b"X-A: ", end=True), "the connection was closed without an answer"),
    "cut off": (saying(HEAD + b"Content-Length: 100\r\n\r\nshort", end=True), "the answer broke off, or is not encoded as it says"),
    "chunks cut off": (
        saying(HEAD + b"Transfer-Encoding: chunked\r\n\r\n5\r\nab", end=True),
        "the answer broke off, or is not encoded as it says",
    ),
    "not gzip": (
        saying(HEAD + b"Content-Encoding: gzip\r\nContent-Length: 5\r\n\r\nhello"),
        "the answer broke off, or is not encoded as it says",
    ),
    "an encoding not asked for": (
        saying(HEAD + b"Content-Encoding: compress\r\nContent-Length: 5\r\n\r\nhello"),
        "the answer is in a content encoding that was not asked for",
    ),
    "brotli": (
        saying(HEAD + b"Content-Encoding: br\r\nContent-Length: 5\r\n\r\nhello"),
        "the answer is not valid HTTP, or its headers are too large",
    ),
    "not HTTP": (saying(b"SSH-2.0-OpenSSH_9.6\r\n", end=True), "the answer is not valid HTTP, or its headers are too large"),
    "two lengths": (
        saying(HEAD + b"Content-Length: 1\r\nContent-Length: 2\r\n\r\nab", end=True),
        "the answer is not valid HTTP, or its headers are too large",
    ),
    "long header": (saying(HEAD + b"X-A: " + b"a" * 20_000 + b"\r\n\r\n"), "the answer is not valid HTTP, or its headers are too large"),
    "many headers": (saying(HEAD + b"X-A: a\r\n" * 2000 + b"\r\n"), "the answer is not valid HTTP, or its headers are too large"),
    "endless headers": (dripping(HEAD, b"X-A: a\r\n" * 50), "the answer is not valid HTTP, or its headers are too large"),
    "endless continue": (dripping(b"", b"HTTP/1.1 100 Continue\r\n\r\n"), "the answer took longer than 1.5 s in all"),
    "bad chunk after the head": (
        dripping(HEAD + b"Transfer-Encoding: chunked\r\n\r\n", b"zz\r\n", 0.1),
        "the answer broke off, or is not encoded as it says",
    ),
    "bad extensions": (
        dripping(HEAD + b"Transfer-Encoding: chunked\r\n\r\n", b"1;" + b"x=y;" * 20 + b"\r\na\r\n", 0.1),
        "the answer broke off, or is not encoded as it says",
    ),
    "two encodings": (
        saying(HEAD + b"Content-Encoding: gzip\r\nContent-Encoding: gzip\r\nContent-Length: 5\r\n\r\nhello"),
        "the answer is in a content encoding that was not asked for",
    ),
    "flood of interim answers": (
        dripping(b"", b"HTTP/1.1 100 Continue\r\n\r\n" * 10_000, 0),
        "the answer is not valid HTTP, or its headers are too large",
    ),
    "flood of empty blocks": (
        dripping(HEAD + b"Content-Encoding: gzip\r\n\r\n" + gzip.compress(b"")[:10], b"\0\0\0\xff\xff" * 20_000, 0),
        "the answer is many times larger on the wire than what it says",
    ),
    "flood of small chunks": (
        dripping(HEAD + b"Transfer-Encoding: chunked\r\n\r\n", b"1\r\na\r\n" * 10_000, 0),
        "the answer is larger than 100000 bytes",
    ),
    "drip": (dripping(HEAD + b"Content-Length: 90000\r\n\r\n", b"a"), "the answer took longer than 1.5 s in all"),
    "dripping head": (dripping(b"HTTP/1.1 200 OK\r\nX-A: ", b"a"), "the answer took longer than 1.5 s in all"),
    "large": (saying(HEAD + b"Content-Length: 100001\r\n\r\n" + bytes(100_001)), "the answer is larger than 100000 bytes"),
    "endless": (dripping(HEAD + b"\r\n", bytes(65536), 0), "the answer is larger than 100000 bytes"),
    "bomb": (saying(chunked_gzip(20_000_000), end=True), "the answer is larger than 100000 bytes"),
}


@pytest.mark.parametrize("name", BROKEN)
async def test_a_broken_or_hostile_answer_fails_in_time_and_says_so(name: str) -> None:
    answer, expected = BROKEN[name]
    patience = IMPATIENT if name == "silent" else PATIENT
    async with listening(answer) as server, Outbound(HERE, lookup, limits_of(expected)) as outbound:
        assert await failure(outbound, request(server.port, patience=patience)) == f"127.0.0.1: {expected}"


async def test_a_bomb_is_stopped_at_the_limit_and_not_in_memory() -> None:
    bomb = HEAD + b"Content-Encoding: gzip\r\nConnection: close\r\n\r\n" + gzip.compress(bytes(100_000_000))
    async with listening(saying(bomb, end=True)) as server, Outbound(HERE, lookup, LIMITS) as outbound:
        tracemalloc.start()
        try:
            assert "larger than 100000" in await failure(outbound, request(server.port))
            assert tracemalloc.get_traced_memory()[1] < 10_000_000
        finally:
            tracemalloc.stop()


async def test_an_answer_at_the_limit_is_taken_and_decompressed() -> None:
    body = bytes(100_000)
    head = HEAD + b"Content-Encoding: gzip\r\nX-Size: a\r\n"
    packed = gzip.compress(body)
    answer = saying(head + f"Content-Length: {len(packed)}\r\n\r\n".encode() + packed)
    async with listening(answer) as server, Outbound(HERE, lookup, LIMITS) as outbound:
        response = await outbound.send(request(server.port))
    assert response.body == body
    assert response.headers == (("X-Size", "a"),)


async def test_without_the_deadline_a_drip_would_go_on() -> None:
    async with listening(BROKEN["drip"][0]) as server, Outbound(HERE, lookup, Limits(seconds=300)) as outbound:
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(2.5):
                await outbound.send(request(server.port))


async def test_a_refused_connection() -> None:
    async with listening() as server:
        port = server.port
    async with Outbound(HERE, lookup, LIMITS) as outbound:
        assert await failure(outbound, request(port)) == "127.0.0.1: the connection was refused"


async def test_connecting_to_a_full_listener_takes_too_long() -> None:
    with socket.socket() as full:
        full.bind(("127.0.0.1", 0))
        full.listen(0)
        waiting = [socket.socket() for _ in range(4)]
        for one in waiting:
            one.setblocking(False)
            one.connect_ex(full.getsockname())
        async with Outbound(HERE, lookup, LIMITS) as outbound:
            asked = request(full.getsockname()[1], patience=IMPATIENT)
            assert await failure(outbound, asked) == "127.0.0.1: connecting took too long"
        for one in waiting:
            one.close()


async def echoing(request: bytes, writer: asyncio.StreamWriter) -> None:
    line = request.split(b"\r\n")[0]
    writer.write(b"HTTP/1.1 407 " + line + b"\r\nX-Echo: " + line + b"\r\nContent-Length: %d\r\n\r\n" % len(request) + request)
    await writer.drain()


PROXIES: dict[str, tuple[Answer | None, str]] = {
    "refuses": (saying(b"HTTP/1.1 403 Forbidden\r\nContent-Length: 0\r\n\r\n"), "the proxy refused"),
    "asks who it is": (echoing, "the proxy refused"),
    "says nothing": (silence, "the answer took longer than 1.5 s in all"),
    "closes": (saying(b"", end=True), "the connection was closed without an answer"),
    "does not speak HTTP": (saying(b"SSH-2.0\r\n", end=True), "the answer is not valid HTTP, or its headers are too large"),
    "is not there": (None, "the proxy cannot be reached"),
}


@pytest.mark.parametrize("name", PROXIES)
async def test_a_proxy_that_fails_is_named_and_was_told_no_more_than_the_host(name: str) -> None:
    """With TLS the proxy gets a CONNECT: no path, no header of the task."""
    answer, expected = PROXIES[name]
    async with listening(answer) as proxy:
        port = proxy.port if answer else 1
        settings = EgressSettings.from_environment({"STAGEDOOR_EGRESS_PROXY": f"http://127.0.0.1:{port}"})
        async with Outbound(settings, lookup, limits_of(expected)) as outbound:
            said = await failure(outbound, request(443, "https", "elsewhere.example"))
    assert said == f"elsewhere.example: {expected}"
    assert all(one.startswith(b"CONNECT elsewhere.example:443 HTTP/1.1\r\n") and SECRET.encode() not in one for one in proxy.requests)


async def test_a_name_that_is_not_there_or_not_resolved_in_time() -> None:
    async def slow(host: str) -> list[str]:
        await asyncio.sleep(30)
        return []

    async def none(host: str) -> list[str]:
        return []

    for answers in (lookup, slow, none):
        async with Outbound(HERE, answers, Limits(lookup_seconds=0.2)) as outbound:
            assert await failure(outbound, request(80, host="nowhere.example")) == "nowhere.example: the name cannot be resolved"


async def test_a_cancelled_request_leaves_the_pool_usable() -> None:
    async with (
        listening(dripping(HEAD + b"Content-Length: 90000\r\n\r\n", b"a")) as slow,
        listening() as server,
        Outbound(HERE, lookup, LIMITS) as outbound,
    ):
        task = asyncio.create_task(outbound.send(request(slow.port)))
        await asyncio.sleep(0.1)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        assert (await outbound.send(request(server.port))).status == 200


# --- TLS ----------------------------------------------------------------------------------------------------------------------

POST_OFFICE = "production.shippingapis.com"


@pytest.fixture
def authority(tmp_path: Path) -> trustme.CA:
    authority = trustme.CA()
    authority.cert_pem.write_to_path(str(tmp_path / "ca.pem"))
    return authority


def server_tls(certificate: trustme.LeafCert) -> ssl.SSLContext:
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    certificate.configure_cert(context)
    return context


def resolving(port: int, ca: Path | None, host: str = POST_OFFICE) -> EgressSettings:
    return EgressSettings.from_environment({RESOLVE: f"{host}=127.0.0.1:{port}", **({CA: str(ca)} if ca else {})})


async def test_a_resolved_host_keeps_its_name_for_sni_certificate_and_host_header(authority: trustme.CA, tmp_path: Path) -> None:
    async with (
        listening(tls=server_tls(authority.issue_cert(POST_OFFICE))) as server,
        Outbound(resolving(server.port, tmp_path / "ca.pem"), lookup) as outbound,
    ):
        for url in (f"https://{POST_OFFICE}/x", f"https://{POST_OFFICE.upper()}./y", f"https://{POST_OFFICE}:8443/z"):
            assert (await outbound.send(OutboundRequest("GET", url))).status == 200
    assert set(server.names) == {POST_OFFICE}
    hosts = [next(line for line in one.split(b"\r\n") if line.startswith(b"Host:")) for one in server.requests]
    assert hosts == [f"Host: {POST_OFFICE}".encode(), f"Host: {POST_OFFICE}".encode(), f"Host: {POST_OFFICE}:8443".encode()]


async def test_only_exactly_the_named_host_is_resolved_so(authority: trustme.CA, tmp_path: Path) -> None:
    async with (
        listening(tls=server_tls(authority.issue_cert(POST_OFFICE))) as server,
        Outbound(resolving(server.port, tmp_path / "ca.pem"), lookup) as outbound,
    ):
        for host in (f"www.{POST_OFFICE}", "shippingapis.com"):
            assert await failure(outbound, request(server.port, "https", host)) == f"{host}: the name cannot be resolved"
        assert "loopback" in await failure(outbound, request(server.port, "https"))
    assert server.connections == 0


@pytest.mark.parametrize("case", ["unknown authority", "another name", "expired", "no TLS", "silent"])
async def test_a_server_that_does_not_prove_its_name_gets_no_request(case: str, authority: trustme.CA, tmp_path: Path) -> None:
    host = "other.example" if case == "another name" else POST_OFFICE
    until = datetime(2021, 1, 1, tzinfo=UTC) if case == "expired" else None
    certificate = authority.issue_cert(host, not_after=until, not_before=datetime(2020, 1, 1, tzinfo=UTC) if until else None)
    tls = None if case in ("no TLS", "silent") else server_tls(certificate)
    greeting = PLAIN if case == "no TLS" else b""
    ca = None if case == "unknown authority" else tmp_path / "ca.pem"
    async with listening(tls=tls, greeting=greeting) as server, Outbound(resolving(server.port, ca), lookup, LIMITS) as outbound:
        message = await failure(outbound, request(server.port, "https", POST_OFFICE, IMPATIENT if case == "silent" else PATIENT))
    expected = {
        "unknown authority": "its certificate is not trusted: unable to get local issuer certificate",
        "another name": "its certificate is not trusted: Hostname mismatch",
        "expired": "its certificate is not trusted: certificate has expired",
        "no TLS": "the TLS handshake failed",
        "silent": "connecting took too long",
    }[case]
    assert message == f"{POST_OFFICE}: {expected}"
    assert server.requests == []


async def test_a_certificate_for_an_address_is_checked_too(authority: trustme.CA, tmp_path: Path) -> None:
    settings = EgressSettings(allow_networks=HERE.allow_networks, ca_file=tmp_path / "ca.pem")
    for name, expected in (("127.0.0.1", "200"), ("127.0.0.9", "IP address mismatch")):
        async with listening(tls=server_tls(authority.issue_cert(name))) as server, Outbound(settings, lookup, LIMITS) as outbound:
            asked = request(server.port, "https")
            said = str((await outbound.send(asked)).status) if expected == "200" else await failure(outbound, asked)
        assert expected in said


async def test_a_file_without_a_certificate_is_named(tmp_path: Path) -> None:
    (tmp_path / "ca.pem").write_text("nothing")
    with pytest.raises(BadInput, match=f"^{CA}: "):
        async with Outbound(EgressSettings(ca_file=tmp_path / "ca.pem")):
            pass
    assert ip_address("127.0.0.1") in HERE.allow_networks[0]
