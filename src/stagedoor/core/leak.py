"""Credentials found where they do not belong: whose they are, paused at once, and what they did since (docs/decisions/0036-leaks.md).

A credential is known by the digest of its secret, an access token by its signature. Of an access token the token alone is ended, not the
credential that it came by, whose secret nobody has seen.
"""

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from functools import partial
from typing import Literal

import msgspec

from stagedoor.core.audit import Audit
from stagedoor.core.credential import Credentials
from stagedoor.core.credential_use import Counts, Shown, shown, since
from stagedoor.core.epoch import subject_changed
from stagedoor.core.principal import Principal
from stagedoor.core.revocation import revoke
from stagedoor.core.signing import Held, SigningKeys
from stagedoor.kit import keyformat
from stagedoor.kit.clock import Clock
from stagedoor.kit.crypto import digest
from stagedoor.kit.errors import Unauthenticated
from stagedoor.kit.scanner import scan_text
from stagedoor.kit.secretvalue import SecretValue
from stagedoor.kit.tokens import Claims, ExecutionClaims, is_execution_token, verify
from stagedoor.store.store import Row, Transaction

REPORTER = "stagedoor-leaks"
"""Who pauses, in the audit."""
LONGEST_PLACE, LONGEST_SOURCE = 2_000, 100
MOST_LOOKED_AT = 16_000
"""Characters of such a text; one made to be looked at for long takes a second."""
PAGE = 100
_TOKEN, _LINK = keyformat.ACCESS_TOKEN, keyformat.AUTH_SESSION
State = Literal["LIVE", "PAUSED", "EXPIRED", "RETIRED", "REVOKED", "TAMPERED"]


class Match(msgspec.Struct, frozen=True):
    """One finding as GitHub reports it: `type` is the reporter's name for its kind, `url` may be empty, `source` is a word for the sort of
    place."""

    token: str
    type: str = ""
    url: str = ""
    source: str = ""

    def __repr__(self) -> str:
        return f"Match(token=***, type={self.type!r})"


@dataclass(frozen=True, slots=True)
class Known:
    """A credential of this store, or a token that one of them minted. `token`: (jti, end in epoch ms)."""

    project: str
    credential: str
    kind: str
    owner: str
    mask: str
    state: State
    token: tuple[str, int] | None = None


class Leak(msgspec.Struct, rename="camel", frozen=True):
    """A finding as who may manage the credential is shown it. `credential` None: it is deleted. `since`: what was done with the credential
    from the first report on, or from the time that was asked about, to the hour. Times in epoch milliseconds."""

    id: str
    credential_id: str
    kind: str
    owner: str
    mask: str
    url: str
    source: str
    reported_by: str
    first_reported_at: int
    last_reported_at: int
    reports: int
    paused_at: int | None
    credential: Shown | None
    since: Counts


