"""Whose a run is: it belongs to the name that it was started as, not to whatever is called so later (docs/decisions/0017)."""

from typing import NamedTuple

from stagedoor.core.permission import Access, Allowed, Authority, Denied, Resource, Verdict, decide
from stagedoor.core.principal import Principal
from stagedoor.store.store import Transaction

WORKFLOW = "WORKFLOW_DEF"
NO_NAME = ""
"""No workflow is called so: only what reaches every workflow reaches this."""


class Belonging(NamedTuple):
    """`started_as`: the workflow's name at the start. `name`: the name whose grants count for the run, None once that one is deleted."""

    started_as: str
    name: str | None

    @property
    def resource(self) -> Resource:
        """What to ask an authority for."""
        return Resource(WORKFLOW, self.name or NO_NAME)


def belonging_of(tx: Transaction, project: str, run_id: str) -> Belonging | None:
    """To which name a run belongs; None where the project has no such run."""
    row = tx.one("name_of_run", project_id=project, run_id=run_id)
    return Belonging(row["started_as"], row["name"]) if row else None


def decide_on_run(who: Principal, access: Access, belonging: Belonging, authority: Authority) -> Verdict:
    """As for the name that the run belongs to; where that is deleted, only by what reaches every workflow."""
    verdict = decide(who, access, belonging.resource, authority)
    if isinstance(verdict, Allowed) or belonging.name is not None:
        return verdict
    missing = f"{access} on every {WORKFLOW}"
    told = f"missing: {missing}, for the definition that the run was started from has been deleted"
    return Denied(missing, f"You don't have permissions to {access.lower()} workflow: {belonging.started_as} ({told})")
