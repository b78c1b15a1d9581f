"""UPDATE_SECRET: a run puts a version of a secret. Whose right it takes, and that the value shows nowhere (contract/orkes.md B, end)."""

import asyncio
import sqlite3
from collections.abc import AsyncIterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from stagedoor.core.permission import Allowed
from stagedoor.gate import keeping, variables
from tests.api.authorization.world import new
from tests.gate.doors.stage import Stage, dumped, http, reference, simple, system
from tests.support.inside import Inside, inside
from tests.support.server import Api

TOKEN = "token-that-the-login-gave"


def update(key: str, value: Any, ref: str = "up") -> dict[str, Any]:
    return system("UPDATE_SECRET", ref, _secrets={"secretKey": key, "secretValue": value})


def both_may_update(stage: Stage) -> tuple[str, Api]:
    """A starter with EXECUTE on the workflow; it and the author may UPDATE the secret."""
    made, starter = stage.caller("starter")
    stage.admin.grant(made, "WORKFLOW_DEF", stage.name, "EXECUTE", "READ")
    for who in (made, stage.author_id):
        stage.admin.grant(who, "SECRET_NAME", stage.secret, "UPDATE")
    return made, starter


@pytest.mark.promise(7)
def test_it_works(stage: Stage) -> None:
    """A worker logs in, the run keeps the token, the next task uses it by name: it is nowhere in the execution."""
    stage.admin.grant(stage.author_id, "SECRET_NAME", stage.secret, "UPDATE")
    used = http(stage.listener.url, method="POST", body=stage.key)
    late = simple(stage.task, "late", seen="${login.output.token}")
    output = {"leak": "Bearer ${login.output.token}", "child": "${late.output}"}
    stage.save(simple(stage.task, "login"), update(stage.secret, "${login.output.token}"), used, late, outputParameters=output)
    run = stage.author.start(stage.name, {"x": TOKEN})
    (task,) = stage.worker.poll(stage.task)
    stage.worker.complete(task, {"token": TOKEN})
    (task,) = stage.worker.poll(stage.task, timeout=20_000)
    assert task["inputData"] == {"seen": TOKEN}, "what a worker has reported is there for the tasks after it"
    stage.worker.call("POST", f"/api/tasks/{task['taskId']}/log", f"the token is {TOKEN}")
    stage.worker.complete(task, {"echo": TOKEN, "parts": [f"<{TOKEN}>"]})
    found = stage.ended(run)
    up = next(one for one in found["tasks"] if one["taskType"] == "UPDATE_SECRET")
    assert (found["status"], up["status"], up["inputData"], up["outputData"]) == ("COMPLETED", "COMPLETED", {"_secrets": "***"}, {})
    assert stage.listener.heard[0].body.decode() == TOKEN
    assert stage.admin.call("GET", f"/api/secrets/{stage.secret}") == TOKEN
    assert found["output"] == {"leak": "Bearer ***", "child": {"echo": "***", "parts": ["<***>"]}}
    assert TOKEN not in stage.reads(run) and TOKEN not in stage.server.log.read_text()


@pytest.mark.promise(6)
def test_a_failure_workflow_puts_nothing_that_who_began_it_may_not_put(stage: Stage) -> None:
    """It runs in its saver's name: failing on purpose would lend a starter that name."""
    stage.admin.grant(stage.author_id, "SECRET_NAME", stage.secret, "UPDATE")
    failure = f"{stage.name}-failed"
    stage.author.save({"name": failure, "version": 1, "tasks": [update(stage.secret, "${workflow.input.value}")]})
    stage.save(system("TERMINATE", "end", terminationStatus="FAILED"), failureWorkflow=failure)
    made, starter = stage.caller("starter")
    stage.admin.grant(made, "WORKFLOW_DEF", stage.name, "EXECUTE")
    found = stage.failure_of(stage.ended(starter.start(stage.name, {"value": "from-outside"})))
    assert (found["status"], "403" in found["reasonForIncompletion"]) == ("FAILED", True)
    assert f"app:{made} needs, who began what led to it" in found["reasonForIncompletion"]
    assert stage.admin.call("GET", f"/api/secrets/{stage.secret}") == stage.value


