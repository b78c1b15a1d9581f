"""Adopting: somebody becomes the voucher of references that another vouches for (docs/decisions/0028).

It is a save of the definition as it stands, by the adopter: a new revision, with everything that a save asks. Runs under way keep the
revision they run; only where that is asked for, and one marker at a time, do they get the new voucher too.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import msgspec

from stagedoor.core.audit import Audit
from stagedoor.core.epoch import name_changed, project_changed
from stagedoor.core.grant import authority_on
from stagedoor.core.marker import Marker, markers_of_revision
from stagedoor.core.permission import Denied, Resource, decide_save
from stagedoor.core.principal import Principal
from stagedoor.engine.definition import TaskDefinition, TaskNode, WorkflowDefinition, nodes
from stagedoor.engine.embedded.definitions import revision_from
from stagedoor.engine.port import Register, Revision, TaskRecord, WithinTaskDefinitions
from stagedoor.gate.checking import standing_against
from stagedoor.gate.execution_terms import FIELD, PLACE
from stagedoor.gate.gate import Gate
from stagedoor.gate.handoff import RUNTIME_METADATA
from stagedoor.gate.lint import puts_of
from stagedoor.gate.sealing import NO_CEILING, Sealing, check_runtime_metadata, missing_secret, restore, vouchers_of_tasks
from stagedoor.gate.variables import Variables, check_updates
from stagedoor.gate.vouchers import beside, revisions_of, sends_to
from stagedoor.kit.errors import BadInput, Conflict, Forbidden
from stagedoor.store.store import Transaction

WORKFLOW, TASK = "WORKFLOW_DEF", "TASK_DEF"
MOST_TOLD = 20
"""References that one audit row names."""


class Adopt(msgspec.Struct, rename="camel", forbid_unknown_fields=True, kw_only=True, frozen=True):
    """Which references: of one version (by default the highest), of these tasks, of this voucher; all of them by default.

    `revision`: refuse where another revision is the current one by now. `running`: those that runs under way use as well. `dry_run`: tell,
    and change nothing."""

    version: int | None = None
    tasks: list[str] | None = None
    voucher: str | None = msgspec.field(name="from", default=None)
    revision: str | None = None
    running: bool = False
    dry_run: bool = False

    def takes(self, task: str, voucher: str) -> bool:
        return (self.tasks is None or task in self.tasks) and self.voucher in (None, voucher)


class AdoptTask(msgspec.Struct, rename="camel", forbid_unknown_fields=True, kw_only=True, frozen=True):
    """The same for a task definition: all that it names, where this voucher saved it."""

    voucher: str | None = msgspec.field(name="from", default=None)
    dry_run: bool = False


class Taken(msgspec.Struct, rename="camel", frozen=True):
    """One reference that is, or would be, adopted, or a task that may ask for an execution token. `before`: who vouched for it. `refused`:
    why the adopter may not; on dry runs only."""

    task: str
    place: str
    reference: str
    before: str
    sends_to: str | None = None
    refused: str | None = None


class Puts(msgspec.Struct, rename="camel", frozen=True):
    """An UPDATE_SECRET task, which puts its secret in the saver's name. `secret` null: `note` says why it is not named."""

    task: str
    secret: str | None
    note: str | None = None


FROM_DATA = "from data: not known before the run"


class TakenRunning(msgspec.Struct, rename="camel", frozen=True):
    """References of a revision that runs under way use, an older one or the one that was current until now."""

    revision: str
    references: tuple[Taken, ...]


class Adopted(msgspec.Struct, rename="camel", frozen=True):
    """What came of it. `revision`: the one that is current now. `took`: the one that was looked at, whose references were, or would be,
    adopted. `before`: who saved the last one, where the adopter takes that over, and `puts` what is put in the saver's name then.
    `refused`: what else a save in the adopter's name would be refused with; on dry runs only."""

    name: str
    version: int
    revision: str
    took: str
    before: str | None
    adopted: tuple[Taken, ...]
    running: tuple[TakenRunning, ...]
    puts: tuple[Puts, ...] = ()
    warnings: tuple[str, ...] = ()
    refused: tuple[str, ...] = ()
    dry_run: bool = False

    @property
    def new_revision(self) -> bool:
        """Whether the adopter saves the definition anew."""
        return bool(self.adopted) or self.before is not None


