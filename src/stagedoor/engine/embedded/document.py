"""The root document that expressions see: `workflow`, and each task under its reference name (contract/conductor-oss.md 3.1)."""

from collections.abc import Iterator, Mapping

from stagedoor.engine.definition import Json, WorkflowDefinition
from stagedoor.engine.run import Run, Task


def workflow_view(definition: WorkflowDefinition, run: Run) -> dict[str, Json]:
    """`workflow` in an expression."""
    return {
        "input": {**definition.input_template, **run.input} if definition.input_template else run.input,
        "output": run.output,
        "status": run.status,
        "workflowId": run.workflow_id,
        "parentWorkflowId": run.parent_workflow_id,
        "parentWorkflowTaskId": run.parent_workflow_task_id,
        "workflowType": run.workflow_name,
        "version": run.workflow_version,
        "correlationId": run.correlation_id,
        "reasonForIncompletion": run.reason_for_incompletion,
        "schemaVersion": definition.schema_version,
        "variables": run.variables,
    }


def task_view(task: Task, run: Run) -> dict[str, Json]:
    """A task in an expression."""
    return {
        "input": task.input_data,
        "output": task.output_data,
        "taskType": task.task_type,
        "status": task.status,
        "referenceTaskName": task.reference_task_name,
        "retryCount": task.retry_count,
        "correlationId": run.correlation_id,
        "pollCount": task.poll_count,
        "taskDefName": task.task_def_name,
        "scheduledTime": task.scheduled_time,
        "startTime": task.start_time,
        "endTime": task.end_time,
        "workflowInstanceId": task.workflow_instance_id,
        "taskId": task.task_id,
        "reasonForIncompletion": task.reason_for_incompletion,
        "callbackAfterSeconds": task.callback_after_seconds,
        "workerId": task.worker_id,
        "iteration": task.iteration,
    }


class Roots(Mapping[str, Json]):
    """The document, made as it is read: most expressions look at one task of many."""

    def __init__(self, definition: WorkflowDefinition, run: Run, latest: Mapping[str, Task]) -> None:
        self._definition = definition
        self._run = run
        self._latest = latest
        self._made: dict[str, Json] = {}

    def __getitem__(self, name: str) -> Json:
        if name not in self._made:
            if name == "workflow":
                self._made[name] = workflow_view(self._definition, self._run)
            else:
                self._made[name] = task_view(self._latest[name], self._run)
        return self._made[name]

    def get(self, name: str, default: Json = None) -> Json:  # without the mixin's KeyError
        return self[name] if name == "workflow" or name in self._latest else default

    def __iter__(self) -> Iterator[str]:
        yield "workflow"
        yield from self._latest

    def __len__(self) -> int:
        return 1 + len(self._latest)
