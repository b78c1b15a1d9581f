"""`engine.port.Doors`: the hand-off, the egress, and the redaction of whatever comes back."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

from stagedoor.core.project import Erased
from stagedoor.core.secret import Destroyed, Secrets
from stagedoor.engine.definition import Json
from stagedoor.engine.embedded.decision import Performed
from stagedoor.engine.port import Candidate, Verdict
from stagedoor.engine.run import RUN_TERMINAL, Run
from stagedoor.gate.egress import Egress
from stagedoor.gate.handoff import Handoff
from stagedoor.gate.keeping import Keeping
from stagedoor.gate.redaction import MaskEverything, Redactor
from stagedoor.kit import strictjson
from stagedoor.kit.crypto import SealBroken
from stagedoor.kit.errors import BadInput
from stagedoor.kit.secretvalue import SecretValue
from stagedoor.store.store import Transaction

MASKS_NOTHING = Redactor(())
MASKS_EVERYTHING = MaskEverything()
_JSON = frozenset('{["0123456789-')
"""How a value may begin into which a path leads, white space apart."""


@dataclass(frozen=True)
class GateDoors:
    handoff: Handoff
    egress: Egress
    secrets: Secrets
    keeping: Keeping

    def admit(self, tx: Transaction, candidate: Candidate, consumer: object) -> Verdict:
        return self.handoff.admit(tx, candidate, consumer)

    def keep(self, tx: Transaction, candidate: Candidate, name: str, value: SecretValue) -> str | None:
        return self.keeping.keep(tx, candidate, name, value)

    async def send(self, candidate: Candidate) -> Performed:
        return await self.egress.send(candidate, self.redactor)

    def clean(self, tx: Transaction, run: Run, value: Json) -> Json:
        """Redacted for every version of a secret that was opened in this run or any other of its tree."""
        return self.redactor(tx, run).clean(value)

    def clean_log(self, tx: Transaction, run: Run, lines: Sequence[str], earlier: Callable[[], Sequence[str]]) -> list[str]:
        redactor = self.redactor(tx, run)
        return list(lines) if redactor is MASKS_NOTHING else redactor.clean_lines([*earlier(), *lines])

    def redactor(self, tx: Transaction, run: Run) -> Redactor:
        rows = tx.all("versions_opened", root_id=run.root_id or run.workflow_id)
        if not rows:
            return MASKS_NOTHING
        values: list[str] = []
        for row in rows:
            try:
                values += parts_of(self.secrets.open_version(tx, run.project_id, row["secret_id"], row["version"]).reveal())
            except Destroyed:  # only once all runs that were handed it had ended: what comes late cannot be told from the value
                if run.status in RUN_TERMINAL:
                    return MASKS_EVERYTHING
            except (Erased, SealBroken):  # nobody knows what to look for, whatever the run does
                return MASKS_EVERYTHING
        return Redactor(values)


def parts_of(value: str) -> Sequence[str]:
    """A value and, where it is JSON, every text or number in it: `${workflow.secrets.NAME.path}` hands out those."""
    if value.lstrip(" \t\r\n")[:1] not in _JSON:
        return (value,)
    try:
        return [value, *_leaves(strictjson.decode(value.encode()))]
    except BadInput:  # no path leads into such a value: `opening.select` reads it in the same way
        return (value,)


def _leaves(value: Json) -> Iterator[str]:
    if isinstance(value, dict):
        for member in value.values():
            yield from _leaves(member)
    elif isinstance(value, list):
        for member in value:
            yield from _leaves(member)
    elif value is not None and not isinstance(value, bool):
        yield str(value)
