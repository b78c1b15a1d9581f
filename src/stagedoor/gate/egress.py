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
from stagedoor.gate.opening import Missing, Opening, Sent, markers_of, spelled
from stagedoor.gate.outbound import Outbound, OutboundError
from stagedoor.gate.redaction import Redactor
from stagedoor.gate.stores import ROUNDS
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
    """A request with the values in it: never stored, never shown. `names_host`: messages may name where it goes."""

    request: OutboundRequest = field(repr=False)
    names_host: bool = True


@dataclass(frozen=True)
class Egress:
    store: Store
    conditions: Conditions
    opening: Opening
    audit: Audit
    outbound: Outbound

    async def send(self, candidate: Candidate, redactor_of: RedactorOf) -> Performed:
        """`Doors.send`. What the other side did, and what a condition refused, are both a `Performed` with an error."""
        task_id, names_host = candidate.task.task_id, False
        try:
            ready = await self._ready(candidate)
            if isinstance(ready, Refusal):
                return Performed(task_id=task_id, error=ready.reason, terminal=not ready.held)
            if isinstance(ready, Missing):
                return Performed(task_id=task_id, error="the secrets that it needs could not be fetched from their stores all together")
            names_host = ready.names_host
            async with self.outbound.exchange(ready.request) as response:
                redactor = await self.store.read(lambda tx: redactor_of(tx, candidate.run))
                # In a thread: seconds, where the answer is large and full of escapes.
                outcome = await asyncio.to_thread(outcome_of, response, redactor.clean)
        except BadInput as problem:
            return Performed(task_id=task_id, error=problem.message, terminal=True)
        except OutboundError as problem:
            why = problem.message if names_host else f"the host (made from data): {problem.kind}"
            return Performed(task_id=task_id, error=f"Failed to invoke HTTP task due to: {why}")
        return Performed(task_id=task_id, value=outcome.output, error=outcome.error)

    async def _ready(self, candidate: Candidate) -> _Ready | Refusal | Missing:
        """Values that live in external stores are fetched between two transactions."""
        ready = await self.store.write(lambda tx: self._prepare(tx, candidate))
        for _ in range(ROUNDS):
            if not isinstance(ready, Missing):
                break
            await self.opening.stores.fetch(ready.wanted)
            ready = await self.store.write(lambda tx: self._prepare(tx, candidate))
        return ready

    def _prepare(self, tx: Transaction, candidate: Candidate) -> _Ready | Refusal | Missing:
        """Judge, open, and build the request; receipts and audit rows are durable before a byte leaves."""
        template, markers = markers_of(tx, candidate)
        if not markers:
            return _Ready(request_of(spelled(tx, candidate, candidate.task.input_data)))
        refusal = self._judge_markers(tx, candidate, template, markers)
        filled = refusal or self.opening.open(tx, candidate, markers)
        if isinstance(filled, Refusal):
            return self._refused(tx, candidate, filled)
        literal = literal_address(template)
        if isinstance(filled, Missing):  # nothing is fetched for a host that is refused whatever the values are
            known = literal or literal_address(candidate.task.input_data)
            refusal = self._judge_host(tx, candidate, markers, self._sending_to(known, literal)) if known else None
            return self._refused(tx, candidate, refusal) if refusal else filled
        try:
            request = request_of(spelled(tx, candidate, filled.input))
            self.outbound.check(request)
        except BadInput as problem:
            unread = self._voucher_who_may_not_read(tx, candidate, markers)
            if unread is None:
                raise _unnamed(problem, template) from None
            # What is wrong with a request tells something of the values in it, and so would a host that is judged only where it is valid.
            refusal = self._judge_host(tx, candidate, markers, self._sending_to(literal or "", literal))
            refusal = refusal or Refusal(unread, "the request cannot be made; why is told to vouchers who may READ the secret alone")
            return self._refused(tx, candidate, refusal)
        sending = self._sending_to(request.url, literal)
        refusal = self._judge_host(tx, candidate, markers, sending)
        if refusal is not None:
            return self._refused(tx, candidate, refusal)
        sent = Sent(sending, self.conditions.only_executing(tx, candidate, markers))
        self.opening.remember(tx, candidate, filled, DOOR, candidate.run.starter, sent=sent)
        self.conditions.met(tx, candidate, markers, sending)
        return _Ready(request, names_host=sending.literal == sending.authority)

    def _sending_to(self, url: str, literal: str | None) -> Sending:
        return sending_to(url, literal, self.outbound.names)

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
        return next((marker for marker in markers if self.conditions.unseen(tx, candidate, marker)), None)

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


def authority_of(url: str, named: Callable[[str], bool]) -> str:
    """Host and port of an absolute URL, lower case, without the scheme's default port; empty where there is none.

    Plain http on a default port keeps its scheme, so that no entry of a list means it unasked (decision 0029), save for hosts that the
    operator named: `named`.
    """
    match = _AUTHORITY.match(url)
    if match is None:
        return ""
    scheme, written = match[1].lower(), match[2].lower()
    authority = written.removesuffix(_DEFAULT_PORT[scheme])
    if scheme == "http" and (written.endswith(":443") or not (_PORT.search(authority) or named(authority.strip("[]")))):
        return f"http://{authority}"
    return authority


def sending_to(url: str, literal: str | None, named: Callable[[str], bool]) -> Sending:
    """Where a request goes, by its URL and by what `literal_address` finds in the definition."""
    match, authority = _AUTHORITY.match(url), authority_of(url, named)
    bare = authority.removeprefix("http://")
    default = _DEFAULT_PORT[match[1].lower()] if match and bare and not _PORT.search(bare) else ""
    return Sending(authority, None if literal is None else authority_of(literal, named), bare + default if default else authority)


def _unnamed(problem: BadInput, template: Json) -> BadInput:
    """Names of headers are shown where the definition holds them; an object that is a part of a secret has names of its own."""
    request = template.get("http_request", template) if isinstance(template, dict) else None
    written = request.get("headers") if isinstance(request, dict) else None
    if not problem.message.startswith("headers: ") or not isinstance(written, str):
        return problem
    return BadInput("headers: one of them cannot be sent", "headers")


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
