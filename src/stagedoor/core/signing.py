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

    def recognise(self, tx: Transaction) -> None:
        """A store of an earlier version does not know its master key's name: the newest signing key tells it. SealBroken where no master
        key at hand opens that."""
        for row in tx.all("signing_keys")[:1]:
            self.keys.recognise(tx, row, signing_key_identity(row["kid"]))


def signing_key_identity(kid: str) -> str:
    return f"signing_key:{kid}"
