"""Starting, looking at, ending and removing runs."""

import pytest

from stagedoor.engine.definition import SubWorkflow, TaskDefinition, TaskNode
from stagedoor.engine.port import Engine, Search, StartRequest, TaskUpdate
from stagedoor.engine.run import Run
from stagedoor.kit.errors import BadInput, Conflict, Forbidden, NotFound
from stagedoor.store import Transaction
from tests.engine.contract.parts import (
    ADA,
    PROJECT,
    complete,
    ended,
    fail,
    poll,
    save,
    save_tasks,
    simple,
    start,
    statuses,
    take,
    unsealed,
    until,
    view,
    workflow,
)

pytestmark = pytest.mark.anyio


async def test_it_works(engine: Engine) -> None:
    await save(engine, workflow("w", simple("a"), simple("b"), output_parameters={"sum": "${b.output.sum}"}))
    run = await start(engine, "w", input={"given": 1}, correlation_id="c", priority=3)
    first = await take(engine)
    assert (first.task.input_data, first.task.reference_task_name) == ({"given": 1}, "a")
    await complete(engine, first, x=1)
    await complete(engine, await take(engine), sum=2)
    seen = await ended(engine, run)
    assert (seen.run.status, seen.run.output, seen.run.correlation_id, seen.run.priority) == ("COMPLETED", {"sum": 2}, "c", 3)
    assert statuses(seen) == [("a", "COMPLETED"), ("b", "COMPLETED")]
    assert (await engine.run(PROJECT, run, False)).tasks == []


async def test_any_json_text_comes_back_as_it_went_in(engine: Engine) -> None:
    odd = {"lone": "\ud800", "nul": "a\0b", "big": 10**30, "small": 1e-300, "": [None, True, {"ä": "\u2028"}]}
    await save(engine, workflow("w", simple("a")))
    run = await start(engine, "w", input={"given": odd})
    task = await take(engine)
    assert task.task.input_data["given"] == odd
    await complete(engine, task, odd=odd)
    seen = await ended(engine, run)
    assert seen.run.output["odd"] == odd
    assert seen.run.input["given"] == odd


async def test_a_start_hook_shares_the_fate_of_the_start(engine: Engine) -> None:
    await save(engine, workflow("w", simple("a")))
    seen: list[Run] = []

    def refuse(tx: Transaction, run: Run) -> None:
        seen.append(run)
        raise Forbidden("no")

    with pytest.raises(Forbidden):
        await engine.start(PROJECT, StartRequest(name="w", starter=ADA), refuse)
    assert seen[0].starter == ADA
    assert await poll(engine) == []
    with pytest.raises(NotFound):
        await view(engine, seen[0].workflow_id)


async def test_what_does_not_exist_is_not_started(engine: Engine) -> None:
    with pytest.raises(NotFound, match="nowhere"):
        await start(engine, "nowhere")
    await save(engine, workflow("w", simple("a")))
    with pytest.raises(NotFound, match="version: 9"):
        await start(engine, "w", version=9)


async def test_an_inline_definition_runs_without_being_registered(engine: Engine) -> None:
    inline = workflow("inline", simple("a"))
    run = await start(engine, "inline", definition=inline, prepare=unsealed(inline))
    with pytest.raises(NotFound):
        await engine.definition(PROJECT, "inline")
    await complete(engine, await take(engine), x=1)
    assert (await ended(engine, run)).run.output == {"x": 1}