@dataclass
class Leaks:
    clock: Clock
    audit: Audit
    credentials: Credentials
    signing: SigningKeys
    _held: dict[str, Held] = field(default_factory=dict, repr=False)

    def known(self, tx: Transaction, secret: SecretValue) -> Known | None:
        """None where this store has never had it, has deleted it, or it is public anyway. Of several with one digest, one that lives."""
        text = secret.reveal()
        rows = (tx.one("credential_by_id", id=row["id"]) for row in tx.all("credentials_with_digest", digest=digest(text)))
        found = [self._of_row(tx, row, text) for row in rows if row is not None and row["kind"] not in keyformat.PUBLIC]
        if found:
            return min(found, key=lambda one: one.state != "LIVE")
        return self._of_token(tx, text) if _TOKEN.holds(text) else self._of_link(tx, text)

    def report(self, tx: Transaction, match: Match, reported_by: str) -> Known | None:
        """Ends what lives, and writes down where it was found, once for each place. What was known of it before, or None."""
        secret = SecretValue(match.token)
        found = self.known(tx, secret)
        if found is None:
            return None
        subject_changed(tx, found.project, f"USER:{found.owner}")
        found = self.known(tx, secret)
        if found is None:
            return None
        now = self.clock.now()
        if found.kind == _LINK.kind:
            tx.do("visit_of_session_forget", project_id=found.project, session_id=found.credential)
        ends = found.state == "LIVE" or (found.state == "PAUSED" and found.token is not None)  # else it comes back with its credential
        paused_at = self._end(tx, found, now) if ends else None
        place, source = shortened(match.url, LONGEST_PLACE), shortened(match.source, LONGEST_SOURCE)
        row = {
            "leak_id": digest(json.dumps([found.project, digest(match.token), place])), "project_id": found.project,
            "credential": found.credential, "kind": found.kind, "owner": found.owner, "mask": found.mask, "place": place, "source": source,
            "reported_by": reported_by, "now": now, "paused_at": paused_at,
        }  # fmt: skip
        new = tx.do("leak_insert_once", **row)
        if not new:
            tx.do("leak_again", **row)
        if new or paused_at:
            ended = "ended at once" if paused_at else f"it was {found.state} already"
            detail = f"{found.kind} {found.mask} of {found.owner}, found at {place or 'a place not named'}, told by {reported_by}: {ended}"
            self.audit.change(tx, Principal(found.project, REPORTER), "credential.leaked", f"CREDENTIAL {found.credential}", detail)
        return found

    def all(self, tx: Transaction, project: str, before: int, start: int | None) -> Iterator[tuple[str, Callable[[], Leak]]]:
        """(owner, what makes the answer), newest first, those first reported before a time. `start`: count from then on."""
        last = ""
        while rows := tx.all("leaks_of_project", project_id=project, before=before, last=last, size=PAGE):
            for row in rows:
                yield row["owner"], partial(self._leak, tx, project, row, start)
            before, last = rows[-1]["first_at"], rows[-1]["leak_id"]

    def _leak(self, tx: Transaction, project: str, row: Row, start: int | None) -> Leak:
        return Leak(
            row["leak_id"], row["credential"], row["kind"], row["owner"], row["mask"], row["place"], row["source"], row["reported_by"],
            row["first_at"], row["last_at"], row["reports"], row["paused_at"], shown(tx, project, row["credential"], self.clock.now()),
            since(tx, project, row["credential"], row["owner"], row["first_at"] if start is None else start),
        )  # fmt: skip

    def _end(self, tx: Transaction, found: Known, now: int) -> int:
        if found.token is not None:
            revoke(tx, Principal(found.project, found.owner), found.token[0], found.token[1], now)
        elif found.kind == _LINK.kind:
            tx.do("auth_session_end", project_id=found.project, id=found.credential, now=now)
        else:
            tx.do("credential_set_paused", project_id=found.project, id=found.credential, paused_at=now)
        return now

    def _of_link(self, tx: Transaction, text: str) -> Known | None:
        """By the client secret of an auth session, which is no row among the credentials."""
        row = tx.one("auth_session_by_digest", digest=digest(text)) if _LINK.holds(text) else None
        if row is None:
            return None
        state: State = "EXPIRED" if self.clock.now() >= row["expires_at"] else "LIVE"
        return Known(row["project_id"], row["id"], _LINK.kind, row["created_by"], _LINK.mask(text), state)

    def _of_row(self, tx: Transaction, row: Row, text: str) -> Known:
        return Known(row["project_id"], row["id"], row["kind"], row["owner"], keyformat.mask(text), self._state(tx, row))

    def _state(self, tx: Transaction, row: Row) -> State:
        if self.credentials.tampered(tx, row) is not None:
            return "TAMPERED"
        if row["paused_at"]:
            return "PAUSED"
        if row["expires_at"] and self.clock.now() >= row["expires_at"]:
            return "EXPIRED"
        return "RETIRED" if row["retire_at"] and self.clock.now() >= row["retire_at"] else "LIVE"

    def _of_token(self, tx: Transaction, text: str) -> Known | None:
        """By its signature, whatever issuer and audience it names: those may have been changed since."""
        claims = self._claims(tx, text)
        row = tx.one("credential_by_id", id=claims.client_id) if claims else None
        if claims is None or row is None:
            return None
        state, end = self._state(tx, row), claims.exp * 1000
        if self.clock.now() >= end:
            state = "EXPIRED"
        elif any(tx.one("revoked_token_by_jti", project_id=claims.project, jti=jti) for jti in (claims.jti, *claims.origin)):
            state = "REVOKED"
        return Known(claims.project, row["id"], _TOKEN.kind, claims.sub, _TOKEN.mask(text), state, (claims.jti, end))

    def _claims(self, tx: Transaction, text: str) -> Claims | None:
        self._held = {held.key.kid: held for held in self.signing.held(tx, self._held)}
        keys, issuer = {kid: held.key for kid, held in self._held.items()}, str(_TOKEN.payload(text).get("iss"))
        try:
            return verify(text, keys, issuer, None, ExecutionClaims if is_execution_token(text) else Claims)
        except Unauthenticated:
            return None


def shortened(text: str, longest: int) -> str:
    """A text from outside for rows that people read: no secret in it, no control character."""
    if len(text) > MOST_LOOKED_AT:
        return "not kept: it is too long"
    for hit in scan_text(text):
        if hit.text.reveal() not in text:  # it stands there in another spelling
            return f"not kept: it holds {hit.mask}"
        text = text.replace(hit.text.reveal(), hit.mask)
    return "".join(each if each.isprintable() else "?" for each in text)[:longest]
