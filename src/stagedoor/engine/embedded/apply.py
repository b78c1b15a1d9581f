"""From an event to rows: load the run, decide, carry out the commands, all inside the caller's transaction.

Locks are always taken downwards, a parent's run before its child's and a run before its work items, so transactions never
wait for each other in a circle: a child that ends tells its parent through a job (`@parent`) in a transaction of its own.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache

import msgspec

from stagedoor.engine.definition import Json, TaskDefinition
from stagedoor.engine.embedded.decide import decide, next_check
from stagedoor.engine.embedded.decision import (
    ChildEnded,
    Command,
    Dequeue,
    EndChild,
    Enqueue,
    Evaluate,
    Event,
    KeepSecret,
    Performed,
    PutRun,
    PutTask,
    Send,
    StartChild,
    Started,
    StartFailureWorkflow,
    Surroundings,
    TaskUpdated,
    Terminated,
)
from stagedoor.engine.embedded.definitions import Definitions
from stagedoor.engine.embedded.rows import LATEST, add_run, load_run, load_tasks, pack, put_run, put_task
from stagedoor.engine.embedded.shares import rank_in_share
from stagedoor.engine.port import Candidate, Doors, Revision
from stagedoor.engine.run import RUN_TERMINAL, TERMINAL, Run, Task
from stagedoor.kit.clock import Clock
from stagedoor.kit.ids import NewId
from stagedoor.store.store import Transaction

SCRIPT, HTTP, START, PARENT, FAILURE, KEPT = "@script", "@http", "@start", "@parent", "@failure", "@kept"
"""The lines of jobs that the server itself does."""
TOPIC = "work"
"""Notices that a line has got something to do; the payload is the line."""
CLOCK = "@clock"
"""Not a line of work: what is told of a run that must be looked at sooner than the clockwork's usual step."""
SOON = 250
FAILURE_KEY = "conductor.failure_workflow"
"""The output field that names the failure workflow's run (`WorkflowExecutorOps.terminateWorkflow` upstream)."""

Environment = Callable[[Transaction, str, str, str], str | None]
"""(tx, project, who saved the definition, name) -> the project's own environment variable, None where there is none. Withheld."""


def no_environment(tx: Transaction, project: str, saver: str, name: str) -> str | None:
    return None


def line_of(project: str, queue: str) -> str:
    """Where the worker tasks of a queue (`type` or `domain:type`) wait. A project's id holds no `/` and never starts with `@`."""
    return f"{project}/{queue}"


class FailureJob(msgspec.Struct, frozen=True):
    """Start a failure workflow under an id that its failed run already names."""

    run_id: str
    name: str
    input: dict[str, Json]


class ParentJob(msgspec.Struct, frozen=True):
    """Tell a parent's task that its child has ended."""

    task_id: str
    child_id: str


@dataclass(slots=True)
class Stage:
    """A locked run while commands are carried out on it. `known`: its row is in the store already."""

    run: Run
    revision: Revision
    tasks: dict[str, Task]
    around: Surroundings
    known: bool = True
    changed: bool = False
    after: list[EndChild | StartFailureWorkflow] = field(default_factory=list)
    kept: list[KeepSecret] = field(default_factory=list)