@dataclass(frozen=True)
class Adoption:
    """One adoption, inside the caller's transaction. `who` becomes the voucher, and everything is asked of it; `by` is who is audited."""

    sealing: Sealing
    variables: Variables
    audit: Audit
    who: Principal
    by: Principal
    wanted: Adopt
    told: frozenset[str] | None = None
    """The revisions of runs under way that were looked at; None: those that there are."""

    def plan(self, tx: Transaction, revision: Revision) -> Adopted:
        """What would be adopted now, and what stands against it. Changes nothing. Conflict where the revision is not the one asked for."""
        self._current(revision)
        unknown = set(self.wanted.tasks or ()) - {node.task_reference_name for node in nodes(revision.definition.tasks)}
        if unknown:
            raise BadInput(f"tasks: {sorted(unknown)[0]} is no task of {revision.definition.name}", "tasks")
        running = tuple(self._running(tx, revision.definition)) if self.wanted.running else ()
        saver = revision.saved_by if self._takes_save(revision) else None
        missing = [
            missing_secret(node, marker.reference)
            for marker, node in self._markers(tx, revision)
            if not self.sealing.secrets.exists(tx, self.who.project, marker.reference.name)
        ]
        taken = tuple(self._taken(tx, revision))
        against = standing_against(tx, self.who, revision.definition, self.variables.environment) if taken or saver else ()
        return Adopted(
            revision.definition.name,
            revision.definition.version,
            revision.revision_id,
            revision.revision_id,
            saver,
            taken,
            running,
            tuple(Puts(task, name, FROM_DATA if name is None else None) for task, name in puts_of(revision.definition)) if saver else (),
            tuple(missing),
            tuple(dict.fromkeys(one.reason for one in against)),
            dry_run=True,
        )

    def register(self, plan: Adopted, revision: Revision) -> Register:
        """The save of it. The adopter is the saver only where that too is adopted: what runs in the saver's name stays the old one's."""
        saver = self.who.user if plan.before is not None else revision.saved_by
        return Register(definition=revision.definition, saver=saver, prepare=self.prepare, overwrite=True)

    def prepare(self, tx: Transaction, previous: Revision | None, revision_id: str) -> WorkflowDefinition:
        """For `Register.prepare`: the current definition as it stands, sealed anew."""
        before = self._current(previous)
        self._may_update(tx, WORKFLOW, before.definition.name)
        known = {marker.marker_id: marker for marker in markers_of_revision(tx, before.revision_id)}
        shown = msgspec.convert(restore(msgspec.to_builtins(before.definition), known), WorkflowDefinition)
        taken = [f"{one.task}{one.place} of {one.before}" for one in self._taken(tx, before)]
        sealed, _ = self.sealing.seal(tx, self.who, shown, before, revision_id, adopts=self._adopts)
        check_updates(tx, self.who, shown)
        self.variables.check(tx, self.who, shown)
        self._told(tx, before.definition, taken, f"as revision {revision_id}")
        if self.wanted.running:
            self.take_running(tx, before.definition)
        return sealed

    def take_running(self, tx: Transaction, definition: WorkflowDefinition) -> None:
        """In revisions that runs under way use, the markers themselves get the new voucher. Forbidden where the adopter may not use a
        secret."""
        self._may_update(tx, WORKFLOW, definition.name)
        project_changed(tx, self.who.project)  # the doors remember vouchers under its epoch
        for older in list(self._running(tx, definition)):
            if missing_right := next((one.refused for one in older.references if one.refused), None):
                raise Forbidden(missing_right)
            revision = self._revision(tx, older.revision)
            for marker, _ in self._markers(tx, revision):
                tx.do("marker_vouch", project_id=self.who.project, marker_id=marker.marker_id, voucher=self.who.user)
            for task, _ in self._asking(tx, revision):
                named = {"project_id": self.who.project, "revision_id": revision.revision_id, "task_ref": task}
                tx.do("task_vouch", **named, voucher=self.who.user)
            taken = [f"{one.task}{one.place} of {one.before}" for one in older.references]
            self._told(tx, revision.definition, taken, f"for runs under way, in revision {older.revision}")

    def task(self, tx: Transaction, seen: TaskDefinition, before: TaskRecord | None) -> None:
        """For `WithinTaskDefinitions`: whoever saves a task definition vouches for its `runtimeMetadata`. Conflict where it is not the one
        that was looked at."""
        if before is None or before.definition != seen:
            raise Conflict(f"{TASK} {seen.name} was changed meanwhile: look at it again")
        self._may_update(tx, TASK, seen.name)
        check_runtime_metadata(tx, self.who, seen, self.sealing.secrets, self.sealing.usage)
        self.variables.check_runtime_metadata(tx, self.who, seen)
        detail = f"{', '.join(seen.runtime_metadata[:MOST_TOLD])} of {before.saved_by}{self._for()}"
        self.audit.change(tx, self.by, "task.adopt", f"{TASK} {seen.name}", detail)

    def task_plan(self, tx: Transaction, record: TaskRecord) -> list[Taken]:
        """What would be adopted. Changes nothing."""
        if not self._adopts("", record.saved_by):
            return []
        node = TaskNode(name=record.definition.name, task_reference_name="")
        return [
            Taken("", RUNTIME_METADATA, marker.reference.name, marker.voucher, None, self._refused(tx, node, marker))
            for marker in beside(record, "")
        ]

    def _current(self, previous: Revision | None) -> Revision:
        if previous is None or self.wanted.version not in (None, previous.definition.version):
            raise Conflict(f"version {self.wanted.version} was deleted meanwhile")
        if self.wanted.revision not in (None, previous.revision_id):
            raise Conflict(f"the current revision is {previous.revision_id}: it was saved anew meanwhile, look at it again")
        return previous

    def _may_update(self, tx: Transaction, kind: str, name: str) -> None:
        """Asked in the transaction of the change, and nobody else makes or deletes the name until it ends."""
        name_changed(tx, self.who.project, kind, name)
        resource = Resource(kind, name)
        verdict = decide_save(self.who, resource, True, authority_on(tx, self.who, resource))
        if isinstance(verdict, Denied):
            raise Forbidden(verdict.reason)

    def _adopts(self, task: str, voucher: str) -> bool:
        return voucher != self.who.user and self.wanted.takes(task, voucher)

    def _takes_save(self, revision: Revision) -> bool:
        """Failure workflows run in the name of who saved last: an adoption of everything takes that over too."""
        return self.wanted.tasks is None and self._adopts("", revision.saved_by)

    def _markers(self, tx: Transaction, revision: Revision) -> list[tuple[Marker, TaskNode]]:
        by_name = {node.task_reference_name: node for node in nodes(revision.definition.tasks)}
        found = [(marker, by_name[marker.task_ref]) for marker in markers_of_revision(tx, revision.revision_id)]
        chosen = [one for one in found if self._adopts(one[0].task_ref, one[0].voucher)]
        return sorted(chosen, key=lambda one: (one[0].task_ref, one[0].place, one[0].reference.text()))

    def _taken(self, tx: Transaction, revision: Revision) -> Iterator[Taken]:
        known = {marker.marker_id: marker for marker in markers_of_revision(tx, revision.revision_id)}
        for marker, node in self._markers(tx, revision):
            refused = self._refused(tx, node, marker)
            yield Taken(marker.task_ref, marker.place, marker.reference.text(), marker.voucher, sends_to(node, known), refused)
        for task, voucher in self._asking(tx, revision):
            yield Taken(task, PLACE, FIELD, voucher, None, f"missing: {NO_CEILING}" if self.who.ceiling is not None else None)

    def _asking(self, tx: Transaction, revision: Revision) -> list[tuple[str, str]]:
        """Tasks that may ask for an execution token, with their vouchers, of those that are adopted."""
        found = vouchers_of_tasks(tx, self.who.project, revision.revision_id)
        return [(task, voucher) for task, voucher in found.items() if self._adopts(task, voucher)]

    def _refused(self, tx: Transaction, node: TaskNode, marker: Marker) -> str | None:
        found = self.sealing.may_use(tx, self.who, node, marker.reference)
        return found.reason if isinstance(found, Denied) else None

    def _running(self, tx: Transaction, definition: WorkflowDefinition) -> Iterator[TakenRunning]:
        for view in list(revisions_of(tx, self.who.project, definition.name)):
            if view.running and view.version == definition.version and (self.told is None or view.revision in self.told):
                taken = tuple(self._taken(tx, self._revision(tx, view.revision)))
                if taken:
                    yield TakenRunning(view.revision, taken)

    def _revision(self, tx: Transaction, revision_id: str) -> Revision:
        row = tx.one("revision_by_id", project_id=self.who.project, revision_id=revision_id)
        if row is None:
            raise Conflict(f"revision {revision_id} is gone: its runs were deleted meanwhile")
        return revision_from(row)

    def _told(self, tx: Transaction, definition: WorkflowDefinition, taken: Sequence[str], how: str) -> None:
        shown = ", ".join(taken[:MOST_TOLD]) + (f" and {len(taken) - MOST_TOLD} more" if len(taken) > MOST_TOLD else "")
        detail = f"version {definition.version} {how}: {shown or 'the save itself'}{self._for()}"
        self.audit.change(tx, self.by, "workflow.adopt", f"{WORKFLOW} {definition.name}", detail)

    def _for(self) -> str:
        return f", for {self.who.user}" if self.by.user != self.who.user else ""


