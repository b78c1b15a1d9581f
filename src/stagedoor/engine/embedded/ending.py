"""How a run ends: its output, what is stopped with it, and its failure workflow (contract/conductor-oss.md 3.2, 3.6)."""

from typing import NoReturn

import msgspec

from stagedoor.engine.definition import Json
from stagedoor.engine.embedded.budget import Budget, TooLarge, Unresolvable
from stagedoor.engine.embedded.decision import StartFailureWorkflow
from stagedoor.engine.embedded.draft import Draft, RunEnded
from stagedoor.engine.embedded.expression import resolve
from stagedoor.engine.run import Task


def complete(draft: Draft, reason: str | None = None) -> NoReturn:
    """Everything is done: the run is COMPLETED. What is still open (after a TERMINATE) is canceled. It fails if its output
    cannot be had."""
    try:
        output = output_of(draft)
    except Unresolvable as problem:
        end_run(draft, "FAILED", _told(problem))
    _stop_open(draft, reason, "COMPLETED")
    _end(draft, "COMPLETED", output, reason)


def end_run(draft: Draft, status: str, reason: str | None, cause: Task | None = None) -> NoReturn:
    """The run fails by itself: FAILED, TIMED_OUT or TERMINATED. Its failure workflow is started.

    The engine adds the id of that one to the output, as `conductor.failure_workflow`.
    """
    output, reason = _output_and_reason(draft, reason)
    _stop_open(draft, reason, status)
    name = _failure_workflow(draft)
    if name:
        told: dict[str, Json] = {"workflowId": draft.run.workflow_id, "reason": reason, "failureStatus": status}
        if cause is not None:
            told["failureTaskId"] = cause.task_id
        told["failedWorkflow"] = _model(draft, status, reason, output)
        draft.last_commands.append(StartFailureWorkflow(name=name, input={**draft.run.input, **told}))
    _end(draft, status, output, reason)


def end_from_outside(draft: Draft, status: str, reason: str | None) -> NoReturn:
    """Somebody ends the run: no failure workflow, as upstream."""
    output, reason = _output_and_reason(draft, reason)
    _stop_open(draft, reason, status)
    _end(draft, status, output, reason)


def _output_and_reason(draft: Draft, reason: str | None) -> tuple[dict[str, Json], str | None]:
    """A run that ends badly has no output where that cannot be had; the reason says so."""
    try:
        return output_of(draft), reason
    except Unresolvable as problem:
        told = _told(problem)
        return {}, told if reason in (None, told) else f"{reason} ({told})"


def _told(problem: Unresolvable) -> str:
    return f"output of the workflow: {problem}"


def output_of(draft: Draft) -> dict[str, Json]:
    """A successful TERMINATE's output, else the output parameters, else the last task's output. Unresolvable."""
    for task in draft.tasks.values():
        if task.task_type == "TERMINATE" and task.status == "COMPLETED":
            return task.output_data
    if draft.definition.output_parameters:
        document = draft.document(None)
        return {key: resolve(value, document) for key, value in draft.definition.output_parameters.items()}
    return draft.last.output_data if draft.last else {}


def _stop_open(draft: Draft, reason: str | None, status: str) -> None:
    told = reason or f"the workflow is {status}"
    for task in list(draft.open.values()):
        if task.task_id in draft.open:  # a loop takes its body along
            draft.stop(task, "CANCELED", told)


def _end(draft: Draft, status: str, output: dict[str, Json], reason: str | None) -> NoReturn:
    draft.set_run(status=status, output=output, reason_for_incompletion=reason, end_time=draft.around.now)
    raise RunEnded


def _failure_workflow(draft: Draft) -> str | None:
    name = draft.definition.failure_workflow
    if name and name.startswith("$"):
        try:
            found = resolve(name, draft.document(None))
        except Unresolvable:
            return None
        return found if isinstance(found, str) and not found.startswith("$") else None
    return name or None


def _model(draft: Draft, status: str, reason: str | None, output: dict[str, Json]) -> dict[str, Json]:
    """`failedWorkflow`: the run as on the wire, without what only this server needs to know about it; without its tasks, and then
    without its own data, where they would be too large."""
    run, budget, tasks = draft.run, Budget(), list(draft.tasks.values())
    given, variables = run.input, run.variables
    try:
        budget.take_all((run.input, run.input, output, variables))  # the input stands beside it once more
    except TooLarge:
        given, output, variables, tasks = {}, {}, {}, []
    try:
        budget.take_all(data for task in tasks for data in (task.input_data, task.output_data))
    except TooLarge:
        tasks = []
    return {
        "workflowId": run.workflow_id,
        "workflowName": run.workflow_name,
        "workflowVersion": run.workflow_version,
        "status": status,
        "reasonForIncompletion": reason,
        "input": given,
        "output": output,
        "variables": variables,
        "correlationId": run.correlation_id,
        "priority": run.priority,
        "createTime": run.create_time,
        "endTime": draft.around.now,
        "tasks": [msgspec.to_builtins(task) for task in tasks],
        "failedReferenceTaskNames": sorted({task.reference_task_name for task in draft.tasks.values() if task.status.startswith("FAILED")}),
    }
