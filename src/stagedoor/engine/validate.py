"""Structural checks of a definition at saving. What passes here can be interpreted; secrets and rights are the gate's business.

Every refusal is a `BadInput` whose `field` is the JSON pointer of the place, and whose message names the task.
"""

import re
from collections.abc import Callable, Iterator, Sequence
from typing import NamedTuple, NoReturn

import msgspec

from stagedoor.engine.definition import Json, TaskDefinition, TaskNode, WorkflowDefinition
from stagedoor.engine.operators import BUILT, EVALUATORS, is_refused
from stagedoor.kit.errors import BadInput
from stagedoor.kit.template import pointer

DEEPEST = 32
"""Levels of tasks in tasks, and of inline definitions in definitions."""
DEEPEST_VALUE = 100
"""Levels of a JSON value in a definition."""
LONGEST_NAME = 255

_BAD_CHARACTER = re.compile(r"[\x00-\x1f\x7f-\x9f\ud800-\udfff]")
_EXPRESSION = re.compile(r"(?<!\$)\$\{")


class Site(NamedTuple):
    """A node, its place, and the nodes after it in its sequence."""

    node: TaskNode
    place: str
    after: Sequence[TaskNode]
    depth: int
    looped: bool


def validate(definition: WorkflowDefinition, place: str = "", depth: int = 0) -> None:
    """Raise BadInput for the first thing in `definition` that this engine cannot run, or that could never end well."""
    _name(definition.name, "the workflow's name", f"{place}/name")
    if definition.schema_version != 2:
        raise BadInput(f"schemaVersion {definition.schema_version} is not supported, only 2", f"{place}/schemaVersion")
    if definition.version < 0:
        raise BadInput("the version is a whole number from 0 on", f"{place}/version")
    _choice(definition.timeout_policy, ("TIME_OUT_WF", "ALERT_ONLY"), f"{place}/timeoutPolicy")
    _times(definition, ("timeout_seconds",), place)
    for field in ("output_parameters", "input_template", "variables"):
        _shallow(getattr(definition, field), pointer(place, _camel(field)))
    sites = list(_sites(definition.tasks, f"{place}/tasks", depth, False))
    references = _references(sites)
    for site in sites:
        _task(site)
        for index, name in enumerate(site.node.join_on):
            if name not in references:
                _refuse(site, f"joins on '{name}', which is no task of this workflow", f"joinOn/{index}")


def validate_task_definition(definition: TaskDefinition, place: str = "") -> None:
    """Raise BadInput for a task definition whose name, policies or times make no sense."""
    _name(definition.name, "the task's name", f"{place}/name")
    _choice(definition.retry_logic, ("FIXED", "LINEAR_BACKOFF", "EXPONENTIAL_BACKOFF"), f"{place}/retryLogic")
    _choice(definition.timeout_policy, ("RETRY", "TIME_OUT_WF", "ALERT_ONLY"), f"{place}/timeoutPolicy")
    _times(definition, _TASK_TIMES, place)
    _shallow(definition.input_template, f"{place}/inputTemplate")


_TASK_TIMES = (
    "retry_count",
    "retry_delay_seconds",
    "max_retry_delay_seconds",
    "backoff_scale_factor",
    "backoff_jitter_ms",
    "timeout_seconds",
    "response_timeout_seconds",
    "poll_timeout_seconds",
    "total_timeout_seconds",
)
_MOST = 2**31 - 1


# ---- the tree of tasks
def _sites(nodes: Sequence[TaskNode], place: str, depth: int, looped: bool) -> Iterator[Site]:
    if depth > DEEPEST:
        raise BadInput(f"tasks are nested more than {DEEPEST} deep", place)
    for index, node in enumerate(nodes):
        here = pointer(place, index)
        yield Site(node, here, nodes[index + 1 :], depth, looped)
        for case, branch in node.decision_cases.items():
            yield from _sites(branch, pointer(f"{here}/decisionCases", case), depth + 1, looped)
        yield from _sites(node.default_case, f"{here}/defaultCase", depth + 1, looped)
        for fork, branch in enumerate(node.fork_tasks):
            yield from _sites(branch, f"{here}/forkTasks/{fork}", depth + 1, looped)
        yield from _sites(node.loop_over, f"{here}/loopOver", depth + 1, looped or node.type == "DO_WHILE")


