"""Explain, who-can, what-if, usage and advice of whoever shows a project's secret key, and of rights on end users."""

import time
from typing import Any

import httpx
import pytest

from tests.api.authorization.world import definition, new
from tests.connect.stage import Shop, fresh, handing, shop
from tests.support.server import LiveServer

KEYS = "USER:project:default"


@pytest.fixture(scope="module")
def here(sqlite_server: LiveServer) -> Shop:
    return shop(sqlite_server)


def explain(here: Shop, access: str, kind: str, name: str, subject: str = KEYS, **more: str) -> Any:
    asked = {"subject": subject, "access": access, "type": kind, "id": name, **more}
    return here.admin.call("GET", f"/api/auth/explain?{httpx.QueryParams(asked)}")


def allow(here: Shop, user: str, kind: str, name: str, method: str = "POST") -> None:
    body = {"subject": {"type": "USER", "id": user}, "target": {"type": kind, "id": name}, "access": ["EXECUTE"]}
    here.admin.call(method, "/api/auth/authorization", body)


def start(here: Shop, workflow: str, end_user: str) -> httpx.Response:
    headers = {"Authorization": f"Bearer {here.secret_key}", "Conductor-End-User-Id": end_user}
    return httpx.post(f"{here.server.url}/api/workflow/{workflow}", json={}, headers=headers, timeout=30)


def test_what_a_secret_key_may_start_is_explained_as_it_is_judged(here: Shop) -> None:
    workflow, end_user = fresh("explained"), here.end_user()
    here.admin.save(definition(workflow, fresh("explained_task")))
    refused, found = start(here, workflow, end_user), explain(here, "EXECUTE", "WORKFLOW_DEF", workflow)
    assert (refused.status_code, refused.json()["message"]) == (403, found["reason"])
    assert (found["allowed"], found["paths"]) == (False, [])
    assert [one["text"] for one in found["remedies"]] == [f"grant EXECUTE on WORKFLOW_DEF {workflow} to {KEYS}"], "no role, no group"
    (remedy,) = found["remedies"][0]["changes"]
    assert found["remedies"][0]["refusal"] is None and remedy["type"] == "GRANT"

    allow(here, "project:default", "WORKFLOW_DEF", workflow)
    found = explain(here, "EXECUTE", "WORKFLOW_DEF", workflow)
    assert found["allowed"] and found["paths"][0]["text"].startswith(f"{KEYS} has EXECUTE on WORKFLOW_DEF {workflow}")
    assert start(here, workflow, end_user).status_code == 200


def test_a_secret_key_may_name_every_end_user_and_says_so(here: Shop) -> None:
    end_user = here.end_user()
    for access in ("CREATE", "READ", "EXECUTE", "DELETE"):
        found = explain(here, access, "END_USER", end_user)
        assert found["allowed"] and [step["type"] for step in found["paths"][0]["via"]] == ["SECRET_KEY"], access
    assert not explain(here, "UPDATE", "END_USER", end_user)["allowed"]
    assert not explain(here, "READ", "SECRET_NAME", "any")["allowed"]
    able = {one["subject"] for one in here.admin.call("GET", f"/api/auth/who-can?access=EXECUTE&type=END_USER&id={end_user}")}
    assert KEYS in able
    able = {one["subject"] for one in here.admin.call("GET", f"/api/auth/who-can?access=UPDATE&type=END_USER&id={end_user}")}
    assert KEYS not in able


def test_a_key_of_the_project_that_is_paused_is_said_to_be(here: Shop) -> None:
    home = "/api/projects/default/secret-keys"
    key, end_user = here.admin.call("POST", home, {"name": "explained"})["id"], here.end_user()
    assert explain(here, "EXECUTE", "END_USER", end_user, credential=key)["allowed"]
    here.admin.call("POST", f"{home}/{key}/status")
    found = explain(here, "EXECUTE", "END_USER", end_user, credential=key)
    assert not found["allowed"] and f"{key} of {KEYS} is paused" in found["reason"]


