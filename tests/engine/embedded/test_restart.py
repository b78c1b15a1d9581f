"""A run survives the loss of its process at any point: all that is needed to go on is in rows."""

import asyncio
import subprocess
import sys
from pathlib import Path

import pytest

from stagedoor.engine.definition import SubWorkflow, TaskDefinition, TaskNode
from stagedoor.engine.embedded.decision import Performed
from stagedoor.engine.port import Candidate
from stagedoor.kit.clock import ManualClock
from tests.engine.contract.parts import OpenDoors, complete, ended, fail, save, save_tasks, simple, start, take, until, view, workflow
from tests.engine.embedded.conftest import Nodes

pytestmark = pytest.mark.anyio

HTTP = TaskNode(name="h", task_reference_name="h", type="HTTP", input_parameters={"uri": "https://example.com"})
LOST = Path(__file__).with_name("lost_process.py")


def forever(doors: OpenDoors) -> asyncio.Event:
    """Requests that are never answered; the event tells that one was made."""
    asked = asyncio.Event()

    async def answer(candidate: Candidate) -> Performed:
        asked.set()
        await asyncio.Event().wait()
        raise AssertionError

    doors.answer = answer
    return asked


async def test_a_queued_task_is_handed_out_after_a_restart(nodes: Nodes) -> None:
    first = await nodes.started()
    await save(first.engine, workflow("w", simple("a")))
    run = await start(first.engine, "w")
    await first.stop()
    second = await nodes.started()
    await complete(second.engine, await take(second.engine))
    assert (await view(second.engine, run)).run.status == "COMPLETED"


async def test_a_leased_task_is_reported_on_or_given_to_another_after_a_restart(nodes: Nodes, clock: ManualClock) -> None:
    first = await nodes.started()
    await save_tasks(first.engine, TaskDefinition(name="work", retry_count=1, retry_delay_seconds=0, response_timeout_seconds=30))
    await save(first.engine, workflow("w", simple("a")))
    runs = [await start(first.engine, "w") for _ in range(2)]
    works = [await take(first.engine) for _ in runs]
    await first.stop()
    second = await nodes.started()
    await complete(second.engine, works[0])
    clock.advance(31_000)
    await second.engine.clockwork.tick()
    again = await take(second.engine)
    assert again.task.retried_task_id == works[1].task.task_id
    await complete(second.engine, again)
    for run in runs:
        assert (await ended(second.engine, run)).run.status == "COMPLETED"


async def test_a_request_under_way_is_made_again_after_a_stop(nodes: Nodes) -> None:
    first = await nodes.started()
    asked = forever(first.doors)
    await save(first.engine, workflow("w", HTTP))
    run = await start(first.engine, "w")
    await asyncio.wait_for(asked.wait(), 5)
    await first.stop()
    second = await nodes.started()
    assert (await ended(second.engine, run)).run.status == "COMPLETED"


async def test_children_parents_and_failure_workflows_wait_for_the_next_process(nodes: Nodes) -> None:
    """Engines that are never opened take requests but do nothing by themselves, as one that dies right after its answer."""
    lost = await nodes.new()
    sub = TaskNode(name="s", task_reference_name="s", type="SUB_WORKFLOW", sub_workflow_param=SubWorkflow(name="child"))
    await save(lost.engine, workflow("child", simple("a")))
    await save(lost.engine, workflow("repair", simple("r", "repair")))
    await save(lost.engine, workflow("parent", sub, failure_workflow="repair"))
    run = await start(lost.engine, "parent")
    await lost.stop()
    helper = await nodes.started()
    work = await take(helper.engine)
    await helper.stop()
    lost = await nodes.new()
    await fail(lost.engine, work, "broken", "FAILED_WITH_TERMINAL_ERROR")
    assert (await view(lost.engine, run)).run.status == "RUNNING"
    await lost.stop()
    last = await nodes.started()
    assert (await ended(last.engine, run)).run.status == "FAILED"
    repair = await take(last.engine, "repair")
    assert repair.run.input["workflowId"] == run


async def test_nothing_is_lost_with_a_killed_process(nodes: Nodes, database: str, clock: ManualClock) -> None:
    """The process holds a request under way, a leased worker task and a queued one when it is killed."""
    first = await nodes.new()
    await save_tasks(first.engine, TaskDefinition(name="work", retry_count=1, retry_delay_seconds=0, response_timeout_seconds=20))
    await save(first.engine, workflow("request", HTTP))
    await save(first.engine, workflow("w", simple("a")))
    await first.stop()
    with subprocess.Popen([sys.executable, str(LOST), database, str(clock.now())], stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout
        runs = (await asyncio.to_thread(process.stdout.readline)).split()
        process.kill()
    assert len(runs) == 3
    node = await nodes.started()
    if not database.startswith("/"):
        clock.advance(31_000)  # another node cannot know that the holder is dead before the lease ends
    else:
        clock.advance(21_000)
    await node.engine.clockwork.tick()
    for _ in range(2):
        await complete(node.engine, await take(node.engine))
    for run in runs:
        assert (await ended(node.engine, run)).run.status == "COMPLETED"


@pytest.mark.parametrize("database", [pytest.param("postgres", marks=pytest.mark.postgres)], indirect=True)
async def test_a_live_node_keeps_its_job_and_a_dead_ones_late_answer_is_ignored(nodes: Nodes, clock: ManualClock) -> None:
    slow, other = await nodes.started(), await nodes.new()
    asked, told = asyncio.Event(), asyncio.Event()
    made: list[str] = []

    async def answer(candidate: Candidate) -> Performed:
        asked.set()
        await told.wait()
        return Performed(task_id=candidate.task.task_id, value={"by": "slow"})

    async def at_once(candidate: Candidate) -> Performed:
        made.append(candidate.task.task_id)
        return Performed(task_id=candidate.task.task_id, value={"by": "other"})

    slow.doors.answer, other.doors.answer = answer, at_once
    await save(slow.engine, workflow("w", HTTP, simple("a")))
    run = await start(slow.engine, "w")
    await asyncio.wait_for(asked.wait(), 5)
    await other.engine.open()
    await asyncio.sleep(0.8)
    assert made == []
    clock.advance(31_000)

    async def done() -> bool:
        return (await view(other.engine, run)).tasks[0].status == "COMPLETED"

    await until(done)
    told.set()
    await asyncio.sleep(0.3)
    assert (await view(other.engine, run)).tasks[0].output_data == {"by": "other"}
    assert len((await view(other.engine, run)).tasks) == 2
