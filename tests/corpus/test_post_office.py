"""The post office's two workflows, unchanged, through HTTP: exactly the status and output that were worked out by hand."""

import json
from pathlib import Path
from typing import Any
from urllib.parse import unquote, unquote_to_bytes

import pytest

from tests.corpus.conftest import HOST, USER, Office, cases

pytestmark = pytest.mark.corpus
SECRET = "post_office_username"
CASES = [pytest.param(name, case, id=f"{name}: {case['name']}") for name in ("postage_rate", "check_address") for case in cases(name)]
OPENED = {"postage_rate": "RateV4Request", "check_address": "AddressValidateRequest"}


@pytest.fixture(scope="module", params=["sqlite", pytest.param("postgres", marks=pytest.mark.postgres)])
def office(request: pytest.FixtureRequest, corpus: Path) -> Office:
    """Ready: the secret is put, and both definitions are saved byte for byte as they lie in the corpus."""
    office: Office = request.getfixturevalue(f"{request.param}_office")
    office.api.put_secret(SECRET, USER)
    for name in OPENED:
        definition = (corpus / "definitions" / "conductor-examples" / f"{name}.json").read_bytes()
        saved = office.api.raw("PUT", "/api/metadata/workflow", b"[" + definition + b"]", headers={"Content-Type": "application/json"})
        assert saved.status_code == 200, saved.text
        assert "warning" not in saved.headers
    return office


@pytest.mark.parametrize(("name", "case"), CASES)
def test_a_case_comes_out_as_expected(office: Office, name: str, case: dict[str, Any]) -> None:
    office.answers(case["answer"])
    run = office.api.ended(office.api.start(name, case["input"]))
    assert (run["status"], run["output"]) == (case["status"], case["output"])
    [request] = office.stand_in.received
    target = unquote(request.target)
    assert request.headers["host"] == HOST
    assert case.get("request_contains", "") in target
    assert f"<{OPENED[name]} USERID={USER}>" in target


@pytest.mark.parametrize(("name", "case"), CASES)
def test_the_user_name_arrives_in_the_userid_and_nowhere_else(office: Office, name: str, case: dict[str, Any]) -> None:
    office.answers(case["answer"])
    run = office.api.ended(office.api.start(name, case["input"]))
    [request] = office.stand_in.received
    seen = [unquote_to_bytes(request.target), json.dumps(request.headers).encode(), request.body]
    assert [data.count(USER.encode()) for data in seen] == [1, 0, 0]
    shown = [json.dumps(run), *(json.dumps(office.api.call("GET", f"/api/tasks/{task['taskId']}")) for task in run["tasks"])]
    assert not [text for text in shown if USER in text or json.dumps(USER)[1:-1] in text]
    [sent] = [task for task in run["tasks"] if task["taskType"] == "HTTP"]
    assert f"USERID=${{workflow.secrets.{SECRET}}}>" in sent["inputData"]["http_request"]["uri"]


def test_without_the_secret_the_task_fails_by_name(office: Office) -> None:
    office.answers({"status": 200, "headers": {}, "body": "never asked"})
    office.api.call("DELETE", f"/api/secrets/{SECRET}")
    try:
        run = office.api.ended(office.api.start("postage_rate", cases("postage_rate")[0]["input"]))
    finally:
        office.api.put_secret(SECRET, USER)
    assert (run["status"], run["output"]) == ("FAILED", {"cost": None})
    assert run["reasonForIncompletion"].endswith(f"reason: 'there is no secret {SECRET}'")
    assert [task["status"] for task in run["tasks"] if task["taskType"] == "HTTP"] == ["FAILED_WITH_TERMINAL_ERROR"]
    assert not office.stand_in.received
