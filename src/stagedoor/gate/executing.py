"""Execution tokens as they are shown: whom one speaks for, for as long as its task is under way (docs/decisions/0038-execution-tokens.md).

Nothing of the verdict is remembered: the task and all behind it are looked at each time. Only the signature is, by the exact bytes.
"""

from dataclasses import dataclass, field

import msgspec

from stagedoor.core.ceiling import FOR_RUNS, Ceiling, both, ceiling_of
from stagedoor.core.credential import Credentials
from stagedoor.core.grant import authority_on
from stagedoor.core.permission import Access, Denied, Resource, Verdict, decide_poll
from stagedoor.core.principal import Execution, Principal, run_user
from stagedoor.core.revocation import check_not_revoked
from stagedoor.engine.port import Engine, TaskView
from stagedoor.engine.run import Run
from stagedoor.gate.execution_terms import asks, terms_of
from stagedoor.gate.keyring import Realm
from stagedoor.gate.opening import template_of
from stagedoor.gate.ownership import Belonging, belonging_of, decide_on_run
from stagedoor.gate.recent import Recent
from stagedoor.kit.clock import Clock
from stagedoor.kit.crypto import fingerprint
from stagedoor.kit.errors import NotFound, Unauthenticated
from stagedoor.kit.tokens import ExecutionClaims, check_time, kid_of, verify
from stagedoor.store.store import Store, Transaction

REMEMBERED = 10_000


@dataclass(frozen=True)
class Executing:
    store: Store
    credentials: Credentials
    clock: Clock
    realm: Realm
    engine: Engine
    _known: Recent[bytes, tuple[str, ExecutionClaims]] = field(default_factory=lambda: Recent(REMEMBERED), repr=False)

    async def principal(self, token: str) -> Principal:
        """Unauthenticated where it is no good, here or at all; TokenExpired."""
        claims, who = await self._good(token)
        if claims.aud != self.realm.audience:
            raise Unauthenticated
        return who

    async def claims(self, token: str) -> ExecutionClaims:
        """What a token says that is good now, for whomever it is made out."""
        return (await self._good(token))[0]

    async def under_way(self, who: Principal) -> None:
        """Unauthenticated where the task of this run is not, any more; nothing where `who` is no run."""
        if who.execution is not None:
            await self._task(who.project, who.execution.task_id, who.execution.poll_count)

    async def _good(self, token: str) -> tuple[ExecutionClaims, Principal]:
        kid, claims = await self._verified(token)
        check_time(claims, self.clock.now())
        await self.realm.keys.verifier(kid)
        view = await self._task(claims.project, claims.task, claims.poll_count)
        return claims, await self.store.read(lambda tx: self._speaking(tx, kid, claims, view))

    async def _verified(self, token: str) -> tuple[str, ExecutionClaims]:
        key = fingerprint(token.encode("utf-8", "surrogatepass"))
        known = self._known.get(key)
        if known is None:
            signer = await self.realm.keys.verifier(kid_of(token))
            known = (signer.kid, verify(token, {signer.kid: signer}, self.realm.issuer, None, ExecutionClaims))
            self._known.put(key, known)
        return known

    async def _task(self, project: str, task_id: str, poll_count: int) -> TaskView:
        """The task, handed out and not reported on since."""
        try:
            view = await self.engine.task(project, task_id)
        except NotFound:
            raise Unauthenticated from None
        if not under_way(view) or view.task.poll_count != poll_count:
            raise Unauthenticated
        return view

    def _speaking(self, tx: Transaction, kid: str, claims: ExecutionClaims, view: TaskView) -> Principal:
        """The run, in the name of who vouches for the task now. Unauthenticated as well where the worker's credential is no good."""
        worker, *_ = [self.credentials.alive(tx, one) for one in (claims.client_id, *claims.acting)]
        run, voucher = view.run, voucher_of(tx, claims.project, view.revision.revision_id, claims.task_ref)
        if worker.project != claims.project or claims.sub != run_user(run.workflow_id) or claims.voucher != voucher or voucher is None:
            raise Unauthenticated
        if isinstance(starter_may(tx, run), Denied) or isinstance(worker_may(tx, worker, view), Denied):
            raise Unauthenticated
        execution = Execution(run.workflow_id, claims.task, claims.poll_count, run.starter, holders_of(run, voucher), worker.user)
        ceiling = both(_ceiling_of(view), msgspec.convert(claims.ceiling, Ceiling | None))
        tokens = (claims.jti, *claims.origin)
        who = Principal(
            claims.project, claims.sub, claims.client_id, ceiling, execution,
            tokens=tokens, acting=claims.acting, until=claims.exp * 1000, signed_by=kid,
        )  # fmt: skip
        check_not_revoked(tx, who)
        return who


def under_way(view: TaskView) -> bool:
    """Handed to a worker that has not reported yet, in a run that goes on."""
    return view.task.status == "IN_PROGRESS" and view.run.status == "RUNNING"


def starter_may(tx: Transaction, run: Run) -> Verdict:
    """Whether who started the run may still EXECUTE its workflow."""
    starter = Principal(run.project_id, run.starter)
    belonging = belonging_of(tx, run.project_id, run.workflow_id) or Belonging(run.workflow_name, None)
    return decide_on_run(starter, Access.EXECUTE, belonging, authority_on(tx, starter, belonging.resource))


def worker_may(tx: Transaction, worker: Principal, view: TaskView) -> Verdict:
    """Whether the worker may take tasks of this very type: a domain, which others choose for a run, is not enough."""
    task_type = view.task.task_type
    return decide_poll(worker, task_type, authority_on(tx, worker, Resource("TASK_DEF", task_type)))


def holders_of(run: Run, voucher: str) -> tuple[str, ...]:
    """Whose rights bound those of a run: of a failure workflow, and of one that another run started, also who began what led to it."""
    return tuple(dict.fromkeys((voucher, run.starter, run.created_by or run.starter)))


def _ceiling_of(view: TaskView) -> Ceiling | None:
    """That of every run, that of the credential which started this one, and what the definition says of the task."""
    origin = template_of(view)
    if origin is None or not asks(origin[0]):
        raise Unauthenticated
    return both(both(FOR_RUNS, ceiling_of(view.run.ceiling)), terms_of(origin[0]).ceiling)


def voucher_of(tx: Transaction, project: str, revision_id: str, task_ref: str) -> str | None:
    """Who vouches for a task that may ask for an execution token; None where it may not."""
    row = tx.one("task_voucher", project_id=project, revision_id=revision_id, task_ref=task_ref)
    return row["voucher"] if row else None