def test_a_name_that_cannot_be_ends_the_run(stage: Stage) -> None:
    stage.save(system("WAIT", "wait", duration="1 seconds"), update("${workflow.input.name}", "value"))
    run = stage.author.call("POST", f"/api/workflow/{stage.name}", b'{"name": "\\ud800x"}')
    found = stage.ended(run)
    assert (found["status"], "secretKey" in found["reasonForIncompletion"]) == ("FAILED", True)


@pytest.mark.promise(7)
def test_a_value_that_came_in_by_this_task_alone_is_never_stored_in_clear(stage: Stage) -> None:
    """Made by an expression from two halves, so that nothing else of the run ever held it whole."""
    stage.admin.grant(stage.author_id, "SECRET_NAME", stage.secret, "UPDATE")
    first, second = new("half-of-it"), new("other-half")
    run = stage.run(update(stage.secret, "${workflow.input.a}=${workflow.input.b}"), simple(stage.task), given={"a": first, "b": second})
    (task,) = stage.worker.poll(stage.task, timeout=20_000)
    stage.worker.complete(task, {"echo": f"{first}={second}"})
    assert stage.ended(run)["tasks"][1]["outputData"] == {"echo": "***"}
    assert stage.admin.call("GET", f"/api/secrets/{stage.secret}") == f"{first}={second}"
    assert first.encode() in stage.stored() and f"{first}={second}".encode() not in stage.stored()


def test_it_makes_what_is_missing_and_both_own_it(stage: Stage) -> None:
    made, starter = stage.caller("starter", "USER")
    name = new("kept")
    stage.save(update("${workflow.input.name}", {"user": "u", "n": [1]}))
    stage.admin.grant(made, "WORKFLOW_DEF", stage.name, "EXECUTE", "READ")
    for _ in range(2):  # the second time it is there
        assert stage.ended(starter.start(stage.name, {"name": name}))["status"] == "COMPLETED"
    assert stage.author.call("GET", f"/api/secrets/{name}") == starter.call("GET", f"/api/secrets/{name}") == '{"user":"u","n":[1]}'
    stage.run(simple(stage.task, user=reference(name, ".user")))
    stage.admin.grant(stage.worker_id, "SECRET_NAME", name, "READ")
    assert stage.worker.poll(stage.task)[0]["inputData"] == {"user": "u"}


@pytest.mark.parametrize("lacks", ["starter", "saver"])
def test_it_takes_the_right_of_who_started_it_and_of_who_saved_it(lacks: str, stage: Stage) -> None:
    stage.save(update("${workflow.input.name}", "${workflow.input.value}"), failureWorkflow=None)
    made, starter = both_may_update(stage)
    stage.admin.revoke(made if lacks == "starter" else stage.author_id, "SECRET_NAME", stage.secret, "UPDATE")
    value = new("planted-by-somebody")
    run = starter.start(stage.name, {"name": stage.secret, "value": value})
    found = stage.ended(run)
    who = f"app:{made} needs, who started the run" if lacks == "starter" else f"app:{stage.author_id} needs, who saved the definition"
    reason = f"403: You don't have permissions to update secret: {stage.secret} (missing: UPDATE on SECRET_NAME {stage.secret}"
    assert (found["status"], found["tasks"][0]["status"]) == ("FAILED", "FAILED_WITH_TERMINAL_ERROR")
    told = found["tasks"][0]["reasonForIncompletion"]
    assert told.startswith(reason) and told.endswith(f", which {who}") and told in found["reasonForIncompletion"]
    assert stage.admin.call("GET", f"/api/secrets/{stage.secret}") == stage.value
    stage.admin.grant(made if lacks == "starter" else stage.author_id, "SECRET_NAME", stage.secret, "UPDATE")
    assert stage.ended(starter.start(stage.name, {"name": stage.secret, "value": value}))["status"] == "COMPLETED"
    assert stage.admin.call("GET", f"/api/secrets/{stage.secret}") == value
    assert starter.raw("GET", f"/api/secrets/{stage.secret}").status_code == 403, "UPDATE shows no value"


