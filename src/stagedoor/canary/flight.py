"""A canary's way through the server: handed to a worker that repeats it in all it may say, sent to a server that gives it back."""

from dataclasses import dataclass
from typing import Any
from urllib.parse import quote

from stagedoor.canary import workflow
from stagedoor.canary.bird import Canary
from stagedoor.canary.client import Client
from stagedoor.canary.echo import Echo, spelled
from stagedoor.demo.failure import Unexpected


@dataclass(frozen=True)
class Flight:
    client: Client
    echo: Echo

    async def prepare(self) -> None:
        await self.client.call("PUT", "/api/metadata/workflow", [workflow.child()])

    async def to_worker(self, canary: Canary) -> None:
        run = await self._start(canary, workflow.by_worker(canary))
        task = await self.client.poll(workflow.TASK, "w")
        if task["inputData"]["plain"] != canary.value:
            raise Unexpected(f"{canary.name} did not reach the worker as it is")
        await self._say_all(task, canary.value)
        again = await self.client.poll(workflow.TASK, quote(canary.value, safe=""))
        await self._report(again, "COMPLETED", canary.value)
        await self._finish(run, canary)

    async def to_server(self, canary: Canary) -> None:
        heard = len(self.echo.heard)
        run = await self._start(canary, workflow.by_request(canary, self.echo.url))
        await self._finish(run, canary)
        if self.echo.heard[heard:].count(canary.value) < 3:
            raise Unexpected(f"{canary.name} did not reach the server as it is")

    async def _start(self, canary: Canary, definition: Any) -> str:
        await self.client.call("PUT", f"/api/secrets/{canary.name}", text=canary.stored)
        await self.client.call("PUT", "/api/metadata/workflow", [definition])
        run: str = await self.client.call("POST", f"/api/workflow/{canary.name}", {})
        return run

    async def _finish(self, run: str, canary: Canary) -> None:
        """The child's task is a worker's too; then everything is read."""
        inner = await self.client.poll(workflow.TASK, "w")
        await self._report(inner, "FAILED_WITH_TERMINAL_ERROR" if canary.path else "COMPLETED", canary.value)
        await self._read(await self.client.ended(run))
        await self._read(await self.client.ended(inner["workflowInstanceId"]))

    async def _say_all(self, task: dict[str, Any], value: str) -> None:
        """In logs by both ways, one of them over two lines, and in a report of progress; the task comes again."""
        path, half = f"/api/tasks/{task['taskId']}/log", len(value) // 2
        await self.client.call("POST", path, f"I was given {value}")
        for line in (value, f"first {value[:half]}", value[half:]):
            await self.client.call("POST", path, text=line)
        await self._report(task, "IN_PROGRESS", value)

    async def _report(self, task: dict[str, Any], status: str, value: str) -> None:
        logs = [{"log": text if isinstance(text, str) else str(text)} for text in spelled(value).values()]
        told = {
            "taskId": task["taskId"], "workflowInstanceId": task["workflowInstanceId"], "status": status, "workerId": value,
            "reasonForIncompletion": f"because of {value}, that is {value.encode().hex()}", "outputData": spelled(value), "logs": logs,
            "externalOutputPayloadStoragePath": value, "subWorkflowId": value, "extra": value,
        }  # fmt: skip
        await self.client.call("POST", "/api/tasks", told)
        if status != "IN_PROGRESS":  # a report that cannot be read would end the task
            await self.client.call("POST", "/api/tasks", {**told, "status": value}, refused=True)

    async def _read(self, run: dict[str, Any]) -> None:
        paths = [f"/api/workflow/{run['workflowId']}/status?includeOutput=true&includeVariables=true"]
        paths += [f"/api/metadata/workflow/{run['workflowName']}", "/api/metadata/workflow", "/api/metadata/taskdefs"]
        for task in run["tasks"]:
            paths += [f"/api/tasks/{task['taskId']}", f"/api/tasks/{task['taskId']}/log"]
        for path in paths:
            await self.client.call("GET", path)
        await self.client.call("DELETE", f"/api/workflow/{run['workflowId']}", refused=True)
