"""What bounds an answer's work, each bound taken away in turn; and names that are never answered."""

import asyncio
import socket
import threading
import tracemalloc
from dataclasses import replace
from typing import Any

import pytest
from aiohttp.client_proto import ResponseHandler

from stagedoor.gate import outbound as module
from stagedoor.gate.outbound import Limits, Outbound
from stagedoor.gate.wire import Wire
from tests.gate.egress.servers import listening
from tests.gate.egress.spellings import lookup
from tests.gate.egress.test_failures import BROKEN, HEAD, HERE, LIMITS, failure, request

pytestmark = pytest.mark.anyio

SHORT = replace(LIMITS, seconds=0.5)


@pytest.mark.parametrize("name", ["flood of interim answers", "flood of empty blocks"])
async def test_without_the_count_of_what_comes_a_flood_would_go_on(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Wire, "data_received", ResponseHandler.data_received)
    async with listening(BROKEN[name][0]) as server, Outbound(HERE, lookup, SHORT) as outbound:
        assert await failure(outbound, request(server.port)) == "127.0.0.1: the answer took longer than 0.5 s in all"


async def test_without_telling_the_reader_a_bad_chunk_would_take_until_the_deadline(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Wire, "set_exception", ResponseHandler.set_exception)
    async with listening(BROKEN["bad extensions"][0]) as server, Outbound(HERE, lookup, SHORT) as outbound:
        assert await failure(outbound, request(server.port)) == "127.0.0.1: the answer took longer than 0.5 s in all"


@pytest.mark.slow
@pytest.mark.parametrize(("large", "least", "most"), [(2, 5, 60), (100, 90, 1000)])
async def test_large_answers_at_once_are_bounded_in_memory(large: int, least: int, most: int) -> None:
    """Thirty that say 4 MB but for the last byte, and then nothing. With room for a hundred large ones they would take all they want."""
    held = HEAD + b"Content-Length: 4000000\r\n\r\n" + bytes(3_999_999)
    limits = Limits(seconds=40, large=large, small=500_000)

    async def stalled(answer: bytes, writer: asyncio.StreamWriter) -> None:
        writer.write(held)
        await asyncio.sleep(60)

    tracemalloc.start()
    try:
        async with listening(stalled) as server, listening() as good, Outbound(HERE, lookup, limits) as outbound:
            asked = replace(request(server.port), read_timeout=40_000)
            waiting = [asyncio.create_task(outbound.send(asked)) for _ in range(30)]
            megabytes = await settled()
            assert (await outbound.send(request(good.port))).status == 200  # small ones go on
            for one in waiting:
                one.cancel()
            await asyncio.gather(*waiting, return_exceptions=True)
    finally:
        tracemalloc.stop()
    assert least < megabytes < most


async def settled() -> float:
    """The megabytes that bodies of answers take, once they are no longer growing."""
    before = -1.0
    while True:
        await asyncio.sleep(0.7)
        taken = tracemalloc.take_snapshot().statistics("filename")
        now = sum(one.size for one in taken if one.traceback[0].filename.endswith("gate/outbound.py")) / 1e6
        if now > 1 and now == pytest.approx(before, abs=0.5):
            return now
        before = now


@pytest.mark.parametrize("threads", [128, 2])
async def test_names_that_are_never_answered_hold_up_nobody(threads: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """Neither other names (with two threads for them they would) nor what else runs in threads."""
    monkeypatch.setattr(module, "_LOOKUPS", threads)
    real, given_up, held_up = socket.getaddrinfo, threading.Event(), threads == 2

    def stuck(host: str, *arguments: Any, **options: Any) -> Any:
        if host == "silent.test":
            given_up.wait(60)
        return real("127.0.0.1" if host.endswith(".test") else host, *arguments, **options)

    monkeypatch.setattr(socket, "getaddrinfo", stuck)
    async with listening() as server, Outbound(HERE, limits=Limits(lookup_seconds=1 if held_up else 30)) as outbound:
        waiting = [asyncio.create_task(outbound.send(request(80, host="silent.test"))) for _ in range(40)]
        await asyncio.sleep(0.1)
        assert await asyncio.wait_for(asyncio.to_thread(int, "7"), 20) == 7
        if held_up:
            assert "cannot be resolved" in await failure(outbound, request(server.port, host="other.test"))
            said = await asyncio.gather(*waiting, return_exceptions=True)
            assert {str(one) for one in said} == {"silent.test: the name cannot be resolved"}
        else:
            assert (await outbound.send(request(server.port, host="other.test"))).status == 200
            assert not any(one.done() for one in waiting)
        given_up.set()
        for one in waiting:
            one.cancel()
        await asyncio.gather(*waiting, return_exceptions=True)