def _references(sites: Sequence[Site]) -> set[str]:
    """All reference names: each once, and none that an iteration of another one would have."""
    seen: set[str] = set()
    looped = {site.node.task_reference_name for site in sites if site.looped}
    for site in sites:
        name = site.node.task_reference_name
        _name(site.node.name, "the name of a task", f"{site.place}/name")
        _name(name, "a taskReferenceName", f"{site.place}/taskReferenceName")
        if name in seen:
            _refuse(site, "has a taskReferenceName that is used twice", "taskReferenceName")
        if name == "workflow":
            _refuse(site, "cannot be called 'workflow': expressions mean the workflow by it", "taskReferenceName")
        if re.sub(r"(__\d+)+$", "", name) in looped - {name}:
            _refuse(site, "has a taskReferenceName that an iteration of a loop will have", "taskReferenceName")
        seen.add(name)
    return seen


def _task(site: Site) -> None:
    node = site.node
    if is_refused(node.type):
        _refuse(site, f"has the type {node.type}, which this engine does not run", "type")
    _name(node.type, "the type of a task", f"{site.place}/type")
    _shallow(node.input_parameters, f"{site.place}/inputParameters")
    _times(node, ("start_delay", "retry_count"), site.place)
    if node.task_definition is not None:
        validate_task_definition(node.task_definition, f"{site.place}/taskDefinition")
    check = _CHECKS.get(node.type)
    if check:
        check(site)


# ---- one type after the other
def _switch(site: Site) -> None:
    evaluator = site.node.evaluator_type
    if evaluator not in EVALUATORS:
        _refuse(site, f"has the evaluatorType {evaluator}; known are {', '.join(sorted(EVALUATORS))}", "evaluatorType")
    if not (site.node.expression or "").strip():
        _refuse(site, "has no expression", "expression")


def _decision(site: Site) -> None:
    if not (site.node.case_expression or "").strip() and not (site.node.case_value_param or "").strip():
        _refuse(site, "has neither caseValueParam nor caseExpression", "caseValueParam")


def _inline(site: Site) -> None:
    evaluator = site.node.input_parameters.get("evaluatorType", "javascript")
    if _literal(evaluator) and evaluator is not None and evaluator not in EVALUATORS:
        _refuse(site, f"has the evaluatorType {evaluator}; known are {', '.join(sorted(EVALUATORS))}", "inputParameters/evaluatorType")
    _needs(site, "expression")


def _needs(site: Site, key: str) -> None:
    if site.node.input_parameters.get(key) in (None, ""):
        _refuse(site, f"has no input '{key}'", f"inputParameters/{key}")


def _terminate(site: Site) -> None:
    status = site.node.input_parameters.get("terminationStatus")
    if _literal(status) and status not in ("COMPLETED", "FAILED", "TERMINATED"):
        _refuse(site, "needs a terminationStatus: COMPLETED, FAILED or TERMINATED", "inputParameters/terminationStatus")
    if site.node.optional:
        _refuse(site, "is a TERMINATE and cannot be optional", "optional")


def _sub_workflow(site: Site) -> None:
    wanted = site.node.sub_workflow_param
    if wanted is None:
        _refuse(site, "has no subWorkflowParam", "subWorkflowParam")
    place = f"{site.place}/subWorkflowParam"
    if wanted.workflow_definition is None:
        if not wanted.name.strip():
            _refuse(site, "does not name its sub workflow", "subWorkflowParam/name")
        return
    if isinstance(wanted.workflow_definition, str):
        _refuse(site, "takes its definition from data, which this engine does not run", "subWorkflowParam/workflowDefinition")
    _shallow(wanted.workflow_definition, f"{place}/workflowDefinition")
    try:
        inline = msgspec.convert(wanted.workflow_definition, WorkflowDefinition)
    except msgspec.ValidationError as wrong:
        raise BadInput(f"{_title(site)} has an inline definition that is not valid: {wrong}", f"{place}/workflowDefinition") from None
    validate(inline, f"{place}/workflowDefinition", site.depth + 1)


