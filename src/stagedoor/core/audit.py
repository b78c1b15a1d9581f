"""The audit: one row for each change (in its transaction), each value handed out, each refusal of an identified principal."""

import json
from dataclasses import dataclass

from stagedoor.core.principal import Principal
from stagedoor.kit.clock import Clock
from stagedoor.kit.crypto import Key, digest
from stagedoor.kit.ids import NewId
from stagedoor.store.store import Transaction

MINUTE = 60_000
Deed = tuple[str, str, str, str]
"""Action, target, outcome, detail."""


@dataclass(frozen=True)
class Audit:
    """Writes audit rows. Each carries an HMAC over its own columns, by a key that is not in the database."""

    key: Key
    clock: Clock
    new_id: NewId

    def change(self, tx: Transaction, who: Principal, action: str, target: str, detail: str = "") -> None:
        """A change that was made, or a value that was seen: exactly one row, in the transaction of the deed."""
        self._insert(tx, self.new_id(), who, (action, target, "done", detail), 1, self.clock.now())

    def refusal(self, tx: Transaction, who: Principal, action: str, target: str, detail: str) -> None:
        """A refusal; identical ones within the same minute are one row with a count."""
        minute = self.clock.now() // MINUTE * MINUTE
        audit_id = digest(json.dumps([who.project, who.user, action, target, detail, minute]))
        seen = tx.one("audit_by_id", audit_id=audit_id)
        if seen is None:
            self._insert(tx, audit_id, who, (action, target, "refused", detail), 1, minute)
            return
        count = seen["count"] + 1
        mac = self._mac(audit_id, who, (action, target, "refused", detail), count, minute)
        tx.do("audit_count", audit_id=audit_id, count=count, mac=mac)

    def _insert(self, tx: Transaction, audit_id: str, who: Principal, deed: Deed, count: int, at: int) -> None:
        action, target, outcome, detail = deed
        tx.do(
            "audit_insert",
            audit_id=audit_id,
            project_id=who.project,
            at=at,
            actor=who.user,
            credential=who.credential,
            action=action,
            target=target,
            outcome=outcome,
            detail=detail,
            count=count,
            mac=self._mac(audit_id, who, deed, count, at),
        )

    def _mac(self, audit_id: str, who: Principal, deed: Deed, count: int, at: int) -> str:
        return self.key.mac(json.dumps([audit_id, who.project, at, who.user, who.credential, *deed, count]).encode())
