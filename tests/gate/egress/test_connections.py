"""No connection goes to an address that was not checked, however it is written, resolved, redirected to or configured."""

import asyncio
import logging
import socket
import threading
import time
from collections.abc import AsyncIterator
from ipaddress import ip_network
from pathlib import Path
from typing import Any

import aiohttp
import pytest
from yarl import URL

from stagedoor.gate import outbound as module
from stagedoor.gate.address import PROXY, EgressSettings, parse_host
from stagedoor.gate.message import Target
from stagedoor.gate.outbound import Outbound, OutboundError, OutboundRequest
from stagedoor.kit.errors import BadInput
from tests.gate.egress.names import A, NameServer, ask
from tests.gate.egress.servers import Listener, listening, saying
from tests.gate.egress.spellings import NO_HOSTS, OTHERS, PUBLIC, THIS_MACHINE, lookup

pytestmark = [pytest.mark.anyio, pytest.mark.promise(8)]

HERE = EgressSettings(allow_networks=(ip_network("127.0.0.2/32"),))  # plays the public address; 127.0.0.1 stays forbidden


@pytest.fixture
async def forbidden() -> AsyncIterator[Listener]:
    async with listening() as listener:
        yield listener


def request(url: str, **fields: Any) -> OutboundRequest:
    return OutboundRequest("GET", url, connect_timeout=30_000, read_timeout=30_000, **fields)


async def outcome(outbound: Outbound, url: str) -> str:
    try:
        return str((await outbound.send(request(url))).status)
    except (OutboundError, BadInput) as problem:
        return problem.message


def anywhere(info: tuple[Any, ...]) -> socket.socket:
    return socket.socket(family=info[0], type=info[1], proto=info[2])


async def test_it_works() -> None:
    async with listening(host="127.0.0.2") as listener, Outbound(HERE, lookup) as outbound:
        response = await outbound.send(OutboundRequest("POST", f"http://127.0.0.2:{listener.port}/a?b=%20c", (("X-A", "1"),), b"body"))
    assert (response.status, response.reason, response.body) == (200, "OK", b"ok")
    assert response.headers == (("Content-Type", "text/plain"), ("Content-Length", "2"))
    head, _, body = listener.requests[0].partition(b"\r\n\r\n")
    assert head.startswith(b"POST /a?b=%20c HTTP/1.1\r\n") and b"X-A: 1" in head and f"Host: 127.0.0.2:{listener.port}".encode() in head
    assert body == b"body"
    assert b"cookie" not in head.lower() and b"authorization" not in head.lower()


async def test_no_spelling_reaches_a_forbidden_listener(forbidden: Listener) -> None:
    async with Outbound(EgressSettings(), lookup) as outbound:
        for spelling in THIS_MACHINE + OTHERS:
            said = await outcome(outbound, f"http://{spelling}:{forbidden.port}/")
            assert "STAGEDOOR_EGRESS_ALLOW" in said or "link-local" in said, (spelling, said)
        for spelling in NO_HOSTS:
            for url in (f"http://{spelling}:{forbidden.port}/", f"http://{spelling}/"):
                assert (await outcome(outbound, url)).startswith("uri: "), spelling
    assert forbidden.connections == 0


