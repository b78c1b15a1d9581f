"""`/api/tasks`: poll, report, log, look (contract/orkes.md B and the trap 0.17)."""

import json
import re

from stagedoor.api.http import Request, Response
from stagedoor.api.orkes.text import body_text
from stagedoor.api.orkes.wire import TaskResult, node_of, task_json
from stagedoor.engine.definition import Json
from stagedoor.engine.port import Delivery, Poll, TaskUpdate
from stagedoor.gate.execution_tokens import Asked
from stagedoor.gate.server import Server
from stagedoor.kit.errors import BadInput
from stagedoor.kit.strictjson import decode_as

LONGEST_POLL = 60_000
LARGEST_BATCH = 100
MOST_LINES = 1000


async def poll(server: Server, request: Request) -> Response:
    """One task, or 204."""
    found = await server.executions.poll(request.principal, _poll(request, count=1, timeout=_timeout(request, 0)))
    return Response.json(delivered(found[0])) if found else Response.empty(204)


async def poll_batch(server: Server, request: Request) -> Response:
    """Up to `count` tasks; waits up to `timeout` milliseconds for the first; never null."""
    count, timeout = min(request.query_int("count", 1), LARGEST_BATCH), _timeout(request, 100)
    found = await server.executions.poll(request.principal, _poll(request, count, timeout))
    return Response.json([delivered(one) for one in found])


def _poll(request: Request, count: int, timeout: int) -> Poll:
    worker = request.query("workerid") or ""
    domain = request.query("domain") or None
    return Poll(
        task_type=request.params["type"], worker_id=worker, consumer=request.principal, domain=domain,
        count=max(1, count), timeout_ms=timeout,
    )  # fmt: skip


def _timeout(request: Request, default: int) -> int:
    return min(request.query_int("timeout", default), LONGEST_POLL)


def delivered(delivery: Delivery) -> dict[str, object]:
    """The one answer that holds secret values: to the worker that leased the task."""
    shown = task_json(delivery.run, delivery.task)
    if delivery.runtime_metadata:
        shown["runtimeMetadata"] = delivery.runtime_metadata
    return shown


async def update(server: Server, request: Request) -> Response:
    """A TaskResult; the task's id as text."""
    result = await decoded(server, request)
    await server.executions.update(request.principal, _update(result))
    return Response.text(result.task_id)


async def update_and_next(server: Server, request: Request) -> Response:
    """A TaskResult; the next task of the same type, or 204 (0.17)."""
    result = await decoded(server, request)
    done = await server.executions.update(request.principal, _update(result))
    found = await server.executions.next_task(request.principal, done, result.worker_id or "")
    return Response.json(delivered(found[0])) if found else Response.empty(204)


def _update(result: TaskResult) -> TaskUpdate:
    return TaskUpdate(
        task_id=result.task_id, status=result.status, run_id=result.workflow_instance_id or None, output=result.output_data or {},
        reason=result.reason_for_incompletion, callback_after_seconds=int(result.callback_after_seconds or 0),
        worker_id=result.worker_id, extend_lease=bool(result.extend_lease),
        logs=_lines(result.logs or []),
    )  # fmt: skip


def _lines(logs: list[dict[str, Json]]) -> list[str]:
    """Each line is a row of its own; of very many the first ones, and how many more there were."""
    lines = [str(line["log"]) for line in logs[:MOST_LINES] if "log" in line]
    return lines if len(logs) <= MOST_LINES else [*lines, f"({len(logs) - MOST_LINES} more lines were left out)"]


async def decoded(server: Server, request: Request) -> TaskResult:
    """The TaskResult in the body. One that cannot be read fails its task and is 400: the worker would send it for ever."""
    body = await request.body()
    try:
        return decode_as(TaskResult, body)
    except BadInput as problem:
        reason = f"the task result cannot be read: {problem.message}"
        failed = TaskUpdate(task_id=task_id_in(body), status="FAILED_WITH_TERMINAL_ERROR", reason=reason)
        await server.executions.update(request.principal, failed)
        raise


def task_id_in(body: bytes) -> str:
    """The `taskId` of a body, even of one that is no valid TaskResult; BadInput where there is none."""
    try:
        value = json.loads(body)
    except (ValueError, RecursionError):
        match = re.search(rb'"taskId"\s*:\s*"([^"\\]{1,255})"', body)
        value = {"taskId": match[1].decode("utf-8", "replace")} if match else None
    found = value.get("taskId") if isinstance(value, dict) else None
    if not isinstance(found, str) or not found:
        raise BadInput("taskId: it is required", "taskId")
    return found


async def execution_token(server: Server, request: Request) -> Response:
    """A token that speaks for the run of a task under way: `{"token", "expiresAt"}` (ours; decision 0038)."""
    minted = await server.execution_tokens.issue(request.principal, request.params["taskId"], request.payload or Asked())
    return Response.json({"token": minted.text, "expiresAt": minted.claims.exp * 1000}).with_header("cache-control", "no-store")


async def get(server: Server, request: Request) -> Response:
    view = await server.executions.task(request.principal, request.params["taskId"])
    return Response.json(task_json(view.run, view.task, node_of(view.revision, view.task)))


async def add_log(server: Server, request: Request) -> Response:
    """A line of text: a JSON string, or the bare text some SDKs send (0.5)."""
    await server.executions.log(request.principal, request.params["taskId"], body_text(request, await request.body()))
    return Response.empty(200)


async def logs(server: Server, request: Request) -> Response:
    found = await server.executions.logs(request.principal, request.params["taskId"])
    return Response.json([{"taskId": line.task_id, "log": line.log, "createdTime": line.created} for line in found])
