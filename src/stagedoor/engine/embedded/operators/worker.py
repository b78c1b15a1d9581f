"""Worker tasks: SIMPLE under the node's name, DYNAMIC under the name in its input, any other type under its type's name."""

from stagedoor.engine.definition import TaskNode
from stagedoor.engine.embedded.decision import Enqueue
from stagedoor.engine.embedded.draft import Attempt, Draft, Place
from stagedoor.engine.embedded.javatext import java_text
from stagedoor.engine.run import Task

NO_DOMAIN = "NO_DOMAIN"


def begin(draft: Draft, node: TaskNode, place: Place, attempt: Attempt) -> Task:
    task_id = draft.around.new_id()
    kind = _kind(draft, node, task_id)
    name = kind if node.type == "DYNAMIC" else node.name
    rules = draft.rules_of(node, name)
    domain = domain_of(draft.run.task_to_domain, kind)
    task = draft.add(
        node,
        place,
        attempt,
        task_id=task_id,
        task_type=kind,
        task_def_name=name,
        status="SCHEDULED",
        input_data=draft.input(node, task_id, rules),
        response_timeout_seconds=rules.response_timeout_seconds if rules else 0,
        domain=domain,
    )
    if not kind:
        reason = f"Input '{node.dynamic_task_name_param}', the name of the task, is missing"
        return draft.finish(task, "FAILED_WITH_TERMINAL_ERROR", reason_for_incompletion=reason)
    draft.ask(Enqueue(task_id=task_id, queue=queue_of(task), due=draft.due(attempt)))
    return task


def _kind(draft: Draft, node: TaskNode, task_id: str) -> str:
    if node.type == "SIMPLE":
        return node.name
    if node.type != "DYNAMIC":
        return node.type
    name = draft.input(node, task_id).get(node.dynamic_task_name_param or "")
    return "" if name is None else java_text(name)


def queue_of(task: Task) -> str:
    """The queue a worker task is offered in: its type, after its domain and a colon where it has one."""
    return f"{task.domain}:{task.task_type}" if task.domain else task.task_type


def domain_of(task_to_domain: dict[str, str], task_type: str) -> str | None:
    """The last domain of the list given for this task type, else for `*`; `NO_DOMAIN` is none (upstream, with no worker seen)."""
    listed = task_to_domain.get(task_type) or task_to_domain.get("*") or ""
    chosen = [domain.strip() for domain in listed.split(",") if domain.strip()]
    return None if not chosen or NO_DOMAIN in chosen else chosen[-1]
