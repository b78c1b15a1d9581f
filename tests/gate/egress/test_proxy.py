"""The operator's proxy carries TLS and sees nothing of it; what it claims to be is checked as ever."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path

import pytest
import trustme

from stagedoor.gate.address import CA, PROXY, EgressSettings
from stagedoor.gate.outbound import Outbound, OutboundError, OutboundRequest
from tests.gate.egress.servers import close, listening
from tests.gate.egress.spellings import lookup
from tests.gate.egress.test_failures import server_tls

pytestmark = [pytest.mark.anyio, pytest.mark.promise(8)]


@dataclass
class Relay:
    """A CONNECT proxy that leads to one port of this machine, whatever it is asked for. `seen`: all that it got; `asked`: first lines."""

    port: int = 0
    seen: bytearray = field(default_factory=bytearray)
    asked: list[bytes] = field(default_factory=list)


async def _pipe(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, seen: bytearray | None = None) -> None:
    try:
        while data := await reader.read(65536):
            if seen is not None:
                seen += data
            writer.write(data)
            await writer.drain()
    except (ConnectionError, asyncio.CancelledError):
        pass  # the other side goes away as it likes
    writer.close()
    with suppress(ConnectionError):
        await writer.wait_closed()


@asynccontextmanager
async def relaying(target: int) -> AsyncIterator[Relay]:
    relay, under_way = Relay(), list[asyncio.Task[None]]()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = await reader.readuntil(b"\r\n\r\n")
        relay.seen += head
        relay.asked.append(head.split(b"\r\n")[0])
        inner_reader, inner_writer = await asyncio.open_connection("127.0.0.1", target)
        writer.write(b"HTTP/1.1 200 Connection established\r\n\r\n")
        under_way.append(asyncio.create_task(_pipe(inner_reader, writer)))
        under_way.append(asyncio.create_task(_pipe(reader, inner_writer, relay.seen)))

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    relay.port = server.sockets[0].getsockname()[1]
    try:
        yield relay
    finally:
        await close(server, under_way)


@pytest.mark.parametrize("name", ["api.example", "another.example"])
async def test_a_secret_passes_a_proxy_unseen_and_only_to_who_proves_the_name(name: str, tmp_path: Path) -> None:
    ca = trustme.CA()
    ca.cert_pem.write_to_path(str(tmp_path / "ca.pem"))
    async with listening(tls=server_tls(ca.issue_cert(name))) as server, relaying(server.port) as relay:
        settings = EgressSettings.from_environment({PROXY: f"http://me:pass@127.0.0.1:{relay.port}", CA: str(tmp_path / "ca.pem")})
        async with Outbound(settings, lookup) as outbound:
            request = OutboundRequest("POST", "https://api.example/path/Hidden1?Hidden1", (("X-Key", "Hidden1"),), b"Hidden1")
            if name == "api.example":
                assert (await outbound.send(request)).body == b"ok"
                assert server.requests[0].count(b"Hidden1") == 4
            else:
                with pytest.raises(OutboundError, match=r"^api\.example: its certificate is not trusted: Hostname mismatch$"):
                    await outbound.send(request)
                assert server.requests == []
    assert relay.asked == [b"CONNECT api.example:443 HTTP/1.1"]
    assert b"Hidden1" not in relay.seen and b"Proxy-Authorization: Basic bWU6cGFzcw==" in relay.seen
    assert not any(b"roxy-" in one for one in server.requests)


@pytest.mark.parametrize(
    "url", ["https://127.0.0.1/", "https://localhost/", "https://metadata.example/", "https://[::1]/", "https://0x7f.1/"]
)
async def test_a_proxy_is_not_asked_for_what_is_known_to_be_forbidden(url: str) -> None:
    async with listening() as server, relaying(server.port) as relay:
        settings = EgressSettings.from_environment({PROXY: f"http://127.0.0.1:{relay.port}"})
        async with Outbound(settings, lookup) as outbound:
            with pytest.raises(OutboundError, match="STAGEDOOR_EGRESS_ALLOW may allow it"):
                await outbound.send(OutboundRequest("GET", url))
    assert (relay.asked, server.connections) == ([], 0)
