"""Trusts in the store: each is a credential of the kind `federated`, which has no secret. Its digest is that of the terms, so that the
credential's MAC vouches for them: a row that something else than this program changed lets nobody in."""

import json
from dataclasses import dataclass
from typing import Literal

import msgspec

from stagedoor.core.audit import Audit
from stagedoor.core.ceiling import Ceiling, both, text_of
from stagedoor.core.credential import FEDERATED, Credentials
from stagedoor.core.epoch import subject_changed
from stagedoor.core.principal import Principal, application_user
from stagedoor.core.revocation import KEPT, revoke
from stagedoor.core.signing import LONGEST_LIFE
from stagedoor.core.trust import Terms
from stagedoor.kit.assertion import Assertion
from stagedoor.kit.clock import Clock
from stagedoor.kit.crypto import digest, same
from stagedoor.kit.errors import NotFound, Unauthenticated
from stagedoor.kit.ids import NewId
from stagedoor.store.store import Row, Transaction


class Trust(msgspec.Struct, rename="camel", frozen=True, omit_defaults=True):
    """As listed. Times are epoch milliseconds."""

    id: str
    name: str
    issuer: str
    audience: str
    conditions: dict[str, str]
    reuse: bool
    status: Literal["ACTIVE", "INACTIVE"]
    created_at: int
    changed_at: int
    ceiling: Ceiling | None = None


@dataclass(frozen=True)
class Candidate:
    """A trust that somebody who names its application may come by."""

    id: str
    project: str
    application: str
    revision: str
    terms: Terms


