"""Time limits, waits and delays, with a clock that moves only when told, and who may fire them."""

import pytest

from stagedoor.engine.definition import TaskDefinition, TaskNode
from stagedoor.kit.clock import ManualClock
from tests.engine.contract.parts import PROJECT, complete, poll, save, save_tasks, simple, start, statuses, take, until, view, workflow
from tests.engine.embedded.conftest import Node, Nodes

pytestmark = pytest.mark.anyio

SECOND = 1000


async def after(node: Node, clock: ManualClock, seconds: float) -> None:
    """So much later, with the clockwork's look done."""
    clock.advance(int(seconds * SECOND))
    await node.engine.clockwork.tick()


async def test_a_worker_that_does_not_answer_loses_its_task(nodes: Nodes, clock: ManualClock) -> None:
    node = await nodes.started()
    await save_tasks(node.engine, TaskDefinition(name="work", retry_count=1, retry_delay_seconds=5, response_timeout_seconds=10))
    await save(node.engine, workflow("w", simple("a")))
    run = await start(node.engine, "w")
    lost = await take(node.engine)
    await after(node, clock, 9.9)
    assert statuses(await view(node.engine, run)) == [("a", "IN_PROGRESS")]
    await after(node, clock, 0.2)
    assert statuses(await view(node.engine, run)) == [("a", "TIMED_OUT"), ("a", "SCHEDULED")]
    assert await poll(node.engine) == []
    clock.advance(5 * SECOND)
    second = await take(node.engine)
    assert second.task.retried_task_id == lost.task.task_id


async def test_a_heartbeat_keeps_the_task(nodes: Nodes, clock: ManualClock) -> None:
    node = await nodes.started()
    await save_tasks(node.engine, TaskDefinition(name="work", response_timeout_seconds=10))
    await save(node.engine, workflow("w", simple("a")))
    run = await start(node.engine, "w")
    work = await take(node.engine)
    for _ in range(5):
        await after(node, clock, 8)
        await node.engine.extend(PROJECT, work.task.task_id)
    assert statuses(await view(node.engine, run)) == [("a", "IN_PROGRESS")]
    await after(node, clock, 11)
    assert (await view(node.engine, run)).tasks[0].status == "TIMED_OUT"


async def test_a_task_that_nobody_polls_times_out(nodes: Nodes, clock: ManualClock) -> None:
    node = await nodes.started()
    await save_tasks(node.engine, TaskDefinition(name="work", retry_count=0, poll_timeout_seconds=10))
    await save(node.engine, workflow("w", simple("a")))
    run = await start(node.engine, "w")
    await after(node, clock, 11)
    assert (await view(node.engine, run)).run.status == "TIMED_OUT"
    assert await poll(node.engine) == []


async def test_a_workflow_times_out_as_a_whole(nodes: Nodes, clock: ManualClock) -> None:
    node = await nodes.started()
    await save(node.engine, workflow("w", simple("a"), timeout_seconds=60, timeout_policy="TIME_OUT_WF"))
    run = await start(node.engine, "w")
    await take(node.engine)
    await after(node, clock, 59)
    assert (await view(node.engine, run)).run.status == "RUNNING"
    await after(node, clock, 2)
    assert (await view(node.engine, run)).run.status == "TIMED_OUT"


async def test_nothing_falls_due_for_a_run_that_has_ended(nodes: Nodes, clock: ManualClock) -> None:
    node = await nodes.started()
    await save(node.engine, workflow("w", simple("a"), timeout_seconds=60, timeout_policy="TIME_OUT_WF"))
    run = await start(node.engine, "w")
    await complete(node.engine, await take(node.engine))
    clock.advance(61 * SECOND)
    assert await node.engine.clockwork.tick() == 0
    assert (await view(node.engine, run)).run.status == "COMPLETED"


async def test_a_wait_goes_on_after_a_restart(nodes: Nodes, clock: ManualClock) -> None:
    first = await nodes.started()
    pause = TaskNode(name="p", task_reference_name="p", type="WAIT", input_parameters={"duration": "1 hours"})
    await save(first.engine, workflow("w", pause))
    run = await start(first.engine, "w")
    await first.stop()
    clock.advance(3599 * SECOND)
    second = await nodes.started()
    await second.engine.clockwork.tick()
    assert (await view(second.engine, run)).run.status == "RUNNING"
    await after(second, clock, 2)
    assert (await view(second.engine, run)).run.status == "COMPLETED"


async def test_many_runs_fall_due_at_once(nodes: Nodes, clock: ManualClock) -> None:
    node = await nodes.started()
    pause = TaskNode(name="p", task_reference_name="p", type="WAIT", input_parameters={"duration": "10 seconds"})
    await save(node.engine, workflow("w", pause))
    runs = [await start(node.engine, "w") for _ in range(250)]
    clock.advance(10 * SECOND)

    async def over() -> bool:
        return all([(await view(node.engine, run)).run.status == "COMPLETED" for run in runs])

    await until(over, "the end of all waits")


@pytest.mark.parametrize("database", [pytest.param("postgres", marks=pytest.mark.postgres)], indirect=True)
async def test_one_node_at_a_time_fires_the_timers(nodes: Nodes, clock: ManualClock) -> None:
    first, second = await nodes.new(), await nodes.new()
    pause = TaskNode(name="p", task_reference_name="p", type="WAIT", input_parameters={"duration": "10 seconds"})
    await save(first.engine, workflow("w", pause))
    run = await start(first.engine, "w")
    await first.engine.clockwork.tick()
    clock.advance(2 * SECOND)
    assert await second.engine.clockwork.tick() == 0
    clock.advance(9 * SECOND)
    # The first one's lease has ended unrenewed: the second takes over, and the first finds that out before it fires.
    assert await second.engine.clockwork.tick() == 1
    assert (await view(second.engine, run)).run.status == "COMPLETED"
    late = await start(first.engine, "w")
    clock.advance(10 * SECOND)
    await second.engine.clockwork._owns()
    first.engine.clockwork._renew_at = clock.now() + SECOND
    assert await first.engine.clockwork.tick() == 1, "the first one believes in its old token"
    assert (await view(first.engine, late)).run.status == "RUNNING"
    await second.engine.clockwork.tick()
    assert (await view(first.engine, late)).run.status == "COMPLETED"
