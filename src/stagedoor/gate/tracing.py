"""Receipts and uses for a server: what they need is read by the gate's bridges and the engine's port."""

from dataclasses import dataclass

import msgspec

from stagedoor.core import receipt
from stagedoor.core.explainer import Explainer
from stagedoor.core.grant import authority_on
from stagedoor.core.permission import Access, Allowed, Resource
from stagedoor.core.principal import Principal
from stagedoor.core.receipt import Receipt
from stagedoor.core.remedy import Remedies
from stagedoor.core.secret import KIND, Policy
from stagedoor.engine.port import Revision
from stagedoor.gate.gate import Gate, or_none
from stagedoor.gate.handoff import RUNTIME_METADATA
from stagedoor.gate.ownership import belonging_of, decide_on_run
from stagedoor.gate.uses import Deployed, DryRun, Page, Uses, Where, named_in, putting
from stagedoor.kit.errors import NotFound
from stagedoor.store.store import Transaction

MOST_RUNS = 1_000


class UseOf(msgspec.Struct, rename="camel", frozen=True):
    """One receipt as it is shown. `host`: null at the hand-off; `at` in epoch milliseconds."""

    workflow_id: str
    workflow: str
    workflow_version: int
    task_id: str
    task: str
    task_type: str
    place: str
    secret: str
    path: str | None
    secret_version: int
    door: str
    consumer: str
    host: str | None
    voucher: str
    starter: str
    at: int


class UsesOfRun(msgspec.Struct, rename="camel", frozen=True):
    """A page of them, in the order of time; `total` of all. `complete` false: more executions have receipts than were looked at."""

    total: int
    results: tuple[UseOf, ...]
    complete: bool


@dataclass(frozen=True)
class Tracing:
    gate: Gate

    async def of_run(self, who: Principal, run_id: str, page: Page) -> UsesOfRun:
        """The receipts of an execution and of those that it started, as far as the caller may READ their workflows. What is in a
        definition that one may read is no secret: neither are the names in its receipts."""
        run = (await self.gate.engine.run(who.project, run_id, False)).run
        root = run.root_id or run.workflow_id
        runs = await self.gate.scan(lambda tx: receipt.runs_of_tree(tx, who.project, root, MOST_RUNS + 1))
        shows = await self.gate.visible(who, Access.READ, "TASK_DEF")
        below = {one for one in runs[:MOST_RUNS] if await self._is_below(who.project, one, run_id)}

        def within(tx: Transaction) -> UsesOfRun:
            shown = {one for one in below if _may_read(tx, who, one)}
            total, results = 0, list[UseOf]()
            for one in receipt.of_tree(tx, who.project, root):
                if one.run_id in shown and (one.where.place != RUNTIME_METADATA or shows(one.where.task_type)):
                    if page.start <= total < page.start + page.size:
                        results.append(_shown(one))
                    total += 1
            return UsesOfRun(total, tuple(results), len(runs) <= MOST_RUNS)

        return await self.gate.scan(within)

    async def where(self, who: Principal, name: str, page: Page) -> Where:
        rows = await self.gate.scan(lambda tx: named_in(tx, who.project, name, page))
        revisions: dict[str, Revision] = {}
        for revision_id in {row["revision_id"] for row in rows}:
            revision = await or_none(self.gate.engine.revision(who.project, revision_id), NotFound)
            if revision is not None:
                revisions[revision_id] = revision
        puts = await self.gate.scan(lambda tx: putting(tx, who.project))
        deployed = Deployed(rows, revisions, await self.gate.engine.task_definitions(who.project), puts)
        return await self.gate.scan(lambda tx: self._uses().where(tx, Resource(KIND, name), who.project, page, deployed))

    async def dry_run(self, who: Principal, name: str, policy: Policy, days: int) -> DryRun:
        """Nothing is changed."""
        return await self.gate.scan(lambda tx: self._uses().dry_run(tx, who.project, name, policy, days))

    def _uses(self) -> Uses:
        gate = self.gate
        explainer = Explainer(gate.credentials, Remedies(gate.groups, gate.applications))
        return Uses(gate.secrets, explainer, gate.secrets.clock.now())

    async def _is_below(self, project: str, run_id: str, above: str) -> bool:
        """Whether it is that run or one that it started, over however many others. One that is deleted is below nothing."""
        seen: str | None = run_id
        while seen is not None and seen != above:
            view = await or_none(self.gate.engine.run(project, seen, False), NotFound)
            seen = view.run.parent_workflow_id if view else None
        return seen is not None


def _may_read(tx: Transaction, who: Principal, run_id: str) -> bool:
    belonging = belonging_of(tx, who.project, run_id)
    if belonging is None:
        return False
    verdict = decide_on_run(who, Access.READ, belonging, authority_on(tx, who, belonging.resource))
    return isinstance(verdict, Allowed)


def _shown(one: Receipt) -> UseOf:
    where = one.where
    return UseOf(
        one.run_id, where.workflow, one.workflow_version, one.task_id, where.task_ref, where.task_type, where.place, one.secret,
        one.path, one.version, one.door, one.consumer, one.to.shown, one.voucher, one.starter, one.at,
    )  # fmt: skip
