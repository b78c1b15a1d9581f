"""Workflow and task definitions: immutable revisions, what a name means now, and a bounded cache of what was parsed.

All of it works inside the caller's transaction, on whatever thread that runs.
"""

from collections import OrderedDict
from collections.abc import Callable, Iterator, Mapping, Sequence
from threading import Lock
from typing import Generic, NamedTuple, TypeVar

import msgspec

from stagedoor.engine.definition import TaskDefinition, WorkflowDefinition
from stagedoor.engine.embedded.rows import pack, unpack
from stagedoor.engine.port import Prepare, Register, Revision, TaskRecord, WithinRevision, WithinTaskDefinitions
from stagedoor.kit.clock import Clock
from stagedoor.kit.errors import Conflict, NotFound
from stagedoor.kit.ids import NewId
from stagedoor.store.store import Row, Transaction

T = TypeVar("T")


class Kept(NamedTuple):
    """What a run starts from: a revision, and the id of the name that the run belongs to."""

    revision: Revision
    name_id: str


class Definitions:
    """The definitions of all projects. A revision never changes, so a parsed one is kept by its id."""

    def __init__(self, clock: Clock, new_id: NewId, cached: int = 1000) -> None:
        self._clock = clock
        self._new_id = new_id
        self._revisions: Recent[Revision] = Recent(cached)
        self._tasks: Recent[TaskDefinition] = Recent(cached)

    # -- workflow definitions
    def revision(self, tx: Transaction, project: str, revision_id: str) -> Revision:
        """One revision. NotFound for one of another project: the cache's key holds the project as well."""

        def load() -> Revision:
            row = tx.one("revision_by_id", revision_id=revision_id, project_id=project)
            if row is None:
                raise NotFound(f"No such workflow revision: {revision_id}")
            return revision_from(row)

        return self._revisions.get(f"{project}/{revision_id}", load)

    def current(self, tx: Transaction, project: str, name: str, version: int | None) -> Revision:
        """What a name and version (None or 0: the highest) means now."""
        if version:
            row = tx.one("revision_of_version", project_id=project, name=name, version=version)
        else:
            row = tx.one("revision_of_latest", project_id=project, name=name)
        return self._found(tx, project, f"{name}, version: {version or 'latest'}", row)

    def kept(self, tx: Transaction, project: str, name: str, version: int | None) -> Kept:
        """The same, for a run that starts in this transaction: nobody can replace and delete the revision meanwhile."""
        if version:
            row = tx.one("revision_of_version_kept", project_id=project, name=name, version=version)
        else:
            row = tx.one("revision_of_latest_kept", project_id=project, name=name)
        revision = self._found(tx, project, f"{name}, version: {version or 'latest'}", row)
        return Kept(revision, row["name_id"] if row else "")

    def _found(self, tx: Transaction, project: str, wanted: str, row: Row | None) -> Revision:
        if row is None:
            raise NotFound(f"No such workflow found by name: {wanted}")
        return self.revision(tx, project, row["revision_id"])

    def register(self, tx: Transaction, project: str, request: Register) -> Revision:
        """Save under the definition's name and version; see `port.Engine.register`."""
        name, version = request.definition.name, request.definition.version
        last = tx.one("workflow_definition_last", project_id=project, name=name)
        if request.new_version:
            version = last["version"] + 1 if last else 1
        same = tx.one("workflow_definition_locked", project_id=project, name=name, version=version)
        if same and not request.overwrite:
            raise Conflict(f"Workflow with {name}.{version} already exists!")
        before = same or last
        previous = self.revision(tx, project, before["revision_id"]) if before else None
        stamp = self._stamp(version, request.saver, previous.definition if same and previous else None)
        saved = self.save(tx, project, request.saver, lambda *given: stamp(request.prepare(*given)), previous)
        place = {"project_id": project, "name": name, "version": version, "revision_id": saved.revision_id}
        if same:
            tx.do("workflow_definition_move", **place)
            tx.do("revision_drop_unused", revision_id=same["revision_id"])
        else:  # the id goes with the last version: the name made anew after that is another one
            tx.do("workflow_definition_add", name_id=last["name_id"] if last else self._new_id(), **place)
        return saved

    def save(self, tx: Transaction, project: str, saver: str, prepare: Prepare, previous: Revision | None = None) -> Revision:
        """A new revision of what `prepare` gives. No name means it until somebody points one there."""
        revision_id = self._new_id()
        saved = Revision(revision_id, prepare(tx, previous, revision_id), saver, self._clock.now())
        tx.do(
            "revision_add",
            revision_id=revision_id,
            project_id=project,
            body=pack(saved.definition),
            saved_by=saver,
            saved_at=saved.saved_at,
        )
        return saved

    def unregister(self, tx: Transaction, project: str, name: str, version: int, within: WithinRevision | None) -> None:
        row = tx.one("workflow_definition_locked", project_id=project, name=name, version=version)
        if row is None:
            raise NotFound(f"No such workflow definition: {name} version: {version}")
        if within:
            within(tx, self.revision(tx, project, row["revision_id"]))
        tx.do("workflow_definition_remove", project_id=project, name=name, version=version)
        tx.do("revision_drop_unused", revision_id=row["revision_id"])

    def _stamp(self, version: int, saver: str, before: WorkflowDefinition | None) -> Callable[[WorkflowDefinition], WorkflowDefinition]:
        now = self._clock.now()
        return lambda definition: msgspec.structs.replace(
            definition,
            version=version,
            create_time=before.create_time if before else now,
            created_by=before.created_by if before else saver,
            update_time=now,
            updated_by=saver,
        )

    # -- task definitions
    def tasks(self, tx: Transaction, project: str, known: Mapping[str, TaskDefinition] | None = None) -> "TaskDefinitions":
        """`known`: those already read in this transaction."""
        return TaskDefinitions(self, tx, project, known or {})

    def task_record(self, tx: Transaction, project: str, name: str) -> TaskRecord | None:
        row = tx.one("task_definition_by_name", project_id=project, name=name)
        return self.record_from(row) if row else None

    def record_from(self, row: Row) -> TaskRecord:
        """A task definition can change; its text is its identity in the cache."""
        body: str = row["body"]
        return TaskRecord(self._tasks.get(body, lambda: unpack(TaskDefinition, body)), row["saved_by"])

    def save_tasks(
        self, tx: Transaction, project: str, definitions: Sequence[TaskDefinition], saver: str, within: WithinTaskDefinitions | None
    ) -> None:
        before = {each.name: found for each in definitions if (found := self.task_record(tx, project, each.name))}
        if within:
            within(tx, before)
        now = self._clock.now()
        for each in definitions:
            old = before[each.name].definition if each.name in before else None
            stamped = msgspec.structs.replace(
                each,
                create_time=old.create_time if old else now,
                created_by=old.created_by if old else saver,
                update_time=now,
                updated_by=saver,
            )
            tx.do("task_definition_put", project_id=project, name=each.name, body=pack(stamped), saved_by=saver)

    def remove_task(self, tx: Transaction, project: str, name: str, within: WithinTaskDefinitions | None) -> None:
        found = self.task_record(tx, project, name)
        if found is None:
            raise NotFound(f"No such task definition: {name}")
        if within:
            within(tx, {name: found})
        tx.do("task_definition_remove", project_id=project, name=name)


