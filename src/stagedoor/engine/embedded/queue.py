"""Worker tasks: who waits for them, and how one is leased to exactly one poller."""

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from functools import partial
from typing import NamedTuple

from msgspec.structs import replace as altered

from stagedoor.engine.embedded.apply import Machine, line_of
from stagedoor.engine.embedded.decision import TaskUpdated
from stagedoor.engine.embedded.rows import load_run, put_task, unpack
from stagedoor.engine.port import Candidate, Deliver, Delivery, Hold, Later, Poll, Refuse, Verdict
from stagedoor.engine.run import RUN_TERMINAL, Run, Task
from stagedoor.store.store import Row, Store, Transaction

PAGE = 100
RECHECK_SECONDS = 1.0
"""Notices from other nodes may be lost: a waiting poll looks again after this time at the latest."""
GRACE_SECONDS = 1.0
"""So much longer than asked a poll waits that would answer with nothing while what a task needs is on its way (`port.Later`)."""
MOST_ERRANDS = 32
"""Of one poll, each time it looks: what further tasks need is seen to when these are done."""


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
    """What judging some items came to: tasks leased, items no longer there, those whose run another transaction held, and what must be
    had before others can be judged."""

    leased: list[Delivery] = field(default_factory=list)
    gone: set[str] = field(default_factory=set)
    busy: list[Row] = field(default_factory=list)
    later: list[Later] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class Offer:
    """For whom the items of a line are judged, and where to put what is leased."""

    line: str
    poll: Poll
    haul: Haul


class Errands:
    """What is being had for the tasks of one line; the bell rings there after each. On the event loop only."""

    def __init__(self, waiting: Waiting) -> None:
        self._waiting = waiting
        self._going: set[asyncio.Task[None]] = set()

    def begin(self, line: str, get: Callable[[], Awaitable[None]]) -> None:
        task = asyncio.create_task(self._run(line, get))
        self._going.add(task)
        task.add_done_callback(self._going.discard)

    async def _run(self, line: str, get: Callable[[], Awaitable[None]]) -> None:
        try:
            await get()
        finally:
            self._waiting.wake(line)

    async def close(self) -> None:
        for task in list(self._going):
            task.cancel()
        await asyncio.gather(*self._going, return_exceptions=True)


class Turns:
    """Who judges which item in this process: one poll at a time, the others in the order they came. On the event loop only."""

    def __init__(self) -> None:
        self._queues: dict[str, deque[asyncio.Future[bool]]] = {}

    def free(self, item: str) -> bool:
        return item not in self._queues

    def claim(self, item: str) -> None:
        self._queues[item] = deque()

    async def wait(self, item: str) -> bool:
        """True: the item is the caller's to judge and to release. False: it is gone."""
        turn: asyncio.Future[bool] = asyncio.get_running_loop().create_future()
        self._queues[item].append(turn)
        try:
            return await turn
        except asyncio.CancelledError:
            if turn.done() and not turn.cancelled() and turn.result():
                self.release(item, gone=False)
            raise

    def release(self, item: str, gone: bool) -> None:
        waiting = self._queues[item]
        while waiting:
            turn = waiting.popleft()
            if not turn.done():
                turn.set_result(not gone)
                if not gone:
                    return
        del self._queues[item]


