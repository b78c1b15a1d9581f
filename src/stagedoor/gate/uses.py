"""Where a secret goes: what names it, who may be handed it, what became of it; and what another policy would have refused."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import msgspec

from stagedoor.core import receipt
from stagedoor.core.explainer import Explainer
from stagedoor.core.grant import authority_of
from stagedoor.core.marker import Marker
from stagedoor.core.permission import Access, Allowed, Authority, Denied, Resource, decide_poll
from stagedoor.core.principal import Principal
from stagedoor.core.question import Question
from stagedoor.core.receipt import DAY, EGRESS, HANDOFF, KEPT_DAYS, Counted
from stagedoor.core.secret import Policy, Secrets
from stagedoor.core.viewing import Standing, Viewing, standing
from stagedoor.engine.definition import TaskNode, nodes
from stagedoor.engine.embedded.definitions import revision_from
from stagedoor.engine.operators import is_worker
from stagedoor.engine.port import Revision, TaskRecord
from stagedoor.gate.conditions import Asked, Sending, host_suffices, place_of, refused_by
from stagedoor.gate.handoff import RUNTIME_METADATA
from stagedoor.gate.keeping import decide_put
from stagedoor.gate.lint import puts_of
from stagedoor.gate.sealing import accesses
from stagedoor.gate.stops import task_type
from stagedoor.gate.vouchers import Standing as Vouchers
from stagedoor.kit.template import Reference
from stagedoor.store.store import Row, Transaction

LATELY, LONG = 30, KEPT_DAYS
"""Days, each with all that is left of today."""
MOST_JUDGED = 5_000
MOST_CONSUMERS = 200
MOST_PUTTING = 1_000
NOTE = "Uses that were refused when they were tried left no receipt and are not among these."
WRITTEN_OUT = "hosts: it is not on the list, and the voucher may not READ the secret or its viewing demands a release"


class Page(msgspec.Struct, frozen=True):
    """`size` of each list from `start` on."""

    start: int = 0
    size: int = 200


class Named(msgspec.Struct, rename="camel", frozen=True):
    """One reference in a definition, as its name means it now. `problem`: why its voucher cannot use the secret, null where it can."""

    workflow: str
    version: int
    task: str
    task_type: str
    place: str
    reference: str
    voucher: str
    problem: str | None


class Beside(msgspec.Struct, rename="camel", frozen=True):
    """A task definition that names it in `runtimeMetadata`."""

    task_definition: str
    voucher: str
    problem: str | None


class Putting(msgspec.Struct, rename="camel", frozen=True):
    """An UPDATE_SECRET task that puts a version of it, in the name of who saved the definition and of who starts the run. `from_data`: the
    name is made from data, so that it may write any that both may put, this one too. `problem`: why the saver may not put this one."""

    workflow: str
    version: int
    task: str
    from_data: bool
    saver: str
    problem: str | None


class Consumer(msgspec.Struct, rename="camel", frozen=True):
    """Who may be handed it by a poll: the task types, among those that name it, that it may take; domains in which it takes any.

    `handed` and `last_at`: how often it was in 90 days, and when last (epoch ms, null: never)."""

    user: str
    why: str
    task_types: tuple[str, ...]
    domains: tuple[str, ...]
    handed: int
    last_at: int | None


class Use(msgspec.Struct, rename="camel", frozen=True):
    """What became of it: how often in 30 and in 90 days. `host`: null at the hand-off."""

    workflow: str
    task: str
    task_type: str
    consumer: str
    door: str
    host: str | None
    count30: int
    count90: int
    first_at: int
    last_at: int


class Where(msgspec.Struct, rename="camel", frozen=True):
    """`references` counts all there are in definitions; `consumers` are those of what this page names. `release`: what viewing demands.
    `complete` false: it was used in more ways than were counted, or more definitions put secrets than were looked at."""

    secret: str
    release: str | None
    references: int
    definitions: tuple[Named, ...]
    task_definitions: tuple[Beside, ...]
    puts: tuple[Putting, ...]
    consumers: tuple[Consumer, ...]
    uses: tuple[Use, ...]
    start: int
    size: int
    more: bool
    complete: bool
    recorded_since: int


class WouldRefuse(msgspec.Struct, rename="camel", frozen=True):
    """Recorded uses that a policy would have refused. `field` of it, with the reason."""

    field: str
    reason: str
    workflow: str
    task: str
    task_type: str
    place: str
    door: str
    consumer: str
    voucher: str
    host: str | None
    count: int
    first_at: int
    last_at: int


class DryRun(msgspec.Struct, rename="camel", frozen=True):
    """`judged` uses since then, `refused` among them; `unjudged`: recorded before their places were. `complete` false: there are more
    sorts of use than were judged."""

    secret: str
    days: int
    since: int
    judged: int
    refused: int
    unjudged: int
    complete: bool
    refusals: tuple[WouldRefuse, ...]
    note: str


def named_in(tx: Transaction, project: str, name: str, page: Page) -> list[Row]:
    """Name, version, revision, task, place, path and voucher of each reference on the page."""
    return tx.all("secret_named_in", project_id=project, secret_name=name, start=page.start, size=page.size)


def putting(tx: Transaction, project: str) -> list[Revision]:
    """The definitions that may put secrets, as names mean them now: one more than are looked at, where there are more."""
    rows = tx.all("revisions_that_hold", project_id=project, word='%"update_secret"%', size=MOST_PUTTING + 1)
    return [revision_from(row) for row in rows]


@dataclass(frozen=True)
class Deployed:
    """What the engine holds of it: the revisions that `named` speaks of, every task definition, and the definitions that put secrets."""

    named: Sequence[Row]
    revisions: Mapping[str, Revision]
    records: Sequence[TaskRecord]
    putting: Sequence[Revision]


@dataclass(frozen=True)
class Uses:
    """Over one transaction that only reads. NotFound where there is no such secret."""

    secrets: Secrets
    explainer: Explainer
    now: int

    def where(self, tx: Transaction, secret: Resource, project: str, page: Page, deployed: Deployed) -> Where:
        name, found = secret.name, standing(tx, project, secret.name)
        total = tx.one("secret_named_count", project_id=project, secret_name=name)
        definitions = tuple(self._named(tx, project, name, deployed))
        beside = tuple(self._beside(tx, project, name, deployed))
        types = {*_polled(deployed), *(one.task_definition for one in beside)}
        today = self.now // DAY
        sorts = receipt.counted(tx, project, found.secret_id, (today - LONG, today - LATELY), MOST_JUDGED + 1)
        uses = _grouped(sorts[:MOST_JUDGED])
        consumers = tuple(self._consumers(tx, secret, found, project, (sorted(types), sorts)))
        puts = list(self._puts(tx, project, name, deployed.putting[:MOST_PUTTING]))
        references = total["count"] if total else 0
        more = page.start + page.size < max(len(uses), references, len(puts))
        complete = len(sorts) <= MOST_JUDGED and len(deployed.putting) <= MOST_PUTTING
        shown = slice(page.start, page.start + page.size)
        return Where(
            name, found.viewing.release, references, definitions, beside, tuple(puts[shown]), consumers, tuple(uses[shown]),
            page.start, page.size, more, complete, receipt.recorded_since(tx),
        )  # fmt: skip

    def dry_run(self, tx: Transaction, project: str, name: str, policy: Policy, days: int) -> DryRun:
        """What `policy` would have refused in so many days, by the questions that the doors ask (gate/conditions.py); under what viewing
        the secret demands now, and by what each voucher might do then."""
        found, first = standing(tx, project, name), self.now // DAY - days
        groups = receipt.counted(tx, project, found.secret_id, (first, first), MOST_JUDGED + 1)
        looked_at = groups[:MOST_JUDGED]
        refusals = [refusal for group in looked_at if (refusal := judge(policy, found.viewing, group)) is not None]
        return DryRun(
            name, days, first * DAY, sum(group.uses for group in looked_at), sum(one.count for one in refusals),
            receipt.without_place(tx, found.secret_id, first * DAY), len(groups) <= MOST_JUDGED,
            tuple(sorted(refusals, key=lambda one: (-one.count, one.workflow, one.task, one.place))), NOTE,
        )  # fmt: skip

    def _named(self, tx: Transaction, project: str, name: str, deployed: Deployed) -> Iterator[Named]:
        vouchers = Vouchers(self.secrets, tx, project)
        for row in deployed.named:
            node = _node(deployed.revisions.get(row["revision_id"]), row["task_ref"])
            if node is None:  # saved since
                continue
            marker = Marker("", row["task_ref"], row["place"], Reference(name, row["secret_path"]), row["voucher"])
            problem = vouchers.shut(marker, accesses(node))
            yield Named(
                row["name"], row["version"], marker.task_ref, task_type(node), marker.place, marker.reference.text(), marker.voucher,
                problem,
            )  # fmt: skip

    def _beside(self, tx: Transaction, project: str, name: str, deployed: Deployed) -> Iterator[Beside]:
        vouchers = Vouchers(self.secrets, tx, project)
        for record in deployed.records:
            if name in record.definition.runtime_metadata:
                marker = Marker("", "", RUNTIME_METADATA, Reference(name, None), record.saved_by)
                problem = vouchers.shut(marker, (Access.READ,))
                yield Beside(record.definition.name, record.saved_by, problem)

    def _puts(self, tx: Transaction, project: str, name: str, revisions: Sequence[Revision]) -> Iterator[Putting]:
        for revision in revisions:
            definition, saver = revision.definition, Principal(project, revision.saved_by)
            for task, put in puts_of(definition):
                verdict = decide_put(tx, saver, name, there=True)
                problem = verdict.reason if isinstance(verdict, Denied) else None
                if put == name or (put is None and problem is None):
                    yield Putting(definition.name, definition.version, task, put is None, saver.user, problem)

    def _consumers(
        self, tx: Transaction, secret: Resource, found: Standing, project: str, about: tuple[Sequence[str], Sequence[Counted]]
    ) -> Iterator[Consumer]:
        """Who may READ the secret and take such tasks: the conditions of the hand-off."""
        types, sorts = about
        for able in self.explainer.who_can(tx, project, Question(Access.READ, secret))[:MOST_CONSUMERS] if types else ():
            who = Principal(project, able.subject.removeprefix("USER:"))
            if not found.viewing.hands_to(who):
                continue
            authority = authority_of(tx, who)
            taken = tuple(one for one in types if isinstance(decide_poll(who, one, authority), Allowed))
            domains = _domains(who, authority)
            if taken or domains:
                mine = [one for one in sorts if (one.door, one.consumer) == (HANDOFF, who.user)]
                last = max((one.last_at for one in mine), default=None)
                yield Consumer(who.user, able.paths[0], taken, domains, sum(one.uses for one in mine), last)


def _grouped(sorts: Sequence[Counted]) -> list[Use]:
    """By workflow, task, consumer, door and host."""
    groups: dict[_Sort, list[Counted]] = {}
    for one in sorts:
        key = (one.where.workflow, one.where.task_ref, one.where.task_type, one.consumer, one.door, one.to.shown or "")
        groups.setdefault(key, []).append(one)
    found = []
    for (workflow, task, kind, consumer, door, host), group in sorted(groups.items()):
        first, last = min(one.first_at for one in group), max(one.last_at for one in group)
        lately, uses = sum(one.lately for one in group), sum(one.uses for one in group)
        found.append(Use(workflow, task, kind, consumer, door, host or None, lately, uses, first, last))
    return found


_Sort = tuple[str, str, str, str, str, str]


def judge(policy: Policy, viewing: Viewing, group: Counted) -> WouldRefuse | None:
    """Condition 5, then 4, as the doors ask them."""
    to, where = group.to, group.where
    sending = Sending(to.authority, to.authority if to.literal else None, to.with_port) if group.door == EGRESS else None
    refused = refused_by(policy, Asked(where.workflow, where.task_type, place_of(where.workflow, where.task_ref, where.place), sending))
    if refused is not None:
        field, reason = refused[0], f"{refused[0]}: {refused[1]} is not among them"
    else:
        written_out_will_do = group.voucher_access == Access.READ and not viewing.demanded
        if sending is None or host_suffices(policy, sending, written_out_will_do=written_out_will_do):
            return None
        field, reason = "hosts", WRITTEN_OUT
    return WouldRefuse(
        field, reason, where.workflow, where.task_ref, where.task_type, where.place, group.door, group.consumer, group.voucher, to.shown,
        group.uses, group.first_at, group.last_at,
    )  # fmt: skip


def _polled(deployed: Deployed) -> Iterator[str]:
    """The task types of what a worker polls, among the tasks that name it."""
    for row in deployed.named:
        node = _node(deployed.revisions.get(row["revision_id"]), row["task_ref"])
        if node is not None and is_worker(node.type):
            yield task_type(node)


def _node(revision: Revision | None, task_ref: str) -> TaskNode | None:
    found = nodes(revision.definition.tasks) if revision else ()
    return next((node for node in found if node.task_reference_name == task_ref), None)


def _domains(who: Principal, authority: Authority) -> tuple[str, ...]:
    if who.is_application and not authority.polls:
        return ()
    return tuple(sorted(authority.names(Access.EXECUTE, "DOMAIN")))
