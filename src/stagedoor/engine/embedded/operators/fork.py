"""FORK_JOIN, JOIN and EXCLUSIVE_JOIN."""

from collections.abc import Sequence

from stagedoor.engine.definition import TaskNode
from stagedoor.engine.embedded.budget import Budget, all_reasons
from stagedoor.engine.embedded.draft import Attempt, Draft, Place
from stagedoor.engine.embedded.operators.operator import Walk
from stagedoor.engine.run import SUCCESSFUL, TERMINAL, Task


def begin_fork(draft: Draft, node: TaskNode, place: Place, attempt: Attempt) -> Task:
    task_id, now = draft.around.new_id(), draft.around.now
    task = draft.add(
        node,
        place,
        attempt,
        task_id=task_id,
        task_type="FORK",
        task_def_name="FORK",
        status="IN_PROGRESS",
        input_data=draft.input(node, task_id),
        start_time=now,
    )
    return draft.finish(task, "COMPLETED")


def branches(node: TaskNode, task: Task) -> Sequence[Sequence[TaskNode]]:
    return node.fork_tasks


def begin_join(draft: Draft, node: TaskNode, place: Place, attempt: Attempt) -> Task:
    given: dict[str, list[str]] = {"joinOn": node.join_on}
    if node.type == "EXCLUSIVE_JOIN":
        given["defaultExclusiveJoinTask"] = node.default_exclusive_join_task
    now = draft.around.now
    task = draft.add(
        node,
        place,
        attempt,
        task_id=draft.around.new_id(),
        task_def_name=node.type,
        status="IN_PROGRESS",
        input_data=given,
        start_time=now,
    )
    return _join(draft, node, task) if node.type == "JOIN" else _exclusive_join(draft, node, task)


def advance_join(draft: Draft, node: TaskNode, task: Task, walk: Walk) -> Task:
    return _join(draft, node, task) if node.type == "JOIN" else _exclusive_join(draft, node, task)


def _join(draft: Draft, node: TaskNode, task: Task) -> Task:
    """Done when every task it names has ended; failed as soon as one that is neither optional nor permissive has failed."""
    suffix = draft.place(task).suffix
    names = [name + suffix for name in node.join_on]
    joined = [draft.latest[name] for name in names if name in draft.latest]
    ended = len(joined) == len(names) and all(each.status in TERMINAL for each in joined)
    failed = [each for each in joined if each.status in TERMINAL and each.status not in SUCCESSFUL]
    deciding = [each for each in failed if not _optional(draft, each) and (ended or not _permissive(draft, each))]
    if not ended and not deciding:
        return task
    output = {each.reference_task_name: each.output_data for each in joined if each.output_data}
    Budget().take_all(output.values())
    if deciding:
        status = "CANCELED" if all(each.status == "CANCELED" for each in failed if not _optional(draft, each)) else "FAILED"
        reason = all_reasons(each.reason_for_incompletion for each in failed if each.reason_for_incompletion)
        return draft.finish(task, status, output_data=output, reason_for_incompletion=reason)
    flawed = [each for each in joined if each.status == "COMPLETED_WITH_ERRORS" and _optional(draft, each)]
    if flawed:
        listed = " ".join(f"{each.task_def_name}/{each.task_id}" for each in flawed)
        reason = f"{listed} completed with errors"
        return draft.finish(task, "COMPLETED_WITH_ERRORS", output_data=output, reason_for_incompletion=reason)
    return draft.finish(task, "COMPLETED", output_data=output)


def _exclusive_join(draft: Draft, node: TaskNode, task: Task) -> Task:
    """Done with the first of the tasks it names that was run, else with the first of its default tasks that was."""
    suffix = draft.place(task).suffix
    for names in (node.join_on, node.default_exclusive_join_task):
        found = next((draft.latest[name + suffix] for name in names if _ran(draft, name + suffix)), None)
        if found is None:
            continue
        if found.status not in TERMINAL:
            return task
        if found.status in SUCCESSFUL:
            return draft.finish(task, "COMPLETED", output_data=found.output_data)
        return draft.finish(task, "FAILED", reason_for_incompletion=found.reason_for_incompletion or "")
    return task


def _ran(draft: Draft, name: str) -> bool:
    return name in draft.latest and draft.latest[name].status != "SKIPPED"


def _optional(draft: Draft, task: Task) -> bool:
    node = draft.node(task)
    return node is not None and node.optional


def _permissive(draft: Draft, task: Task) -> bool:
    node = draft.node(task)
    return node is not None and node.permissive
