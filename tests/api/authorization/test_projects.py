"""Projects are apart: an administrator of one cannot reach the other by any route, path or id, on both databases."""

import json
import re
from dataclasses import asdict
from pathlib import Path
from typing import Any

import pytest

from stagedoor.api.app import make_app
from stagedoor.api.router import Route
from stagedoor.api.rules import Public
from stagedoor.core.principal import Principal
from stagedoor.engine.embedded.engine import EmbeddedEngine
from tests.api.authorization.tenancy import SHARED, Pair, Things, command, person, sign_in
from tests.api.authorization.world import definition
from tests.support.inside import inside
from tests.support.server import Api

pytestmark = pytest.mark.promise(9)
TAGS = [{"key": "team", "value": "a"}]
GRANT = {"subject": {"type": "USER", "id": "app:{application}"}, "target": {"type": "SECRET_NAME", "id": "{secret}"}, "access": ["READ"]}
RESULT = {"taskId": "{task}", "workflowInstanceId": "{run}", "status": "COMPLETED"}
TERMS = {"issuer": "https://gitlab.example.com", "audience": "us", "conditions": {"project_id": "20"}}
BODIES: dict[str, Any] = {
    "PUT /api/applications/{id}": {"name": "taken"},
    "POST /api/applications/{id}/trusts": TERMS,
    "PUT /api/applications/{id}/trusts/{trustId}": TERMS,
    "POST /api/applications/{id}/trusts/test": {"token": "one"},
    "POST /api/keys": {"name": "one more"},
    "PATCH /api/keys/{id}": {"name": "taken"},
    "POST /api/auth/authorization": GRANT,
    "DELETE /api/auth/authorization": GRANT,
    "POST /api/tasks": RESULT,
    "POST /api/tasks/update-v2": RESULT,
    "POST /api/tasks/{taskId}/log": "a line",
    "POST /api/tasks/{taskId}/token": {},
    "POST /api/workflow": {"name": "{workflow}"},
    "POST /api/workflow/{name}": {},
    "POST /api/workflow/start/{name}/{version}": {},
    "PUT /api/secrets/{key}/policy": {"hosts": []},
    "POST /api/secrets/{key}/policy/dry-run": {"hosts": []},
    "PUT /api/secrets/{key}/expiry": {"expiresAt": None, "remindAt": 2_000_000_000_000},
    "PUT /api/secrets/{key}/source": {"store": "{store}", "path": "a"},
    "PUT /api/secret-stores/{name}": {"kind": "vault-kv-v2", "address": "https://localhost:1", "token": "taken"},
    "PUT /api/environment/{key}": "taken",
    "POST /api/metadata/workflow/{name}/adopt": {},
    "POST /api/metadata/taskdefs/{name}/adopt": {},
    "PUT /api/secrets/{key}/viewing": {"release": "four-eyes"},
    "POST /api/secrets/{key}/releases": {"reason": "to see it", "minutes": 1},
    "POST /api/auth/what-if": {"change": {"type": "REMOVE_MEMBER", "group": "{group}", "user": "{member}"}},
    "POST /api/applications": {"name": "one more"},
    "PUT /api/users/{id}": {"name": "taken", "roles": ["ADMIN"], "groups": ["{group}"]},
    "PUT /api/groups/{id}": {"description": "taken", "roles": ["ADMIN"]},
    "POST /api/groups/{id}/users": ["{member}"],
    "DELETE /api/groups/{id}/users": ["{member}"],
    "POST /api/roles": {"name": "{custom_role}", "permissions": ["READ_SECRET_NAME"]},
    "PUT /api/roles/{name}": {"permissions": ["UPDATE_SECRET_NAME"]},
    "POST /api/metadata/workflow": {"name": "{workflow}", "tasks": [{"name": "{task_type}", "taskReferenceName": "one"}]},
    "PUT /api/metadata/workflow": [{"name": "{workflow}", "tasks": [{"name": "{task_type}", "taskReferenceName": "one"}]}],
    "POST /api/metadata/taskdefs": [{"name": "{task_type}"}],
    "PUT /api/metadata/taskdefs": {"name": "{task_type}"},
    "POST /api/projects/{id}/secret-keys": {"name": "one more"},
    "POST /api/projects/{id}/integrations": {"slug": "taken", "name": "taken", "fields": [{"name": "TAKEN", "label": "taken"}]},
    "PUT /api/projects/{id}/integrations/{slug}": {"name": "taken", "fields": [{"name": "TAKEN", "label": "taken"}]},
    "POST /api/projects/{id}/secret-keys/import": {"name": "one more", "sha256": "0" * 64},
    "POST /api/applications/{id}/accessKeys/{keyId}/rotate": {},
    "POST /api/keys/{id}/rotate": {},
    "POST /api/projects/{id}/secret-keys/{keyId}/rotate": {},
    "POST /v1/end-users": {"companyName": "one", "sourceId": "one", "email": "one"},
    "POST /v1/auth-sessions": {"publishableKey": "one", "endUserId": "one"},
    "POST /api/projects": {"id": "{project}", "name": "taken"},
    "PUT /api/projects/{id}/settings": {},
    "PUT /api/projects/{id}/members/{email}": {"roles": ["ADMIN"]},
}
"""Bodies by route; a tag, or a list of them, where the path ends so."""
PERSONS = ("/api/users/{id}",)
"""A person is of no project: who makes a user is told that somebody has the address already, elsewhere (core/identity.py)."""
QUERIES = {
    "GET /api/auth/explain": "?subject=USER:app:{application}&credential={key}&access=READ&type=SECRET_NAME&id={secret}",
    "GET /api/auth/who-can": "?access=EXECUTE&type=WORKFLOW_DEF&id={workflow}",
    "GET /api/users/{id}/checkPermissions": "?type=SECRET_NAME&id={secret}",
    "GET /api/metadata/tags/resources": "?resourceType=SECRET_NAME&tagKey=of&tagValue={secret}",
    "GET /api/tasks/poll/batch/{type}": "?timeout=0",
}
PLACES = {
    "id": {
        "/api/applications": "application", "/api/projects": "project", "/api/auth": "secret", "/api/users": "member",
        "/api/groups": "group", "/api/secrets": "=no-release", "/api/usage": "key", "/api/keys": "=no-key",
        "/v1": "=no-end-user",
    },
    "name": {
        "/api/workflow": "workflow", "/api/metadata/workflow": "workflow", "/api/metadata/task": "task_type", "/api/roles": "custom_role",
        "/api/secret-stores": "store", "/api/environment": "variable",
    },
    "type": {"/api/tasks": "task_type", "/api/auth": "=SECRET_NAME"},
    "key": {"/api": "secret", "/api/environment": "variable"},
    "keyId": {"/api": "key"}, "trustId": {"/api": "trust"}, "accessKeyId": {"/api": "key"}, "workflowId": {"/api": "run"},
    "taskId": {"/api": "task"}, "email": {"/api": "member"}, "version": {"/api": "=1"}, "role": {"/api/applications": "=WORKER"},
    "integrationSlug": {"/v1": "=crm"}, "slug": {"/api/projects": "integration"},
    "userId": {"/api": "member"}, "subjectType": {"/api": "=USER"}, "subjectId": {"/api": "member"},
}  # fmt: skip
"""What a placeholder stands for under a prefix of the path: a field of `Things`, or `=` and the word itself."""


