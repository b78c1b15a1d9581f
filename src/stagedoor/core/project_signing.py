"""The keys that project secret keys are signed with: HS256, sealed, the newest signs. Each verifies until no secret key's row names it.

They lie under the key for this one purpose (core/masterkey.py), which lies under the master key: a rotation of that one rewraps it.
"""

from dataclasses import dataclass, field

from stagedoor.core.audit import Audit
from stagedoor.core.epoch import project_signing_changed
from stagedoor.core.masterkey import PROJECT_KEYS, MasterKeys
from stagedoor.core.principal import Principal
from stagedoor.kit.clock import Clock
from stagedoor.kit.hs256 import HmacKey
from stagedoor.kit.ids import NewId
from stagedoor.store.store import Transaction


@dataclass(frozen=True)
class ProjectSigning:
    keys: MasterKeys
    clock: Clock
    new_id: NewId
    audit: Audit
    _known: dict[str, HmacKey] = field(default_factory=dict, repr=False)

    def newest(self, tx: Transaction) -> HmacKey:
        """The one that signs, made where there is none; no rotation drops it before the transaction ends."""
        project_signing_changed(tx)
        row = tx.one("project_signing_key_newest")
        found = self.by_kid(tx, row["kid"]) if row else None
        return found or self._new(tx)

    def by_kid(self, tx: Transaction, kid: str) -> HmacKey | None:
        """None where there is none. One that is dropped has no row of a secret key left to prove (core/project_key.py asks for it)."""
        if kid not in self._known:
            row = tx.one("project_signing_key_by_kid", kid=kid)
            if row is None:
                return None
            self._known[kid] = HmacKey(kid, self.keys.derived(tx, PROJECT_KEYS).open(row["sealed"], signing_identity(kid)))
        return self._known[kid]

    def rotate(self, tx: Transaction, who: Principal) -> tuple[str, int]:
        """Another key signs from now on: (its kid, how many of those before it went because no secret key names them)."""
        project_signing_changed(tx)
        key = self._new(tx)
        gone = tx.do("project_signing_keys_drop_unused", kid=key.kid)
        self.audit.change(tx, who, "project_signing_key.rotate", f"PROJECT_SIGNING_KEY {key.kid}", f"{gone} before it are gone")
        return key.kid, gone

    def _new(self, tx: Transaction) -> HmacKey:
        key, newest = HmacKey.new(self.new_id()), tx.one("project_signing_key_newest")
        at = max(self.clock.now(), newest["created_at"] + 1 if newest else 0)
        sealed = self.keys.derived(tx, PROJECT_KEYS).seal(key.private(), signing_identity(key.kid))
        tx.do("project_signing_key_insert", kid=key.kid, sealed=sealed, created_at=at)
        return key


def signing_identity(kid: str) -> str:
    return f"project_signing_key:{kid}"
