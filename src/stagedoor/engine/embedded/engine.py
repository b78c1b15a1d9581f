"""The embedded engine: the verbs of the port over rows, with its dispatchers and its clockwork."""

from collections.abc import Callable, Mapping, Sequence
from typing import TypeVar

from stagedoor.engine.definition import Json, TaskDefinition
from stagedoor.engine.embedded.apply import TOPIC, Environment, Machine, line_of, no_environment
from stagedoor.engine.embedded.clockwork import Clockwork
from stagedoor.engine.embedded.decision import TaskUpdated, Terminated
from stagedoor.engine.embedded.definitions import Definitions, revision_from
from stagedoor.engine.embedded.queue import Queue, Waiting
from stagedoor.engine.embedded.rows import load_run, load_tasks, run_from, unpack
from stagedoor.engine.embedded.starts import Starts, checked
from stagedoor.engine.embedded.system import Jobs, Scripts
from stagedoor.engine.port import (
    Delivery,
    Doors,
    LogLine,
    Poll,
    Register,
    Revision,
    RunView,
    Search,
    StartRequest,
    TaskRecord,
    TaskUpdate,
    TaskView,
    Updated,
    WithinRevision,
    WithinRun,
    WithinStart,
    WithinTask,
    WithinTaskDefinitions,
)
from stagedoor.engine.run import RUN_TERMINAL, TERMINAL, Run, Task
from stagedoor.engine.validate import validate, validate_task_definition
from stagedoor.kit import ids
from stagedoor.kit.clock import Clock
from stagedoor.kit.errors import Conflict, NotFound, StagedoorError
from stagedoor.store.sqlite import SqliteStore
from stagedoor.store.store import Row, Store, Transaction

T = TypeVar("T")
LOOK_BACK = 8
"""Lines at the end of a task's log that are read again with new ones."""


