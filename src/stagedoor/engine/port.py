"""The port: what the gate asks of an engine, and what an engine asks of the gate (`Doors`). One page, two engines.

Every verb takes the project's id first; nothing of another project is ever seen or named. Errors are those of
`kit.errors`: NotFound (the message holds the identifier), Conflict, BadInput. Principals (`saver`, `starter`) are
opaque texts. A `within` hook runs inside the very transaction of the change, so that audit rows and grants share its
fate: what it raises undoes the change and reaches the caller. Hooks must not keep the transaction.
"""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Protocol

from stagedoor.engine.definition import Json, TaskDefinition, WorkflowDefinition
from stagedoor.engine.embedded.decision import Performed
from stagedoor.engine.run import Run, Task
from stagedoor.kit.secretvalue import SecretValue
from stagedoor.store.store import Transaction


# ---- definitions -----------------------------------------------------------------------------------------------------
@dataclass(frozen=True, slots=True)
class Revision:
    """One immutable save of a workflow definition, as stored: secrets sealed. `definition` is shared and cached: never change it."""

    revision_id: str
    definition: WorkflowDefinition
    saved_by: str
    saved_at: int


Prepare = Callable[[Transaction, Revision | None, str], WorkflowDefinition]
"""(tx, previous, new revision id) -> the sealed definition to store.

`previous`: the current revision of the same name and version, else of the highest version of that name, else None.
May raise (Forbidden, BadInput) and may write its own rows; both share the save's transaction.
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Register:
    """Save a workflow definition. `new_version`: ignore the version given and take the highest one plus 1."""

    definition: WorkflowDefinition
    saver: str
    prepare: Prepare
    overwrite: bool = False
    new_version: bool = False


@dataclass(frozen=True, slots=True)
class TaskRecord:
    """A task definition with who saved it last (the voucher of its `runtimeMetadata`)."""

    definition: TaskDefinition
    saved_by: str


# ---- runs ------------------------------------------------------------------------------------------------------------
@dataclass(frozen=True, slots=True, kw_only=True)
class StartRequest:
    """Start a run. `version` None or 0 = the latest. `definition` given = run that one, unregistered (`prepare` seals it).

    `idempotency_strategy`: FAIL (default), RETURN_EXISTING, FAIL_ON_RUNNING; looked at only with a key. Keys are of one
    workflow name.
    """

    name: str
    starter: str
    version: int | None = None
    input: dict[str, Json] = field(default_factory=dict)
    correlation_id: str | None = None
    priority: int = 0
    task_to_domain: dict[str, str] = field(default_factory=dict)
    created_by: str = ""
    ceiling: str = ""
    end_user: str = ""
    idempotency_key: str | None = None
    idempotency_strategy: str | None = None
    definition: WorkflowDefinition | None = None
    prepare: Prepare | None = None


@dataclass(frozen=True, slots=True)
class RunView:
    """A run with its tasks in the order of `seq` (empty unless asked for) and the revision it runs."""

    run: Run
    tasks: list[Task]
    revision: Revision


@dataclass(frozen=True, slots=True)
class TaskView:
    """A task with the run it belongs to and the revision that run runs."""

    run: Run
    task: Task
    revision: Revision


@dataclass(frozen=True, slots=True, kw_only=True)
class Search:
    """Runs of a name, a status, a correlation id or an idempotency key, newest first. `names` None = all, () = none."""

    names: Sequence[str] | None = None
    status: str | None = None
    correlation_id: str | None = None
    start: int = 0
    size: int = 100


# ---- work ------------------------------------------------------------------------------------------------------------
Ready = Callable[[], Awaitable[None]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Poll:
    """Ask for up to `count` tasks of a type, waiting up to `timeout_ms` for the first one.

    `consumer` is handed to `Doors.admit` untouched. `ready` is awaited after every wait, before anything is leased or
    answered: what it raises ends the poll with nothing leased.
    """

    task_type: str
    worker_id: str
    consumer: object
    domain: str | None = None
    count: int = 1
    timeout_ms: int = 100
    ready: Ready | None = None


@dataclass(frozen=True, slots=True)
class Delivery:
    """A task leased to the poller. `task.input_data` is what the worker gets: it may hold secret values; never store or log it."""

    run: Run
    task: Task
    revision: Revision
    runtime_metadata: dict[str, str]


@dataclass(frozen=True, slots=True, kw_only=True)
class TaskUpdate:
    """A worker's TaskResult. `run_id` given = it must be the task's (else NotFound). Status as in `decision.TaskUpdated`."""

    task_id: str
    status: str
    run_id: str | None = None
    output: dict[str, Json] = field(default_factory=dict)
    reason: str | None = None
    callback_after_seconds: int = 0
    worker_id: str | None = None
    extend_lease: bool = False
    logs: Sequence[str] = ()


@dataclass(frozen=True, slots=True)
class Updated:
    """What an update met: the run and task as they were before it; `ignored` = the task had ended already."""

    run: Run
    task: Task
    ignored: bool


@dataclass(frozen=True, slots=True)
class LogLine:
    """One line of a task's log; `created` in epoch milliseconds."""

    task_id: str
    log: str
    created: int


