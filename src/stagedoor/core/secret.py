"""Secrets: a name, sealed versions, a policy, rights. Values travel as `SecretValue`."""

from dataclasses import dataclass

import msgspec

from stagedoor.core.audit import Audit
from stagedoor.core.epoch import name_changed, project_changed, subject_changed
from stagedoor.core.grant import Grants, check_new_name
from stagedoor.core.permission import Resource
from stagedoor.core.principal import Principal
from stagedoor.core.project import Projects
from stagedoor.kit.clock import Clock
from stagedoor.kit.errors import BadInput, NotFound
from stagedoor.kit.ids import NewId
from stagedoor.kit.secretvalue import SecretValue
from stagedoor.store.store import Row, Transaction

KIND = "SECRET_NAME"
MAX_BYTES = 65_535


class Policy(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Where a secret may be used; None = anywhere, so a misspelt field is refused. `hosts` is also the list of condition 4
    (docs/flows.md)."""

    hosts: tuple[str, ...] | None = None
    workflows: tuple[str, ...] | None = None
    task_types: tuple[str, ...] | None = msgspec.field(name="taskTypes", default=None)
    places: tuple[str, ...] | None = None
    """`<workflow>/<task reference><JSON pointer>`, for example `postage_rate/get_rate_usps/http_request/uri`."""


class Opened(msgspec.Struct, frozen=True):
    """One version of a secret, opened."""

    secret_id: str
    name: str
    version: int
    value: SecretValue


@dataclass(frozen=True)
class Secrets:
    clock: Clock
    new_id: NewId
    audit: Audit
    grants: Grants
    projects: Projects

    def put(self, tx: Transaction, who: Principal, name: str, value: SecretValue) -> None:
        """A new version of the secret, or a new secret that the caller then owns. A value has at most 65,535 bytes of UTF-8."""
        check_new_name(name, "key")
        try:
            data = value.reveal().encode()
        except UnicodeEncodeError:
            raise BadInput("value: it is not valid Unicode text", "value") from None
        if len(data) > MAX_BYTES:
            raise BadInput(f"value: it has more than {MAX_BYTES} bytes", "value")
        row = tx.one("secret_locked", project_id=who.project, name=name) or self._create(tx, who, name)
        version = row["version"] + 1
        key_id, key = self.projects.newest_key(tx, who.project)
        sealed = key.seal(data, _identity(who.project, row["secret_id"], version))
        now = self.clock.now()
        tx.do(
            "secret_version_insert", secret_id=row["secret_id"], version=version, key_id=key_id,
            sealed=sealed, created_by=who.user, created_at=now,
        )  # fmt: skip
        tx.do("secret_set_version", project_id=who.project, name=name, version=version, updated_by=who.user, updated_at=now)
        self.audit.change(tx, who, "secret.put", f"{KIND} {name}", f"version {version}")

    def exists(self, tx: Transaction, project: str, name: str) -> bool:
        return self._row(tx, project, name) is not None

    def kept(self, tx: Transaction, project: str, name: str) -> bool:
        """The same, for a transaction that opens it: a deletion or another policy, once acknowledged, comes before or after all of it."""
        return self._kept(tx, project, name) is not None

    def secret_id(self, tx: Transaction, project: str, name: str) -> str | None:
        row = self._row(tx, project, name)
        return row["secret_id"] if row else None

    def names(self, tx: Transaction, project: str) -> list[str]:
        return [row["name"] for row in tx.all("secrets_of_project", project_id=project)]

    def open(self, tx: Transaction, project: str, name: str) -> Opened:
        """The newest version's value. NotFound by name; the caller audits the viewing."""
        row = self._kept(tx, project, name)
        if row is None:
            raise NotFound(f"there is no secret {name}")
        return Opened(row["secret_id"], name, row["version"], self.open_version(tx, project, row["secret_id"], row["version"]))

    def view(self, tx: Transaction, who: Principal, name: str) -> SecretValue:
        """The value for a caller who may READ it: one audit row."""
        opened = self.open(tx, who.project, name)
        self.audit.change(tx, who, "secret.view", f"{KIND} {name}", f"version {opened.version}")
        return opened.value

    def open_version(self, tx: Transaction, project: str, secret_id: str, version: int) -> SecretValue:
        row = tx.one("secret_version_by_id", secret_id=secret_id, version=version)
        if row is None:
            raise NotFound(f"secret {secret_id} has no version {version}")
        key = self.projects.key(tx, project, row["key_id"])
        return SecretValue(key.open(row["sealed"], _identity(project, secret_id, version)).decode())

    def delete(self, tx: Transaction, who: Principal, name: str) -> None:
        """With its versions, grants and tags. An absent one is no error (contract/orkes.md 0.8)."""
        name_changed(tx, who.project, KIND, name)
        if not self.exists(tx, who.project, name):
            return
        project_changed(tx, who.project)
        row = tx.one("secret_locked", project_id=who.project, name=name)
        if row is None:
            return
        tx.do("secret_versions_retire", secret_id=row["secret_id"])
        tx.do("secret_delete", project_id=who.project, name=name)
        self.grants.forget(tx, who.project, Resource(KIND, name))
        self.audit.change(tx, who, "secret.delete", f"{KIND} {name}")

    def policy(self, tx: Transaction, project: str, name: str) -> Policy:
        row = self._row(tx, project, name)
        if row is None:
            raise NotFound(f"there is no secret {name}")
        return msgspec.json.decode(row["policy"], type=Policy)

    def set_policy(self, tx: Transaction, who: Principal, name: str, policy: Policy) -> None:
        self.policy(tx, who.project, name)
        project_changed(tx, who.project)
        tx.do("secret_set_policy", project_id=who.project, name=name, policy=msgspec.json.encode(policy).decode())
        self.audit.change(tx, who, "secret.policy", f"{KIND} {name}")

    def _row(self, tx: Transaction, project: str, name: str) -> Row | None:
        return tx.one("secret_by_name", project_id=project, name=name)

    def _kept(self, tx: Transaction, project: str, name: str) -> Row | None:
        return tx.one("secret_kept", project_id=project, name=name)

    def _create(self, tx: Transaction, who: Principal, name: str) -> Row:
        subject_changed(tx, who.project, who.subject)
        secret_id, now = self.new_id(), self.clock.now()
        tx.do(
            "secret_insert", project_id=who.project, name=name, secret_id=secret_id, version=0, policy="{}",
            created_by=who.user, created_at=now, updated_by=who.user, updated_at=now,
        )  # fmt: skip
        self.grants.own(tx, who, Resource(KIND, name))
        return {"secret_id": secret_id, "version": 0}


def _identity(project: str, secret_id: str, version: int) -> str:
    return f"secret_version:{project}:{secret_id}:{version}"
