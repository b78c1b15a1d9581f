"""Operators whose work is a script or a filter: INLINE, LAMBDA, JSON_JQ_TRANSFORM, and the choice of SWITCH and DECISION."""

from collections.abc import Sequence

from stagedoor.engine.definition import Json, TaskNode
from stagedoor.engine.embedded.decision import Evaluate, Performed
from stagedoor.engine.embedded.draft import Attempt, Draft, Place
from stagedoor.engine.embedded.javatext import java_text
from stagedoor.engine.run import Task

JAVASCRIPT = ("javascript", "graaljs")


def _start(draft: Draft, node: TaskNode, place: Place, attempt: Attempt) -> Task:
    task_id = draft.around.new_id()
    waits = attempt.delay_seconds > 0
    return draft.add(
        node,
        place,
        attempt,
        task_id=task_id,
        task_def_name=node.type if node.type in ("SWITCH", "DECISION") else node.name,
        status="SCHEDULED" if waits else "IN_PROGRESS",
        start_time=0 if waits else draft.around.now,
        input_data=draft.input(node, task_id, draft.rules_of(node, node.name)),
    )


def _evaluate(draft: Draft, task: Task, attempt: Attempt, language: str, source: str) -> Task:
    draft.ask(Evaluate(task_id=task.task_id, language=language, source=source, input=task.input_data, due=draft.due(attempt)))
    return task


def _fail(draft: Draft, task: Task, reason: str, terminal: bool, **fields: Json) -> Task:
    status = "FAILED_WITH_TERMINAL_ERROR" if terminal else "FAILED"
    return draft.finish(task, status, reason_for_incompletion=reason, **fields)


# ---- INLINE and LAMBDA
def begin_inline(draft: Draft, node: TaskNode, place: Place, attempt: Attempt) -> Task:
    task = _start(draft, node, place, attempt)
    evaluator = task.input_data.get("evaluatorType")
    evaluator = "javascript" if evaluator is None else evaluator
    expression = task.input_data.get("expression")
    if not isinstance(expression, str) or not expression.strip():
        reason = "Empty 'expression' in Inline task's input parameters. A non-empty String value must be provided."
        return _fail(draft, task, reason, True, output_data={"error": reason})
    if evaluator in JAVASCRIPT:
        return _evaluate(draft, task, attempt, "javascript", expression)
    if evaluator == "value-param":
        return draft.finish(task, "COMPLETED", output_data={"result": task.input_data.get(expression)})
    reason = f"Unknown evaluator '{java_text(evaluator)}' in INLINE task."
    return _fail(draft, task, reason, True, output_data={"error": reason})


def begin_lambda(draft: Draft, node: TaskNode, place: Place, attempt: Attempt) -> Task:
    task = _start(draft, node, place, attempt)
    script = task.input_data.get("scriptExpression")
    if not isinstance(script, str) or not script.strip():
        reason = "Empty 'scriptExpression' in Lambda task's input parameters. A non-empty String value must be provided."
        return _fail(draft, task, reason, False)
    return _evaluate(draft, task, attempt, "javascript", "function scriptFun(){" + script + "} scriptFun();")


def inline_performed(draft: Draft, node: TaskNode, task: Task, event: Performed) -> Task:
    if event.error is not None:  # the same script fails the same way again: upstream does not retry it either
        terminal = event.terminal or node.type == "INLINE"
        return _fail(draft, task, event.error, terminal, output_data={"error": event.error})
    return draft.finish(task, "COMPLETED", output_data={"result": event.value})


# ---- JSON_JQ_TRANSFORM
def begin_jq(draft: Draft, node: TaskNode, place: Place, attempt: Attempt) -> Task:
    task = _start(draft, node, place, attempt)
    query = task.input_data.get("queryExpression")
    if not isinstance(query, str):
        return _fail(draft, task, "Missing 'queryExpression' in input parameters", False)
    return _evaluate(draft, task, attempt, "jq", query)


def jq_performed(draft: Draft, node: TaskNode, task: Task, event: Performed) -> Task:
    if event.error is not None:
        return _fail(draft, task, event.error, event.terminal, output_data={"error": event.error})
    results = event.value if isinstance(event.value, list) else [event.value]
    return draft.finish(task, "COMPLETED", output_data={"result": results[0] if results else None, "resultList": results})


# ---- SWITCH and DECISION
def begin_switch(draft: Draft, node: TaskNode, place: Place, attempt: Attempt) -> Task:
    task = _start(draft, node, place, attempt)
    if node.evaluator_type in JAVASCRIPT:
        return _evaluate(draft, task, attempt, "javascript", node.expression or "")
    if node.evaluator_type == "value-param":
        return choose(draft, node, task, task.input_data.get(node.expression or ""))
    return _fail(draft, task, f"No evaluator registered for type: {node.evaluator_type}", True)


def begin_decision(draft: Draft, node: TaskNode, place: Place, attempt: Attempt) -> Task:
    task = _start(draft, node, place, attempt)
    if node.case_expression and node.case_expression.strip():
        return _evaluate(draft, task, attempt, "javascript", node.case_expression)
    return choose(draft, node, task, task.input_data.get(node.case_value_param or ""))


def switch_performed(draft: Draft, node: TaskNode, task: Task, event: Performed) -> Task:
    if event.error is not None:
        return _fail(draft, task, event.error, event.terminal)
    return choose(draft, node, task, event.value)


def choose(draft: Draft, node: TaskNode, task: Task, value: Json) -> Task:
    """The task is done with this case; upstream writes it into the input as well."""
    if isinstance(value, float) and value.is_integer() and abs(value) < 2**53:
        value = int(value)  # a whole number of javascript has no fraction
    case = java_text(value)
    given = {**task.input_data, "case": case}
    if branch_of(node, case):
        given["hasChildren"] = "true"
    output: dict[str, Json] = {"evaluationResult": [case], "selectedCase": case} if node.type == "SWITCH" else {"caseOutput": [case]}
    return draft.finish(task, "COMPLETED", input_data=given, output_data=output)


def branch_of(node: TaskNode, case: str) -> Sequence[TaskNode]:
    """The nodes of a case. An empty list is a branch of a SWITCH; a DECISION then takes the default case, as upstream."""
    chosen = node.decision_cases.get(case)
    if chosen is None or (not chosen and node.type == "DECISION"):
        return node.default_case
    return chosen


def branches(node: TaskNode, task: Task) -> Sequence[Sequence[TaskNode]]:
    case = task.input_data.get("case")
    decided = "selectedCase" in task.output_data or "caseOutput" in task.output_data
    return [branch_of(node, case)] if decided and isinstance(case, str) else []
