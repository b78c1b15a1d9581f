"""Where a request with a secret in it goes: one reading of the URL for all, and none that data can bend (condition 4; decision 0029)."""

from typing import Any

import pytest

from stagedoor.gate.conditions import _authorities
from stagedoor.gate.egress import authority_of, literal_address, sending_to
from stagedoor.gate.httptask import request_of
from stagedoor.gate.message import target_of
from stagedoor.kit.errors import BadInput
from tests.api.authorization.world import new
from tests.gate.egress.conftest import Targets
from tests.support.server import Api, LiveServer

pytestmark = pytest.mark.promise(6)
GOOD, EVIL = "good.example", "evil.example"

CONFUSING = [  # readers of URLs have disagreed on where each of these goes
    "https://good.example\\@evil.example", "https://good.example\\evil.example/", "https://good.example#@evil.example/",
    "https://good.example?@evil.example/", "https://good.example/@evil.example", "https://good.example;@evil.example/",
    "https://good.example:443@evil.example/", "https://good.example:443:80/", "https://evil.example@good.example/",
    "https://evil.example#@good.example/", "https://evil.example\\@good.example/", "https://evil.example\t@good.example/",
    "https://good.example\t.evil.example/", "https://good.example\n.evil.example/", "https://good.example .evil.example/",
    "https://good.example%2eevil.example/", "https://good.example%00.evil.example/", "https://good.example%40evil.example/",
    "https://good.example%2f@evil.example/", "https://good.example%23@evil.example/", "https://good.example%5c@evil.example/",
    "https:good.example/", "https:/good.example/", "https:///good.example/", "https:////evil.example/", "https:\\\\good.example\\x",
    "//good.example/", "https://[good.example]/", "https://good.example]/", "https://[::1]@good.example/", "https://good.example[::1]/",
    "https://good。example/", "https://good．example/", "https://ｇｏｏｄ.example/", "https://good.example。/", "https://good.exаmple/",
    "https://good.example\u2044evil.example/", "https://good.example\uff0fevil.example/", "https://good.example\uff03@evil.example/",
    "https://good.example\uff20evil.example/", "https://good.example\u2100.evil.example/", "https://good.example\u00ad.evil.example/",
    "https://good.example\u200b.evil.example/", "https://GOOD.example/", "HTTPS://good.EXAMPLE:443/", "https://good.example./",
    "https://good.example:/", "https://good.example:0443/", "https://good.example:4 43/", "https://good.example:+443/",
    "https://good.example:-1/", "https://good.example:４４３/", "https://good.example:443\\@evil.example/", "https://good.example/..//evil.example",
    "https://user:pass@good.example/", "https://@good.example/", "https://:@good.example/", "https://good.example@@evil.example/",
    "ws://good.example/", "https+x://good.example/", "javascript://good.example/%0a", "https://good.example://evil.example/",
    "\thttps://good.example/", "\u00a0https://good.example/", "https\t://good.example/", "ht\ntps://good.example/",
]  # fmt: skip


def nobody(host: str) -> bool:
    return False


@pytest.mark.parametrize("uri", CONFUSING)
def test_the_door_and_the_connection_read_one_host_or_the_request_is_refused(uri: str) -> None:
    """What condition 4 compares is, once normalised, the very host that is connected to; and never the other one."""
    try:
        url = request_of({"uri": uri, "method": "GET"}).url
        target = target_of(url)
    except BadInput:
        return
    judged = authority_of(url, nobody)
    assert judged == "" or target.host == target_of(f"https://{judged}/").host  # "" is on no list, and no literal
    literal = literal_address({"uri": uri})
    assert literal is None or authority_of(literal, nobody) == judged
    if judged == GOOD:
        assert (target.host, target.url.host) == (GOOD, GOOD)
    assert EVIL not in target.host or judged != GOOD


def test_the_list_of_confusing_urls_confuses() -> None:
    """A reader that goes by the last `@`, or takes `\\` for `/`, finds another host than a strict one in many of them."""
    naive = [uri.split("//")[-1].split("@")[-1].split("/")[0] for uri in CONFUSING]
    assert sum(host.startswith(EVIL) for host in naive) >= 12