def test_naming_a_secret_that_one_may_not_update_is_refused_at_saving(stage: Stage) -> None:
    definition = {"name": stage.name, "tasks": [update(stage.secret, "x")]}
    answer = stage.author.raw("PUT", "/api/metadata/workflow", [definition])
    assert (answer.status_code, f"UPDATE on SECRET_NAME {stage.secret}" in answer.json()["message"]) == (403, True)
    for given in ({}, {"secretKey": "x"}, {"secretKey": 5, "secretValue": "x"}, {"secretValue": "x"}, "text", None):
        wrong = {"name": new("workflow"), "tasks": [system("UPDATE_SECRET", "up", _secrets=given)]}
        answer = stage.admin.raw("PUT", "/api/metadata/workflow", [wrong])
        assert (answer.status_code, "'_secrets'" in answer.json()["message"]) == (400, True), given


def test_no_secret_is_copied_into_another_by_naming_it(stage: Stage) -> None:
    answer = stage.author.raw("PUT", "/api/metadata/workflow", [{"name": stage.name, "tasks": [update(new("copy"), stage.key)]}])
    assert (answer.status_code, "cannot be used here" in answer.json()["message"]) == (400, True)


def test_what_no_secret_can_hold_fails_the_task_and_changes_nothing(stage: Stage) -> None:
    stage.admin.grant(stage.author_id, "SECRET_NAME", stage.secret, "UPDATE")
    stage.save(update(stage.secret, "${workflow.input.value}"))
    for value in ("x" * 65_536, None):
        found = stage.ended(stage.author.start(stage.name, {"value": value}))
        assert (found["status"], "xxxx" in found["tasks"][0]["reasonForIncompletion"]) == ("FAILED", False)
    assert stage.admin.call("GET", f"/api/secrets/{stage.secret}") == stage.value


@pytest.mark.promise(11)
def test_each_put_and_each_refusal_is_one_row_in_the_audit(stage: Stage) -> None:
    stage.save(update("${workflow.input.name}", "${workflow.input.value}"))
    made, starter = both_may_update(stage)
    given = {"name": stage.secret, "value": TOKEN}
    stage.ended(starter.start(stage.name, given))
    stage.admin.revoke(stage.author_id, "SECRET_NAME", stage.secret, "UPDATE")
    run = starter.start(stage.name, given)
    stage.ended(run)
    with closing(sqlite3.connect(f"file:{stage.server.data / 'stagedoor.db'}?mode=ro", uri=True)) as db:
        about = f"SECRET_NAME {stage.secret}"
        rows = db.execute(
            "SELECT actor, action, outcome, detail FROM audit WHERE target = ? AND action LIKE 'secret.%'", (about,)
        ).fetchall()
    done = [row[:2] for row in rows if row[2] == "done" and row[0] == f"app:{made}"]
    (refused,) = [row for row in rows if row[2] == "refused"]
    assert done == [(f"app:{made}", "secret.put")]
    assert refused[:2] == (f"app:{stage.author_id}", "secret.update") and refused[3].startswith(f"run {run}: 403: ")
    assert TOKEN not in str(rows)


@pytest.mark.promise(7)
def test_the_whole_tree_is_redacted_and_a_failure_workflow_too(stage: Stage) -> None:
    """A child keeps what its parent got; the parent's reads and the failure workflow's input do not show it either."""
    stage.admin.grant(stage.author_id, "SECRET_NAME", stage.secret, "UPDATE")
    child, failure, token = new("child"), new("failure"), new("token-of-the-parent")
    stage.author.save(
        {
            "name": child,
            "version": 1,
            "tasks": [update(stage.secret, "${workflow.input.t}")],
            "outputParameters": {"t": "${workflow.input.t}"},
        },
        {"name": failure, "version": 1, "tasks": [system("SET_VARIABLE", "seen", all="${workflow.input}")]},
    )
    sub = {**system("SUB_WORKFLOW", "sub", t="${one.output.token}"), "subWorkflowParam": {"name": child, "version": 1}}
    stage.save(simple(stage.task), sub, system("TERMINATE", "end", terminationStatus="FAILED"), failureWorkflow=failure)
    run = stage.author.start(stage.name)
    (task,) = stage.worker.poll(stage.task)
    stage.worker.complete(task, {"token": token})
    found = stage.ended(run)
    after = stage.failure_of(found)
    below = next(one for one in found["tasks"] if one["taskType"] == "SUB_WORKFLOW")["subWorkflowId"]
    assert stage.admin.call("GET", f"/api/secrets/{stage.secret}") == token
    shown = "".join(map(stage.reads, (run, below, after["workflowId"])))
    assert token not in shown and after["variables"]["all"]["failedWorkflow"]["tasks"][0]["outputData"] == {"token": "***"}


