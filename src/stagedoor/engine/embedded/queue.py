"""Worker tasks: who waits for them, and how one is leased to exactly one poller."""

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from typing import NamedTuple

from msgspec.structs import replace as altered

from stagedoor.engine.embedded.apply import Machine, line_of
from stagedoor.engine.embedded.decision import TaskUpdated
from stagedoor.engine.embedded.rows import load_run, put_task, unpack
from stagedoor.engine.port import Candidate, Deliver, Delivery, Hold, Poll
from stagedoor.engine.run import RUN_TERMINAL, Run, Task
from stagedoor.store.store import Row, Store, Transaction

PAGE = 100
RECHECK_SECONDS = 1.0
"""Notices from other nodes may be lost: a waiting poll looks again after this time at the latest."""


class Waiting:
    """The polls that wait, by line. Bells ring on the event loop only."""

    def __init__(self) -> None:
        self._bells: dict[str, set[asyncio.Event]] = {}

    @contextmanager
    def at(self, line: str) -> Iterator[asyncio.Event]:
        bell = asyncio.Event()
        bells = self._bells.setdefault(line, set())
        bells.add(bell)
        try:
            yield bell
        finally:
            bells.discard(bell)
            if not bells and self._bells.get(line) is bells:
                del self._bells[line]

    def wake(self, line: str) -> None:
        """Ring for one line; an empty name rings everywhere."""
        for bells in [self._bells.get(line, set())] if line else list(self._bells.values()):
            for bell in bells:
                bell.set()


class Cursor(NamedTuple):
    """Behind which item of a line to go on."""

    after_rank: int = -(2**31)
    after_due: int = 0
    after_id: str = ""


@dataclass(slots=True)
class Haul:
    """What one transaction got: tasks leased, and items whose run another transaction held, to be tried again."""

    leased: list[Delivery] = field(default_factory=list)
    busy: list[Row] = field(default_factory=list)


