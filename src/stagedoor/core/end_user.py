"""End users: the customers of a project's users, and what they have connected (contract/project-keys.md, 1.3).

An end user has no account. `source_id` is what the project calls it, once in a project.
"""

from collections import defaultdict
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field

from stagedoor.core.audit import Audit
from stagedoor.core.epoch import name_changed
from stagedoor.core.grant import Grants
from stagedoor.core.permission import Resource
from stagedoor.core.principal import Principal
from stagedoor.kit.clock import Clock
from stagedoor.kit.errors import Conflict, NotFound
from stagedoor.kit.ids import NewId
from stagedoor.kit.strictjson import check_name
from stagedoor.store.store import Row, Transaction

KIND = "END_USER"
PREFIX = "end_usr_"
CONNECTION_PREFIX = "int_conn_"
PORTION = 1000
Forget = Callable[[Transaction, Principal, str], None]
"""(tx, who, the end user's id): takes away what is kept of an end user that has just been deleted, in the same transaction."""


class SourceIdTaken(Conflict):
    """sourceId: another end user of this project has it"""

    code = "SOURCE_ID_TAKEN"
    field = "sourceId"


@dataclass(frozen=True, slots=True)
class Connection:
    """What an end user has connected. `integration` is the integration's name. Times in epoch milliseconds; None: not yet."""

    id: str
    integration: str
    created_at: int
    last_request_at: int | None
    last_success_at: int | None


@dataclass(frozen=True, slots=True)
class EndUser:
    """`created_at` in epoch milliseconds."""

    id: str
    source_id: str
    company_name: str
    email: str
    created_at: int
    connections: tuple[Connection, ...] = ()


@dataclass(frozen=True, slots=True)
class NewEndUser:
    company_name: str
    source_id: str
    email: str


@dataclass(frozen=True)
class EndUsers:
    clock: Clock
    new_id: NewId
    audit: Audit
    grants: Grants
    forget: list[Forget] = field(default_factory=list)

    def create(self, tx: Transaction, who: Principal, new: NewEndUser) -> EndUser:
        """SourceIdTaken; BadInput names the field."""
        for text, name in ((new.company_name, "companyName"), (new.source_id, "sourceId"), (new.email, "email")):
            check_name(text, name)
        name_changed(tx, who.project, KIND, new.source_id)
        if tx.one("end_user_by_source", project_id=who.project, source_id=new.source_id) is not None:
            raise SourceIdTaken
        made = EndUser(f"{PREFIX}{self._new()}", new.source_id, new.company_name, new.email, self.clock.now())
        tx.do(
            "end_user_insert", id=made.id, project_id=who.project, source_id=made.source_id, company_name=made.company_name,
            email=made.email, created_by=who.user, created_at=made.created_at,
        )  # fmt: skip
        self.audit.change(tx, who, "end_user.create", f"{KIND} {made.id}")
        return made

    def get(self, tx: Transaction, project: str, end_user_id: str) -> EndUser:
        row = tx.one("end_user_by_id", project_id=project, id=end_user_id)
        if row is None:
            raise absent(end_user_id)
        return _end_user(row, tx.all("integration_connections_of_end_user", project_id=project, end_user_id=end_user_id))

    def must_exist(self, tx: Transaction, project: str, end_user_id: str) -> None:
        """NotFound otherwise; it stays until the transaction ends."""
        if tx.one("end_user_kept", project_id=project, id=end_user_id) is None:
            raise absent(end_user_id)

    def all(self, tx: Transaction, project: str) -> list[EndUser]:
        """Newest first: all of them, for the contract knows no pages."""
        found: list[EndUser] = []
        after = ""
        while rows := tx.all("end_users_after", project_id=project, after=after, portion=PORTION):
            span = {"after": after, "last": rows[-1]["id"]}
            connections: defaultdict[str, list[Row]] = defaultdict(list)
            for row in tx.all("integration_connections_between", project_id=project, **span):
                connections[row["end_user_id"]].append(row)
            found += [_end_user(row, connections[row["id"]]) for row in rows]
            after = rows[-1]["id"]
        return sorted(found, key=lambda one: (-one.created_at, one.id))

    def delete(self, tx: Transaction, who: Principal, end_user_id: str) -> None:
        """With its connections, links, grants, and whatever else is kept of it."""
        name_changed(tx, who.project, KIND, end_user_id)
        if not tx.do("end_user_delete", project_id=who.project, id=end_user_id):  # first: whoever adds something to it now waits, and fails
            raise absent(end_user_id)
        for forget in self.forget:
            forget(tx, who, end_user_id)
        tx.do("integration_connections_delete", project_id=who.project, end_user_id=end_user_id)
        tx.do("auth_sessions_delete", project_id=who.project, end_user_id=end_user_id)
        self.grants.forget(tx, who.project, Resource(KIND, end_user_id))
        self.audit.change(tx, who, "end_user.delete", f"{KIND} {end_user_id}")

    def connect(self, tx: Transaction, project: str, end_user_id: str, integration: str) -> Connection:
        """The end user's connection to this integration, made where it has none."""
        self.must_exist(tx, project, end_user_id)
        name_changed(tx, project, KIND, end_user_id)
        place = {"project_id": project, "end_user_id": end_user_id, "integration": integration}
        if tx.one("integration_connection_of", **place) is None:
            tx.do("integration_connection_insert", id=f"{CONNECTION_PREFIX}{self._new()}", created_at=self.clock.now(), **place)
        row = tx.one("integration_connection_of", **place)
        assert row is not None
        return _connection(row)

    def used(self, tx: Transaction, project: str, connection_id: str, *, success: bool) -> None:
        """A request was made by it; `success`: its service took it."""
        now = self.clock.now()
        tx.do(
            "integration_connection_used", project_id=project, id=connection_id,
            last_request_at=now, last_success_at=now if success else None,
        )  # fmt: skip

    def _new(self) -> str:
        return self.new_id().replace("-", "")


def absent(end_user_id: str) -> NotFound:
    return NotFound(f"there is no end user {end_user_id}")


def _end_user(row: Row, connections: Iterable[Row]) -> EndUser:
    found = tuple(map(_connection, connections))
    return EndUser(row["id"], row["source_id"], row["company_name"], row["email"], row["created_at"], found)


def _connection(row: Row) -> Connection:
    return Connection(row["id"], row["integration"], row["created_at"], row["last_request_at"], row["last_success_at"])
