"""Sealing: a definition's literal references become markers, each at its place with its voucher; reads restore the references.

Which references are refused, and the way out: docs/flows.md and docs/decisions/0004-places-of-secrets.md.
"""

import contextlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import NamedTuple

import msgspec

from stagedoor.core.grant import authority_on, must_hold
from stagedoor.core.marker import Marker, insert_marker, marker_by_id, markers_of_revision
from stagedoor.core.permission import Access, Allowed, Denied, Resource, decide, denied
from stagedoor.core.principal import Principal
from stagedoor.core.secret import KIND, Secrets
from stagedoor.core.usage import WHOLE, Usage, Use
from stagedoor.engine.definition import Json, TaskDefinition, TaskNode, WorkflowDefinition, nodes
from stagedoor.engine.operators import is_worker
from stagedoor.engine.port import Revision
from stagedoor.engine.validate import sites
from stagedoor.gate.execution_terms import asks, wrong_terms
from stagedoor.kit import strictjson
from stagedoor.kit.errors import BadInput, Forbidden
from stagedoor.kit.ids import NewId
from stagedoor.kit.template import MARKER, MARKER_START, REFERENCE, Reference, map_strings, pointer, references, strings
from stagedoor.store.store import Transaction

WAY_OUT = "name the secret in an HTTP or worker task of its own definition, or in runtimeMetadata of its task definition"
NO_CEILING = "a credential without a ceiling"
_NESTED = ("decisionCases", "defaultCase", "forkTasks", "loopOver")
_PROSE = ("description",)
WORKFLOW = "WORKFLOW_DEF"
Adopts = Callable[[str, str], bool]
"""(a task's reference name, the voucher of a reference in it) -> whether the saver becomes its voucher, though the task has not changed."""


class Misplaced(NamedTuple):
    """A reference where none may stand. `place`: its JSON pointer in the definition; `field` names it as the message does."""

    message: str
    field: str
    place: str
    task: str | None


class Target(NamedTuple):
    """A workflow that a definition starts, by its name, which may be made from data. `shown`: the place, for people."""

    name: str
    shown: str
    place: str
    task: str | None


@dataclass(frozen=True)
class Sealing:
    """`seal` is what `Register.prepare` calls, inside the transaction of the save."""

    secrets: Secrets
    new_id: NewId
    usage: Usage

    def seal(
        self,
        tx: Transaction,
        saver: Principal,
        definition: WorkflowDefinition,
        previous: Revision | None,
        revision_id: str,
        *,
        adopts: Adopts = lambda task, voucher: False,
    ) -> tuple[WorkflowDefinition, list[str]]:
        """(the sealed definition, warnings). Forbidden where a changed or adopted node names a secret the saver may not use."""
        refuse_elsewhere(definition)
        check_targets(tx, saver, definition, self.usage)
        vouched = Vouched.by(tx, saver.project, previous)
        saving = _Saving(tx, saver, [])
        sealed = msgspec.convert(msgspec.to_builtins(definition), WorkflowDefinition)
        for node in nodes(sealed.tasks):
            if asks(node):
                ref, kept = node.task_reference_name, vouched.of_task(node)
                if kept is None or adopts(ref, kept):
                    check_vouches(saver, ref)
                    kept = saver.user
                tx.do("task_voucher_insert", project_id=saver.project, revision_id=revision_id, task_ref=ref, voucher=kept)
            markers: dict[tuple[str, Reference], Marker] = {}
            for place, reference in references(node.input_parameters):
                voucher = vouched.keeps(node, place, reference)
                if voucher is None or adopts(node.task_reference_name, voucher):
                    self._check(saving, node, reference)
                    voucher = saver.user
                markers[place, reference] = Marker(self.new_id(), node.task_reference_name, place, reference, voucher)
            for marker in markers.values():
                insert_marker(tx, saver.project, revision_id, marker)
            node.input_parameters = _with_markers(node.input_parameters, markers)
        return sealed, saving.warnings

    def _check(self, saving: "_Saving", node: TaskNode, reference: Reference) -> None:
        found = self.may_use(saving.tx, saving.saver, node, reference)
        if found is None:
            saving.warnings.append(missing_secret(node, reference))
        elif isinstance(found, Denied):
            raise Forbidden(found.reason)
        else:
            self.usage.within(saving.tx, saving.saver, found)

    def may_use(self, tx: Transaction, saver: Principal, node: TaskNode, reference: Reference) -> Use | Denied | None:
        """The least right that lets the saver vouch for this reference; None where there is no such secret."""
        if not self.secrets.exists(tx, saver.project, reference.name):
            return None
        secret = Resource(KIND, reference.name)
        authority = authority_on(tx, saver, secret)
        used = [access for access in accesses(node) if isinstance(decide(saver, access, secret, authority), Allowed)]
        return Use(used[-1], *secret) if used else denied(Access.READ, secret)


