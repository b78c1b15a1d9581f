"""Runs and tasks at the gate: started in the caller's name, shown without secrets, handed out and taken back."""

from dataclasses import dataclass, replace
from typing import TypeVar

import msgspec

from stagedoor.core.ceiling import text_of
from stagedoor.core.end_user import EndUsers
from stagedoor.core.permission import Access, Allowed, Authority, Denied, Resource, Verdict
from stagedoor.core.principal import Principal
from stagedoor.core.usage import Use
from stagedoor.engine.definition import WorkflowDefinition
from stagedoor.engine.operators import is_worker
from stagedoor.engine.port import Delivery, LogLine, Poll, Revision, RunView, StartRequest, TaskUpdate, TaskView
from stagedoor.engine.run import Run, Task
from stagedoor.gate.definitions import TASK, WORKFLOW, Definitions
from stagedoor.gate.gate import Gate, or_none
from stagedoor.gate.masking import Mask, kept_in
from stagedoor.gate.ownership import Belonging, belonging_of, decide_on_run
from stagedoor.gate.sealing import holds_marker, spell_out
from stagedoor.kit.errors import Forbidden, NotFound, StagedoorError
from stagedoor.kit.ids import is_id
from stagedoor.store.store import Transaction

T = TypeVar("T")


@dataclass(frozen=True)
class Executions:
    gate: Gate
    definitions: Definitions
    end_users: EndUsers

    async def start(self, who: Principal, request: StartRequest) -> str:
        """NotFound where it is for an end user that is not there."""

        def within(tx: Transaction, run: Run) -> None:
            if run.end_user:
                self.end_users.must_exist(tx, who.project, run.end_user)
            told = f"run {run.workflow_id}" + (f" for end user {run.end_user}" if run.end_user else "")
            self.gate.audit.change(tx, who, "workflow.start", f"{WORKFLOW} {run.workflow_name}", told)

        starter = who.execution.starter if who.execution else who.user
        named = replace(request, starter=starter, created_by=who.user, ceiling=text_of(who.ceiling) or "")
        return await self.gate.engine.start(who.project, named, within)

    async def run(self, who: Principal, run_id: str, *, include_tasks: bool = True) -> RunView:
        """A run as a read shows it: references, never markers."""
        view = await self._masked(who, await self.gate.engine.run(who.project, run_id, include_tasks), tasks=include_tasks)
        run, tasks = await self._spelled(who, (view.run, view.tasks), tuple[Run, list[Task]])
        return RunView(run, tasks, await self._shown(view.revision))

    async def demand_run(self, who: Principal, run_id: str, access: Access) -> None:
        """A run's id is opaque: NotFound to whoever may not READ the workflow (contract/orkes.md, decisions)."""
        run = (await self.gate.engine.run(who.project, run_id, False)).run
        rights = await self._rights(who, run)
        if isinstance(reading := rights(Access.READ), Denied):
            await self.gate.record_refusal(who, f"run {run_id}", reading.missing)
            raise NotFound(f"No such workflow found by id: {run_id}")  # in the engine's words, as for one that does not exist
        if isinstance(verdict := rights(access), Denied):
            await self.gate.refuse(who, Resource(WORKFLOW, run.workflow_name), verdict)
        for used in {Access.READ, access}:
            self.gate.usage.add(who, used, rights.belonging.resource)

    async def terminate(self, who: Principal, run_id: str, reason: str | None) -> None:
        def within(tx: Transaction, run: Run) -> None:
            self.gate.audit.change(tx, who, "workflow.terminate", f"{WORKFLOW} {run.workflow_name}", f"run {run_id}")

        await self.gate.engine.terminate(who.project, run_id, reason, within)

    async def poll(self, who: Principal, poll: Poll) -> list[Delivery]:
        """Authorised again after a wait, and before tasks are handed out: a right taken away, or a key paused meanwhile, counts."""

        async def ready() -> None:
            await self.gate.authenticator.still_good(who)
            await self.gate.demand_poll(who, poll.task_type, poll.domain, again=True)

        found = await self.gate.engine.poll(who.project, replace(poll, consumer=who, ready=ready))
        if found:
            try:
                await ready()  # the change may have come between the last question and the lease
            except StagedoorError:
                await self._give_back(who, found)
                raise
        return found

    async def _give_back(self, who: Principal, found: list[Delivery]) -> None:
        """Leased, and not handed out after all: back into the line, for those who may."""
        for delivery in found:
            await self.gate.engine.update(who.project, TaskUpdate(task_id=delivery.task.task_id, status="IN_PROGRESS"))

    async def update(self, who: Principal, update: TaskUpdate) -> Task:
        """The task as it was before. Worker results are no change of rights or definitions: they have no audit row."""
        return (await self.gate.engine.update(who.project, update)).task

    async def next_task(self, who: Principal, done: Task, worker_id: str) -> list[Delivery]:
        """Another task of the type just done, for the same worker, without waiting (contract/orkes.md 0.17)."""
        task_type = done.task_type
        if not isinstance(await self.gate.poll_verdict(who, task_type, done.domain), Allowed):
            return []
        poll = Poll(task_type=task_type, worker_id=worker_id, consumer=who, domain=done.domain, count=1, timeout_ms=0)
        return await self.poll(who, poll)

    async def demand_work(self, who: Principal, task_id: str, *, hidden: bool) -> None:
        """May report on this task. An outsider gets NotFound, or with `hidden` the same Forbidden for any id at all."""
        view = await or_none(self.gate.engine.task(who.project, task_id), NotFound)
        verdict = await self._work_verdict(who, view) if view else Denied("a task of that id", "")
        if isinstance(verdict, Allowed):
            await self._worked(who, view)
            return
        if view or hidden:
            told = task_id if view or is_id(task_id) else "of no such id"  # what a worker sends in its place is kept nowhere
            await self.gate.record_refusal(who, f"task {told}", verdict.missing)
        if view and not hidden and await self._may_see(who, view):
            raise Forbidden(verdict.reason)
        if hidden:
            raise Forbidden(f"You don't have permissions to execute task: {task_id}")
        raise absent(task_id)

    async def _work_verdict(self, who: Principal, view: TaskView) -> Verdict:
        """As for polling. A task that no worker polls is its workflow's: whoever defines a task `HTTP` has no right to every HTTP task."""
        if is_worker(view.task.task_type):
            return await self.gate.poll_verdict(who, view.task.task_type, view.task.domain)
        return (await self._rights(who, view.run))(Access.EXECUTE)

    async def _worked(self, who: Principal, view: TaskView | None) -> None:
        if view is None:
            return
        if is_worker(view.task.task_type):
            self.gate.usage.polled(who, view.task.task_type, view.task.domain or "")
        else:
            self.gate.usage.add(who, Access.EXECUTE, (await self._rights(who, view.run)).belonging.resource)

    async def demand_task(self, who: Principal, task_id: str) -> None:
        """May see this task: by READ on its workflow or EXECUTE on its definition. Others get NotFound."""
        view = await self.gate.engine.task(who.project, task_id)
        used = await self._seen_by(who, view)
        if used is None:
            await self.gate.record_refusal(who, f"task {task_id}", f"missing: READ on {WORKFLOW} {view.run.workflow_name}")
            raise absent(task_id)
        self.gate.usage.asked(who, used)

    async def task(self, who: Principal, task_id: str) -> TaskView:
        view = await self.gate.engine.task(who.project, task_id)
        mask = await self._mask(who, view.run, view.revision)
        run, task = await mask.through(lambda: (mask.run(view.run), mask.task(view.task)))
        return TaskView(run, await self._spelled(who, task, Task), await self._shown(mask.revision(view.revision)))

    async def log(self, who: Principal, task_id: str, line: str) -> None:
        await self.gate.engine.log(who.project, task_id, [line])

    async def logs(self, who: Principal, task_id: str) -> list[LogLine]:
        lines, view = await self.gate.engine.logs(who.project, task_id), await self.gate.engine.task(who.project, task_id)
        mask = await self._mask(who, view.run, view.revision)
        texts = await mask.through(lambda: mask.lines([line.log for line in lines]))
        shown = [replace(line, log=text) for line, text in zip(lines, texts, strict=True)]
        return await self._spelled(who, shown, list[LogLine])

    async def _masked(self, who: Principal, view: RunView, *, tasks: bool) -> RunView:
        mask = await self._mask(who, view.run, view.revision, view.tasks if tasks else None)
        return await mask.through(lambda: mask.view(view))

    async def _mask(self, who: Principal, run: Run, revision: Revision, tasks: list[Task] | None = None) -> Mask:
        """`tasks`: all of the run's, where they are at hand. What is masked may come from any of them, and from a parent."""
        if tasks is None:
            tasks = (await self.gate.engine.run(who.project, run.workflow_id)).tasks
        kept = await self.gate.look(lambda tx: kept_in(tx, self.gate.secrets, run))
        return Mask.of(run, revision, tasks, kept)

    async def _spelled(self, who: Principal, value: T, kind: type[T]) -> T:
        """What is shown holds references, never markers."""
        if not holds_marker(value):
            return value
        return msgspec.convert(await self.gate.look(lambda tx: spell_out(tx, who.project, msgspec.to_builtins(value))), kind)

    async def _rights(self, who: Principal, run: Run) -> "_Rights":
        """By grants on the name that the run belongs to, or a role over all workflows: what the run is called may be another's name now."""
        belonging = await self.gate.look(lambda tx: belonging_of(tx, who.project, run.workflow_id)) or Belonging(run.workflow_name, None)
        authority = await self.gate.authenticator.authority(who, belonging.resource)
        return _Rights(who, belonging, authority)

    async def _may_see(self, who: Principal, view: TaskView) -> bool:
        return await self._seen_by(who, view) is not None

    async def _seen_by(self, who: Principal, view: TaskView) -> Use | None:
        """The right by which a principal may see a task, if any."""
        rights, task_type = await self._rights(who, view.run), view.task.task_type
        if isinstance(rights(Access.READ), Allowed):
            return Use(Access.READ, *rights.belonging.resource)
        if is_worker(task_type) and await self.gate.allows(who, Access.EXECUTE, Resource(TASK, task_type)):
            return Use(Access.EXECUTE, TASK, task_type)
        return None

    async def _shown(self, revision: Revision) -> Revision:
        definition: WorkflowDefinition = await self.definitions.shown(revision)
        return replace(revision, definition=definition)


@dataclass(frozen=True, slots=True)
class _Rights:
    """What a principal may do with a run."""

    who: Principal
    belonging: Belonging
    authority: Authority

    def __call__(self, access: Access) -> Verdict:
        return decide_on_run(self.who, access, self.belonging, self.authority)


def absent(task_id: str) -> NotFound:
    """In the engine's words, so that a foreign task looks like none."""
    return NotFound(f"No such task found by id: {task_id}")