class EmbeddedEngine:
    """`port.Engine` on one store. Any number of processes may share a PostgreSQL store; an SQLite file belongs to one."""

    def __init__(
        self,
        store: Store,
        doors: Doors,
        scripts: Scripts,
        *,
        clock: Clock,
        new_id: ids.NewId = ids.new_id,
        jitter: Callable[[int], int] = ids.jitter,
        environment: Environment = no_environment,
    ) -> None:
        self._store = store
        self._definitions = Definitions(clock, new_id)
        self._machine = Machine(self._definitions, doors, clock, new_id, jitter)
        self._machine.environment = environment
        self._starts = Starts(self._machine)
        self._waiting = Waiting()
        self._queue = Queue(store, self._machine, self._waiting)
        self._alone = isinstance(store, SqliteStore)
        node = new_id()
        self._jobs = Jobs(store, self._machine, scripts, self._waiting, node)
        self.clockwork = Clockwork(store, self._machine, self._waiting, node, alone=self._alone)
        self._deaf: Callable[[], None] = lambda: None

    async def open(self) -> None:
        self._deaf = self._store.listen(lambda topic, line: self._waiting.wake(line) if topic == TOPIC else None)
        if self._alone:
            await self._store.write(lambda tx: tx.do("job_release_all"))
        self._jobs.start()
        self.clockwork.start()

    async def close(self) -> None:
        self._deaf()
        await self.clockwork.close()
        await self._queue.errands.close()
        await self._jobs.close()

    async def health(self) -> Mapping[str, Json]:
        try:
            await self._store.read(lambda tx: tx.one("run_by_id", run_id=""))
        except StagedoorError as problem:
            return {"healthy": False, "engine": "embedded", "reason": problem.message}
        return {"healthy": True, "engine": "embedded"}

    # -- workflow definitions
    async def register(self, project: str, request: Register) -> Revision:
        validate(request.definition)
        return await self._store.write(lambda tx: self._definitions.register(tx, project, request))

    async def definition(self, project: str, name: str, version: int | None = None) -> Revision:
        return await self._store.read(lambda tx: self._definitions.current(tx, project, name, version))

    async def definitions(self, project: str, *, name: str | None = None, latest: bool = False) -> list[Revision]:
        statement = "workflow_definition_latest" if latest else "workflow_definition_list"
        return [revision_from(row) for row in await self._store.scan(lambda tx: tx.all(statement, project_id=project, name=name))]

    async def unregister(self, project: str, name: str, version: int, within: WithinRevision | None = None) -> None:
        await self._store.write(lambda tx: self._definitions.unregister(tx, project, name, version, within))

    async def revision(self, project: str, revision_id: str) -> Revision:
        return await self._store.read(lambda tx: self._definitions.revision(tx, project, revision_id))

    # -- task definitions
    async def save_task_definitions(
        self, project: str, definitions: Sequence[TaskDefinition], saver: str, within: WithinTaskDefinitions | None = None
    ) -> None:
        for definition in definitions:
            validate_task_definition(definition)
        await self._store.write(lambda tx: self._definitions.save_tasks(tx, project, definitions, saver, within))

    async def task_definition(self, project: str, name: str) -> TaskRecord:
        found = await self._store.read(lambda tx: self._definitions.task_record(tx, project, name))
        if found is None:
            raise NotFound(f"No such taskType found by name: {name}")
        return found

    async def task_definitions(self, project: str) -> list[TaskRecord]:
        rows = await self._store.scan(lambda tx: tx.all("task_definition_list", project_id=project))
        return [self._definitions.record_from(row) for row in rows]

    async def remove_task_definition(self, project: str, name: str, within: WithinTaskDefinitions | None = None) -> None:
        await self._store.write(lambda tx: self._definitions.remove_task(tx, project, name, within))

    # -- runs
    async def start(self, project: str, request: StartRequest, within: WithinStart | None = None) -> str:
        checked(request)
        return await self._store.write(lambda tx: self._starts.start(tx, project, request, within))

    async def run(self, project: str, run_id: str, include_tasks: bool = True) -> RunView:
        def read(tx: Transaction) -> RunView:
            run = self._run(tx, project, run_id)
            tasks = load_tasks(tx, run_id) if include_tasks else []
            return RunView(run, tasks, self._definitions.revision(tx, project, run.revision_id))

        return await self._store.read(read)

    async def search(self, project: str, search: Search) -> tuple[int, list[Run]]:
        return await self._store.scan(lambda tx: _search(tx, project, search))

    async def terminate(self, project: str, run_id: str, reason: str | None = None, within: WithinRun | None = None) -> None:
        def end(tx: Transaction) -> None:
            run = self._run(tx, project, run_id, "run_locked")
            if run.status in RUN_TERMINAL:
                raise Conflict(f"Cannot terminate a {run.status} workflow: {run_id}")
            if within:
                within(tx, run)
            self._machine.handle(tx, run_id, Terminated(reason=reason))

        await self._store.write(end)

    async def remove(self, project: str, run_id: str, within: WithinRun | None = None) -> None:
        def erase(tx: Transaction) -> None:
            run = self._run(tx, project, run_id, "run_locked")
            if run.status not in RUN_TERMINAL:
                raise Conflict(f"a workflow that is {run.status} cannot be removed: {run_id}")
            if within:
                within(tx, run)
            for statement in ("task_log_remove_of_run", "task_remove_of_run", "work_remove_of_run", "idempotency_remove", "run_remove"):
                tx.do(statement, run_id=run_id)
            tx.do("revision_drop_unused", revision_id=run.revision_id)

        await self._store.write(erase)

    # -- work
    async def poll(self, project: str, poll: Poll) -> list[Delivery]:
        return await self._queue.poll(project, poll)

    async def update(self, project: str, update: TaskUpdate, within: WithinTask | None = None) -> Updated:
        return await self._store.write(lambda tx: self._update(tx, project, update, within))

    async def extend(self, project: str, task_id: str, within: WithinTask | None = None) -> Updated:
        return await self.update(project, TaskUpdate(task_id=task_id, status="IN_PROGRESS", extend_lease=True), within)

    def _update(self, tx: Transaction, project: str, update: TaskUpdate, within: WithinTask | None) -> Updated:
        run, tasks, task = self._locked_task(tx, project, update.task_id)
        if update.run_id is not None and update.run_id != run.workflow_id:
            raise NotFound(f"No such task found by id: {update.task_id}")
        if within:
            within(tx, run, task)
        if run.status in RUN_TERMINAL or task.status in TERMINAL:
            return Updated(run, task, True)
        self._write_log(tx, run, task.task_id, update.logs)
        event = TaskUpdated(
            task_id=update.task_id,
            status=update.status,
            output=update.output,
            reason=update.reason,
            callback_after_seconds=update.callback_after_seconds,
            worker_id=update.worker_id,
            extend_lease=update.extend_lease,
        )
        self._machine.apply(tx, run, tasks, event)
        return Updated(run, task, False)

    async def task(self, project: str, task_id: str) -> TaskView:
        def read(tx: Transaction) -> TaskView:
            run, task = self._task(tx, project, task_id)
            return TaskView(run, task, self._definitions.revision(tx, project, run.revision_id))

        return await self._store.read(read)

    async def task_by_reference(self, project: str, run_id: str, reference: str) -> TaskView:
        view = await self.run(project, run_id)
        attempts = [task for task in view.tasks if task.reference_task_name == reference]
        if not attempts:
            raise NotFound(f"No such task: {reference} in workflow {run_id}")
        return TaskView(view.run, attempts[-1], view.revision)

    async def log(self, project: str, task_id: str, lines: Sequence[str], within: WithinTask | None = None) -> None:
        def write(tx: Transaction) -> None:
            run, _, task = self._locked_task(tx, project, task_id)
            if within:
                within(tx, run, task)
            self._write_log(tx, run, task_id, lines)

        await self._store.write(write)

    async def logs(self, project: str, task_id: str) -> list[LogLine]:
        await self.task(project, task_id)
        rows = await self._store.scan(lambda tx: tx.all("task_log_list", task_id=task_id))
        return [LogLine(task_id, row["log"], row["created_at"]) for row in rows]

    async def queue_sizes(self, project: str, task_types: Sequence[str]) -> dict[str, int]:
        def count(tx: Transaction) -> dict[str, int]:
            return {each: (tx.one("work_size", line=line_of(project, each)) or {"size": 0})["size"] for each in task_types}

        return await self._store.scan(count)

    # -- inside a transaction
    def _run(self, tx: Transaction, project: str, run_id: str, statement: str = "run_by_id") -> Run:
        run = load_run(tx, run_id, statement)
        if run is None or run.project_id != project:
            raise NotFound(f"No such workflow found by id: {run_id}")
        return run

    def _task(self, tx: Transaction, project: str, task_id: str) -> tuple[Run, Task]:
        row = tx.one("task_by_id", task_id=task_id)
        run = load_run(tx, row["run_id"]) if row else None
        if row is None or run is None or run.project_id != project:
            raise NotFound(f"No such task found by id: {task_id}")
        return run, unpack(Task, row["body"])

    def _locked_task(self, tx: Transaction, project: str, task_id: str) -> tuple[Run, list[Task], Task]:
        """A task with its run, locked, and all the run's tasks, read after the lock."""
        row = tx.one("task_run", task_id=task_id)
        run = load_run(tx, row["run_id"], "run_locked") if row else None
        tasks = load_tasks(tx, run.workflow_id) if run else []
        found = next((task for task in tasks if task.task_id == task_id), None)
        if run is None or found is None or run.project_id != project:
            raise NotFound(f"No such task found by id: {task_id}")
        return run, tasks, found

    def _write_log(self, tx: Transaction, run: Run, task_id: str, lines: Sequence[str]) -> None:
        """Cleaned like every other word from outside, and together with the last lines that are there: half of a value may be in those.
        NUL, which PostgreSQL cannot hold, and lone surrogates become U+FFFD."""
        now, there = self._machine.clock.now(), list[Row]()

        def earlier() -> list[str]:
            there.extend(reversed(tx.all("task_log_end", task_id=task_id, size=LOOK_BACK)))
            return [row["log"] for row in there]

        cleaned = self._machine.doors.clean_log(tx, run, lines, earlier) if lines else []
        for row, clean in zip(there, cleaned, strict=False):
            if clean != row["log"]:
                tx.do("task_log_mask", task_id=task_id, position=row["position"], log=clean)
        for line in cleaned[len(there) :]:
            text = line.replace("\0", "\ufffd").encode(errors="replace").decode()
            tx.do("task_log_add", task_id=task_id, log=text, created_at=now)


def _search(tx: Transaction, project: str, search: Search) -> tuple[int, list[Run]]:
    """Each name is searched by its index; the pages are merged."""
    names = [None] if search.names is None else list(search.names)
    filters = {"project_id": project, "status": search.status, "correlation_id": search.correlation_id}
    total, found = 0, list[Run]()
    for name in names:
        counted = tx.one("run_count", name=name, **filters)
        total += counted["total"] if counted else 0
        size = search.start + search.size
        rows = tx.all("run_search", size=size, **filters) if name is None else tx.all("run_search_name", name=name, size=size, **filters)
        found += [run_from(row) for row in rows]
    found.sort(key=lambda run: (-run.create_time, run.workflow_id))
    return total, found[search.start : search.start + search.size]