@dataclass(frozen=True, slots=True)
class _Saving:
    """Who saves, and what is to be said about it."""

    tx: Transaction
    saver: Principal
    warnings: list[str]


def accesses(node: TaskNode) -> tuple[Access, ...]:
    """What lets a voucher use a secret in this task: READ, and in an HTTP task EXECUTE too."""
    return (Access.READ, Access.EXECUTE) if node.type == "HTTP" else (Access.READ,)


def missing_secret(node: TaskNode, reference: Reference) -> str:
    return f"task {node.task_reference_name} names the secret {reference.name}, which does not exist"


def check_targets(tx: Transaction, saver: Principal, definition: WorkflowDefinition, usage: Usage) -> None:
    """Sub-workflows and failure workflows run in the starter's name: their names need EXECUTE from the saver (contract/orkes.md)."""
    for target in targets(definition):
        if target.name == definition.name and "${" not in target.name:
            continue
        found = may_target(tx, saver, target)
        if isinstance(found, Denied):
            raise Forbidden(found.reason)
        usage.within(tx, saver, found)


def may_target(tx: Transaction, saver: Principal, target: Target) -> Use | Denied:
    """The right by which the saver may name this workflow. A name made from data needs EXECUTE on every workflow."""
    workflow = Resource(WORKFLOW, target.name)
    authority = authority_on(tx, saver, workflow)
    if "${" not in target.name:
        verdict = decide(saver, Access.EXECUTE, workflow, authority)
        return verdict if isinstance(verdict, Denied) else Use(Access.EXECUTE, *workflow)
    if authority.whole(Access.EXECUTE, WORKFLOW) is not None:
        return Use(f"{WHOLE}{Access.EXECUTE}", WORKFLOW, "")
    missing = f"{Access.EXECUTE} on every {WORKFLOW}"
    told = f"missing: {missing}, for the name is made from data"
    return Denied(missing, f"You don't have permissions to execute workflow: {target.name} at {target.shown} ({told})")


def targets(definition: WorkflowDefinition, place: str = "") -> Iterator[Target]:
    """Every workflow that this one starts, those of definitions written inline included."""
    if definition.failure_workflow:
        yield Target(definition.failure_workflow, "failureWorkflow", f"{place}/failureWorkflow", None)
    for site in sites(definition, place):
        node, ref = site.node, site.node.task_reference_name
        parameters, start = node.sub_workflow_param, node.input_parameters.get("startWorkflow")
        if parameters is not None and parameters.workflow_definition is not None:
            with contextlib.suppress(msgspec.ValidationError):  # one that is not valid has been refused; `stagedoor check` goes on
                inline = msgspec.convert(parameters.workflow_definition, WorkflowDefinition)
                yield from targets(inline, f"{site.place}/subWorkflowParam/workflowDefinition")
        elif parameters is not None and parameters.name:
            yield Target(parameters.name, f"task {ref}: subWorkflowParam.name", f"{site.place}/subWorkflowParam/name", ref)
        if node.type == "START_WORKFLOW":
            name = start.get("name") if isinstance(start, dict) else None
            shown = f"task {ref}: startWorkflow.name"
            yield Target(name if isinstance(name, str) else "${}", shown, f"{site.place}/inputParameters/startWorkflow/name", ref)


def refuse_elsewhere(definition: WorkflowDefinition) -> None:
    """BadInput, with the place and the way out, for a reference where a plain value would end up in an execution."""
    for one in misplaced(definition):
        raise BadInput(one.message, one.field)


def misplaced(definition: WorkflowDefinition) -> Iterator[Misplaced]:
    """Every such reference, and what no task can ask for; made one by one."""
    for wrong in wrong_terms(definition):
        yield Misplaced(*wrong)
    for label, base, task, value in _places(definition):
        for below, reference in references(value):
            yield Misplaced(f"{label}{below}: {reference.text()} cannot be used here; {WAY_OUT}", label + below, base + below, task)
    for site in sites(definition):
        ref = site.node.task_reference_name
        for where, text in strings(site.node.input_parameters, "inputParameters"):
            if _inside_expression(text):
                told = f"task {ref}, {where}: a secret cannot be part of another expression"
                yield Misplaced(told, where, f"{site.place}/{where}", ref)


def refuse_in_task_definition(definition: TaskDefinition) -> None:
    """A task definition's `inputTemplate` holds no reference: it would reach tasks whose author never wrote it."""
    for one in misplaced_in_task(definition):
        raise BadInput(one.message, one.field)


def misplaced_in_task(definition: TaskDefinition) -> Iterator[Misplaced]:
    for where, reference in references(definition.input_template, "inputTemplate"):
        yield Misplaced(f"{where}: {reference.text()} cannot be used here; {WAY_OUT}", where, f"/{where}", None)


