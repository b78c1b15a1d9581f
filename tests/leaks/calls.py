"""The egress door: HTTP tasks that send a secret to a server which gives it back in every spelling, to children too."""

import json
from typing import Any
from urllib.parse import parse_qs, urlsplit

from tests.leaks.canary import Canary
from tests.leaks.spellings import SPELLINGS
from tests.support.echo import Received, Reply
from tests.support.server import Api

CHILD = "leaks_call_child"
NAMES = list(SPELLINGS)


class Echo:
    """What the server does: `/give/<spelling>/<number>` answers with this request's value, `/again/...` with that of an earlier one."""

    def __init__(self) -> None:
        self.known: dict[str, str] = {}
        """Number -> the value as it came in a body, where nothing can be lost on the way."""

    def __call__(self, received: Received) -> Reply:
        parts = urlsplit(received.target)
        _, deed, spelling, number = parts.path.split("/")
        if received.method == "POST":
            self.known[number] = json.loads(received.body)["key"]
        if deed == "again":
            return SPELLINGS[NAMES[int(spelling)]](self.known.get(number, "nothing"))
        return SPELLINGS[NAMES[int(spelling)]](self._value(received, parts.query, number))

    def _value(self, received: Received, query: str, number: str) -> str:
        if received.method == "POST":
            return self.known[number]
        return received.headers.get("x-api-key") or parse_qs(query).get("key", [""])[0] or self.known.get(number, "")


def definitions(url: str) -> list[dict[str, Any]]:
    call = _call("call", {"uri": f"{url}/again/${{workflow.input.spelling}}/${{workflow.input.n}}", "method": "GET"})
    return [{"name": CHILD, "version": 1, "tasks": [call], "outputParameters": {"again": "${call.output}"}}]


def definition(canary: Canary, number: int, url: str) -> dict[str, Any]:
    """The value goes out in a body, a header and an address; then a child asks for it once more."""
    ref = canary.reference
    uri = [f"{url}/give/{(number + step) % len(NAMES)}/{number}" for step in (0, 11, 23, 31)]
    passed = {"n": str(number), "spelling": str((number + 17) % len(NAMES)), "seen": "${body.output}", "also": ["${header.output}"]}
    script = {"body": "${body.output}", "evaluatorType": "javascript", "expression": "encodeURIComponent(JSON.stringify($.body))"}
    return {
        "name": f"leaks_{canary.name}",
        "version": 1,
        "tasks": [
            _call("body", {"uri": uri[0], "method": "POST", "body": {"key": ref, "mixed": [f"a:{ref}:b"]}}),
            _call("header", {"uri": uri[1], "method": "GET", "headers": {"X-Api-Key": ref, "Authorization": f"Bearer {ref}"}}),
            _call("address", {"uri": f"{uri[2]}?key={ref}", "method": "GET"}),
            _call("text", {"uri": uri[3], "method": "PUT", "contentType": "text/plain", "body": f"key={ref}"}),
            {"name": "script", "taskReferenceName": "script", "type": "INLINE", "inputParameters": script},
            {
                "name": "child", "taskReferenceName": "child", "type": "SUB_WORKFLOW",
                "subWorkflowParam": {"name": CHILD}, "inputParameters": passed,
            },
        ],
        "outputParameters": {name: f"${{{name}.output}}" for name in ("body", "header", "address", "text", "script", "child")},
    }  # fmt: skip


def _call(name: str, request: dict[str, Any]) -> dict[str, Any]:
    return {"name": name, "taskReferenceName": name, "type": "HTTP", "optional": True, "inputParameters": {"http_request": request}}


def play(api: Api, canary: Canary, number: int) -> str:
    run = api.start(f"leaks_{canary.name}", {"n": number})
    ended = api.ended(run, 30)
    assert ended["status"] == "COMPLETED", ended
    return run
