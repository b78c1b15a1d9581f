"""External stores of a project, and which secrets live in one (docs/decisions/0026-external-stores.md).

The store's credential is sealed like a secret's value and never shown again. What was fetched becomes a sealed version of the
secret, as if it had been put, so that receipts and redaction know it.
"""

import re
from dataclasses import dataclass
from typing import Literal

import msgspec

from stagedoor.core.audit import Audit
from stagedoor.core.epoch import name_changed
from stagedoor.core.grant import authority_on, check_new_name
from stagedoor.core.permission import NOTHING
from stagedoor.core.principal import STORE_PREFIX, Principal
from stagedoor.core.secret import KIND, LivesElsewhere, Secrets, encoded, not_of_end_users
from stagedoor.kit.clock import Clock
from stagedoor.kit.errors import AdminOnly, BadInput, Conflict, NotFound
from stagedoor.kit.ids import NewId
from stagedoor.kit.secretvalue import SecretValue
from stagedoor.kit.strictjson import check_name
from stagedoor.store.store import Row, Transaction

STORE = "SECRET_STORE"
HIDDEN = "***"
_NAME = r"(?!\.{1,2}(/|$))[^/?#%\x00-\x20\x7f-\x9f\ud800-\udfff]+"
_SEGMENTS = re.compile(f"{_NAME}(/{_NAME})*")
_LONGEST = 512


class StoreSettings(msgspec.Struct, frozen=True, rename="camel"):
    """What may be shown of a store. `mount`: of the KV engine; `auth_mount`: of AppRole, where a `role_id` is given."""

    address: str
    mount: str = "secret"
    namespace: str | None = None
    role_id: str | None = None
    auth_mount: str | None = None


class NewStore(msgspec.Struct, frozen=True, rename="camel", forbid_unknown_fields=True):
    """The body that makes or replaces a store: a `token`, or AppRole's `roleId` and `secretId`. It never prints."""

    kind: Literal["vault-kv-v2"]
    address: str
    mount: str = "secret"
    namespace: str | None = None
    token: str | None = None
    role_id: str | None = None
    secret_id: str | None = None
    auth_mount: str = "approle"

    def __repr__(self) -> str:
        return f"NewStore({HIDDEN})"

    __str__ = __repr__

    def checked(self) -> tuple[StoreSettings, SecretValue]:
        """Its settings and its credential. BadInput names the field."""
        for field, text in (("mount", self.mount), ("authMount", self.auth_mount), ("namespace", self.namespace)):
            if text is not None:
                check_path(text, field)
        by_role = self.role_id is not None
        if by_role == (self.token is not None) or by_role != (self.secret_id is not None):
            raise BadInput("token: give either a token, or AppRole's roleId and secretId", "token")
        if self.role_id is not None:
            check_name(self.role_id, "roleId")
        field, credential = ("secretId", self.secret_id) if by_role else ("token", self.token)
        if not credential or credential == HIDDEN or not re.fullmatch(r"[\x21-\x7e]{1,4096}", credential):
            raise BadInput(f"{field}: it must be given anew with each change, and be printable ASCII without spaces", field)
        settings = StoreSettings(self.address.rstrip("/"), self.mount, self.namespace, self.role_id, self.auth_mount if by_role else None)
        return settings, SecretValue(credential)


class Source(msgspec.Struct, frozen=True, rename="camel", omit_defaults=True, forbid_unknown_fields=True):
    """Where a secret lives. `field` None: all fields at that path, as one JSON object. `version` None: the newest."""

    store: str
    path: str
    field: str | None = None
    version: int | None = None


class Pointer(msgspec.Struct, frozen=True):
    """A source as it is kept; `id` is new with every change of it."""

    id: str
    source: Source


@dataclass(frozen=True, slots=True)
class Wanted:
    """A secret in a store, as both are now. `revision` and `pointer_id` change with every change of store or source."""

    project: str
    secret_id: str
    name: str
    source: Source
    pointer_id: str
    revision: str


@dataclass(frozen=True, slots=True)
class Store:
    """A store with its credential, opened."""

    project: str
    name: str
    revision: str
    settings: StoreSettings
    credential: SecretValue