def test_another_projects_keys_are_nobody(here: Shop) -> None:
    asked = {"subject": "USER:project:other", "access": "READ", "type": "END_USER", "id": "x"}
    assert here.admin.raw("GET", f"/api/auth/explain?{httpx.QueryParams(asked)}").status_code == 404
    assert here.admin.raw("GET", "/api/auth/usage/USER/project:other").status_code == 404


@pytest.mark.slow
def test_usage_of_secret_keys_shows_what_is_granted_beside_what_was_used(here: Shop) -> None:
    used, idle, end_user = fresh("used"), fresh("idle"), here.end_user()
    for workflow in (used, idle):
        here.admin.save(definition(workflow, fresh("used_task")))
        allow(here, "project:default", "WORKFLOW_DEF", workflow)
    assert start(here, used, end_user).status_code == 200

    def counts() -> dict[str, int]:
        found = here.admin.call("GET", "/api/auth/usage/USER/project:default")
        assert found["subject"] == KEYS
        return {one["target"]["id"]: one["uses"] for one in found["granted"]}

    deadline = time.monotonic() + 15
    while counts()[used] < 1:
        assert time.monotonic() < deadline, "its use was not written"
        time.sleep(0.1)
    assert (counts()[used], counts()[idle]) == (1, 0)
    young = here.admin.raw("GET", "/api/auth/advice/USER/project:default")
    assert young.status_code == 409 and "project:default is" in young.text, "as of a person that is as young"


def test_what_if_tells_whose_end_users_somebody_could_not_run_for(here: Shop) -> None:
    name, workflow, task = fresh("WHATIF"), fresh("what_if"), fresh("what_if_task")
    slug, end_user = here.integration(name), here.end_user()
    here.connect(end_user, slug, **{name: "what they gave"})
    here.admin.save(handing(workflow, name, task))
    application, key = here.admin.application(new("for-end-users"))
    user, api = f"app:{application}", here.server.api(here.server.token(key["id"], key["secret"]))
    subject, target = {"type": "USER", "id": user}, {"type": "END_USER", "id": end_user}
    change = {"type": "REMOVE_GRANT", "subject": subject, "target": target, "access": ["EXECUTE"]}

    def tried() -> Any:
        return here.admin.call("POST", "/api/auth/what-if", {"change": change})

    allow(here, user, "END_USER", end_user)
    found = tried()
    assert [(one["access"], one["resource"]) for one in found["lost"]] == [("EXECUTE", {"type": "END_USER", "id": end_user})]
    assert found["workflows"] == [], "it starts nothing anyway"

    allow(here, user, "WORKFLOW_DEF", workflow)
    run = here.run_for(end_user, workflow, api)
    told = {one["name"]: one["reason"] for one in tried()["workflows"]}
    assert f"USER:{user} could not start it for end user {end_user}" in told["*"]
    assert f"run {run} gets nothing more that end user {end_user} gave: {user} would lack EXECUTE on END_USER" in told[workflow]

    # and so it is, once it is done
    allow(here, user, "END_USER", end_user, "DELETE")
    assert here.run_for(end_user, workflow, api, status=403)
    assert here.admin.poll(task, timeout=0) == []
    assert f"lacks EXECUTE on END_USER {end_user}" in here.admin.ended(run)["reasonForIncompletion"]
    assert tried()["workflows"] == []


def test_what_if_knows_what_secret_keys_start(here: Shop) -> None:
    workflow, end_user = fresh("started"), here.end_user()
    here.admin.save(definition(workflow, fresh("started_task")))
    allow(here, "project:default", "WORKFLOW_DEF", workflow)
    run = start(here, workflow, end_user).text
    subject, target = {"type": "USER", "id": "project:default"}, {"type": "WORKFLOW_DEF", "id": workflow}
    change = {"type": "REMOVE_GRANT", "subject": subject, "target": target, "access": ["EXECUTE"]}
    reasons = [one["reason"] for one in here.admin.call("POST", "/api/auth/what-if", {"change": change})["workflows"]]
    assert any(reason.startswith(f"{KEYS} could not start it") for reason in reasons)
    assert any(run in reason and "project:default would lack" in reason for reason in reasons)