class Queue:
    """Leases tasks, each to one poll."""

    def __init__(self, store: Store, machine: Machine, waiting: Waiting) -> None:
        self._store = store
        self._machine = machine
        self._waiting = waiting
        self._turns = Turns()
        self.errands = Errands(waiting)

    async def poll(self, project: str, poll: Poll) -> list[Delivery]:
        """See `port.Engine.poll`."""
        line = line_of(project, f"{poll.domain}:{poll.task_type}" if poll.domain else poll.task_type)
        loop = asyncio.get_running_loop()
        until = loop.time() + poll.timeout_ms / 1000
        with self._waiting.at(line) as bell:
            while True:
                bell.clear()
                errands: list[Later] = []
                found = await self._lease(project, line, poll, errands)
                left = until + (GRACE_SECONDS if errands else 0) - loop.time()
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

    async def _lease(self, project: str, line: str, poll: Poll, errands: list[Later]) -> list[Delivery]:
        """From the front of the line backwards until `count` are leased: those held for others block nobody. Errands are begun at once."""
        leased: list[Delivery] = []
        cursor = Cursor()
        while len(leased) < poll.count:
            size = min(PAGE, poll.count - len(leased) if cursor == Cursor() else PAGE)
            page = await self._page(line, cursor, size)
            if not page:
                break
            leased += await self._judge(project, line, replace(poll, count=poll.count - len(leased)), page, errands)
            last = page[-1]
            cursor = Cursor(last["rank"], last["due"], last["item_id"])
        return leased

    async def _page(self, line: str, cursor: Cursor, size: int) -> list[Row]:
        now = self._machine.clock.now()
        return await self._store.read(lambda tx: tx.all("work_waiting", line=line, now=now, size=size, **cursor._asdict()))

    async def _judge(self, project: str, line: str, poll: Poll, page: list[Row], errands: list[Later]) -> list[Delivery]:
        """What another poll is judging is waited for, after all else: it may be held for that one and free for this."""
        leased: list[Delivery] = []
        while page and len(leased) < poll.count:
            mine = [row for row in page if self._turns.free(row["item_id"])]
            for row in mine:
                self._turns.claim(row["item_id"])
            if not mine:
                mine = page[:1]
                if not await self._turns.wait(mine[0]["item_id"]):
                    page = page[1:]
                    continue
            page = [row for row in page if row not in mine]
            leased += await self._lease_some(project, line, replace(poll, count=poll.count - len(leased)), mine, errands)
        return leased

    async def _lease_some(self, project: str, line: str, poll: Poll, mine: list[Row], errands: list[Later]) -> list[Delivery]:
        leased: list[Delivery] = []
        gone: set[str] = set()
        rows = mine
        try:
            while rows and len(leased) < poll.count:
                take = partial(self._take, project=project, line=line, poll=replace(poll, count=poll.count - len(leased)), rows=rows)
                haul = await self._store.write(take)
                leased += haul.leased
                gone |= haul.gone
                for later in haul.later[: MOST_ERRANDS - len(errands)]:
                    errands.append(later)
                    self.errands.begin(line, later.get)
                rows = haul.busy
        finally:
            for row in mine:
                self._turns.release(row["item_id"], row["item_id"] in gone)
        return leased

    def _take(self, tx: Transaction, project: str, line: str, poll: Poll, rows: list[Row]) -> Haul:
        """Only the first run is waited for: whoever holds one lock and waits for another could wait in a circle."""
        haul = Haul()
        ask = Offer(line, poll, haul)
        for number, row in enumerate(rows):
            if len(haul.leased) == poll.count:
                break
            run = load_run(tx, row["run_id"], "run_locked_now" if number else "run_locked")
            if run is None and number:
                haul.busy.append(row)
            elif run is None or run.project_id != project or not isinstance(self._offer(tx, ask, run, row["item_id"]), Hold | Later):
                haul.gone.add(row["item_id"])
        return haul

    def _offer(self, tx: Transaction, ask: Offer, run: Run, task_id: str) -> Verdict | None:
        """Judge one task under its run's lock, and do what the door says. None: it is not in the line any more."""
        if not tx.one("work_here", item_id=task_id, line=ask.line, now=self._machine.clock.now()):
            return None
        row = tx.one("task_by_id", task_id=task_id)
        if row is None or run.status in RUN_TERMINAL:
            tx.do("work_remove", item_id=task_id)
            return None
        task = unpack(Task, row["body"])
        if (task.task_type, task.domain or "") != (ask.poll.task_type, ask.poll.domain or ""):
            return Hold("of another type or domain")  # `a:b` names a type of its own as well as the type `b` in the domain `a`
        revision = self._machine.definitions.revision(tx, run.project_id, run.revision_id)
        record = self._machine.definitions.task_record(tx, run.project_id, task.task_def_name)
        candidate = Candidate(run.project_id, run, task, revision, record)
        verdict = self._machine.doors.admit(tx, candidate, ask.poll.consumer)
        if isinstance(verdict, Deliver):
            ask.haul.leased.append(self._deliver(tx, candidate, verdict, ask.poll.worker_id))
        elif isinstance(verdict, Refuse):
            refused = TaskUpdated(task_id=task_id, status="FAILED_WITH_TERMINAL_ERROR", reason=verdict.reason)
            self._machine.handle(tx, run.workflow_id, refused)
        elif isinstance(verdict, Later):
            ask.haul.later.append(verdict)
        elif task.reason_for_incompletion != verdict.reason:
            put_task(tx, altered(task, reason_for_incompletion=verdict.reason))
        return verdict

    def _deliver(self, tx: Transaction, candidate: Candidate, verdict: Deliver, worker_id: str) -> Delivery:
        """What is stored is the candidate's own input; the door's, with its values, goes into the answer alone."""
        now, run = self._machine.clock.now(), candidate.run
        task = altered(
            candidate.task,
            status="IN_PROGRESS",
            start_time=candidate.task.start_time or now,
            first_start_time=candidate.task.first_start_time or now,
            update_time=now,
            worker_id=self._machine.doors.clean(tx, run, worker_id),
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