def routes() -> list[Route]:
    table = make_app(None).router.routes  # type: ignore[arg-type]  # only its table is looked at
    return [route for route in table if not isinstance(route.rule, Public)]


def filled(text: str, things: Things) -> str:
    return re.sub(r"\{(\w+)\}", lambda match: str(asdict(things)[match[1]]), text)


def address(route: Route, things: Things) -> str:
    def value(name: str) -> str:
        found = [(len(prefix), word) for prefix, word in PLACES.get(name, {}).items() if route.path.startswith(prefix)]
        assert found, f"{route.path}: say in PLACES what {name} stands for"
        word = max(found)[1]
        return word[1:] if word.startswith("=") else str(asdict(things)[word])

    return re.sub(r"\{(\w+)\}", lambda match: value(match[1]), route.path) + filled(QUERIES.get(f"{route.method} {route.path}", ""), things)


def ask(api: Api, route: Route, things: Things) -> tuple[int, str]:
    """The answer, without the names asked for and without times."""
    cell = f"{route.method} {route.path}"
    tags = TAGS if str(route.body).startswith("list") else TAGS[0]
    assert route.body is None or cell in BODIES or route.path.endswith("/tags"), f"say in BODIES what to send to {cell}"
    body = BODIES.get(cell, tags)
    content = filled(json.dumps(body), things) if not isinstance(body, str) else body
    sent = {} if route.method == "GET" or (route.body is None and cell not in BODIES) else {"content": content.encode()}
    answer = api.http.request(route.method, address(route, things), **sent)  # type: ignore[arg-type]
    text = answer.text
    for name in sorted(map(str, asdict(things).values()), key=len, reverse=True):
        text = text.replace(name, "...")
    return answer.status_code, re.sub(r"[0-9a-f]{8}-[0-9a-f-]{27}|(sds|req|orch)_[\w.]+|\b\d{13}\b|\d{4}-\d\d-\d\dT[0-9:.]+", "...", text)


