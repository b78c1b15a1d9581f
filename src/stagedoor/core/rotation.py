"""Rotation of the master key: everything that one master key wrapped is wrapped by another, in portions, while servers run.

First the new one becomes active, so that nothing new comes under the old; a transaction that seals holds that off until it ends.
Then each portion is a transaction of its own. Wherever it is interrupted, each row says which key wrapped it, and both are at hand.
"""

from collections.abc import Iterator
from dataclasses import dataclass

from stagedoor.core.audit import Audit
from stagedoor.core.masterkey import MasterKeys, derived_identity
from stagedoor.core.principal import Principal
from stagedoor.core.project import data_key_identity
from stagedoor.core.signing import signing_key_identity
from stagedoor.kit.crypto import Key
from stagedoor.kit.errors import Conflict
from stagedoor.store.store import Row, Transaction

PORTION = 20
_CHECKED = 500


@dataclass(frozen=True, slots=True)
class Progress:
    """How many keys there are, and how many of them are not yet under the new master key."""

    total: int
    left: int


@dataclass(frozen=True)
class Rotation:
    keys: MasterKeys
    audit: Audit

    def under_way(self, tx: Transaction) -> str | None:
        """The id of the master key that a rotation which has not ended brings in."""
        others = [row for row in tx.all("master_keys_unretired") if row["master_id"] != self.active_id(tx)]
        return self.active_id(tx) if others else None

    def is_wrapped(self, tx: Transaction, master_id: str) -> bool:
        """Whether it lies with a key service."""
        return bool((tx.one("master_key_by_id", master_id=master_id) or {}).get("wrapped"))

    def active_id(self, tx: Transaction) -> str | None:
        row = tx.one("master_key_active")
        return row["master_id"] if row else None

    def begin(self, tx: Transaction, who: Principal, new: Key, wrapped: str | None = None) -> bool:
        """From now on new things are sealed under `new`. False where they are already, and nothing is left to do under another.

        Conflict where another rotation is under way: the old key of that one is still needed."""
        row = tx.one("master_key_active_locked")
        assert row is not None, "the store knows its master key: bootstrap has seen to it"
        under_way = self.under_way(tx)
        if row["master_id"] == new.id:
            return under_way is not None
        if under_way is not None:
            raise Conflict(f"a rotation to master key {under_way} is under way: finish that one first, with the same key")
        tx.do("master_key_insert", master_id=new.id, wrapped=wrapped, created_at=self.keys.clock.now())
        if (tx.one("master_key_by_id", master_id=new.id) or {}).get("retired_at"):
            raise Conflict(f"master key {new.id} has been used before and was given up: make another")
        tx.do("master_key_activate", master_id=new.id)
        self.keys.learn(new)
        self.audit.change(tx, who, "master_key.rotate", f"MASTER_KEY {new.id}", f"begun, in place of {row['master_id']}")
        return True

    def portion(self, tx: Transaction, new: Key, size: int = PORTION) -> Progress:
        """Rewrap a few rows. Conflict where another master key is active meanwhile."""
        if self.keys.active(tx).id != new.id:
            raise Conflict(f"master key {new.id} is not the active one any more: another rotation has begun")
        for row in tx.all("derived_keys_by_master", master_id=new.id, portion=size):
            identity = derived_identity(row["purpose"])
            tx.do("derived_key_rewrap", purpose=row["purpose"], **self._rewrapped(tx, row, new, identity))
        for row in tx.all("signing_keys_by_master", master_id=new.id, portion=size):
            identity = signing_key_identity(row["kid"])
            sealed = new.seal(self.keys.opened(tx, row, identity), identity)
            tx.do("signing_key_rewrap", kid=row["kid"], sealed=sealed, master_id=new.id)
        for row in tx.all("data_keys_by_master", master_id=new.id, portion=size):
            identity = data_key_identity(row["project_id"], row["key_id"])
            tx.do("data_key_rewrap", project_id=row["project_id"], key_id=row["key_id"], **self._rewrapped(tx, row, new, identity))
        return self.progress(tx, new)

    def progress(self, tx: Transaction, new: Key) -> Progress:
        row = tx.one("keys_left_by_master", master_id=new.id)
        assert row is not None
        return Progress(row["total"], row["left_over"])

    def check(self, tx: Transaction, alone: MasterKeys, after: str = "") -> str | None:
        """Open everything with the new master key alone, a portion of the data keys at a time: what to go on `after`, None at the end.
        MasterKeyMissing or SealBroken where something does not open."""
        if not after:
            for identity, row in self._few(tx):
                alone.opened(tx, row, identity)
        rows = tx.all("data_keys_after", after=after, portion=_CHECKED)
        for row in rows:
            alone.unwrapped(tx, row, data_key_identity(row["project_id"], row["key_id"]))
        return rows[-1]["key_id"] if len(rows) == _CHECKED else None

    def finish(self, tx: Transaction, who: Principal, new: Key) -> None:
        """The keys before it are given up. Conflict where something is still under one of them."""
        tx.one("master_key_active_locked")
        left = self.progress(tx, new).left
        if left or self.active_id(tx) != new.id:
            raise Conflict(f"{left} keys are not under master key {new.id} yet")
        if tx.do("master_keys_retire", master_id=new.id, retired_at=self.keys.clock.now()):
            self.audit.change(tx, who, "master_key.rotate", f"MASTER_KEY {new.id}", "done; the ones before it are not needed any more")

    def _rewrapped(self, tx: Transaction, row: Row, new: Key, identity: str) -> dict[str, object]:
        return {"sealed": self.keys.unwrapped(tx, row, identity).rewrapped(new, identity), "master_id": new.id}

    def _few(self, tx: Transaction) -> Iterator[tuple[str, Row]]:
        yield from ((derived_identity(row["purpose"]), row) for row in tx.all("derived_keys"))
        yield from ((signing_key_identity(row["kid"]), row) for row in tx.all("signing_keys"))
