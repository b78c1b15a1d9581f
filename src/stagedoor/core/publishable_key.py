"""A project's publishable key: `pk_conductor_` + 24 base62 characters + 6 of CRC32. It names the project and proves nothing.

One a project, made with it, never deleted, always readable: the row's `mask` is the whole of it.
"""

from dataclasses import dataclass

from stagedoor.core.audit import Audit
from stagedoor.core.credential import Credentials
from stagedoor.core.epoch import name_changed
from stagedoor.core.principal import Principal, project_user
from stagedoor.kit.crypto import SealBroken, digest
from stagedoor.kit.errors import BadInput
from stagedoor.kit.keyformat import PUBLISHABLE_KEY as FORMAT
from stagedoor.store.store import Transaction

PUBLISHABLE_KEY, PUBLISHABLE_PREFIX = FORMAT.kind, FORMAT.prefix


@dataclass(frozen=True)
class PublishableKeys:
    credentials: Credentials
    audit: Audit

    def make(self, tx: Transaction, project: str, by: str) -> bool:
        """The project's; False where it has one. `by`: who is written down as its maker."""
        name_changed(tx, project, PUBLISHABLE_KEY, "")
        if tx.one("publishable_key_of_project", project_id=project) is not None:
            return False
        key, who = FORMAT.new(), Principal(project, by)
        made: dict[str, object] = {"id": self.credentials.new_id(), "owner": project_user(project), "digest": digest(key), "mask": key}
        self.credentials.insert(tx, who, PUBLISHABLE_KEY, made)
        return True

    def make_missing(self, tx: Transaction, by: str) -> None:
        """Projects of an earlier version get theirs; each with its audit row."""
        for row in tx.all("projects_without_publishable_key"):
            if self.make(tx, row["id"], by):
                self.audit.change(tx, Principal(row["id"], by), "publishable_key.create", f"PROJECT {row['id']}")

    def of(self, tx: Transaction, project: str) -> str | None:
        """None where there is no such project. SealBroken where it is not the one that was made: links would lead to another's pages."""
        row = tx.one("publishable_key_of_project", project_id=project)
        if row is None:
            return None
        if digest(row["mask"] or "") != row["digest"] or self.credentials.tampered(tx, row) is not None:
            raise SealBroken(f"the publishable key of project {project} was changed by something else than this program")
        return str(row["mask"])

    def check(self, tx: Transaction, project: str, key: str) -> None:
        """BadInput unless it is this project's."""
        if not FORMAT.holds(key):
            raise BadInput(f"publishableKey: not a publishable key ({PUBLISHABLE_PREFIX}...)", "publishableKey")
        if key != self.of(tx, project):
            raise BadInput("publishableKey: not the publishable key of the secret key's project", "publishableKey")