# ---- what the engine asks of the gate --------------------------------------------------------------------------------
@dataclass(frozen=True, slots=True)
class Candidate:
    """A task about to leave the engine, with all a door needs to judge it. Inputs hold markers only."""

    project: str
    run: Run
    task: Task
    revision: Revision
    task_record: TaskRecord | None


@dataclass(frozen=True, slots=True)
class Deliver:
    """Hand it out. `task` is the candidate's with the input to give; only its `input_data` is looked at."""

    task: Task
    runtime_metadata: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Hold:
    """Not to this consumer: the task stays SCHEDULED for another one, with this reason."""

    reason: str


@dataclass(frozen=True, slots=True)
class Refuse:
    """Never: the task fails terminally with this reason."""

    reason: str


@dataclass(frozen=True, slots=True)
class Later:
    """Not yet: something must be had first, from outside of this transaction. The task stays as it is and blocks nobody; `get` is awaited
    without any lock, never raises, and the task is judged again by whoever polls then."""

    get: Callable[[], Awaitable[None]]


Verdict = Deliver | Hold | Refuse | Later


class Doors(Protocol):
    """The gate's side. `admit`, `clean` and `keep` run inside the engine's transaction and write receipts and audit rows there."""

    def admit(self, tx: Transaction, candidate: Candidate, consumer: object) -> Verdict:
        """Judge one candidate for this poller, before the lease. Must not raise for a refusal."""
        ...

    def clean(self, tx: Transaction, run: Run, value: Json) -> Json:
        """`value` with every secret opened in this run (or those above it) redacted. Called before anything from outside is stored."""
        ...

    def clean_log(self, tx: Transaction, run: Run, lines: Sequence[str], earlier: Callable[[], Sequence[str]]) -> list[str]:
        """The same for lines that are added to a log: of a value broken over lines each loses its part. Where anything was opened, the
        `earlier` lines come with them, cleaned together with these."""
        ...

    def keep(self, tx: Transaction, candidate: Candidate, name: str, value: SecretValue) -> str | None:
        """Put a version of a secret for an UPDATE_SECRET task; None, or why it is refused. Writes audit row and receipt."""
        ...

    async def send(self, candidate: Candidate) -> Performed:
        """Send an HTTP task's request. Never raises for what the other side did: that is a `Performed` with an error."""
        ...


# ---- the engine ------------------------------------------------------------------------------------------------------
WithinStart = Callable[[Transaction, Run], None]
WithinRun = Callable[[Transaction, Run], None]
WithinTask = Callable[[Transaction, Run, Task], None]
WithinRevision = Callable[[Transaction, Revision], None]
WithinTaskDefinitions = Callable[[Transaction, Mapping[str, TaskRecord]], None]
"""(tx, the records as they were before, by name; new names are absent)."""


