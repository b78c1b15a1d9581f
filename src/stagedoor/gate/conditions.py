"""The five conditions under which a marker is opened (docs/flows.md), checked at that moment, refused closed.

Each is one method of `Conditions`; they name what they refuse and never hold a value.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from stagedoor.core.grant import authority_on
from stagedoor.core.marker import Marker
from stagedoor.core.permission import Access, Denied, Resource, decide
from stagedoor.core.principal import Principal
from stagedoor.core.project import Projects
from stagedoor.core.secret import KIND, Policy, Secrets
from stagedoor.core.usage import Usage, Use
from stagedoor.engine.definition import Json
from stagedoor.engine.port import Candidate
from stagedoor.gate.ownership import Belonging, belonging_of, decide_on_run
from stagedoor.kit.template import marker_counts
from stagedoor.store.store import Transaction


@dataclass(frozen=True, slots=True)
class Refusal:
    """Why a marker stays shut. `held`: only this consumer lacks the right, another one may come."""

    marker: Marker
    reason: str
    held: bool = False


@dataclass(frozen=True, slots=True)
class Sending:
    """Where an HTTP task goes: the request's authority, and the one written out in the definition (None: it is made from data).

    Lower case, without the scheme's default port. `with_port`: the request's authority with it, where it has no other.
    """

    authority: str
    literal: str | None
    with_port: str = ""

    @property
    def shown(self) -> str:
        """What messages may name: a host made from data may hold the very value that is being kept."""
        return self.authority if self.literal == self.authority else "made from data"


@dataclass(frozen=True)
class Conditions:
    """What both doors ask. Everything is read inside the transaction that opens the marker."""

    secrets: Secrets
    projects: Projects
    usage: Usage

    def stands_at_its_place(self, candidate: Candidate, template: Json, marker: Marker) -> Refusal | None:
        """1: the string at the marker's place holds it exactly as often as the stored template does."""
        stored, resolved = at(template, marker.place), at(candidate.task.input_data, marker.place)
        wanted = marker_counts(stored).get(marker.marker_id, 0) if isinstance(stored, str) else 0
        found = marker_counts(resolved).get(marker.marker_id, 0) if isinstance(resolved, str) else 0
        if wanted and wanted == found:
            return None
        return Refusal(marker, f"{marker.place}: {marker.reference.text()} does not stand there as it was saved")

    def voucher_may_use(self, tx: Transaction, candidate: Candidate, marker: Marker, accesses: tuple[Access, ...]) -> Refusal | None:
        """2: whoever vouched for the reference may use the secret now."""
        return self.vouched(tx, candidate.project, marker, accesses)

    def vouched(self, tx: Transaction, project: str, marker: Marker, accesses: tuple[Access, ...]) -> Refusal | None:
        """The same, asked without a task that is about to leave (gate/what_if.py)."""
        if not self.secrets.kept(tx, project, marker.reference.name):
            return Refusal(marker, f"there is no secret {marker.reference.name}")
        if any(self._may(tx, Principal(project, marker.voucher), access, marker) for access in accesses):
            return None
        return Refusal(marker, f"{marker.voucher}, who vouched for it, lacks READ on {KIND} {marker.reference.name}")

    def starter_may_execute(self, tx: Transaction, candidate: Candidate, marker: Marker) -> Refusal | None:
        """3: the starter may EXECUTE the workflow it started; by the project's stricter setting it also needs READ on the secret."""
        starter = Principal(candidate.project, candidate.run.starter)
        root = self._root(tx, candidate)
        verdict = decide_on_run(starter, Access.EXECUTE, root, authority_on(tx, starter, root.resource))
        if isinstance(verdict, Denied):
            return Refusal(marker, f"the starter {starter.user} lacks {verdict.missing}")
        if self.projects.settings(tx, candidate.project).starter_needs_read and not self._may(tx, starter, Access.READ, marker):
            return Refusal(marker, f"the starter {starter.user} lacks READ on {KIND} {marker.reference.name}")
        return None

    def worker_may_use(self, tx: Transaction, consumer: Principal, marker: Marker) -> Refusal | None:
        """4, hand-off: the polling user or application may READ the secret. Otherwise the task waits for one that may."""
        if self._may(tx, consumer, Access.READ, marker):
            return None
        kind = f"application {consumer.user}" if consumer.is_application else f"user {consumer.user}"
        return Refusal(marker, f"held: {kind} lacks READ on {KIND} {marker.reference.name}", held=True)

    def host_may_use(self, tx: Transaction, candidate: Candidate, marker: Marker, sending: Sending) -> Refusal | None:
        """4, egress. With a voucher who holds READ the authority stands literally in the definition, or is on the secret's list;
        with one who holds EXECUTE alone it is on the list."""
        if self._is_listed(tx, candidate, marker, sending):
            return None
        where = f"the host ({sending.shown}) is not on the list of hosts of {KIND} {marker.reference.name}"
        if not self._may(tx, Principal(candidate.project, marker.voucher), Access.READ, marker):
            return Refusal(marker, f"{where}, and {marker.voucher} may only EXECUTE it")
        if sending.literal != sending.authority:
            return Refusal(marker, f"{where}, and it is not written out in the definition")
        return None

    def policy_allows(self, tx: Transaction, candidate: Candidate, marker: Marker, sending: Sending | None = None) -> Refusal | None:
        """5: the secret's own policy, where it is set."""
        policy = self.secrets.policy(tx, candidate.project, marker.reference.name)
        for field, value, allowed in _policy_questions(policy, candidate, marker, sending):
            if allowed is not None and value not in allowed:
                shown = sending.shown if sending is not None and field == "hosts" else value
                return Refusal(marker, f"the policy of {KIND} {marker.reference.name} does not allow {field} {shown}")
        return None

    def met(self, tx: Transaction, candidate: Candidate, markers: Sequence[Marker], by: Principal | Sending) -> None:
        """All markers are opened: each right that this rested on was used. `by`: the polling worker, or where the task is sent."""
        starter = Principal(candidate.project, candidate.run.starter)
        self.usage.within(tx, starter, Use(Access.EXECUTE, *self._root(tx, candidate).resource))
        starter_reads = self.projects.settings(tx, candidate.project).starter_needs_read
        for marker in markers:
            read, voucher = Use(Access.READ, KIND, marker.reference.name), Principal(candidate.project, marker.voucher)
            listed = isinstance(by, Sending) and self._is_listed(tx, candidate, marker, by)
            enough = Access.EXECUTE if listed and self._may(tx, voucher, Access.EXECUTE, marker) else Access.READ
            self.usage.within(tx, voucher, Use(enough, *read[1:3]))
            if starter_reads:
                self.usage.within(tx, starter, read)
            if isinstance(by, Principal):
                self.usage.within(tx, by, read)

    def _is_listed(self, tx: Transaction, candidate: Candidate, marker: Marker, sending: Sending) -> bool:
        hosts = self.secrets.policy(tx, candidate.project, marker.reference.name).hosts or ()
        return sending.authority in _authorities(hosts, sending)

    def _may(self, tx: Transaction, who: Principal, access: Access, marker: Marker) -> bool:
        secret = Resource(KIND, marker.reference.name)
        verdict = decide(who, access, secret, authority_on(tx, who, secret))
        return not isinstance(verdict, Denied)

    def _root(self, tx: Transaction, candidate: Candidate) -> Belonging:
        run, project = candidate.run, candidate.project
        found = belonging_of(tx, project, run.root_id or run.workflow_id) or belonging_of(tx, project, run.workflow_id)
        return found or Belonging(run.workflow_name, None)


def _policy_questions(
    policy: Policy, candidate: Candidate, marker: Marker, sending: Sending | None
) -> Iterator[tuple[str, str, tuple[str, ...] | None]]:
    yield "workflows", candidate.run.workflow_name, policy.workflows
    yield "taskTypes", candidate.task.task_type if sending is None else "HTTP", policy.task_types
    yield "places", f"{candidate.run.workflow_name}/{marker.task_ref}{marker.place}", policy.places
    if sending is not None:
        yield "hosts", sending.authority, None if policy.hosts is None else _authorities(policy.hosts, sending)


def _authorities(hosts: tuple[str, ...], sending: Sending) -> tuple[str, ...]:
    """Hosts are named without regard to case. One without a port means the default port of either scheme, one with it that port alone."""
    lowered = [host.lower() for host in hosts]
    return tuple(sending.authority if host == sending.with_port else host for host in lowered)


def at(value: Json, place: str) -> Json:
    """What a JSON pointer points to, or None."""
    for part in place.split("/")[1:]:
        key = part.replace("~1", "/").replace("~0", "~")
        if isinstance(value, dict):
            value = value.get(key)
        elif isinstance(value, list) and key.isdecimal() and int(key) < len(value):
            value = value[int(key)]
        else:
            return None
    return value
