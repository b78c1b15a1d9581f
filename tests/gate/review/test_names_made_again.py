"""A workflow's name that is deleted and made again by somebody else: the old runs do not go over to the new owner (promises 5 and 6)."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from stagedoor.gate import conditions, executions
from stagedoor.gate.ownership import Belonging
from tests.api.authorization.world import new
from tests.gate.doors.stage import Listener, Stage, simple, system
from tests.support.inside import Inside, inside
from tests.support.server import Api, LiveServer

WORDS = "what-only-the-first-owner-may-see"


@dataclass
class Names:
    """Two applications that may make workflows, and one administrator; a run of the first one's workflow that waits for somebody."""

    server: LiveServer
    admin: Api
    first: Api
    second: Api
    name: str

    @classmethod
    def on(cls, server: LiveServer) -> "Names":
        admin = server.admin()
        keys = [admin.application(new("maker"), "USER", "METADATA_API")[1] for _ in range(2)]
        first, second = (server.api(server.token(key["id"], key["secret"])) for key in keys)
        return cls(server, admin, first, second, new("name"))

    def save(self, who: Api, version: int = 1) -> None:
        who.save({"name": self.name, "version": version, "tasks": [system("HUMAN", "person", told="${workflow.input.told}")]})

    def delete(self, who: Api, version: int = 1) -> None:
        who.call("DELETE", f"/api/metadata/workflow/{self.name}/{version}")

    def start(self, who: Api, **fields: Any) -> str:
        run: str = who.call("POST", "/api/workflow", {"name": self.name, "input": {"told": WORDS}, **fields})
        return run


def reads(run: str, task: str) -> Iterator[tuple[str, str, Any]]:
    """Every route that shows a run, or does something to it."""
    yield "GET", f"/api/workflow/{run}", None
    yield "GET", f"/api/workflow/{run}/status?includeOutput=true&includeVariables=true", None
    yield "GET", f"/api/tasks/{task}", None
    yield "GET", f"/api/tasks/{task}/log", None
    yield "POST", f"/api/tasks/{task}/log", "a line"
    yield "POST", "/api/tasks", {"taskId": task, "workflowInstanceId": run, "status": "COMPLETED", "outputData": {}}
    yield "POST", "/api/tasks/update-v2", {"taskId": task, "workflowInstanceId": run, "status": "COMPLETED", "outputData": {}}
    yield "DELETE", f"/api/workflow/{run}", None


@pytest.mark.slow
@pytest.mark.promise(5)
def test_the_new_owner_gets_none_of_the_old_runs(server: LiveServer) -> None:
    names = Names.on(server)
    names.save(names.first)
    key = {"idempotencyKey": "once", "idempotencyStrategy": "RETURN_EXISTING"}
    old = names.start(names.first, **key)
    task = names.first.run(old)["tasks"][0]["taskId"]
    names.delete(names.first)
    assert names.first.raw("GET", f"/api/workflow/{old}").status_code == 404  # its grants went with the name
    names.save(names.second)
    for who in (names.first, names.second):
        for method, path, body in reads(old, task):
            answer = who.raw(method, path, body)
            assert answer.status_code == (403 if path.endswith("update-v2") else 404), (method, path, answer.text)
            assert WORDS not in answer.text and names.name not in answer.text
    assert names.admin.run(old)["input"] == {"told": WORDS}  # a role over all workflows reaches it
    own_runs(names, key, old)
    names.admin.call("DELETE", f"/api/workflow/{old}")
    assert names.admin.run(old)["status"] == "TERMINATED"


def own_runs(names: Names, key: dict[str, str], old: str) -> None:
    """What is started under the name made again belongs to it, over all its versions."""
    run = names.start(names.second, **key)
    assert run != old  # an idempotency key of the old name answers for nothing
    assert names.start(names.second, **key) == run
    names.save(names.second, version=2)
    names.delete(names.second, version=1)
    assert names.second.run(run)["workflowVersion"] == 1
    names.save(names.second, version=3)
    names.second.call("DELETE", f"/api/workflow/{run}")
    assert names.second.run(run)["status"] == "TERMINATED"


