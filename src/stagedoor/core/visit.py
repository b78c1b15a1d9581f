"""Visits: one browser that has shown an end user's link. The link is spent with that, and a cookie speaks for it from then on.

The cookie is random (192 bits) and kept as SHA-256; the row carries a MAC over whom it speaks for, as an auth session's does.
"""

import json
from dataclasses import dataclass

from stagedoor.core.auth_session import LONGEST, AuthSession
from stagedoor.core.masterkey import CREDENTIAL, MasterKeys
from stagedoor.kit.clock import Clock
from stagedoor.kit.crypto import digest, same
from stagedoor.kit.ids import new_token
from stagedoor.store.store import Row, Transaction

COOKIE = "sdc_"
MINUTE = 60_000
LASTS = 60 * MINUTE
KEPT = (LONGEST + 24 * 60) * MINUTE
"""Longer than any link lives, so that none is used twice."""
_BOUND = ("visit", "project_id", "session_id", "end_user_id", "redirect_url", "created_at", "expires_at")


@dataclass(frozen=True, slots=True)
class Visit:
    """`id`: SHA-256 of the cookie. `ended`: it has connected what it came for. `expires_at` in epoch milliseconds."""

    id: str
    project: str
    session_id: str
    end_user_id: str
    redirect_url: str | None
    expires_at: int
    ended: bool


@dataclass(frozen=True)
class Visits:
    clock: Clock
    keys: MasterKeys

    def begin(self, tx: Transaction, session: AuthSession) -> str | None:
        """The cookie; None where the link was used before."""
        cookie, now = new_token(COOKIE), self.clock.now()
        row = {
            "visit": digest(cookie), "project_id": session.project, "session_id": session.id, "end_user_id": session.end_user_id,
            "redirect_url": session.redirect_url, "created_at": now, "expires_at": now + LASTS,
        }  # fmt: skip
        tx.do("visits_prune", project_id=session.project, before=now - KEPT)
        return cookie if tx.do("visit_insert", **row, mac=self._mac(tx, row)) else None

    def of(self, tx: Transaction, cookie: str) -> Visit | None:
        """None where there is none, or it is over, or its row is not as this program wrote it."""
        row = tx.one("visit_by_digest", visit=digest(cookie))
        if row is None or row["expires_at"] <= self.clock.now() or not same(row["mac"], self._mac(tx, row)):
            return None
        return Visit(
            row["visit"], row["project_id"], row["session_id"], row["end_user_id"], row["redirect_url"], row["expires_at"],
            row["ended_at"] is not None,
        )  # fmt: skip

    def end(self, tx: Transaction, visit: Visit) -> bool:
        """False where it had ended before."""
        return bool(tx.do("visit_end", project_id=visit.project, visit=visit.id, at=self.clock.now()))

    def token(self, tx: Transaction, visit: Visit, *words: str) -> str:
        """64 hex characters that only this server can make, for one use in one visit."""
        return self.keys.derived(tx, CREDENTIAL).mac(json.dumps(["visit", visit.id, *words]).encode())

    def _mac(self, tx: Transaction, row: Row) -> str:
        said = ["connect_visit", *(row[name] for name in _BOUND)]
        return self.keys.derived(tx, CREDENTIAL).mac(json.dumps(said).encode())
