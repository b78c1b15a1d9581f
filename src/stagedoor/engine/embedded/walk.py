"""The interpreter: from the first node on, each one is begun, gone on with, retried or passed, as its latest task says."""

from collections.abc import Sequence

from stagedoor.engine.definition import TaskNode
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
        task = operator.begin(draft, node, place, Attempt(delay_seconds=node.start_delay if operator.delayed else 0))
    if operator.advance is not None and task.status not in TERMINAL:
        task = operator.advance(draft, node, task, walk)
    return task


def _settle(draft: Draft, node: TaskNode, place: Place, task: Task, operator: Operator) -> Task:
    attempt = next_attempt(draft, node, task) if operator.retriable else None
    if attempt is None:
        return give_up(draft, node, task)
    draft.change(task, retried=True)
    return operator.begin(draft, node, place, attempt)
