"""The first door: a worker polls, and the values its task names go into that one answer."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial

import msgspec

from stagedoor.core.audit import Audit
from stagedoor.core.epoch import in_force, in_fours
from stagedoor.core.marker import Marker
from stagedoor.core.permission import Access
from stagedoor.core.principal import Principal, group_of
from stagedoor.engine.definition import Json
from stagedoor.engine.embedded.budget import Withheld
from stagedoor.engine.port import Candidate, Deliver, Hold, Later, Refuse, Verdict
from stagedoor.engine.run import Task
from stagedoor.gate.conditions import Conditions, Refusal
from stagedoor.gate.opening import Missing, Opening, markers_of, spelled, template_of
from stagedoor.gate.rights import Key, Passed, Used
from stagedoor.gate.variables import Variables
from stagedoor.kit.template import Reference
from stagedoor.store.store import Transaction

DOOR = "handoff"
RUNTIME_METADATA = "#runtimeMetadata"
"""The place of a secret that a task definition names: no JSON pointer, so that it is no place of an input."""
_NONE: dict[str, str] = {}


@dataclass(frozen=True)
class Handoff:
    conditions: Conditions
    opening: Opening
    audit: Audit
    variables: Variables

    def admit(self, tx: Transaction, candidate: Candidate, consumer: object) -> Verdict:
        """`Doors.admit`: `consumer` is the polling Principal."""
        if not isinstance(consumer, Principal):
            raise TypeError("the consumer of a poll is a Principal")
        key = _question(candidate, consumer) if tx.writes else None
        passed = self._passed_before(tx, candidate, key) if key else None
        variables = _NONE
        if passed is None:
            try:
                variables = self.variables.runtime_metadata(tx, candidate)
            except Withheld as problem:
                return Refuse(str(problem))
            judged = self._judged(tx, candidate, consumer, key)
            if isinstance(judged, Refusal):
                return self._refused(tx, candidate, consumer, judged)
            passed = judged
        if not passed.markers:
            return Deliver(self._with(tx, candidate, candidate.task.input_data), variables)
        filled = self.opening.open(tx, candidate, passed.markers, again=candidate.task.poll_count > 0)
        if isinstance(filled, Refusal):
            return self._refused(tx, candidate, consumer, filled)
        if isinstance(filled, Missing):
            return Later(partial(self.opening.stores.fetch, filled.wanted))
        if passed.beside:
            variables = variables | {opened.name: opened.value.reveal() for opened in filled.opened[-passed.beside :]}
        delivered = Deliver(self._with(tx, candidate, filled.input), variables)
        self.conditions.usage.all_within(tx, passed.uses)
        self.opening.remember(tx, candidate, filled, DOOR, consumer.user)
        return delivered

    def _passed_before(self, tx: Transaction, candidate: Candidate, key: Key) -> Passed | None:
        """What the same question came to, if the epochs say that it still holds and nothing else shuts a marker."""
        ask = self.conditions
        known = ask.rights.passed(key)
        if known is None or not known.markers:
            return known
        for marker in known.markers:
            moved = marker.place != RUNTIME_METADATA and ask.stands_at_its_place(candidate, known.template, marker)
            if moved or ask.open_now(tx, candidate, marker):
                return None
        return known if ask.rights.stands(tx, known) else None

    def _judged(self, tx: Transaction, candidate: Candidate, consumer: Principal, key: Key | None) -> Passed | Refusal:
        """Every condition of every marker. A yes is remembered where nothing but its epochs can change it."""
        ask, project = self.conditions, candidate.project
        before = in_force(tx, (project,))[0]["one"] if key else 0
        template, inside = markers_of(tx, candidate)
        beside = self._runtime_metadata(tx, candidate)
        found = Passed(template, (*inside, *beside), len(beside))
        if found.markers and key:
            for marker in found.markers:
                ask.secrets.shut(tx, project, marker.reference.name)
            names = _epochs(candidate, consumer, found.markers)  # after the secrets, which stay as they are, and before all rights
            found = found._replace(epochs=in_fours(names), numbers=in_force(tx, names))
        uses: list[Used] = []
        for marker in found.markers:
            judged = self._judge(tx, candidate, template, marker, consumer)
            if isinstance(judged, Refusal):
                return judged
            uses += judged[1:] if uses else judged
        if key and len(beside) == _named(candidate) and (not found.markers or found.numbers[0]["one"] == before):
            ask.rights.let_pass(tx, key, found._replace(uses=tuple(uses)))
        return found._replace(uses=tuple(uses))

    def _runtime_metadata(self, tx: Transaction, candidate: Candidate) -> list[Marker]:
        """The secrets that the task's definition names in `runtimeMetadata`, as if each stood in a marker that its last saver vouched for.

        What does not exist is left out (contract/orkes.md B, Task).
        """
        record = candidate.task_record
        if record is None:
            return []
        return [
            Marker(name, candidate.task.reference_task_name, RUNTIME_METADATA, Reference(name, None), record.saved_by)
            for name in dict.fromkeys(record.definition.runtime_metadata)
            if self.conditions.secrets.exists(tx, candidate.project, name)
        ]

    def _with(self, tx: Transaction, candidate: Candidate, given: dict[str, Json]) -> Task:
        """The task with the input to give."""
        return msgspec.structs.replace(candidate.task, input_data=spelled(tx, candidate, given))

    def _judge(self, tx: Transaction, candidate: Candidate, template: Json, marker: Marker, consumer: Principal) -> Refusal | list[Used]:
        """Why it stays shut, or the rights that the opening rests on."""
        ask = self.conditions
        refusal = None if marker.place == RUNTIME_METADATA else ask.stands_at_its_place(candidate, template, marker)
        refusal = (
            refusal
            or ask.open_now(tx, candidate, marker)  # before the rights: from here on the secret stays as it is
            or ask.voucher_may_use(tx, candidate, marker, (Access.READ,))
            or ask.starter_may_execute(tx, candidate, marker)
            or ask.policy_allows(tx, candidate, marker)
            or ask.worker_may_use(tx, consumer, marker)
        )
        return refusal or ask.uses(tx, candidate, marker, consumer)

    def _refused(self, tx: Transaction, candidate: Candidate, consumer: Principal, refusal: Refusal) -> Verdict:
        target = f"SECRET_NAME {refusal.marker.reference.name}"
        self.audit.refusal(tx, consumer, f"secret.{DOOR}", target, f"run {candidate.run.workflow_id}: {refusal.reason}")
        return Hold(refusal.reason) if refusal.held else Refuse(refusal.reason)


def _question(candidate: Candidate, consumer: Principal) -> Key | None:
    """All that conditions 2 to 5 of a task depend on, its epochs apart. None where they must be asked each time: in a child, whose root
    may be removed, and in a failure workflow, where another began what led to it."""
    run, task, record = candidate.run, candidate.task, candidate.task_record
    if run.root_id not in ("", run.workflow_id) or not run.name_id or run.created_by not in ("", run.starter):
        return None
    name, named = task.reference_task_name, record.definition.runtime_metadata if record else None
    beside = (record.saved_by, *named) if record and named else None
    if beside is None and "__" in name:  # all iterations of a task ask the same
        origin = template_of(candidate)
        name = origin[1] if origin else name
    return (
        candidate.project, candidate.revision.revision_id, name, beside, task.task_type, run.name_id, run.workflow_name, run.starter,
        consumer.user, consumer.ceiling,
    )  # fmt: skip


def _epochs(candidate: Candidate, consumer: Principal, markers: Sequence[Marker]) -> tuple[str, ...]:
    """Those that the conditions depend on, the project's first."""
    users = (candidate.run.starter, *dict.fromkeys(marker.voucher for marker in markers))
    return (candidate.project, consumer.group, *(group_of(candidate.project, f"USER:{user}") for user in users))


def _named(candidate: Candidate) -> int:
    """How many secrets the task's definition names, if they all exist."""
    record = candidate.task_record
    return len(set(record.definition.runtime_metadata)) if record else 0
