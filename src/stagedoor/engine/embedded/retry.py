"""What follows from a failed attempt: another one, going on regardless, or the end of the run (contract/conductor-oss.md 3.5)."""

from stagedoor.engine.definition import TaskDefinition, TaskNode
from stagedoor.engine.embedded.draft import Attempt, Draft
from stagedoor.engine.embedded.ending import end_run
from stagedoor.engine.embedded.limits import first_scheduled
from stagedoor.engine.run import RETRIABLE, Task

_LONGEST = 2**31 - 1


def next_attempt(draft: Draft, node: TaskNode, task: Task) -> Attempt | None:
    """The attempt that follows this failed one, or None if there is none left. Raises RunEnded if the total time is used up."""
    if task.status not in RETRIABLE:
        return None
    rules = draft.rules_of(node, task.task_def_name) or TaskDefinition(name=task.task_def_name, retry_count=0)
    allowed = rules.retry_count if node.retry_count is None else node.retry_count
    if task.retry_count >= allowed:
        return None
    _check_total(draft, task, rules)
    return Attempt(
        count=task.retry_count + 1,
        previous=task,
        delay_seconds=delay_seconds(rules, task.retry_count),
        jitter_ms=draft.around.jitter(rules.backoff_jitter_ms) if rules.backoff_jitter_ms > 0 else 0,
    )


def delay_seconds(rules: TaskDefinition, retry_count: int) -> int:
    """How long the retry after attempt number `retry_count` (0 = the first) waits, without jitter."""
    delay = rules.retry_delay_seconds
    if rules.retry_logic == "LINEAR_BACKOFF":
        delay *= rules.backoff_scale_factor * (retry_count + 1)
    elif rules.retry_logic == "EXPONENTIAL_BACKOFF":
        delay *= 2 ** min(retry_count, 31)
    if rules.max_retry_delay_seconds > 0:
        delay = min(delay, rules.max_retry_delay_seconds)
    return max(0, min(delay, _LONGEST))


def give_up(draft: Draft, node: TaskNode, task: Task) -> Task:
    """No attempt is left: an optional task counts as done with errors, a permissive one stays failed, any other ends the run."""
    if node.permissive and not node.optional:
        return task if task.executed else draft.change(task, executed=True)
    if node.optional:
        return draft.change(task, status="COMPLETED_WITH_ERRORS", executed=True)
    status = {"CANCELED": "TERMINATED", "TIMED_OUT": "TIMED_OUT"}.get(task.status, "FAILED")
    return end_run(draft, status, f"Task {task.task_id} failed with status: {status} and reason: '{task.reason_for_incompletion}'", task)


def _check_total(draft: Draft, task: Task, rules: TaskDefinition) -> None:
    if rules.total_timeout_seconds <= 0:
        return
    elapsed = (draft.around.now - first_scheduled(draft, task)) // 1000
    if elapsed >= rules.total_timeout_seconds:
        status = "TIMED_OUT" if task.status == "TIMED_OUT" else "FAILED"
        reason = (
            f"Task {task.task_id}/{task.task_def_name} exceeded total timeout of {rules.total_timeout_seconds} seconds "
            f"(elapsed {elapsed} seconds across all attempts). No further retries will be attempted."
        )
        end_run(draft, status, reason, task)
