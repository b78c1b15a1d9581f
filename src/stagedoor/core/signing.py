"""The token signing keys: sealed under the master key, so that nodes share them. One signs; those before it verify until no token that
they signed can be alive, and are published as long (docs/decisions/0035-tokens-and-trusts.md)."""

from collections.abc import Mapping
from dataclasses import dataclass

from stagedoor.core.audit import Audit
from stagedoor.core.masterkey import CREDENTIAL, MasterKeys
from stagedoor.core.principal import Principal
from stagedoor.kit.clock import Clock
from stagedoor.kit.errors import Conflict
from stagedoor.kit.ids import NewId
from stagedoor.kit.tokens import SigningKey
from stagedoor.store.store import Row, Transaction

SIGNING = "#signing"
"""The epoch of the signing keys; no project's id holds a `#`."""
LONGEST_LIFE = 24 * 60 * 60_000
"""Of an access token, in milliseconds."""
OVERLAP = LONGEST_LIFE + 10 * 60_000
"""How long a key that signs no more verifies: nodes learn of it a little later, and their clocks differ a little."""
KEPT = 7 * 24 * 60 * 60_000


@dataclass(frozen=True, slots=True)
class Held:
    """A key, and from when on (epoch ms) it verifies nothing; None for the one that signs."""

    key: SigningKey
    retires_at: int | None


@dataclass(frozen=True)
class SigningKeys:
    keys: MasterKeys
    clock: Clock
    new_id: NewId

    def create(self, tx: Transaction) -> SigningKey:
        """It signs from now on; what becomes of the others is the caller's matter."""
        key = SigningKey.new(self.new_id(), self.keys.derived(tx, CREDENTIAL))
        master, now = self.keys.active(tx), self.clock.now()
        sealed = master.seal(key.private(), signing_key_identity(key.kid))
        first = max((row["signs_from"] for row in tx.all("signing_keys")), default=0) + 1
        tx.do("signing_key_insert", kid=key.kid, sealed=sealed, master_id=master.id, created_at=now, signs_from=max(now, first))
        return key

    def held(self, tx: Transaction, known: Mapping[str, Held]) -> list[Held]:
        """Those that verify, the one that signs first. What is `known` is not opened again."""
        rows = [row for row in tx.all("signing_keys") if not self._retired(row)]
        return [
            Held(known[row["kid"]].key if row["kid"] in known else self._opened(tx, row), row["retired_at"])
            for row in rows
        ]  # fmt: skip

    def knows(self, tx: Transaction, kid: str) -> bool:
        """Whether there is such a key at all, retired or not. A point read."""
        return tx.one("signing_key_known", kid=kid) is not None

    def all(self, tx: Transaction) -> list[SigningKey]:
        """The first one signs, every one verifies."""
        return [held.key for held in self.held(tx, {})]

    def rotate(self, tx: Transaction, who: Principal, audit: Audit, *, at_once: bool = False) -> str:
        """Another key signs; its id. The ones before it verify on for OVERLAP, or nothing any more with `at_once`."""
        tx.raise_epoch(SIGNING)
        before, now = self._signer(tx), self.clock.now()
        key = self.create(tx)
        tx.do("signing_keys_retire", kid=key.kid, retired_at=now if at_once else now + OVERLAP)
        tx.do("signing_keys_prune", before=now - KEPT)
        audit.change(tx, who, "signing_key.rotate", f"SIGNING_KEY {key.kid}", f"in place of {before}{', at once' if at_once else ''}")
        return key.kid

    def roll_back(self, tx: Transaction, who: Principal, audit: Audit) -> str:
        """The key before signs again; its id. Conflict where none is left that verifies."""
        tx.raise_epoch(SIGNING)
        signer, *others = [row for row in tx.all("signing_keys") if not self._retired(row)]
        if not others:
            raise Conflict("there is no signing key before this one that still verifies")
        kid, now = others[0]["kid"], self.clock.now()
        tx.do("signing_key_sign", kid=kid, signs_from=max(now, signer["signs_from"] + 1))
        tx.do("signing_keys_retire", kid=kid, retired_at=now + OVERLAP)
        audit.change(tx, who, "signing_key.roll_back", f"SIGNING_KEY {kid}", f"in place of {signer['kid']}")
        return str(kid)

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

    def _signer(self, tx: Transaction) -> str:
        return str(next((row["kid"] for row in tx.all("signing_keys") if not self._retired(row)), ""))

    def _opened(self, tx: Transaction, row: Row) -> SigningKey:
        private = self.keys.opened(tx, row, signing_key_identity(row["kid"]))
        return SigningKey.load(row["kid"], private, self.keys.derived(tx, CREDENTIAL))

    def _retired(self, row: Row) -> bool:
        return row["retired_at"] is not None and bool(self.clock.now() >= row["retired_at"])


def signing_key_identity(kid: str) -> str:
    """Not what earlier versions sealed under: nothing that this version wrote passes for a store of theirs (`recognise`)."""
    return f"signing_key:{kid}:named"
