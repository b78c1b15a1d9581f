"""Environment variables in definitions: whoever saves one must be able to READ each variable it names, then and while it is used."""

from collections.abc import Iterator
from dataclasses import dataclass

import msgspec

from stagedoor.core.audit import Audit
from stagedoor.core.environment import KIND, Environment
from stagedoor.core.grant import authority_on
from stagedoor.core.permission import Access, Denied, Resource, Verdict, decide
from stagedoor.core.principal import Principal
from stagedoor.core.role import EVERY
from stagedoor.core.usage import Usage, Use
from stagedoor.engine.definition import Json, TaskDefinition, WorkflowDefinition, nodes
from stagedoor.engine.embedded.budget import Withheld
from stagedoor.engine.embedded.expression import variables
from stagedoor.engine.port import Candidate
from stagedoor.gate.keeping import decide_put
from stagedoor.kit.errors import BadInput, Forbidden
from stagedoor.kit.template import strings
from stagedoor.store.store import Transaction

WAY_OUT = "name it in the inputParameters of a workflow's task"


@dataclass(frozen=True)
class Variables:
    environment: Environment
    audit: Audit
    usage: Usage

    def value(self, tx: Transaction, project: str, saver: str, name: str) -> str | None:
        """What `${workflow.env.NAME}` is in a definition that `saver` saved; None where there is none. Withheld, audited, where the
        saver may not READ it."""
        value = self.environment.find(tx, project, name)
        if value is None:
            return None
        who = Principal(project, saver)
        verdict = _may_read(tx, who, name)
        if isinstance(verdict, Denied):
            reason = f"{saver}, who saved the definition, lacks {verdict.missing}"
            self.audit.refusal(tx, who, "environment.use", f"{KIND} {name}", reason)
            raise Withheld(reason)
        self.usage.within(tx, who, Use(Access.READ, KIND, name))
        return value

    def check(self, tx: Transaction, saver: Principal, definition: WorkflowDefinition) -> list[str]:
        """Warnings, for variables that do not exist. Forbidden where one exists that the saver may not READ; BadInput for a place where
        none is resolved."""
        refuse_in_templates(definition)
        warnings = []
        for name in sorted(set(_named(msgspec.to_builtins(definition)))):
            if not self.environment.exists(tx, saver.project, name):
                warnings.append(f"the environment variable {name} does not exist")
                continue
            verdict = _may_read(tx, saver, name)
            if isinstance(verdict, Denied):
                raise Forbidden(verdict.reason)
            self.usage.within(tx, saver, Use(Access.READ, KIND, name))
        return warnings

    def check_runtime_metadata(self, tx: Transaction, saver: Principal, definition: TaskDefinition) -> None:
        """A name that is no secret's may be a variable's: Forbidden where the saver may not READ that."""
        for name in definition.runtime_metadata:
            if not _is_secret(tx, saver.project, name) and self.environment.exists(tx, saver.project, name):
                verdict = _may_read(tx, saver, name)
                if isinstance(verdict, Denied):
                    raise Forbidden(verdict.reason)

    def runtime_metadata(self, tx: Transaction, candidate: Candidate) -> dict[str, str]:
        """The variables among what the task's definition names in `runtimeMetadata`: secrets go first, what is neither is left out
        (contract/orkes.md B, Task). Withheld, as for `value`."""
        record = candidate.task_record
        found: dict[str, str] = {}
        for name in record.definition.runtime_metadata if record else ():
            if record and not _is_secret(tx, candidate.project, name):
                value = self.value(tx, candidate.project, record.saved_by, name)
                found |= {} if value is None else {name: value}
        return found


def refuse_in_templates(definition: WorkflowDefinition) -> None:
    """The `inputTemplate` of a task definition sees no variables, wherever it is written."""
    for node in nodes(definition.tasks):
        if node.task_definition is not None:
            refuse_in_template(node.task_definition, f"task {node.task_reference_name}: taskDefinition.")


def refuse_in_template(definition: TaskDefinition, place: str = "") -> None:
    """It would hand them to the workers of whoever wrote the template."""
    for problem in refusals_in_template(definition, place):
        raise problem


def refusals_in_template(definition: TaskDefinition, place: str = "") -> Iterator[BadInput]:
    for where, text in strings(definition.input_template, f"{place}inputTemplate"):
        for name in variables(text):
            yield BadInput(f"{where}: ${{workflow.env.{name}}} cannot be used here; {WAY_OUT}", where)


def check_updates(tx: Transaction, saver: Principal, definition: WorkflowDefinition) -> None:
    """Whoever saves an UPDATE_SECRET task must be able to put the secret that it names literally: Forbidden. Where the name is made from
    data, its saver is asked at the run; but a ceiling counts at the save alone, so under one the right to put every secret is needed."""
    for node in nodes(definition.tasks):
        asked, parameters = node.input_parameters.get("_secrets"), node.sub_workflow_param
        name = asked.get("secretKey") if isinstance(asked, dict) else None
        if saver.ceiling is not None and parameters is not None and isinstance(parameters.workflow_definition, dict):
            check_updates(tx, saver, msgspec.convert(parameters.workflow_definition, WorkflowDefinition))
        if node.type == "UPDATE_SECRET" and isinstance(name, str) and "${" not in name:
            _must_put(tx, saver, name, _is_secret(tx, saver.project, name))
        elif node.type == "UPDATE_SECRET" and saver.ceiling is not None:
            for there in (True, False):
                _must_put(tx, saver, EVERY, there)


def _must_put(tx: Transaction, saver: Principal, name: str, there: bool) -> None:
    verdict = decide_put(tx, saver, name, there)
    if isinstance(verdict, Denied):
        raise Forbidden(verdict.reason)


def _may_read(tx: Transaction, who: Principal, name: str) -> Verdict:
    variable = Resource(KIND, name)
    return decide(who, Access.READ, variable, authority_on(tx, who, variable))


def _is_secret(tx: Transaction, project: str, name: str) -> bool:
    return tx.one("secret_by_name", project_id=project, name=name) is not None


def _named(value: Json) -> Iterator[str]:
    for _, text in strings(value):
        yield from variables(text)
