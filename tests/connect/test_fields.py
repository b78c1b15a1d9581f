"""Fields of integrations beside the project's secrets: one name space, the integration's policy, and nothing that falls back."""

import concurrent.futures
from typing import Any

import httpx
import pytest

from tests.connect.stage import Shop, fresh, handing, shop
from tests.support.server import LiveServer

PATH = "/api/projects/default/integrations"
OAUTH = {"authorizationEndpoint": "https://a.example/auth", "tokenEndpoint": "https://a.example/token", "clientId": "a"}


@pytest.fixture(scope="module")
def here(sqlite_server: LiveServer) -> Shop:
    return shop(sqlite_server)


def form(slug: str, *names: str, **more: Any) -> dict[str, Any]:
    return {"slug": slug, "name": "A service", "fields": [{"name": name, "label": name} for name in names], **more}


def test_a_name_is_a_secret_or_a_field_and_whoever_comes_second_is_told(here: Shop) -> None:
    secret, slug = fresh("TAKEN_SECRET"), fresh("service").lower()
    here.admin.put_secret(secret, "the project's own")
    refused = here.admin.raw("POST", PATH, form(slug, fresh("FREE"), secret))
    assert (refused.status_code, "is a secret of the project" in refused.text) == (409, True)
    assert here.admin.raw("GET", f"{PATH}/{slug}").status_code == 404, "nothing of it was made"

    name = fresh("TAKEN_FIELD")
    field_of = here.integration(name)
    for method, path, body in (
        ("PUT", "", b"a value"), ("GET", "", None), ("DELETE", "", None), ("PUT", "/policy", {"hosts": ["evil.example"]}),
    ):  # fmt: skip
        answer = here.admin.raw(method, f"/api/secrets/{name}{path}", body)
        assert (answer.status_code, f"field of integration {field_of}" in answer.text) == (409, True), (method, path, answer.text)
    other = here.admin.raw("POST", PATH, form(fresh("service").lower(), name))
    assert (other.status_code, f"a field of integration {field_of}" in other.text) == (409, True)
    store = fresh("store")
    here.admin.call("PUT", f"/api/secret-stores/{store}", {"kind": "vault-kv-v2", "address": "https://localhost:1", "token": "t"})
    assert here.admin.raw("PUT", f"/api/secrets/{name}/source", {"store": store, "path": "a"}).status_code == 409


def test_a_name_that_becomes_both_at_once_becomes_one(here: Shop) -> None:
    for _ in range(5):
        name, slug = fresh("BOTH"), fresh("both").lower()
        with concurrent.futures.ThreadPoolExecutor(2) as pool:
            secret = pool.submit(here.admin.raw, "PUT", f"/api/secrets/{name}", b"value")
            field = pool.submit(here.admin.raw, "POST", PATH, form(slug, name))
        assert sorted([secret.result().status_code, field.result().status_code]) == [200, 409]


def test_fields_are_under_the_integrations_policy_and_follow_its_changes(here: Shop) -> None:
    name, task, allowed = fresh("POLICED"), fresh("policed_task"), fresh("allowed")
    slug = here.integration(name, policy={"workflows": [allowed]})
    assert here.admin.call("GET", f"/api/secrets/{name}/policy")["workflows"] == [allowed]
    end_user, other = here.end_user(), fresh("not_allowed")
    here.connect(end_user, slug, **{name: "what they gave"})
    here.admin.save(handing(allowed, name, task), handing(other, name, task))
    run = here.run_for(end_user, other)
    assert here.admin.poll(task, timeout=0) == []
    assert "does not allow workflows" in here.admin.ended(run)["reasonForIncompletion"]
    here.admin.call("PUT", f"{PATH}/{slug}", {**form(slug, name), "policy": {"workflows": [other]}})
    here.run_for(end_user, other)
    (got,) = here.admin.poll(task, timeout=2000)
    assert got["inputData"] == {"key": "what they gave"}, "what was given stays with a field that stays"


def test_what_goes_takes_the_values_with_it(here: Shop) -> None:
    name, workflow, task = fresh("GOING"), fresh("going"), fresh("going_task")
    slug, end_user = here.integration(name), here.end_user()
    here.connect(end_user, slug, **{name: "the first value"})
    here.admin.save(handing(workflow, name, task))
    here.admin.call("DELETE", f"{PATH}/{slug}")
    run = here.run_for(end_user, workflow)
    assert here.admin.poll(task, timeout=0) == []
    assert f"there is no secret {name}" in here.admin.ended(run)["reasonForIncompletion"]
    assert here.v1("GET", f"/v1/end-users/{end_user}")["integrationConnections"] == []

    here.admin.call("POST", PATH, form(slug, name))  # made anew, it revives nothing
    run = here.run_for(end_user, workflow)
    assert here.admin.poll(task, timeout=0) == []
    assert "has given no value" in here.admin.ended(run)["reasonForIncompletion"]
    here.connect(end_user, slug, **{name: "the second value"})
    started = here.run_for(end_user, workflow)
    here.v1("DELETE", f"/v1/end-users/{end_user}")
    assert here.admin.poll(task, timeout=0) == []
    assert "has given no value" in here.admin.ended(started)["reasonForIncompletion"]
    assert here.run_for(end_user, workflow, status=404)["message"] == f"there is no end user {end_user}"


