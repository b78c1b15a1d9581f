"""What the socket itself refuses, and that plain uvicorn would not."""

import socket
import time

import pytest
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from stagedoor.api import server as server_module
from stagedoor.kit.errors import BadInput
from tests.api.floor.live import TOKEN, Live, parsed, request, serving

START = b"GET /health HTTP/1.1\r\nHost: a\r\nConnection: close\r\n"


@pytest.fixture
def unguarded(monkeypatch: pytest.MonkeyPatch) -> type[HttpToolsProtocol]:
    """The server without its own protocol: what the attack meets then."""
    monkeypatch.setattr(server_module, "Protocol", HttpToolsProtocol)
    return HttpToolsProtocol


def status(data: bytes) -> int:
    return parsed(data).status if data else 0


ATTACKS = {
    "two hosts": (START + b"Host: b\r\n\r\n", 400),
    "101 headers": (START + b"".join(b"x-%d: 1\r\n" % n for n in range(99)) + b"\r\n", 431),
    "one header of 70 KB": (START + b"x: " + b"a" * 70_000 + b"\r\n\r\n", 431),
    "70 KB in many headers": (START + b"".join(b"x-%d: %s\r\n" % (n, b"a" * 1000) for n in range(70)) + b"\r\n", 431),
    "a target of 70 KB": (b"GET /" + b"a" * 70_000 + b" HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n", 431),
    "no host": (b"GET /health HTTP/1.1\r\nConnection: close\r\n\r\n", 400),
}


@pytest.mark.promise(12)
@pytest.mark.parametrize("name", ATTACKS)
def test_a_bad_head_is_refused(live: Live, name: str) -> None:
    said, wanted = ATTACKS[name]
    assert status(live.say(said)) == wanted
    assert status(live.say(START + b"\r\n")) == 200


@pytest.mark.usefixtures("unguarded")
def test_without_the_protocol_every_bad_head_passes() -> None:
    with serving() as live:
        assert {name: status(live.say(said)) for name, (said, _) in ATTACKS.items()} == dict.fromkeys(ATTACKS, 200) | {
            "a target of 70 KB": 400
        }


AMBIGUOUS = {
    "two lengths": b"Content-Length: 2\r\nContent-Length: 3\r\n\r\n{}",
    "the same length twice": b"Content-Length: 2\r\nContent-Length: 2\r\n\r\n{}",
    "length and chunks": b"Content-Length: 2\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
    "chunks and length": b"Transfer-Encoding: chunked\r\nContent-Length: 2\r\n\r\n0\r\n\r\n",
    "an encoding that is not chunked": b"Transfer-Encoding: identity\r\n\r\n{}",
    "chunked twice": b"Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
    "a length with a sign": b"Content-Length: +2\r\n\r\n{}",
}


@pytest.mark.promise(12)
@pytest.mark.parametrize("name", AMBIGUOUS)
def test_a_body_of_doubtful_length_is_refused(live: Live, name: str) -> None:
    answer = live.say(b"POST /api/maybe HTTP/1.1\r\nHost: a\r\n" + AMBIGUOUS[name])
    assert status(answer) == 400
    assert answer.count(b"HTTP/1.1") == 1


@pytest.mark.promise(12)
def test_an_endless_header_is_cut_off(live: Live) -> None:
    with live.connect() as conn:
        conn.sendall(START + b"x: ")
        sent = 0
        with pytest.raises(ConnectionError):
            while sent < 50_000_000:
                sent += conn.send(b"a" * 60_000)
        assert sent < 5_000_000


@pytest.mark.promise(12)
def test_a_large_body_right_behind_the_head_is_no_large_head(live: Live) -> None:
    body = b'"' + b"a" * 90_000 + b'"'
    assert status(live.say(request("POST", "/api/any", body))) == 200
    said = request("POST", "/api/any", body)
    cut = said.index(b"\r\n\r\n") + 2
    with live.connect() as conn:
        for part in (said[:20], said[20:cut], said[cut:]):
            conn.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            conn.sendall(part)
            time.sleep(0.05)
        assert conn.recv(100).startswith(b"HTTP/1.1 200 ")


@pytest.mark.promise(12)
@pytest.mark.parametrize(
    ("said", "answered"),
    [
        (b"", b""),  # nothing at all
        (START, b"HTTP/1.1 408 "),  # half a head
        (b"\r\n\r\n\r\n", b""),  # empty lines only
        (START.replace(b"close", b"keep-alive") + b"\r\n" + START, b"HTTP/1.1 200 "),  # an answer, then half a head
        (
            request("POST", "/api/closed", b"{", Content_Length="9", Connection="keep-alive"),
            b"HTTP/1.1 405 ",
        ),  # answered, the body never ends
    ],
)
def test_a_slow_head_is_given_up(live: Live, monkeypatch: pytest.MonkeyPatch, said: bytes, answered: bytes) -> None:
    monkeypatch.setattr(server_module, "HEAD_SECONDS", 0.3)
    with live.connect() as conn:
        conn.settimeout(30)
        conn.sendall(said)
        time.sleep(0.1)
        if b"Content-Length: 9" in said:
            conn.sendall(b" ")  # bytes after the answer end uvicorn's own patience
        gathered = b""
        while piece := conn.recv(4096):
            gathered += piece
        assert gathered.startswith(answered)


@pytest.mark.promise(12)
@pytest.mark.usefixtures("unguarded")
def test_without_the_protocol_a_slow_head_stays() -> None:
    with serving() as live, live.connect() as conn:
        conn.settimeout(0.6)
        conn.sendall(START)
        with pytest.raises(TimeoutError):
            conn.recv(100)


@pytest.mark.promise(5)
@pytest.mark.parametrize(
    ("proxies", "seen"), [((), "127.0.0.1"), (("10.0.0.0/8",), "127.0.0.1"), (("127.0.0.0/8", "10.0.0.0/8"), "203.0.113.9")]
)
def test_a_forwarded_address_counts_only_from_a_named_proxy(proxies: tuple[str, ...], seen: str) -> None:
    with serving(trusted_proxies=proxies) as live:
        for forwarded in ("203.0.113.9", "198.51.100.1, 203.0.113.9, 10.1.1.1"):
            assert parsed(live.say(request("GET", "/health", X_Forwarded_For=forwarded))).json[2] == seen


@pytest.mark.parametrize(
    "listening", [{"trusted_proxies": ("*",)}, {"trusted_proxies": ("proxy.example",)}, {"listen": "8080"}, {"tls_cert": "x"}]
)
def test_a_setting_that_says_nothing_is_refused(listening: dict[str, object]) -> None:
    with pytest.raises(BadInput), serving(**listening):
        pass


def test_an_upgrade_is_not_taken_and_harms_nothing(live: Live) -> None:
    headers = {"Upgrade": "websocket", "Connection": "Upgrade", "Sec_WebSocket_Key": "x", "Sec_WebSocket_Version": "13"}
    with live.connect() as conn:
        conn.sendall(request("GET", "/api/secrets/x", X_Authorization=TOKEN, **headers))
        assert conn.recv(100).startswith(b"HTTP/1.1 200 ")


@pytest.mark.parametrize("chunk", [b"zz\r\n", b"-1\r\n", b"1\r\nab\r\n", b"ffffffffffffffffff\r\n"])
def test_a_broken_chunk_is_400(live: Live, chunk: bytes) -> None:
    said = b"POST /api/maybe HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n"
    assert status(live.say(said + chunk)) == 400
