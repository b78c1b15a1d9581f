"""Data that grows from run to run ends at the limit, whatever road it takes."""

import pytest

from stagedoor.engine.definition import SubWorkflow, TaskNode
from stagedoor.engine.port import Engine
from tests.engine.contract.parts import ended, save, start, view, workflow

MB = 1024 * 1024
LIMIT = "the data would take more than 8 MB of JSON"


def doubling(name: str) -> TaskNode:
    return TaskNode(
        name="sub",
        task_reference_name="sub",
        type="SUB_WORKFLOW",
        input_parameters={"a": "${workflow.input.a}${workflow.input.a}"},
        sub_workflow_param=SubWorkflow(name=name),
    )


@pytest.mark.anyio
async def test_a_workflow_that_starts_itself_with_twice_as_much_fails_at_the_limit(engine: Engine) -> None:
    await save(engine, workflow("grows", doubling("grows")))
    run_id = await start(engine, "grows", input={"a": "x" * (3 * MB)})
    root = await ended(engine, run_id)
    assert (root.run.status, root.tasks[0].status) == ("FAILED", "FAILED")
    below = await view(engine, root.tasks[0].sub_workflow_id or "")
    assert (below.tasks[0].status, below.tasks[0].reason_for_incompletion) == ("FAILED_WITH_TERMINAL_ERROR", f"sub: {LIMIT}")
    assert LIMIT in (root.run.reason_for_incompletion or "")


@pytest.mark.anyio
async def test_an_output_that_grows_from_child_to_parent_fails_at_the_limit(engine: Engine) -> None:
    noop = TaskNode(name="n", task_reference_name="n", type="NOOP")
    await save(engine, workflow("0", noop, output_parameters={"a": "${workflow.input.a}"}))
    for number in range(1, 4):
        sub = TaskNode(
            name="sub",
            task_reference_name="sub",
            type="SUB_WORKFLOW",
            input_parameters={"a": "${workflow.input.a}"},
            sub_workflow_param=SubWorkflow(name=str(number - 1)),
        )
        await save(engine, workflow(str(number), sub, output_parameters={"a": "${sub.output.a}${sub.output.a}"}))
    small, large = await start(engine, "3", input={"a": "x" * 1000}), await start(engine, "3", input={"a": "x" * (MB + 1)})
    assert len((await ended(engine, small)).run.output["a"]) == 8000
    root = (await ended(engine, large)).run
    assert (root.status, root.output, root.reason_for_incompletion) == ("FAILED", {}, f"output of the workflow: {LIMIT}")


@pytest.mark.anyio
async def test_a_name_made_again_has_runs_of_its_own(engine: Engine) -> None:
    """And an idempotency key of the name before answers for nothing."""
    wait = TaskNode(name="h", task_reference_name="h", type="HUMAN")
    found = []
    for _ in range(2):
        await save(engine, workflow("again", wait))
        await save(engine, workflow("again", wait, version=2))
        key = {"idempotency_key": "k", "idempotency_strategy": "RETURN_EXISTING"}
        runs = [await start(engine, "again", version=version, **key) for version in (1, 2, None)]
        assert len(set(runs)) == 1
        found.append((await view(engine, runs[0])).run.name_id)
        for version in (1, 2):
            await engine.unregister("default", "again", version)
    assert len({*found, ""}) == 3
