"""A decision in the making: the run and its tasks as they will be, and the work they ask for. Nothing given in is changed."""

import dataclasses
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

from msgspec.structs import replace

from stagedoor.engine.definition import Json, TaskDefinition, TaskNode, WorkflowDefinition, nodes
from stagedoor.engine.embedded.budget import MOST_IN_A_DECISION
from stagedoor.engine.embedded.decision import (
    Command,
    Dequeue,
    EndChild,
    Enqueue,
    Evaluate,
    KeepSecret,
    PutRun,
    PutTask,
    Send,
    StartChild,
    Surroundings,
)
from stagedoor.engine.embedded.document import Roots
from stagedoor.engine.embedded.expression import Document, resolve
from stagedoor.engine.operators import is_worker
from stagedoor.engine.run import SUCCESSFUL, TERMINAL, Run, Task

MOST_STEPS = 400
"""Tasks scheduled in one decision; what is left over is done in the next one, which falls due at once."""

Job = Enqueue | Evaluate | Send | StartChild | KeepSecret


class Place(NamedTuple):
    """Where in its loops a node stands: what its reference name ends with, and the iteration of the innermost loop."""

    suffix: str = ""
    iteration: int = 0

    def within(self, iteration: int) -> "Place":
        return Place(f"{self.suffix}__{iteration}", iteration)


TOP = Place()


@dataclass(frozen=True, slots=True)
class Attempt:
    """Which attempt at a node a new task is, and how long it waits. `jitter_ms` comes on top of the seconds."""

    count: int = 0
    previous: Task | None = None
    delay_seconds: int = 0
    jitter_ms: int = 0


class RunEnded(Exception):
    """The run has reached a terminal status: nothing more is decided."""


