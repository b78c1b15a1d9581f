"""Structural checks of a definition at saving. What passes here can be interpreted; secrets and rights are the gate's business.

Every refusal is a `BadInput` whose `field` is the JSON pointer of the place, and whose message names the task. `problems` gives all of
them, in the order in which `validate` would meet them.
"""

import re
from collections.abc import Callable, Iterator, Sequence
from typing import NamedTuple

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
MOST_MASKED = 1_000

_BAD_CHARACTER = re.compile(r"[\x00-\x1f\x7f-\x9f\ud800-\udfff]")
_EXPRESSION = re.compile(r"(?<!\$)\$\{")


class Site(NamedTuple):
    """A node, its place, and the nodes after it in its sequence."""

    node: TaskNode
    place: str
    after: Sequence[TaskNode]
    depth: int
    looped: bool


Problems = Iterator[BadInput]


def validate(definition: WorkflowDefinition) -> None:
    """Raise BadInput for the first thing in `definition` that this engine cannot run, or that could never end well."""
    for problem in problems(definition):
        raise problem


def validate_task_definition(definition: TaskDefinition) -> None:
    """Raise BadInput for a task definition whose name, policies or times make no sense."""
    for problem in task_problems(definition):
        raise problem


def sites(definition: WorkflowDefinition, place: str = "") -> list[Site]:
    """Every node with its place, in the order of `definition.nodes`; none below the deepest level."""
    return [found for found in _sites(definition.tasks, f"{place}/tasks", 0, False) if isinstance(found, Site)]


def problems(definition: WorkflowDefinition, place: str = "", depth: int = 0) -> Problems:
    """Everything that stands against a definition; made one by one, so that the first costs no more than itself."""
    yield from _name(definition.name, "the workflow's name", f"{place}/name")
    if definition.schema_version != 2:
        yield BadInput(f"schemaVersion {definition.schema_version} is not supported, only 2", f"{place}/schemaVersion")
    if definition.version < 0:
        yield BadInput("the version is a whole number from 0 on", f"{place}/version")
    yield from _choice(definition.timeout_policy, ("TIME_OUT_WF", "ALERT_ONLY"), f"{place}/timeoutPolicy")
    yield from _times(definition, ("timeout_seconds",), place)
    if len(definition.masked_fields) > MOST_MASKED:
        yield BadInput(f"there are more than {MOST_MASKED} maskedFields", f"{place}/maskedFields")
    for field in ("output_parameters", "input_template", "variables"):
        yield from _shallow(getattr(definition, field), pointer(place, _camel(field)))
    found = list(_sites(definition.tasks, f"{place}/tasks", depth, False))
    yield from (one for one in found if isinstance(one, BadInput))
    gathered = [one for one in found if isinstance(one, Site)]
    yield from _references(gathered)
    names = {site.node.task_reference_name for site in gathered}
    for site in gathered:
        yield from _task(site)
        for index, name in enumerate(site.node.join_on):
            if name not in names:
                yield _problem(site, f"joins on '{name}', which is no task of this workflow", f"joinOn/{index}")


def task_problems(definition: TaskDefinition, place: str = "") -> Problems:
    """The same for a task definition."""
    yield from _name(definition.name, "the task's name", f"{place}/name")
    yield from _choice(definition.retry_logic, ("FIXED", "LINEAR_BACKOFF", "EXPONENTIAL_BACKOFF"), f"{place}/retryLogic")
    yield from _choice(definition.timeout_policy, ("RETRY", "TIME_OUT_WF", "ALERT_ONLY"), f"{place}/timeoutPolicy")
    yield from _times(definition, _TASK_TIMES, place)
    yield from _shallow(definition.input_template, f"{place}/inputTemplate")


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
def _sites(nodes: Sequence[TaskNode], place: str, depth: int, looped: bool) -> Iterator[Site | BadInput]:
    if depth > DEEPEST:
        yield BadInput(f"tasks are nested more than {DEEPEST} deep", place)
        return
    for index, node in enumerate(nodes):
        here = pointer(place, index)
        yield Site(node, here, nodes[index + 1 :], depth, looped)
        for case, branch in node.decision_cases.items():
            yield from _sites(branch, pointer(f"{here}/decisionCases", case), depth + 1, looped)
        yield from _sites(node.default_case, f"{here}/defaultCase", depth + 1, looped)
        for fork, branch in enumerate(node.fork_tasks):
            yield from _sites(branch, f"{here}/forkTasks/{fork}", depth + 1, looped)
        yield from _sites(node.loop_over, f"{here}/loopOver", depth + 1, looped or node.type == "DO_WHILE")