class TaskDefinitions(Mapping[str, TaskDefinition]):
    """A project's task definitions by name, each read when it is asked for."""

    def __init__(self, definitions: Definitions, tx: Transaction, project: str, known: Mapping[str, TaskDefinition]) -> None:
        self._definitions, self._tx, self._project = definitions, tx, project
        self._seen: dict[str, TaskDefinition | None] = dict(known)

    def __getitem__(self, name: str) -> TaskDefinition:
        if name not in self._seen:
            record = self._definitions.task_record(self._tx, self._project, name)
            self._seen[name] = record.definition if record else None
        found = self._seen[name]
        if found is None:
            raise KeyError(name)
        return found

    def __iter__(self) -> Iterator[str]:
        return (name for name, each in self._seen.items() if each)

    def __len__(self) -> int:
        return sum(1 for _ in self)


class Recent(Generic[T]):
    """The values used last, at most `size` of them, safe between threads. Two threads may load the same one; either serves."""

    def __init__(self, size: int) -> None:
        self._size = size
        self._kept: OrderedDict[str, T] = OrderedDict()
        self._lock = Lock()

    def get(self, key: str, load: Callable[[], T]) -> T:
        with self._lock:
            if key in self._kept:
                self._kept.move_to_end(key)
                return self._kept[key]
        found = load()
        with self._lock:
            self._kept[key] = found
            while len(self._kept) > self._size:
                self._kept.popitem(last=False)
        return found


def revision_from(row: Row) -> Revision:
    return Revision(row["revision_id"], unpack(WorkflowDefinition, row["body"]), row["saved_by"], row["saved_at"])