def test_by_no_route_can_what_another_project_has_be_told_from_what_does_not_exist(both: Pair) -> None:
    """Each route asked by the administrator of `left` about the things of `right`, and about things that nobody has."""
    before, nothing = both.right.snapshot(), Things.absent()
    asked = [(route, ask(both.left.api, route, nothing), ask(both.left.api, route, both.right.things)) for route in routes()]
    assert [(route.method, route.path, none, there) for route, none, there in asked if none != there and route.path not in PERSONS] == []
    assert [route.path for route, _, there in asked if both.right.canary in there[1]] == []
    assert both.right.snapshot() == before


def test_what_those_routes_are_asked_for_is_there(both: Pair) -> None:
    """To its own administrator each answer differs from that about nothing."""
    nothing = Things.absent()
    shown = [route for route in routes() if route.method == "GET" and re.search(r"\{(id|key|name|workflowId|taskId)\}", route.path)]
    shown = [route for route in shown if not route.path.endswith("/source")]  # of a secret that lives elsewhere alone
    shown = [route for route in shown if not route.path.startswith("/v1/")]  # a secret key's: tests/v1/test_projects_apart.py
    answers = [(route.path, ask(both.right.api, route, both.right.things), ask(both.right.api, route, nothing)) for route in shown]
    assert [path for path, own, none in answers if own == none or own[0] != 200] == []
    assert len(answers) > 10


def test_an_id_of_another_project_nested_in_ones_own_path_leads_nowhere(both: Pair) -> None:
    mine, theirs, before = both.left.things, both.right.things, both.right.snapshot()
    api = both.left.api
    for method, path in (
        ("DELETE", f"/api/applications/{mine.application}/accessKeys/{theirs.key}"),
        ("POST", f"/api/applications/{mine.application}/accessKeys/{theirs.key}/status"),
        ("DELETE", f"/api/applications/{theirs.application}/accessKeys/{mine.key}"),
        ("GET", f"/api/applications/key/{theirs.key}"),
    ):
        assert api.raw(method, path).status_code == 404, path
    for task, run in ((theirs.task, mine.run), (mine.task, theirs.run)):
        result = {"taskId": task, "workflowInstanceId": run, "status": "COMPLETED"}
        assert api.raw("POST", "/api/tasks", result).status_code == 404
    grant = {
        "subject": {"type": "USER", "id": f"app:{theirs.application}"},
        "target": {"type": "SECRET_NAME", "id": SHARED},
        "access": ["READ"],
    }
    assert api.raw("POST", "/api/auth/authorization", grant).status_code == 400
    assert both.right.snapshot() == before


