"""The hand-off door: a worker that puts the value it was handed into everything it may say."""

import base64
import html
import json
from typing import Any
from urllib.parse import quote

from tests.leaks.canary import Canary
from tests.support.server import Api

CHILD = "leaks_child"
FAILURE = "leaks_failure"
ENDINGS = ("COMPLETED", "and next", "FAILED", "unreadable", "terminated", "FAILED_WITH_TERMINAL_ERROR")


def definitions() -> list[dict[str, Any]]:
    """The child that every run starts, and what runs when one fails."""
    child = {"name": "leaks_again", "taskReferenceName": "again", "type": "SIMPLE", "inputParameters": _all("workflow.input.seen")}
    failed = {"name": "seen", "taskReferenceName": "seen", "type": "SET_VARIABLE", "inputParameters": _all("workflow.input")}
    return [
        {"name": CHILD, "version": 1, "tasks": [child], "outputParameters": _all("again.output")},
        {"name": FAILURE, "version": 1, "tasks": [failed], "outputParameters": _all("workflow.input")},
    ]


def definition(canary: Canary, number: int) -> dict[str, Any]:
    """A worker task that takes the secret, then all that passes its output on: a script, a variable, a child, an output."""
    ref = canary.reference
    given = {"plain": ref, "inside": f"user:{ref}@host", "deep": {"list": ["a", ref]}}
    script = {"given": "${take.output}", "evaluatorType": "javascript", "expression": "escape(JSON.stringify($.given))"}
    query = {"given": "${take.output}", "queryExpression": ".given | [.. | strings] | map(@uri, @html, @json)"}
    return {
        "name": f"leaks_{canary.name}",
        "version": 1,
        "failureWorkflow": FAILURE,
        "tasks": [
            {"name": _type(canary), "taskReferenceName": "take", "type": "SIMPLE", "inputParameters": given},
            {"name": "script", "taskReferenceName": "script", "type": "INLINE", "inputParameters": script},
            {"name": "query", "taskReferenceName": "query", "type": "JSON_JQ_TRANSFORM", "inputParameters": query},
            {"name": "set", "taskReferenceName": "set", "type": "SET_VARIABLE", "inputParameters": _all("take.output")},
            {
                "name": "child", "taskReferenceName": "child", "type": "SUB_WORKFLOW",
                "subWorkflowParam": {"name": CHILD, "taskToDomain": {"*": f"d{number}"}}, "inputParameters": {"seen": "${take.output}"},
            },
        ],
        "outputParameters": {"all": "${take.output}", "script": "${script.output}", "jq": "${query.output}", "child": "${child.output}"},
    }  # fmt: skip


def _all(place: str) -> dict[str, Any]:
    return {"all": f"${{{place}}}", "text": f"it was ${{{place}}}"}


def _type(canary: Canary) -> str:
    return f"leaks_take_{canary.name}"


def play(api: Api, canary: Canary, number: int) -> str:
    """One run from its start to its end; its id."""
    run = api.start(f"leaks_{canary.name}", {"n": number})
    ending = ENDINGS[number % len(ENDINGS)]
    _hold_forth(api, _taken(api, canary, "w"), canary.handed)
    _end(api, _taken(api, canary, quote(canary.handed, safe="")), canary.handed, ending)
    if ending in ("COMPLETED", "and next"):
        [task] = _poll(api, f"leaks_again?domain=d{number}&workerid={quote(canary.handed, safe='')}", 5)
        _end(api, task, canary.handed, "COMPLETED")
    api.ended(run)
    return run


def _poll(api: Api, asked: str, seconds: int) -> list[dict[str, Any]]:
    kind, _, query = asked.partition("?")
    found: list[dict[str, Any]] = api.call("GET", f"/api/tasks/poll/batch/{kind}?count=1&timeout={seconds * 1000}&{query}")
    return found


def _taken(api: Api, canary: Canary, worker: str) -> dict[str, Any]:
    """The task, with the value at each of its places exactly as it was put."""
    [task] = _poll(api, f"{_type(canary)}?workerid={worker}", 5)
    value = canary.handed
    assert task["inputData"] == {"plain": value, "inside": f"user:{value}@host", "deep": {"list": ["a", value]}}, canary.name
    return task


def sayings(value: str) -> dict[str, Any]:
    """A worker's output that holds the value in every spelling."""
    raw = value.encode()
    return {
        "plain": value, "within": f"<<{value}>>", "deep": [{"a": {"b": [value, 1, None]}}], value: "as a key",
        "json": json.dumps({"v": value}), "json in json": json.dumps(json.dumps(value)), "base64": base64.b64encode(raw).decode(),
        "base64 at 1": base64.b64encode(b"-" + raw).decode(), "base64 at 2": base64.b64encode(b"--" + raw + b"-").decode(),
        "hex": raw.hex(), "HEX": raw.hex().upper(), "url": quote(value, safe=""), "html": html.escape(value),
    }  # fmt: skip


def _hold_forth(api: Api, task: dict[str, Any], value: str) -> None:
    """Logs by both ways and a report of progress; the task goes back to its line."""
    path = f"/api/tasks/{task['taskId']}/log"
    api.call("POST", path, json.dumps(f"I was given {value}").encode(), headers={"Content-Type": "application/json"})
    api.call("POST", path, value.encode(), headers={"Content-Type": "text/plain"})
    logs = [{"log": text if isinstance(text, str) else json.dumps(text)} for text in sayings(value).values()]
    _report(api, task, "IN_PROGRESS", outputData=sayings(value), logs=logs, workerId=value, reasonForIncompletion=f"busy with {value}")


def _end(api: Api, task: dict[str, Any], value: str, ending: str) -> None:
    said = {"outputData": sayings(value), "workerId": value, "logs": [{"log": value}]}
    if ending == "and next":
        api.call("POST", "/api/tasks/update-v2", _result(task, "COMPLETED", **said), status=None)
    elif ending == "unreadable":
        api.call("POST", "/api/tasks", {**_result(task, value), "outputData": value, "logs": value}, status=400)
    elif ending == "terminated":
        api.call("DELETE", f"/api/workflow/{task['workflowInstanceId']}?reason={quote('stop ' + value, safe='')}")
    else:
        _report(api, task, ending, **said, reasonForIncompletion=f"because of {value}, that is {json.dumps({'v': value})}")


def _report(api: Api, task: dict[str, Any], status: str, **said: object) -> None:
    api.call("POST", "/api/tasks", _result(task, status, **said))


def _result(task: dict[str, Any], status: str, **said: object) -> dict[str, Any]:
    return {"taskId": task["taskId"], "workflowInstanceId": task["workflowInstanceId"], "status": status, **said}
