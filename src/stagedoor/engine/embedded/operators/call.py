"""Operators that call something else: HTTP (through the egress door) and SUB_WORKFLOW."""

from stagedoor.engine.definition import Json, SubWorkflow, TaskNode
from stagedoor.engine.embedded.decision import ChildEnded, Performed, Send, StartChild
from stagedoor.engine.embedded.draft import Attempt, Draft, Place
from stagedoor.engine.embedded.expression import resolve
from stagedoor.engine.embedded.limits import begins_at
from stagedoor.engine.embedded.operators.operator import Walk
from stagedoor.engine.run import Task


# ---- HTTP
def begin_http(draft: Draft, node: TaskNode, place: Place, attempt: Attempt) -> Task:
    task_id = draft.around.new_id()
    waits = attempt.delay_seconds > 0
    given = draft.input(node, task_id, draft.rules_of(node, node.name))
    task = draft.add(
        node,
        place,
        attempt,
        task_id=task_id,
        status="SCHEDULED" if waits else "IN_PROGRESS",
        start_time=0 if waits else draft.around.now,
        input_data={**given, "asyncComplete": node.async_complete},
    )
    draft.ask(Send(task_id=task_id, due=draft.due(attempt)))
    return task


def http_performed(draft: Draft, node: TaskNode, task: Task, event: Performed) -> Task:
    output = event.value if isinstance(event.value, dict) else {} if event.value is None else {"response": event.value}
    started = task.start_time or draft.around.now
    if event.error is not None:
        status = "FAILED_WITH_TERMINAL_ERROR" if event.terminal else "FAILED"
        return draft.finish(task, status, reason_for_incompletion=event.error, output_data=output, start_time=started)
    if node.async_complete:
        return draft.change(task, status="IN_PROGRESS", output_data=output, start_time=started)
    return draft.finish(task, "COMPLETED", output_data=output, start_time=started)


# ---- SUB_WORKFLOW
def begin_sub_workflow(draft: Draft, node: TaskNode, place: Place, attempt: Attempt) -> Task:
    task_id = draft.around.new_id()
    wanted = node.sub_workflow_param or SubWorkflow()
    document = draft.document(task_id)
    inline = wanted.workflow_definition if isinstance(wanted.workflow_definition, dict) else {}
    given: dict[str, Json] = {
        "subWorkflowName": resolve(wanted.name, document) or inline.get("name"),
        "priority": resolve(wanted.priority, document),
        "subWorkflowVersion": wanted.version if wanted.workflow_definition is None else None,
        "subWorkflowTaskToDomain": resolve(wanted.task_to_domain, document),
        "subWorkflowDefinition": wanted.workflow_definition,  # a definition's own expressions are its run's business
        "idempotencyKey": resolve(wanted.idempotency_key, document),
        "idempotencyStrategy": wanted.idempotency_strategy,
        "workflowInput": draft.input(node, task_id),
    }
    task = draft.add(node, place, attempt, task_id=task_id, status="SCHEDULED", input_data=given)
    return _start_child(draft, task)


def advance_sub_workflow(draft: Draft, node: TaskNode, task: Task, walk: Walk) -> Task:
    return _start_child(draft, task) if task.status == "SCHEDULED" else task


def _start_child(draft: Draft, task: Task) -> Task:
    if begins_at(task) > draft.around.now:
        return task
    given = task.input_data
    name = given["subWorkflowName"]
    if not isinstance(name, str) or not name:
        return draft.finish(task, "FAILED_WITH_TERMINAL_ERROR", reason_for_incompletion="The name of the sub workflow is missing")
    child_id = draft.around.new_id()
    priority = given["priority"]
    draft.ask(
        StartChild(
            task_id=task.task_id,
            child_id=child_id,
            name=name,
            version=given["subWorkflowVersion"] or None,
            definition=given["subWorkflowDefinition"],
            input=given["workflowInput"],
            task_to_domain=given["subWorkflowTaskToDomain"] or draft.run.task_to_domain,
            priority=priority if isinstance(priority, int) else draft.run.priority,
        )
    )
    return draft.change(
        task,
        status="IN_PROGRESS",
        sub_workflow_id=child_id,
        start_time=draft.around.now,
        output_data={"subWorkflowId": child_id},
        reason_for_incompletion=None,
    )


def sub_workflow_performed(draft: Draft, node: TaskNode, task: Task, event: Performed) -> Task:
    """The child could not be started."""
    reason = event.error or "The sub workflow could not be started"
    return draft.finish(task, "FAILED_WITH_TERMINAL_ERROR" if event.terminal else "FAILED", reason_for_incompletion=reason)


_AS_TASK = {"COMPLETED": "COMPLETED", "FAILED": "FAILED", "TERMINATED": "CANCELED", "TIMED_OUT": "TIMED_OUT"}


def child_ended(draft: Draft, task: Task, event: ChildEnded) -> Task:
    status = _AS_TASK.get(event.status, "FAILED")
    if masked := {*event.masked_fields} - {*draft.run.masked_fields}:
        draft.set_run(masked_fields=sorted(masked.union(draft.run.masked_fields)))
    output = {**event.output, "subWorkflowId": event.child_id}
    reason = None
    if status != "COMPLETED":
        reason = f"Sub workflow {task.input_data.get('subWorkflowName')}/{event.child_id} failure reason: {event.reason}"
    return draft.finish(task, status, output_data=output, reason_for_incompletion=reason)
