"""A run in memory: carries out what `decide` commands, checks each command, and answers as workers and scripts would."""

import itertools
import json
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import jq
import msgspec
import quickjs

from stagedoor.engine.definition import Json, TaskDefinition, WorkflowDefinition
from stagedoor.engine.embedded.decide import decide
from stagedoor.engine.embedded.decision import (
    ChildEnded,
    Command,
    Dequeue,
    Due,
    EndChild,
    Enqueue,
    Evaluate,
    Event,
    Performed,
    PutRun,
    PutTask,
    Send,
    StartChild,
    Started,
    StartFailureWorkflow,
    Surroundings,
    TaskUpdated,
)
from stagedoor.engine.run import RUN_TERMINAL, TERMINAL, Run, Task

NOW = 1_700_000_000_000
Job = Enqueue | Evaluate | Send | StartChild


def definition(*tasks: dict[str, Json], **fields: Json) -> WorkflowDefinition:
    return msgspec.convert({"name": "flow", "tasks": [_wire(task) for task in tasks], **fields}, WorkflowDefinition)


def node(ref: str, type: str = "SIMPLE", **fields: Json) -> dict[str, Json]:
    """A task of a definition, on the wire. `input` is short for `inputParameters`; branches may be given in short form too."""
    if "input" in fields:
        fields["inputParameters"] = fields.pop("input")
    for key in ("defaultCase", "loopOver"):
        if key in fields:
            fields[key] = [_wire(each) for each in fields[key]]
    if "forkTasks" in fields:
        fields["forkTasks"] = [[_wire(each) for each in branch] for branch in fields["forkTasks"]]
    if "decisionCases" in fields:
        fields["decisionCases"] = {case: [_wire(each) for each in branch] for case, branch in fields["decisionCases"].items()}
    return {"name": ref, "taskReferenceName": ref, "type": type, **fields}


def _wire(task: dict[str, Json]) -> dict[str, Json]:
    return node(**task) if "ref" in task else task


def javascript(source: str, given: Json) -> Json:
    context = quickjs.Context()
    context.set("given", json.dumps(given))
    context.set("source", source)
    return json.loads(context.eval("var $ = JSON.parse(given); var r = (0, eval)(source); JSON.stringify(r === undefined ? null : r)"))


def evaluate(command: Evaluate) -> Performed:
    try:
        if command.language == "jq":
            value = jq.compile(command.source).input_value(command.input).all()
        else:
            value = javascript(command.source, command.input)
    except (ValueError, quickjs.JSException) as wrong:
        return Performed(task_id=command.task_id, error=str(wrong))
    return Performed(task_id=command.task_id, value=value)


class StillRunning(AssertionError):
    """The run does not end."""


