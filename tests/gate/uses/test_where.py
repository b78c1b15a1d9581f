"""Where a secret goes: all that names it, whoever may be handed it, and what became of it."""

import json
import subprocess
from typing import Any

import pytest

from tests.api.authorization.world import new
from tests.gate.doors.stage import Stage, http, simple, system
from tests.support.server import COMMAND


def where(stage: Stage, query: str = "") -> dict[str, Any]:
    found: dict[str, Any] = stage.admin.call("GET", f"/api/secrets/{stage.secret}/where{query}")
    return found


def command(stage: Stage, *words: str) -> tuple[int, str]:
    called = [*COMMAND, "secrets", *words, "--data", str(stage.server.data)]
    done = subprocess.run(called, capture_output=True, text=True, check=False, timeout=60)
    return done.returncode, done.stdout + done.stderr


def settled(stage: Stage) -> str:
    """One use at each door; the run of the worker's task."""
    run = stage.run(simple(stage.task, key=stage.key), http(stage.listener.url, method="POST", body=stage.key))
    (task,) = stage.entitled.poll(stage.task)
    stage.worker.complete(task)
    assert stage.ended(run)["status"] == "COMPLETED"
    return run


def test_every_definition_and_task_that_names_a_secret_is_listed(stage: Stage) -> None:
    assert where(stage)["definitions"] == []
    stage.admin.call("PUT", "/api/metadata/taskdefs", {"name": stage.task, "runtimeMetadata": [stage.secret]})
    stage.save(simple(stage.task, key=[stage.key]), http("https://a.example", headers={"X-Key": f"Bearer {stage.key}"}))
    stage.author.save({"name": stage.name, "version": 2, "tasks": [simple(stage.task, "two", key=stage.key)]})
    found, author = where(stage), f"app:{stage.author_id}"
    assert found["references"] == 3
    assert [(one["version"], one["task"], one["taskType"], one["place"]) for one in found["definitions"]] == [
        (1, "call", "HTTP", "/http_request/headers/X-Key"), (1, "one", stage.task, "/key/0"), (2, "two", stage.task, "/key"),
    ]  # fmt: skip
    assert {(one["voucher"], one["problem"], one["reference"]) for one in found["definitions"]} == {(author, None, stage.key)}
    assert [(one["taskDefinition"], one["problem"]) for one in found["taskDefinitions"]] == [(stage.task, None)]
    stage.admin.revoke(stage.author_id, "SECRET_NAME", stage.secret, "READ")
    assert {one["problem"] for one in where(stage)["definitions"]} == {
        f"{author}, who vouched for it, lacks READ on SECRET_NAME {stage.secret}"
    }


def test_whoever_may_be_handed_it_is_listed_with_what_it_was_handed(stage: Stage) -> None:
    stage.save(simple(stage.task, key=stage.key))
    worker = f"app:{stage.worker_id}"
    assert worker not in {one["user"] for one in where(stage)["consumers"]}  # may take the task, and may not READ the secret
    settled(stage)
    found = {one["user"]: one for one in where(stage)["consumers"]}
    assert (found[worker]["taskTypes"], found[worker]["domains"], found[worker]["handed"]) == ([stage.task], [], 1)
    assert f"READ on SECRET_NAME {stage.secret}" in found[worker]["why"] and found[worker]["lastAt"] > 0
    assert f"app:{stage.author_id}" not in found  # may READ it, and takes no such tasks
    domain_id, _ = stage.caller("domain", "WORKER")
    stage.admin.grant(domain_id, "DOMAIN", "east", "EXECUTE")
    stage.admin.grant(domain_id, "SECRET_NAME", stage.secret, "READ")
    found = {one["user"]: one for one in where(stage)["consumers"]}
    assert (found[f"app:{domain_id}"]["taskTypes"], found[f"app:{domain_id}"]["domains"]) == ([], ["east"])


def test_what_became_of_it_is_counted(stage: Stage) -> None:
    settled(stage)
    settled(stage)
    uses = where(stage)["uses"]
    assert [(one["task"], one["door"], one["consumer"], one["host"], one["count30"], one["count90"]) for one in uses] == [
        ("call", "egress", f"app:{stage.author_id}", stage.listener.authority, 2, 2),
        ("one", "handoff", f"app:{stage.worker_id}", None, 2, 2),
    ]


def test_tasks_that_put_it_are_listed_and_those_that_may_put_any(stage: Stage) -> None:
    def puts(name: str, ref: str) -> dict[str, Any]:
        return system("UPDATE_SECRET", ref, _secrets={"secretKey": name, "secretValue": "v"})

    author = f"app:{stage.author_id}"
    stage.admin.grant(stage.author_id, "SECRET_NAME", stage.secret, "UPDATE")
    stage.save(puts(stage.secret, "named"), puts("${workflow.input.which}", "any"), puts(new("another"), "other"))
    common = {"workflow": stage.name, "version": 1, "saver": author, "problem": None}
    mine = [one for one in where(stage)["puts"] if one["workflow"] == stage.name]
    assert mine == [{**common, "task": "named", "fromData": False}, {**common, "task": "any", "fromData": True}]
    stage.admin.revoke(stage.author_id, "SECRET_NAME", stage.secret, "UPDATE")
    (left,) = (one for one in where(stage)["puts"] if one["workflow"] == stage.name)
    assert left["task"] == "named" and "UPDATE" in left["problem"]


def test_the_answer_comes_in_pages(stage: Stage) -> None:
    stage.save(*(simple(stage.task, f"t{number}", key=stage.key) for number in range(5)))
    first, last = where(stage, "?size=3"), where(stage, "?start=3&size=3")
    assert ([one["task"] for one in first["definitions"]], first["more"]) == (["t0", "t1", "t2"], True)
    assert ([one["task"] for one in last["definitions"]], last["more"]) == (["t3", "t4"], False)
    assert stage.admin.raw("GET", f"/api/secrets/{stage.secret}/where?size=100000").status_code == 400


def test_a_secret_made_anew_has_no_history(stage: Stage) -> None:
    settled(stage)
    stage.admin.call("DELETE", f"/api/secrets/{stage.secret}")
    stage.admin.put_secret(stage.secret, "the value of somebody else")
    found = where(stage)
    assert (found["uses"], {one["handed"] for one in found["consumers"]} <= {0}) == ([], True)


@pytest.mark.slow
def test_secrets_where_tells_the_same_on_the_command_line(stage: Stage) -> None:
    """End to end: `stagedoor secrets where NAME`, while the server runs."""
    settled(stage)
    status, text = command(stage, "where", stage.secret, "--json")
    shown = json.loads(text)
    assert (status, shown) == (0, where(stage))
    status, text = command(stage, "where", stage.secret)
    assert status == 0 and stage.value not in text
    for part in (stage.name, f"vouched for by app:{stage.author_id}", "/http_request/body", stage.listener.authority, "what became of it"):
        assert part in text.replace("\n", ""), text
    assert command(stage, "where", "no-such-secret") == (1, "stagedoor: there is no secret no-such-secret\n")
