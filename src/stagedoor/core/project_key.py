"""The keys of a project: one publishable key, which names it, and secret keys, which prove it (contract/project-keys.md, 1.2).

A secret key is `sk_conductor_` + a JWT whose `jti` is its row's id. The row keeps SHA-256 of the whole token, so that a stolen signing key
signs nothing that is taken; a MAC, so that a digest written into the database is not taken either. A key from before (`import_digest`) is
known by its SHA-256 alone.
"""

import re
from dataclasses import dataclass
from typing import Literal

from stagedoor.core.audit import Audit
from stagedoor.core.credential import Credentials, end_of, turned_away
from stagedoor.core.epoch import name_changed, subject_changed
from stagedoor.core.principal import Principal, project_user
from stagedoor.core.project_signing import ProjectSigning
from stagedoor.core.publishable_key import PUBLISHABLE_PREFIX
from stagedoor.core.succession import Succession, succession
from stagedoor.kit.clock import Clock
from stagedoor.kit.crypto import digest, same
from stagedoor.kit.errors import BadInput, Conflict, NotFound, Unauthenticated
from stagedoor.kit.hs256 import SecretKeyClaims, kid_of
from stagedoor.kit.ids import NewId
from stagedoor.kit.secretvalue import SecretValue
from stagedoor.kit.strictjson import check_name
from stagedoor.store.store import Row, Transaction

SECRET_KEY = "secret_key"  # noqa: S105  the kind of such a credential
SECRET_KEY_PREFIX = "sk_conductor_"  # noqa: S105  a prefix for scanners, no secret
LONGEST = 4096
SEEN = {
    PUBLISHABLE_PREFIX: "a publishable key was sent where a secret key belongs",
    "orch_": "an API key (orch_) was sent where a project's secret key belongs",
    "sds_": "an application's access key was sent where a project's secret key belongs",
    "auth_sess_client_secret_": "the client secret of an auth session was sent where a project's secret key belongs",
}
"""What else people send, by its prefix: none of it is ever looked up as a secret key."""
_SECRET_KEY_LIKE = re.compile(r"(sk_[a-z]{1,16}_).{16}")
_SHA256 = re.compile(r"[0-9a-fA-F]{64}")


class SecretKeyInvalid(Unauthenticated):
    """Invalid API key provided."""


class SecretKeyView(Succession, rename="camel", frozen=True, omit_defaults=True):
    """A secret key as listed. `legacy`: imported by its hash. Times in epoch milliseconds; the last use is some seconds late."""

    id: str
    name: str
    mask: str
    created_at: int
    status: Literal["ACTIVE", "INACTIVE"]
    legacy: bool
    created_by: str
    last_used_at: int | None
    last_used_from: str | None


