"""A whole server whose clock can be turned ahead."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from stagedoor.kit.clock import SystemClock
from tests.support.thread import ThreadServer


@dataclass
class TurnedClock(SystemClock):
    """`ahead` of the machine's, in ms; durations stay what they are."""

    ahead: int = 0

    def now(self) -> int:
        return super().now() + self.ahead


@contextmanager
def turned_server(folder: Path) -> Iterator[tuple[ThreadServer, TurnedClock]]:
    clock = TurnedClock()
    server = ThreadServer(folder / "data", clock=clock)
    server.set_up()
    server.start()
    try:
        yield server, clock
    finally:
        server.stop()
