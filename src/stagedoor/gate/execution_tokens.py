"""A task asks for a short token that speaks for its run (docs/decisions/0038-execution-tokens.md)."""

from dataclasses import dataclass

import msgspec

from stagedoor.core.ceiling import Ceiling
from stagedoor.core.permission import Denied
from stagedoor.core.principal import Principal, run_user
from stagedoor.engine.port import TaskView
from stagedoor.gate.executing import starter_may, under_way, voucher_of, worker_may
from stagedoor.gate.execution_terms import FIELD, Terms, asks, terms_of
from stagedoor.gate.gate import Gate
from stagedoor.gate.mint import Mint, Minted
from stagedoor.gate.opening import template_of
from stagedoor.gate.ownership import WORKFLOW
from stagedoor.kit.errors import BadInput, Conflict, Forbidden
from stagedoor.kit.tokens import ExecutionClaims
from stagedoor.store.store import Transaction

DEFAULT_LIFE = 10 * 60_000
LONGEST_LIFE = 60 * 60_000


class Asked(msgspec.Struct, frozen=True, rename="camel", forbid_unknown_fields=True):
    """`expiration` in milliseconds, 1,000 to 3,600,000. `audience`: for whom else than this server, one that the definition names."""

    audience: str | None = None
    expiration: int = DEFAULT_LIFE
    read_only: bool = False


@dataclass(frozen=True, slots=True)
class _Basis:
    """What a token rests on."""

    task_ref: str
    terms: Terms
    voucher: str


@dataclass(frozen=True)
class ExecutionTokens:
    gate: Gate
    mint: Mint

    async def issue(self, who: Principal, task_id: str, asked: Asked) -> Minted:
        """For a worker that may report on the task. Conflict where the task is not under way; Forbidden where its definition does not ask,
        the starter may not EXECUTE the workflow any more, the worker has the task by its domain alone, or the definition does not name the
        audience. It ends no later than the token that it is asked by."""
        if not 1_000 <= asked.expiration <= LONGEST_LIFE:
            raise BadInput(f"expiration: it is between 1000 and {LONGEST_LIFE} (milliseconds)", "expiration")
        view = await self.gate.engine.task(who.project, task_id)
        if not under_way(view):
            raise Conflict(f"task {task_id} is not under way: its status is {view.task.status}, its workflow's {view.run.status}")
        said = await self.gate.change(lambda tx: self._claims(tx, who, view, asked))
        left = asked.expiration if who.until is None else min(asked.expiration, who.until - self.mint.clock.now())
        return await self.mint.of_run(said, left)

    def _claims(self, tx: Transaction, who: Principal, view: TaskView, asked: Asked) -> ExecutionClaims:
        """All but who issues it and for how long. What the definition and the starter's credential allow is looked up when it is shown."""
        run, task, own = view.run, view.task, self.mint.realm.audience
        basis = self._basis(tx, who, view)
        audience = asked.audience or own
        if audience not in (own, *basis.terms.audience):
            raise Forbidden(f"You don't have permissions to ask for it (missing: {audience} in {FIELD}.audience of task {basis.task_ref})")
        claims = ExecutionClaims(
            "", audience, run_user(run.workflow_id), who.credential or "", who.project, self.mint.new_id(), 0, 0,
            ceiling=msgspec.to_builtins(Ceiling(read_only=True)) if asked.read_only else None, act={"sub": run.starter}, origin=who.tokens,
            acting=who.acting,
            workflow=run.workflow_name, version=run.workflow_version, task=task.task_id, task_ref=basis.task_ref,
            poll_count=task.poll_count, voucher=basis.voucher,
        )  # fmt: skip
        of = f"task {basis.task_ref} of run {run.workflow_id}, vouched for by {basis.voucher}, started by {run.starter}"
        detail = f"{claims.jti} for {audience}: {of}"
        self.gate.audit.change(tx, who, "execution_token.issue", f"{WORKFLOW} {run.workflow_name}", detail)
        return claims

    def _basis(self, tx: Transaction, who: Principal, view: TaskView) -> _Basis:
        """Inside the transaction that says so in the audit."""
        origin = template_of(view)
        voucher = voucher_of(tx, who.project, view.revision.revision_id, origin[1]) if origin and asks(origin[0]) else None
        if origin is None or voucher is None:
            raise Forbidden(f"task {view.task.reference_task_name} asks for no execution token (missing: {FIELD} in its definition)")
        if isinstance(verdict := worker_may(tx, who, view), Denied):
            raise Forbidden(verdict.reason)
        if isinstance(verdict := starter_may(tx, view.run), Denied):
            raise Forbidden(f"The starter {view.run.starter} may not execute the workflow any more (missing: {verdict.missing})")
        return _Basis(origin[1], terms_of(origin[0]), voucher)
