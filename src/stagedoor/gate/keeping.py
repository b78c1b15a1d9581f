"""UPDATE_SECRET: a run puts a version of a secret (contract/orkes.md B, end; docs/decisions/0024-environment-and-masking.md).

Who started the run, who saved its definition and, of a failure workflow, who began the run that failed must all be able to put that
secret themselves, at that moment. From then on the run's tree is redacted for the value, as for one that was handed out in it.
"""

from dataclasses import dataclass

from stagedoor.core.audit import Audit
from stagedoor.core.epoch import name_changed, subject_changed
from stagedoor.core.grant import authority_on, check_new_name
from stagedoor.core.permission import Access, Denied, Resource, Verdict, decide_save
from stagedoor.core.principal import Principal
from stagedoor.core.secret import KIND, Secrets
from stagedoor.core.usage import MAKE, Usage, Use
from stagedoor.engine.port import Candidate
from stagedoor.kit.clock import Clock
from stagedoor.kit.errors import BadInput, Conflict
from stagedoor.kit.secretvalue import SecretValue
from stagedoor.store.store import Transaction

DOOR = "update"


@dataclass(frozen=True)
class Keeping:
    secrets: Secrets
    audit: Audit
    clock: Clock
    usage: Usage

    def keep(self, tx: Transaction, candidate: Candidate, name: str, value: SecretValue) -> str | None:
        """`Doors.keep`: None, or why nothing was put. What goes wrong otherwise undoes the whole transaction."""
        project, run = candidate.project, candidate.run
        try:
            check_new_name(name, "secretKey")
        except BadInput as problem:
            return problem.message
        name_changed(tx, project, KIND, name)
        there = self.secrets.exists(tx, project, name)
        starter, saver = Principal(project, run.starter), Principal(project, candidate.revision.saved_by)
        first = Principal(project, run.created_by or run.starter)
        for who, part in ((starter, "who started the run"), (first, "who began what led to it"), (saver, "who saved the definition")):
            verdict = decide_put(tx, who, name, there)
            if isinstance(verdict, Denied):
                reason = f"403: {verdict.reason}, which {who.user} needs, {part}"
                self.audit.refusal(tx, who, f"secret.{DOOR}", f"{KIND} {name}", f"run {run.workflow_id}: {reason}")
                return reason
        try:
            self.secrets.put(tx, starter, name, value)
        except (BadInput, Conflict) as problem:  # refused before anything was written
            return problem.message
        if not there and saver.user != starter.user:
            subject_changed(tx, project, saver.subject)
            self.secrets.grants.own(tx, saver, Resource(KIND, name))
        for who in {starter, saver}:
            self.usage.within(tx, who, Use(Access.UPDATE, KIND, name) if there else Use(MAKE, KIND, ""))
        self._remember(tx, candidate, name)
        return None

    def _remember(self, tx: Transaction, candidate: Candidate, name: str) -> None:
        """A receipt: what enters the tree of runs from now on is redacted for this version."""
        opened, run = self.secrets.open(tx, candidate.project, name), candidate.run
        tx.do(
            "receipt_insert", root_id=run.root_id or run.workflow_id, run_id=run.workflow_id, task_id=candidate.task.task_id,
            secret_id=opened.secret_id, secret_name=name, version=opened.version, door=DOOR, consumer=run.starter,
            opened_at=self.clock.now(),
        )  # fmt: skip


def decide_put(tx: Transaction, who: Principal, name: str, there: bool) -> Verdict:
    """UPDATE on the secret where it exists, else a role that creates secrets: as for the route that puts one."""
    secret = Resource(KIND, name)
    return decide_save(who, secret, there, authority_on(tx, who, secret))