def test_equal_names_are_different_things(both: Pair) -> None:
    for side, other in ((both.left, both.right), (both.right, both.left)):
        assert side.api.call("GET", f"/api/secrets/{SHARED}") == f"{side.canary} shared"
        assert side.api.call("GET", f"/api/metadata/workflow/{SHARED}")["description"] == side.canary
        assert side.api.call("GET", f"/api/metadata/taskdefs/{SHARED}")["description"] == side.canary
        seen = json.dumps(side.snapshot())
        assert (side.canary in seen, other.canary in seen) == (True, False)
    assert both.left.worker != both.right.worker


def test_lists_hold_the_callers_project_alone(both: Pair) -> None:
    for side, other in ((both.left, both.right), (both.right, both.left)):
        for place in ("/api/secrets", "/api/secrets-v2", "/api/applications", "/api/metadata/workflow", "/api/metadata/taskdefs"):
            found = side.api.raw("GET", place).text
            assert f"own-of-{side.project}" in found or side.canary in found
            assert f"own-of-{other.project}" not in found
            assert other.canary not in found
        assert [one["id"] for one in side.api.call("GET", "/api/projects")] == [side.project]


def test_a_worker_never_gets_a_task_of_another_project_with_the_same_type(both: Pair) -> None:
    """The secret it gets is its own project's, too."""
    runs = {side.project: [side.api.start(SHARED) for _ in range(3)] for side in (both.left, both.right)}
    for side, other in ((both.left, both.right), (both.right, both.left)):
        worker = both.server.api(both.server.token(side.worker_key["id"], side.worker_key["secret"]))
        got = worker.poll(SHARED, count=10, timeout=1000)
        assert sorted(task["workflowInstanceId"] for task in got) == sorted(runs[side.project])
        assert {task["inputData"]["secret"] for task in got} == {f"{side.canary} shared"}
        assert not worker.poll(SHARED, count=10, timeout=0)
        assert other.canary not in json.dumps(got)
        for task in got:
            worker.complete(task)
    for side in (both.left, both.right):
        assert {side.api.ended(run)["status"] for run in runs[side.project]} == {"COMPLETED"}


def test_an_idempotency_key_is_its_projects_own(both: Pair) -> None:
    once = {"name": "once", "idempotencyKey": "the-same", "idempotencyStrategy": "RETURN_EXISTING"}
    for side in (both.left, both.right):
        side.save("once", f"once-{side.project}")
    runs = [side.api.call("POST", "/api/workflow", once) for side in (both.left, both.right, both.left)]
    assert (runs[0] == runs[2], runs[0] == runs[1]) == (True, False)


def test_a_definition_of_equal_name_is_changed_and_deleted_in_one_project_only(both: Pair) -> None:
    name = "changed-in-one"
    for side in (both.left, both.right):
        side.save(name, SHARED)
    both.left.api.save({**definition(name, SHARED), "description": "changed"})
    assert both.right.api.call("GET", f"/api/metadata/workflow/{name}")["description"] == both.right.canary
    both.left.api.call("DELETE", f"/api/metadata/workflow/{name}/1")
    assert both.right.api.call("GET", f"/api/metadata/workflow/{name}")["description"] == both.right.canary
    grants = both.right.api.call("GET", f"/api/auth/authorization/WORKFLOW_DEF/{name}")
    assert [one["id"] for one in grants["READ"]] == [f"app:{both.right.first['applicationId']}"]


def test_a_child_is_a_workflow_of_its_parents_project(both: Pair) -> None:
    child = both.right.things.workflow
    task = {"name": "c", "taskReferenceName": "c", "type": "SUB_WORKFLOW", "subWorkflowParam": {"name": child, "version": 1}}
    both.left.api.save({"name": "parent", "version": 1, "tasks": [task]})
    run = both.left.api.ended(both.left.api.start("parent"))
    assert (run["status"], "No such workflow found" in run["reasonForIncompletion"]) == ("FAILED", True)


