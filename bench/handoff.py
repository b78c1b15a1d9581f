"""What the hand-off door adds to a poll: CPU of judging and filling a task with one marker, against the same task without.

    python -m bench.handoff

In process, inside a transaction of the store, as the queue asks the door, the worker's id cleaned as it is before a task is stored;
the writing of receipts and audit rows is left out. Tasks with and without a marker take turns, so that each finds the machine's caches as
the other, and the disk, have left them: that of those without is no less cold.
"""

import asyncio
import statistics
import tempfile
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

from stagedoor.bootstrap import open_server
from stagedoor.core.principal import Principal
from stagedoor.engine.embedded.engine import EmbeddedEngine
from stagedoor.engine.embedded.rows import load_run, unpack
from stagedoor.engine.port import Candidate, Deliver
from stagedoor.engine.run import Task
from stagedoor.gate.opening import Opening
from stagedoor.settings import Settings
from stagedoor.store.store import Store, Transaction
from tests.support.server import LiveServer

AIM = 60
RUNS, ROUNDS = 60, 15
WRITING: list[int] = []
"""What receipts and audit rows have cost since the door was last asked, in nanoseconds."""
VALUE = "hK3vQ9zL0xPqAtn5hK3vQ9zL0xPqAtn5"


def handoff_microseconds() -> dict[str, float]:
    """CPU microseconds of a task without a marker, with one, and what the marker adds: the median of the tasks, for each the least of some
    rounds, so that what else the machine does counts little."""
    with tempfile.TemporaryDirectory() as folder:
        server = LiveServer(Path(folder) / "data")
        server.init()
        server.start()
        try:
            worker, runs = _seed(server)
        finally:
            server.stop()
        took = asyncio.run(_measure(Settings(data=server.data), Principal("default", f"app:{worker}", "bench"), runs))
    report = {name: round(statistics.median(times), 1) for name, times in took.items()}
    report["added"] = round(report["with"] - report["without"], 1)
    print(
        f"{'hand-off door':<26} {report['added']:>6} us of CPU added by a marker ({report['with']} against {report['without']})"
        f"   aim {AIM} us",
        flush=True,
    )
    return report


def _seed(server: LiveServer) -> tuple[str, dict[str, list[str]]]:
    """An application that may work on both tasks, and runs whose one task waits for it."""
    admin = server.admin()
    worker, _ = admin.application("bench worker", "WORKER")
    admin.put_secret("bench_key", VALUE)
    admin.grant(worker, "SECRET_NAME", "bench_key", "READ")
    runs = {}
    for name, given in (("without", "no secret"), ("with", "${workflow.secrets.bench_key}")):
        admin.call("POST", "/api/metadata/taskdefs", [{"name": f"bench_{name}"}])
        admin.grant(worker, "TASK_DEF", f"bench_{name}", "EXECUTE")
        inputs: dict[str, Any] = {"key": given, "order": "${workflow.input}", "plain": ["a", {"b": 1}]}
        task = {"name": f"bench_{name}", "taskReferenceName": "only", "type": "SIMPLE", "inputParameters": inputs}
        admin.save({"name": f"bench_{name}_flow", "version": 1, "tasks": [task]})
        runs[name] = [admin.start(f"bench_{name}_flow", {"n": number}) for number in range(RUNS)]
    return worker, runs


async def _measure(settings: Settings, consumer: Principal, runs: dict[str, list[str]]) -> dict[str, list[float]]:
    took: dict[str, list[list[float]]] = {name: [] for name in runs}
    remember = Opening.remember

    def timed(*given: Any, **more: Any) -> None:
        begun = time.thread_time_ns()
        remember(*given, **more)
        WRITING.append(time.thread_time_ns() - begun)

    Opening.remember = timed  # type: ignore[method-assign]
    try:
        async with open_server(settings) as server:
            engine = server.gate.engine
            assert isinstance(engine, EmbeddedEngine)
            for number in range(ROUNDS):
                spent: dict[str, list[float]] = {name: [] for name in runs}
                for pair in zip(*runs.values(), strict=True):
                    for name, run in zip(runs, pair, strict=True):
                        ask = partial(_one, engine=engine, consumer=consumer, run_id=run, undo=number > 0)
                        spent[name].append(await _spent(server.gate.store, ask))
                for name, times in spent.items():
                    took[name].append(times)
    finally:
        Opening.remember = remember  # type: ignore[method-assign]
    return {name: [min(times) for times in zip(*rounds, strict=True)] for name, rounds in took.items()}


class _Undone(Exception):
    """The transaction is rolled back, so that the disk is not waited for."""

    def __init__(self, spent: float) -> None:
        super().__init__()
        self.spent = spent


async def _spent(store: Store, ask: Callable[[Transaction], float]) -> float:
    try:
        return await store.write(ask)
    except _Undone as undone:
        return undone.spent


def _one(tx: Transaction, engine: EmbeddedEngine, consumer: Principal, run_id: str, *, undo: bool) -> float:
    """Microseconds at the door for the one task of a run, in a transaction of its own."""
    machine, run = engine._machine, load_run(tx, run_id)
    [row] = tx.all("task_of_run", run_id=run_id)
    assert run is not None
    task = unpack(Task, row["body"])
    revision = machine.definitions.revision(tx, run.project_id, run.revision_id)
    record = machine.definitions.task_record(tx, run.project_id, task.task_def_name)
    candidate = Candidate(run.project_id, run, task, revision, record)
    begun = time.thread_time_ns()
    verdict = machine.doors.admit(tx, candidate, consumer)
    worker = machine.doors.clean(tx, run, "bench-worker-1")
    spent = time.thread_time_ns() - begun - sum(WRITING)
    WRITING.clear()
    assert worker == "bench-worker-1"
    assert isinstance(verdict, Deliver)
    assert (VALUE in str(verdict.task.input_data)) == (run.workflow_name == "bench_with_flow")
    if undo:
        raise _Undone(spent / 1000)
    return spent / 1000


if __name__ == "__main__":
    handoff_microseconds()
