"""Console sessions: a person signed in with a browser, which shows a cookie for it (docs/decisions/0039-console-sessions.md).

The cookie is random (192 bits) and kept as SHA-256 in a credential like any other, under its MAC. Access tokens are minted by it, and end
with it. It is opened where every sign-in is (core/signin.py).
"""

from dataclasses import dataclass

from stagedoor.core.credential import CONSOLE_SESSION, Credentials, turned_away
from stagedoor.core.epoch import subject_changed
from stagedoor.core.principal import Principal
from stagedoor.kit.crypto import digest
from stagedoor.kit.errors import TokenExpired, Unauthenticated
from stagedoor.kit.keyformat import CONSOLE_SESSION as FORMAT
from stagedoor.kit.secretvalue import SecretValue
from stagedoor.store.store import Row, Transaction

IDLE = 60 * 60_000
"""Milliseconds after which a session that nothing was done by is over: neither its cookie nor a token of it was shown."""


class NoSession(Unauthenticated):
    """there is no such session: sign in"""


class SessionOver(TokenExpired):
    """this session is over: sign in again"""


def idle_until(row: Row) -> int:
    """Then (epoch ms) a session is over for want of use."""
    return int(max(row["created_at"], row["last_used_at"] or 0)) + IDLE


@dataclass(frozen=True, slots=True)
class Proven:
    """Whom a cookie speaks for, and from when on (epoch ms) it no longer does."""

    principal: Principal
    until: int


@dataclass(frozen=True)
class ConsoleSessions:
    credentials: Credentials

    def prove(self, tx: Transaction, cookie: SecretValue) -> Proven:
        """NoSession where there was never one, or it was ended; SessionOver past its time, or unused for long."""
        row = self._row(tx, cookie)
        if row is None or row["paused_at"]:
            raise self.credentials.tampered(tx, row) or turned_away(NoSession(), row)
        self.credentials.check(tx, row)
        now = self.credentials.clock.now()
        if now >= min(row["expires_at"], idle_until(row)):
            raise turned_away(SessionOver(), row)
        return Proven(Principal(row["project_id"], row["owner"], row["id"]), row["expires_at"])

    def end(self, tx: Transaction, cookie: SecretValue) -> None:
        """With all that it minted. Nothing where there is none."""
        row = self._row(tx, cookie)
        if row is None:
            return
        self.credentials.check(tx, row)
        who = Principal(row["project_id"], row["owner"], row["id"])
        subject_changed(tx, who.project, who.subject)
        if tx.do("credential_delete", project_id=who.project, id=row["id"]):
            self.credentials.audit.change(tx, who, "session.close", f"USER {who.user}", row["id"])

    def _row(self, tx: Transaction, cookie: SecretValue) -> Row | None:
        """What cannot be a cookie is seen without touching the store."""
        text = cookie.reveal()
        if not FORMAT.holds(text):
            return None
        return tx.one("console_session_by_digest", digest=digest(text), kind=CONSOLE_SESSION)
