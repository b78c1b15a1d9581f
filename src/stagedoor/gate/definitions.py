"""Workflow and task definitions at the gate: sealed on the way in, restored on the way out, owned by whoever makes them."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import msgspec

from stagedoor.core.epoch import name_changed, project_changed, subject_changed
from stagedoor.core.grant import check_new_name
from stagedoor.core.marker import Marker, markers_of_revision
from stagedoor.core.permission import Resource
from stagedoor.core.principal import Principal
from stagedoor.engine.definition import TaskDefinition, WorkflowDefinition
from stagedoor.engine.port import Register, Revision, TaskRecord
from stagedoor.engine.validate import validate
from stagedoor.gate.gate import Gate
from stagedoor.gate.sealing import check_runtime_metadata, refuse_in_task_definition, restore
from stagedoor.gate.variables import Variables, check_updates, refuse_in_template
from stagedoor.kit.errors import Conflict, NotFound
from stagedoor.store.store import Transaction

WORKFLOW = "WORKFLOW_DEF"
TASK = "TASK_DEF"


@dataclass(frozen=True)
class Definitions:
    gate: Gate
    variables: Variables

    async def demand_save(self, who: Principal, kind: str, name: str) -> None:
        """UPDATE on what exists; the right to create where it does not."""
        check_new_name(name)
        await self.gate.demand_save(who, Resource(kind, name), await self._exists(who, kind, name))

    async def save(self, who: Principal, definition: WorkflowDefinition, *, overwrite: bool, new_version: bool = False) -> list[str]:
        """Warnings, for references to secrets that do not exist."""
        validate(definition)
        warnings: list[str] = []

        def prepare(tx: Transaction, previous: Revision | None, revision_id: str) -> WorkflowDefinition:
            self._settled(tx, who, Resource(WORKFLOW, definition.name), previous is not None)
            self.gate.still_may_save(tx, who, Resource(WORKFLOW, definition.name), previous is not None)
            if previous is None:
                self._own(tx, who, WORKFLOW, definition.name)
            sealed, found = self.gate.sealing.seal(tx, who, definition, previous, revision_id)
            check_updates(tx, who, definition)
            warnings[:] = [*found, *self.variables.check(tx, who, definition)]
            self.gate.audit.change(tx, who, "workflow.save", f"{WORKFLOW} {definition.name}", f"version {definition.version}")
            return sealed

        request = Register(definition=definition, saver=who.user, prepare=prepare, overwrite=overwrite, new_version=new_version)
        await self.gate.engine.register(who.project, request)
        return warnings

    async def get(self, who: Principal, name: str, version: int | None) -> WorkflowDefinition:
        return await self.shown(await self.gate.engine.definition(who.project, name, version))

    async def all(self, who: Principal, shows: Callable[[str], bool]) -> list[WorkflowDefinition]:
        """`shows`: the names that the caller may see."""
        found = await self.gate.engine.definitions(who.project)
        return [await self.shown(revision) for revision in found if shows(revision.definition.name)]

    async def delete(self, who: Principal, name: str, version: int) -> None:
        """The last version takes the grants on the name with it."""

        def within(tx: Transaction, revision: Revision) -> None:
            name_changed(tx, who.project, WORKFLOW, name)
            # Locked first: of two who delete the last two versions at once, the second sees that its own is the last.
            tx.one("workflow_definition_last", project_id=who.project, name=name)
            if len(tx.all("workflow_definition_list", project_id=who.project, name=name)) <= 1:
                project_changed(tx, who.project)
                self.gate.grants.forget(tx, who.project, Resource(WORKFLOW, name))
            self.gate.audit.change(tx, who, "workflow.delete", f"{WORKFLOW} {name}", f"version {version}")

        await self.gate.engine.unregister(who.project, name, version, within)

    async def shown(self, revision: Revision) -> WorkflowDefinition:
        """A revision as a read shows it: references, never markers."""
        markers = await self.markers(revision)
        if not markers:
            return revision.definition
        return msgspec.convert(restore(msgspec.to_builtins(revision.definition), markers), WorkflowDefinition)

    async def markers(self, revision: Revision) -> dict[str, Marker]:
        found = await self.gate.look(lambda tx: markers_of_revision(tx, revision.revision_id))
        return {marker.marker_id: marker for marker in found}

    async def save_tasks(self, who: Principal, definitions: Sequence[TaskDefinition]) -> None:
        for definition in definitions:
            refuse_in_task_definition(definition)
            refuse_in_template(definition)

        def within(tx: Transaction, before: Mapping[str, TaskRecord]) -> None:
            for name in sorted({definition.name for definition in definitions}):  # in one order, so that two savers do not block each other
                self._settled(tx, who, Resource(TASK, name), name in before)
            for definition in definitions:
                self.gate.still_may_save(tx, who, Resource(TASK, definition.name), definition.name in before)
                check_runtime_metadata(tx, who, definition, self.gate.secrets, self.gate.usage)
                self.variables.check_runtime_metadata(tx, who, definition)
                if definition.name not in before:
                    self._own(tx, who, TASK, definition.name)
                self.gate.audit.change(tx, who, "task.save", f"{TASK} {definition.name}")

        await self.gate.engine.save_task_definitions(who.project, definitions, who.user, within)

    async def task(self, who: Principal, name: str) -> TaskDefinition:
        return (await self.gate.engine.task_definition(who.project, name)).definition

    async def tasks(self, who: Principal, shows: Callable[[str], bool]) -> list[TaskDefinition]:
        found = await self.gate.engine.task_definitions(who.project)
        return [record.definition for record in found if shows(record.definition.name)]

    async def delete_task(self, who: Principal, name: str) -> None:
        def within(tx: Transaction, before: Mapping[str, TaskRecord]) -> None:
            name_changed(tx, who.project, TASK, name)
            project_changed(tx, who.project)
            self.gate.grants.forget(tx, who.project, Resource(TASK, name))
            self.gate.audit.change(tx, who, "task.delete", f"{TASK} {name}")

        await self.gate.engine.remove_task_definition(who.project, name, within)

    async def _exists(self, who: Principal, kind: str, name: str) -> bool:
        try:
            if kind == WORKFLOW:
                await self.gate.engine.definition(who.project, name)
            else:
                await self.gate.engine.task_definition(who.project, name)
        except NotFound:
            return False
        return True

    def _settled(self, tx: Transaction, who: Principal, resource: Resource, existed: bool) -> None:
        """From here on nobody else makes or deletes the name. Conflict where somebody has since it was looked up: two savers of one
        new name would both own it."""
        name_changed(tx, who.project, *resource)
        statement = "revision_of_latest" if resource.kind == WORKFLOW else "task_definition_by_name"
        if (tx.one(statement, project_id=who.project, name=resource.name) is not None) != existed:
            raise Conflict(f"{resource.kind} {resource.name} was made or deleted meanwhile")

    def _own(self, tx: Transaction, who: Principal, kind: str, name: str) -> None:
        subject_changed(tx, who.project, who.subject)
        self.gate.grants.own(tx, who, Resource(kind, name))