@dataclass(frozen=True)
class ExternalStores:
    """Every change is an administrator's of the project: a store's credential opens whatever its policy allows, for all teams."""

    secrets: Secrets
    audit: Audit
    clock: Clock
    new_id: NewId

    # -- stores
    def put(self, tx: Transaction, who: Principal, name: str, new: NewStore) -> None:
        """Makes it, or replaces all of it."""
        check_new_name(name, "name")
        settings, credential = new.checked()
        name_changed(tx, who.project, STORE, name)
        _still_administers(tx, who)
        revision = self.new_id()
        key_id, key = self.secrets.projects.newest_key(tx, who.project)
        sealed = key.seal(credential.reveal().encode(), store_identity(who.project, name, revision))
        tx.do(
            "secret_store_put", project_id=who.project, name=name, revision=revision, settings=_text(settings), key_id=key_id,
            sealed=sealed, updated_by=who.user, updated_at=self.clock.now(),
        )  # fmt: skip
        self.audit.change(tx, who, "store.put", f"{STORE} {name}", settings.address)

    def all(self, tx: Transaction, project: str) -> list[dict[str, object]]:
        return [_shown(row) for row in tx.all("secret_stores_of_project", project_id=project)]

    def shown(self, tx: Transaction, project: str, name: str) -> dict[str, object]:
        """Without its credential. NotFound."""
        return _shown(self._row(tx, project, name))

    def opened(self, tx: Transaction, project: str, name: str) -> Store:
        """With its credential, for a request to it. NotFound."""
        row = self._row(tx, project, name)
        key = self.secrets.projects.key(tx, project, row["key_id"])
        credential = SecretValue(key.open(row["sealed"], store_identity(project, name, row["revision"])).decode())
        return Store(project, name, row["revision"], msgspec.json.decode(row["settings"], type=StoreSettings), credential)

    def delete(self, tx: Transaction, who: Principal, name: str) -> None:
        """NotFound; Conflict while a secret lives there."""
        name_changed(tx, who.project, STORE, name)
        _still_administers(tx, who)
        self._row(tx, who.project, name)
        living = [row["name"] for row in tx.all("secrets_in_store", project_id=who.project, store=name)]
        if living:
            more = f" and {len(living) - 5} more" if len(living) > 5 else ""
            raise Conflict(f"store {name}: secrets live in it: {', '.join(living[:5])}{more}")
        tx.do("secret_store_delete", project_id=who.project, name=name)
        self.audit.change(tx, who, "store.delete", f"{STORE} {name}")

    # -- where a secret lives
    def set_source(self, tx: Transaction, who: Principal, name: str, source: Source) -> None:
        """From now on the secret lives there; one that is not there yet is made, and the caller's. NotFound: no such store."""
        check_new_name(name, "key")
        check_path(source.path, "path")
        if source.field is not None:
            check_name(source.field, "field")
        if source.version is not None and not 0 < source.version < 2**31:
            raise BadInput("version: it must be a whole number from 1", "version")
        name_changed(tx, who.project, KIND, name)
        name_changed(tx, who.project, STORE, source.store)
        _still_administers(tx, who)
        self._row(tx, who.project, source.store)
        row = tx.one("secret_locked", project_id=who.project, name=name)
        not_of_end_users(name, row)
        if row is None:
            self.secrets.create(tx, who, name)
        self._point(tx, who, name, Pointer(self.new_id(), source))
        self.audit.change(tx, who, "secret.source", f"{KIND} {name}", f"{source.store}: {source.path}")

    def source(self, tx: Transaction, project: str, name: str) -> Source:
        """NotFound where there is no such secret, or its value is its own."""
        row = tx.one("secret_by_name", project_id=project, name=name)
        if row is None or row["source"] is None:
            raise NotFound(f"there is no secret {name}" if row is None else f"secret {name} lives in no external store")
        return _pointer(row["source"]).source

    def forget_source(self, tx: Transaction, who: Principal, name: str) -> None:
        """The secret's value is its own again: the last one that was fetched. Conflict where none ever was."""
        name_changed(tx, who.project, KIND, name)
        _still_administers(tx, who)
        self.source(tx, who.project, name)
        row = tx.one("secret_locked", project_id=who.project, name=name)
        if row is None or row["version"] == 0:
            raise Conflict(f"secret {name} has no value of its own yet: view it once, or delete it")
        self._point(tx, who, name, None)
        self.audit.change(tx, who, "secret.source", f"{KIND} {name}", f"its own, version {row['version']}")

    # -- what was fetched
    def wanted(self, tx: Transaction, project: str, found: LivesElsewhere) -> Wanted:
        """Where the value of a secret that lives elsewhere is to be had now. NotFound where its store is gone."""
        pointer = _pointer(found.source)
        revision = self._row(tx, project, pointer.source.store)["revision"]
        return Wanted(project, found.secret_id, found.name, pointer.source, pointer.id, revision)

    def known(self, tx: Transaction, wanted: Wanted, value: SecretValue) -> int | None:
        """The newest version's number, where that is the value already. None: `keep` it. Point reads only."""
        row = tx.one("secret_by_name", project_id=wanted.project, name=wanted.name)
        return self._version_of(tx, wanted, row, value)

    def keep(self, tx: Transaction, wanted: Wanted, value: SecretValue) -> int | None:
        """The number of the version that holds the value, a new one if need be. None: the secret lives elsewhere by now."""
        row = tx.one("secret_locked", project_id=wanted.project, name=wanted.name)
        if row is None or not _still_there(row, wanted):
            return None
        version = self._version_of(tx, wanted, row, value)
        if version is None:
            by = Principal(wanted.project, STORE_PREFIX + wanted.source.store)
            version = self.secrets.add_version(tx, by, wanted.name, row, encoded(value))
            self.audit.change(tx, by, "secret.fetch", f"{KIND} {wanted.name}", f"version {version}")
        return version

    def _version_of(self, tx: Transaction, wanted: Wanted, row: Row | None, value: SecretValue) -> int | None:
        if row is None or not _still_there(row, wanted) or row["version"] == 0:
            return None
        version: int = row["version"]
        try:
            return version if self.secrets.open_version(tx, wanted.project, wanted.secret_id, version) == value else None
        except NotFound:  # that version was destroyed
            return None

    def _row(self, tx: Transaction, project: str, name: str) -> Row:
        row = tx.one("secret_store_by_name", project_id=project, name=name)
        if row is None:
            raise NotFound(f"there is no secret store {name}")
        return row

    def _point(self, tx: Transaction, who: Principal, name: str, pointer: Pointer | None) -> None:
        tx.do(
            "secret_set_source", project_id=who.project, name=name, store=pointer and pointer.source.store,
            source=pointer and _text(pointer), updated_by=who.user, updated_at=self.clock.now(),
        )  # fmt: skip