def test_a_value_given_anew_is_used_and_the_old_one_still_masked(here: Shop) -> None:
    name, workflow, task = fresh("ANEW"), fresh("anew"), fresh("anew_task")
    slug, end_user = here.integration(name), here.end_user()
    here.connect(end_user, slug, **{name: "the value before"})
    here.admin.save(handing(workflow, name, task))
    first = here.run_for(end_user, workflow)
    (early,) = here.admin.poll(task, timeout=2000)
    here.connect(end_user, slug, **{name: "the value after"})
    here.run_for(end_user, workflow)
    (late,) = here.admin.poll(task, timeout=2000)
    assert (early["inputData"]["key"], late["inputData"]["key"]) == ("the value before", "the value after")
    here.admin.complete(early, {"echo": "the value before"})
    assert here.admin.ended(first)["output"] == {"echo": "***"}


def test_children_and_failure_workflows_run_for_the_same_end_user(here: Shop) -> None:
    name, parent, child, failure, task = fresh("FAMILY"), fresh("parent"), fresh("child"), fresh("failure"), fresh("family_task")
    slug, end_user = here.integration(name), here.end_user()
    here.connect(end_user, slug, **{name: "the family's"})
    node = {"name": "sub", "taskReferenceName": "sub", "type": "SUB_WORKFLOW", "subWorkflowParam": {"name": child, "version": 1}}
    here.admin.save(handing(child, name, task), handing(failure, name, task))
    here.admin.save({"name": parent, "version": 1, "tasks": [node], "failureWorkflow": failure})
    here.run_for(end_user, parent)
    (of_child,) = here.admin.poll(task, timeout=5000)
    assert of_child["inputData"] == {"key": "the family's"}
    here.admin.complete(of_child, status="FAILED_WITH_TERMINAL_ERROR")
    (of_failure,) = here.admin.poll(task, timeout=5000)
    assert (of_failure["workflowType"], of_failure["inputData"]) == (failure, {"key": "the family's"})


def test_an_idempotency_key_of_one_end_user_gives_no_other_ones_run(here: Shop) -> None:
    workflow = fresh("keyed")
    here.admin.save({"name": workflow, "version": 1, "tasks": [{"name": fresh("t"), "taskReferenceName": "t", "type": "SIMPLE"}]})
    one, two = here.end_user(), here.end_user()

    def start(end_user: str) -> Any:
        headers = {"Conductor-End-User-Id": end_user, "X-Idempotency-Key": "k", "X-On-Conflict": "RETURN_EXISTING"}
        return here.admin.raw("POST", f"/api/workflow/{workflow}", {}, headers=headers)

    first = start(one)
    assert start(one).text == first.text
    refused = start(two)
    assert (refused.status_code, first.text in refused.text) == (409, False)


@pytest.mark.parametrize("headers", [[""], ["end_usr_"], ["acme"], ["end_usr_a b"], ["end_usr_a", "end_usr_a"]])
def test_a_header_that_names_no_end_user_is_never_passed_over(here: Shop, headers: list[str]) -> None:
    workflow = fresh("headed")
    here.admin.save({"name": workflow, "version": 1, "tasks": [{"name": "t", "taskReferenceName": "t", "type": "SIMPLE"}]})
    for path, body in ((f"/api/workflow/{workflow}", {}), (f"/api/workflow/start/{workflow}/1", {}), ("/api/workflow", {"name": workflow})):
        named = [("Conductor-End-User-Id", value) for value in headers]
        answer = here.admin.http.post(path, json=body, headers=[*here.admin.http.headers.multi_items(), *named])
        assert (answer.status_code, "Conductor-End-User-Id" in answer.text) == (400, True), path


