"""The token signing keys: sealed under the master key, so that nodes share them; verification keys stay while they are published."""

from dataclasses import dataclass

from stagedoor.core.masterkey import MasterKeys
from stagedoor.kit.clock import Clock
from stagedoor.kit.ids import NewId
from stagedoor.kit.tokens import SigningKey
from stagedoor.store.store import Transaction


@dataclass(frozen=True)
class SigningKeys:
    keys: MasterKeys
    clock: Clock
    new_id: NewId

    def create(self, tx: Transaction) -> SigningKey:
        key = SigningKey.new(self.new_id())
        master = self.keys.active(tx)
        sealed = master.seal(key.private(), signing_key_identity(key.kid))
        tx.do("signing_key_insert", kid=key.kid, sealed=sealed, master_id=master.id, created_at=self.clock.now())
        return key

    def all(self, tx: Transaction) -> list[SigningKey]:
        """Newest first: the first one signs, every one verifies."""
        return [
            SigningKey.load(row["kid"], self.keys.opened(tx, row, signing_key_identity(row["kid"])))
            for row in tx.all("signing_keys")
        ]  # fmt: skip

    def recognise(self, tx: Transaction) -> bool:
        """A store of an earlier version does not know its master key's name: its signing keys tell it, and are sealed anew as this version
        does, so that a store is recognised once. SealBroken where no master key at hand opens them; False where there are none."""
        rows = tx.all("signing_keys")
        for row in rows:
            kid, before = row["kid"], f"signing_key:{row['kid']}"
            self.keys.recognise(tx, row, before)
            plain, master = self.keys.opened(tx, {**row, "master_id": None}, before), self.keys.active(tx)
            tx.do("signing_key_rewrap", kid=kid, sealed=master.seal(plain, signing_key_identity(kid)), master_id=master.id)
        return bool(rows)


def signing_key_identity(kid: str) -> str:
    """Not what earlier versions sealed under: nothing that this version wrote passes for a store of theirs (`recognise`)."""
    return f"signing_key:{kid}:named"
