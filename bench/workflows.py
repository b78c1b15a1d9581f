"""Worker-task workflows a second, from start to completion, through HTTP: starters, and workers that poll in batches."""

import asyncio
import json
import time
from dataclasses import dataclass, field

from bench.load import cpu_seconds, request
from tests.support.server import LiveServer

DEFINITION = {
    "name": "bench_flow",
    "tasks": [{"name": "bench_task", "taskReferenceName": "only", "type": "SIMPLE", "inputParameters": {"n": "${workflow.input.n}"}}],
    "outputParameters": {"n": "${only.output.n}"},
}
BATCH = 50
STARTERS = 16
REPORTERS = 16
MOST_OPEN = 400
"""So many runs wait for a worker at the most: what is measured is a steady flow."""


class Line:
    """One keep-alive connection: a request, then its whole answer."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader, self._writer = reader, writer

    @classmethod
    async def to(cls, port: int) -> "Line":
        return cls(*await asyncio.open_connection("127.0.0.1", port))

    async def ask(self, data: bytes) -> bytes:
        self._writer.write(data)
        head = await self._reader.readuntil(b"\r\n\r\n")
        if head[9:11] != b"20":
            raise RuntimeError(f"the server answered {head[:200]!r}")
        at = head.lower().find(b"content-length:")
        length = int(head[at + 15 :].split(b"\r\n", 1)[0]) if at >= 0 else 0
        return await self._reader.readexactly(length) if length else b""

    def close(self) -> None:
        self._writer.close()


@dataclass
class Flow:
    port: int
    token: str
    started: int = 0
    done: int = 0
    over: bool = False
    tasks: asyncio.Queue[dict[str, str]] = field(default_factory=asyncio.Queue)

    async def start(self) -> None:
        line = await Line.to(self.port)
        data = request("POST", "/api/workflow/bench_flow", b'{"n": 1}', self.token)
        while not self.over:
            if self.started - self.done > MOST_OPEN:
                await asyncio.sleep(0.001)
                continue
            self.started += 1
            await line.ask(data)
        line.close()

    async def poll(self) -> None:
        line = await Line.to(self.port)
        data = request("GET", f"/api/tasks/poll/batch/bench_task?count={BATCH}&timeout=100&workerid=w", token=self.token)
        while not self.over:
            for task in json.loads(await line.ask(data)):
                self.tasks.put_nowait(task)
            while self.tasks.qsize() > BATCH and not self.over:
                await asyncio.sleep(0.001)
        line.close()

    async def report(self) -> None:
        line = await Line.to(self.port)
        while not self.over:
            try:
                task = await asyncio.wait_for(self.tasks.get(), 0.2)
            except TimeoutError:
                continue
            ids = {"taskId": task["taskId"], "workflowInstanceId": task["workflowInstanceId"]}
            body = {**ids, "status": "COMPLETED", "outputData": {"n": 1}}
            await line.ask(request("POST", "/api/tasks", json.dumps(body).encode(), self.token))
            self.done += 1
        line.close()


async def workflows_per_second(server: LiveServer, seconds: float) -> dict[str, float]:
    token = server.token(server.first["keyId"], server.first["keySecret"])
    server.api(token).save(DEFINITION)
    flow = Flow(server.port, token)
    assert server.process is not None
    pid = server.process.pid
    working = [asyncio.create_task(one()) for one in (*[flow.start] * STARTERS, flow.poll, *[flow.report] * REPORTERS)]
    await asyncio.sleep(min(1.0, seconds / 4))
    before, began, used = flow.done, time.perf_counter(), cpu_seconds(pid)
    await asyncio.sleep(seconds)
    finished, elapsed, cpu = flow.done - before, time.perf_counter() - began, cpu_seconds(pid) - used
    flow.over = True
    await asyncio.gather(*working)
    cost = cpu / max(1, finished) * 1e6
    rate = finished / elapsed
    print(f"{'worker-task workflows':<26} {rate:>8,.0f}/s from start to completion   CPU {cost:,.0f} us a workflow", flush=True)
    return {"perSecond": round(finished / elapsed), "cpuMicroseconds": round(cost)}
