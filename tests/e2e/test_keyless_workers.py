"""Keyless workers, end to end (issue 5): a job of GitHub Actions works as an application that has no key at all, until the trust is gone.

The worker is a process with nothing but the job's token; the issuer speaks TLS under its real name.
"""

from pathlib import Path

import httpx
import pytest

from tests.api.authorization.tenancy import audit
from tests.support.issuer import AUDIENCE, GITHUB, Issuers, github, issuers
from tests.support.server import LiveServer, live_server

pytestmark = pytest.mark.slow
EXCHANGE = "urn:ietf:params:oauth:grant-type:token-exchange"
ID_TOKEN = "urn:ietf:params:oauth:token-type:id_token"


def entered(server: LiveServer, application: str, token: str) -> httpx.Response:
    body = {"grant_type": EXCHANGE, "client_id": application, "subject_token": token, "subject_token_type": ID_TOKEN}
    return httpx.post(f"{server.url}/oauth/token", data=body, timeout=30, verify=False)


def with_an_application_without_a_key(server: LiveServer) -> str:
    admin = server.admin()
    application: str = admin.call("POST", "/api/applications", {"name": "deploys"})["id"]
    admin.call("POST", f"/api/applications/{application}/roles/WORKER")
    admin.call("POST", "/api/metadata/taskdefs", [{"name": "deploy"}])
    admin.put_secret("deploy_key", "a value of its own")
    parameters = {"key": "${workflow.secrets.deploy_key}"}
    task = {"name": "deploy", "taskReferenceName": "one", "type": "SIMPLE", "inputParameters": parameters}
    admin.save({"name": "deployment", "tasks": [task]})
    admin.grant(application, "TASK_DEF", "deploy", "EXECUTE", "READ")
    admin.grant(application, "SECRET_NAME", "deploy_key", "READ")
    terms = {"name": "main branch", "issuer": GITHUB, "audience": AUDIENCE, "conditions": {"repository_id": "74", "ref": "refs/heads/main"}}
    admin.call("POST", f"/api/applications/{application}/trusts", terms)
    return application


def test_a_job_works_without_a_key_and_nobody_elses_does(tmp_path: Path) -> None:
    with issuers(tmp_path) as made, live_server(tmp_path, **made.environment) as server:
        application = with_an_application_without_a_key(server)
        assert server.admin().call("GET", f"/api/applications/{application}/accessKeys") == []
        a_job_works(server, made, application)
        nobody_else_gets_in(server, made, application)


def a_job_works(server: LiveServer, made: Issuers, application: str) -> None:
    job = made.by_url[GITHUB].token(github(), x5t="38826b17")
    answer = entered(server, application, job)
    assert (answer.status_code, answer.json()["expires_in"] <= 300) == (200, True), answer.text
    worker, run = server.api(answer.json()["access_token"]), server.admin().start("deployment")
    (task,) = worker.poll("deploy")
    assert task["inputData"]["key"] == "a value of its own"
    worker.complete(task, {"done": True})
    assert server.admin().ended(run)["status"] == "COMPLETED"
    assert audit(server, "default", "trust.use") == [(f"app:{application}", f"APPLICATION {application}")]

    (trust,) = server.admin().call("GET", f"/api/applications/{application}/trusts")
    server.admin().call("POST", f"/api/applications/{application}/trusts/{trust['id']}/status")
    assert worker.raw("GET", "/api/token/userInfo").status_code == 401
    server.admin().call("POST", f"/api/applications/{application}/trusts/{trust['id']}/status")
    assert worker.raw("GET", "/api/token/userInfo").status_code == 200


def nobody_else_gets_in(server: LiveServer, made: Issuers, application: str) -> None:
    for claims in ({"repository_id": "75"}, {"ref": "refs/pull/1/merge"}, {"aud": "https://github.com/octo-org"}, {"exp": 1}):
        other = made.by_url[GITHUB].token(github(**claims))
        assert entered(server, application, other).json()["error"] == "invalid_request"
        tested = server.admin().call("POST", f"/api/applications/{application}/trusts/test", {"token": other})
        wrong = [each["check"] for each in tested["trusts"][0]["findings"] if not each["matches"]]
        assert (tested["verified"], wrong) == (True, list(claims))
    stranger = server.admin().application("stranger")[0]
    assert entered(server, stranger, made.by_url[GITHUB].token(github())).status_code == 400