@pytest.mark.promise(5)
def test_a_child_belongs_to_its_own_name_and_an_inline_one_to_its_parents(sqlite_server: LiveServer) -> None:
    names, child = Names.on(sqlite_server), new("child")
    names.second.save({"name": child, "version": 1, "tasks": [system("HUMAN", "person")]})
    inline = {"name": child, "version": 1, "tasks": [system("HUMAN", "person")]}
    subs = [{**system("SUB_WORKFLOW", "sub"), "subWorkflowParam": {"name": child, "version": 1, "workflowDefinition": inline}}]
    names.first.save({"name": names.name, "version": 1, "tasks": subs})
    parent = names.start(names.first)
    for _ in range(3_000):
        (task,) = names.first.run(parent)["tasks"]
        below = task["subWorkflowId"]
        if names.admin.raw("GET", f"/api/workflow/{below}").status_code == 200:
            break
    assert names.first.run(below)["workflowName"] == child  # called like another's workflow, and yet the parent's
    assert names.second.raw("GET", f"/api/workflow/{below}").status_code == 404
    names.delete(names.first)
    names.save(names.second)
    assert names.second.raw("GET", f"/api/workflow/{below}").status_code == 404


@pytest.mark.slow
@pytest.mark.promise(6)
def test_a_starter_that_makes_the_name_again_opens_nothing_for_the_old_run(server: LiveServer, listener: Listener) -> None:
    """Condition 3 asks for EXECUTE on the workflow that was started, which is gone."""
    stage = Stage(server, listener, server.admin())
    starter_id, starter = stage.caller("starter", "USER", "METADATA_API")
    stage.save(simple(stage.task, key=stage.key))
    stage.admin.grant(starter_id, "WORKFLOW_DEF", stage.name, "EXECUTE", "READ")
    old, good = starter.start(stage.name), starter.start(stage.name)
    worker = stage.entitled
    (task,) = worker.poll(stage.task)
    assert task["inputData"] == {"key": stage.value}
    left = ({old, good} - {task["workflowInstanceId"]}).pop()
    stage.admin.call("DELETE", f"/api/metadata/workflow/{stage.name}/1")
    starter.save({"name": stage.name, "version": 1, "tasks": [simple(stage.task)]})
    assert worker.poll(stage.task) == []
    assert "lacks EXECUTE on every WORKFLOW_DEF" in stage.ended(left)["reasonForIncompletion"]


async def _maker(made: Inside) -> dict[str, str]:
    """The headers of a new application that may make workflows."""
    admin = {"X-Authorization": await made.token()}
    name = (await made.http.post("/api/applications", json={"name": new("maker")}, headers=admin)).json()["id"]
    for role in ("USER", "METADATA_API"):
        await made.http.post(f"/api/applications/{name}/roles/{role}", headers=admin)
    key = (await made.http.post(f"/api/applications/{name}/accessKeys", headers=admin)).json()
    token = await made.http.post("/api/token", json={"keyId": key["id"], "keySecret": key["secret"]})
    return {"X-Authorization": token.json()["token"]}


async def _made_again(made: Inside) -> tuple[int, Any]:
    """What the second owner of a name gets of the first one's run, by id."""
    one, two = await _maker(made), await _maker(made)
    body = [{"name": "w", "version": 1, "tasks": [system("HUMAN", "person")]}]
    assert (await made.http.put("/api/metadata/workflow", json=body, headers=one)).status_code == 200
    run = (await made.http.post("/api/workflow/w", json={"told": WORDS}, headers=one)).text.strip('"')
    assert (await made.http.delete("/api/metadata/workflow/w/1", headers=one)).status_code == 200
    assert (await made.http.put("/api/metadata/workflow", json=body, headers=two)).status_code == 200
    answer = await made.http.get(f"/api/workflow/{run}", headers=two)
    return answer.status_code, answer.json()


@pytest.mark.anyio
@pytest.mark.promise(5)
@pytest.mark.parametrize("protected", [True, False])
async def test_by_name_alone_the_new_owner_would_get_them(protected: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    if not protected:
        for module in (executions, conditions):
            monkeypatch.setattr(module, "belonging_of", lambda tx, project, run_id: Belonging("w", "w"))
    async with inside(tmp_path) as made:
        status, shown = await _made_again(made)
    assert (status, shown.get("input")) == ((404, None) if protected else (200, {"told": WORDS}))
