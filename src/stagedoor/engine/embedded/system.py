"""The server's own jobs: scripts, HTTP requests, children to start, parents and failure workflows to see to.

Each kind has a line in the table `work` and a dispatcher that keeps a bounded number going. A job that only touches the
store is one transaction that also removes its row. One that leaves the store (a script, a request) is leased first,
performed outside any transaction, and its result is taken only while the lease still stands: a job taken away, or
leased anew after this process was thought dead, changes nothing when it comes late.
"""

import asyncio
import contextlib
import logging
from collections.abc import Awaitable, Callable, Coroutine
from dataclasses import dataclass
from typing import Any, Protocol, TypeVar

import msgspec

from stagedoor.engine.definition import Json
from stagedoor.engine.embedded.apply import FAILURE, HTTP, KEPT, PARENT, SCRIPT, START, FailureJob, Machine, ParentJob
from stagedoor.engine.embedded.decision import ChildEnded, Evaluate, Performed, StartChild
from stagedoor.engine.embedded.queue import Waiting
from stagedoor.engine.embedded.rows import load_run, unpack, unpack_json
from stagedoor.engine.embedded.script import ScriptError
from stagedoor.engine.embedded.shares import SLOTS, Shares
from stagedoor.engine.embedded.starts import Starts
from stagedoor.engine.port import Candidate
from stagedoor.engine.run import RUN_TERMINAL, TERMINAL, Task
from stagedoor.kit.errors import Unavailable
from stagedoor.store.store import Row, Store, Transaction

log = logging.getLogger(__name__)
S = TypeVar("S", bound=msgspec.Struct)

LEASE_MS = 30_000
RENEW_SECONDS = 10.0
AGAIN_SECONDS = 0.5
"""Jobs that fall due, or whose holder died, are found by looking; new ones ring a bell."""
REST_SECONDS = 2.0
"""How long a job is left alone after its own transaction failed."""


class Scripts(Protocol):
    """What is needed of `script.ScriptPool`."""

    async def evaluate(self, language: Any, source: str, input: Json, *, tenant: str = "") -> Json: ...


@dataclass(frozen=True, slots=True)
class Line:
    """A kind of job: how many at once, and how one is done."""

    name: str
    at_once: int
    do: Callable[[Row], Awaitable[None]]
    ready: Callable[[int], Awaitable[list[Row]]]