@pytest.mark.parametrize(
    ("url", "entry", "met"),
    [
        ("https://a.example/", "a.example", True),
        ("https://A.EXAMPLE:443/", "a.example", True),
        ("https://a.example/", "a.example:443", True),
        ("https://a.example/", "a.example:80", False),
        ("http://a.example/", "a.example", False),  # not in clear unasked
        ("http://a.example:80/", "a.example", False),
        ("http://a.example/", "a.example:80", True),
        ("http://a.example:80/", "a.example:80", True),
        ("http://a.example/", "a.example:443", False),
        ("http://a.example:443/", "a.example:443", False),
        ("http://a.example:443/", "a.example", False),
        ("http://a.example:8080/", "a.example:8080", True),  # a port written out means that port, by either scheme
        ("https://a.example:8080/", "a.example:8080", True),
        ("https://a.example:8443/", "a.example", False),
        ("https://a.example./", "a.example", False),
        ("https://b.a.example/", "a.example", False),
        ("https://a.example.b/", "a.example", False),
        ("http://internal.example/", "internal.example", True),  # the operator named it
        ("http://internal.example:443/", "internal.example:443", False),
    ],
)
def test_what_an_entry_of_the_list_means(url: str, entry: str, met: bool) -> None:
    sending = sending_to(url, None, lambda host: host == "internal.example")
    assert (sending.authority in _authorities((entry,), sending)) == met


# --- through a live server -----------------------------------------------------------------------------------------------------------


class Author:
    def __init__(self, server: LiveServer) -> None:
        self.api: Api = server.admin()
        self.secret, self.value = new("secret"), f"Kept-{new('Value')}"
        self.api.put_secret(self.secret, self.value)

    def run(self, request: dict[str, Any], given: dict[str, Any] | None = None) -> dict[str, Any]:
        name = new("w")
        made = {"method": "GET", "headers": {"X-Key": f"${{workflow.secrets.{self.secret}}}"}, **request}
        task = {"name": "c", "taskReferenceName": "c", "type": "HTTP", "inputParameters": {"http_request": made}}
        self.api.save({"name": name, "version": 1, "tasks": [task]})
        return self.api.ended(self.api.start(name, given))


FLAGS = {"followRedirects": True, "followRedirect": True, "allowRedirects": True, "redirect": "follow", "maxRedirects": 5}


@pytest.mark.slow
@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_a_redirect_is_the_answer_and_the_secret_stays(status: int, egress_server: LiveServer, targets: Targets) -> None:
    """No field of a task changes that."""
    server, good, evil = egress_server, targets.good, targets.evil
    author = Author(server)
    run = author.run({"uri": f"http://good.test/away{status}", **FLAGS})
    assert run["tasks"][0]["outputData"]["response"]["headers"]["Location"] == ["http://evil.test/taken"]
    assert run["status"] == "FAILED"
    assert good.received[-1].headers["x-key"] == author.value
    assert evil.received == []


BENT = ["@evil.test/", "\\@evil.test/", ".evil.test/", "#@evil.test/", "?@evil.test", ":80@evil.test/", "\t@evil.test/", "\uff20evil.test/"]


@pytest.mark.slow
@pytest.mark.parametrize("data", BENT)
def test_data_does_not_bend_where_it_goes(data: str, egress_server: LiveServer, targets: Targets) -> None:
    server, good, evil = egress_server, targets.good, targets.evil
    author, before = Author(server), len(good.received)
    for uri in ("http://good.test${workflow.input.x}", "http://good.test/${workflow.input.x}", "http://good.test/?q=${workflow.input.x}"):
        author.run({"uri": uri}, {"x": data})
    assert evil.received == []
    assert all(one.headers["host"] == "good.test" for one in good.received[before:])
    assert len(good.received) == before + 2


@pytest.mark.slow
def test_an_author_who_may_only_execute_learns_nothing_from_a_header_that_cannot_be_sent(
    egress_server: LiveServer, targets: Targets
) -> None:
    """Nor does a host on the list tell whether the value has two lines."""
    server = egress_server
    author = Author(server)
    made, key = author.api.application(new("author"), "USER", "METADATA_API")
    author.api.grant(made, "SECRET_NAME", author.secret, "EXECUTE")
    author.api.put_secret(author.secret, "two\nlines")
    author.api.call("PUT", f"/api/secrets/{author.secret}/policy", {"hosts": ["good.test"]})
    admin, author.api = author.api, server.api(server.token(key["id"], key["secret"]))
    run = author.run({"uri": "http://good.test/"})
    reason = admin.run(run["workflowId"])["tasks"][0]["reasonForIncompletion"]
    assert reason == "the request cannot be made; why is told to vouchers who may READ the secret alone"
