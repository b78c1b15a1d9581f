"""The pure heart of the embedded engine: what follows from one event (contract/conductor-oss.md 3, with the departures of 7).

The run is interpreted anew from its definition each time: nothing is remembered but the run and its tasks, so that the
same state and event always lead to the same commands. No I/O; time, ids and chance come from `Surroundings`.
"""

from collections.abc import Sequence

from stagedoor.engine.definition import WorkflowDefinition
from stagedoor.engine.embedded.budget import Unresolvable, all_reasons
from stagedoor.engine.embedded.decision import (
    ChildEnded,
    Command,
    Due,
    Enqueue,
    Event,
    Performed,
    Started,
    Surroundings,
    TaskUpdated,
    Terminated,
)
from stagedoor.engine.embedded.draft import MOST_STEPS, TOP, Draft, RunEnded
from stagedoor.engine.embedded.ending import complete, end_from_outside, end_run
from stagedoor.engine.embedded.limits import apply_limits, next_check_of
from stagedoor.engine.embedded.operators import operator_of
from stagedoor.engine.embedded.operators.call import child_ended
from stagedoor.engine.embedded.operators.worker import queue_of
from stagedoor.engine.embedded.walk import unresolvable, walk
from stagedoor.engine.operators import is_worker
from stagedoor.engine.run import RUN_TERMINAL, TERMINAL, Run, Task

CONTAINERS = frozenset({"SWITCH", "DECISION", "FORK", "JOIN", "EXCLUSIVE_JOIN", "DO_WHILE"})


def decide(definition: WorkflowDefinition, run: Run, tasks: Sequence[Task], event: Event, around: Surroundings) -> list[Command]:
    """The commands that follow from `event`, in the order to apply them; empty if it changes nothing.

    `tasks`: all of the run's, by `seq`. The definition must have passed `validate`. Never raises on data.
    """
    if run.status in RUN_TERMINAL:
        return []
    draft = Draft(definition, run, tasks, around)
    try:
        if not _apply(draft, event):
            return []
        if run.status != "PAUSED":
            if isinstance(event, Due) or 0 < run.next_check <= around.now:
                apply_limits(draft)
            _go_on(draft)
    except RunEnded:
        pass
    due = next_check_of(draft, looked=True)
    if draft.changes or due != run.next_check:
        draft.set_run(update_time=around.now, next_check=due)
    return draft.commands()


def next_check(definition: WorkflowDefinition, run: Run, tasks: Sequence[Task], around: Surroundings) -> int:
    """When something of the run falls due next (epoch ms), 0 = nothing: for an engine that changed a task without `decide`."""
    return next_check_of(Draft(definition, run, tasks, around))


def _go_on(draft: Draft) -> None:
    """Walk until nothing moves any more: a JOIN may wait for a task that the walk reaches after it."""
    while True:
        draft.unfinished, changes = 0, draft.changes
        if walk(draft, draft.definition.tasks, TOP) and not draft.unfinished:
            _end_of_definition(draft)
        if draft.changes == changes or not any(task.task_type in CONTAINERS for task in draft.open.values()):
            break
    if draft.steps < MOST_STEPS and draft.open:
        _check_for_deadlock(draft)


def _end_of_definition(draft: Draft) -> None:
    failed = [
        task
        for reference, task in draft.latest.items()
        if task.status in TERMINAL and not task.retried and (node := draft.node(task)) is not None
        if node.permissive and not node.optional and task.status not in ("COMPLETED", "COMPLETED_WITH_ERRORS", "SKIPPED")
    ]
    if not failed:
        complete(draft)
    told = (f"Task {task.task_id} failed with status: {task.status} and reason: '{task.reason_for_incompletion}'" for task in failed)
    end_run(draft, "FAILED", all_reasons(told, ". "), failed[0])


def _check_for_deadlock(draft: Draft) -> None:
    """A JOIN whose tasks will never run would keep the run for ever (upstream does): the run fails and says so."""
    waiting = list(draft.open.values())
    if all(task.task_type in ("JOIN", "EXCLUSIVE_JOIN") or _loop_in_body(task) for task in waiting):
        join = next((task for task in waiting if task.task_type != "DO_WHILE"), waiting[0])
        end_run(draft, "FAILED", f"Task {join.reference_task_name} waits for tasks that will never run", join)


def _loop_in_body(task: Task) -> bool:
    return task.task_type == "DO_WHILE" and str(task.iteration) not in task.output_data


# ---- events
def _apply(draft: Draft, event: Event) -> bool:
    """Enter the event into the draft; False if it is nothing to this run (any more)."""
    match event:
        case Started():
            if not draft.run.variables and draft.definition.variables:
                draft.set_run(variables=dict(draft.definition.variables))
            return True
        case Due():
            return True
        case Terminated():
            end_from_outside(draft, event.status, event.reason)
    task = draft.open.get(event.task_id)
    if task is None:
        return False
    match event:
        case TaskUpdated():
            return _updated(draft, task, event)
        case Performed():
            return _performed(draft, task, event)
        case ChildEnded():
            if task.sub_workflow_id != event.child_id:
                return False
            child_ended(draft, task, event)
            return True


def _updated(draft: Draft, task: Task, event: TaskUpdated) -> bool:
    node = draft.node(task)
    worker = node is None or is_worker(node.type)
    if event.extend_lease:
        draft.change(task)
        return True
    if event.status in TERMINAL:
        told = {"output_data": event.output, "worker_id": event.worker_id or task.worker_id}
        if worker and task.status == "IN_PROGRESS":  # it has left the queue with its lease
            draft.finish(task, event.status, reason_for_incompletion=event.reason, **told)
        else:
            draft.stop(task, event.status, event.reason, **told)
        return True
    if event.status != "IN_PROGRESS" or task.task_type in CONTAINERS:
        return False
    told = {"output_data": event.output, "reason_for_incompletion": event.reason, "worker_id": event.worker_id or task.worker_id}
    if not worker:
        draft.change(task, **told)
        return True
    after = max(0, event.callback_after_seconds)
    task = draft.change(task, status="SCHEDULED", callback_after_seconds=after, **told)
    draft.ask(Enqueue(task_id=task.task_id, queue=queue_of(task), due=draft.around.now + after * 1000))
    return True


def _performed(draft: Draft, task: Task, event: Performed) -> bool:
    node = draft.node(task)
    operator = operator_of(node.type) if node else None
    if node is None or operator is None or operator.performed is None:
        return False
    try:
        operator.performed(draft, node, task, event)
    except Unresolvable as problem:
        unresolvable(draft, task, problem)
    return True
