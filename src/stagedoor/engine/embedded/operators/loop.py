"""DO_WHILE: its body is run at least once, then as long as the condition holds, or once for each of `items`."""

from stagedoor.engine.definition import Json, TaskNode, nodes
from stagedoor.engine.embedded.budget import MOST_DATA, Budget, all_reasons
from stagedoor.engine.embedded.decision import Evaluate, Performed
from stagedoor.engine.embedded.draft import Attempt, Draft, Place
from stagedoor.engine.embedded.expression import resolve
from stagedoor.engine.embedded.javatext import java_truth
from stagedoor.engine.embedded.operators.operator import Walk
from stagedoor.engine.run import SUCCESSFUL, Task

MOST_CONDITION = 2 * MOST_DATA
"""Bytes of JSON that a loop's condition may be given: as much as a script takes."""


def begin(draft: Draft, node: TaskNode, place: Place, attempt: Attempt) -> Task:
    task_id = draft.around.new_id()
    task = draft.add(
        node,
        place,
        attempt,
        task_id=task_id,
        status="IN_PROGRESS",
        input_data=draft.input(node, task_id, draft.rules_of(node, node.name)),
        start_time=draft.around.now,
        iteration=0,
    )
    items = _items(draft, node, task)
    if items == [] or not node.loop_over:
        return draft.finish(task, "COMPLETED", output_data={"iteration": 0})
    return _iterate(draft, task, items)


def advance(draft: Draft, node: TaskNode, task: Task, walk: Walk) -> Task:
    """Go on with the body, and with as many iterations as need nobody's answer."""
    outer = draft.place(task)
    while task.task_id in draft.open and not _asked(task):
        inner = outer.within(task.iteration)
        unfinished = draft.unfinished
        if not walk(draft, node.loop_over, inner) or draft.unfinished != unfinished:
            return draft.tasks[task.task_id]
        task = _end_iteration(draft, node, draft.tasks[task.task_id], inner)
    return task


def performed(draft: Draft, node: TaskNode, task: Task, event: Performed) -> Task:
    """The loop condition was evaluated."""
    if not _asked(task):
        return task
    if event.error is not None:
        reason = f"Unable to evaluate condition {node.loop_condition}, exception {event.error}"
        return draft.finish(task, "FAILED_WITH_TERMINAL_ERROR", reason_for_incompletion=reason)
    if java_truth(event.value):
        return _iterate(draft, task, _items(draft, node, task))
    return draft.finish(task, "COMPLETED")


def _asked(task: Task) -> bool:
    """Whether the current iteration is over: its output stands there, and the condition is being evaluated."""
    return str(task.iteration) in task.output_data


def _iterate(draft: Draft, task: Task, items: list[Json] | None) -> Task:
    """Begin the next iteration. `loopIndex` and `loopItem` are for a loop over items."""
    iteration = task.iteration + 1
    output = {**task.output_data, "iteration": iteration}
    if items is not None:
        output["loopIndex"] = iteration - 1
        if iteration <= len(items):
            output["loopItem"] = items[iteration - 1]
    return draft.change(task, iteration=iteration, output_data=output)


def _end_iteration(draft: Draft, node: TaskNode, task: Task, inner: Place) -> Task:
    body = [(each.task_reference_name, draft.latest.get(each.task_reference_name + inner.suffix)) for each in nodes(node.loop_over)]
    ran = [(name, done) for name, done in body if done is not None]
    failed = [done for _, done in ran if done.status not in SUCCESSFUL]
    task = draft.change(task, output_data=_output(node, task, {name: done.output_data for name, done in ran}))
    if failed:
        reason = all_reasons(each.reason_for_incompletion or "" for each in failed)
        return draft.finish(task, "FAILED", reason_for_incompletion=reason)
    items = _items(draft, node, task)
    if items is not None and task.iteration >= len(items):
        return draft.finish(task, "COMPLETED")
    if node.loop_condition and node.loop_condition.strip():
        given = _condition_input(draft, node, task)
        draft.ask(Evaluate(task_id=task.task_id, language="javascript", source=node.loop_condition, input=given, due=draft.around.now))
        return task
    return draft.finish(task, "COMPLETED") if items is None else _iterate(draft, task, items)


def _output(node: TaskNode, task: Task, iteration_output: dict[str, Json]) -> dict[str, Json]:
    """The loop's output with this iteration's, under its number; only the last `keepLastN` iterations are kept. TooLarge."""
    output = dict(task.output_data)
    keep = node.input_parameters.get("keepLastN")
    if isinstance(keep, int) and not isinstance(keep, bool):
        output.pop(str(task.iteration - max(1, keep)), None)
    Budget().take_all((*output.values(), *iteration_output.values()))
    output[str(task.iteration)] = iteration_output
    return output


def _condition_input(draft: Draft, node: TaskNode, task: Task) -> dict[str, Json]:
    given = draft.input(node, task.task_id, draft.rules_of(node, node.name))
    given[node.task_reference_name] = task.output_data
    for each in nodes(node.loop_over):
        done = draft.bases.get(each.task_reference_name)
        if done is not None:
            given[each.task_reference_name] = done.output_data
    Budget(MOST_CONDITION).take_all(given.values())
    if "loopIndex" in task.output_data:
        given["loopIndex"] = task.output_data["loopIndex"]
        given["loopItem"] = task.output_data.get("loopItem")
    return given


def _items(draft: Draft, node: TaskNode, task: Task) -> list[Json] | None:
    """The list to go through, or None if this loop has none. One value that is no list is a list of one, as upstream."""
    template = node.items if node.items and node.items.strip() else node.input_parameters.get("_items")
    if not isinstance(template, str | list) or (isinstance(template, str) and not template.strip()):
        return None
    found = resolve(template, draft.document(task.task_id))
    if found is None:
        return []
    return found if isinstance(found, list) else [found]
