"""The bytes of a request line at a real target, for the `uri` of an HTTP task (contract/conductor-oss.md 3.4 and 7.8; decision 0029).

What is illegal in a URI is percent-encoded as UTF-8, a valid `%XX` is kept, nothing is encoded twice, a fragment is not sent."""

from collections.abc import Iterator
from ipaddress import ip_network
from urllib.parse import unquote

import pytest

from stagedoor.gate.address import EgressSettings
from stagedoor.gate.httptask import request_of
from stagedoor.gate.outbound import Outbound
from tests.api.authorization.world import new
from tests.gate.egress.servers import listening
from tests.gate.egress.spellings import lookup
from tests.support.echo import Local, Reply, answering
from tests.support.server import LiveServer

TABLE = {  # behind the authority as written: as sent
    "": "/",
    "/": "/",
    "?": "/",
    "?a=b": "/?a=b",
    "#x": "/",
    "/#": "/",
    "/a b": "/a%20b",
    "/a  b?c d=e f": "/a%20%20b?c%20d=e%20f",
    "/a+b?c+d=e+f": "/a+b?c+d=e+f",
    "/a%20b": "/a%20b",
    "/a%2Fb%2fc": "/a%2Fb%2fc",
    "/a%252Fb": "/a%252Fb",
    "/100%": "/100%25",
    "/100%?r=5%": "/100%25?r=5%25",
    "/%zz/%4/%%41": "/%25zz/%254/%25%41",
    "/%F0%9F%94%91": "/%F0%9F%94%91",
    "/%ff": "/%ff",
    "/ä/ß/日本/🔑": "/%C3%A4/%C3%9F/%E6%97%A5%E6%9C%AC/%F0%9F%94%91",
    "/e\u0301": "/e%CC%81",
    "?q=日本 語": "/?q=%E6%97%A5%E6%9C%AC%20%E8%AA%9E",
    '/"<>\\^`{|}': "/%22%3C%3E%5C%5E%60%7B%7C%7D",
    "/{id}/x?f={f}": "/%7Bid%7D/x?f=%7Bf%7D",
    "/${x}": "/$%7Bx%7D",
    "/a\tb\nc\rd\0e": "/a%09b%0Ac%0Dd%00e",
    "/a\u00a0b\u2028c\u202ed": "/a%C2%A0b%E2%80%A8c%E2%80%AEd",
    "/a\x7fb\x80c": "/a%7Fb%C2%80c",
    "/x HTTP/1.1\r\nX-Evil: 1\r\n\r\n": "/x%20HTTP/1.1%0D%0AX-Evil:%201",
    "/:@!$&'()*+,;=-._~": "/:@!$&'()*+,;=-._~",
    "/?/?:@!$&'()*+,;=": "/?/?:@!$&'()*+,;=",
    "?a[]=1&b[x]=2": "/?a%5B%5D=1&b%5Bx%5D=2",
    "?u=https://a.example/?b=c&d": "/?u=https://a.example/?b=c&d",
    "/a#b?c": "/a",
    "/a#b#c": "/a",
    "/a%23b#c": "/a%23b",
    "/../../etc": "/../../etc",
    "/%2e%2e/%2E": "/%2e%2e/%2E",
    "/./a/../b//c": "/./a/../b//c",
    "//evil.example/x": "//evil.example/x",
    "/@evil.example": "/@evil.example",
    "/a;p=1,2": "/a;p=1,2",
    "/a?&&=&": "/a?&&=&",
    "/a?b?c": "/a?b?c",
    "/ ": "/",  # blanks at the ends of the whole are not part of it
    "/ x ": "/%20x",
}


@pytest.mark.anyio
async def test_each_address_arrives_byte_for_byte_as_the_table_says() -> None:
    async with (
        listening(host="127.0.0.2") as server,
        Outbound(EgressSettings(allow_networks=(ip_network("127.0.0.2"),)), lookup) as outbound,
    ):
        for written in TABLE:
            await outbound.send(request_of({"uri": f"http://127.0.0.2:{server.port}{written}", "method": "GET"}))
        lines = [one.split(b"\r\n")[0] for one in server.requests]
    assert lines == [b"GET " + sent.encode() + b" HTTP/1.1" for sent in TABLE.values()]


