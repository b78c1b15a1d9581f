"""What `stagedoor doctor` asks of the keys: does everything open, and by which master key."""

from collections.abc import Iterator

from stagedoor.core.masterkey import MasterKeys
from stagedoor.core.project import data_key_identity
from stagedoor.kit.errors import StagedoorError
from stagedoor.store.store import Transaction

LISTED = 5
_PORTION = 500


def findings(tx: Transaction, keys: MasterKeys, *, by_service: bool) -> Iterator[str]:
    """`by_service`: a key service is set, so the master key should lie with it."""
    row = tx.one("master_key_active")
    active = tx.one("master_key_by_id", master_id=row["master_id"]) if row else None
    if by_service and active is not None and active["wrapped"] is None:
        yield "master key: a key service is set, but the master key does not lie with it: `stagedoor rotate master-key --to key-service`"
    if len(tx.all("master_keys_unretired")) > 1:
        yield "master key: a rotation has begun and not ended: run `stagedoor rotate master-key` again"
    yield from _unopened(tx, keys)


def _unopened(tx: Transaction, keys: MasterKeys) -> Iterator[str]:
    after, found = "", 0
    while rows := tx.all("data_keys_after", after=after, portion=_PORTION):
        for row in rows:
            try:
                keys.unwrapped(tx, row, data_key_identity(row["project_id"], row["key_id"]))
            except StagedoorError as problem:
                found += 1
                if found <= LISTED:
                    yield f"master key: a data key of project {row['project_id']} does not open: {problem.message}"
        after = rows[-1]["key_id"]
    if found > LISTED:
        yield f"master key: {found - LISTED} more data keys do not open"