class Engine(Protocol):
    """The verbs. What is acknowledged is durable: a killed process forgets nothing of it."""

    async def open(self) -> None:
        """Take up what an earlier process left: abandoned leases, due timers, server-side jobs."""
        ...

    async def close(self) -> None: ...

    async def health(self) -> Mapping[str, Json]:
        """`{"healthy": bool, ...}`; never raises."""
        ...

    # -- workflow definitions
    async def register(self, project: str, request: Register) -> Revision:
        """Save. Conflict if that name and version exist and not `overwrite`; BadInput if this engine cannot run it."""
        ...

    async def definition(self, project: str, name: str, version: int | None = None) -> Revision:
        """The current revision; `version` None = the highest. NotFound."""
        ...

    async def definitions(self, project: str, *, name: str | None = None, latest: bool = False) -> list[Revision]:
        """All (of one name), by name and version; `latest` = the highest version of each name only."""
        ...

    async def unregister(self, project: str, name: str, version: int, within: WithinRevision | None = None) -> None:
        """Remove that version; runs of it go on. NotFound."""
        ...

    async def revision(self, project: str, revision_id: str) -> Revision:
        """Any revision still kept, current or not. NotFound."""
        ...

    # -- task definitions
    async def save_task_definitions(
        self, project: str, definitions: Sequence[TaskDefinition], saver: str, within: WithinTaskDefinitions | None = None
    ) -> None:
        """Create or replace all of them, or none. Create time and creator of an existing one stay."""
        ...

    async def task_definition(self, project: str, name: str) -> TaskRecord: ...

    async def task_definitions(self, project: str) -> list[TaskRecord]: ...

    async def remove_task_definition(self, project: str, name: str, within: WithinTaskDefinitions | None = None) -> None: ...

    # -- runs
    async def start(self, project: str, request: StartRequest, within: WithinStart | None = None) -> str:
        """The new run's id (`within` is called for a new run only). NotFound: no such definition; Conflict: idempotency."""
        ...

    async def run(self, project: str, run_id: str, include_tasks: bool = True) -> RunView: ...

    async def search(self, project: str, search: Search) -> tuple[int, list[Run]]:
        """(how many match, the page). Bounded by the store's row cap and time limit."""
        ...

    async def terminate(self, project: str, run_id: str, reason: str | None = None, within: WithinRun | None = None) -> None:
        """End it and its children as TERMINATED. Conflict if it has ended already."""
        ...

    async def remove(self, project: str, run_id: str, within: WithinRun | None = None) -> None:
        """Delete an ended run, its tasks and its logs. Conflict while it runs."""
        ...

    # -- work
    async def poll(self, project: str, poll: Poll) -> list[Delivery]:
        """Lease tasks. Each goes to one poller only. Empty when the time is up."""
        ...

    async def update(self, project: str, update: TaskUpdate, within: WithinTask | None = None) -> Updated:
        """Report on a task. NotFound: unknown task. One that has ended is left as it is (`ignored`); `within` runs in both cases."""
        ...

    async def extend(self, project: str, task_id: str, within: WithinTask | None = None) -> Updated:
        """Heartbeat: the response time-out counts from now."""
        ...

    async def task(self, project: str, task_id: str) -> TaskView: ...

    async def task_by_reference(self, project: str, run_id: str, reference: str) -> TaskView:
        """The latest attempt of that reference name in the run."""
        ...

    async def log(self, project: str, task_id: str, lines: Sequence[str], within: WithinTask | None = None) -> None: ...

    async def logs(self, project: str, task_id: str) -> list[LogLine]: ...

    async def queue_sizes(self, project: str, task_types: Sequence[str]) -> dict[str, int]:
        """Tasks waiting for a worker, by type (`domain:type` for those of a domain)."""
        ...
