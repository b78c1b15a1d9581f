"""Many at once: no task goes to two pollers, no key starts two runs, no transactions wait in a circle."""

import asyncio

import pytest

from stagedoor.engine.definition import TaskNode
from stagedoor.engine.port import Deliver, Delivery, Hold
from stagedoor.kit.errors import Conflict
from tests.engine.contract.parts import complete, ended, poll, save, simple, start, view, workflow
from tests.engine.embedded.conftest import Node, Nodes

pytestmark = pytest.mark.anyio


async def several(nodes: Nodes) -> list[Node]:
    """Two nodes on PostgreSQL; an SQLite file belongs to one process."""
    first = await nodes.started()
    return [first] if "Sqlite" in type(first.store).__name__ else [first, await nodes.started()]


async def test_no_task_goes_to_two_pollers(nodes: Nodes) -> None:
    team = await several(nodes)
    await save(team[0].engine, workflow("w", simple("a")))
    runs = 120
    found: list[Delivery] = []

    async def worker(number: int) -> None:
        while len(found) < runs:
            found.extend(await poll(team[number % len(team)].engine, count=1 + number % 4, worker_id=str(number), timeout_ms=50))

    workers = [asyncio.create_task(worker(number)) for number in range(12)]
    await asyncio.gather(*(start(team[number % len(team)].engine, "w") for number in range(runs)))
    await asyncio.wait_for(asyncio.gather(*workers), 30)
    assert len(found) == runs
    assert len({work.task.task_id for work in found}) == runs


async def test_two_queues_of_the_same_runs_do_not_lock_each_other_out(nodes: Nodes) -> None:
    team = await several(nodes)
    branches = [[simple("x1", "x")], [simple("y1", "y")]]
    fork = TaskNode(name="f", task_reference_name="f", type="FORK_JOIN", fork_tasks=branches)
    join = TaskNode(name="j", task_reference_name="j", type="JOIN", join_on=["x1", "y1"])
    await save(team[0].engine, workflow("w", fork, join))
    runs = await asyncio.gather(*(start(team[0].engine, "w") for _ in range(40)))
    done = {"x": 0, "y": 0}

    async def worker(number: int, task_type: str) -> None:
        engine = team[number % len(team)].engine
        while done[task_type] < len(runs):
            works = await poll(engine, task_type, count=10, timeout_ms=50)
            done[task_type] += len(works)
            await asyncio.gather(*(complete(engine, work) for work in works))

    await asyncio.wait_for(asyncio.gather(*(worker(number, "xy"[number % 4 // 2]) for number in range(8))), 30)
    for run in runs:
        assert (await ended(team[0].engine, run)).run.status == "COMPLETED"


async def test_pollers_that_judge_at_the_same_time_leave_nothing_behind(nodes: Nodes) -> None:
    """An entitled poller that passed over what an unentitled one was judging hears of it when that one is through."""
    node = await nodes.started()
    node.doors.judge = lambda candidate, consumer: Deliver(candidate.task) if consumer == "entitled" else Hold("held")
    await save(node.engine, workflow("w", simple("a")))

    async def unentitled() -> None:
        while True:
            await poll(node.engine, consumer="other", count=10, timeout_ms=20)

    crowd = [asyncio.create_task(unentitled()) for _ in range(8)]
    try:
        for _ in range(20):
            await start(node.engine, "w")
            assert len(await poll(node.engine, consumer="entitled", timeout_ms=5_000)) == 1
    finally:
        for each in crowd:
            each.cancel()
        await asyncio.gather(*crowd, return_exceptions=True)


async def test_one_key_starts_one_run_whoever_is_first(nodes: Nodes) -> None:
    team = await several(nodes)
    await save(team[0].engine, workflow("w", simple("a")))
    starts = (
        start(team[number % len(team)].engine, "w", idempotency_key="k", idempotency_strategy="RETURN_EXISTING") for number in range(20)
    )
    assert len(set(await asyncio.gather(*starts))) == 1


async def test_one_of_many_savers_of_a_new_name_wins(nodes: Nodes) -> None:
    team = await several(nodes)
    saves = (save(team[number % len(team)].engine, workflow("w", simple("a"), description=str(number))) for number in range(10))
    results = await asyncio.gather(*saves, return_exceptions=True)
    assert sum(not isinstance(result, Exception) for result in results) == 1
    assert all(isinstance(result, Conflict) for result in results if isinstance(result, Exception))


async def test_saving_anew_while_runs_start_loses_no_revision(nodes: Nodes) -> None:
    team = await several(nodes)
    await save(team[0].engine, workflow("w", simple("a")))

    async def saver() -> None:
        for number in range(30):
            await save(team[-1].engine, workflow("w", simple("a"), description=str(number)), overwrite=True)

    starts = [start(team[0].engine, "w") for _ in range(60)]
    runs, _ = await asyncio.gather(asyncio.gather(*starts), saver())
    for run in runs:
        assert (await view(team[0].engine, run)).revision.definition.name == "w"


async def test_reports_and_the_end_of_the_run_at_once(nodes: Nodes) -> None:
    """Whatever comes first, the run ends once and its task has one outcome."""
    team = await several(nodes)
    await save(team[0].engine, workflow("w", simple("a")))
    for _ in range(15):
        run = await start(team[0].engine, "w")
        work = (await poll(team[0].engine, timeout_ms=2_000))[0]
        ends = (team[-1].engine.terminate("default", run), *(complete(each.engine, work, n=1) for each in team))
        await asyncio.gather(*ends, return_exceptions=True)
        seen = await view(team[0].engine, run)
        assert (seen.run.status, seen.tasks[0].status) in {("COMPLETED", "COMPLETED"), ("TERMINATED", "CANCELED")}