class Machine:
    """The one place where runs change. Used on any thread; holds no state but caches."""

    def __init__(self, definitions: Definitions, doors: Doors, clock: Clock, new_id: NewId, jitter: Callable[[int], int]) -> None:
        self.definitions = definitions
        self.doors = doors
        self.clock = clock
        self.new_id = new_id
        self.jitter = jitter
        self.environment: Environment = no_environment

    def begin(self, tx: Transaction, run: Run, revision: Revision) -> Run:
        """Insert a new run and take its first decision. The run as it is then."""
        stage = Stage(run, revision, {}, self._around(tx, run.project_id, revision), known=False, changed=True)
        self._settle(tx, stage, Started())
        return stage.run

    def handle(self, tx: Transaction, run_id: str, event: Event) -> None:
        """Apply an event from outside. One for a run or a task that has ended, or is gone, changes nothing."""
        run = load_run(tx, run_id, "run_locked")
        if run is not None and run.status not in RUN_TERMINAL:
            self.apply(tx, run, load_tasks(tx, run_id), event)

    def apply(self, tx: Transaction, run: Run, tasks: Sequence[Task], event: Event) -> None:
        """The same for a run that is locked already and its tasks, all of them, read after that."""
        task_id: str | None = getattr(event, "task_id", None)
        known = {task.task_id: task for task in tasks}
        if run.status in RUN_TERMINAL or (task_id is not None and (task_id not in known or known[task_id].status in TERMINAL)):
            return
        revision = self.definitions.revision(tx, run.project_id, run.revision_id)
        stage = Stage(run, revision, known, self._around(tx, run.project_id, revision))
        self._settle(tx, stage, self._cleaned(tx, run, event))

    def next_check(self, tx: Transaction, candidate: Candidate, task: Task) -> int:
        """When this task, changed without a decision, or its run next needs a look."""
        record = candidate.task_record
        known = {task.task_def_name: record.definition} if record else {}
        around = self._around(tx, candidate.project, candidate.revision, known)
        return next_check(candidate.revision.definition, candidate.run, [task], around)

    def _around(
        self, tx: Transaction, project: str, revision: Revision, known: Mapping[str, TaskDefinition] | None = None
    ) -> Surroundings:
        return Surroundings(
            now=self.clock.now(),
            new_id=self.new_id,
            jitter=self.jitter,
            task_definitions=self.definitions.tasks(tx, project, known),
            environment=cache(lambda name: self.environment(tx, project, revision.saved_by, name)),
        )

    def _cleaned(self, tx: Transaction, run: Run, event: Event) -> Event:
        """The event with opened secrets redacted: nothing that comes from outside is stored before this."""
        match event:
            case TaskUpdated():
                output, reason, worker = self.doors.clean(tx, run, [event.output, event.reason, event.worker_id])
                return msgspec.structs.replace(event, output=output, reason=reason, worker_id=worker)
            case Performed():
                value, error = self.doors.clean(tx, run, [event.value, event.error])
                return msgspec.structs.replace(event, value=value, error=error)
            case ChildEnded():
                output, reason = self.doors.clean(tx, run, [event.output, event.reason])
                return msgspec.structs.replace(event, output=output, reason=reason)
            case Terminated():
                return msgspec.structs.replace(event, reason=self.doors.clean(tx, run, event.reason))
            case _:
                return event

    def _settle(self, tx: Transaction, stage: Stage, event: Event) -> None:
        """Decide once, write what came of it, and only then look at other runs."""
        commands = decide(stage.revision.definition, stage.run, list(stage.tasks.values()), event, stage.around)
        for command in commands:
            self._carry_out(tx, stage, command)
        for job in sorted(stage.kept, key=lambda job: job.name):  # in one order, so that two runs do not wait for each other
            self._keep(tx, stage, job)
        for later in stage.after:
            if isinstance(later, StartFailureWorkflow):
                self._plan_failure_workflow(tx, stage, later)
        self._write_run(tx, stage)
        if stage.run.status in RUN_TERMINAL:
            self._tell_parent(tx, stage.run)
        for later in stage.after:
            if isinstance(later, EndChild):
                self.handle(tx, later.child_id, Terminated(reason=later.reason))

    def _carry_out(self, tx: Transaction, stage: Stage, command: Command) -> None:
        match command:
            case PutTask(task):
                put_task(tx, task)
                stage.tasks[task.task_id] = task
            case PutRun(run):
                stage.run, stage.changed = run, True
            case Enqueue():
                self._queue(tx, stage, line_of(stage.run.project_id, command.queue), command)
            case Dequeue(task_id):
                tx.do("work_remove", item_id=task_id)
            case Evaluate():
                self._queue(tx, stage, SCRIPT, command)
            case Send():
                self._queue(tx, stage, HTTP, command)
            case StartChild():
                self._queue(tx, stage, START, command)
            case KeepSecret():
                stage.kept.append(command)
            case EndChild() | StartFailureWorkflow():
                stage.after.append(command)

    def _queue(self, tx: Transaction, stage: Stage, line: str, job: Enqueue | Evaluate | Send | StartChild) -> None:
        due = stage.around.now if isinstance(job, StartChild) else job.due
        payload = "" if isinstance(job, Enqueue | Send) else pack(job)
        rank = rank_of(stage.run)
        if line == HTTP:
            rank = rank_in_share(stage.run.project_id, rank)
        put_work(tx, Work(job.task_id, stage.run.workflow_id, line, due, payload, rank))

    def _keep(self, tx: Transaction, stage: Stage, job: KeepSecret) -> None:
        run, task = stage.run, stage.tasks[job.task_id]
        refused = self.doors.keep(tx, Candidate(run.project_id, run, task, stage.revision, None), job.name, job.value)
        done = Performed(task_id=job.task_id, error=refused, terminal=refused is not None)
        put_work(tx, Work(job.task_id, run.workflow_id, KEPT, stage.around.now, pack(done), rank_of(run)))

    def _write_run(self, tx: Transaction, stage: Stage) -> None:
        run = stage.run
        if 0 < run.next_check < stage.around.now + SOON:
            wake(tx, CLOCK)
        if not stage.known:
            add_run(tx, run)
        elif stage.changed:
            put_run(tx, run)

    def _tell_parent(self, tx: Transaction, run: Run) -> None:
        if run.parent_workflow_id and run.parent_workflow_task_id:
            job = ParentJob(run.parent_workflow_task_id, run.workflow_id)
            put_work(tx, Work(job.task_id, run.parent_workflow_id, PARENT, run.end_time, pack(job), rank_of(run)))

    def _plan_failure_workflow(self, tx: Transaction, stage: Stage, command: StartFailureWorkflow) -> None:
        given = self.doors.clean(tx, stage.run, command.input)  # it begins a tree of runs of its own, which knows of no opened secret
        job = FailureJob(self.new_id(), command.name, given)
        stage.run = msgspec.structs.replace(stage.run, output={**stage.run.output, FAILURE_KEY: job.run_id})
        stage.changed = True
        put_work(tx, Work(stage.run.workflow_id, stage.run.workflow_id, FAILURE, stage.around.now, pack(job), rank_of(stage.run)))


@dataclass(frozen=True, slots=True)
class Work:
    """An item for a line. `rank`: lower ones go first, save where projects share a line (shares.py)."""

    item_id: str
    run_id: str
    line: str
    due: int
    payload: str
    rank: int


def rank_of(run: Run) -> int:
    """Higher priorities (0 to 99) go first."""
    return -max(0, min(99, run.priority))


def put_work(tx: Transaction, work: Work) -> None:
    """Queue it in place of whatever was queued under its id, and wake who waits for that line."""
    tx.do(
        "work_put",
        item_id=work.item_id,
        run_id=work.run_id,
        line=work.line,
        rank=work.rank,
        due=min(work.due, LATEST),
        payload=work.payload,
    )
    wake(tx, work.line)


def wake(tx: Transaction, line: str) -> None:
    tx.notify(TOPIC, line if len(line.encode(errors="replace")) < 3_000 else "")
