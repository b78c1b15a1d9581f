"""What would get through if a protection of `POST /leaks` were not there."""

import asyncio
import json
from base64 import b64encode
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from stagedoor.core import leak
from stagedoor.gate import leak_keys
from stagedoor.gate.address import EgressSettings
from stagedoor.gate.leak_keys import GITHUB, Source, leak_key_urls
from stagedoor.kit.errors import BadInput
from stagedoor.kit.signature import VerifyingKey
from tests.gate.doors.stage import Listener
from tests.leaked.reporter import Reporter
from tests.support.inside import Inside, inside

pytestmark = [pytest.mark.anyio, pytest.mark.slow]
Within = tuple[Inside, Reporter]
ODD = ("", "=", "AAAA", "%%%", "A" * 300, b64encode(b"\x30\x06\x02\x01\x00\x02\x01\x00").decode(), "ä")


@pytest.fixture
async def within(tmp_path: Path) -> AsyncIterator[tuple[Inside, Reporter]]:
    """A server that knows the reporter's key."""
    reporter = Reporter(Listener(0))
    pem = json.loads(reporter.published(None)[2])["public_keys"][0]["key"]  # type: ignore[arg-type]  # nobody asked
    key = VerifyingKey.load(pem)
    assert key is not None
    async with inside(tmp_path) as made:
        keys = made.server.leaks.keys
        now = keys.clock.monotonic()
        keys.sources = [Source("https://reporter.example.com/keys", {reporter.identifier: key}, read_at=now, asked_at=now)]
        yield made, reporter


def body_of(made: Inside) -> bytes:
    return json.dumps([{"token": made.first["keySecret"], "type": "t", "url": "", "source": ""}]).encode()


async def test_without_the_check_of_the_signature_anybody_stops_a_key(within: Within, monkeypatch: pytest.MonkeyPatch) -> None:
    made, reporter = within
    headers = {**reporter.headers(b"something else"), "Github-Public-Key-Identifier": reporter.identifier}
    assert (await made.http.post("/leaks", content=body_of(made), headers=headers)).status_code == 403
    await made.token()
    monkeypatch.setattr(VerifyingKey, "signed", lambda self, data, signature: True)
    assert (await made.http.post("/leaks", content=body_of(made), headers=headers)).status_code == 200
    assert (await made.http.post("/api/token", json=made.first)).status_code == 401


async def test_without_the_look_into_the_place_a_secret_would_be_kept(within: Within, monkeypatch: pytest.MonkeyPatch) -> None:
    made, _ = within
    place = f"https://example.com/{made.first['keySecret']}"
    assert made.first["keySecret"] not in leak.shortened(place, 1000)
    encoded = b64encode(f":{made.first['keySecret']}".encode()).decode()
    assert encoded not in leak.shortened(f"https://example.com/?basic={encoded}", 1000)
    monkeypatch.setattr(leak, "scan_text", lambda text: ())
    assert made.first["keySecret"] in leak.shortened(place, 1000)


async def test_of_a_finding_the_body_is_read_only_once_it_is_signed(within: Within, monkeypatch: pytest.MonkeyPatch) -> None:
    made, reporter = within
    body = b"[" * 100_000
    assert (await made.http.post("/leaks", content=body, headers=reporter.headers(b""))).status_code == 403
    assert (await made.http.post("/leaks", content=body, headers=reporter.headers(body))).status_code == 400
    for odd in (b"{}", b'[{"token": 1}]', b"[null]", b"\xff"):
        assert (await made.http.post("/leaks", content=odd, headers=reporter.headers(odd))).status_code == 400


async def test_no_odd_signature_passes_or_breaks(within: Within) -> None:
    made, reporter = within
    for odd in ODD:
        headers = {b"Github-Public-Key-Identifier": reporter.identifier.encode(), b"Github-Public-Key-Signature": odd.encode()}
        assert (await made.http.post("/leaks", content=body_of(made), headers=headers)).status_code == 403, odd


def test_keys_come_over_https_alone_or_from_a_host_that_the_operator_named() -> None:
    named = EgressSettings.from_environment({"STAGEDOOR_EGRESS_ALLOW": "127.0.0.1"})
    assert leak_key_urls({}, named) == (GITHUB,)
    assert leak_key_urls({leak_keys.URLS: ""}, named) == ()
    assert leak_key_urls({leak_keys.URLS: "https://a.example.com/k, http://127.0.0.1:9/k"}, named) == (
        "https://a.example.com/k", "http://127.0.0.1:9/k",
    )  # fmt: skip
    for odd in ("http://a.example.com/k", "ftp://a", "https://user:pass@a.example.com/"):
        with pytest.raises(BadInput, match=leak_keys.URLS):
            leak_key_urls({leak_keys.URLS: odd}, named)


async def test_however_many_come_at_once_with_keys_that_are_not_known_one_question_goes_out(within: Within) -> None:
    """And whoever shows a known one does not wait for the answer."""
    made, reporter = within
    keys = made.server.leaks.keys
    (source,) = keys.sources
    source.asked_at = None
    asked, may_answer = [], asyncio.Event()

    async def slow(url: str) -> None:
        asked.append(url)
        await may_answer.wait()

    keys._fetch = slow  # type: ignore[method-assign, assignment]
    unknown = [asyncio.create_task(keys.find(f"unknown {number}")) for number in range(20)]
    await asyncio.sleep(0)
    assert await keys.find(reporter.identifier) is not None
    may_answer.set()
    assert await asyncio.gather(*unknown) == [None] * 20
    assert len(asked) == 1
