"""Which workflows and workers a change would stop, by the very conditions under which secrets are opened (gate/conditions.py)."""

from collections.abc import Iterator, Sequence
from shlex import quote
from typing import NamedTuple

import msgspec

from stagedoor.core.marker import Marker, markers_of_revision
from stagedoor.core.permission import Access
from stagedoor.core.principal import Principal
from stagedoor.core.question import Question
from stagedoor.core.role import EVERY
from stagedoor.core.secret import KIND as SECRET
from stagedoor.engine.definition import TaskNode, nodes
from stagedoor.engine.operators import WORKER, is_worker
from stagedoor.engine.port import Revision, TaskRecord
from stagedoor.engine.run import Run
from stagedoor.gate.conditions import Conditions
from stagedoor.gate.handoff import RUNTIME_METADATA
from stagedoor.gate.sealing import accesses
from stagedoor.kit.template import Reference
from stagedoor.store.store import Transaction

MOST_SECRETS = 200


class StoppedWorkflow(msgspec.Struct, frozen=True):
    """`name` `*`: every workflow. `version` null: all of them. Where it is one reference to a secret: which, who vouches for it, and the
    command by which another takes that over (`remedy`)."""

    name: str
    version: int | None
    reason: str
    task: str | None = None
    place: str | None = None
    secret: str | None = None
    voucher: str | None = None
    remedy: str | None = None


class StoppedWorker(msgspec.Struct, rename="camel", frozen=True):
    """`task_type` `*`: every type; `domain:*`: every one polled in that domain."""

    subject: str
    task_type: str
    reason: str


class Reading(NamedTuple):
    """One reference that a workflow's task reads a secret by. `running`: runs under way use the revision; `older`: no name means it."""

    workflow: str
    version: int
    node: TaskNode
    marker: Marker
    running: bool = False
    older: bool = False

    @property
    def accesses(self) -> tuple[Access, ...]:
        return accesses(self.node)


Asked = tuple[str, str, tuple[Access, ...]]
"""Voucher, secret, accesses that are enough."""


class Deployed(NamedTuple):
    """What there is that could stop: the definitions as names mean them now, runs under way, and the older revisions that those use."""

    revisions: Sequence[Revision]
    records: Sequence[TaskRecord]
    running: Sequence[Run]
    older: Sequence[Revision] = ()


