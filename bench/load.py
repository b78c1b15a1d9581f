"""A closed loop of keep-alive connections that send prepared bytes and count whole answers: as little client as there can be."""

import asyncio
import os
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import cast

TICKS = os.sysconf("SC_CLK_TCK")
NextRequest = Callable[[], bytes]


@dataclass(frozen=True)
class Measured:
    """One window: answers a second, and microseconds of the server's CPU an answer."""

    rate: float
    cpu: float


class Connection(asyncio.Protocol):
    """Sends the next request as soon as the last answer is whole; answers carry Content-Length."""

    def __init__(self, next_request: NextRequest, counter: "Counter") -> None:
        self.next_request, self.counter = next_request, counter
        self.buffer = b""
        self.transport: asyncio.Transport

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast(asyncio.Transport, transport)
        self.transport.write(self.next_request())

    def data_received(self, data: bytes) -> None:
        self.buffer += data
        end = self.buffer.find(b"\r\n\r\n")
        if end < 0:
            return
        head = self.buffer[:end].lower()
        at = head.find(b"content-length:")
        length = int(head[at + 15 :].split(b"\r\n", 1)[0]) if at >= 0 else 0
        if len(self.buffer) < end + 4 + length:
            return
        self.counter.answered(self.buffer)
        self.buffer = b""
        if not self.counter.over:
            self.transport.write(self.next_request())


class Counter:
    def __init__(self) -> None:
        self.count, self.over, self.bad = 0, False, b""

    def answered(self, answer: bytes) -> None:
        self.count += 1
        if answer[9:11] != b"20" and not self.bad:
            self.bad = answer[:300]


def cpu_seconds(pid: int) -> float:
    """User and system time of a process, without its children."""
    with open(f"/proc/{pid}/stat") as file:
        fields = file.read().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / TICKS


async def window(port: int, pid: int, next_request: NextRequest, *, seconds: float, connections: int = 16) -> Measured:
    """One measured window. RuntimeError where an answer was not 2xx."""
    counter, loop = Counter(), asyncio.get_running_loop()
    made = [await loop.create_connection(lambda: Connection(next_request, counter), "127.0.0.1", port) for _ in range(connections)]
    began, used, before = time.perf_counter(), cpu_seconds(pid), counter.count
    await asyncio.sleep(seconds)
    elapsed, cpu, answers = time.perf_counter() - began, cpu_seconds(pid) - used, counter.count - before
    counter.over = True
    for transport, _ in made:
        transport.close()
    await asyncio.sleep(0.05)  # the server writes nothing into a closed window of the next case
    if counter.bad or not answers:
        raise RuntimeError(f"the server answered {counter.bad!r}")
    return Measured(answers / elapsed, cpu / answers * 1e6)


def request(method: str, path: str, body: bytes = b"", token: str = "") -> bytes:
    lines = [f"{method} {path} HTTP/1.1", "Host: localhost", f"Content-Length: {len(body)}"]
    lines += ["Content-Type: application/json"] if body else []
    lines += [f"X-Authorization: {token}"] if token else []
    return ("\r\n".join(lines) + "\r\n\r\n").encode() + body
