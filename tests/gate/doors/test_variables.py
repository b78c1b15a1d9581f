"""Environment variables in definitions, over the whole server: where they resolve, and whose right it takes."""

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from stagedoor.core.permission import Allowed
from stagedoor.gate import variables
from tests.api.authorization.world import new
from tests.gate.doors.stage import Stage, dumped, http, loop, simple, system
from tests.support.inside import Inside, inside

VALUE = "value-of-the-variable"


@pytest.fixture
def variable(stage: Stage) -> str:
    """One that the author of the stage may READ."""
    name = new("variable")
    stage.admin.call("PUT", f"/api/environment/{name}", VALUE.encode())
    stage.admin.grant(stage.author_id, "ENV_VARIABLE", name, "READ")
    return name


def env(name: str, path: str = "") -> str:
    return f"${{workflow.env.{name}{path}}}"


def test_every_kind_of_task_and_the_output_resolve_them(stage: Stage, variable: str) -> None:
    child = {
        "name": "inner",
        "version": 1,
        "tasks": [system("SET_VARIABLE", "v", inner=env(variable))],
        "outputParameters": {"o": env(variable)},
    }
    tasks = [
        simple(stage.task, url=f"https://{env(variable)}/x", missing=env("NO_SUCH"), text=f"<{env('NO_SUCH')}>"),
        http(stage.listener.url, method="POST", body={"v": env(variable)}),
        system("INLINE", "script", v=env(variable), evaluatorType="javascript", expression="$.v + '!'"),
        system("JSON_JQ_TRANSFORM", "jq", v=env(variable), queryExpression=".v"),
        system("SET_VARIABLE", "set", v=env(variable)),
        loop(1, system("SET_VARIABLE", "turn", w=env(variable))),
        {**system("SUB_WORKFLOW", "sub"), "subWorkflowParam": {"name": "inner", "workflowDefinition": child}},
        {
            **system("SWITCH", "choice", v=env(variable)),
            "evaluatorType": "value-param",
            "expression": "v",
            "decisionCases": {},
            "defaultCase": [],
        },
    ]
    stage.save(*tasks, outputParameters={"o": env(variable)})
    run = stage.author.start(stage.name)
    (task,) = stage.worker.poll(stage.task, timeout=20_000)
    assert task["inputData"] == {"url": f"https://{VALUE}/x", "missing": None, "text": "<null>"}
    stage.worker.complete(task)
    found = stage.ended(run)
    output = {one["referenceTaskName"]: one["outputData"] for one in found["tasks"]}
    assert (found["status"], found["output"]) == ("COMPLETED", {"o": VALUE}), found.get("reasonForIncompletion")
    assert stage.listener.heard[0].body.decode() == f'{{"v":"{VALUE}"}}'
    assert (output["script"]["result"], output["jq"]["result"], output["sub"]["o"]) == (f"{VALUE}!", VALUE, VALUE)
    assert output["choice"]["evaluationResult"] == [VALUE] and found["variables"] == {"v": VALUE, "w": VALUE}


@pytest.mark.promise(6)
def test_data_names_no_variable(stage: Stage, variable: str) -> None:
    given = {"text": env(variable), "name": variable, "a": "${workflow.env", "b": f".{variable}}}"}
    name, halves = "${workflow.env.${workflow.input.name}}", "${workflow.input.a}${workflow.input.b}"
    stage.run(simple(stage.task, text="${workflow.input.text}", name=name, halves=halves), given=given)
    (task,) = stage.worker.poll(stage.task)
    assert task["inputData"] == {"text": env(variable), "name": None, "halves": env(variable)}


def test_whoever_saves_a_definition_must_be_able_to_read_what_it_names(stage: Stage) -> None:
    name = new("variable")
    warned = stage.author.save({"name": stage.name, "tasks": [simple(stage.task, v=env(name))]})
    assert f"the environment variable {name} does not exist" in warned.headers["warning"]
    stage.admin.call("PUT", f"/api/environment/{name}", VALUE.encode())
    inline = {"name": "inner", "tasks": [system("SET_VARIABLE", "v", deep=[{"x": f"<${{a.${{workflow.env.{name}}}}}>"}])]}
    for tasks, more in (
        ([simple(stage.task, v=env(name))], {}),
        ([simple(stage.task)], {"outputParameters": {"o": [env(name, ".$.x")]}}),
        ([{**system("SUB_WORKFLOW", "sub"), "subWorkflowParam": {"name": "inner", "workflowDefinition": inline}}], {}),
    ):
        answer = stage.author.raw("PUT", "/api/metadata/workflow", [{"name": new("workflow"), "tasks": tasks, **more}])
        assert (answer.status_code, f"(missing: READ on ENV_VARIABLE {name})" in answer.json()["message"]) == (403, True), more


