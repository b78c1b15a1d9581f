"""Connections: what an end user gave for an integration's fields. Each value is a sealed version under an id of its own (decision 0034).

The id says whose value of which field it is (core/integration.py: value_id), and is a part of what the seal binds. Receipts, redaction and
the change of a data key know the versions of values as they know those of secrets.
"""

from collections.abc import Mapping
from dataclasses import dataclass

from stagedoor.core.audit import Audit
from stagedoor.core.end_user import KIND as END_USER
from stagedoor.core.end_user import EndUsers
from stagedoor.core.integration import REFRESH, Integration, value_id
from stagedoor.core.principal import END_USER_PREFIX, Principal
from stagedoor.core.secret import Handed, Opened, Secrets, at_text, encoded, version_identity
from stagedoor.kit.clock import Clock
from stagedoor.kit.crypto import digest, same
from stagedoor.kit.errors import Conflict, NotFound
from stagedoor.kit.ids import NewId
from stagedoor.kit.secretvalue import SecretValue
from stagedoor.store.store import Row, Transaction

RECENTLY = 60_000
AT_ONCE = 50
TRY_AGAIN = 5 * 60_000
SOON = 10 * 60_000
"""How long before its end a token is had anew; of one that lives less than twice as long, after half of its life."""


class AnotherProvider(Conflict):
    """the integration's token endpoint is not the one that this connection was made with: the end user has to connect anew"""


class NotConnected(NotFound):
    """the end user has given no value for the field, or it has expired; the message names field, integration and end user"""


