"""What would stop: a change made inside a transaction, looked at, and undone with it. No epoch, notice or audit row of it survives."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

import msgspec

from stagedoor.core.change import Change, Parts, has_key
from stagedoor.core.end_user import KIND as END_USER
from stagedoor.core.grant import authority_if_small
from stagedoor.core.permission import NOBODY, Access, Allowed, Authority, Denied, Resource
from stagedoor.core.principal import Principal
from stagedoor.core.question import Question, judge
from stagedoor.core.role import EVERY
from stagedoor.gate.conditions import Conditions
from stagedoor.gate.lint import named_variables, updates_of
from stagedoor.gate.stops import Deployed, StoppedWorker, StoppedWorkflow, Stops, adoption_of
from stagedoor.store.store import Transaction

MOST_SUBJECTS = 200
"""So many of those a change touches are looked at; the answer says where there are more."""
MOST_GRANTS = 10_000
"""Of one of them."""


class Lost(msgspec.Struct, frozen=True):
    """An access that would be gone. `*` as the resource's id: on all of its kind. `reason`: the sentence of the 403 to come."""

    subject: str
    access: str
    resource: dict[str, str]
    reason: str


class WhatIf(msgspec.Struct, frozen=True):
    """`complete` false: the change touches more than was looked at."""

    lost: tuple[Lost, ...]
    workflows: tuple[StoppedWorkflow, ...]
    workers: tuple[StoppedWorker, ...]
    complete: bool


@dataclass
class Subject:
    """One whose rights may become less."""

    who: Principal
    before: Authority
    after: Authority = NOBODY
    keyless: bool = False
    """No credential of it is good any more."""

    @property
    def starts(self) -> bool:
        """It may start some workflow now."""
        named = self.before.names(Access.EXECUTE, "WORKFLOW_DEF")
        return bool(named) or self.before.whole(Access.EXECUTE, "WORKFLOW_DEF") is not None

    def loses(self, question: Question) -> Denied | None:
        """The denial to come, of what is allowed now."""
        if not isinstance(judge(self.who, question, self.before), Allowed):
            return None
        verdict = judge(self.who, question, self.after)
        if isinstance(verdict, Denied) and self.keyless:
            return Denied("an access key", f"{self.who.subject} would have no access key that is good")
        return verdict if isinstance(verdict, Denied) else None


Loss = tuple[Subject, Question, Denied]


class _Undone(Exception):
    """Carries what was seen out of the transaction that it undoes."""

    def __init__(self, seen: WhatIf) -> None:
        self.seen = seen