def test_saved_before_the_variable_was_made_it_takes_the_right_all_the_same(stage: Stage) -> None:
    name = new("variable")
    stage.save(simple(stage.task, v=env(name)), outputParameters={"o": env(name)})
    stage.admin.call("PUT", f"/api/environment/{name}", VALUE.encode())
    run = stage.author.start(stage.name)
    found = stage.ended(run)
    reason = f"app:{stage.author_id}, who saved the definition, lacks READ on ENV_VARIABLE {name}"
    assert (found["status"], found["tasks"][0]["status"]) == ("FAILED", "FAILED_WITH_TERMINAL_ERROR")
    assert reason in found["tasks"][0]["reasonForIncompletion"] and VALUE not in stage.reads(run)
    stage.admin.grant(stage.author_id, "ENV_VARIABLE", name, "READ")
    stage.author.start(stage.name)
    assert stage.worker.poll(stage.task)[0]["inputData"] == {"v": VALUE}


def test_a_right_taken_away_after_saving_counts(stage: Stage, variable: str) -> None:
    stage.save(simple(stage.task, v=env(variable)))
    stage.admin.revoke(stage.author_id, "ENV_VARIABLE", variable, "READ")
    found = stage.ended(stage.author.start(stage.name))
    assert "lacks READ on ENV_VARIABLE" in found["tasks"][0]["reasonForIncompletion"]


def test_a_task_definitions_template_is_refused(stage: Stage, variable: str) -> None:
    template = {"name": stage.task, "inputTemplate": {"deep": [env(variable)]}}
    for method, path, body in (
        ("POST", "/api/metadata/taskdefs", [template]),
        ("PUT", "/api/metadata/workflow", [{"name": new("workflow"), "tasks": [{**simple(stage.task), "taskDefinition": template}]}]),
    ):
        answer = stage.admin.raw(method, path, body)
        assert (answer.status_code, "cannot be used here; name it in the inputParameters" in answer.json()["message"]) == (400, True)


def test_runtime_metadata_falls_back_to_a_variable_of_that_name(stage: Stage, variable: str) -> None:
    task, unread = new("task"), new("variable")
    definition = {"name": task, "retryCount": 0, "runtimeMetadata": [stage.secret, variable, "missing", unread]}
    stage.author.call("POST", "/api/metadata/taskdefs", [definition])
    stage.admin.grant(stage.worker_id, "TASK_DEF", task, "EXECUTE")
    stage.run(simple(task))
    (delivered,) = stage.entitled.poll(task)
    assert delivered["runtimeMetadata"] == {stage.secret: stage.value, variable: VALUE}
    stage.admin.call("PUT", f"/api/environment/{unread}", b"unread-by-the-author")
    answer = stage.author.raw("PUT", "/api/metadata/taskdefs", definition)
    assert (answer.status_code, f"READ on ENV_VARIABLE {unread}" in answer.json()["message"]) == (403, True)
    run = stage.author.start(stage.name)
    assert stage.worker.poll(task) == []
    assert f"lacks READ on ENV_VARIABLE {unread}" in stage.ended(run)["tasks"][0]["reasonForIncompletion"]


# ---- without the protection
@pytest.fixture
async def house(tmp_path: Path) -> AsyncIterator[Inside]:
    async with inside(tmp_path) as made:
        yield made


async def attack(house: Inside) -> tuple[int, str]:
    """Somebody who may not READ a variable names it in a workflow of their own: the status of the save, and all that its run shows."""
    admin = {"X-Authorization": await house.token()}

    async def ask(method: str, path: str, body: Any = None, headers: dict[str, str] = admin) -> Any:
        answer = await house.http.request(method, f"/api{path}", json=body, headers=headers)
        return answer.json() if "json" in answer.headers.get("content-type", "") else answer.text or answer.status_code

    made = (await ask("POST", "/applications", {"name": "attacker"}))["id"]
    await ask("POST", f"/applications/{made}/roles/METADATA_API")
    key = await ask("POST", f"/applications/{made}/accessKeys")
    own = {"X-Authorization": (await ask("POST", "/token", {"keyId": key["id"], "keySecret": key["secret"]}))["token"]}
    await house.http.put("/api/environment/HIDDEN", content=VALUE.encode(), headers=admin)
    flow = {"name": "own", "version": 1, "tasks": [system("SET_VARIABLE", "v", x=env("HIDDEN"))]}
    saved = await house.http.put("/api/metadata/workflow", json=[flow], headers=own)
    if saved.status_code != 200:
        return saved.status_code, ""
    run = await ask("POST", "/workflow/own", {}, own)
    return 200, dumped(await ask("GET", f"/workflow/{run}", None, own))


@pytest.mark.slow
@pytest.mark.anyio
async def test_without_the_question_who_may_read_it_a_variable_gets_out(house: Inside, monkeypatch: pytest.MonkeyPatch) -> None:
    assert (await attack(house))[0] == 403
    monkeypatch.setattr(variables, "_may_read", lambda tx, who, name: Allowed("nothing"))
    status, shown = await attack(house)
    assert (status, VALUE in shown) == (200, True)