def check_runtime_metadata(tx: Transaction, saver: Principal, definition: TaskDefinition, secrets: Secrets, usage: Usage) -> None:
    """Who saves a task definition vouches for the secrets it names: Forbidden where one exists that the saver may not READ."""
    for name in definition.runtime_metadata:
        secret = Resource(KIND, name)
        if secrets.exists(tx, saver.project, name):
            must_hold(tx, saver, secret, Access.READ)
            usage.within(tx, saver, Use(Access.READ, *secret))


def _places(definition: WorkflowDefinition) -> Iterator[tuple[str, str, str | None, Json]]:
    """Everything of a definition in which no reference may stand: its place for people, its JSON pointer, the task, the value."""
    for name, value in msgspec.to_builtins(definition).items():
        if name not in ("tasks", *_PROSE):
            yield name, pointer("", name), None, value
    for site in sites(definition):
        node, ref = site.node, site.node.task_reference_name
        for name, value in msgspec.to_builtins(node).items():
            takes_secrets = name == "inputParameters" and (node.type == "HTTP" or is_worker(node.type))
            if not takes_secrets and name not in (*_NESTED, *_PROSE):
                yield f"task {ref} ({node.type}): {name}", pointer(site.place, name), ref, value


def _inside_expression(text: str) -> bool:
    """Whether a reference stands inside another `${...}`."""
    for match in REFERENCE.finditer(text):
        before = text[: match.start()]
        if before.count("${") > before.count("}"):
            return True
    return False


def _with_markers(value: Json, markers: dict[tuple[str, Reference], Marker]) -> Json:
    def change(place: str, text: str) -> str:
        return REFERENCE.sub(lambda match: markers[place, Reference(match[1], match[2])].text, text)

    return map_strings(value, change) if markers else value


def restore(value: Json, markers: dict[str, Marker]) -> Json:
    """The same JSON with each known marker shown as the reference it stands for: what every read shows."""

    def change(place: str, text: str) -> str:
        return MARKER.sub(lambda match: markers[match[1]].reference.text() if match[1] in markers else match[0], text)

    return map_strings(value, change) if markers else value


def holds_marker(value: object) -> bool:
    """Whether anything of the shape of a marker stands in a value: looked for in its JSON text, which is quick."""
    return MARKER_START.encode() in strictjson.encode(value)


def spell_out(tx: Transaction, project: str, value: Json) -> Json:
    """The same JSON with every marker of the project shown as its reference, whichever revision it comes from: data may carry one
    from one task to another, or into a child."""
    ids = {match[1] for _, text in strings(value) for match in MARKER.finditer(text)}
    found = {marker_id: marker_by_id(tx, project, marker_id) for marker_id in ids}
    return restore(value, {marker_id: marker for marker_id, marker in found.items() if marker is not None})


def _own_fields(node: TaskNode) -> Json:
    fields = msgspec.to_builtins(node)
    return {name: value for name, value in fields.items() if name not in _NESTED}


def check_vouches(saver: Principal, task: str) -> None:
    """Forbidden to a credential with a ceiling: the tokens of that task would be bound by its owner's rights, and not by the ceiling."""
    if saver.ceiling is not None:
        missing = f"{NO_CEILING}, for task {task} asks for execution tokens"
        raise Forbidden(f"You don't have permissions to save it (missing: {missing})")


def vouchers_of_tasks(tx: Transaction, project: str, revision_id: str) -> dict[str, str]:
    """Of the tasks that may ask for an execution token, by their reference names."""
    rows = tx.all("task_vouchers_of_revision", project_id=project, revision_id=revision_id)
    return {row["task_ref"]: row["voucher"] for row in rows}


class Vouched:
    """The vouchers of the previous revision, for the nodes that have not changed."""

    def __init__(self, fields: dict[str, Json], vouchers: dict[tuple[str, str, Reference], str], tasks: dict[str, str]) -> None:
        self._fields = fields
        self._vouchers = vouchers
        self._tasks = tasks

    @classmethod
    def by(cls, tx: Transaction, project: str, previous: Revision | None) -> "Vouched":
        if previous is None:
            return cls({}, {}, {})
        markers = markers_of_revision(tx, previous.revision_id)
        by_id = {marker.marker_id: marker for marker in markers}
        fields = {node.task_reference_name: restore(_own_fields(node), by_id) for node in nodes(previous.definition.tasks)}
        tasks = vouchers_of_tasks(tx, project, previous.revision_id)
        return cls(fields, {(marker.task_ref, marker.place, marker.reference): marker.voucher for marker in markers}, tasks)

    def keeps(self, node: TaskNode, place: str, reference: Reference) -> str | None:
        """The old voucher where the whole node stands as it stood, else None."""
        if self._fields.get(node.task_reference_name) != _own_fields(node):
            return None
        return self._vouchers.get((node.task_reference_name, place, reference))

    def of_task(self, node: TaskNode) -> str | None:
        """The same for a task that may ask for an execution token."""
        if self._fields.get(node.task_reference_name) != _own_fields(node):
            return None
        return self._tasks.get(node.task_reference_name)
