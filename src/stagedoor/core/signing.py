"""The token signing keys: sealed under the master key, so that nodes share them; verification keys stay while they are published."""

from dataclasses import dataclass

from stagedoor.kit.clock import Clock
from stagedoor.kit.crypto import Key
from stagedoor.kit.ids import NewId
from stagedoor.kit.tokens import SigningKey
from stagedoor.store.store import Transaction


@dataclass(frozen=True)
class SigningKeys:
    master: Key
    clock: Clock
    new_id: NewId

    def create(self, tx: Transaction) -> SigningKey:
        key = SigningKey.new(self.new_id())
        sealed = self.master.seal(key.private(), f"signing_key:{key.kid}")
        tx.do("signing_key_insert", kid=key.kid, sealed=sealed, created_at=self.clock.now())
        return key

    def all(self, tx: Transaction) -> list[SigningKey]:
        """Newest first: the first one signs, every one verifies."""
        return [
            SigningKey.load(row["kid"], self.master.open(row["sealed"], f"signing_key:{row['kid']}"))
            for row in tx.all("signing_keys")
        ]  # fmt: skip