@dataclass(frozen=True)
class ProjectKeys:
    clock: Clock
    new_id: NewId
    audit: Audit
    credentials: Credentials
    signing: ProjectSigning

    def create(self, tx: Transaction, who: Principal, name: str) -> tuple[SecretKeyView, SecretValue]:
        """A secret key of the caller's project, and the only time that it is shown."""
        check_name(name, "name")
        key_id = self.new_id()
        secret, columns = self.fresh(tx, who, key_id)
        self._insert(tx, who, key_id, columns | {"name": name})
        self.audit.change(tx, who, "secret_key.create", f"PROJECT {who.project}", key_id)
        return self.get(tx, who.project, key_id), secret

    def fresh(self, tx: Transaction, who: Principal, key_id: str) -> tuple[SecretValue, dict[str, object]]:
        """A token for a row with this id, and the columns that come of it. For new keys and rotated ones."""
        signer = self.signing.newest(tx)
        token = SECRET_KEY_PREFIX + signer.sign(SecretKeyClaims(key_id, who.project, self.clock.now() // 1000))
        return SecretValue(token), {"kid": signer.kid, "digest": digest(token), "mask": mask_of(token)}

    def import_digest(self, tx: Transaction, who: Principal, name: str, sha256: str) -> SecretKeyView:
        """A key from before, of which only SHA-256 is known. Conflict where something here has that digest: a key is one project's."""
        check_name(name, "name")
        if not _SHA256.fullmatch(sha256):
            raise BadInput("sha256: must be 64 hex characters, the SHA-256 of the whole key", "sha256")
        told, key_id = sha256.lower(), self.new_id()
        name_changed(tx, "#", SECRET_KEY, told)
        if tx.all("credentials_with_digest", digest=told):
            raise Conflict("sha256: a key with this hash is here already")
        self._insert(tx, who, key_id, {"digest": told, "name": name, "mask": f"sha256:{told[:4]}...{told[-4:]}"})
        self.audit.change(tx, who, "secret_key.import", f"PROJECT {who.project}", key_id)
        return self.get(tx, who.project, key_id)

    def all(self, tx: Transaction, project: str) -> list[SecretKeyView]:
        return [self._view(row) for row in tx.all("secret_keys_of_project", project_id=project, owner=project_user(project))]

    def get(self, tx: Transaction, project: str, key_id: str) -> SecretKeyView:
        row = tx.one("secret_key_of_project", project_id=project, id=key_id)
        if row is None:
            raise NotFound(f"project {project} has no secret key {key_id}")
        return self._view(row)

    def toggle(self, tx: Transaction, who: Principal, key_id: str) -> SecretKeyView:
        """ACTIVE becomes INACTIVE and back, at once."""
        self.get(tx, who.project, key_id)
        self.credentials.toggle(tx, who, key_id, f"PROJECT {who.project}", key_id)
        return self.get(tx, who.project, key_id)

    def delete(self, tx: Transaction, who: Principal, key_id: str) -> None:
        subject_changed(tx, who.project, f"USER:{project_user(who.project)}")
        self.get(tx, who.project, key_id)
        tx.do("credential_delete", project_id=who.project, id=key_id)
        self.audit.change(tx, who, "secret_key.delete", f"PROJECT {who.project}", key_id)

    def prove(self, tx: Transaction, token: str) -> Principal:
        """The project behind a secret key. Whatever is wrong with it, the answer is the same, save that another kind of key is named."""
        for prefix, told in SEEN.items():
            if token.startswith(prefix):
                raise SecretKeyInvalid(f"Invalid API key provided: {told}.")
        row = (self._signed(tx, token) or self._imported(tx, token)) if len(token) <= LONGEST else None
        told = f"Invalid API key provided{_shown(token)}."
        if row is None or row["paused_at"] or any(row[name] and self.clock.now() >= row[name] for name in ("expires_at", "retire_at")):
            raise turned_away(SecretKeyInvalid(told), row)
        tampered = self.credentials.tampered(tx, row)
        if tampered is not None:
            tampered.message = told
            raise tampered
        return Principal(row["project_id"], row["owner"], row["id"])

    def _view(self, row: Row) -> SecretKeyView:
        end = end_of(row)
        ended = row["paused_at"] or (end is not None and self.clock.now() >= end)
        return SecretKeyView(
            row["id"], row["name"] or "", row["mask"] or "", row["created_at"], "INACTIVE" if ended else "ACTIVE",
            row["kid"] is None, row["created_by"], row["last_used_at"], row["last_used_from"], **succession(row),
        )  # fmt: skip

    def _signed(self, tx: Transaction, token: str) -> Row | None:
        """The row that a token of ours names, if its signature holds and it is that row's very token."""
        jwt = token.removeprefix(SECRET_KEY_PREFIX)
        kid = kid_of(jwt) if jwt != token else None
        signer = self.signing.by_kid(tx, kid) if kid and "\0" not in kid else None  # which PostgreSQL does not take
        if signer is None:
            return None
        claims = signer.verify(jwt)
        row = tx.one("credential_by_id", id=claims.jti) if claims else None
        if claims is None or row is None or row["kind"] != SECRET_KEY or (row["kid"], row["project_id"]) != (kid, claims.project):
            return None
        return row if same(row["digest"] or "", digest(token)) else None

    def _imported(self, tx: Transaction, token: str) -> Row | None:
        row = tx.one("credential_by_digest", digest=digest(token), kind=SECRET_KEY)
        return row if row is not None and row["kid"] is None else None

    def _insert(self, tx: Transaction, who: Principal, key_id: str, columns: dict[str, object]) -> None:
        self.credentials.insert(tx, who, SECRET_KEY, {"id": key_id, "owner": project_user(who.project), **columns})


def mask_of(key: str) -> str:
    """`sk_conductor_...` and its last four characters."""
    return f"{SECRET_KEY_PREFIX}...{key[-4:]}"


def _shown(token: str) -> str:
    """`: 'sk_live_...1234'` of what looks like a secret key, as the contract's own example has it; of anything else nothing."""
    found = _SECRET_KEY_LIKE.match(token)
    return f": '{found[1]}...{token[-4:]}'" if found and token.isascii() and token.isprintable() else ""
