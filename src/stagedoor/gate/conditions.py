"""The five conditions under which a marker is opened (docs/flows.md), checked at that moment, refused closed.

Each is one method of `Conditions`; they name what they refuse and never hold a value.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from dataclasses import field as dataclass_field

from stagedoor.core.marker import Marker
from stagedoor.core.permission import Access, Denied, Resource, decide
from stagedoor.core.principal import Principal
from stagedoor.core.project import Projects
from stagedoor.core.secret import KIND, Policy, Secrets
from stagedoor.core.usage import Usage, Use
from stagedoor.core.viewing import Viewing
from stagedoor.engine.definition import Json
from stagedoor.engine.port import Candidate
from stagedoor.gate.ownership import Belonging, belonging_of, decide_on_run
from stagedoor.gate.rights import Rights, Used
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


@dataclass(frozen=True, slots=True)
class Asked:
    """One use of a secret as its policy judges it: about to be made (the doors), or made and recorded (gate/uses.py)."""

    workflow: str
    task_type: str
    place: str
    sending: Sending | None = None


def refused_by(policy: Policy, asked: Asked) -> tuple[str, str] | None:
    """Condition 5: None, or the field of the policy that does not allow it, with the value as a message may show it."""
    for field, value, allowed in _policy_questions(policy, asked):
        if allowed is not None and value not in allowed:
            return field, asked.sending.shown if asked.sending is not None and field == "hosts" else value
    return None


def host_suffices(policy: Policy, sending: Sending, *, written_out_will_do: bool) -> bool:
    """Condition 4, egress: the host is on the secret's list; or it is written out in the definition, where that will do."""
    return is_listed(policy, sending) or (written_out_will_do and sending.literal == sending.authority)


def is_listed(policy: Policy, sending: Sending) -> bool:
    return sending.authority in _authorities(policy.hosts or (), sending)


