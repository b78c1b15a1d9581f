"""Runs and tasks at the gate: started in the caller's name, shown without secrets, handed out and taken back."""

from dataclasses import dataclass, replace
from typing import TypeVar

import msgspec

from stagedoor.core.permission import Access, Allowed, Denied, Resource, Verdict, denied
from stagedoor.core.principal import Principal
from stagedoor.engine.definition import WorkflowDefinition
from stagedoor.engine.operators import is_worker
from stagedoor.engine.port import Delivery, LogLine, Poll, Revision, RunView, StartRequest, TaskUpdate, TaskView
from stagedoor.engine.run import Run, Task
from stagedoor.gate.definitions import TASK, WORKFLOW, Definitions
from stagedoor.gate.gate import Gate, or_none
from stagedoor.gate.sealing import holds_marker, spell_out
from stagedoor.kit.errors import Forbidden, NotFound
from stagedoor.store.store import Transaction

T = TypeVar("T")


@dataclass(frozen=True)
class Executions:
    gate: Gate
    definitions: Definitions

    async def start(self, who: Principal, request: StartRequest) -> str:
        def within(tx: Transaction, run: Run) -> None:
            self.gate.audit.change(tx, who, "workflow.start", f"{WORKFLOW} {run.workflow_name}", f"run {run.workflow_id}")

        return await self.gate.engine.start(who.project, replace(request, starter=who.user, created_by=who.user), within)

    async def run(self, who: Principal, run_id: str, *, include_tasks: bool = True) -> RunView:
        """A run as a read shows it: references, never markers."""
        view = await self.gate.engine.run(who.project, run_id, include_tasks)
        run, tasks = await self._spelled(who, (view.run, view.tasks), tuple[Run, list[Task]])
        return RunView(run, tasks, await self._shown(view.revision))

    async def demand_run(self, who: Principal, run_id: str, access: Access) -> None:
        """A run's id is opaque: NotFound to whoever may not READ the workflow (contract/orkes.md, decisions)."""
        workflow = Resource(WORKFLOW, (await self.gate.engine.run(who.project, run_id, False)).run.workflow_name)
        if not await self.gate.allows(who, Access.READ, workflow):
            await self.gate.record_refusal(who, f"run {run_id}", denied(access, workflow).missing)
            raise NotFound(f"No such workflow found by id: {run_id}")  # in the engine's words, as for one that does not exist
        await self.gate.demand(who, access, workflow)

    async def terminate(self, who: Principal, run_id: str, reason: str | None) -> None:
        def within(tx: Transaction, run: Run) -> None:
            self.gate.audit.change(tx, who, "workflow.terminate", f"{WORKFLOW} {run.workflow_name}", f"run {run_id}")

        await self.gate.engine.terminate(who.project, run_id, reason, within)

    async def poll(self, who: Principal, poll: Poll) -> list[Delivery]:
        """Authorised again after a wait: a right taken away, or a key paused meanwhile, counts."""

        async def ready() -> None:
            await self.gate.authenticator.still_good(who)
            await self.gate.demand_poll(who, poll.task_type)

        return await self.gate.engine.poll(who.project, replace(poll, consumer=who, ready=ready))

    async def update(self, who: Principal, update: TaskUpdate) -> Task:
        """The task as it was before. Worker results are no change of rights or definitions: they have no audit row."""
        return (await self.gate.engine.update(who.project, update)).task

    async def next_task(self, who: Principal, done: Task, worker_id: str) -> list[Delivery]:
        """Another task of the type just done, for the same worker, without waiting (contract/orkes.md 0.17)."""
        task_type = done.task_type
        if not isinstance(await self.gate.poll_verdict(who, task_type), Allowed):
            return []
        poll = Poll(task_type=task_type, worker_id=worker_id, consumer=who, domain=done.domain, count=1, timeout_ms=0)
        return await self.poll(who, poll)

    async def demand_work(self, who: Principal, task_id: str, *, hidden: bool) -> None:
        """May report on this task. An outsider gets NotFound, or with `hidden` the same Forbidden for any id at all."""
        view = await or_none(self.gate.engine.task(who.project, task_id), NotFound)
        verdict = await self._work_verdict(who, view) if view else Denied("a task of that id", "")
        if isinstance(verdict, Allowed):
            return
        if view or hidden:
            await self.gate.record_refusal(who, f"task {task_id}", verdict.missing)
        if view and not hidden and await self._may_see(who, view):
            raise Forbidden(verdict.reason)
        if hidden:
            raise Forbidden(f"You don't have permissions to execute task: {task_id}")
        raise absent(task_id)

    async def _work_verdict(self, who: Principal, view: TaskView) -> Verdict:
        """As for polling. A task that no worker polls is its workflow's: whoever defines a task `HTTP` has no right to every HTTP task."""
        if is_worker(view.task.task_type):
            return await self.gate.poll_verdict(who, view.task.task_type)
        return await self.gate.verdict(who, Access.EXECUTE, Resource(WORKFLOW, view.run.workflow_name))

    async def demand_task(self, who: Principal, task_id: str) -> None:
        """May see this task: by READ on its workflow or EXECUTE on its definition. Others get NotFound."""
        view = await self.gate.engine.task(who.project, task_id)
        if not await self._may_see(who, view):
            await self.gate.record_refusal(who, f"task {task_id}", f"missing: READ on {WORKFLOW} {view.run.workflow_name}")
            raise absent(task_id)

    async def task(self, who: Principal, task_id: str) -> TaskView:
        view = await self.gate.engine.task(who.project, task_id)
        return TaskView(view.run, await self._spelled(who, view.task, Task), await self._shown(view.revision))

    async def log(self, who: Principal, task_id: str, line: str) -> None:
        await self.gate.engine.log(who.project, task_id, [line])

    async def logs(self, who: Principal, task_id: str) -> list[LogLine]:
        return await self._spelled(who, await self.gate.engine.logs(who.project, task_id), list[LogLine])

    async def _spelled(self, who: Principal, value: T, kind: type[T]) -> T:
        """What is shown holds references, never markers."""
        if not holds_marker(value):
            return value
        return msgspec.convert(await self.gate.look(lambda tx: spell_out(tx, who.project, msgspec.to_builtins(value))), kind)

    async def _may_see(self, who: Principal, view: TaskView) -> bool:
        if await self.gate.allows(who, Access.READ, Resource(WORKFLOW, view.run.workflow_name)):
            return True
        task_type = view.task.task_type
        return is_worker(task_type) and await self.gate.allows(who, Access.EXECUTE, Resource(TASK, task_type))

    async def _shown(self, revision: Revision) -> Revision:
        definition: WorkflowDefinition = await self.definitions.shown(revision)
        return replace(revision, definition=definition)


def absent(task_id: str) -> NotFound:
    """In the engine's words, so that a foreign task looks like none."""
    return NotFound(f"No such task found by id: {task_id}")
