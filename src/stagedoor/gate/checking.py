"""Everything that stands against a definition, before it is saved: all that saving would refuse, and what would behave differently here
than in Conductor. `reason` of a refusal is the message that saving answers with, to the letter (docs/moving.md)."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import NamedTuple

from stagedoor.core.environment import KIND as VARIABLE
from stagedoor.core.environment import Environment
from stagedoor.core.grant import authority_on, check_new_name
from stagedoor.core.permission import NOTHING, Access, Denied, Resource, decide, decide_create, decide_save
from stagedoor.core.principal import Principal
from stagedoor.core.secret import KIND as SECRET
from stagedoor.engine.definition import Json, TaskDefinition, WorkflowDefinition
from stagedoor.engine.port import Revision
from stagedoor.engine.validate import problems, sites, task_problems
from stagedoor.gate.keeping import decide_put
from stagedoor.gate.lint import Finding, differences, named_variables, refused, task_differences, updates_of, warning, way_out
from stagedoor.gate.sealing import Sealing, Vouched, may_target, misplaced, misplaced_in_task, missing_secret, targets
from stagedoor.gate.variables import refusals_in_template
from stagedoor.kit.errors import BadInput
from stagedoor.kit.template import references
from stagedoor.store.store import Transaction

WORKFLOW, TASK = "WORKFLOW_DEF", "TASK_DEF"


def check_workflow(definition: WorkflowDefinition) -> Iterator[Finding]:
    """What can be said of it by itself."""
    yield from _name(definition.name)
    for problem in problems(definition):
        task = task_at(definition, problem.field)
        yield refused(problem.message, problem.field, task, way_out(definition, problem))
    for one in misplaced(definition):
        yield refused(one.message, one.place, one.task)
    for site in sites(definition):
        if site.node.task_definition is not None:
            place, ref = f"{site.place}/taskDefinition", site.node.task_reference_name
            for problem in refusals_in_template(site.node.task_definition, f"task {ref}: taskDefinition."):
                yield refused(problem.message, f"{place}/inputTemplate", ref)
    yield from differences(definition)


def check_task(definition: TaskDefinition) -> Iterator[Finding]:
    """The same for a task definition."""
    yield from _name(definition.name)
    for problem in task_problems(definition):
        yield refused(problem.message, problem.field)
    for one in misplaced_in_task(definition):
        yield refused(one.message, one.place)
    for problem in refusals_in_template(definition):
        yield refused(problem.message, f"/{problem.field}")
    yield from task_differences(definition)


@dataclass
class Rights:
    """What depends on who saves it, and on what there is; inside one transaction that changes nothing. `saver` None: only on what there is.

    `made`: workflows that are checked along with it and that the saver would own by then; `known`: those and all that exist are there."""

    sealing: Sealing
    environment: Environment
    tx: Transaction
    project: str
    saver: Principal | None
    made: set[str] = field(default_factory=set)
    known: set[str] = field(default_factory=set)

    def workflow(self, definition: WorkflowDefinition, previous: Revision | None, exists: bool) -> Iterator[Finding]:
        """`previous`: the current revision of the same name and version, else of the highest version of that name."""
        if self.saver is not None:
            verdict = self._may_save(Resource(WORKFLOW, definition.name), exists)
            if verdict is not None:
                yield refused(verdict, "/name")
            for against in standing_against(self.tx, self.saver, definition, self.environment):
                if against.target in self.made:
                    yield warning(
                        f"{against.reason} until {against.target} is saved, which comes along",
                        against.place,
                        against.task,
                        "save that first",
                    )
                else:
                    yield refused(against.reason, against.place, against.task)
        yield from self._references(definition, previous)
        yield from self._absent(definition)

    def task(self, definition: TaskDefinition, exists: bool) -> Iterator[Finding]:
        if self.saver is not None:
            verdict = self._may_save(Resource(TASK, definition.name), exists)
            if verdict is not None:
                yield refused(verdict, "/name")
        for index, name in enumerate(definition.runtime_metadata):
            place = f"/runtimeMetadata/{index}"
            if (kind := self._kind_of(name)) is None:
                yield warning(f"there is no secret and no environment variable {name}: workers are not given it", place)
            elif self.saver is not None and (reason := _lacks(self.tx, self.saver, Access.READ, Resource(kind, name))):
                yield refused(reason, place)

    def makes(self, definition: WorkflowDefinition, exists: bool) -> None:
        """It comes along: where the saver may make it, it will own it, and so may start it."""
        self.known.add(definition.name)
        if self.saver is not None and not exists:
            resource = Resource(WORKFLOW, definition.name)
            if not isinstance(decide_create(resource, authority_on(self.tx, self.saver, NOTHING)), Denied):
                self.made.add(definition.name)

    def _references(self, definition: WorkflowDefinition, previous: Revision | None) -> Iterator[Finding]:
        vouched = Vouched.by(self.tx, self.project, previous)
        for site in sites(definition):
            node, ref = site.node, site.node.task_reference_name
            for place, reference in dict.fromkeys(references(node.input_parameters)):
                where = f"{site.place}/inputParameters{place}"
                if not self.sealing.secrets.exists(self.tx, self.project, reference.name):
                    yield warning(missing_secret(node, reference), where, ref, f"PUT /api/secrets/{reference.name} before it is started")
                elif self.saver is not None and vouched.keeps(node, place, reference) is None:
                    found = self.sealing.may_use(self.tx, self.saver, node, reference)
                    if isinstance(found, Denied):
                        yield refused(found.reason, where, ref)

    def _absent(self, definition: WorkflowDefinition) -> Iterator[Finding]:
        for target in targets(definition):
            if "${" not in target.name and target.name != definition.name and not self._is_known(target.name):
                yield warning(f"there is no workflow {target.name}", target.place, target.task, "save it first")
        for place, task, name in named_variables(definition):
            if not self.environment.exists(self.tx, self.project, name):
                yield warning(f"the environment variable {name} does not exist", place, task, f"PUT /api/environment/{name}")

    def _is_known(self, name: str) -> bool:
        return name in self.known or self.tx.one("revision_of_latest", project_id=self.project, name=name) is not None

    def _may_save(self, resource: Resource, exists: bool) -> str | None:
        assert self.saver is not None
        verdict = decide_save(self.saver, resource, exists, authority_on(self.tx, self.saver, resource))
        return verdict.reason if isinstance(verdict, Denied) else None

    def _kind_of(self, name: str) -> str | None:
        if self.sealing.secrets.exists(self.tx, self.project, name):
            return SECRET
        return VARIABLE if self.environment.exists(self.tx, self.project, name) else None


class Against(NamedTuple):
    """Why a save is refused. `target`: the workflow that the saver may not start."""

    reason: str
    place: str
    task: str | None
    target: str | None = None


def standing_against(tx: Transaction, saver: Principal, definition: WorkflowDefinition, environment: Environment) -> Iterator[Against]:
    """What a save in this name would be refused with, besides the secrets: the workflows that it starts, the environment variables that
    it names, the secrets that it puts."""
    for target in targets(definition):
        own = "${" not in target.name and target.name == definition.name
        found = None if own else may_target(tx, saver, target)
        if isinstance(found, Denied):
            yield Against(found.reason, target.place, target.task, target.name)
    places = {site.node.task_reference_name: site.place for site in sites(definition)}
    for ref, name in updates_of(definition):
        verdict = decide_put(tx, saver, name, tx.one("secret_by_name", project_id=saver.project, name=name) is not None)
        if isinstance(verdict, Denied):
            yield Against(verdict.reason, f"{places[ref]}/inputParameters/_secrets/secretKey", ref)
    for place, task, name in named_variables(definition):
        if environment.exists(tx, saver.project, name) and (reason := _lacks(tx, saver, Access.READ, Resource(VARIABLE, name))):
            yield Against(reason, place, task)


def task_at(definition: WorkflowDefinition, place: str) -> str | None:
    """The task that a JSON pointer leads into."""
    found = [site for site in sites(definition) if place.startswith(f"{site.place}/")]
    return found[-1].node.task_reference_name if found else None


def kind_of(document: Json) -> str | None:
    """What a JSON document is, by its fields: WORKFLOW_DEF, TASK_DEF, or None."""
    if not isinstance(document, dict):
        return None
    if isinstance(document.get("tasks"), list):
        return WORKFLOW
    if "name" in document and not _OTHER & document.keys() and (document.keys() <= _OF_ANYTHING or _OF_TASKS & document.keys()):
        return TASK
    return None


def what_else(document: Json) -> str:
    """Why it is no definition, in a few words."""
    if isinstance(document, dict) and {"event", "actions"} <= document.keys():
        return "an event handler: there are none here; start the workflow over HTTP, or from a worker"
    if isinstance(document, dict) and "workflowDef" in document:
        return "a request that brings its definition along: save that first, then start it by its name"
    return "neither a workflow (it has no tasks) nor a task definition"


_OF_ANYTHING = {"name", "description", "ownerApp", "ownerEmail", "createTime", "updateTime", "createdBy", "updatedBy"}
_OF_TASKS = set(TaskDefinition.__struct_encode_fields__) - _OF_ANYTHING
_OTHER = {"event", "actions", "workflowDef", "startWorkflow", "cronExpression", "startWorkflowRequest"}


def _name(name: str) -> Iterator[Finding]:
    try:
        check_new_name(name)
    except BadInput as problem:
        yield refused(problem.message, "/name")


def _lacks(tx: Transaction, who: Principal, access: Access, resource: Resource) -> str | None:
    verdict = decide(who, access, resource, authority_on(tx, who, resource))
    return verdict.reason if isinstance(verdict, Denied) else None