def _references(sites: Sequence[Site]) -> Problems:
    """All reference names: each once, and none that an iteration of another one would have."""
    seen: set[str] = set()
    looped = {site.node.task_reference_name for site in sites if site.looped}
    for site in sites:
        name = site.node.task_reference_name
        yield from _name(site.node.name, "the name of a task", f"{site.place}/name")
        yield from _name(name, "a taskReferenceName", f"{site.place}/taskReferenceName")
        if name in seen:
            yield _problem(site, "has a taskReferenceName that is used twice", "taskReferenceName")
        if name == "workflow":
            yield _problem(site, "cannot be called 'workflow': expressions mean the workflow by it", "taskReferenceName")
        if re.sub(r"(__\d+)+$", "", name) in looped - {name}:
            yield _problem(site, "has a taskReferenceName that an iteration of a loop will have", "taskReferenceName")
        seen.add(name)


def _task(site: Site) -> Problems:
    node = site.node
    if is_refused(node.type):
        yield _problem(site, f"has the type {node.type}, which this engine does not run", "type")
    yield from _name(node.type, "the type of a task", f"{site.place}/type")
    yield from _shallow(node.input_parameters, f"{site.place}/inputParameters")
    yield from _times(node, ("start_delay", "retry_count"), site.place)
    if node.task_definition is not None:
        yield from task_problems(node.task_definition, f"{site.place}/taskDefinition")
    check = _CHECKS.get(node.type)
    if check:
        yield from check(site)


# ---- one type after the other
def _switch(site: Site) -> Problems:
    evaluator = site.node.evaluator_type
    if evaluator not in EVALUATORS:
        yield _problem(site, f"has the evaluatorType {evaluator}; known are {', '.join(sorted(EVALUATORS))}", "evaluatorType")
    if not (site.node.expression or "").strip():
        yield _problem(site, "has no expression", "expression")


def _decision(site: Site) -> Problems:
    if not (site.node.case_expression or "").strip() and not (site.node.case_value_param or "").strip():
        yield _problem(site, "has neither caseValueParam nor caseExpression", "caseValueParam")


def _inline(site: Site) -> Problems:
    evaluator = site.node.input_parameters.get("evaluatorType", "javascript")
    if _literal(evaluator) and evaluator is not None and evaluator not in tuple(EVALUATORS):  # a list or an object has no hash
        known = ", ".join(sorted(EVALUATORS))
        yield _problem(site, f"has the evaluatorType {evaluator}; known are {known}", "inputParameters/evaluatorType")
    yield from _needs(site, "expression")


def _needs(site: Site, key: str) -> Problems:
    if site.node.input_parameters.get(key) in (None, ""):
        yield _problem(site, f"has no input '{key}'", f"inputParameters/{key}")


def _terminate(site: Site) -> Problems:
    status = site.node.input_parameters.get("terminationStatus")
    if _literal(status) and status not in ("COMPLETED", "FAILED", "TERMINATED"):
        yield _problem(site, "needs a terminationStatus: COMPLETED, FAILED or TERMINATED", "inputParameters/terminationStatus")
    if site.node.optional:
        yield _problem(site, "is a TERMINATE and cannot be optional", "optional")


def _update_secret(site: Site) -> Problems:
    asked = site.node.input_parameters.get("_secrets")
    for key in ("secretKey", "secretValue") if _literal(asked) else ():
        given = asked.get(key) if isinstance(asked, dict) else None
        if given is None or (key == "secretKey" and (not isinstance(given, str) or not given)):
            yield _problem(site, f"has no input '_secrets' with a {key}", f"inputParameters/_secrets/{key}")


def _sub_workflow(site: Site) -> Problems:
    wanted = site.node.sub_workflow_param
    if wanted is None:
        yield _problem(site, "has no subWorkflowParam", "subWorkflowParam")
        return
    place = f"{site.place}/subWorkflowParam"
    if wanted.workflow_definition is None:
        if not wanted.name.strip():
            yield _problem(site, "does not name its sub workflow", "subWorkflowParam/name")
        return
    if isinstance(wanted.workflow_definition, str):
        yield _problem(site, "takes its definition from data, which this engine does not run", "subWorkflowParam/workflowDefinition")
        return
    if too_deep := next(_shallow(wanted.workflow_definition, f"{place}/workflowDefinition"), None):
        yield too_deep
        return
    try:
        inline = msgspec.convert(wanted.workflow_definition, WorkflowDefinition)
    except msgspec.ValidationError as wrong:
        yield BadInput(f"{_title(site)} has an inline definition that is not valid: {wrong}", f"{place}/workflowDefinition")
        return
    yield from problems(inline, f"{place}/workflowDefinition", site.depth + 1)