@dataclass(frozen=True)
class Conditions:
    """What both doors ask. Everything is read inside the transaction that opens the marker."""

    secrets: Secrets
    projects: Projects
    usage: Usage
    rights: Rights = dataclass_field(default_factory=Rights)

    def stands_at_its_place(self, candidate: Candidate, template: Json, marker: Marker) -> Refusal | None:
        """1: the string at the marker's place holds it exactly as often as the stored template does."""
        stored, resolved = at(template, marker.steps), at(candidate.task.input_data, marker.steps)
        if stored == resolved and isinstance(stored, str) and marker.text in stored:
            return None
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
        if refusal := self._shut(tx, project, marker):
            return refusal
        if any(self._may(tx, Principal(project, marker.voucher), access, marker) for access in accesses):
            return None
        return Refusal(marker, f"{marker.voucher}, who vouched for it, lacks READ on {KIND} {marker.reference.name}")

    def open_now(self, tx: Transaction, candidate: Candidate, marker: Marker) -> Refusal | None:
        """What no epoch tells of a secret: whether it has expired by now. It also keeps the secret as it is until the end."""
        shut = self.secrets.shut(tx, candidate.project, marker.reference.name)
        return Refusal(marker, shut) if shut else None

    def _shut(self, tx: Transaction, project: str, marker: Marker) -> Refusal | None:
        shut = self.secrets.shut(tx, project, marker.reference.name)
        return Refusal(marker, shut) if shut else None

    def starter_may_execute(self, tx: Transaction, candidate: Candidate, marker: Marker) -> Refusal | None:
        """3: the starter may EXECUTE the workflow it started; by the project's stricter setting it also needs READ on the secret."""
        starter = Principal(candidate.project, candidate.run.starter)
        root = self._root(tx, candidate)
        verdict = decide_on_run(starter, Access.EXECUTE, root, self.rights.on(tx, starter, root.resource))
        if isinstance(verdict, Denied):
            return Refusal(marker, f"the starter {starter.user} lacks {verdict.missing}")
        demanded = self.rights.settings(tx, self.projects, candidate.project).starter_needs_read
        first = candidate.run.created_by or starter.user  # of a failure workflow, who began what failed
        for user in dict.fromkeys((starter.user, first)) if demanded else ():
            if not self._may(tx, Principal(candidate.project, user), Access.READ, marker):
                return Refusal(marker, f"the starter {user} lacks READ on {KIND} {marker.reference.name}")
        return None

    def worker_may_use(self, tx: Transaction, consumer: Principal, marker: Marker) -> Refusal | None:
        """4, hand-off: the polling user or application may READ the secret. Otherwise the task waits for one that may.

        A secret that nobody views alone (core/viewing.py) is handed to the applications on its list and to no one else."""
        kind = f"application {consumer.user}" if consumer.is_application else f"user {consumer.user}"
        if not self._may(tx, consumer, Access.READ, marker):
            return Refusal(marker, f"held: {kind} lacks READ on {KIND} {marker.reference.name}", held=True)
        if not self._viewing(tx, consumer.project, marker).hands_to(consumer):
            told = f"{KIND} {marker.reference.name} is viewed by a release alone, and {kind} is not on its list of workers"
            return Refusal(marker, f"held: {told}", held=True)
        return None

    def host_may_use(self, tx: Transaction, candidate: Candidate, marker: Marker, sending: Sending) -> Refusal | None:
        """4, egress. With a voucher who holds READ the authority stands literally in the definition, or is on the secret's list;
        with one who holds EXECUTE alone, and for a secret that nobody views alone, it is on the list."""
        policy = self.secrets.policy(tx, candidate.project, marker.reference.name)
        if host_suffices(policy, sending, written_out_will_do=False):
            return None
        where = f"the host ({sending.shown}) is not on the list of hosts of {KIND} {marker.reference.name}"
        if not self._may(tx, Principal(candidate.project, marker.voucher), Access.READ, marker):
            return Refusal(marker, f"{where}, and {marker.voucher} may only EXECUTE it")
        if self._viewing(tx, candidate.project, marker).demanded:
            return Refusal(marker, f"{where}, and it is viewed by a release alone")
        if not host_suffices(policy, sending, written_out_will_do=True):
            return Refusal(marker, f"{where}, and it is not written out in the definition")
        return None

    def policy_allows(self, tx: Transaction, candidate: Candidate, marker: Marker, sending: Sending | None = None) -> Refusal | None:
        """5: the secret's own policy, where it is set."""
        run, task = candidate.run, candidate.task
        place = place_of(run.workflow_name, marker.task_ref, marker.place)
        asked = Asked(run.workflow_name, task_type_of(task.task_type, sending), place, sending)
        refused = refused_by(self.rights.uses(tx, candidate.project, marker.reference.name)[0], asked)
        if refused is None:
            return None
        return Refusal(marker, f"the policy of {KIND} {marker.reference.name} does not allow {refused[0]} {refused[1]}")

    def unseen(self, tx: Transaction, candidate: Candidate, marker: Marker) -> bool:
        """Whether who vouched for it may use the secret and not see it: what is wrong with a request is not told to such a one."""
        if not self._may(tx, Principal(candidate.project, marker.voucher), Access.READ, marker):
            return True
        return self._viewing(tx, candidate.project, marker).demanded

    def only_executing(self, tx: Transaction, candidate: Candidate, markers: Sequence[Marker]) -> frozenset[str]:
        """The ids of those markers whose voucher may use the secret without seeing it."""
        return frozenset(
            marker.marker_id for marker in markers if not self._may(tx, Principal(candidate.project, marker.voucher), Access.READ, marker)
        )

    def met(self, tx: Transaction, candidate: Candidate, markers: Sequence[Marker], by: Sending) -> None:
        """All markers are opened for a request: each right that this rested on was used."""
        uses: list[Used] = []
        for marker in markers:
            voucher = Principal(candidate.project, marker.voucher)
            executes = self._is_listed(tx, candidate, marker, by) and self._may(tx, voucher, Access.EXECUTE, marker)
            uses += self.uses(tx, candidate, marker, None, Access.EXECUTE if executes else Access.READ)[1 if uses else 0 :]
        self.usage.all_within(tx, uses)

    def uses(
        self, tx: Transaction, candidate: Candidate, marker: Marker, consumer: Principal | None, enough: Access = Access.READ
    ) -> list[Used]:
        """Which rights the opening of a marker rests on: the starter's on the run, then those on the secret."""
        starter, voucher = Principal(candidate.project, candidate.run.starter), Principal(candidate.project, marker.voucher)
        read = Use(Access.READ, KIND, marker.reference.name)
        uses = [(starter, Use(Access.EXECUTE, *self._root(tx, candidate).resource)), (voucher, Use(enough, *read[1:3]))]
        if self.rights.settings(tx, self.projects, candidate.project).starter_needs_read:
            uses.append((starter, read))
        return [*uses, (consumer, read)] if consumer is not None else uses

    def _is_listed(self, tx: Transaction, candidate: Candidate, marker: Marker, sending: Sending) -> bool:
        return is_listed(self.secrets.policy(tx, candidate.project, marker.reference.name), sending)

    def _viewing(self, tx: Transaction, project: str, marker: Marker) -> Viewing:
        return self.rights.uses(tx, project, marker.reference.name)[1]

    def _may(self, tx: Transaction, who: Principal, access: Access, marker: Marker) -> bool:
        secret = Resource(KIND, marker.reference.name)
        verdict = decide(who, access, secret, self.rights.on(tx, who, secret))
        return not isinstance(verdict, Denied)

    def _root(self, tx: Transaction, candidate: Candidate) -> Belonging:
        run, project = candidate.run, candidate.project
        if run.root_id in ("", run.workflow_id) and run.name_id:
            return Belonging(run.workflow_name, self.rights.name_of(tx, project, run.name_id))
        found = belonging_of(tx, project, run.root_id or run.workflow_id) or belonging_of(tx, project, run.workflow_id)
        return found or Belonging(run.workflow_name, None)


def place_of(workflow: str, task_ref: str, place: str) -> str:
    """As policies name it; `place` is a JSON pointer."""
    return f"{workflow}/{task_ref}{place}"


def task_type_of(task_type: str, sending: Sending | None) -> str:
    """As policies name it: whatever is sent is an HTTP task's."""
    return task_type if sending is None else "HTTP"


def _policy_questions(policy: Policy, asked: Asked) -> Iterator[tuple[str, str, tuple[str, ...] | None]]:
    yield "workflows", asked.workflow, policy.workflows
    yield "taskTypes", asked.task_type, policy.task_types
    yield "places", asked.place, policy.places
    if asked.sending is not None:
        hosts = policy.hosts
        yield "hosts", asked.sending.authority, None if hosts is None else _authorities(hosts, asked.sending)


def _authorities(hosts: tuple[str, ...], sending: Sending) -> tuple[str, ...]:
    """Hosts are named without regard to case. One without a port means the default port of either scheme, one with it that port alone."""
    lowered = [host.lower() for host in hosts]
    return tuple(sending.authority if host == sending.with_port else host for host in lowered)


def at(value: Json, steps: Sequence[str]) -> Json:
    """What the steps of a JSON pointer lead to, or None."""
    for key in steps:
        if isinstance(value, dict):
            value = value.get(key)
        elif isinstance(value, list) and key.isdecimal() and int(key) < len(value):
            value = value[int(key)]
        else:
            return None
    return value
