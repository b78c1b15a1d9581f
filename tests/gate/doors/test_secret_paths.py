"""`${workflow.secrets.NAME.path}`: parts of a secret that is JSON, in their own types at a worker and in a request's body."""

import json
from typing import Any

import pytest

from stagedoor.core.secret import Opened
from stagedoor.gate.opening import select
from stagedoor.kit.secretvalue import SecretValue
from stagedoor.kit.template import Reference
from tests.gate.doors.stage import Stage, http, reference, simple

VALUE: dict[str, Any] = {
    "user": "robin",
    "port": 5432,
    "rate": 0.25,
    "tls": True,
    "none": None,
    "hosts": [{"name": "a.example"}, {"name": "b.example"}],
    "a.b": {"c d": "dotted"},
    "deep": {"er": {"password": 'p"w ${x}\n'}},
}
PATHS: dict[str, Any] = {
    ".user": "robin",
    ".$.user": "robin",
    ".port": 5432,
    ".rate": 0.25,
    ".tls": True,
    ".hosts": VALUE["hosts"],
    ".hosts[1].name": "b.example",
    ".$.hosts[0]": {"name": "a.example"},
    ".hosts.1.name": "b.example",
    ".['a.b']['c d']": "dotted",
    '.$["a.b"].c d': "dotted",
    ".deep.er.password": 'p"w ${x}\n',
    ".$": VALUE,
}
NOWHERE = [".nothing", ".none", ".user.name", ".hosts[2]", ".hosts[-1]", ".hosts[*].name", ".hosts[?(@.name)]", ".deep..password", ".user."]


def put(stage: Stage) -> None:
    stage.admin.put_secret(stage.secret, json.dumps(VALUE))


def test_a_worker_gets_each_part_in_its_own_type(stage: Stage) -> None:
    put(stage)
    given = {str(number): reference(stage.secret, path) for number, path in enumerate(PATHS)}
    user, host, port, tls = (reference(stage.secret, path) for path in (".user", ".hosts[0].name", ".port", ".tls"))
    text = f"{user}@{host}:{port} {tls}"
    run = stage.run(simple(stage.task, **given, text=text, all=stage.key))
    (task,) = stage.entitled.poll(stage.task)
    assert [task["inputData"][str(number)] for number in range(len(PATHS))] == list(PATHS.values())
    assert task["inputData"]["text"] == "robin@a.example:5432 true"
    assert task["inputData"]["all"] == json.dumps(VALUE)
    stage.worker.complete(task, {"password": VALUE["deep"]["er"]["password"], "hosts": "a.example,b.example"})
    found = stage.ended(run)["tasks"][0]
    assert found["outputData"] == {"password": "***", "hosts": "***,***"}
    assert found["inputData"] == {**given, "text": text, "all": stage.key}


@pytest.mark.promise(7)
@pytest.mark.parametrize(
    ("value", "path", "part"),
    [
        ('\n {"password": "in-an-object"}', ".password", "in-an-object"),
        ('\r\n\t[["in-a-list"]]\n', ".[0][0]", "in-a-list"),
        ('"text-of-\\u0061-text"', ".$", "text-of-a-text"),
        (" 123456789 ", ".$", 123456789),
    ],
)
def test_a_part_is_masked_however_the_whole_is_written(value: str, path: str, part: Any, stage: Stage) -> None:
    """What a path hands out, a worker may send back; the value around it may be spelled in any way that JSON allows."""
    stage.admin.put_secret(stage.secret, value)
    run = stage.run(simple(stage.task, key=reference(stage.secret, path)))
    (task,) = stage.entitled.poll(stage.task)
    assert task["inputData"] == {"key": part}
    stage.worker.complete(task, {"echo": f"<{part}>", "same": part})
    assert stage.ended(run)["tasks"][0]["outputData"] == {"echo": "<***>", "same": "***"}


def test_a_request_gets_each_part_in_its_own_type(stage: Stage) -> None:
    put(stage)
    body = {word: reference(stage.secret, f".{word}") for word in ("user", "port", "rate", "tls", "hosts")}
    headers = {"X-Port": reference(stage.secret, ".$.port"), "Authorization": f"Basic {reference(stage.secret, '.user')}"}
    uri = f"{stage.listener.url}/{reference(stage.secret, '.hosts[0].name')}?p={reference(stage.secret, '.port')}"
    run = stage.run(http(uri, method="POST", body=body, headers=headers))
    assert stage.ended(run)["status"] == "COMPLETED"
    (heard,) = stage.listener.heard
    assert json.loads(heard.body) == {word: VALUE[word] for word in body}
    assert (heard.headers["X-Port"], heard.headers["Authorization"], heard.target) == ("5432", "Basic robin", "/a.example?p=5432")


def test_a_path_that_leads_nowhere_fails_the_task_for_good_and_is_named(stage: Stage) -> None:
    put(stage)
    for path in (".nothing", ".none"):
        run = stage.run(simple(stage.task, key=reference(stage.secret, path)))
        assert stage.entitled.poll(stage.task) == []
        found = stage.ended(run)["tasks"][0]
        assert found["status"] == "FAILED_WITH_TERMINAL_ERROR"
        assert found["reasonForIncompletion"] == f"{reference(stage.secret, path)} leads to nothing"


@pytest.mark.parametrize("path", [*PATHS, *NOWHERE])
def test_what_a_path_leads_to(path: str) -> None:
    opened = Opened("id", "name", 1, SecretValue(json.dumps(VALUE)))
    assert select(opened, Reference("name", path[1:])) == PATHS.get(path)


@pytest.mark.parametrize("value", ["plain", "{", "", '{"a": 1', "NaN"])
def test_a_path_into_what_is_no_json_leads_nowhere(value: str) -> None:
    assert select(Opened("id", "name", 1, SecretValue(value)), Reference("name", "a")) is None
