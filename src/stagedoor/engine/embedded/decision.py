"""What goes into `decide` and what comes out: events and commands, all plain values."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import msgspec

from stagedoor.engine.definition import Json, TaskDefinition
from stagedoor.engine.run import Run, Task
from stagedoor.kit.secretvalue import SecretValue


class Started(msgspec.Struct, frozen=True):
    """The run was just created; it has no tasks."""


class TaskUpdated(msgspec.Struct, frozen=True, kw_only=True):
    """A worker (or an outside caller) reports on a task. `status` as in TaskResult; CANCELED and SKIPPED are accepted too."""

    task_id: str
    status: str
    output: dict[str, Json] = {}
    reason: str | None = None
    callback_after_seconds: int = 0
    worker_id: str | None = None
    extend_lease: bool = False


class Performed(msgspec.Struct, frozen=True, kw_only=True):
    """A job of a server-side task is done: a script or filter was evaluated, an HTTP request was answered.

    `error` set: it failed, with that message; `terminal`: a retry would not help. For scripts `value` is the result
    (jq: the list of results), for HTTP the task's whole output map, also on failure.
    """

    task_id: str
    value: Json = None
    error: str | None = None
    terminal: bool = False


class ChildEnded(msgspec.Struct, frozen=True, kw_only=True):
    """The run started for SUB_WORKFLOW task `task_id` has reached a terminal status."""

    task_id: str
    child_id: str
    status: str
    output: dict[str, Json] = {}
    reason: str | None = None
    masked_fields: list[str] = []
    """Names whose values reads of the child do not show."""


class Due(msgspec.Struct, frozen=True):
    """`run.next_check` has come: look at every time limit."""


class Terminated(msgspec.Struct, frozen=True, kw_only=True):
    """Somebody ends the run from outside."""

    reason: str | None = None
    status: str = "TERMINATED"


Event = Started | TaskUpdated | Performed | ChildEnded | Due | Terminated


class PutTask(msgspec.Struct, frozen=True):
    """Insert this task row, or replace the one with its id."""

    task: Task


class PutRun(msgspec.Struct, frozen=True):
    """Replace the run's row. At most one a decision, the last command but for EndChildren and StartFailureWorkflow."""

    run: Run


class Enqueue(msgspec.Struct, frozen=True, kw_only=True):
    """Offer a worker task in the queue of its type (`domain:type` where it has a domain), at epoch ms `due` or later."""

    task_id: str
    queue: str
    due: int


class Dequeue(msgspec.Struct, frozen=True):
    """Take whatever is queued or waiting for this task away."""

    task_id: str


class Evaluate(msgspec.Struct, frozen=True, kw_only=True):
    """Run a script outside any transaction; its result comes back as `Performed`. `language`: "javascript" or "jq"."""

    task_id: str
    language: str
    source: str
    input: Json
    due: int


class Send(msgspec.Struct, frozen=True, kw_only=True):
    """Send the HTTP request of this task through the egress door; its result comes back as `Performed`."""

    task_id: str
    due: int


class StartChild(msgspec.Struct, frozen=True, kw_only=True):
    """Start a run for SUB_WORKFLOW task `task_id`; `child_id` is chosen already. `version` None or 0 = the latest."""

    task_id: str
    child_id: str
    name: str
    version: int | None
    definition: Json
    input: dict[str, Json]
    task_to_domain: dict[str, str]
    priority: int


class KeepSecret(msgspec.Struct, frozen=True, kw_only=True):
    """Put a version of a secret through the gate's door, within this transaction: the value is never stored with the run. What came
    of it comes back as `Performed`."""

    task_id: str
    name: str
    value: SecretValue


class EndChild(msgspec.Struct, frozen=True, kw_only=True):
    """Terminate this running child."""

    child_id: str
    reason: str


class StartFailureWorkflow(msgspec.Struct, frozen=True, kw_only=True):
    """Start the definition's failure workflow with this input (contract/conductor-oss.md 3.6)."""

    name: str
    input: dict[str, Json]


Command = PutTask | PutRun | Enqueue | Dequeue | Evaluate | Send | StartChild | KeepSecret | EndChild | StartFailureWorkflow


@dataclass(frozen=True, slots=True)
class Surroundings:
    """What `decide` may know besides its arguments: the moment, fresh ids, jitter, and the task definitions by name."""

    now: int
    new_id: Callable[[], str]
    jitter: Callable[[int], int]
    task_definitions: Mapping[str, TaskDefinition]
    environment: Callable[[str], str | None] = lambda name: None
    """`${workflow.env.NAME}`: the project's own environment variables, never the process's. Withheld: not to be used here."""