@dataclass(frozen=True)
class Trusts:
    credentials: Credentials
    audit: Audit
    clock: Clock
    new_id: NewId

    def of(self, tx: Transaction, project: str, application: str) -> list[Trust]:
        return [_trust(row) for row in tx.all("trusts_of_application", project_id=project, application_id=application)]

    def get(self, tx: Transaction, project: str, application: str, trust: str) -> Trust:
        found = next((one for one in self.of(tx, project, application) if one.id == trust), None)
        if found is None:
            raise NotFound(f"application {application} has no trust {trust}")
        return found

    def create(self, tx: Transaction, who: Principal, application: str, terms: Terms) -> Trust:
        """What the caller's own credential may not, those that are trusted may not either. `terms` have been checked."""
        trust, now = self.new_id(), self.clock.now()
        row = self._written(tx, who, application, trust, terms)
        tx.do("trust_insert", **row, application_id=application, created_at=now)
        self.audit.change(tx, who, "trust.create", f"APPLICATION {application}", f"{trust} {terms.issuer}")
        return self.get(tx, who.project, application, trust)

    def replace(self, tx: Transaction, who: Principal, application: str, trust: str, terms: Terms) -> Trust:
        """Other terms. Tokens that were had by the terms before are good no longer; whether it is paused stays."""
        before, revision = self.get(tx, who.project, application, trust), self._row(tx, who.project, application, trust)["revision"]
        owner = Principal(who.project, application_user(application))
        revoke(tx, owner, revision, self.clock.now() + LONGEST_LIFE, self.clock.now())
        tx.do("credential_delete", project_id=who.project, id=trust)
        tx.do("trust_change", **self._written(tx, who, application, trust, terms))
        if before.status == "INACTIVE":
            tx.do("credential_set_paused", project_id=who.project, id=trust, paused_at=self.clock.now())
        self.audit.change(tx, who, "trust.update", f"APPLICATION {application}", f"{trust} {terms.issuer}")
        return self.get(tx, who.project, application, trust)

    def toggle(self, tx: Transaction, who: Principal, application: str, trust: str) -> Trust:
        """ACTIVE becomes INACTIVE and back; the tokens that were had by it stop and work again with it."""
        self.get(tx, who.project, application, trust)
        self.credentials.toggle(tx, who, trust, f"APPLICATION {application}", trust)
        return self.get(tx, who.project, application, trust)

    def delete(self, tx: Transaction, who: Principal, application: str, trust: str) -> None:
        self.get(tx, who.project, application, trust)
        subject_changed(tx, who.project, f"USER:{application_user(application)}")
        tx.do("credential_delete", project_id=who.project, id=trust)
        tx.do("trust_delete", project_id=who.project, id=trust)
        self.audit.change(tx, who, "trust.delete", f"APPLICATION {application}", trust)

    def candidates(self, tx: Transaction, application: str) -> list[Candidate]:
        """Of whatever project."""
        return [
            Candidate(row["id"], row["project_id"], row["application_id"], row["revision"], _terms(row))
            for row in tx.all("trusts_by_application", application_id=application)
        ]  # fmt: skip

    def take(self, tx: Transaction, candidate: Candidate, shown: Assertion) -> Principal:
        """Let somebody in whose verified token fits: audited, with whom the issuer says it is. Unauthenticated where the trust is not as
        it was when the token was judged by it, not live, or the token was shown before."""
        who = self.credentials.alive(tx, candidate.id)
        row, credential = self._row(tx, candidate.project, candidate.application, candidate.id), tx.one("credential_by_id", id=candidate.id)
        vouched = _digest(candidate.project, candidate.application, row["terms"], row["revision"])
        fits = credential is not None and credential["kind"] == FEDERATED and same(credential["digest"] or "", vouched)
        if not fits or who.user != application_user(candidate.application) or not _as_judged(row, candidate):
            raise Unauthenticated
        if not candidate.terms.reuse:
            self._use_once(tx, candidate, shown)
        named = ascii(str(shown.claims.get("sub", ""))[:200])
        self.audit.change(tx, who, "trust.use", f"APPLICATION {candidate.application}", f"{candidate.id} {named}")
        return who

    def _use_once(self, tx: Transaction, candidate: Candidate, shown: Assertion) -> None:
        now, ends = self.clock.now(), int(shown.claims["exp"]) * 1000
        seen = digest(json.dumps([candidate.terms.issuer, *_named(shown)]))
        tx.do("used_assertions_prune", project_id=candidate.project, before=now - KEPT)
        if not tx.do("used_assertion_insert", project_id=candidate.project, digest=seen, expires_at=ends):
            raise Unauthenticated("it was shown before")

    def _row(self, tx: Transaction, project: str, application: str, trust: str) -> Row:
        row = tx.one("trust_by_id", id=trust, project_id=project, application_id=application)
        if row is None:
            raise NotFound(f"application {application} has no trust {trust}")
        return row

    def _written(self, tx: Transaction, who: Principal, application: str, trust: str, terms: Terms) -> dict[str, object]:
        """The credential, made; and the columns of its trust."""
        ceiling = both(who.ceiling, terms.ceiling)
        text, revision = msgspec.json.encode(msgspec.structs.replace(terms, ceiling=ceiling)).decode(), self.new_id()
        self.credentials.insert(tx, who, FEDERATED, {
            "id": trust, "owner": application_user(application), "name": terms.name or None, "ceiling": text_of(ceiling),
            "digest": _digest(who.project, application, text, revision),
        })  # fmt: skip
        return {"id": trust, "project_id": who.project, "terms": text, "revision": revision, "changed_at": self.clock.now()}


def _digest(project: str, application: str, terms: str, revision: str) -> str:
    """Of no text that could be presented as a key: that one could not hold a NUL."""
    return digest("trust\0" + json.dumps([project, application, terms, revision]))


def _as_judged(row: Row, candidate: Candidate) -> bool:
    """The terms that count are those in this transaction: the ones by which the token was judged were read before, and unvouched for."""
    return row["revision"] == candidate.revision and _terms(row) == candidate.terms


def _named(shown: Assertion) -> tuple[str, ...]:
    """What a token is known by once it was shown: its `jti` or, where it has none, all that was signed."""
    jti = shown.claims.get("jti")
    return (jti,) if isinstance(jti, str) and jti else ("", shown.signed)


def _terms(row: Row) -> Terms:
    return msgspec.json.decode(row["terms"], type=Terms)


def _trust(row: Row) -> Trust:
    terms = _terms(row)
    return Trust(
        row["id"], terms.name, terms.issuer, terms.audience, terms.conditions, terms.reuse,
        "INACTIVE" if row["paused_at"] else "ACTIVE", row["created_at"], row["changed_at"], terms.ceiling,
    )  # fmt: skip
