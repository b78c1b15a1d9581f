"""The first door: a worker polls, and the values its task names go into that one answer."""

from dataclasses import dataclass
from functools import partial

import msgspec

from stagedoor.core.audit import Audit
from stagedoor.core.marker import Marker
from stagedoor.core.permission import Access
from stagedoor.core.principal import Principal
from stagedoor.engine.definition import Json
from stagedoor.engine.embedded.budget import Withheld
from stagedoor.engine.port import Candidate, Deliver, Hold, Later, Refuse, Verdict
from stagedoor.engine.run import Task
from stagedoor.gate.conditions import Conditions, Refusal
from stagedoor.gate.opening import Missing, Opening, markers_of, spelled
from stagedoor.gate.rights import Used
from stagedoor.gate.variables import Variables
from stagedoor.kit.template import Reference
from stagedoor.store.store import Transaction

DOOR = "handoff"
RUNTIME_METADATA = "#runtimeMetadata"
"""The place of a secret that a task definition names: no JSON pointer, so that it is no place of an input."""


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
        template, markers = markers_of(tx, candidate)
        beside = self._runtime_metadata(tx, candidate)
        try:
            variables = self.variables.runtime_metadata(tx, candidate)
        except Withheld as problem:
            return Refuse(str(problem))
        if not markers and not beside:
            return Deliver(self._with(tx, candidate, candidate.task.input_data), variables)
        uses: list[Used] = []
        for marker in (*markers, *beside):
            judged = self._judge(tx, candidate, template, marker, consumer)
            if isinstance(judged, Refusal):
                return self._refused(tx, candidate, consumer, judged)
            uses += judged[1:] if uses else judged
        filled = self.opening.open(tx, candidate, (*markers, *beside), again=candidate.task.poll_count > 0)
        if isinstance(filled, Refusal):
            return self._refused(tx, candidate, consumer, filled)
        if isinstance(filled, Missing):
            return Later(partial(self.opening.stores.fetch, filled.wanted))
        self.opening.remember(tx, candidate, filled, DOOR, consumer.user)
        self.conditions.usage.all_within(tx, uses)
        values = {opened.name: opened.value.reveal() for opened in filled.opened[len(markers) :]}
        return Deliver(self._with(tx, candidate, filled.input), variables | values)

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

    def _judge(self, tx: Transaction, candidate: Candidate, template: object, marker: Marker, consumer: Principal) -> Refusal | list[Used]:
        """Why it stays shut, or the rights that the opening rests on."""
        ask = self.conditions
        refusal = None if marker.place == RUNTIME_METADATA else ask.stands_at_its_place(candidate, template, marker)
        refusal = refusal or ask.open_now(tx, candidate, marker)  # before the rights: from here on the secret stays as it is
        if refusal is not None:
            return refusal
        question = ask.question(candidate, marker, consumer)
        uses = ask.rights.passed(tx, question) if question else None
        if uses is not None:
            return uses
        refusal = (
            ask.voucher_may_use(tx, candidate, marker, (Access.READ,))
            or ask.starter_may_execute(tx, candidate, marker)
            or ask.policy_allows(tx, candidate, marker)
            or ask.worker_may_use(tx, consumer, marker)
        )
        if refusal is not None:
            return refusal
        uses = ask.uses(tx, candidate, marker, consumer)
        if question is not None:
            ask.rights.let_pass(tx, question, uses)
        return uses

    def _refused(self, tx: Transaction, candidate: Candidate, consumer: Principal, refusal: Refusal) -> Verdict:
        target = f"SECRET_NAME {refusal.marker.reference.name}"
        self.audit.refusal(tx, consumer, f"secret.{DOOR}", target, f"run {candidate.run.workflow_id}: {refusal.reason}")
        return Hold(refusal.reason) if refusal.held else Refuse(refusal.reason)