async def test_a_key_starts_one_run(engine: Engine) -> None:
    await save(engine, workflow("w", simple("a")))
    await save(engine, workflow("v", simple("a")))
    run = await start(engine, "w", idempotency_key="k")
    assert await start(engine, "w", idempotency_key="k", idempotency_strategy="RETURN_EXISTING") == run
    for strategy in (None, "FAIL", "FAIL_ON_RUNNING"):
        with pytest.raises(Conflict, match=run):
            await start(engine, "w", idempotency_key="k", idempotency_strategy=strategy)
    assert await start(engine, "v", idempotency_key="k") != run
    await engine.terminate(PROJECT, run)
    with pytest.raises(Conflict):
        await start(engine, "w", idempotency_key="k", idempotency_strategy="FAIL")
    second = await start(engine, "w", idempotency_key="k", idempotency_strategy="FAIL_ON_RUNNING")
    assert await start(engine, "w", idempotency_key="k", idempotency_strategy="RETURN_EXISTING") == second
    with pytest.raises(BadInput):
        await start(engine, "w", idempotency_key="k", idempotency_strategy="MAYBE")


async def test_terminate_ends_it_and_takes_its_tasks_away(engine: Engine) -> None:
    await save(engine, workflow("w", simple("a")))
    run = await start(engine, "w")
    await engine.terminate(PROJECT, run, "enough")
    seen = await view(engine, run)
    assert (seen.run.status, seen.run.reason_for_incompletion) == ("TERMINATED", "enough")
    assert statuses(seen) == [("a", "CANCELED")]
    assert await poll(engine) == []
    with pytest.raises(Conflict):
        await engine.terminate(PROJECT, run)
    with pytest.raises(NotFound):
        await engine.terminate(PROJECT, "nobody")


def sub(reference: str, name: str) -> TaskNode:
    parameters = SubWorkflow(name=name, version=1)
    given = {"given": "${workflow.input.given}"}
    return TaskNode(
        name=reference, task_reference_name=reference, type="SUB_WORKFLOW", sub_workflow_param=parameters, input_parameters=given
    )


async def test_a_child_runs_in_the_name_of_its_root(engine: Engine) -> None:
    await save(engine, workflow("child", simple("a"), output_parameters={"r": "${a.output.r}"}), saver="bob")
    await save(engine, workflow("parent", sub("s", "child"), output_parameters={"r": "${s.output.r}"}), saver="bob")
    run = await start(engine, "parent", starter="eve", input={"given": 5}, correlation_id="c")
    work = await take(engine)
    child = work.run
    assert (child.starter, child.parent_workflow_id, child.root_id, child.correlation_id) == ("eve", run, run, "c")
    assert work.task.input_data == {"given": 5}
    await complete(engine, work, r=9)
    seen = await ended(engine, run)
    assert (seen.run.status, seen.run.output) == ("COMPLETED", {"r": 9})
    assert seen.tasks[0].sub_workflow_id == child.workflow_id


async def test_terminate_reaches_children_of_children(engine: Engine) -> None:
    await save(engine, workflow("low", simple("a")))
    await save(engine, workflow("middle", sub("s", "low")))
    await save(engine, workflow("top", sub("s", "middle")))
    run = await start(engine, "top")
    low = (await take(engine)).run
    await engine.terminate(PROJECT, run, "enough")
    assert [(await view(engine, each)).run.status for each in (run, low.parent_workflow_id or "", low.workflow_id)] == ["TERMINATED"] * 3


async def test_a_child_that_fails_fails_its_parent(engine: Engine) -> None:
    await save(engine, workflow("child", simple("a")))
    await save(engine, workflow("parent", sub("s", "child")))
    run = await start(engine, "parent")
    await fail(engine, await take(engine), "out of paper", "FAILED_WITH_TERMINAL_ERROR")
    seen = await ended(engine, run)
    assert seen.run.status == "FAILED"
    assert "out of paper" in (seen.run.reason_for_incompletion or "")


async def test_a_child_that_does_not_exist_fails_its_task(engine: Engine) -> None:
    await save(engine, workflow("parent", sub("s", "nowhere")))
    seen = await ended(engine, await start(engine, "parent"))
    assert seen.run.status == "FAILED"
    assert "nowhere" in (seen.tasks[0].reason_for_incompletion or "")


