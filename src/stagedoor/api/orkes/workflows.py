"""`/api/workflow`: start, look, terminate (contract/orkes.md B)."""

from typing import Any

from stagedoor.api.http import Request, Response
from stagedoor.api.orkes.for_end_user import end_user_of
from stagedoor.api.orkes.metadata import version_in_path, version_of
from stagedoor.api.orkes.wire import StartWorkflow, run_json
from stagedoor.engine.definition import Json
from stagedoor.engine.port import StartRequest
from stagedoor.gate.server import Server
from stagedoor.kit.errors import BadInput


async def start(server: Server, request: Request) -> Response:
    """A StartWorkflowRequest; the run's id as text."""
    body: StartWorkflow = request.payload
    if body.workflow_def is not None:
        raise BadInput("workflowDef: a definition inside a start request is not taken; save it first", "workflowDef")
    asked = StartRequest(
        name=body.name, version=body.version or None, correlation_id=body.correlation_id, input=body.input or {},
        task_to_domain=body.task_to_domain or {}, priority=body.priority or 0, starter=request.principal.user,
        idempotency_key=body.idempotency_key, idempotency_strategy=body.idempotency_strategy,
        end_user=end_user_of(request),
    )  # fmt: skip
    return Response.text(await server.executions.start(request.principal, asked))


async def start_by_name(server: Server, request: Request) -> Response:
    """The body is the input; version, correlation id and priority come from the query, the idempotency key from headers."""
    return Response.text(await server.executions.start(request.principal, _request(request, version_of(request))))


async def start_version(server: Server, request: Request) -> Response:
    version = version_in_path(request) or None
    return Response.text(await server.executions.start(request.principal, _request(request, version)))


def _request(request: Request, version: int | None) -> StartRequest:
    given: Json = request.payload
    if given is not None and not isinstance(given, dict):
        raise BadInput("the body: it is the workflow's input, a JSON object", "input")
    return StartRequest(
        name=request.params["name"],
        version=version,
        input=given or {},
        correlation_id=request.query("correlationId"),
        priority=request.query_int("priority", 0, most=99),
        starter=request.principal.user,
        idempotency_key=request.header("x-idempotency-key"),
        idempotency_strategy=request.header("x-on-conflict"),
        end_user=end_user_of(request),
    )


async def get(server: Server, request: Request) -> Response:
    include = request.query_bool("includeTasks", True)
    view = await server.executions.run(request.principal, request.params["workflowId"], include_tasks=include)
    return Response.json(run_json(view, include_tasks=include))


async def status(server: Server, request: Request) -> Response:
    run = (await server.executions.run(request.principal, request.params["workflowId"], include_tasks=False)).run
    shown: dict[str, Any] = {"workflowId": run.workflow_id, "correlationId": run.correlation_id, "status": run.status}
    if request.query_bool("includeOutput"):
        shown["output"] = run.output
    if request.query_bool("includeVariables"):
        shown["variables"] = run.variables
    return Response.json(shown)


async def terminate(server: Server, request: Request) -> Response:
    await server.executions.terminate(request.principal, request.params["workflowId"], request.query("reason"))
    return Response.empty(200)