class Jobs:
    """The dispatchers of one process. `node` makes its leases its own."""

    def __init__(self, store: Store, machine: Machine, scripts: Scripts, waiting: Waiting, node: str) -> None:
        self._store = store
        self._machine = machine
        self._starts = Starts(machine)
        self._scripts = scripts
        self._waiting = waiting
        self._node = node
        self._count = 0
        self._busy: set[tuple[str, str]] = set()
        self._held: dict[str, str] = {}
        self._tasks: set[asyncio.Task[None]] = set()

    def start(self) -> None:
        for name, do in ((START, self._child), (PARENT, self._parent), (FAILURE, self._failure), (KEPT, self._kept)):
            self._spawn(self._dispatch(Line(name, 32, self._within(do), self._waiting_in(name))))
        self._spawn(self._dispatch(Line(SCRIPT, 64, self._leased(self._evaluate), self._lease_in(SCRIPT))))
        self._spawn(self._dispatch(self._shared(HTTP, self._send)))
        self._spawn(self._renew())

    async def close(self) -> None:
        """Stop at once; what was leased goes back, to be done by whoever comes next."""
        tasks = list(self._tasks)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        held, self._held = dict(self._held), {}
        if held:
            with contextlib.suppress(Unavailable):
                await self._store.write(lambda tx: [tx.do("job_release", item_id=item, lease=lease) for item, lease in held.items()])

    def _spawn(self, work: Coroutine[Any, Any, None]) -> asyncio.Task[None]:
        task = asyncio.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return task

    # -- dispatching
    async def _dispatch(self, line: Line) -> None:
        going: set[asyncio.Task[None]] = set()
        with self._waiting.at(line.name) as bell:
            while True:
                bell.clear()
                free = line.at_once - len(going)
                rows = await self._rows(line, free) if free else []
                for row in rows:
                    task = self._spawn(self._one(line, row))
                    going.add(task)
                    task.add_done_callback(going.discard)
                    task.add_done_callback(lambda done: bell.set())
                with contextlib.suppress(TimeoutError):
                    await asyncio.wait_for(bell.wait(), AGAIN_SECONDS)

    async def _rows(self, line: Line, free: int) -> list[Row]:
        try:
            return await line.ready(free)
        except Exception as problem:
            log.warning("jobs of %s cannot be looked up: %s", line.name, type(problem).__name__)
            return []

    async def _one(self, line: Line, row: Row) -> None:
        key = (line.name, row["item_id"])
        self._busy.add(key)
        try:
            await line.do(row)
        except Exception as problem:
            # Only the kind of error: its text may hold what a script or a request was given.
            log.warning("a job of %s for run %s failed: %s", line.name, row["run_id"], type(problem).__name__)
            await asyncio.sleep(REST_SECONDS)
        finally:
            self._busy.discard(key)

    # -- jobs that are one transaction
    def _waiting_in(self, line: str) -> Callable[[int], Awaitable[list[Row]]]:
        async def ready(free: int) -> list[Row]:
            return (await self._idle(line, free + len(self._busy)))[:free]

        return ready

    def _within(self, do: Callable[[Transaction, Row], None]) -> Callable[[Row], Awaitable[None]]:
        async def one(row: Row) -> None:
            await self._store.write(lambda tx: do(tx, row))

        return one

    def _taken(self, tx: Transaction, row: Row, line: str) -> bytes | None:
        """The job's payload, its row removed; None if it is gone. The caller has locked its run."""
        found = tx.one("job_payload", item_id=row["item_id"], line=line)
        if found is None:
            return None
        tx.do("work_remove", item_id=row["item_id"])
        payload: str = found["payload"]
        return payload.encode()

    def _child(self, tx: Transaction, row: Row) -> None:
        load_run(tx, row["run_id"], "run_locked")
        payload = self._taken(tx, row, START)
        if payload is None:
            return
        try:
            command = _read(payload, StartChild)
        except msgspec.ValidationError as problem:  # version, priority and domains may come from data
            wrong = Performed(task_id=row["item_id"], error=f"the sub-workflow cannot be started: {problem}", terminal=True)
            self._machine.handle(tx, row["run_id"], wrong)
        else:
            self._starts.child(tx, row["run_id"], command)

    def _parent(self, tx: Transaction, row: Row) -> None:
        load_run(tx, row["run_id"], "run_locked")
        if payload := self._taken(tx, row, PARENT):
            job = _read(payload, ParentJob)
            child = load_run(tx, job.child_id)
            if child is None:
                ended = ChildEnded(task_id=job.task_id, child_id=job.child_id, status="FAILED", reason="the sub-workflow's run was removed")
            else:
                ended = ChildEnded(
                    task_id=job.task_id,
                    child_id=job.child_id,
                    status=child.status,
                    output=child.output,
                    reason=child.reason_for_incompletion,
                    masked_fields=child.masked_fields,
                )
            self._machine.handle(tx, row["run_id"], ended)

    def _failure(self, tx: Transaction, row: Row) -> None:
        failed = load_run(tx, row["run_id"], "run_locked")
        payload = self._taken(tx, row, FAILURE)
        if payload and failed is not None:
            self._starts.failure(tx, failed, _read(payload, FailureJob))

    def _kept(self, tx: Transaction, row: Row) -> None:
        load_run(tx, row["run_id"], "run_locked")
        if payload := self._taken(tx, row, KEPT):
            self._machine.handle(tx, row["run_id"], _read(payload, Performed))

    # -- jobs that leave the store
    def _lease_in(self, line: str) -> Callable[[int], Awaitable[list[Row]]]:
        async def ready(free: int) -> list[Row]:
            ids = [row["item_id"] for row in await self._idle(line, free)]
            return await self._lease(line, ids) if ids else []

        return ready

    def _shared(self, line: str, perform: Callable[[Row], Awaitable[Performed | None]]) -> Line:
        """A line whose slots are shared by projects."""
        shares, leased = Shares(), self._leased(perform)

        async def ready(free: int) -> list[Row]:
            now = self._machine.clock.now()
            found = await self._store.read(lambda tx: shares.waiting(tx, line, now, free))
            ids = [row["item_id"] for row in shares.deal([row for row in found if (line, row["item_id"]) not in self._busy], free)]
            rows = await self._lease(line, ids) if ids else []
            for row in rows:
                shares.begun(row)
            return rows

        async def one(row: Row) -> None:
            try:
                await leased(row)
            finally:
                shares.done(row)

        return Line(line, SLOTS, one, ready)

    async def _idle(self, line: str, size: int) -> list[Row]:
        """Jobs to be done that this process is not busy with."""
        now = self._machine.clock.now()
        rows = await self._store.read(lambda tx: tx.all("job_ready", line=line, now=now, size=size))
        return [row for row in rows if (line, row["item_id"]) not in self._busy]

    async def _lease(self, line: str, ids: list[str]) -> list[Row]:
        now = self._machine.clock.now()
        self._count += 1
        lease = f"{self._node}:{self._count}"

        def take(tx: Transaction) -> list[Row]:
            taken = (tx.one("job_lease", item_id=item, line=line, lease=lease, until=now + LEASE_MS, now=now) for item in ids)
            return [row for row in taken if row]

        rows = await self._store.write(take)
        self._held |= {row["item_id"]: lease for row in rows}
        return rows

    def _leased(self, perform: Callable[[Row], Awaitable[Performed | None]]) -> Callable[[Row], Awaitable[None]]:
        async def one(row: Row) -> None:
            try:
                result = await perform(row)
                await self._store.write(lambda tx: self._finish(tx, row, result))
            except Exception:
                self._let_go(row)  # first: if the release fails too, the lease must run out, not be renewed for ever
                await self._store.write(lambda tx: tx.do("job_release", item_id=row["item_id"], lease=row["lease"]))
                raise
            self._let_go(row)

        return one

    def _let_go(self, row: Row) -> None:
        """Renew its lease no more."""
        if self._held.get(row["item_id"]) == row["lease"]:
            del self._held[row["item_id"]]

    def _finish(self, tx: Transaction, row: Row, result: Performed | None) -> None:
        load_run(tx, row["run_id"], "run_locked")
        if tx.do("job_finish", item_id=row["item_id"], lease=row["lease"]) and result is not None:
            self._machine.handle(tx, row["run_id"], result)

    async def _evaluate(self, row: Row) -> Performed:
        job = _read(row["payload"].encode(), Evaluate)
        try:
            value = await self._scripts.evaluate(job.language, job.source, job.input, tenant=row["run_id"])
        except ScriptError as problem:
            return Performed(task_id=job.task_id, error=problem.message)
        return Performed(task_id=job.task_id, value=value)

    async def _send(self, row: Row) -> Performed | None:
        candidate = await self._store.read(lambda tx: self._candidate(tx, row))
        if candidate is None:
            return None
        try:
            return await self._machine.doors.send(candidate)
        except Unavailable:
            raise
        except Exception as problem:
            log.warning("the egress door failed for run %s: %s", row["run_id"], type(problem).__name__)
            return Performed(task_id=candidate.task.task_id, error="the request could not be made")

    def _candidate(self, tx: Transaction, row: Row) -> Candidate | None:
        run, found = load_run(tx, row["run_id"]), tx.one("task_by_id", task_id=row["item_id"])
        if run is None or found is None or run.status in RUN_TERMINAL:
            return None
        task = unpack(Task, found["body"])
        if task.status in TERMINAL:
            return None
        definitions = self._machine.definitions
        revision = definitions.revision(tx, run.project_id, run.revision_id)
        return Candidate(run.project_id, run, task, revision, definitions.task_record(tx, run.project_id, task.task_def_name))

    async def _renew(self) -> None:
        """Keep the leases of what is being performed."""
        while True:
            await asyncio.sleep(RENEW_SECONDS)
            held, until = dict(self._held), self._machine.clock.now() + LEASE_MS
            if held:
                with contextlib.suppress(Unavailable):
                    await self._store.write(
                        lambda tx: [tx.do("job_renew", item_id=item, lease=lease, until=until) for item, lease in held.items()]  # noqa: B023
                    )


def _read(payload: bytes, kind: type[S]) -> S:
    """A job as `rows.pack` wrote it."""
    try:
        return msgspec.json.decode(payload, type=kind, strict=False)
    except msgspec.ValidationError:
        raise
    except msgspec.DecodeError:
        return msgspec.convert(unpack_json(payload.decode()), kind, strict=False)