@pytest.mark.parametrize(
    ("uri", "host"),
    [
        ("http://bücher.example/", "xn--bcher-kva.example"),
        ("http://BÜCHER.example/", "xn--bcher-kva.example"),
        ("http://bu\u0308cher.example/", "xn--bcher-kva.example"),
        ("http://faß.example/", "xn--fa-hia.example"),
        ("http://日本.example:8080/", "xn--wgv71a.example:8080"),
        ("http://ｅｘａｍｐｌｅ.example/", "example.example"),
        ("http://аpple.example/", "xn--pple-43d.example"),  # a Cyrillic letter: another name
        ("HTTP://Upper.Example./", "upper.example"),
        ("http://upper.example:80/", "upper.example"),
        ("http://upper.example:0080/", "upper.example"),
    ],
)
@pytest.mark.anyio
async def test_a_host_is_sent_in_its_one_ascii_spelling(uri: str, host: str) -> None:
    async with listening() as server:
        environ = {"STAGEDOOR_EGRESS_RESOLVE": f"{host.partition(':')[0]}=127.0.0.1:{server.port}"}
        async with Outbound(EgressSettings.from_environment(environ), lookup) as outbound:
            await outbound.send(request_of({"uri": uri, "method": "GET"}))
    assert [line for line in server.requests[0].split(b"\r\n") if line.startswith(b"Host:")] == [b"Host: " + host.encode()]


# --- secrets in it, through a live server ------------------------------------------------------------------------------------------

IN_URL = {  # a value: as it stands in the URL
    "plain-Value_1.2~3": "plain-Value_1.2~3",
    "two words": "two%20words",
    "q\"uo'te\\": "q%22uo'te%5C",
    "line\r\nbreak\n": "line%0D%0Abreak",
    "${x} #{y}": "$%7Bx%7D%20",  # a URL ends where a fragment begins: encode it beforehand, as %23
    "em🔑ji": "em%F0%9F%94%91ji",
    "%zz%4": "%25zz%254",
    "a%2Bb": "a%2Bb",
    "a+b/c=d&e": "a+b/c=d&e",
    "x HTTP/1.1": "x%20HTTP/1.1",
}
ANYTHING = [
    *IN_URL,
    "0",
    "\n",
    "\"'`\\",
    "\\u0041\\x41\\ud800\\",
    "${workflow.input.x}",
    "#{stagedoor:1}",
    "\ufeffbom",
    "a" * 65_535,
    "🔑" * 16_383,
]


@pytest.fixture(scope="module")
def target() -> Iterator[Local]:
    with answering(lambda received: Reply()) as local:
        yield local


def sent(egress_server: LiveServer, value: str, request: dict[str, str]) -> None:
    """An HTTP task with KEY replaced by a reference to a secret of this value."""
    api, secret, name = egress_server.admin(), new("secret"), new("w")
    api.put_secret(secret, value)
    made = {
        word: text.replace("KEY", f"${{workflow.secrets.{secret}}}") if isinstance(text, str) else text for word, text in request.items()
    }
    task = {"name": "c", "taskReferenceName": "c", "type": "HTTP", "inputParameters": {"http_request": {"method": "POST", **made}}}
    api.save({"name": name, "version": 1, "tasks": [task]})
    run = api.ended(api.start(name))
    assert run["status"] == "COMPLETED", run["tasks"][0].get("reasonForIncompletion")


@pytest.mark.slow
@pytest.mark.parametrize("value", IN_URL)
def test_a_secret_in_a_path_or_a_query_is_text_of_the_address(value: str, egress_server: LiveServer, target: Local) -> None:
    for before in ("/p/", "/?k="):
        sent(egress_server, value, {"uri": f"{target.url}{before}KEY"})
        assert target.received[-1].target == before + IN_URL[value]
        if "#" not in value and "%2B" not in value:
            assert unquote(target.received[-1].target) == before + value.rstrip("\n")


@pytest.mark.slow
@pytest.mark.parametrize("value", ANYTHING, ids=lambda value: repr(value[:20]))
def test_a_secret_in_a_body_arrives_byte_for_byte(value: str, egress_server: LiveServer, target: Local) -> None:
    sent(egress_server, value, {"uri": target.url, "body": "KEY"})
    assert target.received[-1].body == value.encode()


@pytest.mark.slow
def test_a_secret_in_a_header_arrives_byte_for_byte(egress_server: LiveServer, target: Local) -> None:
    for value in (value for value in ANYTHING if not set(value) & set("\r\n") and len(value) < 4000):
        api, name, secret = egress_server.admin(), new("w"), new("secret")
        api.put_secret(secret, value)
        request = {"uri": target.url, "method": "POST", "headers": {"X-Key": f"[${{workflow.secrets.{secret}}}]"}}
        api.save(
            {"name": name, "version": 1, "tasks": [{"name": "c", "taskReferenceName": "c", "type": "HTTP", "inputParameters": request}]}
        )
        api.ended(api.start(name))
        assert target.received[-1].headers["x-key"] == f"[{value}]"
