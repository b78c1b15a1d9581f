"""A person leaves: deleted, with a list of the references to secrets that are shut from then on, and the commands that open them again.

What would stop can be asked before that: `POST /api/auth/what-if`, `DELETE /api/users/{id}?dryRun=true` (gate/what_if.py).
"""

from collections.abc import Callable, Iterator, Sequence

import msgspec

from stagedoor.core.permission import NOTHING
from stagedoor.core.principal import Principal
from stagedoor.engine.port import TaskRecord
from stagedoor.gate.execution_terms import PLACE
from stagedoor.gate.gate import Gate
from stagedoor.gate.handoff import RUNTIME_METADATA
from stagedoor.gate.stops import adoption_of, adoption_of_task
from stagedoor.gate.vouchers import SEES_ALL
from stagedoor.store.store import Transaction


class Left(msgspec.Struct, rename="camel", frozen=True):
    """A reference that nobody vouches for any more. `version` and `task` null: what a task definition (`name`) names. `secret` null: it is
    a task that may ask for execution tokens."""

    name: str
    version: int | None
    task: str | None
    place: str
    secret: str | None
    remedy: str


async def delete_user(
    gate: Gate, who: Principal, user_id: str, expected: int | None = None, *, demand: Callable[[Transaction], None] = lambda tx: None
) -> list[Left]:
    """Delete the account; what is left behind is told to whoever looks after rights, for it names workflows and secrets. `demand` is asked
    in the transaction of the deletion."""
    sees = SEES_ALL in (await gate.authenticator.authority(who, NOTHING)).permissions
    records = [one for one in await gate.engine.task_definitions(who.project) if one.saved_by == user_id] if sees else []

    def within(tx: Transaction) -> list[Left]:
        demand(tx)
        left = list(_left(tx, who.project, user_id, records)) if sees else []
        gate.directory.delete(tx, who, user_id, expected)
        return left

    return await gate.change(within)


def _left(tx: Transaction, project: str, user: str, records: Sequence[TaskRecord]) -> Iterator[Left]:
    for row in tx.all("left_by_user", project_id=project, voucher=user):
        remedy = adoption_of(row["name"], row["version"], user, running=True)
        yield Left(row["name"], row["version"], row["task_ref"], row["place"] or PLACE, row["secret_name"], remedy)
    for record in records:
        name = record.definition.name
        for secret in dict.fromkeys(record.definition.runtime_metadata):
            yield Left(name, None, None, RUNTIME_METADATA, secret, adoption_of_task(name, user))
