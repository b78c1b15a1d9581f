"""The audit: one row for each change (in its transaction), each value handed out, each refusal of an identified principal."""

import json
from collections.abc import Callable
from dataclasses import dataclass, replace

from stagedoor.core.principal import Principal
from stagedoor.kit.clock import Clock
from stagedoor.kit.crypto import Key, digest
from stagedoor.kit.ids import NewId
from stagedoor.store.store import Transaction

MINUTE = 60_000


@dataclass(frozen=True)
class Audit:
    """Writes audit rows. Each carries an HMAC over its own columns, by a key that is in the database only wrapped (core/masterkey.py)."""

    key_of: Callable[[Transaction], Key]
    clock: Clock
    new_id: NewId

    def change(self, tx: Transaction, who: Principal, action: str, target: str, detail: str = "") -> None:
        """A change that was made, or a value that was seen: exactly one row, in the transaction of the deed."""
        self._insert(tx, who, _Entry(self.new_id(), self.clock.now(), (action, target, "done", detail)))

    def refusal(self, tx: Transaction, who: Principal, action: str, target: str, detail: str) -> None:
        """A refusal; identical ones of one credential within the same minute are one row with a count, also when they come at once."""
        minute = self.clock.now() // MINUTE * MINUTE
        audit_id = digest(json.dumps([who.project, who.user, who.credential, action, target, detail, minute]))
        self._count_up(tx, who, _Entry(audit_id, minute, (action, target, "refused", detail)))

    def anonymous(self, tx: Transaction, project: str, address: str, minute: int, count: int) -> None:
        """So many failed attempts of nobody known from one address within one minute (epoch ms): one row, also of several nodes."""
        audit_id = digest(json.dumps([project, "", None, "authenticate", address, minute]))
        self._count_up(tx, Principal(project, ""), _Entry(audit_id, minute, ("authenticate", address, "refused", ""), count))

    def _count_up(self, tx: Transaction, who: Principal, entry: "_Entry") -> None:
        if self._insert(tx, who, entry, "audit_insert_once"):
            return
        seen = tx.one("audit_locked", audit_id=entry.audit_id)
        again = replace(entry, count=(seen["count"] if seen else 0) + entry.count)
        tx.do("audit_count", audit_id=entry.audit_id, count=again.count, mac=self._mac(tx, who, again))

    def _insert(self, tx: Transaction, who: Principal, entry: "_Entry", statement: str = "audit_insert") -> int:
        action, target, outcome, detail = entry.deed
        return tx.do(
            statement, audit_id=entry.audit_id, project_id=who.project, at=entry.at, actor=who.user, credential=who.credential,
            action=action, target=target, outcome=outcome, detail=detail, count=entry.count, mac=self._mac(tx, who, entry),
        )  # fmt: skip

    def _mac(self, tx: Transaction, who: Principal, entry: "_Entry") -> str:
        columns = [entry.audit_id, who.project, entry.at, who.user, who.credential, *entry.deed, entry.count]
        return self.key_of(tx).mac(json.dumps(columns).encode())


@dataclass(frozen=True, slots=True)
class _Entry:
    audit_id: str
    at: int
    deed: tuple[str, str, str, str]
    """Action, target, outcome, detail."""
    count: int = 1