@dataclass(frozen=True)
class Adopting:
    """For a server."""

    gate: Gate

    async def workflow(self, who: Principal, name: str, wanted: Adopt) -> Adopted:
        """NotFound, Forbidden with the secret named, Conflict where the definition was saved anew meanwhile."""
        revision = await self.gate.engine.definition(who.project, name, wanted.version)
        plan = await self.gate.scan(lambda tx: self._adoption(who, wanted).plan(tx, revision))
        if wanted.dry_run:
            return plan
        adoption = self._adoption(who, pinned(wanted, revision), frozenset(one.revision for one in plan.running))
        if plan.new_revision:
            saved = await self.gate.engine.register(who.project, adoption.register(plan, revision))
            return msgspec.structs.replace(plan, revision=saved.revision_id, refused=(), dry_run=False)
        if plan.running:
            await self.gate.change(lambda tx: adoption.take_running(tx, revision.definition))
        return msgspec.structs.replace(plan, dry_run=False)

    async def task(self, who: Principal, name: str, wanted: AdoptTask) -> list[Taken]:
        """The same for the secrets that a task definition names in `runtimeMetadata`."""
        record = await self.gate.engine.task_definition(who.project, name)
        adoption = self._adoption(who, Adopt(voucher=wanted.voucher))
        taken = await self.gate.scan(lambda tx: adoption.task_plan(tx, record))
        if taken and not wanted.dry_run:
            within: WithinTaskDefinitions = lambda tx, before: adoption.task(tx, record.definition, before.get(name))  # noqa: E731
            await self.gate.engine.save_task_definitions(who.project, [record.definition], who.user, within)
        return taken

    def _adoption(self, who: Principal, wanted: Adopt, told: frozenset[str] | None = None) -> Adoption:
        variables = Variables(self.gate.environment, self.gate.audit, self.gate.usage)
        return Adoption(self.gate.sealing, variables, self.gate.audit, who, who, wanted, told)


def pinned(wanted: Adopt, revision: Revision) -> Adopt:
    """What was looked at is what is adopted, also by who did not ask for it."""
    return msgspec.structs.replace(wanted, version=revision.definition.version, revision=revision.revision_id)
