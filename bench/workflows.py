"""Worker-task workflows a second, from start to completion, through HTTP: starters, and workers that poll in batches."""

import asyncio
import time

import httpx

from bench.load import cpu_seconds
from tests.support.server import LiveServer

DEFINITION = {
    "name": "bench_flow",
    "tasks": [{"name": "bench_task", "taskReferenceName": "only", "type": "SIMPLE", "inputParameters": {"n": "${workflow.input.n}"}}],
    "outputParameters": {"n": "${only.output.n}"},
}
BATCH = 50
STARTERS = 8


async def workflows_per_second(server: LiveServer, seconds: float) -> dict[str, float]:
    token = server.token(server.first["keyId"], server.first["keySecret"])
    done = 0
    over = False
    async with httpx.AsyncClient(base_url=server.url, headers={"X-Authorization": token}, timeout=60) as http:
        (await http.put("/api/metadata/workflow", json=[DEFINITION])).raise_for_status()

        async def start() -> None:
            while not over:
                (await http.post("/api/workflow/bench_flow", json={"n": 1})).raise_for_status()

        async def work() -> None:
            nonlocal done
            while not over:
                tasks = (await http.get(f"/api/tasks/poll/batch/bench_task?count={BATCH}&timeout=100&workerid=w")).json()
                await asyncio.gather(*(complete(task) for task in tasks))
                done += len(tasks)

        async def complete(task: dict[str, str]) -> None:
            body = {"taskId": task["taskId"], "workflowInstanceId": task["workflowInstanceId"], "status": "COMPLETED", "outputData": {"n": 1}}
            (await http.post("/api/tasks", json=body)).raise_for_status()

        assert server.process is not None
        began, used = time.perf_counter(), cpu_seconds(server.process.pid)
        working = [asyncio.create_task(start()) for _ in range(STARTERS)] + [asyncio.create_task(work()) for _ in range(2)]
        await asyncio.sleep(seconds)
        over, finished, elapsed, cpu = True, done, time.perf_counter() - began, cpu_seconds(server.process.pid) - used
        await asyncio.gather(*working)
    rate = finished / elapsed
    print(f"{'worker-task workflows':<26} {rate:>8,.0f}/s from start to completion   CPU {cpu / max(1, finished) * 1e6:,.0f} us a workflow", flush=True)
    return {"perSecond": round(rate), "cpuMicroseconds": round(cpu / max(1, finished) * 1e6)}