async def test_with_the_check_removed_the_spellings_do_reach_it(forbidden: Listener, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(EgressSettings, "check", lambda self, host, address: None)
    reached = 0
    async with Outbound(EgressSettings(), lookup) as outbound:
        for spelling in THIS_MACHINE:
            reached += await outcome(outbound, f"http://{spelling}:{forbidden.port}/") == "200"
    assert reached == len(THIS_MACHINE)


async def test_public_addresses_pass_the_check(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[str] = []

    def refuse(info: tuple[Any, ...]) -> socket.socket:
        asked.append(info[4][0])
        raise OSError("tests send nothing there")

    monkeypatch.setattr(module, "_socket", refuse)
    async with Outbound(EgressSettings(), lookup) as outbound:
        for spelling in PUBLIC:
            assert await outcome(outbound, f"http://{spelling}/") == f"{parse_host(spelling)}: it cannot be reached"
    assert asked == [str(parse_host(spelling)) for spelling in PUBLIC]


async def test_a_literal_that_slipped_past_the_check_gets_no_socket(forbidden: Listener, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Outbound, "_admit", lambda self, asked: Target(URL(asked.url), "127.0.0.1", None))
    url = f"http://127.0.0.1:{forbidden.port}/"
    async with Outbound(EgressSettings(), lookup) as outbound:
        assert await outcome(outbound, url) == "127.0.0.1: it cannot be reached"
    assert forbidden.connections == 0
    monkeypatch.setattr(module, "_socket", anywhere)
    async with Outbound(EgressSettings(), lookup) as outbound:
        assert await outcome(outbound, url) == "200"


class Rebinding:
    """A name server, asked over UDP, that answers well once and with the forbidden address ever after."""

    def __init__(self) -> None:
        self.server = NameServer(lambda name, before: ["127.0.0.1" if before else "127.0.0.2"])
        threading.Thread(target=self.server.serve, daemon=True).start()

    @property
    def asked(self) -> int:
        return self.server.asked["rebind.example", A]

    async def __call__(self, host: str) -> list[str]:
        return await asyncio.to_thread(ask, ("127.0.0.1", self.server.port), host)


async def test_a_name_is_resolved_once_and_the_connection_goes_where_it_was_checked(forbidden: Listener) -> None:
    rebinding = Rebinding()
    async with listening(host="127.0.0.2", port=forbidden.port) as wanted:
        url = f"http://rebind.example:{wanted.port}/"
        async with Outbound(HERE, rebinding) as outbound:
            assert await outcome(outbound, url) == "200"
            assert (wanted.connections, rebinding.asked) == (1, 1)
        async with Outbound(HERE, rebinding) as outbound:
            assert "loopback address" in await outcome(outbound, url)
    assert forbidden.connections == 0


async def test_a_second_resolution_behind_the_check_would_reach_it(forbidden: Listener, monkeypatch: pytest.MonkeyPatch) -> None:
    original = module._Resolver.resolve

    async def checks_then_resolves_again(self: Any, host: str, port: int = 0, family: Any = 0) -> Any:
        await original(self, host, port, family)
        return [module._result(host, address, port) for address in await self._addresses(host)]

    monkeypatch.setattr(module._Resolver, "resolve", checks_then_resolves_again)
    url = f"http://rebind.example:{forbidden.port}/"
    async with Outbound(HERE, Rebinding()) as outbound:
        assert await outcome(outbound, url) == "rebind.example: it cannot be reached"
    assert forbidden.connections == 0
    monkeypatch.setattr(module, "_socket", anywhere)
    async with Outbound(HERE, Rebinding()) as outbound:
        assert await outcome(outbound, url) == "200"
    assert forbidden.connections == 1


async def test_one_forbidden_address_among_good_ones_refuses_the_name(forbidden: Listener) -> None:
    async def mixed(host: str) -> list[str]:
        return ["127.0.0.2", "127.0.0.1"]

    async with listening(host="127.0.0.2", port=forbidden.port) as wanted, Outbound(HERE, mixed) as outbound:
        assert "loopback address" in await outcome(outbound, f"http://mixed.example:{forbidden.port}/")
    assert (wanted.connections, forbidden.connections) == (0, 0)


def following(monkeypatch: pytest.MonkeyPatch) -> None:
    """Takes the protection away: redirects are followed."""
    original = aiohttp.ClientSession._request

    async def follow(self: Any, *arguments: Any, **options: Any) -> Any:
        return await original(self, *arguments, **{**options, "allow_redirects": True})

    monkeypatch.setattr(aiohttp.ClientSession, "_request", follow)


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
async def test_a_redirect_is_an_answer_and_not_followed(forbidden: Listener, status: int, monkeypatch: pytest.MonkeyPatch) -> None:
    location = f"http://127.0.0.1:{forbidden.port}/"
    redirect = f"HTTP/1.1 {status} Go\r\nLocation: {location}\r\nContent-Length: 0\r\n\r\n".encode()
    async with listening(saying(redirect), host="127.0.0.2") as server:
        url = f"http://127.0.0.2:{server.port}/"
        async with Outbound(HERE, lookup) as outbound:
            response = await outbound.send(request(url))
            assert (response.status, dict(response.headers)["Location"]) == (status, location)
            following(monkeypatch)
            assert await outcome(outbound, url) == "127.0.0.2: it cannot be reached"  # followed, it would still get no socket
            assert forbidden.connections == 0
        monkeypatch.setattr(module, "_socket", anywhere)
        async with Outbound(HERE, lookup) as outbound:
            assert await outcome(outbound, url) == "200"
        assert forbidden.connections == 1


async def test_proxies_and_credentials_of_the_environment_do_not_count(
    forbidden: Listener, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    (tmp_path / ".netrc").write_text("machine 127.0.0.2 login Hidden1 password Hidden2\ndefault login Hidden1 password Hidden2\n")
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("NETRC", str(tmp_path / ".netrc"))
    for name in ("http_proxy", "HTTP_PROXY", "all_proxy", "ALL_PROXY"):
        monkeypatch.setenv(name, f"http://127.0.0.1:{forbidden.port}")
    async with listening(host="127.0.0.2") as server, Outbound(HERE, lookup) as outbound:
        assert await outcome(outbound, f"http://127.0.0.2:{server.port}/") == "200"
    assert (server.connections, forbidden.connections) == (1, 0)
    assert b"authorization" not in server.requests[0].lower()
    original = aiohttp.ClientSession._request
    monkeypatch.setattr(aiohttp.ClientSession, "_request", trusting(original))
    async with listening(host="127.0.0.2") as server, Outbound(HERE, lookup) as outbound:
        await outcome(outbound, f"http://127.0.0.2:{server.port}/")
    assert server.requests == []  # what the environment would do: to its proxy, which gets no socket


def trusting(original: Any) -> Any:
    """Takes the protection away: the session trusts the environment."""

    async def ask(self: Any, *arguments: Any, **options: Any) -> Any:
        self._trust_env = True
        return await original(self, *arguments, **options)

    return ask


async def test_the_operators_proxy_gets_names_but_nothing_known_to_be_forbidden() -> None:
    async with listening() as proxy, listening(host="127.0.0.2") as override:
        settings = EgressSettings.from_environment(
            {PROXY: f"http://user:pass@127.0.0.1:{proxy.port}", "STAGEDOOR_EGRESS_RESOLVE": f"direct.example=127.0.0.2:{override.port}"}
        )
        async with Outbound(settings, lookup) as outbound:
            assert await outcome(outbound, "http://elsewhere.example/x") == "200"
            assert proxy.requests[0].startswith(b"GET http://elsewhere.example/x HTTP/1.1\r\n")
            assert b"Proxy-Authorization: Basic dXNlcjpwYXNz" in proxy.requests[0]
            for host in ("127.0.0.1", "10.0.0.1", "localhost", "metadata.example", f"127.0.0.1:{proxy.port}"):
                assert "STAGEDOOR_EGRESS_ALLOW" in await outcome(outbound, f"http://{host}/")
            assert await outcome(outbound, "http://direct.example/") == "200"
    assert (proxy.connections, len(proxy.requests), override.connections) == (1, 1, 1)


async def test_connections_are_pooled_and_cookies_are_not_kept_nor_logged(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    cookies = b"HTTP/1.1 200 OK\r\nSet-Cookie: id=1\r\nSet-Cookie: Hid(den=Hidden1; Path=/\r\nContent-Length: 0\r\n\r\n"
    async with listening(saying(cookies), host="127.0.0.2") as server, Outbound(HERE, lookup) as outbound:
        for _ in range(3):
            response = await outbound.send(request(f"http://127.0.0.2:{server.port}/"))
    assert [value for name, value in response.headers if name == "Set-Cookie"] == ["id=1", "Hid(den=Hidden1; Path=/"]
    assert server.connections == 1
    assert not any(b"cookie:" in one.lower() for one in server.requests)
    assert "Hid" not in caplog.text


async def test_requests_under_way_at_once_keep_their_own_checked_addresses(forbidden: Listener) -> None:
    async with listening(host="127.0.0.2") as server, Outbound(HERE, lookup) as outbound:
        urls = [f"http://127.0.0.2:{server.port}/", f"http://localhost:{forbidden.port}/"] * 25
        said = await asyncio.gather(*(outcome(outbound, url) for url in urls))
    assert said[::2] == ["200"] * 25
    assert all("loopback" in one for one in said[1::2])
    assert forbidden.connections == 0


HEADERS = [
    (("X-A", "a\r\nX-B: Hidden1"),), (("X-A", "Hidden1\n"),), (("X-A", "Hidden1\0"),), (("X-A", "Hidden1\x7f"),),
    (("X-A", "Hidden1\ud800"),),
    (("X-A\r\nHidden1", "b"),), (("Hidden1 ", "b"),), (("", "Hidden1"),), (("X:Hidden1", "b"),), (("Ünicode", "Hidden1"),),
    (("Host", "Hidden1"),),
    (("Transfer-Encoding", "Hidden1"),), (("content-length", "0"),), (("Connection", "Hidden1"),), (("Proxy-Authorization", "Hidden1"),),
    (("Upgrade", "Hidden1"),), (("X-A", "Hidden1" * 10000),), tuple((f"X-{n}", "Hidden1") for n in range(101)),
]  # fmt: skip


@pytest.mark.parametrize("headers", HEADERS)
async def test_no_header_can_break_the_message(headers: tuple[tuple[str, str], ...]) -> None:
    async with listening(host="127.0.0.2") as server, Outbound(HERE, lookup) as outbound:
        with pytest.raises(BadInput, match=r"^headers: ") as caught:
            await outbound.send(request(f"http://127.0.0.2:{server.port}/", headers=headers))
    assert "Hidden1" not in caught.value.message
    assert server.connections == 0


@pytest.mark.parametrize("method", ["GET\r\nX: Hidden1", "G ET", "", "CONNECT", "connect", "GÉT", "GET\0"])
async def test_no_method_can_break_the_message(method: str) -> None:
    async with listening(host="127.0.0.2") as server, Outbound(HERE, lookup) as outbound:
        with pytest.raises(BadInput, match=r"^method: it is not a method that can be sent$"):
            await outbound.send(OutboundRequest(method, f"http://127.0.0.2:{server.port}/"))
    assert server.connections == 0


@pytest.mark.parametrize("rest", ["/a b", "/a\r\nX: Hidden1", "/\0", "/ä", "/x#frag", "\\@evil.example/", "/\x7f"])
async def test_no_url_can_break_the_message(rest: str) -> None:
    async with listening(host="127.0.0.2") as server, Outbound(HERE, lookup) as outbound:
        with pytest.raises(BadInput, match=r"^uri: ") as caught:
            await outbound.send(request(f"http://127.0.0.2:{server.port}{rest}"))
    assert "Hidden1" not in caught.value.message
    assert server.connections == 0


@pytest.mark.parametrize(
    "url", ["", "/x", "ftp://127.0.0.2/", "file:///etc/passwd", "http:/127.0.0.2/", "http:127.0.0.2", "//127.0.0.2/", "gopher://a"]
)
async def test_only_absolute_http_urls_are_taken(url: str) -> None:
    async with Outbound(HERE, lookup) as outbound:
        with pytest.raises(BadInput, match=r"^uri: "):
            await outbound.send(request(url))


LONG = ["1." * 60_000, "ä" * 130_000, "ä." * 60_000, "a" + "\u0301" * 120_000, "\u200d" * 130_000, "0x" + "f" * 130_000]


@pytest.mark.parametrize("host", LONG, ids=lambda host: ascii(host[:3]))
async def test_a_host_of_any_length_is_judged_at_once(host: str) -> None:
    async with Outbound(HERE, lookup) as outbound:
        began = time.monotonic()
        assert (await outcome(outbound, f"http://{host}/")).startswith("uri: ")
    assert time.monotonic() - began < 10


@pytest.mark.parametrize("rest", ["/a/../b", "/%2e%2e/x", "//x", "/a%2Fb", "/x?y=%0d%0a&z=<>", "?q", "", "/;p=1,2"])
async def test_the_target_is_sent_as_it_is_written(rest: str) -> None:
    async with listening(host="127.0.0.2") as server, Outbound(HERE, lookup) as outbound:
        await outbound.send(request(f"http://127.0.0.2:{server.port}{rest}"))
    sent = server.requests[0].split(b" ")[1].decode()
    assert sent == (rest if rest.startswith("/") else f"/{rest}")
