"""Operators that are done as soon as they are reached: NOOP, SET_VARIABLE, TERMINATE."""

import msgspec

from stagedoor.engine.definition import Json, TaskNode
from stagedoor.engine.embedded.draft import Attempt, Draft, Place
from stagedoor.engine.embedded.ending import complete, end_run
from stagedoor.engine.run import Task

MOST_VARIABLES = 256 * 1024
"""Bytes of JSON that the variables of a run may take, as upstream."""

TERMINATION_STATUSES = ("COMPLETED", "FAILED", "TERMINATED")


def _start(draft: Draft, node: TaskNode, place: Place, attempt: Attempt) -> Task:
    task_id = draft.around.new_id()
    now = draft.around.now
    given = draft.input(node, task_id)
    return draft.add(node, place, attempt, task_id=task_id, status="IN_PROGRESS", input_data=given, start_time=now)


def begin_noop(draft: Draft, node: TaskNode, place: Place, attempt: Attempt) -> Task:
    return draft.finish(_start(draft, node, place, attempt), "COMPLETED")


def begin_set_variable(draft: Draft, node: TaskNode, place: Place, attempt: Attempt) -> Task:
    """The input becomes variables of the run."""
    task = _start(draft, node, place, attempt)
    variables = {**draft.run.variables, **task.input_data}
    if not _fits(variables):
        reason = f"The variables of the workflow would take more than {MOST_VARIABLES // 1024} kilobytes"
        return draft.finish(task, "FAILED_WITH_TERMINAL_ERROR", reason_for_incompletion=reason)
    draft.set_run(variables=variables)
    return draft.finish(task, "COMPLETED")


def _fits(variables: dict[str, Json]) -> bool:
    try:
        return len(msgspec.json.encode(variables)) <= MOST_VARIABLES
    except RecursionError:
        return False
    except (UnicodeEncodeError, OverflowError):  # a lone surrogate, or a number beyond 64 bits
        return len(repr(variables)) <= MOST_VARIABLES


def begin_terminate(draft: Draft, node: TaskNode, place: Place, attempt: Attempt) -> Task:
    """Ends the run with `terminationStatus`; `workflowOutput` is its output."""
    task = _start(draft, node, place, attempt)
    status = task.input_data.get("terminationStatus")
    if status not in TERMINATION_STATUSES:
        return draft.finish(task, "FAILED", reason_for_incompletion="given termination status is not valid")
    output = task.input_data.get("workflowOutput")
    if output is None:
        output = {}
    task = draft.finish(task, "COMPLETED", output_data=output if isinstance(output, dict) else {"output": output})
    reason = task.input_data.get("terminationReason")
    if not isinstance(reason, str) or not reason.strip():
        reason = f"Workflow is {status} by TERMINATE task: {task.task_id}"
    if status == "COMPLETED":
        complete(draft, reason)
    return end_run(draft, status, reason, task)