class Draft:
    """The state that a decision works on. `latest` is by full reference name, `bases` by the name without iterations."""

    def __init__(self, definition: WorkflowDefinition, run: Run, tasks: Sequence[Task], around: Surroundings) -> None:
        self.definition = definition
        self.run = run
        self.around = around
        self.tasks: dict[str, Task] = {}
        self.latest: dict[str, Task] = {}
        self.bases: dict[str, Task] = {}
        self.open: dict[str, Task] = {}
        self.unfinished = 0
        self.steps = 0
        self.data = 0
        self.changes = 0
        self.ended_children: list[EndChild] = []
        self.last_commands: list[Command] = []
        self._changed: dict[str, None] = {}
        self._dequeued: dict[str, None] = {}
        self._jobs: dict[str, Job] = {}
        self._nodes: dict[str, TaskNode] | None = None
        self._roots: Roots | None = None
        self._seq = 0
        self.last: Task | None = None
        for task in tasks:
            self._index(task)

    # ---- reading
    def _index(self, task: Task) -> None:
        reference = task.reference_task_name
        self.tasks[task.task_id] = self.latest[reference] = task
        self.bases[self.base(task) if task.iteration else reference] = task
        if task.status not in TERMINAL:
            self.open[task.task_id] = task
        if task.seq >= self._seq:
            self._seq, self.last = task.seq, task

    @property
    def nodes(self) -> Mapping[str, TaskNode]:
        """The definition's nodes by reference name."""
        if self._nodes is None:
            self._nodes = {node.task_reference_name: node for node in nodes(self.definition.tasks)}
        return self._nodes

    def base(self, task: Task) -> str:
        """The task's reference name as the definition has it: without the iterations of the loops around it."""
        name = task.reference_task_name
        while name not in self.nodes:
            name, _, iteration = name.rpartition("__")
            if not iteration.isdigit() or not name:
                return task.reference_task_name
        return name

    def node(self, task: Task) -> TaskNode | None:
        return self.nodes.get(self.base(task))

    def place(self, task: Task) -> Place:
        suffix = task.reference_task_name[len(self.base(task)) :]
        return Place(suffix, task.iteration if suffix else 0)

    def rules(self, task: Task) -> TaskDefinition | None:
        """The task definition that holds for the task; a worker task without one has the defaults and no retries."""
        node = self.node(task)
        return self.rules_of(node, task.task_def_name) if node is not None else None

    def rules_of(self, node: TaskNode, name: str) -> TaskDefinition | None:
        found = node.task_definition or self.around.task_definitions.get(name)
        if found is None and is_worker(node.type):
            return TaskDefinition(name=name, retry_count=0)
        return found

    def document(self, task_id: str | None) -> Document:
        if self._roots is None:
            self._roots = Roots(self.definition, self.run, self.bases)
        return Document(self._roots, task_id, self.around.environment)

    def input(self, node: TaskNode, task_id: str, rules: TaskDefinition | None = None) -> dict[str, Json]:
        """The node's input parameters resolved; `rules.input_template` fills what is absent, and raw what came out null.

        A task definition's template sees no environment variables: its author is another one than the workflow's. Unresolvable."""
        template = rules.input_template if rules else {}
        document = self.document(task_id)
        bare = dataclasses.replace(document, environment=lambda name: None) if template else document
        result = {key: resolve(value, document) for key, value in node.input_parameters.items()}
        for key, value in template.items():
            if key not in result:
                result[key] = resolve(value, bare)
            if result[key] is None:
                result[key] = value
        self.data += document.budget.spent
        if self.data > MOST_IN_A_DECISION:
            self.steps = MOST_STEPS
        return result

    # ---- changing
    def put(self, task: Task) -> Task:
        self.open.pop(task.task_id, None)
        self._index(task)
        self._changed[task.task_id] = None
        self._roots = None
        self.changes += 1
        return task

    def change(self, task: Task, **fields: Any) -> Task:
        return self.put(replace(task, update_time=self.around.now, **fields))

    def set_run(self, **fields: Any) -> None:
        self.run = replace(self.run, **fields)
        self._roots = None
        self.changes += 1

    def add(self, node: TaskNode, place: Place, attempt: Attempt, **fields: Any) -> Task:
        """A new task of this node. `fields` as in Task; `task_id` should be one already used to resolve its input."""
        previous = attempt.previous
        self.steps += 1
        fields.setdefault("task_type", node.type)
        fields.setdefault("task_def_name", node.name)
        fields.setdefault("iteration", place.iteration)
        if previous is not None:
            fields.setdefault("reason_for_incompletion", previous.reason_for_incompletion)
        task = Task(
            workflow_instance_id=self.run.workflow_id,
            reference_task_name=node.task_reference_name + place.suffix,
            seq=self._seq + 1,
            retry_count=attempt.count,
            retried_task_id=previous.task_id if previous else None,
            first_start_time=(previous.first_start_time or previous.start_time) if previous else 0,
            scheduled_time=self.around.now,
            update_time=self.around.now,
            callback_after_seconds=attempt.delay_seconds,
            start_delay_in_seconds=attempt.delay_seconds,
            **fields,
        )
        return self.put(task)

    def due(self, attempt: Attempt) -> int:
        return self.around.now + attempt.delay_seconds * 1000 + attempt.jitter_ms

    def ask(self, job: Job) -> None:
        """The work a task waits for; at most one for each task, and none if it has ended by the end of the decision."""
        self._jobs[job.task_id] = job

    def finish(self, task: Task, status: str, **fields: Any) -> Task:
        """The task has reached this terminal status by itself."""
        return self.change(task, status=status, end_time=self.around.now, executed=status in SUCCESSFUL, **fields)

    def stop(self, task: Task, status: str, reason: str | None, **fields: Any) -> Task:
        """The task is ended from outside (an update, a time limit, the run's end): nothing may go on working for it."""
        self._dequeued[task.task_id] = None
        if task.sub_workflow_id and task.task_id not in self._jobs:
            told = f"with reason: {reason}" if reason else f"with status {status}"
            self.ended_children.append(EndChild(child_id=task.sub_workflow_id, reason=f"Parent workflow has been terminated {told}"))
        stopped = self.finish(task, status, reason_for_incompletion=reason, **fields)
        if task.task_type == "DO_WHILE":
            self._stop_body(stopped)
        return stopped

    def _stop_body(self, loop: Task) -> None:
        node = self.node(loop)
        inside = {each.task_reference_name for each in nodes(node.loop_over)} if node else set()
        for task in list(self.open.values()):
            if self.base(task) in inside and self.place(task).suffix.startswith(self.place(loop).suffix):
                self.stop(task, "CANCELED", None)

    def commands(self) -> list[Command]:
        """Everything the decision came to, in the order it is to be applied. Empty if nothing changed."""
        if not self.changes:
            return []
        jobs = {task_id: job for task_id, job in self._jobs.items() if task_id in self.open}
        found: list[Command] = [PutTask(self.tasks[task_id]) for task_id in self._changed]
        found += [Dequeue(task_id) for task_id in self._dequeued if task_id not in jobs]
        found += jobs.values()
        found.append(PutRun(self.run))
        found += self.ended_children
        found += self.last_commands
        return found