@pytest.mark.parametrize(
    ("wrong", "field"),
    [
        ({"slug": "No Spaces"}, "slug"),
        ({"fields": []}, "fields"),
        ({"fields": [{"name": "a.b", "label": "x"}]}, "fields[0].name"),
        ({"fields": [{"name": "SAME", "label": "x"}, {"name": "SAME", "label": "y"}]}, "fields"),
        ({"oauth": {**OAUTH, "field": "F"}}, "fields"),
        ({"policy": {"host": ["a.example"]}}, "host"),
    ],
)
def test_a_wrong_integration_is_refused_by_the_field(here: Shop, wrong: dict[str, Any], field: str) -> None:
    answer = here.admin.raw("POST", PATH, {**form(fresh("wrong").lower(), fresh("FINE")), **wrong})
    assert answer.status_code == 400 and field in answer.text


@pytest.mark.promise(8)
@pytest.mark.parametrize(
    "endpoint", ["http://provider.example/t", "https://127.0.0.1/t", "https://169.254.169.254/t", "https://u:p@a.example/"]
)
def test_a_provider_inside_or_without_tls_is_refused(here: Shop, endpoint: str) -> None:
    fine = {**OAUTH, "field": fresh("T")}
    for name in ("authorizationEndpoint", "tokenEndpoint"):
        body = {"slug": fresh("inside").lower(), "name": "Inside", "oauth": {**fine, name: endpoint}}
        answer = here.admin.raw("POST", PATH, body)
        assert (answer.status_code, f"oauth.{name}" in answer.text) == (400, True)


@pytest.mark.promise(3)
def test_a_client_secret_is_never_shown_again(here: Shop) -> None:
    oauth = {**OAUTH, "field": fresh("T"), "clientSecret": "what nobody sees again"}
    body = {"slug": fresh("shown").lower(), "name": "Shown", "oauth": oauth}
    made = here.admin.call("POST", PATH, body)
    assert made["oauth"]["clientSecret"] == "***"
    everything = here.admin.raw("GET", PATH).text + here.admin.raw("GET", f"{PATH}/{body['slug']}").text
    stored = b"".join(path.read_bytes() for path in here.server.data.glob("stagedoor.db*"))
    assert "what nobody sees again" not in everything and b"what nobody sees again" not in stored
    again = here.admin.raw("PUT", f"{PATH}/{body['slug']}", {**body, "oauth": made["oauth"]})
    assert again.status_code == 400 and "oauth.clientSecret" in again.text, "it is given anew with each change"


@pytest.mark.promise(4)
def test_a_project_secret_key_starts_what_it_was_granted_for_end_users_of_its_project_and_nothing_else(here: Shop) -> None:
    name, workflow, task = fresh("BY_KEY"), fresh("by_key"), fresh("by_key_task")
    slug, end_user = here.integration(name), here.end_user()
    here.connect(end_user, slug, **{name: "what they gave"})
    here.admin.save(handing(workflow, name, task))

    def start(path: str = f"/api/workflow/{workflow}", key: str = here.secret_key, **headers: str) -> httpx.Response:
        return httpx.post(f"{here.server.url}{path}", json={}, headers={"Authorization": f"Bearer {key}", **headers})

    named = {"Conductor-End-User-Id": end_user}
    refused = start(**named)
    assert (refused.status_code, f"EXECUTE on WORKFLOW_DEF {workflow}" in refused.text) == (403, True)
    subject, target = {"type": "USER", "id": "project:default"}, {"type": "WORKFLOW_DEF", "id": workflow}
    here.admin.call("POST", "/api/auth/authorization", {"subject": subject, "target": target, "access": ["EXECUTE"]})
    run = start(**named).text
    (got,) = here.admin.poll(task, timeout=2000)
    assert (got["workflowInstanceId"], got["inputData"]) == (run, {"key": "what they gave"})

    assert start().status_code == 401, "without an end user it is no credential here"
    assert start(key=here.key, **named).status_code == 401
    assert start(**{**named, "X-Authorization": here.admin.http.headers["X-Authorization"]}).status_code == 400
    assert start(**{"Conductor-End-User-Id": "end_usr_nobody"}).status_code == 404
    for path in (f"/api/workflow/{run}", "/api/secrets", f"/api/tasks/poll/batch/{task}"):
        headers = {"Authorization": f"Bearer {here.secret_key}", **named}
        assert httpx.get(f"{here.server.url}{path}", headers=headers).status_code == 401, path
    elsewhere = {"subject": {**subject, "id": "project:other"}, "target": target, "access": ["EXECUTE"]}
    assert here.admin.raw("POST", "/api/auth/authorization", elsewhere).status_code == 400

    keys = here.admin.call("GET", "/api/projects/default/secret-keys")
    (mine,) = (one for one in keys if one["mask"].endswith(here.secret_key[-4:]))
    here.admin.call("POST", f"/api/projects/default/secret-keys/{mine['id']}/status")
    try:
        assert start(**named).status_code == 401
    finally:
        here.admin.call("POST", f"/api/projects/default/secret-keys/{mine['id']}/status")