def _fork(site: Site) -> None:
    if not site.node.fork_tasks or not all(site.node.fork_tasks):
        _refuse(site, "needs at least one branch, and no empty one", "forkTasks")
    if not site.after or site.after[0].type != "JOIN":
        _refuse(site, "is a FORK_JOIN and must be followed by a JOIN", "type")


def _loop(site: Site) -> None:
    node = site.node
    if not node.loop_over:
        _refuse(site, "has nothing to repeat", "loopOver")
    if node.loop_condition is None and not node.items and "_items" not in node.input_parameters:
        _refuse(site, "has neither a loopCondition nor items", "loopCondition")


def _wait(site: Site) -> None:
    given = site.node.input_parameters
    if given.get("duration") not in (None, "") and given.get("until") not in (None, ""):
        _refuse(site, "has both 'duration' and 'until'; give one", "inputParameters/until")


def _dynamic(site: Site) -> None:
    param = site.node.dynamic_task_name_param or ""
    name = site.node.input_parameters.get(param)
    if not isinstance(name, str) or not name or not _literal(name):
        _refuse(site, "is DYNAMIC and must name its task literally: a name from data is not run", f"inputParameters/{param}")
    if is_refused(name) or name in BUILT:
        _refuse(site, f"is DYNAMIC and names {name}, which is no worker task", f"inputParameters/{param}")


_CHECKS: dict[str, Callable[[Site], None]] = {
    "SWITCH": _switch,
    "DECISION": _decision,
    "INLINE": _inline,
    "LAMBDA": lambda site: _needs(site, "scriptExpression"),
    "JSON_JQ_TRANSFORM": lambda site: _needs(site, "queryExpression"),
    "TERMINATE": _terminate,
    "SUB_WORKFLOW": _sub_workflow,
    "FORK_JOIN": _fork,
    "DO_WHILE": _loop,
    "WAIT": _wait,
    "DYNAMIC": _dynamic,
}


# ---- small things
def _title(site: Site) -> str:
    return f"task '{site.node.task_reference_name}'"


def _refuse(site: Site, what: str, where: str) -> NoReturn:
    raise BadInput(f"{_title(site)} {what}", f"{site.place}/{where}")


def _literal(value: Json) -> bool:
    return not (isinstance(value, str) and _EXPRESSION.search(value))


def _name(name: str, what: str, place: str) -> None:
    if not name.strip():
        raise BadInput(f"{what} is empty", place)
    if len(name) > LONGEST_NAME:
        raise BadInput(f"{what} is longer than {LONGEST_NAME} characters", place)
    if _BAD_CHARACTER.search(name):
        raise BadInput(f"{what} holds a control character or a lone surrogate", place)


def _choice(value: str, allowed: Sequence[str], place: str) -> None:
    if value not in allowed:
        raise BadInput(f"known here are {', '.join(allowed)}", place)


def _times(struct: WorkflowDefinition | TaskDefinition | TaskNode, fields: Sequence[str], place: str) -> None:
    for field in fields:
        value = getattr(struct, field)
        if value is not None and not 0 <= value <= _MOST:
            raise BadInput(f"a whole number from 0 to {_MOST} is needed", pointer(place, _camel(field)))


def _camel(field: str) -> str:
    first, *rest = field.split("_")
    return first + "".join(word.capitalize() for word in rest)


def _shallow(value: Json, place: str, depth: int = 0) -> None:
    if depth > DEEPEST_VALUE:
        raise BadInput(f"a value is nested more than {DEEPEST_VALUE} deep", place)
    if isinstance(value, dict):
        for key, member in value.items():
            _shallow(member, pointer(place, key), depth + 1)
    elif isinstance(value, list):
        for index, member in enumerate(value):
            _shallow(member, pointer(place, index), depth + 1)
