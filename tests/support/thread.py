"""The whole server in a thread of the test's own process, behind a real socket: so that a test can take a part of it away."""

import asyncio
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import uvloop

from stagedoor.api.app import make_app
from stagedoor.api.dispatch import App
from stagedoor.api.server import Listening, make_server
from stagedoor.bootstrap import open_server
from stagedoor.cli.init import _init
from stagedoor.gate.address import EgressSettings
from stagedoor.gate.server import Server
from stagedoor.kit.clock import Clock
from stagedoor.settings import Settings
from tests.support.server import ADMIN, START_SECONDS, LiveServer


@dataclass
class ThreadServer(LiveServer):
    """On SQLite; `parts` is what runs, once it does, and `app` what the socket speaks to, now. It logs
    where the test does."""

    parts: Server | None = None
    app: App | None = None
    clock: Clock | None = None
    _stop: Callable[[], None] = lambda: None
    _thread: threading.Thread | None = None
    _started: threading.Event = field(default_factory=threading.Event)

    @property
    def settings(self) -> Settings:
        return Settings(data=self.data, script_processes=1, egress=EgressSettings.from_environment(self.environment))

    def init(self) -> dict[str, str]:
        self.first = asyncio.run(_init(self.settings, ADMIN))
        return self.first

    def launch(self) -> None:
        Path(self.log).touch()
        self._thread = threading.Thread(target=lambda: uvloop.run(self._serve()), name="stagedoor")
        self._thread.start()

    def well(self) -> "ThreadServer":
        assert self._started.wait(START_SECONDS), "the server did not start"
        return self

    def stop(self) -> None:
        for client in self.clients:
            client.close()
        self._stop()
        assert self._thread is not None
        self._thread.join()

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        assert self.app is not None
        await self.app(scope, receive, send)

    def release(self) -> None:
        assert self.app is not None
        self.app.release()

    async def _serve(self) -> None:
        async with open_server(self.settings, self.clock) as self.parts:
            self.app = make_app(self.parts, self.clock)
            socket = make_server(self, Listening(f"127.0.0.1:{self.port}", grace=2))  # type: ignore[arg-type]  # stands in for one App
            self._stop = lambda: setattr(socket, "should_exit", True)
            serving = asyncio.create_task(socket.serve())
            while not socket.started and not serving.done():  # uvicorn tells by an attribute alone
                await asyncio.sleep(0.01)
            self._started.set()
            await serving


@contextmanager
def thread_server(folder: Path, **environment: str) -> Iterator[ThreadServer]:
    """One that has been initialised and runs; stopped at the end."""
    server = ThreadServer(folder / "data", environment=environment)
    server.set_up()
    server.start()
    try:
        yield server
    finally:
        server.stop()
