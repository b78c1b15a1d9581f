"""No single request keeps the others waiting (promise 12)."""

import time

import httpx
import pytest

from tests.gate.doors.stage import Stage, simple, system

pytestmark = pytest.mark.promise(12)


def test_what_anybody_may_send_is_small(stage: Stage) -> None:
    body = b'{"keyId": [' + b"{}," * 100_000 + b"{}]}"
    assert httpx.post(f"{stage.server.url}/api/token", content=body).status_code == 413


def test_a_list_of_definitions_is_bounded(stage: Stage) -> None:
    definitions = [{"name": f"{stage.task}-{number}"} for number in range(1001)]
    stage.author.call("POST", "/api/metadata/taskdefs", definitions, status=413)
    stage.author.call("POST", "/api/metadata/taskdefs", definitions[:2])


def test_of_very_many_lines_of_a_log_the_first_ones_are_kept(stage: Stage) -> None:
    run = stage.run(simple(stage.task))
    task = stage.worker.poll(stage.task)[0]
    lines = [{"log": str(number)} for number in range(3000)]
    stage.worker.call("POST", "/api/tasks", {"taskId": task["taskId"], "workflowInstanceId": run, "status": "COMPLETED", "logs": lines})
    kept = [line["log"] for line in stage.worker.call("GET", f"/api/tasks/{task['taskId']}/log")]
    assert kept == [*map(str, range(1000)), "(2000 more lines were left out)"]


@pytest.mark.parametrize(
    "expression",
    [
        "workflow.input.a[?(@.v in $.input.b)]",
        "workflow.input.deep" + "['a','a']" * 60,
        "workflow.input.deep" + "[*,*,*]" * 60,
    ],
    ids=["square", "doubling", "tripling"],
)
def test_an_expression_that_would_take_for_ever_comes_to_nothing(stage: Stage, expression: str) -> None:
    deep: object = 1
    for _ in range(60):
        deep = {"a": deep}
    stage.save(system("NOOP", "one", found="${" + expression + "}"))
    given = {"a": [{"v": number} for number in range(20_000)], "b": [-number for number in range(1, 20_000)], "deep": deep}
    began = time.monotonic()
    run = stage.author.start(stage.name, given)
    assert time.monotonic() - began < 20
    assert stage.task_of(run)["inputData"].get("found") is None