# ---- without the protections
@pytest.fixture
async def house(tmp_path: Path) -> AsyncIterator[Inside]:
    async with inside(tmp_path) as made:
        yield made


async def attack(house: Inside) -> str:
    """An application that may save and start, and hold nothing on the secret, overwrites it: what the secret is afterwards."""
    admin = {"X-Authorization": await house.token()}

    async def ask(method: str, path: str, body: Any = None, headers: dict[str, str] = admin) -> Any:
        answer = await house.http.request(method, f"/api{path}", json=body, headers=headers)
        return answer.json() if "json" in answer.headers.get("content-type", "") else answer.text

    await ask("PUT", "/secrets/target", "as-it-was")
    made = (await ask("POST", "/applications", {"name": "attacker"}))["id"]
    await ask("POST", f"/applications/{made}/roles/METADATA_API")
    key = await ask("POST", f"/applications/{made}/accessKeys")
    own = {"X-Authorization": (await ask("POST", "/token", {"keyId": key["id"], "keySecret": key["secret"]}))["token"]}
    name = new("own")
    await ask("PUT", "/metadata/workflow", [{"name": name, "version": 1, "tasks": [update("${workflow.input.key}", "planted")]}], own)
    run = await ask("POST", f"/workflow/{name}", {"key": "target"}, own)
    while (await ask("GET", f"/workflow/{run}", None, own))["status"] == "RUNNING":
        await asyncio.sleep(0.01)
    return str(await ask("GET", "/secrets/target"))


@pytest.mark.slow
@pytest.mark.anyio
async def test_without_the_question_who_may_update_it_a_secret_is_overwritten(house: Inside, monkeypatch: pytest.MonkeyPatch) -> None:
    assert await attack(house) == "as-it-was"
    for module in (keeping, variables):
        monkeypatch.setattr(module, "decide_put", lambda tx, who, name, there: Allowed("nothing"))
    assert await attack(house) == "planted"


@pytest.mark.slow
@pytest.mark.anyio
async def test_without_its_receipt_the_value_shows(house: Inside, monkeypatch: pytest.MonkeyPatch) -> None:
    admin = {"X-Authorization": await house.token()}

    async def shown() -> str:
        name = new("flow")
        tasks = [update(new("kept"), "${workflow.input.t}"), system("SET_VARIABLE", "v", seen="${workflow.input.t}")]
        await house.http.put("/api/metadata/workflow", json=[{"name": name, "version": 1, "tasks": tasks}], headers=admin)
        run = (await house.http.post(f"/api/workflow/{name}", json={"t": TOKEN}, headers=admin)).text
        while (found := (await house.http.get(f"/api/workflow/{run}", headers=admin)).json())["status"] == "RUNNING":
            await asyncio.sleep(0.01)
        return dumped(found)

    assert TOKEN not in await shown()
    monkeypatch.setattr(keeping.Keeping, "_remember", lambda self, tx, candidate, name: None)
    assert TOKEN in await shown()


@pytest.mark.promise(7)
def test_what_a_run_put_stays_hidden_when_the_secret_is_changed_or_deleted(stage: Stage) -> None:
    stage.admin.grant(stage.author_id, "SECRET_NAME", stage.secret, "UPDATE")
    run = stage.run(update(stage.secret, "${workflow.input.t}"), given={"t": TOKEN, "n": "another text"})
    assert stage.ended(run)["input"] == {"t": "***", "n": "another text"}
    stage.admin.put_secret(stage.secret, "a newer one")
    assert stage.admin.raw("DELETE", f"/api/secrets/{stage.secret}/versions/2").status_code == 409, "the run is masked by it"
    assert TOKEN not in stage.reads(run) and stage.admin.run(run)["status"] == "COMPLETED"
    other = new("secret")
    stage.admin.put_secret(other, "first")
    stage.admin.grant(stage.author_id, "SECRET_NAME", other, "UPDATE")
    run = stage.run(update(other, "${workflow.input.t}"), given={"t": TOKEN, "n": "another text"})
    assert stage.ended(run)["status"] == "COMPLETED"
    stage.admin.call("DELETE", f"/api/secrets/{other}")
    assert stage.admin.run(run)["input"] == {"t": "***", "n": "another text"}
