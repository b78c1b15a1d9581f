"""Calls to the server, with every answer kept to be searched."""

import asyncio
from typing import Any

import aiohttp

from stagedoor.demo.failure import Unexpected
from stagedoor.kit.clock import Clock

HANDED = ("/api/tasks/poll/",)
"""Answers that hold values because they must: what a worker is handed."""
WAIT_SECONDS = 30.0


class Client:
    """As the first application of a store, which is an administrator."""

    def __init__(self, http: aiohttp.ClientSession, clock: Clock) -> None:
        self._http, self._clock = http, clock
        self.answers: list[bytes] = []

    async def sign_in(self, made: dict[str, str]) -> None:
        token = (await self.call("POST", "/api/token", {"keyId": made["keyId"], "keySecret": made["keySecret"]}))["token"]
        self._http.headers["X-Authorization"] = token

    async def call(self, method: str, path: str, body: Any = None, *, text: str | None = None, refused: bool = False) -> Any:
        """The decoded answer. Unexpected where it is a refusal and none is awaited."""
        given: dict[str, Any] = {"json": body} if body is not None else {}
        if text is not None:
            given = {"data": text.encode(), "headers": {"Content-Type": "text/plain"}}
        async with self._http.request(method, path, **given) as answer:
            data = await answer.read()
            if not path.startswith(HANDED):
                self.answers.append(b"\n".join((*(name + b": " + value for name, value in answer.raw_headers), data)))
            if answer.status >= 400 and not refused:
                raise Unexpected(f"{method} {path.split('?')[0]}: the server answered {answer.status}")
            return await answer.json() if data and "json" in answer.content_type else data.decode("utf-8", "replace")

    async def poll(self, task: str, worker: str) -> dict[str, Any]:
        """The next task. Unexpected where none comes in time."""
        found = await self.call("GET", f"/api/tasks/poll/batch/{task}?count=1&timeout=10000&workerid={worker}")
        if not found:
            raise Unexpected(f"no task {task} came")
        task_found: dict[str, Any] = found[0]
        return task_found

    async def ended(self, run: str) -> dict[str, Any]:
        deadline = self._clock.monotonic() + WAIT_SECONDS
        while self._clock.monotonic() < deadline:
            found: dict[str, Any] = await self.call("GET", f"/api/workflow/{run}")
            if found["status"] not in ("RUNNING", "PAUSED"):
                return found
            await asyncio.sleep(0.05)
        raise Unexpected(f"run {run} did not end")
