"""What of a definition works here, but not as its author may think: expressions, names and types that Conductor reads differently."""

import re
from collections.abc import Iterator

import msgspec

from stagedoor.engine.definition import Json, TaskDefinition, WorkflowDefinition
from stagedoor.engine.embedded.expression import Part, parse, variables
from stagedoor.engine.operators import BUILT, WORKER, is_refused
from stagedoor.engine.validate import Site, sites
from stagedoor.gate.sealing import targets
from stagedoor.kit.errors import BadInput
from stagedoor.kit.template import MARKER_START, REFERENCE, pointer, strings

_SCRIPTS = ("expression", "scriptExpression", "caseExpression", "loopCondition")
_NESTED = ("decisionCases", "defaultCase", "forkTasks", "loopOver", "description", *_SCRIPTS)
_FIRST = re.compile(r"^(?:\$\.)?([^.\[\]()\s'\"]+)")
_ITERATION = re.compile(r"(__\d+)+$")
_SECRETS, _ENVIRONMENT, _TASK_ID = "workflow.secrets.", "workflow.env.", "CPEWF_TASK_ID"
_ESCAPED = re.compile(r"\$\$\{workflow\.secrets\.")
_INSTEAD = {
    "FORK_JOIN_DYNAMIC": "write the branches out in a FORK_JOIN, or go through the list in a DO_WHILE",
    "START_WORKFLOW": "SUB_WORKFLOW, with optional true where its end does not matter",
    "EVENT": "a worker task that publishes it",
    "HTTP_POLL": "HTTP and WAIT in a DO_WHILE",
}


class Finding(msgspec.Struct, rename="camel", frozen=True):
    """`severity`: `refusal` (saving answers with this reason) or `warning`. `place`: a JSON pointer into the definition."""

    severity: str
    reason: str
    place: str
    task: str | None = None
    way_out: str | None = None


def refused(reason: str, place: str, task: str | None = None, instead: str | None = None) -> Finding:
    return Finding("refusal", reason, place, task, instead)


def warning(reason: str, place: str, task: str | None = None, instead: str | None = None) -> Finding:
    return Finding("warning", reason, place, task, instead)


def way_out(definition: WorkflowDefinition, problem: BadInput) -> str | None:
    """What to write instead of what this engine does not run."""
    place = problem.field
    if place.endswith("/type"):
        kind = next((site.node.type for site in sites(definition) if place == f"{site.place}/type"), "")
        return _INSTEAD.get(kind, "a worker task, or HTTP") if is_refused(kind) else None
    if "DYNAMIC" in problem.message:
        return "name the worker task literally, or choose by SWITCH among tasks that are written out"
    if "takes its definition from data" in problem.message:
        return "save the child as a workflow of its own, and name it"
    return None


def differences(definition: WorkflowDefinition, base: str = "") -> Iterator[Finding]:
    """Warnings. An inline definition of a sub-workflow is gone through by itself: its expressions mean its own tasks."""
    found = sites(definition, base)
    known = {site.node.task_reference_name for site in found}
    for name, value in msgspec.to_builtins(definition).items():
        if name not in ("tasks", "description"):
            yield from _expressions(value, pointer(base, name), None, known)
    for site in found:
        yield from _of_task(site, known)
    for target in targets(definition, base):
        if "${" in target.name and _own(target.place, base):
            told = f"{target.shown} is made from data: whoever saves it must hold EXECUTE on every WORKFLOW_DEF"
            yield warning(told, target.place, target.task, "name the workflow literally, or choose by SWITCH")


def _own(place: str, base: str) -> bool:
    """Not of a definition within this one, and not of a task that is refused as a whole."""
    return place.count("workflowDefinition") == base.count("workflowDefinition") and not place.endswith("/startWorkflow/name")


def task_differences(definition: TaskDefinition) -> Iterator[Finding]:
    for place, text in strings(definition.input_template, "/inputTemplate"):
        if MARKER_START in text:
            yield warning(_MARKER, place)


def named_variables(definition: WorkflowDefinition) -> Iterator[tuple[str, str | None, str]]:
    """(place, task, name) of every `${workflow.env.NAME}`, each name once."""
    seen: set[str] = set()
    found = sites(definition)
    for place, text in strings(msgspec.to_builtins(definition)):
        for name in variables(text):
            if name not in seen:
                seen.add(name)
                within = [site.node.task_reference_name for site in found if place.startswith(f"{site.place}/")]
                yield place, within[-1] if within else None, name


