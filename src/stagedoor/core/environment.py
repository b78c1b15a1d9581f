"""Environment variables: names and texts of a project that definitions use as `${workflow.env.NAME}`. They are no secrets
(docs/decisions/0024-environment-and-masking.md)."""

from dataclasses import dataclass

from stagedoor.core.audit import Audit
from stagedoor.core.epoch import project_changed, subject_changed
from stagedoor.core.grant import Grants, check_new_name
from stagedoor.core.permission import Resource
from stagedoor.core.principal import Principal
from stagedoor.kit.clock import Clock
from stagedoor.kit.errors import BadInput, NotFound
from stagedoor.store.store import Transaction

KIND = "ENV_VARIABLE"
MAX_BYTES = 65_535


@dataclass(frozen=True)
class Environment:
    """Whoever puts or deletes calls `name_changed` first."""

    clock: Clock
    audit: Audit
    grants: Grants

    def put(self, tx: Transaction, who: Principal, name: str, value: str) -> None:
        """A new variable, which the caller then owns, or another value of it: at most 65,535 bytes of UTF-8, without NUL."""
        check_new_name(name, "key")
        _check_value(value)
        if not self.exists(tx, who.project, name):
            subject_changed(tx, who.project, who.subject)
            self.grants.own(tx, who, Resource(KIND, name))
        tx.do("variable_put", project_id=who.project, name=name, value=value, updated_by=who.user, updated_at=self.clock.now())
        self.audit.change(tx, who, "environment.put", f"{KIND} {name}")

    def delete(self, tx: Transaction, who: Principal, name: str) -> str:
        """Its last value. Its grants and tags go with it: the name made anew revives none. NotFound."""
        project_changed(tx, who.project)
        row = tx.one("variable_locked", project_id=who.project, name=name)
        if row is None:
            raise absent(name)
        tx.do("variable_delete", project_id=who.project, name=name)
        self.grants.forget(tx, who.project, Resource(KIND, name))
        self.audit.change(tx, who, "environment.delete", f"{KIND} {name}")
        value: str = row["value"]
        return value

    def exists(self, tx: Transaction, project: str, name: str) -> bool:
        return self.find(tx, project, name) is not None

    def find(self, tx: Transaction, project: str, name: str) -> str | None:
        row = tx.one("variable_by_name", project_id=project, name=name)
        return row["value"] if row else None

    def get(self, tx: Transaction, project: str, name: str) -> str:
        """NotFound by name."""
        value = self.find(tx, project, name)
        if value is None:
            raise absent(name)
        return value

    def all(self, tx: Transaction, project: str) -> dict[str, str]:
        """Name -> value, by name."""
        return {row["name"]: row["value"] for row in tx.all("variables_of_project", project_id=project)}


def absent(name: str) -> NotFound:
    return NotFound(f"there is no environment variable {name}")


def _check_value(value: str) -> None:
    try:
        data = value.encode()
    except UnicodeEncodeError:
        raise BadInput("value: it is not valid Unicode text", "value") from None
    if len(data) > MAX_BYTES:
        raise BadInput(f"value: it has more than {MAX_BYTES} bytes", "value")
    if b"\0" in data:
        raise BadInput("value: it holds the character NUL", "value")
