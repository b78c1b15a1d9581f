"""Projects, the tenants: every row belongs to one. `default` is made at start. Each has a data key and its settings."""

import re
from dataclasses import dataclass, field

import msgspec

from stagedoor.core.epoch import project_changed
from stagedoor.kit.clock import Clock
from stagedoor.kit.crypto import Key
from stagedoor.kit.errors import BadInput, Conflict, NotFound
from stagedoor.kit.ids import NewId
from stagedoor.kit.strictjson import check_name
from stagedoor.store.store import Row, Transaction

DEFAULT = "default"
_ID = re.compile(r"[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?")


class Project(msgspec.Struct, rename="camel", frozen=True):
    """`created_at` in epoch milliseconds."""

    id: str
    name: str
    created_at: int


class Settings(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A project's settings, by their names on the wire."""

    starter_needs_read: bool = msgspec.field(name="secrets.starter_needs_read", default=False)
    """Orkes' stricter rule: the starter too needs READ on each referenced secret."""


@dataclass(frozen=True)
class Projects:
    master: Key
    clock: Clock
    new_id: NewId
    _keys: dict[tuple[str, str], Key] = field(default_factory=dict)

    def create(self, tx: Transaction, project: str, name: str) -> None:
        """The project's row, its epoch and its first data key. Conflict where it exists; BadInput names `id` or `name`."""
        check_id(project)
        check_name(name, "name")
        project_changed(tx, project)
        if self.exists(tx, project):
            raise Conflict(f"there is a project {project} already")
        now, key_id = self.clock.now(), self.new_id()
        tx.do("project_insert", project_id=project, name=name, settings="{}", created_at=now)
        sealed = self.master.new_wrapped(_identity(project, key_id))
        tx.do("data_key_insert", key_id=key_id, project_id=project, sealed=sealed, created_at=now)

    def exists(self, tx: Transaction, project: str) -> bool:
        return tx.one("project_by_id", project_id=project) is not None

    def get(self, tx: Transaction, project: str) -> Project:
        row = tx.one("project_by_id", project_id=project)
        if row is None:
            raise absent(project)
        return _project(row)

    def all(self, tx: Transaction) -> list[Project]:
        """Every project: for operators alone."""
        return [_project(row) for row in tx.all("projects_all")]

    def of_person(self, tx: Transaction, person: str) -> list[Project]:
        """The projects that a person has an account in."""
        return [_project(row) for row in tx.all("projects_of_person", person_id=person)]

    def settings(self, tx: Transaction, project: str) -> Settings:
        row = tx.one("project_by_id", project_id=project)
        if row is None:
            raise absent(project)
        return msgspec.json.decode(row["settings"], type=Settings)

    def set_settings(self, tx: Transaction, project: str, settings: Settings) -> None:
        project_changed(tx, project)
        tx.do("project_set_settings", project_id=project, settings=msgspec.json.encode(settings).decode())

    def newest_key(self, tx: Transaction, project: str) -> tuple[str, Key]:
        """The data key that new secrets are sealed under, with its id."""
        row = tx.one("data_key_newest", project_id=project)
        if row is None:
            raise absent(project)
        return row["key_id"], self._unwrap(project, row["key_id"], row["sealed"])

    def key(self, tx: Transaction, project: str, key_id: str) -> Key:
        if (project, key_id) in self._keys:
            return self._keys[project, key_id]
        row = tx.one("data_key_by_id", project_id=project, key_id=key_id)
        if row is None:
            raise NotFound(f"there is no data key {key_id}")
        return self._unwrap(project, key_id, row["sealed"])

    def _unwrap(self, project: str, key_id: str, sealed: bytes) -> Key:
        if (project, key_id) not in self._keys:
            self._keys[project, key_id] = self.master.unwrap(sealed, _identity(project, key_id))
        return self._keys[project, key_id]


def check_id(project: str) -> str:
    """BadInput unless it is 1 to 63 of a-z, 0-9 and `-`, no `-` at either end: it stands in names of queues and epochs."""
    if not _ID.fullmatch(project):
        raise BadInput("id: 1 to 63 of a-z, 0-9 and -, with no - at either end", "id")
    return project


def absent(project: str) -> NotFound:
    return NotFound(f"there is no project {project}")


def _project(row: Row) -> Project:
    return Project(row["id"], row["name"], row["created_at"])


def _identity(project: str, key_id: str) -> str:
    return f"data_key:{project}:{key_id}"
