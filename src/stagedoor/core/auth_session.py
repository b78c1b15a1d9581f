"""Auth sessions: the link by which one end user connects, without an account (contract/project-keys.md, 1.3).

The client secret in the link is random (192 bits), shown once and stored as SHA-256. The row carries a MAC over whom and what it speaks
for, so that a digest moved to another row opens nothing.
"""

import json
import re
from dataclasses import dataclass
from urllib.parse import urlsplit

from stagedoor.core.audit import Audit
from stagedoor.core.end_user import EndUsers
from stagedoor.core.masterkey import CREDENTIAL, MasterKeys
from stagedoor.core.principal import Principal
from stagedoor.kit.clock import Clock
from stagedoor.kit.crypto import digest, same
from stagedoor.kit.errors import BadInput
from stagedoor.kit.ids import NewId, new_token
from stagedoor.kit.secretvalue import SecretValue
from stagedoor.store.store import Row, Transaction

PREFIX = "auth_sess_"
CLIENT_SECRET = "auth_sess_client_secret_"  # noqa: S105  a prefix for scanners, no secret
MINUTE = 60_000
SHORTEST, USUAL, LONGEST = 15, 30, 7 * 24 * 60
"""Minutes a link may live."""
KEPT = 30 * 24 * 60 * MINUTE
"""How long a link's row outlives it."""
MAX_URL = 2048
_BOUND = ("id", "project_id", "end_user_id", "digest", "redirect_url", "created_by", "created_at", "expires_at")
_SPOILS_URL = re.compile(r"[\x00-\x20\x7f-\xa0\\\u2028\u2029\ud800-\udfff]")


@dataclass(frozen=True, slots=True)
class AuthSession:
    """Times in epoch milliseconds. `redirect_url`: where the end user goes at the end; None: nowhere."""

    id: str
    project: str
    end_user_id: str
    redirect_url: str | None
    created_at: int
    expires_at: int


@dataclass(frozen=True)
class AuthSessions:
    end_users: EndUsers
    clock: Clock
    new_id: NewId
    audit: Audit
    keys: MasterKeys

    def create(
        self, tx: Transaction, who: Principal, end_user_id: str, *, minutes: float = USUAL, redirect_url: str | None = None
    ) -> tuple[AuthSession, SecretValue]:
        """With its client secret, which nobody is shown again. NotFound where there is no such end user; BadInput names the field."""
        life, url = _life(minutes), check_redirect(redirect_url)
        self.end_users.must_exist(tx, who.project, end_user_id)
        secret, now = new_token(CLIENT_SECRET), self.clock.now()
        session = AuthSession(f"{PREFIX}{self.new_id().replace('-', '')}", who.project, end_user_id, url, now, now + life)
        row = {
            "id": session.id, "project_id": session.project, "end_user_id": session.end_user_id, "digest": digest(secret),
            "redirect_url": url, "created_by": who.user, "created_at": now, "expires_at": session.expires_at,
        }  # fmt: skip
        tx.do("auth_session_insert", **row, mac=self._mac(tx, row))
        self.audit.change(tx, who, "auth_session.create", f"END_USER {end_user_id}", session.id)
        return session, SecretValue(secret)

    def by_client_secret(self, tx: Transaction, secret_digest: str) -> AuthSession | None:
        """The session whose client secret has this digest (`kit.crypto.digest`); None where there is none, or it has ended, or its row is
        not as this program wrote it."""
        row = tx.one("auth_session_by_digest", digest=secret_digest)
        if row is None or row["expires_at"] <= self.clock.now() or not same(row["mac"], self._mac(tx, row)):
            return None
        return _session(row)

    def prune(self, tx: Transaction, project: str) -> None:
        """Forget links that ended long ago."""
        tx.do("auth_sessions_prune", project_id=project, before=self.clock.now() - KEPT)

    def _mac(self, tx: Transaction, row: Row) -> str:
        said = ["auth_session", *(row[name] for name in _BOUND)]
        return self.keys.derived(tx, CREDENTIAL).mac(json.dumps(said).encode())


def check_redirect(url: str | None) -> str | None:
    """BadInput unless it is an absolute http or https address without user info: a browser is sent there."""
    if url is None:
        return None
    try:
        parts = urlsplit(url)
        good = parts.scheme in ("http", "https") and bool(parts.hostname) and parts.port != 0
    except ValueError:
        good = False
    if not good or "@" in parts.netloc or len(url) > MAX_URL or _SPOILS_URL.search(url):
        told = f"redirectUrl: must be an absolute http or https URL of at most {MAX_URL} characters, without user info"
        raise BadInput(told, "redirectUrl")
    return url


def _life(minutes: float) -> int:
    if not SHORTEST <= minutes <= LONGEST:
        raise BadInput(f"linkExpiryMins: must be from {SHORTEST} to {LONGEST} (7 days)", "linkExpiryMins")
    return round(minutes * MINUTE)


def _session(row: Row) -> AuthSession:
    return AuthSession(row["id"], row["project_id"], row["end_user_id"], row["redirect_url"], row["created_at"], row["expires_at"])