def updates_of(definition: WorkflowDefinition) -> Iterator[tuple[str, str]]:
    """(task, secret) of every UPDATE_SECRET that names its secret literally."""
    return ((task, name) for task, name in puts_of(definition) if name is not None)


def puts_of(definition: WorkflowDefinition) -> Iterator[tuple[str, str | None]]:
    """(task, secret) of every UPDATE_SECRET; None: the name is made from data, and not known before the run."""
    for site in sites(definition):
        if site.node.type != "UPDATE_SECRET":
            continue
        asked = site.node.input_parameters.get("_secrets")
        name = asked.get("secretKey") if isinstance(asked, dict) else asked
        if isinstance(name, str):
            yield site.node.task_reference_name, name if isinstance(asked, dict) and "${" not in name else None


_MARKER = "text of the form of a marker: it stays text"


def _of_task(site: Site, known: set[str]) -> Iterator[Finding]:
    node, ref = site.node, site.node.task_reference_name
    for name, value in msgspec.to_builtins(node).items():
        if name == "subWorkflowParam" and node.sub_workflow_param and node.sub_workflow_param.workflow_definition is not None:
            yield from _inline(site, node.sub_workflow_param.workflow_definition)
        elif name not in _NESTED:
            yield from _expressions(value, pointer(site.place, name), ref, known)
    if node.type not in BUILT and node.type not in WORKER and not is_refused(node.type):
        told = f"{node.type} is no type of this server's own: its tasks wait for a worker that polls {node.type}"
        yield warning(told, f"{site.place}/type", ref, "run such a worker, or write it as an HTTP task")


def _inline(site: Site, given: Json) -> Iterator[Finding]:
    place = f"{site.place}/subWorkflowParam/workflowDefinition"
    told = "a definition written inline can name no secret, and only its parent's name gives rights on its runs"
    yield warning(told, place, site.node.task_reference_name, "save it as a workflow of its own, and name it")
    try:
        inline = msgspec.convert(given, WorkflowDefinition)
    except msgspec.ValidationError:  # refused already
        return
    yield from differences(inline, place)


def _expressions(value: Json, base: str, task: str | None, known: set[str]) -> Iterator[Finding]:
    for place, text in strings(value, base):
        if MARKER_START in text:
            yield warning(_MARKER, place, task)
        if _ESCAPED.search(text):
            yield warning("$${ is an escape: the reference stays text here, while Conductor since 3.31.2 fills the secret in", place, task)
        if "${" in text:
            for part in parse.__wrapped__(text):
                if isinstance(part, Part):
                    yield from _expression(part, place, task, known)


def _expression(part: Part, place: str, task: str | None, known: set[str]) -> Iterator[Finding]:
    path = part.path if isinstance(part.path, str) else _beginning(part.path)
    if not isinstance(part.path, str):
        for inner in part.path:
            if isinstance(inner, Part):
                yield from _expression(inner, place, task, known)
    if path.startswith(_SECRETS):
        if not REFERENCE.fullmatch(part.text):
            yield warning(f"{_short(part.text)} is no reference: a secret's name is never made from data; it stays text", place, task)
        return
    built = not isinstance(part.path, str)
    if built and not path:
        yield warning(f"{_short(part.text)}: its first name is made from data; Conductor could read its environment so", place, task)
    elif not path.startswith(_ENVIRONMENT) and path.strip() not in ("", _TASK_ID) and not _is_known(path, known):
        told = f"{_short(part.text)} names neither the workflow nor a task: null here; Conductor may read its server's environment so"
        yield warning(told, place, task, "a task's reference name, or ${workflow.env.NAME} for a variable of the project")


def _is_known(path: str, known: set[str]) -> bool:
    first = _FIRST.match(path.strip())
    return first is not None and (first[1] == "workflow" or first[1] in known or _ITERATION.sub("", first[1]) in known)


def _beginning(path: tuple[str | Part, ...]) -> str:
    return path[0] if path and isinstance(path[0], str) else ""


def _short(text: str) -> str:
    return text if len(text) <= 80 else text[:77] + "..."
