"""The workflows that take a canary and pass on whatever comes back: to scripts, filters, branches, variables, children and their ends."""

from typing import Any

from stagedoor.canary.bird import Canary

CHILD, TASK = "canary_child", "canary_task"
Json = Any


def child() -> Json:
    again = _task("again", "SIMPLE", TASK, seen="${workflow.input.seen}")
    return {"name": CHILD, "version": 1, "tasks": [again], "outputParameters": {"again": "${again.output}"}}


def by_worker(canary: Canary) -> Json:
    """A worker takes it; it ends by a TERMINATE whose reason and output are the worker's words."""
    take = _task(
        "take", "SIMPLE", TASK, plain=canary.reference, inside=f"user:{canary.reference}@host", deep={"list": ["a", canary.reference]}
    )
    end = {"terminationStatus": "FAILED", "terminationReason": "it said ${take.output}", "workflowOutput": {"all": "${take.output}"}}
    return _workflow(canary, [take, *_passed_on("take"), _task("end", "TERMINATE", **end)], "take")


def by_request(canary: Canary, url: str) -> Json:
    """HTTP tasks send it in a body, a header and an address, to a server that gives it back."""
    ways: dict[str, Json] = {
        "body": {"uri": f"{url}/1/json", "method": "POST", "body": {"key": canary.reference}},
        "header": {"uri": f"{url}/2/text", "method": "GET", "headers": {"X-Api-Key": canary.reference}},
        "address": {"uri": f"{url}/3/json?key={canary.reference}", "method": "GET"},
        "failing": {"uri": f"{url}/4/error", "method": "PUT", "contentType": "text/plain", "body": canary.reference},
        "nobody": {"uri": "http://127.0.0.1:1/nobody", "method": "POST", "body": canary.reference},
    }
    calls = [{**_task(name, "HTTP", http_request=request), "optional": True} for name, request in ways.items()]
    return _workflow(canary, [*calls, *_passed_on("body")], "body")


def _passed_on(source: str) -> list[Json]:
    given = f"${{{source}.output}}"
    script = {"given": given, "evaluatorType": "javascript", "expression": "escape(JSON.stringify($.given))"}
    branch = {"evaluatorType": "javascript", "expression": "JSON.stringify($.given)"}
    return [
        _task("script", "INLINE", **script),
        _task("filter", "JSON_JQ_TRANSFORM", given=given, queryExpression=".given | [.. | strings] | map(@uri, @html, @json, @base64)"),
        _task("set", "SET_VARIABLE", all=given, text=f"it was {given}"),
        {
            **_task("branch", "SWITCH", given=given),
            **branch,
            "decisionCases": {},
            "defaultCase": [_task("other", "SET_VARIABLE", more=given)],
        },
        {**_task("child", "SUB_WORKFLOW", seen=given), "subWorkflowParam": {"name": CHILD}},
    ]


def _workflow(canary: Canary, tasks: list[Json], source: str) -> Json:
    outputs = {"all": f"${{{source}.output}}", "script": "${script.output}", "filter": "${filter.output}", "child": "${child.output}"}
    return {"name": canary.name, "version": 1, "tasks": tasks, "outputParameters": outputs}


def _task(reference: str, kind: str, name: str = "", /, **given: Json) -> Json:
    return {"name": name or reference, "taskReferenceName": reference, "type": kind, "inputParameters": given}
