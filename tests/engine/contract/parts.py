"""What the tests of any engine are made of: doors that can be told what to do, short definitions, and waiting without sleeping long."""

import asyncio
import json
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

from stagedoor.engine.definition import Json, TaskDefinition, TaskNode, WorkflowDefinition
from stagedoor.engine.embedded.decision import Performed
from stagedoor.engine.port import Candidate, Deliver, Delivery, Engine, Poll, Register, Revision, RunView, StartRequest, TaskUpdate, Verdict
from stagedoor.engine.run import Run
from stagedoor.kit.secretvalue import SecretValue
from stagedoor.store import Transaction

PROJECT = "default"
ADA = "ada@example.com"


@dataclass
class OpenDoors:
    """Doors that let everything pass, save where a test says otherwise. `hidden` texts are redacted."""

    judge: Callable[[Candidate, object], Verdict] = lambda candidate, consumer: Deliver(candidate.task)
    answer: Callable[[Candidate], Awaitable[Performed]] | None = None
    hidden: list[str] = field(default_factory=list)
    judged: list[str] = field(default_factory=list)
    kept: dict[str, str] = field(default_factory=dict)
    refusal: str | None = None

    def admit(self, tx: Transaction, candidate: Candidate, consumer: object) -> Verdict:
        self.judged.append(candidate.task.task_id)
        return self.judge(candidate, consumer)

    def clean(self, tx: Transaction, run: Run, value: Json) -> Json:
        text = json.dumps(value)
        for each in self.hidden:
            text = text.replace(each, "***")
        return json.loads(text)

    def clean_log(self, tx: Transaction, run: Run, lines: Sequence[str], earlier: Callable[[], Sequence[str]]) -> list[str]:
        return [self.clean(tx, run, line) for line in lines]

    def keep(self, tx: Transaction, candidate: Candidate, name: str, value: SecretValue) -> str | None:
        self.kept[name] = value.reveal()
        return self.refusal

    async def send(self, candidate: Candidate) -> Performed:
        if self.answer is None:
            return Performed(task_id=candidate.task.task_id, value={"response": {"statusCode": 200}})
        return await self.answer(candidate)


def simple(reference: str, name: str = "work", **fields: Any) -> TaskNode:
    fields.setdefault("input_parameters", {"given": "${workflow.input.given}"})
    return TaskNode(name=name, task_reference_name=reference, **fields)


def workflow(name: str, *tasks: TaskNode, **fields: Any) -> WorkflowDefinition:
    return WorkflowDefinition(name=name, tasks=list(tasks), **fields)


def unsealed(definition: WorkflowDefinition) -> Callable[[Transaction, Revision | None, str], WorkflowDefinition]:
    return lambda tx, previous, revision_id: definition


async def save(engine: Engine, definition: WorkflowDefinition, *, saver: str = ADA, overwrite: bool = False) -> Revision:
    return await engine.register(PROJECT, Register(definition=definition, saver=saver, prepare=unsealed(definition), overwrite=overwrite))


async def save_tasks(engine: Engine, *definitions: TaskDefinition) -> None:
    await engine.save_task_definitions(PROJECT, definitions, ADA)


async def start(engine: Engine, name: str, **fields: Any) -> str:
    fields.setdefault("starter", ADA)
    return await engine.start(PROJECT, StartRequest(name=name, **fields))


async def poll(engine: Engine, task_type: str = "work", **fields: Any) -> list[Delivery]:
    fields = {"worker_id": "w1", "consumer": None, "timeout_ms": 0, **fields}
    return await engine.poll(PROJECT, Poll(task_type=task_type, **fields))


async def take(engine: Engine, task_type: str = "work", **fields: Any) -> Delivery:
    """The one task there is to be."""
    found = await poll(engine, task_type, timeout_ms=2_000, **fields)
    assert len(found) == 1, f"no {task_type} came"
    return found[0]


async def complete(engine: Engine, delivery: Delivery, **output: Json) -> None:
    await engine.update(PROJECT, TaskUpdate(task_id=delivery.task.task_id, status="COMPLETED", output=output))


async def fail(engine: Engine, delivery: Delivery, reason: str = "broken", status: str = "FAILED") -> None:
    await engine.update(PROJECT, TaskUpdate(task_id=delivery.task.task_id, status=status, reason=reason))


async def view(engine: Engine, run_id: str) -> RunView:
    return await engine.run(PROJECT, run_id)


async def until(check: Callable[[], Awaitable[Any]], what: str = "what was waited for", seconds: float = 8) -> Any:
    """The first true answer of `check`."""
    for _ in range(int(seconds / 0.01)):
        if found := await check():
            return found
        await asyncio.sleep(0.01)
    raise AssertionError(f"{what} did not happen")


async def ended(engine: Engine, run_id: str) -> RunView:
    """The run when it has ended."""

    async def check() -> RunView | None:
        seen = await view(engine, run_id)
        return seen if seen.run.status != "RUNNING" else None

    found: RunView = await until(check, f"the end of run {run_id}")
    return found


def statuses(seen: RunView) -> Sequence[tuple[str, str]]:
    return [(task.reference_task_name, task.status) for task in seen.tasks]
