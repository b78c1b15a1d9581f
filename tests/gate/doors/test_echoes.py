"""What comes back is redacted before it is stored: in outputs, reasons, logs and children, in every usual encoding (promise 7)."""

import base64
import html
import json
from collections.abc import Callable
from urllib.parse import quote, quote_plus

import pytest

from tests.gate.doors.stage import Heard, Stage, http, simple, system

pytestmark = pytest.mark.promise(7)
VALUE = 'sécret "value" <&> +/% \\ 0123456789'

ENCODINGS: dict[str, Callable[[str], str]] = {
    "plain": str,
    "JSON": lambda value: json.dumps(value),
    "JSON twice": lambda value: json.dumps(json.dumps(value)),
    "JSON in UTF-8": lambda value: json.dumps(value, ensure_ascii=False),
    "URL": lambda value: quote(value, safe=""),
    "URL in lower case": lambda value: quote(value, safe="").lower(),
    "form": quote_plus,
    "HTML": html.escape,
    "base64": lambda value: base64.b64encode(value.encode()).decode(),
    "base64 after one byte": lambda value: base64.b64encode(b"x" + value.encode()).decode(),
    "base64 after two bytes": lambda value: base64.b64encode(b"xy" + value.encode() + b"z").decode(),
    "base64 for URLs": lambda value: base64.urlsafe_b64encode(b"user:" + value.encode()).decode(),
    "hex": lambda value: value.encode().hex(),
    "hex in upper case": lambda value: value.encode().hex().upper(),
}


@pytest.fixture(params=ENCODINGS)
def echo(request: pytest.FixtureRequest, stage: Stage) -> str:
    """The value as this encoding spells it; the stage's secret has it."""
    stage.value = f"{VALUE}{stage.secret}"
    stage.admin.put_secret(stage.secret, stage.value)
    return ENCODINGS[request.param](stage.value)


def nowhere(stage: Stage, run: str, *echoes: str) -> None:
    shown, stored = stage.reads(run), stage.stored()
    for echo in (*echoes, stage.value):
        for form in (echo, json.dumps(echo)[1:-1], json.dumps(echo, ensure_ascii=False)[1:-1]):
            assert form not in shown and form.encode() not in stored


def test_an_echo_through_the_egress_is_masked(echo: str, stage: Stage) -> None:
    """In the body as JSON and as text, in a header, with a status that makes it a reason."""
    answers = {
        "/json": (200, {"Content-Type": "application/json"}, json.dumps({"deep": [{echo: f"it is {echo}!"}]}).encode()),
        "/text": (200, {"Content-Type": "text/plain"}, f"it is {echo}!".encode()),
        "/header": (200, {"X-Echo": echo if echo.isascii() and "\n" not in echo else quote(echo)}, b"{}"),
        "/error": (400, {}, f"no such key: {echo}".encode()),
    }
    stage.listener.say = lambda heard: answers[heard.target]
    calls = [{**http(stage.listener.url + path, ref=path[1:], body=stage.key), "optional": True, "retryCount": 0} for path in answers]
    run = stage.run(*calls)
    assert stage.ended(run)["status"] == "COMPLETED"
    assert [heard.body.decode() for heard in stage.listener.heard] == [stage.value] * 4
    assert "***" in stage.reads(run)
    nowhere(stage, run, echo)


def test_an_echo_through_a_worker_is_masked(echo: str, stage: Stage) -> None:
    """In its output, its reason, its logs; in what comes after; in a child."""
    child = f"{stage.name}-child"
    stage.author.save({"name": child, "version": 1, "tasks": [simple(stage.task, ref="inner", got="${workflow.input.got}")]})
    call = {**system("SUB_WORKFLOW", "c", got="${one.output.echo}"), "subWorkflowParam": {"name": child}}
    run = stage.run(simple(stage.task, key=stage.key), call, simple(stage.task, ref="last"))
    (task,) = stage.entitled.poll(stage.task)
    assert task["inputData"] == {"key": stage.value}
    stage.worker.call("POST", f"/api/tasks/{task['taskId']}/log", json.dumps(f"the key is {echo}").encode())
    stage.worker.complete(task, {"echo": f"<{echo}>", echo: [{"x": echo}]})
    (inner,) = stage.worker.poll(stage.task, timeout=20_000)
    assert echo not in inner["inputData"]["got"] and "***" in inner["inputData"]["got"]
    stage.worker.call("POST", f"/api/tasks/{inner['taskId']}/log", json.dumps(f"again {echo}").encode())
    stage.worker.complete(inner, {"again": echo})
    (last,) = stage.worker.poll(stage.task, timeout=20_000)
    failed = {"taskId": last["taskId"], "workflowInstanceId": run, "status": "FAILED", "logs": [{"log": echo}]}
    stage.worker.call("POST", "/api/tasks", {**failed, "reasonForIncompletion": f"because {echo}"})
    assert "***" in stage.ended(run)["reasonForIncompletion"]
    nowhere(stage, run, echo)
    nowhere(stage, inner["workflowInstanceId"], echo)


def test_a_value_of_an_older_version_stays_masked(stage: Stage) -> None:
    run = stage.run(simple(stage.task, key=stage.key), simple(stage.task, ref="two"))
    (task,) = stage.entitled.poll(stage.task)
    stage.admin.put_secret(stage.secret, "another value")
    stage.worker.complete(task, {"old": stage.value})
    stage.admin.call("DELETE", f"/api/secrets/{stage.secret}")
    (task,) = stage.worker.poll(stage.task)
    stage.worker.complete(task, {"older": stage.value})
    assert [task["outputData"] for task in stage.ended(run)["tasks"]] == [{"old": "***"}, {"older": "***"}]


def test_a_short_value_is_masked_where_it_is_the_whole_text(stage: Stage) -> None:
    stage.admin.put_secret(stage.secret, "1234")
    run = stage.run(simple(stage.task, key=stage.key))
    (task,) = stage.entitled.poll(stage.task)
    stage.worker.complete(task, {"whole": "1234", "part": "x1234", "list": ["1234"]})
    assert stage.ended(run)["tasks"][0]["outputData"] == {"whole": "***", "part": "x1234", "list": ["***"]}


def test_a_failing_server_is_named_without_what_was_sent_to_it(stage: Stage) -> None:
    run = stage.run(http(f"http://127.0.0.1:1/{stage.key}", headers={"X-Key": stage.key}))
    reason = stage.ended(run)["tasks"][0]["reasonForIncompletion"]
    assert stage.value not in reason and "Failed to invoke HTTP task" in reason


def test_a_partial_part_of_a_json_secret_is_masked_by_itself(stage: Stage) -> None:
    stage.admin.put_secret(stage.secret, json.dumps({"user": "ada-lovelace", "password": "analytical-engine"}))

    def say(heard: Heard) -> tuple[int, dict[str, str], bytes]:
        return 200, {"Content-Type": "text/plain"}, b"password analytical-engine of ada-lovelace"

    stage.listener.say = say
    run = stage.run(http(stage.listener.url, body=f"${{workflow.secrets.{stage.secret}.password}}", method="POST"))
    assert stage.ended(run)["tasks"][0]["outputData"]["response"]["body"] == "password *** of ***"
