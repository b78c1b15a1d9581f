"""The contract's own OpenAPI document (`conductor-is-auth.json`), and whether an answer is as it says."""

import json
from pathlib import Path
from typing import Any

import httpx
from jsonschema import Draft202012Validator
from referencing import Registry, Resource
from referencing.jsonschema import DRAFT202012

DOCUMENT: dict[str, Any] = json.loads((Path(__file__).parent / "conductor-is-auth.json").read_text())
URI = "urn:conductor"


def lifted() -> dict[str, Any]:
    """The document with the one enum open that we open: an integration is a named set of fields, not QuickBooks Desktop alone."""
    document: dict[str, Any] = json.loads(json.dumps(DOCUMENT))
    del document["components"]["schemas"]["integration_connection"]["properties"]["integrationSlug"]["enum"]
    return document


_REGISTRY: Registry[Any] = Registry().with_resource(URI, Resource.from_contents(lifted(), default_specification=DRAFT202012))


def pointer(*steps: str) -> str:
    return "#/" + "/".join(step.replace("~", "~0").replace("/", "~1") for step in steps)


def problems(value: Any, place: str) -> list[str]:
    """Where `value` is not as the schema at this place (a JSON pointer) says."""
    validator = Draft202012Validator({"$ref": f"{URI}{place}"}, registry=_REGISTRY)
    return [f"{list(error.absolute_path)}: {error.message}" for error in validator.iter_errors(value)]


def conforms(answer: httpx.Response, method: str, path: str) -> Any:
    """The decoded answer, which is a 200 as the document has it for this operation, or an error in its shape. With its request id."""
    assert answer.headers["conductor-request-id"].startswith("req_")
    if answer.status_code == 200:
        place = pointer("paths", path, method.lower(), "responses", "200", "content", "application/json", "schema")
    else:
        place = pointer("components", "schemas", "ErrorResponse")
    found = answer.json()
    assert problems(found, place) == []
    if answer.status_code != 200:
        assert found["error"]["requestId"] == answer.headers["conductor-request-id"]
        assert found["error"]["httpStatusCode"] == answer.status_code
    return found
