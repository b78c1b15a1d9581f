"""The interpreter: from the first node on, each one is begun, gone on with, retried or passed, as its latest task says."""

from collections.abc import Sequence

from stagedoor.engine.definition import TaskNode
from stagedoor.engine.embedded.budget import Unresolvable
from stagedoor.engine.embedded.draft import MOST_STEPS, Attempt, Draft, Place
from stagedoor.engine.embedded.operators import Operator, operator_of
from stagedoor.engine.embedded.retry import give_up, next_attempt
from stagedoor.engine.run import SUCCESSFUL, TERMINAL, Task


def walk(draft: Draft, sequence: Sequence[TaskNode], place: Place) -> bool:
    """Whether the end of the sequence is reached. `draft.unfinished` grows with every task that is met open."""
    return all(step(draft, node, place) for node in sequence)  # stops at the first that is not passed


def step(draft: Draft, node: TaskNode, place: Place) -> bool:
    """Whether the node is passed: its task has ended and so have those it waits for."""
    operator = operator_of(node.type)
    task = _latest(draft, node, place, operator)
    while task is not None and task.status in TERMINAL and task.status not in SUCCESSFUL and not task.executed:
        task = _settle(draft, node, place, task, operator)
    if task is None or task.status not in TERMINAL:
        draft.unfinished += 1
        return False
    if operator.branches is None or task.status not in SUCCESSFUL:
        return True
    through = [walk(draft, branch, place) for branch in operator.branches(node, task)]
    return all(through) or not operator.waits


def _latest(draft: Draft, node: TaskNode, place: Place, operator: Operator) -> Task | None:
    """The node's latest task, begun or gone on with; None if this decision has done enough."""
    task = draft.latest.get(node.task_reference_name + place.suffix)
    if task is None:
        if draft.steps >= MOST_STEPS:
            return None
        task = _begin(draft, node, place, Attempt(delay_seconds=node.start_delay if operator.delayed else 0), operator)
    if operator.advance is not None and task.status not in TERMINAL:
        try:
            task = operator.advance(draft, node, task, walk)
        except Unresolvable as problem:
            return unresolvable(draft, task, problem)
    return task


def _begin(draft: Draft, node: TaskNode, place: Place, attempt: Attempt, operator: Operator) -> Task:
    try:
        return operator.begin(draft, node, place, attempt)
    except Unresolvable as problem:
        begun = draft.latest.get(node.task_reference_name + place.suffix)
        if begun is None or begun.status in TERMINAL:  # it was the input: there is no task yet
            kind = node.name if node.type == "SIMPLE" else node.type
            begun = draft.add(node, place, attempt, task_id=draft.around.new_id(), task_type=kind, status="SCHEDULED")
        return unresolvable(draft, begun, problem)


def unresolvable(draft: Draft, task: Task, problem: Unresolvable) -> Task:
    """The task has failed: another attempt would come to the same."""
    return draft.stop(draft.tasks[task.task_id], "FAILED_WITH_TERMINAL_ERROR", f"{task.reference_task_name}: {problem}")


def _settle(draft: Draft, node: TaskNode, place: Place, task: Task, operator: Operator) -> Task:
    attempt = next_attempt(draft, node, task) if operator.retriable else None
    if attempt is None:
        return give_up(draft, node, task)
    draft.change(task, retried=True)
    return _begin(draft, node, place, attempt, operator)
