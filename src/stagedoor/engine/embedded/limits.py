"""Time limits: when each falls due, the earliest of a run, and what happens then (contract/conductor-oss.md 3.5)."""

from collections.abc import Iterator
from typing import NamedTuple

from stagedoor.engine.definition import TaskDefinition, TaskNode
from stagedoor.engine.embedded.draft import MOST_STEPS, Draft
from stagedoor.engine.embedded.ending import end_run
from stagedoor.engine.operators import is_worker
from stagedoor.engine.run import RUN_TERMINAL, Task

FOREVER = 2**31 - 1
"""`callback_after_seconds` of a WAIT that only somebody outside ends."""


class Limit(NamedTuple):
    """A moment (epoch ms) at which an open task is timed out, by which policy, and what is said then."""

    at: int
    policy: str
    reason: str


def begins_at(task: Task) -> int:
    """When a SCHEDULED task may begin: at once, or after its start or retry delay or the callback its worker asked for."""
    return max(task.scheduled_time, task.update_time if task.worker_id else 0) + task.callback_after_seconds * 1000


def waits_until(task: Task) -> int:
    """When a WAIT in progress is over; 0 = when somebody outside says so."""
    return 0 if task.callback_after_seconds >= FOREVER else task.start_time + task.callback_after_seconds * 1000


def next_check_of(draft: Draft, looked: bool = False) -> int:
    """The next moment at which something of the run falls due; 0 = none. `looked`: at everything due by now."""
    if draft.run.status in RUN_TERMINAL or draft.run.status == "PAUSED":
        return 0
    if draft.steps >= MOST_STEPS:
        return draft.around.now
    if 0 < draft.run.next_check <= draft.around.now and not looked:
        return draft.run.next_check  # fallen due and not looked at yet
    moments = [limit.at for task in draft.open.values() for limit in _limits(draft, task)]
    moments += [at for task in draft.open.values() if (at := _starts_or_ends(draft, task))]
    if (run_limit := _run_limit(draft)) is not None:
        moments.append(run_limit)
    return min(moments, default=0)


def apply_limits(draft: Draft) -> None:
    """Time out what has passed its limit. Raises RunEnded where that ends the run."""
    now = draft.around.now
    run_limit = _run_limit(draft)
    if run_limit is not None and now >= run_limit:
        definition = draft.definition
        waited = (now - draft.run.create_time) // 1000
        end_run(
            draft,
            "TIMED_OUT",
            f"Workflow timed out after {waited} seconds. Timeout configured as {definition.timeout_seconds} seconds. "
            f"Timeout policy configured to {definition.timeout_policy}",
        )
    for task in list(draft.open.values()):
        passed = next((limit for limit in _limits(draft, task) if now >= limit.at), None)
        if passed is None or task.task_id not in draft.open:
            continue
        stopped = draft.stop(task, "TIMED_OUT", passed.reason)
        if passed.policy == "TIME_OUT_WF":
            end_run(draft, "TIMED_OUT", passed.reason, stopped)


def _run_limit(draft: Draft) -> int | None:
    definition = draft.definition
    if definition.timeout_seconds <= 0 or definition.timeout_policy != "TIME_OUT_WF":
        return None
    return draft.run.create_time + definition.timeout_seconds * 1000


def _starts_or_ends(draft: Draft, task: Task) -> int:
    """When the engine itself has to go on with a task that no worker and no job brings forward."""
    if task.task_type == "WAIT" and task.status == "IN_PROGRESS":
        return waits_until(task)
    return begins_at(task) if task.status == "SCHEDULED" and task.task_type in ("WAIT", "HUMAN", "SUB_WORKFLOW") else 0


def _limits(draft: Draft, task: Task) -> Iterator[Limit]:
    node = draft.node(task)
    rules = draft.rules_of(node, task.task_def_name) if node else None
    if node is None or rules is None:
        return
    if rules.timeout_policy != "ALERT_ONLY":  # an alert is nothing this engine sends, so there is nothing to wake up for
        yield from _by_policy(draft, task, node, rules)
    if rules.response_timeout_seconds > 0 and task.status == "IN_PROGRESS" and _answers(node):
        yield Limit(
            task.update_time + (rules.response_timeout_seconds + task.callback_after_seconds) * 1000,
            "RETRY",
            f"responseTimeout: {rules.response_timeout_seconds} exceeded for the taskId: {task.task_id} "
            f"with Task Definition: {task.task_def_name}",
        )


def _by_policy(draft: Draft, task: Task, node: TaskNode, rules: TaskDefinition) -> Iterator[Limit]:
    policy = rules.timeout_policy
    if rules.total_timeout_seconds > 0:
        yield Limit(
            first_scheduled(draft, task) + rules.total_timeout_seconds * 1000,
            policy,
            f"Task {task.task_def_name}/{task.task_id} exceeded total timeout of {rules.total_timeout_seconds} seconds. "
            f"Timeout policy: {policy}",
        )
    if rules.timeout_seconds > 0 and task.start_time > 0:
        yield Limit(
            task.start_time + rules.timeout_seconds * 1000,
            policy,
            f"Task timed out after {rules.timeout_seconds} seconds. Timeout policy configured to {policy}",
        )
    if rules.poll_timeout_seconds and rules.poll_timeout_seconds > 0 and task.status == "SCHEDULED" and is_worker(node.type):
        yield Limit(
            begins_at(task) + rules.poll_timeout_seconds * 1000,
            policy,
            f"Task poll timed out after {rules.poll_timeout_seconds} seconds. Timeout policy configured to {policy}",
        )


def _answers(node: TaskNode) -> bool:
    """Whether somebody is to report on the task once it is in progress (upstream: all but the engine's own and asyncComplete)."""
    return is_worker(node.type) or node.type == "HUMAN" or (node.type == "HTTP" and not node.async_complete)


def first_scheduled(draft: Draft, task: Task) -> int:
    """When the first attempt at the task's node was scheduled."""
    while task.retried_task_id is not None and task.retried_task_id in draft.tasks:
        task = draft.tasks[task.retried_task_id]
    return task.scheduled_time
