"""Explain, who-can and what-if for a server: what they need is read by the gate's bridges and the engine's port."""

from dataclasses import dataclass

from stagedoor.core.change import Change, Parts
from stagedoor.core.explainer import Able, Explainer, Explanation
from stagedoor.core.principal import Principal
from stagedoor.core.question import Question
from stagedoor.core.remedy import Remedies
from stagedoor.engine.port import Search
from stagedoor.gate.conditions import Conditions
from stagedoor.gate.gate import Gate, or_none
from stagedoor.gate.stops import Deployed
from stagedoor.gate.what_if import Trial, WhatIf, seen
from stagedoor.kit.errors import NotFound

MOST_RUNS = 1000


@dataclass(frozen=True)
class Explaining:
    gate: Gate

    async def explain(self, asker: Principal, who: Principal, question: Question) -> Explanation:
        """`who` with a credential is asked for that credential too."""
        return await self.gate.scan(lambda tx: self._explainer().explain(tx, asker, who, question))

    async def who_can(self, who: Principal, question: Question) -> list[Able]:
        return await self.gate.scan(lambda tx: self._explainer().who_can(tx, who.project, question))

    async def what_if(self, who: Principal, change: Change) -> WhatIf:
        """What would stop. Nothing is changed; what the change itself would be refused with is raised."""
        engine, gate = self.gate.engine, self.gate
        _, running = await engine.search(who.project, Search(status="RUNNING", size=MOST_RUNS))
        revisions, records = await engine.definitions(who.project), await engine.task_definitions(who.project)
        ids = {run.revision_id for run in running} - {revision.revision_id for revision in revisions}
        older = [await or_none(engine.revision(who.project, one), NotFound) for one in sorted(ids)]
        deployed = Deployed(revisions, records, running, [one for one in older if one])
        parts = Parts(gate.groups, gate.applications, gate.credentials, gate.secrets)
        conditions = Conditions(gate.secrets, gate.projects, gate.usage)
        try:
            # A trial for each attempt: the store may run it again.
            await gate.change(lambda tx: Trial(parts, conditions, deployed).within(tx, who, change))
        except Exception as problem:
            if (found := seen(problem)) is None:
                raise
            return found
        raise AssertionError("a trial leaves nothing")

    def _explainer(self) -> Explainer:
        return Explainer(self.gate.credentials, Remedies(self.gate.groups, self.gate.applications))