@dataclass(frozen=True, slots=True)
class Lives:
    """How long a provider's token lives (epoch ms; None: nobody knows), and the token by which it is had anew, if any, with the token
    endpoint that gave it."""

    expires_at: int | None = None
    refresh: SecretValue | None = None
    endpoint: str = ""

    def renew_at(self, now: int) -> int | None:
        if self.expires_at is None or self.refresh is None:
            return None
        return self.expires_at - min(SOON, (self.expires_at - now) // 2)


@dataclass(frozen=True, slots=True)
class Due:
    """A token that is to be had anew: whose, of which field, and in which version it was found."""

    project: str
    end_user: str
    field: str
    slug: str
    version: int
    renew_at: int


@dataclass(frozen=True)
class Connections:
    secrets: Secrets
    end_users: EndUsers
    audit: Audit
    clock: Clock
    new_id: NewId

    def give(
        self, tx: Transaction, who: Principal, integration: Integration, values: Mapping[str, SecretValue], lives: "Lives | None" = None
    ) -> None:
        """Values of an integration's fields, in the name of the end user `who` (`actor`). Fields not named keep what they have. `lives`: of
        a provider's token.

        NotFound where the end user is gone, Conflict where the integration has changed since it was shown; BadInput for a value that is
        too long."""
        end_user, slug = who.user.removeprefix(END_USER_PREFIX), integration.slug
        made = self.end_users.connect(tx, who.project, end_user, slug)
        for name, value in values.items():
            row = tx.one("secret_locked", project_id=who.project, name=name)
            if row is None or row["integration"] != slug:
                raise Conflict(f"integration {slug} has changed meanwhile")
            self._give(tx, who, {"slug": slug, "name": name}, value, lives or Lives())
        self.end_users.used(tx, who.project, made.id, success=True)
        self.audit.change(tx, who, "connection.save", f"{END_USER} {end_user}", f"integration {slug}: {', '.join(values)}")

    def open(self, tx: Transaction, project: str, end_user: str, name: str, handed: Handed | None = None) -> Opened:
        """The end user's value of a field, or the one that the task was handed before. NotConnected; the caller audits it."""
        row = tx.one("value_kept", project_id=project, end_user_id=end_user, name=name)
        if row is None:
            raise NotConnected(f"end user {end_user} has given no value for {name}")
        if row["expires_at"] is not None and row["expires_at"] <= self.clock.now():
            expired = f"what end user {end_user} gave for {name} expired {at_text(row['expires_at'])}"
            raise NotConnected(f"{expired}: the end user connects {row['slug']} anew")
        secret_id = value_id(end_user, row)
        before = tx.one("version_handed", secret_id=secret_id, **handed._asdict()) if handed else None
        version: int = before["version"] if before and before["version"] is not None else row["version"]
        opened = Opened(secret_id, name, version, self.secrets.open_version(tx, project, secret_id, version))
        now = self.clock.now()
        tx.do("connection_used", project_id=project, end_user_id=end_user, slug=row["slug"], at=now, before=now - RECENTLY)
        return opened

    def filled(self, tx: Transaction, project: str, end_user: str, name: str) -> bool:
        """Whether the end user gave a value for a field before."""
        return tx.one("value_of_field", project_id=project, end_user_id=end_user, name=name) is not None

    def due(self, tx: Transaction, project: str) -> list["Due"]:
        """Tokens to be had anew, some of them."""
        rows = tx.all("values_to_renew", project_id=project, now=self.clock.now(), size=AT_ONCE)
        return [Due(project, row["end_user_id"], row["name"], row["slug"], row["version"], row["renew_at"]) for row in rows]

    def take(self, tx: Transaction, due: "Due") -> bool:
        """True for the one node that gets to renew it now."""
        place = {"project_id": due.project, "end_user_id": due.end_user, "name": due.field}
        later = self.clock.now() + TRY_AGAIN
        return bool(tx.do("value_renew_later", **place, version=due.version, renew_at=due.renew_at, later=later))

    def refresh_token(self, tx: Transaction, due: "Due", endpoint: str) -> SecretValue:
        """To be sent to this token endpoint: AnotherProvider unless that is the one which gave it. NotConnected: there is none."""
        kept = tx.one("value_kept", project_id=due.project, end_user_id=due.end_user, name=due.field + REFRESH)
        if kept is None:
            raise NotConnected(f"end user {due.end_user} has no refresh token for {due.field}")
        if not _given_by(kept, endpoint):
            raise AnotherProvider
        return self.secrets.open_version(tx, due.project, value_id(due.end_user, kept), kept["version"])

    def renewed(self, tx: Transaction, due: "Due", value: SecretValue, lives: "Lives") -> bool:
        """A token had anew takes the place of the one that was due. False where that one has changed or gone meanwhile."""
        locked = tx.one("secret_locked", project_id=due.project, name=due.field)
        row = tx.one("value_kept", project_id=due.project, end_user_id=due.end_user, name=due.field)
        if locked is None or row is None or row["version"] != due.version:
            return False
        who = actor(due.project, due.end_user)
        self._give(tx, who, {"slug": due.slug, "name": due.field}, value, lives)
        self.audit.change(tx, who, "connection.renew", f"{END_USER} {due.end_user}", f"integration {due.slug}: {due.field}")
        return True

    def lost(self, tx: Transaction, due: "Due", why: str, *, for_good: bool) -> None:
        """It could not be had anew; `for_good`: it is not tried again, and the end user has to connect anew once it has expired."""
        who, place = actor(due.project, due.end_user), {"project_id": due.project, "end_user_id": due.end_user, "name": due.field}
        row = tx.one("value_of_field", **place)
        if row is not None and for_good and row["version"] == due.version:
            tx.do("value_never_renew", **place, version=due.version)
        self.audit.refusal(tx, who, "connection.renew", f"{END_USER} {due.end_user}", f"integration {due.slug}: {why}")

    def forget(self, tx: Transaction, who: Principal, end_user: str) -> None:
        """`core.end_user.Forget`: what was given goes, save the sealed values that runs were handed, which mask what they send back."""
        for row in tx.all("values_of_end_user", project_id=who.project, end_user_id=end_user):
            tx.do("value_delete", project_id=who.project, end_user_id=end_user, name=row["name"])
            tx.do("secret_versions_retire", secret_id=value_id(end_user, row))
        tx.do("visits_of_end_user_forget", project_id=who.project, end_user_id=end_user)

    def _give(self, tx: Transaction, who: Principal, field: Row, value: SecretValue, lives: "Lives") -> None:
        """A field's value and, beside it under a name that no reference leads to, the token by which it is had anew."""
        self._put(tx, who, field, value, lives)
        if lives.refresh is not None:
            beside = {**field, "name": field["name"] + REFRESH, "nonce": f"{self.new_id()}.{digest(lives.endpoint)}"}
            self._forget_other(tx, who, beside["name"], lives.endpoint)
            self._put(tx, who, beside, lives.refresh, Lives())

    def _forget_other(self, tx: Transaction, who: Principal, name: str, endpoint: str) -> None:
        """A refresh token that another token endpoint gave: its id says so, and is not the next one's."""
        place = {"project_id": who.project, "end_user_id": who.user.removeprefix(END_USER_PREFIX), "name": name}
        known = tx.one("value_of_field", **place)
        if known is not None and not _given_by(known, endpoint):
            tx.do("value_delete", **place)
            tx.do("secret_versions_retire", secret_id=value_id(place["end_user_id"], known))

    def _put(self, tx: Transaction, who: Principal, field: Row, value: SecretValue, lives: "Lives") -> None:
        """The next version; one that no run was handed is not kept."""
        end_user = who.user.removeprefix(END_USER_PREFIX)
        known = tx.one("value_of_field", project_id=who.project, end_user_id=end_user, name=field["name"])
        row = known or {"nonce": self.new_id(), "version": 0, **field}
        secret_id, version = value_id(end_user, row), row["version"] + 1
        key_id, key = self.secrets.projects.newest_key(tx, who.project)
        tx.do("secret_versions_retire", secret_id=secret_id)
        tx.do(
            "secret_version_insert", secret_id=secret_id, version=version, key_id=key_id, created_by=who.user, created_at=self.clock.now(),
            sealed=key.seal(encoded(value), version_identity(who.project, secret_id, version)),
        )  # fmt: skip
        tx.do(
            "value_put", project_id=who.project, end_user_id=end_user, name=field["name"], slug=row["slug"], nonce=row["nonce"],
            version=version, expires_at=lives.expires_at, renew_at=lives.renew_at(self.clock.now()),
        )  # fmt: skip


def _given_by(row: Row, endpoint: str) -> bool:
    """Whether a refresh token's row says that this token endpoint gave it: its nonce does, which is a part of what the seal binds."""
    return same(row["nonce"].partition(".")[2], digest(endpoint))


def actor(project: str, end_user: str) -> Principal:
    return Principal(project, END_USER_PREFIX + end_user)