@dataclass(frozen=True)
class Trial:
    """One change, tried for one caller who could make it."""

    parts: Parts
    conditions: Conditions
    deployed: Deployed
    subjects: list[Subject] = field(default_factory=list)

    def within(self, tx: Transaction, who: Principal, change: Change) -> None:
        """For `Store.write`: always raises, so that nothing stays. `seen` takes the result out of what it raises."""
        touched = list(dict.fromkeys(change.touches(tx, who.project)))
        complete = self._look(tx, who.project, touched[:MOST_SUBJECTS]) and len(touched) <= MOST_SUBJECTS
        stops = Stops(self.conditions, self.deployed, who.project)
        watched = stops.watched(tx, [one.who for one in self.subjects], change.secret())
        change.make(tx, who, self.parts)
        for one in self.subjects:
            one.keyless = not has_key(tx, one.who, self.parts.credentials)
            one.after = NOBODY if one.keyless else authority_if_small(tx, one.who, MOST_GRANTS) or NOBODY
        lost = [(one, question, denial) for one in self.subjects for question, denial in _losses(one)]
        told = tuple(_told(*one) for one in lost)
        runs = (*self._runs(), *self._for_end_users())
        workflows = (*stops.workflows(tx, watched), *_starts(lost), *runs, *self._in_savers_name(tx, stops))
        workers = (*_workers(lost), *stops.held(tx, [(one.who, question) for one, question, _ in lost]))
        raise _Undone(WhatIf(told, tuple(dict.fromkeys(workflows)), tuple(dict.fromkeys(workers)), complete))

    def _look(self, tx: Transaction, project: str, touched: Sequence[str]) -> bool:
        complete = True
        for subject in touched:
            who = Principal(project, subject.removeprefix("USER:"))
            authority = authority_if_small(tx, who, MOST_GRANTS) if has_key(tx, who, self.parts.credentials) else NOBODY
            complete = complete and authority is not None
            if authority is not None:
                self.subjects.append(Subject(who, authority))
        return complete

    def _for_end_users(self) -> Iterator[StoppedWorkflow]:
        """What a run's end user gave stays shut where its starter, or who began what led to it, may not EXECUTE that END_USER
        (gate/connected.py)."""
        by_user = {one.who.user: one for one in self.subjects}
        for run in self.deployed.running:
            if not run.end_user or run.parent_workflow_id:
                continue
            for user in dict.fromkeys((run.starter, run.created_by or run.starter)):
                starter = by_user.get(user)
                if starter and (denial := starter.loses(Question(Access.EXECUTE, Resource(END_USER, run.end_user)))):
                    told = f"run {run.workflow_id} gets nothing more that end user {run.end_user} gave: {user} would lack {denial.missing}"
                    yield StoppedWorkflow(run.workflow_name, run.workflow_version, told)

    def _runs(self) -> Iterator[StoppedWorkflow]:
        """Runs go on, but the secrets of a run whose starter may not EXECUTE its workflow stay shut (condition 3)."""
        by_user = {one.who.user: one for one in self.subjects}
        for run in self.deployed.running:
            starter = by_user.get(run.starter)
            if starter is None or run.parent_workflow_id:
                continue
            denial = starter.loses(Question(Access.EXECUTE, Resource("WORKFLOW_DEF", run.workflow_name)))
            if denial:
                reason = f"run {run.workflow_id} gets no secret any more: its starter {run.starter} would lack {denial.missing}"
                yield StoppedWorkflow(run.workflow_name, run.workflow_version, reason)

    def _in_savers_name(self, tx: Transaction, stops: Stops) -> Iterator[StoppedWorkflow]:
        """What is done in the name of whoever saved a definition last: its failure workflow is started, its variables are read."""
        by_user = {one.who.user: one for one in self.subjects}
        for revision in self.deployed.revisions:
            saver, definition = by_user.get(revision.saved_by), revision.definition
            if saver is None:
                continue
            voucher, version = revision.saved_by, definition.version
            remedy = adoption_of(definition.name, version, voucher)
            for place, task, variable in named_variables(definition):
                if denial := saver.loses(Question(Access.READ, Resource("ENV_VARIABLE", variable))):
                    told = f"the variable {variable} is withheld: {voucher}, who saved the definition, would lack {denial.missing}"
                    yield StoppedWorkflow(definition.name, version, told, task, place, voucher=voucher, remedy=remedy)
            for task, secret in updates_of(definition):
                if denial := saver.loses(Question(Access.UPDATE, Resource("SECRET_NAME", secret))):
                    told = f"it puts the secret {secret} no more: {voucher}, who saved the definition, would lack {denial.missing}"
                    yield StoppedWorkflow(definition.name, version, told, task, secret=secret, voucher=voucher, remedy=remedy)
            failure = definition.failure_workflow
            if not failure or "$" in failure:
                continue
            denial = saver.loses(Question(Access.EXECUTE, Resource("WORKFLOW_DEF", failure)))
            if denial and stops.uses_secrets(tx, failure):
                after = f"{definition.name} version {version}, which {voucher} saved"
                told = f"it gets no secret any more as the failure workflow of {after}: {saver.who.user} would lack {denial.missing}"
                yield StoppedWorkflow(failure, None, told, voucher=voucher, remedy=remedy)


def seen(problem: BaseException) -> WhatIf | None:
    """What a trial saw; None for a problem of another kind."""
    return problem.seen if isinstance(problem, _Undone) else None


def _losses(one: Subject) -> Iterator[tuple[Question, Denied]]:
    """By kind what a role gave on all of it, then by name."""
    for question in dict.fromkeys(_questions(one.before)):
        if denial := one.loses(question):
            yield question, denial


def _questions(authority: Authority) -> Iterator[Question]:
    for kind in authority.makes:
        yield Question(Access.CREATE, Resource(kind, EVERY))
    for access, kind in sorted(authority.wide):
        if access != Access.CREATE:
            yield Question(Access(access), Resource(kind, EVERY))
    for (access, kind), names in sorted(authority.grants.items()):
        if access != Access.CREATE and kind != "TAG":
            yield from (Question(Access(access), Resource(kind, name)) for name in sorted(names))


def _starts(lost: Sequence[Loss]) -> Iterator[StoppedWorkflow]:
    """Workflows that somebody starts now and could not start any more."""
    for one, question, denial in lost:
        if question.access is Access.EXECUTE and question.resource.kind == "WORKFLOW_DEF":
            yield StoppedWorkflow(question.resource.name, None, f"{one.who.subject} could not start it: {denial.reason}")
        elif question.access is Access.EXECUTE and question.resource.kind == END_USER and one.starts:
            told = f"{one.who.subject} could not start it for end user {question.resource.name}: {denial.reason}"
            yield StoppedWorkflow(EVERY, None, told)


def _workers(lost: Sequence[Loss]) -> Iterator[StoppedWorker]:
    """Who takes tasks now and could not any more: of one type, of all (`*`), or in a domain."""
    for one, question, denial in lost:
        kind, name = question.resource
        if question.polls or (question.access is Access.EXECUTE and kind == EVERY):
            yield StoppedWorker(one.who.subject, name, denial.reason)
        elif question.access is Access.EXECUTE and kind == "DOMAIN":
            yield StoppedWorker(one.who.subject, f"{name}:{EVERY}", denial.reason)


def _told(one: Subject, question: Question, denial: Denied) -> Lost:
    resource: dict[str, Any] = {"type": question.resource.kind, "id": question.resource.name}
    return Lost(one.who.subject, question.access, resource, denial.reason)