async def test_a_workflow_that_starts_itself_ends_with_a_clear_reason(engine: Engine) -> None:
    await save(engine, workflow("mirror", sub("s", "mirror")))
    seen = await ended(engine, await start(engine, "mirror"))
    assert seen.run.status == "FAILED"
    assert "nested more than 50 deep" in (seen.run.reason_for_incompletion or "")


async def test_a_failure_workflow_runs_in_the_name_of_who_saved_the_failed_one(engine: Engine) -> None:
    await save(engine, workflow("repair", simple("fix", "fix", input_parameters={"why": "${workflow.input.reason}"})))
    await save(engine, workflow("w", simple("a"), failure_workflow="repair"), saver="bob")
    run = await start(engine, "w", starter="eve", input={"given": 1})
    await fail(engine, await take(engine), "broken", "FAILED_WITH_TERMINAL_ERROR")
    work = await take(engine, "fix")
    assert (work.run.starter, work.run.input["workflowId"], work.run.input["given"]) == ("bob", run, 1)
    assert "broken" in work.task.input_data["why"]
    assert (await view(engine, run)).run.output["conductor.failure_workflow"] == work.run.workflow_id


async def test_a_failure_workflow_that_does_not_exist_is_told(engine: Engine) -> None:
    await save(engine, workflow("w", simple("a"), failure_workflow="nowhere"))
    run = await start(engine, "w")
    await fail(engine, await take(engine), "broken", "FAILED_WITH_TERMINAL_ERROR")

    async def told() -> bool:
        return "failed to start" in str((await view(engine, run)).run.output["conductor.failure_workflow"])

    assert await until(told)


async def test_a_removed_run_leaves_nothing(engine: Engine) -> None:
    await save(engine, workflow("w", simple("a")))
    run = await start(engine, "w", idempotency_key="k")
    with pytest.raises(Conflict):
        await engine.remove(PROJECT, run)
    work = await take(engine)
    await engine.log(PROJECT, work.task.task_id, ["a line"])
    await complete(engine, work)
    await engine.remove(PROJECT, run)
    for ask in (view(engine, run), engine.task(PROJECT, work.task.task_id), engine.logs(PROJECT, work.task.task_id)):
        with pytest.raises(NotFound):
            await ask
    assert await start(engine, "w", idempotency_key="k")


async def test_search_by_name_and_status(engine: Engine) -> None:
    for name in ("v", "w"):
        await save(engine, workflow(name, simple("a", name)))
    runs = [await start(engine, name, correlation_id=name) for name in ("v", "w", "w")]
    await engine.terminate(PROJECT, runs[2])

    async def found(**fields: object) -> set[str]:
        total, page = await engine.search(PROJECT, Search(**fields))  # type: ignore[arg-type]
        assert total == len(page)
        return {run.workflow_id for run in page}

    assert await found() == set(runs)
    assert await found(names=["w"]) == set(runs[1:])
    assert await found(names=[]) == set()
    assert await found(names=["v", "w"], status="RUNNING") == set(runs[:2])
    assert await found(correlation_id="v") == {runs[0]}
    assert (await engine.search(PROJECT, Search(size=2)))[0] == 3
    assert len((await engine.search(PROJECT, Search(start=2, size=2)))[1]) == 1


async def test_retries_make_a_new_task_after_the_delay(engine: Engine) -> None:
    await save_tasks(engine, TaskDefinition(name="work", retry_count=1, retry_delay_seconds=1))
    await save(engine, workflow("w", simple("a")))
    run = await start(engine, "w")
    first = await take(engine)
    await fail(engine, first)
    assert await poll(engine) == []
    second = await take(engine)
    assert (second.task.retried_task_id, second.task.retry_count) == (first.task.task_id, 1)
    await fail(engine, second, "for good")
    assert "for good" in ((await ended(engine, run)).run.reason_for_incompletion or "")


async def test_an_update_of_an_unknown_task_is_refused(engine: Engine) -> None:
    with pytest.raises(NotFound, match="nobody"):
        await engine.update(PROJECT, TaskUpdate(task_id="nobody", status="COMPLETED"))
