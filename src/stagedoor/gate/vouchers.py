"""Revisions and vouchers as they are shown: each immutable save, and who vouches for each reference to a secret, and whether it works."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

import msgspec

from stagedoor.core.grant import authority_on
from stagedoor.core.marker import Marker, markers_of_revision
from stagedoor.core.permission import Access, Allowed, Denied, Resource, decide
from stagedoor.core.principal import APPLICATION_PREFIX, OPERATOR_PREFIX, Principal
from stagedoor.core.secret import KIND as SECRET
from stagedoor.core.secret import Secrets
from stagedoor.engine.definition import TaskNode, nodes
from stagedoor.engine.operators import is_worker
from stagedoor.engine.port import Revision, TaskRecord
from stagedoor.gate.execution_terms import FIELD, PLACE
from stagedoor.gate.gate import Gate
from stagedoor.gate.handoff import RUNTIME_METADATA
from stagedoor.gate.httptask import REQUEST
from stagedoor.gate.sealing import restore, vouchers_of_tasks
from stagedoor.gate.stops import Reading, task_type
from stagedoor.kit.template import Reference
from stagedoor.store.store import Transaction

SEES_ALL = "AUTHORIZATION_MANAGEMENT"


class RevisionView(msgspec.Struct, rename="camel", frozen=True):
    """One immutable save. `current`: what its name and version mean now. `used`: runs of it are kept; `running`: some are under way.
    `saved_at` in epoch milliseconds."""

    name: str
    version: int
    revision: str
    saved_by: str
    saved_at: int
    current: bool
    used: bool
    running: bool


class ReferenceView(msgspec.Struct, rename="camel", frozen=True):
    """One reference to a secret. `place`: a JSON pointer into the task's `inputParameters`, or `#runtimeMetadata`, and then the task
    definition that names the secret and has the voucher. `sends_to`: the URI of an HTTP task, as it is written. `works`: whether the
    voucher may use the secret now, null to whoever may not know; `reason`: why not. `secret` null: no reference, but a task that may ask
    for execution tokens."""

    task: str | None
    place: str
    reference: str
    secret: str | None
    voucher: str
    task_definition: str | None = None
    sends_to: str | None = None
    works: bool | None = None
    reason: str | None = None


class Vouched(msgspec.Struct, rename="camel", frozen=True):
    """The references of one revision."""

    name: str
    version: int
    revision: str
    saved_by: str
    saved_at: int
    references: tuple[ReferenceView, ...]


Records = Mapping[str, TaskRecord]


def readings(tx: Transaction, revision: Revision, records: Records, *, running: bool = False) -> Iterator[Reading]:
    """Every reference of a revision, in the order of its tasks; then what their task definitions name in `runtimeMetadata`."""
    name, version = revision.definition.name, revision.definition.version
    markers: dict[str, list[Marker]] = {}
    for marker in markers_of_revision(tx, revision.revision_id):
        markers.setdefault(marker.task_ref, []).append(marker)
    for node in nodes(revision.definition.tasks):
        for marker in sorted(markers.get(node.task_reference_name, ()), key=lambda one: (one.place, one.reference.text())):
            yield Reading(name, version, node, marker, running)
        record = records.get(task_type(node)) if is_worker(node.type) else None
        for marker in beside(record, node.task_reference_name) if record else ():
            yield Reading(name, version, node, marker, running)


def beside(record: TaskRecord, task_ref: str) -> list[Marker]:
    """What a task definition names in `runtimeMetadata`, as if each stood in a marker that its last saver vouched for."""
    return [
        Marker(name, task_ref, RUNTIME_METADATA, Reference(name, None), record.saved_by)
        for name in dict.fromkeys(record.definition.runtime_metadata)
    ]


@dataclass
class Standing:
    """Whether references work now, inside one transaction; each question is asked once."""

    secrets: Secrets
    tx: Transaction
    project: str
    _shut: dict[tuple[str, str, tuple[Access, ...]], str | None] = field(default_factory=dict)
    _tells: dict[tuple[str, str], bool] = field(default_factory=dict)

    def shut(self, marker: Marker, accesses: tuple[Access, ...]) -> str | None:
        """Why a reference stays shut; None where its voucher may use the secret (condition 2 of docs/flows.md)."""
        key = (marker.reference.name, marker.voucher, accesses)
        if key not in self._shut:
            self._shut[key] = self._why_shut(*key)
        return self._shut[key]

    def _why_shut(self, name: str, voucher: str, accesses: tuple[Access, ...]) -> str | None:
        if not self.secrets.exists(self.tx, self.project, name):
            return f"there is no secret {name}"
        if self.secrets.expired(self.tx, self.project, name):
            return f"secret {name} has expired"
        if not self._there(voucher):
            return f"{voucher}, who vouched for it, is no user of this project any more"
        who, secret = Principal(self.project, voucher), Resource(SECRET, name)
        authority = authority_on(self.tx, who, secret)
        if all(isinstance(decide(who, access, secret, authority), Denied) for access in accesses):
            return f"{voucher}, who vouched for it, lacks READ on {SECRET} {name}"
        return None

    def tells(self, asker: Principal, secret: str) -> bool:
        """Whether the asker may know who may use this secret: READ on it, as for `who-can`, or the permission to look after rights."""
        key = (asker.user, secret)
        if key not in self._tells:
            resource = Resource(SECRET, secret)
            authority = authority_on(self.tx, asker, resource)
            reads = isinstance(decide(asker, Access.READ, resource, authority), Allowed)
            self._tells[key] = reads or SEES_ALL in authority.permissions
        return self._tells[key]

    def _there(self, user: str) -> bool:
        if user.startswith(OPERATOR_PREFIX):
            return True
        if user.startswith(APPLICATION_PREFIX):
            wanted = user.removeprefix(APPLICATION_PREFIX)
            return self.tx.one("application_by_id", project_id=self.project, id=wanted) is not None
        return self.tx.one("account_by_id", project_id=self.project, user_id=user) is not None


@dataclass(frozen=True)
class Vouchers:
    gate: Gate

    async def revisions(self, who: Principal, name: str) -> list[RevisionView]:
        """Every save of a workflow that is kept: current ones, and those that runs of this name use. NotFound."""
        await self.gate.engine.definition(who.project, name)
        return await self.gate.scan(lambda tx: list(revisions_of(tx, who.project, name)))

    async def of_workflow(self, who: Principal, name: str, version: int | None) -> Vouched:
        """The references of the current revision. NotFound."""
        revision = await self.gate.engine.definition(who.project, name, version)
        shows = await self.gate.visible(who, Access.READ, "TASK_DEF")
        found = await self.gate.engine.task_definitions(who.project)
        records = {one.definition.name: one for one in found if shows(one.definition.name)}

        def within(tx: Transaction) -> Vouched:
            standing = Standing(self.gate.secrets, tx, who.project)
            known = {marker.marker_id: marker for marker in markers_of_revision(tx, revision.revision_id)}
            references = [_shown(standing, who, one, known) for one in readings(tx, revision, records)]
            asking = vouchers_of_tasks(tx, who.project, revision.revision_id)
            found = (*references, *(ReferenceView(task, PLACE, FIELD, None, voucher) for task, voucher in asking.items()))
            definition = revision.definition
            return Vouched(definition.name, definition.version, revision.revision_id, revision.saved_by, revision.saved_at, found)

        return await self.gate.scan(within)

    async def of_task(self, who: Principal, name: str) -> list[ReferenceView]:
        """The secrets that a task definition names in `runtimeMetadata`; who saved it last vouches for them. NotFound."""
        record = await self.gate.engine.task_definition(who.project, name)

        def within(tx: Transaction) -> list[ReferenceView]:
            standing = Standing(self.gate.secrets, tx, who.project)
            return [_beside(standing, who, name, marker) for marker in beside(record, "")]

        return await self.gate.scan(within)


def revisions_of(tx: Transaction, project: str, name: str) -> Iterator[RevisionView]:
    """Newest first. Runs of a deleted name that was called the same use none of these (docs/decisions/0017)."""
    for row in tx.all("revisions_of_name", project_id=project, name=name):
        current, used = row["current_version"], row["run_version"]
        yield RevisionView(
            name=name,
            version=current if current is not None else used,
            revision=row["revision_id"],
            saved_by=row["saved_by"],
            saved_at=row["saved_at"],
            current=current is not None,
            used=used is not None,
            running=bool(row["is_running"]),
        )


def sends_to(node: TaskNode, markers: Mapping[str, Marker]) -> str | None:
    """Where an HTTP task goes, as it is written."""
    request = node.input_parameters.get(REQUEST, node.input_parameters)
    uri = request.get("uri") if node.type == "HTTP" and isinstance(request, dict) else None
    return str(restore(uri, dict(markers))) if isinstance(uri, str) else None


def _shown(standing: Standing, asker: Principal, one: Reading, known: Mapping[str, Marker]) -> ReferenceView:
    marker = one.marker
    if marker.place == RUNTIME_METADATA:
        shown = _beside(standing, asker, task_type(one.node), marker)
        return msgspec.structs.replace(shown, task=marker.task_ref)
    shown = ReferenceView(
        marker.task_ref, marker.place, marker.reference.text(), marker.reference.name, marker.voucher, None, sends_to(one.node, known)
    )
    return _judged(standing, asker, shown, marker, one.accesses)


def _beside(standing: Standing, asker: Principal, definition: str, marker: Marker) -> ReferenceView:
    name = marker.reference.name
    return _judged(standing, asker, ReferenceView(None, RUNTIME_METADATA, name, name, marker.voucher, definition), marker, (Access.READ,))


def _judged(standing: Standing, asker: Principal, shown: ReferenceView, marker: Marker, accesses: tuple[Access, ...]) -> ReferenceView:
    if not standing.tells(asker, marker.reference.name):
        return shown
    reason = standing.shut(marker, accesses)
    return msgspec.structs.replace(shown, works=reason is None, reason=reason)
