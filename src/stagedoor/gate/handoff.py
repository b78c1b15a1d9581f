"""The first door: a worker polls, and the values its task names go into that one answer."""

from dataclasses import dataclass

import msgspec

from stagedoor.core.audit import Audit
from stagedoor.core.marker import Marker
from stagedoor.core.permission import Access
from stagedoor.core.principal import Principal
from stagedoor.engine.definition import Json
from stagedoor.engine.port import Candidate, Deliver, Hold, Refuse, Verdict
from stagedoor.engine.run import Task
from stagedoor.gate.conditions import Conditions, Refusal
from stagedoor.gate.opening import Opening, markers_of
from stagedoor.gate.sealing import holds_marker, spell_out
from stagedoor.store.store import Transaction

DOOR = "handoff"


@dataclass(frozen=True)
class Handoff:
    conditions: Conditions
    opening: Opening
    audit: Audit

    def admit(self, tx: Transaction, candidate: Candidate, consumer: object) -> Verdict:
        """`Doors.admit`: `consumer` is the polling Principal."""
        if not isinstance(consumer, Principal):
            raise TypeError("the consumer of a poll is a Principal")
        template, markers = markers_of(tx, candidate)
        if not markers:
            return Deliver(self._with(tx, candidate, candidate.task.input_data))
        for marker in markers:
            refusal = self._judge(tx, candidate, template, marker, consumer)
            if refusal is not None:
                return self._refused(tx, candidate, consumer, refusal)
        filled = self.opening.open(tx, candidate, markers)
        if isinstance(filled, Refusal):
            return self._refused(tx, candidate, consumer, filled)
        self.opening.remember(tx, candidate, filled, DOOR, consumer.user)
        return Deliver(self._with(tx, candidate, filled.input))

    def _with(self, tx: Transaction, candidate: Candidate, given: dict[str, Json]) -> Task:
        """The task with the input to give; a marker that came as data is shown as the reference it is."""
        if holds_marker(given):
            given = spell_out(tx, candidate.project, given)
        return msgspec.structs.replace(candidate.task, input_data=given)

    def _judge(self, tx: Transaction, candidate: Candidate, template: object, marker: Marker, consumer: Principal) -> Refusal | None:
        ask = self.conditions
        return (
            ask.stands_at_its_place(candidate, template, marker)
            or ask.voucher_may_use(tx, candidate, marker, (Access.READ,))
            or ask.starter_may_execute(tx, candidate, marker)
            or ask.policy_allows(tx, candidate, marker)
            or ask.worker_may_use(tx, consumer, marker)
        )

    def _refused(self, tx: Transaction, candidate: Candidate, consumer: Principal, refusal: Refusal) -> Verdict:
        target = f"SECRET_NAME {refusal.marker.reference.name}"
        self.audit.refusal(tx, consumer, f"secret.{DOOR}", target, f"run {candidate.run.workflow_id}: {refusal.reason}")
        return Hold(refusal.reason) if refusal.held else Refuse(refusal.reason)
