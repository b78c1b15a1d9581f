"""Slots for HTTP requests are shared by projects: the slow answers of one hold up no other."""

import asyncio
from collections import Counter

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from stagedoor.engine.definition import TaskNode
from stagedoor.engine.embedded import apply, shares
from stagedoor.engine.embedded.decision import Performed
from stagedoor.engine.embedded.shares import SLOTS, Shares, rank_in_share
from stagedoor.engine.port import Candidate, Register, StartRequest
from stagedoor.store.store import Row
from tests.engine.contract.parts import ADA, unsealed, until, workflow
from tests.engine.embedded.conftest import Node, Nodes

SLOW, OTHER = "slow", "other"
ALONE = 128


class Targets:
    """Answers at once, save to the project SLOW, which waits for ever."""

    def __init__(self, node: Node) -> None:
        self.open = Counter[str]()
        node.doors.answer = self.answer

    async def answer(self, candidate: Candidate) -> Performed:
        self.open[candidate.project] += 1
        if candidate.project.startswith(SLOW):
            await asyncio.Event().wait()
        return Performed(task_id=candidate.task.task_id, value={})

    async def reach(self, project: str, count: int) -> None:
        async def reached() -> bool:
            return self.open[project] >= count

        await until(reached, f"{count} requests of {project}", 30)


async def requests(node: Node, project: str, count: int) -> list[str]:
    """Runs that make so many requests, eight each."""
    nodes = [TaskNode(name="h", task_reference_name=f"h{n}", type="HTTP", input_parameters={"uri": "https://a.example"}) for n in range(8)]
    fork = TaskNode(name="f", task_reference_name="f", type="FORK_JOIN", fork_tasks=[[node] for node in nodes])
    join = TaskNode(name="j", task_reference_name="j", type="JOIN", join_on=[node.task_reference_name for node in nodes])
    definition = workflow("w", fork, join)
    await node.engine.register(project, Register(definition=definition, saver=ADA, prepare=unsealed(definition), overwrite=True))
    return [await node.engine.start(project, StartRequest(name="w", starter=ADA)) for _ in range(count // 8)]


async def status(node: Node, project: str, run: str) -> str:
    return (await node.engine.run(project, run)).run.status


@pytest.mark.anyio
async def test_another_project_s_request_is_sent_while_all_slow_ones_are_open(nodes: Nodes) -> None:
    node = await nodes.started()
    targets = Targets(node)
    slow = await requests(node, SLOW, ALONE + 32)
    await targets.reach(SLOW, ALONE)
    (run,) = await requests(node, OTHER, 8)

    async def completed() -> bool:
        return await status(node, OTHER, run) == "COMPLETED"

    await until(completed, "the end of the other project's run", 30)
    assert targets.open == {SLOW: ALONE, OTHER: 8}
    assert [await status(node, SLOW, each) for each in slow] == ["RUNNING"] * len(slow)


@pytest.mark.slow
@pytest.mark.anyio
@pytest.mark.parametrize("database", ["sqlite"], indirect=True)
async def test_without_shares_it_waits_for_the_slow_ones(nodes: Nodes, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shares, "TIMES_FREE", 10**9)
    node = await nodes.started()
    targets = Targets(node)
    await requests(node, SLOW, SLOTS + 32)
    await targets.reach(SLOW, SLOTS)
    await requests(node, OTHER, 8)
    await asyncio.sleep(1.5)  # the line is looked at every half second
    assert targets.open == {SLOW: SLOTS}


@pytest.mark.slow
@pytest.mark.anyio
@pytest.mark.parametrize("database", ["sqlite"], indirect=True)
async def test_several_slow_projects_leave_slots_too(nodes: Nodes) -> None:
    node = await nodes.started()
    targets = Targets(node)
    for number in range(3):
        await requests(node, f"{SLOW}{number}", 136)
    await targets.reach(f"{SLOW}2", 16)
    (run,) = await requests(node, OTHER, 8)

    async def completed() -> bool:
        return await status(node, OTHER, run) == "COMPLETED"

    await until(completed, "the end of the other project's run", 30)
    assert sum(targets.open.values()) - 8 < SLOTS


@pytest.mark.anyio
async def test_jobs_queued_by_an_earlier_version_are_done(nodes: Nodes, monkeypatch: pytest.MonkeyPatch) -> None:
    """Which gave them the rank of their run's priority alone, so that they count as one project's or two."""
    node = await nodes.new()
    targets = Targets(node)
    with monkeypatch.context() as patch:
        patch.setattr(apply, "rank_in_share", lambda project, rank: rank)
        await requests(node, OTHER, 8)
        patch.setattr(apply, "rank_in_share", lambda project, rank: rank - 99)
        await requests(node, "third", 8)
    await node.engine.open()
    await targets.reach(OTHER, 8)
    await targets.reach("third", 8)


# --- how they are dealt ------------------------------------------------------------------------------------------------------------


def jobs(project: str, count: int) -> list[Row]:
    return [{"item_id": f"{project}-{number}", "rank": rank_in_share(project, 0)} for number in range(count)]


def dealt(going: Shares, rows: list[Row], free: int) -> Counter[str]:
    found = going.deal(rows, free)
    for row in found:
        going.begun(row)
    return Counter(row["item_id"].split("-")[0] for row in found)


@pytest.mark.parametrize(("projects", "each"), [(1, {128}), (2, {85, 86}), (3, {64}), (10, {23, 24})])
def test_how_many_slots_each_project_has_in_the_end(projects: int, each: set[int]) -> None:
    rows = [row for number in range(projects) for row in jobs(f"p{number}", 200)]
    assert set(dealt(Shares(), rows, SLOTS).values()) == each


def test_the_project_with_the_fewest_under_way_comes_first() -> None:
    going = Shares()
    assert dealt(going, jobs("a", 100), SLOTS) == {"a": 100}
    assert dealt(going, [*jobs("a", 50), *jobs("b", 40)], SLOTS - 100) == {"a": 8, "b": 40}
    assert dealt(going, [*jobs("a", 50), *jobs("c", 2)], SLOTS - 148) == {"c": 2}


@given(st.lists(st.integers(1, 300), min_size=1, max_size=8))
@settings(max_examples=30)
def test_eight_projects_leave_a_slot_to_who_comes_next(asked: list[int]) -> None:
    """Whatever they want, one after the other and all again."""
    going, held = Shares(), Counter[str]()
    for _ in range(2):
        for number, count in enumerate(asked):
            free = SLOTS - held.total()
            held += dealt(going, jobs(f"p{number}", count), free)
    assert held.total() < SLOTS and dealt(going, jobs("next", 1), SLOTS - held.total()) == {"next": 1}


def test_slots_come_back() -> None:
    going = Shares()
    rows = jobs("a", 200)
    first = going.deal(rows, SLOTS)
    for row in first:
        going.begun(row)
    for row in first:
        going.done(row)
    assert dealt(going, rows, SLOTS) == {"a": ALONE}


@pytest.mark.parametrize("project", ["default", "p-1", "", "ü" * 300])
def test_a_rank_keeps_the_order_of_priorities_and_fits_into_an_integer(project: str) -> None:
    ranks = [rank_in_share(project, -priority) for priority in (99, 50, 0)]
    assert ranks == sorted(ranks) and len({rank // 128 for rank in ranks}) == 1 and ranks[0] >= 0 and ranks[-1] < 2**31
