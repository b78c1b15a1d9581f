"""The second door: an HTTP task is sent. Values go into the one request; whatever comes back is redacted before it is stored."""

import asyncio
import re
from collections.abc import Callable
from dataclasses import dataclass, field

from stagedoor.core.audit import Audit
from stagedoor.core.marker import Marker
from stagedoor.core.permission import Access
from stagedoor.core.principal import Principal
from stagedoor.engine.definition import Json
from stagedoor.engine.embedded.decision import Performed
from stagedoor.engine.port import Candidate
from stagedoor.engine.run import Run
from stagedoor.gate.conditions import Conditions, Refusal, Sending
from stagedoor.gate.httptask import outcome_of, request_of
from stagedoor.gate.message import OutboundRequest
from stagedoor.gate.opening import Opening, markers_of, spelled
from stagedoor.gate.outbound import Outbound, OutboundError
from stagedoor.gate.redaction import Redactor
from stagedoor.kit.errors import BadInput
from stagedoor.store.store import Store, Transaction

DOOR = "egress"
RedactorOf = Callable[[Transaction, Run], Redactor]
_AUTHORITY = re.compile(r"(https?)://([^/?#\\@\s]*)(?=[/?#]|$)", re.IGNORECASE)
_FIRST_DATA = re.compile(r"\$\{|#\{stagedoor:")
_PORT = re.compile(r":[^\]]*$")
_DEFAULT_PORT = {"http": ":80", "https": ":443"}


@dataclass(frozen=True, slots=True)
class _Ready:
    """A request with the values in it: never stored, never shown."""

    request: OutboundRequest = field(repr=False)


@dataclass(frozen=True)
class Egress:
    store: Store
    conditions: Conditions
    opening: Opening
    audit: Audit
    outbound: Outbound

    async def send(self, candidate: Candidate, redactor_of: RedactorOf) -> Performed:
        """`Doors.send`. What the other side did, and what a condition refused, are both a `Performed` with an error."""
        task_id = candidate.task.task_id
        try:
            ready = await self.store.write(lambda tx: self._prepare(tx, candidate))
            if isinstance(ready, Refusal):
                return Performed(task_id=task_id, error=ready.reason, terminal=True)
            response = await self.outbound.send(ready.request)
        except BadInput as problem:
            return Performed(task_id=task_id, error=problem.message, terminal=True)
        except OutboundError as problem:
            return Performed(task_id=task_id, error=f"Failed to invoke HTTP task due to: {problem.message}")
        redactor = await self.store.read(lambda tx: redactor_of(tx, candidate.run))
        outcome = await asyncio.to_thread(outcome_of, response, redactor.clean)  # seconds, where the answer is large and full of escapes
        return Performed(task_id=task_id, value=outcome.output, error=outcome.error)

    def _prepare(self, tx: Transaction, candidate: Candidate) -> _Ready | Refusal:
        """Judge, open, and build the request; receipts and audit rows are durable before a byte leaves."""
        template, markers = markers_of(tx, candidate)
        if not markers:
            return _Ready(request_of(spelled(tx, candidate, candidate.task.input_data)))
        refusal = self._judge_markers(tx, candidate, template, markers)
        filled = refusal or self.opening.open(tx, candidate, markers)
        if isinstance(filled, Refusal):
            return self._refused(tx, candidate, filled)
        literal = literal_address(template)
        try:
            request = request_of(spelled(tx, candidate, filled.input))
        except BadInput:
            unread = self._voucher_who_may_not_read(tx, candidate, markers)
            if unread is None:
                raise
            # What is wrong with a request tells something of the values in it, and so would a host that is judged only where it is valid.
            refusal = self._judge_host(tx, candidate, markers, sending_to(literal or "", literal))
            refusal = refusal or Refusal(unread, "the request cannot be made; why is told to vouchers who may READ the secret alone")
            return self._refused(tx, candidate, refusal)
        sending = sending_to(request.url, literal)
        refusal = self._judge_host(tx, candidate, markers, sending)
        if refusal is not None:
            return self._refused(tx, candidate, refusal)
        self.opening.remember(tx, candidate, filled, DOOR, candidate.run.starter)
        self.conditions.met(tx, candidate, markers, sending)
        return _Ready(request)

    def _judge_markers(self, tx: Transaction, candidate: Candidate, template: Json, markers: list[Marker]) -> Refusal | None:
        ask = self.conditions
        for marker in markers:
            refusal = (
                ask.stands_at_its_place(candidate, template, marker)
                or ask.voucher_may_use(tx, candidate, marker, (Access.READ, Access.EXECUTE))
                or ask.starter_may_execute(tx, candidate, marker)
            )
            if refusal is not None:
                return refusal
        return None

    def _voucher_who_may_not_read(self, tx: Transaction, candidate: Candidate, markers: list[Marker]) -> Marker | None:
        return next((marker for marker in markers if self.conditions.voucher_may_use(tx, candidate, marker, (Access.READ,))), None)

    def _judge_host(self, tx: Transaction, candidate: Candidate, markers: list[Marker], sending: Sending) -> Refusal | None:
        ask = self.conditions
        for marker in markers:
            refusal = ask.policy_allows(tx, candidate, marker, sending) or ask.host_may_use(tx, candidate, marker, sending)
            if refusal is not None:
                return refusal
        return None

    def _refused(self, tx: Transaction, candidate: Candidate, refusal: Refusal) -> Refusal:
        who = Principal(candidate.project, candidate.run.starter)
        target = f"SECRET_NAME {refusal.marker.reference.name}"
        self.audit.refusal(tx, who, f"secret.{DOOR}", target, f"run {candidate.run.workflow_id}: {refusal.reason}")
        return refusal


def authority_of(url: str) -> str:
    """Host and port of an absolute URL, lower case, without the scheme's default port; empty where there is none."""
    match = _AUTHORITY.match(url)
    return match[2].lower().removesuffix(_DEFAULT_PORT[match[1].lower()]) if match else ""


def sending_to(url: str, literal: str | None) -> Sending:
    """Where a request goes, by its URL and by what `literal_address` finds in the definition."""
    match, authority = _AUTHORITY.match(url), authority_of(url)
    default = _DEFAULT_PORT[match[1].lower()] if match and authority and not _PORT.search(authority) else ""
    return Sending(authority, None if literal is None else authority_of(literal), authority + default)


def literal_address(template: Json) -> str | None:
    """The beginning of an HTTP task's address where all of its authority stands before the first piece of data, else None."""
    request = template.get("http_request", template) if isinstance(template, dict) else {}
    uri = request.get("uri") if isinstance(request, dict) else None
    if not isinstance(uri, str):
        return None
    data = _FIRST_DATA.search(uri)
    written = uri[: data.start()] if data else uri
    match = _AUTHORITY.match(written)
    if match is None or (data and match.end() == len(written)):
        return None
    return written
