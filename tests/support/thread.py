"""The whole server in a thread of the test's own process, behind a real socket: so that a test can take a part of it away."""

import asyncio
import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import uvloop

from stagedoor.api.app import make_app
from stagedoor.api.server import Listening, make_server
from stagedoor.bootstrap import open_server
from stagedoor.cli.init import _init
from stagedoor.gate.address import EgressSettings
from stagedoor.gate.server import Server
from stagedoor.settings import Settings
from tests.support.server import ADMIN, START_SECONDS, LiveServer


@dataclass
class ThreadServer(LiveServer):
    """On SQLite; `parts` is what runs, once it does. Its log is empty: it writes to the test's."""

    parts: Server | None = None
    _stop: Callable[[], None] = lambda: None
    _thread: threading.Thread | None = None
    _started: threading.Event = field(default_factory=threading.Event)

    @property
    def settings(self) -> Settings:
        return Settings(data=self.data, script_processes=1, egress=EgressSettings.from_environment(self.environment))

    def init(self) -> dict[str, str]:
        self.first = asyncio.run(_init(self.settings, ADMIN))
        Path(self.log).touch()
        return self.first

    def launch(self) -> None:
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

    async def _serve(self) -> None:
        async with open_server(self.settings) as self.parts:
            socket = make_server(make_app(self.parts), Listening(f"127.0.0.1:{self.port}", grace=2))
            self._stop = lambda: setattr(socket, "should_exit", True)
            serving = asyncio.create_task(socket.serve())
            while not socket.started and not serving.done():  # uvicorn tells by an attribute alone
                await asyncio.sleep(0.01)
            self._started.set()
            await serving
