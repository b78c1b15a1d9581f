"""`/api/metadata`: workflow and task definitions (contract/orkes.md B)."""

from stagedoor.api.http import Request, Response
from stagedoor.api.orkes.listing import wanted
from stagedoor.api.orkes.tags import Tags
from stagedoor.engine.definition import WorkflowDefinition
from stagedoor.gate.server import Server
from stagedoor.kit.errors import BadInput, Forbidden, StagedoorError


def version_of(request: Request) -> int | None:
    """The query's `version`; 0 and none at all mean the latest."""
    return request.query_int("version", 0) or None


def version_in_path(request: Request) -> int:
    text = request.params["version"]
    if not (text.isascii() and text.isdecimal() and len(text) < 10):
        raise BadInput("version: must be a whole number", "version")
    return int(text)


async def create_workflow(server: Server, request: Request) -> Response:
    """409 where that name and version exist and `overwrite` is not true. A `Warning` header names secrets that do not exist."""
    overwrite, new_version = request.query_bool("overwrite"), request.query_bool("newVersion")
    return _saved(await server.definitions.save(request.principal, request.payload, overwrite=overwrite, new_version=new_version))


async def update_workflows(server: Server, request: Request) -> Response:
    """Each one by itself, as upstream's BulkResponse tells."""
    definitions: list[WorkflowDefinition] = request.payload
    warnings: list[str] = []
    failed: dict[str, str] = {}
    for definition in definitions:
        try:
            warnings += await server.definitions.save(request.principal, definition, overwrite=True)
        except StagedoorError as problem:
            if len(definitions) == 1:
                raise
            failed[definition.name] = problem.message
            if isinstance(problem, Forbidden):
                await server.gate.record_refusal(request.principal, f"WORKFLOW_DEF {definition.name}", problem.message)
    saved = [definition.name for definition in definitions if definition.name not in failed]
    return _saved(warnings, {"bulkErrorResults": failed, "bulkSuccessfulResults": saved})


def _saved(warnings: list[str], body: object = None) -> Response:
    response = Response.json(body) if body is not None else Response.empty(200)
    for warning in warnings:
        response = response.with_header("Warning", f'299 stagedoor "{_ascii(warning)}"')
    return response


def _ascii(text: str) -> str:
    """A quoted string of RFC 9110 5.6.4, without characters that a header cannot hold."""
    return "".join(char if " " <= char <= "~" and char not in '"\\' else "?" for char in text)


async def list_workflows(server: Server, request: Request) -> Response:
    """All versions of those the caller may READ; `access`, `tagKey` and `tagValue` narrow them."""
    shows = await wanted(server, request, "WORKFLOW_DEF")
    return Response.json(await server.definitions.all(request.principal, shows))


async def get_workflow(server: Server, request: Request) -> Response:
    return Response.json(await server.definitions.get(request.principal, request.params["name"], version_of(request)))


async def delete_workflow(server: Server, request: Request) -> Response:
    await server.definitions.delete(request.principal, request.params["name"], version_in_path(request))
    return Response.empty(200)


async def save_tasks(server: Server, request: Request) -> Response:
    await server.definitions.save_tasks(request.principal, request.payload)
    return Response.empty(200)


async def update_task(server: Server, request: Request) -> Response:
    await server.definitions.save_tasks(request.principal, [request.payload])
    return Response.empty(200)


async def list_tasks(server: Server, request: Request) -> Response:
    """Those the caller may READ; `access`, `tagKey` and `tagValue` narrow them."""
    return Response.json(await server.definitions.tasks(request.principal, await wanted(server, request, "TASK_DEF")))


async def get_task(server: Server, request: Request) -> Response:
    return Response.json(await server.definitions.task(request.principal, request.params["name"]))


async def delete_task(server: Server, request: Request) -> Response:
    await server.definitions.delete_task(request.principal, request.params["name"])
    return Response.empty(200)


async def _workflow_exists(server: Server, request: Request) -> None:
    await server.definitions.get(request.principal, request.params["name"], None)


async def _task_exists(server: Server, request: Request) -> None:
    await server.definitions.task(request.principal, request.params["name"])


workflow_tags = Tags("WORKFLOW_DEF", "name", _workflow_exists)
task_tags = Tags("TASK_DEF", "name", _task_exists)