def test_a_rights_change_in_one_project_leaves_the_other_alone(both: Pair) -> None:
    """The same person in both: losing one project takes nothing in the other, and a session is good in its own only."""
    email, password = person(both.server, "left", "right", role="USER")
    both.left.api.call("PUT", f"/api/projects/left/members/{email}", {"roles": ["ADMIN"]})
    tokens = {side: sign_in(both.server, email=email, password=password, project=side).json()["token"] for side in ("left", "right")}
    own = {side: both.server.api(token) for side, token in tokens.items()}
    assert [own[side].raw("GET", f"/api/projects/{other}/members").status_code for side in own for other in own] == [200, 404, 404, 403]
    assert [one["id"] for one in own["right"].call("GET", "/api/projects")] == ["left", "right"]
    assert own["right"].call("GET", "/api/projects/left")["id"] == "left"
    assert own["right"].raw("GET", f"/api/workflow/{both.left.things.run}").status_code == 404
    both.right.api.call("DELETE", f"/api/projects/right/members/{email}")
    assert [own[side].raw("GET", "/api/token/userInfo").status_code for side in own] == [200, 401]
    assert [sign_in(both.server, email=email, password=password, **at).status_code for at in ({"project": "right"}, {})] == [401, 200]


def test_signing_in_to_a_project_one_is_not_in_fails_like_a_wrong_password(both: Pair) -> None:
    answers = [
        both.left.sign_in(project="right"), both.left.sign_in(project="no-such-project"), both.left.sign_in("wrong password, wrong"),
        both.left.sign_in(project="right", operator=True), sign_in(both.server, email="operator:x", password="wrong password, wrong"),
    ]  # fmt: skip
    assert {(answer.status_code, re.sub(r"\d{13}", "", answer.text)) for answer in answers} == {
        (401, '{"message":"Invalid access key","error":"INVALID_TOKEN","timestamp":}')
    }


def test_a_token_of_one_project_says_so_and_stays_there(both: Pair) -> None:
    for side in (both.left, both.right):
        assert side.api.call("GET", "/api/token/userInfo?claims=true")["claims"]["project"] == side.project


@pytest.mark.slow
def test_the_command_lists_all_and_makes_none_twice(both: Pair) -> None:
    assert {"default", "left", "right"} <= {one["id"] for one in json.loads(command(both.server, "project", "list", "--json"))}
    said = command(both.server, "project", "create", "left", "--admin", "x@example.com", fails=True)
    assert said == "stagedoor: there is a project left already\n"
    assert sign_in(both.server, email="x@example.com", password="x" * 15).status_code == 401


def _side(project: str) -> Principal:
    return Principal(project, "admin@example.com")


@pytest.mark.anyio
async def test_without_its_comparison_of_projects_the_engine_would_show_a_foreign_run(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The attack is one: the id of a run is enough where nobody asks whose it is."""
    async with inside(tmp_path) as made:
        gate = made.server.gate
        await gate.store.write(lambda tx: gate.projects.create(tx, "other", "other"))
        here = {"X-Authorization": await made.token()}
        await made.http.put("/api/metadata/workflow", json=[definition("w", "t")], headers=here)
        run = (await made.http.post("/api/workflow/w", json={}, headers=here)).text
        await gate.store.write(lambda tx: gate.directory.create(tx, _side("other"), "admin@example.com", None, ["ADMIN"]))
        executions, stranger = made.server.executions, _side("other")
        assert (await executions.run(_side("default"), run)).run.workflow_id == run
        with pytest.raises(Exception, match="No such workflow found by id"):
            await executions.run(stranger, run)
        real = EmbeddedEngine._run

        def careless(self: EmbeddedEngine, tx: Any, project: str, run_id: str, statement: str = "run_by_id") -> Any:
            return real(self, tx, "default", run_id, statement)

        monkeypatch.setattr(EmbeddedEngine, "_run", careless)
        monkeypatch.setattr("stagedoor.engine.embedded.definitions.Definitions.revision", _any_revision())
        assert (await executions.run(stranger, run)).run.workflow_id == run


def _any_revision() -> Any:
    from stagedoor.engine.embedded.definitions import Definitions

    real = Definitions.revision
    return lambda self, tx, project, revision_id: real(self, tx, "default", revision_id)
