"""The OpenAPI 3.1 document, made from the route table: nothing is described twice."""

from collections.abc import Callable, Iterable
from typing import Any

import msgspec

from stagedoor.api.router import Parameter, Route

Document = dict[str, Any]
REFERENCE = "#/components/schemas/{name}"
PROBLEMS = {
    "OrkesProblem": {
        "type": "object",
        "required": ["message"],
        "properties": {
            "status": {"type": ["integer", "string"]},
            "message": {"type": "string"},
            "error": {"type": "string"},
            "timestamp": {"type": ["integer", "string"]},
            "instance": {"type": "string"},
            "retryable": {"type": "boolean"},
            "validationErrors": {"type": "array", "items": {"type": "object"}},
        },
    },
    "FlatProblem": {
        "type": "object",
        "required": ["error", "message", "code"],
        "properties": {
            "error": {"type": "string"},
            "message": {"type": "string"},
            "code": {"type": "integer"},
            "context": {"type": "object"},
        },
    },
    "NestedProblem": {
        "type": "object",
        "required": ["error"],
        "properties": {
            "error": {
                "type": "object",
                "required": ["message", "userFacingMessage", "type", "code", "httpStatusCode", "requestId"],
                "properties": {name: {"type": "string"} for name in ("message", "userFacingMessage", "type", "code", "requestId")}
                | {"httpStatusCode": {"type": "integer"}},
            }
        },
    },
}
STATUSES = {
    "400": "The request is not valid; the message names the field.",
    "401": "No credential, or one that does not hold.",
    "403": "The caller lacks a right; the message names it.",
    "404": "No such thing, or none that the caller may see.",
    "413": "The body is too large.",
    "503": "The server cannot do this right now; nothing was changed.",
}
SECURITY = {
    "accessToken": {"type": "apiKey", "in": "header", "name": "X-Authorization"},
    "bearer": {"type": "http", "scheme": "bearer"},
}


def document(routes: Iterable[Route], *, title: str, version: str, describe: Callable[[Any], str] = str) -> Document:
    """The document. `describe` tells in words what a rule asks; it becomes part of each operation's description."""
    rows = tuple(routes)
    schemas, components = _schemas(rows)
    paths: dict[str, Any] = {}
    for route in rows:
        paths.setdefault(route.path, {})[route.method.lower()] = _operation(route, schemas, describe)
    return {
        "openapi": "3.1.0",
        "info": {"title": title, "version": version},
        "paths": paths,
        "components": {"schemas": PROBLEMS | components, "securitySchemes": SECURITY},
        "security": [{"accessToken": []}, {"bearer": []}],
    }


def _schemas(routes: tuple[Route, ...]) -> tuple[dict[Any, Any], dict[str, Any]]:
    """A schema for each type named by a route, and the components these refer to."""
    types = [type_ for route in routes for type_ in (route.body, route.options.answer) if type_ is not None]
    distinct = list(dict.fromkeys(types))
    made, components = msgspec.json.schema_components(distinct, ref_template=REFERENCE)
    return dict(zip(distinct, made, strict=True)), dict(components)


def _operation(route: Route, schemas: dict[Any, Any], describe: Callable[[Any], str]) -> Document:
    operation: Document = {
        "operationId": _operation_id(route),
        "summary": summary(route),
        "description": describe(route.rule),
        "tags": [_tag(route)],
        "parameters": [_path_parameter(name) for name in route.names] + [_query_parameter(each) for each in route.options.query],
        "responses": _responses(route, schemas),
    }
    if route.body is not None:
        content = {"application/json": {"schema": schemas[route.body]}}
        operation["requestBody"] = {"required": not route.takes_empty, "content": content}
    return operation


def summary(route: Route) -> str:
    """The row's own, else the first line of the handler's docstring, else its name in words."""
    lines = (route.handler.__doc__ or "").strip().splitlines()
    return route.options.summary or (lines[0] if lines else _name(route).replace("_", " "))


def _name(route: Route) -> str:
    return str(getattr(route.handler, "__name__", "handler"))


def _operation_id(route: Route) -> str:
    words = [part.strip("{}").replace("-", "_").replace(".", "_") for part in route.path.split("/") if part]
    return "_".join([route.method.lower(), *words])


def _tag(route: Route) -> str:
    parts = [part for part in route.path.split("/") if part]
    return parts[1] if len(parts) > 1 and parts[0] in ("api", "v1") else "server"


def _path_parameter(name: str) -> Document:
    return {"name": name, "in": "path", "required": True, "schema": {"type": "string"}}


def _query_parameter(parameter: Parameter) -> Document:
    schema = msgspec.json.schema(parameter.type)
    return {"name": parameter.name, "in": "query", "schema": {"type": "array", "items": schema} if parameter.many else schema}


def _responses(route: Route, schemas: dict[Any, Any]) -> Document:
    answer = route.options.answer
    success = {"description": "Done."} | ({"content": {"application/json": {"schema": schemas[answer]}}} if answer is not None else {})
    problem = {"application/json": {"schema": {"$ref": REFERENCE.format(name=_problem(route.path))}}}
    return {"200": success} | {status: {"description": text, "content": problem} for status, text in STATUSES.items()}


def _problem(path: str) -> str:
    if path.startswith("/v1"):
        return "NestedProblem"
    return "FlatProblem" if path.startswith("/api/keys") else "OrkesProblem"
