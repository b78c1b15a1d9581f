"""Byte for byte: values go in through each official SDK, and come out the same at a worker of that SDK and at an HTTP target."""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import unquote

import pytest

from tests.sdk.values import IN_HEADERS, TOO_LONG, VALUES, write
from tests.support.echo import Local, Received, Reply, answering
from tests.support.sdk import Report, javascript_with_sdk, python_with_sdk, run_checks
from tests.support.server import Api, LiveServer, live_server

pytestmark = [pytest.mark.slow, pytest.mark.timeout(300)]

FOLDER = Path(__file__).parent
IN_URLS = [label for label in VALUES if not label.startswith("65,535") and label not in ("a marker", "percent signs")]
"""Behind a `#` an address is cut off, and a lone `%` is encoded, so that no value is read as an escape."""


@dataclass(frozen=True)
class Sent:
    report: Report
    server: LiveServer
    stem: str
    target: Local
    runs: dict[str, dict[str, object]]

    def at(self, label: str, place: str) -> Received:
        (found,) = [one for one in self.target.received if one.target.startswith(f"/{self._number(label)}/{place}")]
        return found

    def _number(self, label: str) -> int:
        return list(VALUES).index(label)


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LiveServer]:
    with live_server(tmp_path_factory.mktemp("values"), STAGEDOOR_EGRESS_ALLOW="127.0.0.1") as server:
        yield server


@pytest.fixture(
    scope="module", params=[pytest.param("python", marks=pytest.mark.sdk), pytest.param("javascript", marks=pytest.mark.sdk_js)]
)
def sent(request: pytest.FixtureRequest, server: LiveServer, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Sent]:
    """All values, put, handed out and sent."""
    stem: str = f"values-{request.param}"
    environment = {"VALUES": str(write(tmp_path_factory.mktemp(stem) / "values.json", stem))}
    if request.param == "python":
        command = [python_with_sdk(), "-P", str(FOLDER / "python" / "values.py")]
    else:
        node, folder = javascript_with_sdk()
        command, environment["NODE_PATH"] = [node, str(FOLDER / "javascript" / "values.cjs")], str(folder / "node_modules")
    with answering(lambda received: Reply()) as target:
        admin = server.admin()
        admin.save(*(workflow(stem, label, number, target) for number, label in enumerate(VALUES)))
        report = run_checks(command, server, environment)
        yield Sent(report, server, stem, target, runs(admin, report))


def workflow(stem: str, label: str, number: int, target: Local) -> dict[str, object]:
    """A worker's task, then requests with the value in the body, in an object in the body, in a header and in the address."""
    key = f"${{workflow.secrets.{stem}-{number}}}"
    requests: list[dict[str, object]] = [{"uri": "body", "method": "POST", "body": key, "contentType": "text/plain"}]
    if label in IN_HEADERS:
        requests.append({"uri": "header", "method": "GET", "headers": {"X-Value": key}})
    if label in IN_URLS:
        requests.append({"uri": f"url?v={key}&end=1", "method": "GET"})
    tasks = [{"name": stem, "taskReferenceName": "worker", "type": "SIMPLE", "inputParameters": {"key": key}}]
    for place, request in enumerate(requests):
        given = {"http_request": {**request, "uri": f"{target.url}/{number}/{request['uri']}"}}
        tasks.append({"name": f"h{place}", "taskReferenceName": f"h{place}", "type": "HTTP", "inputParameters": given})
    return {"name": f"{stem}-{number}", "version": 1, "tasks": tasks}


def runs(admin: Api, report: Report) -> dict[str, dict[str, object]]:
    """label -> its run, once it has ended."""
    started = [json.loads(line)["run"] for line in report.output.splitlines() if line.startswith('{"run"')]
    return {label: admin.ended(run, 30) for label, run in zip(VALUES, started, strict=True)}


def test_the_sdk_puts_reads_and_is_handed_each_value_as_it_is(sent: Sent) -> None:
    assert sent.report.errors == dict.fromkeys([*VALUES, "too long"])


@pytest.mark.parametrize("label", VALUES)
def test_the_value_arrives_at_an_http_target_byte_for_byte(label: str, sent: Sent) -> None:
    value = VALUES[label]
    assert sent.runs[label]["status"] == "COMPLETED"
    assert sent.at(label, "body").body == value.encode()
    if label in IN_HEADERS:
        assert sent.at(label, "header").headers["x-value"] == value
    if label in IN_URLS:
        assert unquote(sent.at(label, "url").target.split("?v=")[1].removesuffix("&end=1")) == value


def test_each_client_stores_exactly_the_bytes_it_meant(sent: Sent) -> None:
    admin = sent.server.admin()
    stored = {label: admin.raw("GET", f"/api/secrets/{sent.stem}-{number}").content for number, label in enumerate(VALUES)}
    assert {label: data for label, data in stored.items() if data != VALUES[label].encode()} == {}
    assert len(stored["65,535 bytes"]) == len(stored["65,535 bytes of emoji"]) == 65_535


def test_one_byte_more_is_refused_and_not_repeated(sent: Sent) -> None:
    for body, kind in ((TOO_LONG.encode(), "text/plain"), (f'"{TOO_LONG}"'.encode(), "application/json")):
        answer = sent.server.admin().raw("PUT", f"/api/secrets/{sent.stem}-long", body, headers={"Content-Type": kind})
        assert (answer.status_code, answer.json()["message"]) == (400, "value: it has more than 65535 bytes")
