"""`engine.port.Doors`: the hand-off, the egress, and the redaction of whatever comes back."""

from collections.abc import Iterator
from dataclasses import dataclass

from stagedoor.core.secret import Secrets
from stagedoor.engine.definition import Json
from stagedoor.engine.embedded.decision import Performed
from stagedoor.engine.port import Candidate, Verdict
from stagedoor.engine.run import Run
from stagedoor.gate.egress import Egress
from stagedoor.gate.handoff import Handoff
from stagedoor.gate.redaction import Redactor
from stagedoor.kit import strictjson
from stagedoor.kit.errors import BadInput
from stagedoor.store.store import Transaction

MASKS_NOTHING = Redactor(())


@dataclass(frozen=True)
class GateDoors:
    handoff: Handoff
    egress: Egress
    secrets: Secrets

    def admit(self, tx: Transaction, candidate: Candidate, consumer: object) -> Verdict:
        return self.handoff.admit(tx, candidate, consumer)

    async def send(self, candidate: Candidate) -> Performed:
        return await self.egress.send(candidate, self.redactor)

    def clean(self, tx: Transaction, run: Run, value: Json) -> Json:
        """Redacted for every version of a secret that was opened in this run or any other of its tree."""
        return self.redactor(tx, run).clean(value)

    def redactor(self, tx: Transaction, run: Run) -> Redactor:
        rows = tx.all("versions_opened", root_id=run.root_id or run.workflow_id)
        if not rows:
            return MASKS_NOTHING
        values = [self.secrets.open_version(tx, run.project_id, row["secret_id"], row["version"]).reveal() for row in rows]
        return Redactor([part for one in values for part in _parts(one)])


def _parts(value: str) -> Iterator[str]:
    """A value and, where it is JSON, every text or number in it: `${workflow.secrets.NAME.path}` hands out those."""
    yield value
    if value[:1] in "{[":
        try:
            yield from _leaves(strictjson.decode(value.encode()))
        except BadInput:  # no path leads into such a value: `opening.select` reads it in the same way
            return


def _leaves(value: Json) -> Iterator[str]:
    if isinstance(value, dict):
        for member in value.values():
            yield from _leaves(member)
    elif isinstance(value, list):
        for member in value:
            yield from _leaves(member)
    elif value is not None and not isinstance(value, bool):
        yield str(value)
