"""The children: how they are confined, what happens when one dies, and who waits for whom."""

import asyncio
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from stagedoor.engine.embedded.script import Limits, ScriptError, ScriptPool
from stagedoor.kit.errors import Unavailable

pytestmark = pytest.mark.anyio

LOOP = "for(;;){}"


async def until(condition: Callable[[], bool]) -> None:
    async with asyncio.timeout(10):
        while not condition():
            await asyncio.sleep(0.01)


def alive(pid: int) -> bool:
    """Whether that process exists and is no zombie."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0] != "Z"
    except FileNotFoundError:
        return False


async def test_a_child_can_do_nothing_but_compute(pool: ScriptPool, monkeypatch: pytest.MonkeyPatch) -> None:
    await until(lambda: len(pool.pids) == 2)
    await pool.evaluate("jq", ".", 1)
    process = Path(f"/proc/{pool.pids[0]}")
    limits = {line[:26].strip(): line[26:].split()[:2] for line in (process / "limits").read_text().splitlines()}
    assert limits["Max file size"] == ["0", "0"]
    assert limits["Max processes"] == ["0", "0"]
    assert limits["Max open files"] == ["3", "3"]
    assert limits["Max core file size"] == ["0", "0"]
    assert int(limits["Max address space"][0]) < 400 << 20
    assert int(limits["Max cpu time"][0]) < 10
    assert {entry.name for entry in (process / "fd").iterdir()} <= {"0", "1", "2"}
    assert (process / "environ").read_bytes() == b""
    assert os.getpriority(os.PRIO_PROCESS, pool.pids[0]) == os.getpriority(os.PRIO_PROCESS, 0) + 10


async def test_a_child_killed_at_work_fails_that_script_alone(own_pool: ScriptPool) -> None:
    before = set(own_pool.pids)
    looping = asyncio.create_task(own_pool.evaluate("javascript", LOOP, {}))
    await asyncio.sleep(0.05)
    for pid in before:
        os.kill(pid, signal.SIGKILL)
    with pytest.raises(ScriptError, match="process ended"):
        await looping
    assert await own_pool.evaluate("javascript", "1", {}) == 1
    await until(lambda: len(own_pool.pids) == 2)
    assert not before & set(own_pool.pids)


async def test_children_killed_at_rest_are_replaced_and_nobody_notices(own_pool: ScriptPool) -> None:
    await until(lambda: len(own_pool.pids) == 2)
    for _ in range(3):
        await own_pool.evaluate("jq", ".", 1)
        pids = own_pool.pids
        for pid in pids:
            os.kill(pid, signal.SIGKILL)
        await until(lambda pids=pids: not any(map(alive, pids)))  # type: ignore[misc]
        assert await own_pool.evaluate("jq", ".", 1) == [1]


PARENT = """
import asyncio, sys
from stagedoor.engine.embedded.script import ScriptPool
async def main():
    async with ScriptPool() as pool:
        await pool.evaluate("javascript", "$.x", {"x": 1})
        loops = [asyncio.create_task(pool.evaluate("jq", "def f: f; f", i)) for i in range(2)]
        await asyncio.sleep(0.5)
        print(*pool.pids, flush=True)
        await asyncio.gather(*loops)
asyncio.run(main())
"""


async def test_children_die_with_a_parent_that_is_killed() -> None:
    environment = os.environ | {"PYTHONPATH": os.pathsep.join(sys.path)}
    with subprocess.Popen([sys.executable, "-c", PARENT], stdout=subprocess.PIPE, text=True, env=environment) as parent:
        assert parent.stdout is not None
        pids = [int(pid) for pid in parent.stdout.readline().split()]
        assert pids
        assert all(map(alive, pids))
        parent.kill()
    await until(lambda: not any(map(alive, pids)))


async def test_stopping_ends_the_children_and_answers_everybody() -> None:
    pool = ScriptPool()
    await pool.start()
    pids = pool.pids
    waiting = [asyncio.create_task(pool.evaluate("javascript", LOOP, i)) for i in range(5)]
    await asyncio.sleep(0.1)
    await pool.stop()
    assert all(isinstance(answer, Unavailable) for answer in await asyncio.gather(*waiting, return_exceptions=True))
    assert not any(map(alive, pids))


async def test_the_queue_is_bounded() -> None:
    async with ScriptPool(1, Limits(waiting=3, seconds=0.5)) as pool:
        scripts = [asyncio.create_task(pool.evaluate("javascript", LOOP, i)) for i in range(6)]
        answers = await asyncio.gather(*scripts, return_exceptions=True)
        assert sum(isinstance(answer, Unavailable) for answer in answers) == 3
        assert sum(isinstance(answer, ScriptError) for answer in answers) == 3
        assert await pool.evaluate("javascript", "1", {}) == 1


async def test_a_waiting_scripts_time_starts_when_it_runs() -> None:
    wait = "const until = Date.now() + 300; while (Date.now() < until); 'done'"
    async with ScriptPool(1, Limits(seconds=0.8)) as pool:
        assert await asyncio.gather(*(pool.evaluate("javascript", wait, i) for i in range(5))) == ["done"] * 5


async def test_a_caller_that_gives_up_leaves_the_pool_working(own_pool: ScriptPool) -> None:
    scripts = [asyncio.create_task(own_pool.evaluate("javascript", LOOP, i)) for i in range(4)]
    await asyncio.sleep(0.05)
    for script in scripts:
        script.cancel()
    await asyncio.gather(*scripts, return_exceptions=True)
    assert await own_pool.evaluate("javascript", "1", {}) == 1


async def test_tenants_take_turns() -> None:
    finished: list[str] = []

    async def run(tenant: str, number: int) -> None:
        await pool.evaluate("javascript", "1", number, tenant=tenant)
        finished.append(tenant)

    async with ScriptPool(1) as pool:
        await asyncio.gather(*(run("many", number) for number in range(200)), *(run("few", number) for number in range(5)))
    assert max(index for index, tenant in enumerate(finished) if tenant == "few") < 20


LOOPS = {"javascript": "for(;;){} // %d", "jq": "def f: f; f # %d"}


@pytest.mark.parametrize("language", ["javascript", "jq"])
async def test_twenty_loops_hold_up_neither_good_scripts_nor_the_server(language: str) -> None:
    async with ScriptPool() as pool:
        await pool.evaluate("javascript", "$.x", {"x": 1})
        loops = [asyncio.create_task(pool.evaluate(language, LOOPS[language] % number, {}, tenant=str(number))) for number in range(20)]  # type: ignore[arg-type]
        await asyncio.sleep(0)
        unknown = asyncio.create_task(pool.evaluate("javascript", "'never seen before'", {}))
        scripts, ticks = [], []
        deadline = time.monotonic() + 7
        while time.monotonic() < deadline:
            start = time.monotonic()
            await asyncio.sleep(0.001)
            ticks.append(time.monotonic() - start - 0.001)
            start = time.monotonic()
            assert await pool.evaluate("javascript", "$.x", {"x": 1}) == 1
            scripts.append(time.monotonic() - start)
        assert unknown.done(), "a new script waited for loops that had their whole time"
        for loop in loops:
            loop.cancel()
        await asyncio.gather(*loops, return_exceptions=True)
    assert sorted(scripts)[len(scripts) // 2] < 0.02
    assert max(scripts) < 2
    assert sorted(ticks)[len(ticks) // 2] < 0.005
    assert max(ticks) < 0.25