class Queue:
    """Leases tasks. Items that a poll of this process is judging are left out by its other polls, so none is judged twice at once."""

    def __init__(self, store: Store, machine: Machine, waiting: Waiting) -> None:
        self._store = store
        self._machine = machine
        self._waiting = waiting
        self._judged: set[str] = set()
        self._passed_over: set[str] = set()

    async def poll(self, project: str, poll: Poll) -> list[Delivery]:
        """See `port.Engine.poll`."""
        line = line_of(project, f"{poll.domain}:{poll.task_type}" if poll.domain else poll.task_type)
        loop = asyncio.get_running_loop()
        until = loop.time() + poll.timeout_ms / 1000
        with self._waiting.at(line) as bell:
            while True:
                bell.clear()
                found = await self._lease(project, line, poll)
                left = until - loop.time()
                if found or left <= 0:
                    return found
                await self._rest(line, bell, left)
                if poll.ready:
                    await poll.ready()

    async def _rest(self, line: str, bell: asyncio.Event, left: float) -> None:
        """Until something is queued, a delayed item falls due, or the time is up."""
        now = self._machine.clock.now()
        row = await self._store.read(lambda tx: tx.one("work_next_due", line=line, now=now))
        due = row["due"] if row else None
        pause = min(left, RECHECK_SECONDS, max(0.0, (due - now) / 1000) if due is not None else left)
        try:
            await asyncio.wait_for(bell.wait(), pause)
        except TimeoutError:
            return

    async def _lease(self, project: str, line: str, poll: Poll) -> list[Delivery]:
        """From the front of the line backwards until `count` are leased: those held for others block nobody."""
        leased: list[Delivery] = []
        cursor = Cursor()
        while len(leased) < poll.count:
            size = min(PAGE, poll.count - len(leased) if cursor == Cursor() else PAGE)
            page = await self._page(line, cursor, size)
            if not page:
                break
            leased += await self._judge(project, line, replace(poll, count=poll.count - len(leased)), page)
            last = page[-1]
            cursor = Cursor(last["rank"], last["due"], last["item_id"])
        return leased

    async def _page(self, line: str, cursor: Cursor, size: int) -> list[Row]:
        now = self._machine.clock.now()
        return await self._store.read(lambda tx: tx.all("work_waiting", line=line, now=now, size=size, **cursor._asdict()))

    async def _judge(self, project: str, line: str, poll: Poll, page: list[Row]) -> list[Delivery]:
        mine = [row for row in page if row["item_id"] not in self._judged]
        if len(mine) < len(page):
            self._passed_over.add(line)
        ids = {row["item_id"] for row in mine}
        self._judged |= ids
        leased: list[Delivery] = []
        try:
            while mine and len(leased) < poll.count:
                wanted = poll.count - len(leased)
                rows = mine
                haul = await self._store.write(lambda tx: self._take(tx, project, line, replace(poll, count=wanted), rows))  # noqa: B023
                leased += haul.leased
                mine = haul.busy
        finally:
            self._judged -= ids
            if line in self._passed_over:
                self._passed_over.discard(line)
                self._waiting.wake(line)
        return leased

    def _take(self, tx: Transaction, project: str, line: str, poll: Poll, rows: list[Row]) -> Haul:
        """Only the first run is waited for: whoever holds one lock and waits for another could wait in a circle."""
        haul = Haul()
        for number, row in enumerate(rows):
            if len(haul.leased) == poll.count:
                break
            run = load_run(tx, row["run_id"], "run_locked_now" if number else "run_locked")
            if run is None:
                if number:
                    haul.busy.append(row)
                continue
            if run.project_id == project and (found := self._offer(tx, run, row["item_id"], line, poll)):
                haul.leased.append(found)
        return haul

    def _offer(self, tx: Transaction, run: Run, task_id: str, line: str, poll: Poll) -> Delivery | None:
        """Judge one task for this poller, under its run's lock, and lease it if the door says so."""
        if not tx.one("work_here", item_id=task_id, line=line, now=self._machine.clock.now()):
            return None
        row = tx.one("task_by_id", task_id=task_id)
        if row is None or run.status in RUN_TERMINAL:
            tx.do("work_remove", item_id=task_id)
            return None
        task = unpack(Task, row["body"])
        revision = self._machine.definitions.revision(tx, run.project_id, run.revision_id)
        record = self._machine.definitions.task_record(tx, run.project_id, task.task_def_name)
        candidate = Candidate(run.project_id, run, task, revision, record)
        verdict = self._machine.doors.admit(tx, candidate, poll.consumer)
        if isinstance(verdict, Deliver):
            return self._deliver(tx, candidate, verdict, poll.worker_id)
        if isinstance(verdict, Hold):
            if task.reason_for_incompletion != verdict.reason:
                put_task(tx, altered(task, reason_for_incompletion=verdict.reason))
            return None
        refused = TaskUpdated(task_id=task_id, status="FAILED_WITH_TERMINAL_ERROR", reason=verdict.reason)
        self._machine.handle(tx, run.workflow_id, refused)
        return None

    def _deliver(self, tx: Transaction, candidate: Candidate, verdict: Deliver, worker_id: str) -> Delivery:
        """What is stored is the candidate's own input; the door's, with its values, goes into the answer alone."""
        now, run = self._machine.clock.now(), candidate.run
        task = altered(
            candidate.task,
            status="IN_PROGRESS",
            start_time=candidate.task.start_time or now,
            first_start_time=candidate.task.first_start_time or now,
            update_time=now,
            worker_id=worker_id,
            poll_count=candidate.task.poll_count + 1,
            callback_after_seconds=0,
            reason_for_incompletion=None,
        )
        put_task(tx, task)
        tx.do("work_remove", item_id=task.task_id)
        due = self._machine.next_check(tx, candidate, task)
        if due and (not run.next_check or due < run.next_check):  # the other tasks' times are in the row already
            tx.do("run_check_at", run_id=run.workflow_id, next_check=due)
        handed = altered(task, input_data=verdict.task.input_data)
        return Delivery(run, handed, candidate.revision, verdict.runtime_metadata)