class Stops:
    """Over the definitions as names mean them now, and the older revisions that runs under way use."""

    def __init__(self, conditions: Conditions, deployed: Deployed, project: str) -> None:
        self._conditions = conditions
        self._revisions = {revision.revision_id: revision for revision in deployed.revisions}
        self._records = {record.definition.name: record for record in deployed.records if record.definition.runtime_metadata}
        self._older = [revision for revision in deployed.older if revision.revision_id not in self._revisions]
        self._in_use = {run.revision_id for run in deployed.running}
        self._project = project
        self._known: dict[tuple[str, str], list[Reading]] = {}

    def watched(self, tx: Transaction, vouchers: Sequence[Principal], secret: str | None) -> list[Reading]:
        """Before the change: the references it may concern that are opened now."""
        users = {who.user for who in vouchers}
        found = [*self._readings(tx, "", secret or "")] if secret else []
        for user in sorted(users):
            found += self._readings(tx, user, "")
        concerned = [one for one in found if one.marker.reference.name == secret or one.marker.voucher in users]
        unique = {(*one[:2], one.older, *one.marker.reference, one.marker.task_ref, one.marker.place): one for one in concerned}
        asked: dict[Asked, str | None] = {}
        return [one for one in unique.values() if self._refusal(tx, one, asked) is None]

    def workflows(self, tx: Transaction, watched: Sequence[Reading]) -> Iterator[StoppedWorkflow]:
        """After the change: those of them that would stay shut, and so fail their task."""
        asked: dict[Asked, str | None] = {}
        for one in watched:
            if reason := self._refusal(tx, one, asked):
                there = self._conditions.secrets.exists(tx, self._project, one.marker.reference.name)
                yield StoppedWorkflow(
                    one.workflow,
                    one.version,
                    f"task {one.node.task_reference_name}: {reason}" + (" (of runs under way)" if one.older else ""),
                    one.node.task_reference_name,
                    one.marker.place,
                    one.marker.reference.name,
                    one.marker.voucher,
                    adoption(one) if there else None,
                )

    def uses_secrets(self, tx: Transaction, workflow: str) -> bool:
        """Whether any version of a workflow, or a workflow below it, may."""
        for revision in self._revisions.values():
            if revision.definition.name != workflow:
                continue
            found = nodes(revision.definition.tasks)
            below = any(node.type == "SUB_WORKFLOW" or (is_worker(node.type) and task_type(node) in self._records) for node in found)
            if below or markers_of_revision(tx, revision.revision_id):
                return True
        return False

    def held(self, tx: Transaction, lost: Sequence[tuple[Principal, Question]]) -> Iterator[StoppedWorker]:
        """After the change: tasks that wait for another worker, because this one lost READ on a secret they name."""
        for who, question in lost:
            if question.access is not Access.READ or question.resource.kind not in (SECRET, EVERY):
                continue
            name = question.resource.name
            for secret in self._conditions.secrets.names(tx, self._project)[:MOST_SECRETS] if name == EVERY else [name]:
                yield from self._held_for(tx, who, secret)

    def _held_for(self, tx: Transaction, who: Principal, secret: str) -> Iterator[StoppedWorker]:
        readings = [one for one in self._readings(tx, "", secret) if one.marker.reference.name == secret and is_worker(one.node.type)]
        if not readings or not self._conditions.secrets.exists(tx, self._project, secret):
            return
        refusal = self._conditions.worker_may_use(tx, who, readings[0].marker)
        for one in readings if refusal else ():
            place = f"workflow {one.workflow}, task {one.node.task_reference_name}"
            yield StoppedWorker(who.subject, task_type(one.node), f"{place}: {refusal.reason if refusal else ''}")

    def _refusal(self, tx: Transaction, one: Reading, asked: dict[Asked, str | None]) -> str | None:
        """Asked once for all places where the same voucher uses the same secret in the same way."""
        key = (one.marker.voucher, one.marker.reference.name, one.accesses)
        if key not in asked:
            refusal = self._conditions.vouched(tx, self._project, one.marker, one.accesses)
            asked[key] = refusal.reason if refusal else None
        return asked[key]

    def _readings(self, tx: Transaction, voucher: str, secret: str) -> list[Reading]:
        """Of the definitions with a reference to this secret, or one that this user vouched for: all references. No change moves them."""
        asked = (voucher, secret)
        if asked not in self._known:
            self._known[asked] = [*self._markers(tx, voucher, secret), *self._under_way(tx), *self._beside(voucher, secret)]
        return self._known[asked]

    def _markers(self, tx: Transaction, voucher: str, secret: str) -> Iterator[Reading]:
        for row in tx.all("explain_marked", project_id=self._project, secret_name=secret, voucher=voucher):
            revision = self._revisions.get(row["revision_id"])
            if revision is None:  # saved since the definitions were read
                continue
            yield from _marked(tx, revision, running=revision.revision_id in self._in_use)

    def _under_way(self, tx: Transaction) -> Iterator[Reading]:
        for revision in self._older:
            yield from _marked(tx, revision, running=True, older=True)

    def _beside(self, voucher: str, secret: str) -> Iterator[Reading]:
        """Secrets that a task definition names in `runtimeMetadata`; who saved it last vouches for them (gate/handoff.py)."""
        concerned = {
            name: record
            for name, record in self._records.items()
            if record.saved_by == voucher or secret in record.definition.runtime_metadata
        }
        for revision in self._revisions.values() if concerned else ():
            for node in nodes(revision.definition.tasks):
                if is_worker(node.type) and (record := concerned.get(task_type(node))):
                    for name in record.definition.runtime_metadata:
                        marker = Marker(name, node.task_reference_name, RUNTIME_METADATA, Reference(name, None), record.saved_by)
                        yield Reading(revision.definition.name, revision.definition.version, node, marker)


def _marked(tx: Transaction, revision: Revision, *, running: bool, older: bool = False) -> Iterator[Reading]:
    by_name = {node.task_reference_name: node for node in nodes(revision.definition.tasks)}
    for marker in markers_of_revision(tx, revision.revision_id):
        yield Reading(revision.definition.name, revision.definition.version, by_name[marker.task_ref], marker, running, older)


def adoption(one: Reading) -> str:
    """The command by which another user becomes the voucher. Who that is, is for a person to say."""
    if one.marker.place == RUNTIME_METADATA:
        return adoption_of_task(task_type(one.node), one.marker.voucher)
    return adoption_of(one.workflow, one.version, one.marker.voucher, running=one.running)


def adoption_of(workflow: str, version: int, voucher: str, *, running: bool = False) -> str:
    also = " --running" if running else ""
    return f"stagedoor adopt {quote(workflow)} --version {version} --from {quote(voucher)}{also} --as USER"


def adoption_of_task(definition: str, voucher: str) -> str:
    return f"stagedoor adopt --task-definition {quote(definition)} --from {quote(voucher)} --as USER"


def task_type(node: TaskNode) -> str:
    """What a worker polls for this node."""
    return node.name if node.type in WORKER else node.type