def _fork(site: Site) -> Problems:
    if not site.node.fork_tasks or not all(site.node.fork_tasks):
        yield _problem(site, "needs at least one branch, and no empty one", "forkTasks")
    if not site.after or site.after[0].type != "JOIN":
        yield _problem(site, "is a FORK_JOIN and must be followed by a JOIN", "type")


def _loop(site: Site) -> Problems:
    node = site.node
    if not node.loop_over:
        yield _problem(site, "has nothing to repeat", "loopOver")
    if node.loop_condition is None and not node.items and "_items" not in node.input_parameters:
        yield _problem(site, "has neither a loopCondition nor items", "loopCondition")


def _wait(site: Site) -> Problems:
    given = site.node.input_parameters
    if given.get("duration") not in (None, "") and given.get("until") not in (None, ""):
        yield _problem(site, "has both 'duration' and 'until'; give one", "inputParameters/until")


def _dynamic(site: Site) -> Problems:
    param = site.node.dynamic_task_name_param or ""
    name = site.node.input_parameters.get(param)
    if not isinstance(name, str) or not name or not _literal(name):
        yield _problem(site, "is DYNAMIC and must name its task literally: a name from data is not run", f"inputParameters/{param}")
    elif is_refused(name) or name in BUILT:
        yield _problem(site, f"is DYNAMIC and names {name}, which is no worker task", f"inputParameters/{param}")


_CHECKS: dict[str, Callable[[Site], Problems]] = {
    "SWITCH": _switch,
    "DECISION": _decision,
    "INLINE": _inline,
    "LAMBDA": lambda site: _needs(site, "scriptExpression"),
    "JSON_JQ_TRANSFORM": lambda site: _needs(site, "queryExpression"),
    "TERMINATE": _terminate,
    "SUB_WORKFLOW": _sub_workflow,
    "UPDATE_SECRET": _update_secret,
    "FORK_JOIN": _fork,
    "DO_WHILE": _loop,
    "WAIT": _wait,
    "DYNAMIC": _dynamic,
}


# ---- small things
def _title(site: Site) -> str:
    return f"task '{site.node.task_reference_name}'"


def _problem(site: Site, what: str, where: str) -> BadInput:
    return BadInput(f"{_title(site)} {what}", f"{site.place}/{where}")


def _literal(value: Json) -> bool:
    return not (isinstance(value, str) and _EXPRESSION.search(value))


def _name(name: str, what: str, place: str) -> Problems:
    if not name.strip():
        yield BadInput(f"{what} is empty", place)
    elif len(name) > LONGEST_NAME:
        yield BadInput(f"{what} is longer than {LONGEST_NAME} characters", place)
    elif _BAD_CHARACTER.search(name):
        yield BadInput(f"{what} holds a control character or a lone surrogate", place)


def _choice(value: str, allowed: Sequence[str], place: str) -> Problems:
    if value not in allowed:
        yield BadInput(f"known here are {', '.join(allowed)}", place)


def _times(struct: WorkflowDefinition | TaskDefinition | TaskNode, fields: Sequence[str], place: str) -> Problems:
    for field in fields:
        value = getattr(struct, field)
        if value is not None and not 0 <= value <= _MOST:
            yield BadInput(f"a whole number from 0 to {_MOST} is needed", pointer(place, _camel(field)))


def _camel(field: str) -> str:
    first, *rest = field.split("_")
    return first + "".join(word.capitalize() for word in rest)


def _shallow(value: Json, place: str, depth: int = 0) -> Problems:
    if depth > DEEPEST_VALUE:
        yield BadInput(f"a value is nested more than {DEEPEST_VALUE} deep", place)
    elif isinstance(value, dict):
        for key, member in value.items():
            yield from _shallow(member, pointer(place, key), depth + 1)
    elif isinstance(value, list):
        for index, member in enumerate(value):
            yield from _shallow(member, pointer(place, index), depth + 1)
