"""Projects, the tenants: every row belongs to one. `default` is made at start. Each has a data key and its settings."""

import re
from dataclasses import dataclass, field

import msgspec

from stagedoor.core.epoch import project_changed
from stagedoor.core.masterkey import MasterKeys
from stagedoor.core.publishable_key import PublishableKeys
from stagedoor.kit.clock import Clock
from stagedoor.kit.crypto import Key
from stagedoor.kit.errors import BadInput, Conflict, NotFound
from stagedoor.kit.ids import NewId
from stagedoor.kit.strictjson import check_name
from stagedoor.store.store import Row, Transaction

DEFAULT = "default"
MADE_WITH_IT = "stagedoor"
_ID = re.compile(r"[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?")


class Erased(NotFound):
    """the data key has been erased"""


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
    keys: MasterKeys
    clock: Clock
    new_id: NewId
    publishable: PublishableKeys
    _keys: dict[tuple[str, str], Key] = field(default_factory=dict)

    def create(self, tx: Transaction, project: str, name: str) -> None:
        """The project's row, its epoch, first data key and publishable key. Conflict where it exists; BadInput names `id` or `name`."""
        check_id(project)
        check_name(name, "name")
        project_changed(tx, project)
        if self.exists(tx, project):
            raise Conflict(f"there is a project {project} already")
        tx.do("project_insert", project_id=project, name=name, settings="{}", created_at=self.clock.now())
        self.add_key(tx, project)
        self.publishable.make(tx, project, MADE_WITH_IT)

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
        row = tx.one("data_key_newest", project_id=project) or tx.one("data_key_newest", project_id=project)  # erased while it waited
        if row is None:
            raise absent(project)
        return row["key_id"], self.unwrapped(tx, project, row)

    def key(self, tx: Transaction, project: str, key_id: str) -> Key:
        """The row is asked for each time: an erased key opens nothing any more, whoever has it in memory. Erased by its id."""
        row = tx.one("data_key_by_id", project_id=project, key_id=key_id)
        if row is None:
            self._keys.pop((project, key_id), None)
            raise Erased(f"the data key {key_id} of project {project} has been erased, and with it what was sealed under it")
        return self.unwrapped(tx, project, row)

    def add_key(self, tx: Transaction, project: str) -> str:
        """A new data key, which new secrets are sealed under from now on; its id."""
        key_id, master = self.new_id(), self.keys.active(tx)
        newest = tx.one("data_key_newest", project_id=project)
        tx.do(
            "data_key_insert", key_id=key_id, project_id=project, sealed=master.new_wrapped(data_key_identity(project, key_id)),
            master_id=master.id, created_at=max(self.clock.now(), newest["created_at"] + 1 if newest else 0),
        )  # fmt: skip
        return key_id

    def erase_keys(self, tx: Transaction, project: str) -> list[bytes]:
        """All data keys of the project go, and a new one comes: nothing that was sealed opens any more, new secrets can be put.
        The wrapped bytes that must not be found again. NotFound where there is no such project."""
        project_changed(tx, project)
        if not self.exists(tx, project):
            raise absent(project)
        gone: list[bytes] = [row["sealed"] for row in tx.all("data_keys_of_project", project_id=project)]
        tx.do("data_keys_delete", project_id=project)  # after whoever is sealing under one of them
        self.add_key(tx, project)
        return gone

    def in_memory(self, project: str, key_id: str) -> Key | None:
        """For a caller whose transaction has just seen the key's row."""
        return self._keys.get((project, key_id))

    def unwrapped(self, tx: Transaction, project: str, row: Row) -> Key:
        """The key of a row that this transaction has just read."""
        place = project, row["key_id"]
        if place not in self._keys:
            self._keys[place] = self.keys.unwrapped(tx, row, data_key_identity(*place))
        return self._keys[place]


def check_id(project: str) -> str:
    """BadInput unless it is 1 to 63 of a-z, 0-9 and `-`, no `-` at either end: it stands in names of queues and epochs."""
    if not _ID.fullmatch(project):
        raise BadInput("id: 1 to 63 of a-z, 0-9 and -, with no - at either end", "id")
    return project


def absent(project: str) -> NotFound:
    return NotFound(f"there is no project {project}")


def _project(row: Row) -> Project:
    return Project(row["id"], row["name"], row["created_at"])


def data_key_identity(project: str, key_id: str) -> str:
    return f"data_key:{project}:{key_id}"