class Play:
    """One run. `send` an event; or let workers and scripts answer with `settle`."""

    def __init__(
        self,
        workflow: WorkflowDefinition,
        given: dict[str, Json] | None = None,
        task_definitions: Sequence[TaskDefinition] = (),
        now: int = NOW,
        **run: Any,
    ) -> None:
        self.definition = workflow
        self.now = now
        self.run = Run(
            workflow_id="run",
            project_id="default",
            workflow_name=workflow.name,
            workflow_version=workflow.version,
            revision_id="revision",
            input=given or {},
            create_time=now,
            **run,
        )
        self.tasks: dict[str, Task] = {}
        self.jobs: dict[str, Job] = {}
        self.log: list[Command] = []
        self.failure_workflows: list[StartFailureWorkflow] = []
        self.ended_children: list[EndChild] = []
        self.task_definitions: Mapping[str, TaskDefinition] = {each.name: each for each in task_definitions}
        self.environment: dict[str, str] = {}
        self._ids = itertools.count(1)

    @property
    def around(self) -> Surroundings:
        return Surroundings(
            now=self.now,
            new_id=lambda: f"id{next(self._ids)}",
            jitter=lambda limit: limit // 2,
            task_definitions=self.task_definitions,
            environment=self.environment.get,
        )

    def start(self) -> "Play":
        self.send(Started())
        return self

    def send(self, event: Event) -> list[Command]:
        tasks = sorted(self.tasks.values(), key=lambda task: task.seq)
        commands = decide(self.definition, self.run, tasks, event, self.around)
        for command in commands:
            self._carry_out(command)
        self._check(commands)
        self.log += commands
        return commands

    def _carry_out(self, command: Command) -> None:
        match command:
            case PutTask(task):
                before = self.tasks.get(task.task_id)
                assert before is None or before.status not in TERMINAL or before.status in ("FAILED", "TIMED_OUT") or before == task, (
                    before,
                    task,
                )
                self.tasks[task.task_id] = task
            case PutRun(run):
                self.run = run
            case Dequeue(task_id):
                assert task_id in self.tasks
                self.jobs.pop(task_id, None)
            case Enqueue() | Evaluate() | Send() | StartChild():
                assert self.tasks[command.task_id].status not in TERMINAL
                self.jobs[command.task_id] = command
            case EndChild():
                self.ended_children.append(command)
            case StartFailureWorkflow():
                self.failure_workflows.append(command)

    def _check(self, commands: Sequence[Command]) -> None:
        attempts = [(task.reference_task_name, task.retry_count) for task in self.tasks.values()]
        assert len(attempts) == len(set(attempts)), "an attempt was scheduled twice"
        seqs = [task.seq for task in self.tasks.values()]
        assert len(seqs) == len(set(seqs))
        rest = [type(command) for command in commands if not isinstance(command, EndChild | StartFailureWorkflow)]
        assert not commands or (rest.count(PutRun) == 1 and rest[-1] is PutRun)
        is_open = any(task.status not in TERMINAL for task in self.tasks.values())
        if self.run.status in RUN_TERMINAL:
            assert not is_open
            assert self.run.next_check == 0
        elif self.run.status == "RUNNING":
            assert is_open or 0 < self.run.next_check <= self.now, "stuck: nothing is open and nothing falls due"
            assert self.jobs or self.run.next_check or any(self._waits_for_people(task) for task in self.tasks.values())

    def _waits_for_people(self, task: Task) -> bool:
        return task.status == "IN_PROGRESS" and task.task_type not in ("JOIN", "EXCLUSIVE_JOIN", "DO_WHILE", "SWITCH", "INLINE")

    # ---- looking
    def task(self, reference: str) -> Task:
        """The latest attempt of this reference name."""
        return max((task for task in self.tasks.values() if task.reference_task_name == reference), key=lambda task: task.seq)

    def statuses(self) -> dict[str, str]:
        return {task.reference_task_name: task.status for task in sorted(self.tasks.values(), key=lambda task: task.seq)}

    def queued(self) -> dict[str, str]:
        """Reference names of the queued worker tasks, with their queues."""
        return {self.tasks[job.task_id].reference_task_name: job.queue for job in self.jobs.values() if isinstance(job, Enqueue)}

    # ---- answering
    def lease(self, reference: str) -> Task:
        task = self.task(reference)
        self.jobs.pop(task.task_id)
        leased = msgspec.structs.replace(
            task,
            status="IN_PROGRESS",
            start_time=task.start_time or self.now,
            update_time=self.now,
            worker_id="w",
            callback_after_seconds=0,
        )
        self.tasks[task.task_id] = leased
        return leased

    def update(self, reference: str, status: str = "COMPLETED", output: dict[str, Json] | None = None, **fields: Any) -> list[Command]:
        return self.send(TaskUpdated(task_id=self.task(reference).task_id, status=status, output=output or {}, **fields))

    def perform(self, reference: str, value: Json = None, **fields: Any) -> list[Command]:
        task_id = self.task(reference).task_id
        self.jobs.pop(task_id, None)
        return self.send(Performed(task_id=task_id, value=value, **fields))

    def end_child(
        self, reference: str, status: str = "COMPLETED", output: dict[str, Json] | None = None, reason: str | None = None
    ) -> list[Command]:
        task = self.task(reference)
        self.jobs.pop(task.task_id, None)
        return self.send(
            ChildEnded(task_id=task.task_id, child_id=task.sub_workflow_id or "", status=status, output=output or {}, reason=reason)
        )

    def advance(self, seconds: float) -> list[Command]:
        self.now += round(seconds * 1000)
        return self.send(Due())

    def settle(self, answer: Callable[[Job, Task], Event] | None = None, most: int = 10_000) -> "Play":
        """Answer every job until none is left, time passing as it must; the run has ended or waits for somebody outside."""
        for _ in range(most):
            if self.run.status in RUN_TERMINAL:
                return self
            if self.jobs:
                task_id, job = min(self.jobs.items(), key=lambda item: getattr(item[1], "due", 0))
                self.now = max(self.now, getattr(job, "due", 0))
                del self.jobs[task_id]
                self.send((answer or obliging)(job, self.tasks[task_id]))
            elif self.run.next_check:
                self.now = max(self.now, self.run.next_check)
                self.send(Due())
            else:
                return self
        raise StillRunning(f"still running after {most} answers: {list(self.statuses().items())[-10:]}")


def obliging(job: Job, task: Task) -> Event:
    """Everything that is asked for succeeds."""
    match job:
        case Enqueue():
            return TaskUpdated(task_id=task.task_id, status="COMPLETED", output={"done": task.reference_task_name})
        case Evaluate():
            return evaluate(job)
        case Send():
            return Performed(task_id=task.task_id, value={"response": {"statusCode": 200, "body": {}, "headers": {}}})
        case StartChild():
            return ChildEnded(task_id=task.task_id, child_id=job.child_id, status="COMPLETED", output={})
