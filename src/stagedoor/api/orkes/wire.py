"""Runs and tasks as Conductor's JSON: `Workflow`, `Task`, `TaskResult` (schemas of Conductor OSS 3.32)."""

from typing import Any, Literal

import msgspec

from stagedoor.engine.definition import Json, TaskNode, nodes
from stagedoor.engine.port import Revision, RunView
from stagedoor.engine.run import Run, Task


class TaskResult(msgspec.Struct, rename="camel", kw_only=True):
    """What a worker reports."""

    task_id: str
    status: Literal["IN_PROGRESS", "FAILED", "FAILED_WITH_TERMINAL_ERROR", "COMPLETED"]
    workflow_instance_id: str | None = None
    output_data: dict[str, Json] | None = None
    reason_for_incompletion: str | None = None
    callback_after_seconds: int | float | None = None
    worker_id: str | None = None
    extend_lease: bool | None = None
    logs: list[dict[str, Json]] | None = None


class StartWorkflow(msgspec.Struct, rename="camel", kw_only=True):
    """StartWorkflowRequest. `createdBy` is not read: identity never comes from a body."""

    name: str
    version: int | None = None
    correlation_id: str | None = None
    input: dict[str, Json] | None = None
    task_to_domain: dict[str, str] | None = None
    workflow_def: Json = None
    priority: int | None = None
    idempotency_key: str | None = None
    idempotency_strategy: str | None = None


def run_json(view: RunView, *, include_tasks: bool = True) -> dict[str, Any]:
    """A `Workflow`. Its input, output and tasks have been restored and redacted below."""
    run = view.run
    shown = _plain(run)
    for ours in ("projectId", "revisionId", "starter", "ceiling", "rootId", "depth", "nextCheck", "maskedFields"):
        shown.pop(ours, None)
    shown |= {
        "startTime": run.create_time,
        "ownerApp": "",
        "workflowDefinition": msgspec.to_builtins(view.revision.definition),
        "failedReferenceTaskNames": sorted({task.reference_task_name for task in view.tasks if task.status == "FAILED"}),
    }
    if include_tasks:
        by_name = _nodes(view.revision)
        shown["tasks"] = [task_json(run, task, by_name.get(task.reference_task_name)) for task in view.tasks]
    return shown


def task_json(run: Run, task: Task, node: TaskNode | None = None) -> dict[str, Any]:
    """A `Task`, with what it inherits from its run."""
    shown = _plain(task)
    shown |= {
        "workflowType": run.workflow_name,
        "correlationId": run.correlation_id,
        "workflowPriority": run.priority,
        "workflowTask": msgspec.to_builtins(node) if node is not None else None,
    }
    if task.start_time and task.scheduled_time:
        shown["queueWaitTime"] = max(0, task.start_time - task.scheduled_time)
    return {name: value for name, value in shown.items() if value is not None}


def node_of(revision: Revision, task: Task) -> TaskNode | None:
    return _nodes(revision).get(task.reference_task_name)


def _nodes(revision: Revision) -> dict[str, TaskNode]:
    return {node.task_reference_name: node for node in nodes(revision.definition.tasks)}


def _plain(value: Run | Task) -> dict[str, Any]:
    """camelCase names, absent values left out as upstream does."""
    plain: dict[str, Any] = msgspec.to_builtins(value)
    return {name: member for name, member in plain.items() if member is not None}