def check_path(path: str, field: str) -> str:
    """BadInput unless it is segments with `/` between: no empty one, no `.` or `..`, nothing that ends or bends a path."""
    if len(path) > _LONGEST or not _SEGMENTS.fullmatch(path):
        raise BadInput(f"{field}: it must be names with / between, without spaces, %, ?, # and without . or .. as a name", field)
    return path


def _still_there(row: Row, wanted: Wanted) -> bool:
    return row["source"] is not None and _pointer(row["source"]).id == wanted.pointer_id and row["secret_id"] == wanted.secret_id


def _pointer(text: str) -> Pointer:
    return msgspec.json.decode(text, type=Pointer)


def _text(value: msgspec.Struct) -> str:
    return msgspec.json.encode(value).decode()


def _shown(row: Row) -> dict[str, object]:
    settings = msgspec.json.decode(row["settings"], type=StoreSettings)
    credential = "token" if settings.role_id is None else "secretId"
    times = {"createdBy": row["created_by"], "createdAt": row["created_at"], "updatedBy": row["updated_by"], "updatedAt": row["updated_at"]}
    given = {name: value for name, value in msgspec.to_builtins(settings).items() if value is not None}
    return {"name": row["name"], "kind": "vault-kv-v2", **given, credential: HIDDEN, **times}


def _still_administers(tx: Transaction, who: Principal) -> None:
    """Asked once more in the transaction of the change."""
    if "ADMIN_MANAGEMENT" not in authority_on(tx, who, NOTHING).permissions:
        raise AdminOnly


def store_identity(project: str, name: str, revision: str) -> str:
    return f"secret_store:{project}:{name}:{revision}"
