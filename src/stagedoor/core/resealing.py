"""Another data key for a project: what the keys before it sealed is sealed anew, in portions, while servers run; then they go.

Interrupted, it is begun again with one key more; nothing is ever without the key that opens it.
"""

from collections.abc import Iterator
from dataclasses import dataclass

from stagedoor.core.audit import Audit
from stagedoor.core.external import store_identity
from stagedoor.core.principal import Principal
from stagedoor.core.project import Projects, absent
from stagedoor.core.secret import version_identity
from stagedoor.kit.errors import Conflict
from stagedoor.store.store import Row, Transaction

PORTION = 50


@dataclass(frozen=True)
class Resealing:
    projects: Projects
    audit: Audit

    def begin(self, tx: Transaction, who: Principal) -> str:
        """The id of the new key of the caller's project: what is put from now on is under it. NotFound where there is no such project."""
        if not self.projects.exists(tx, who.project):
            raise absent(who.project)
        key_id = self.projects.add_key(tx, who.project)
        self.audit.change(tx, who, "data_key.rotate", f"DATA_KEY {key_id}", "begun")
        return key_id

    def portion(self, tx: Transaction, project: str, key_id: str, after: str, size: int = PORTION) -> str | None:
        """Seal a few anew, from the secret `after` on ("" at first): where to go on, None at the end. What cannot be opened stays as it
        is, under its key: SealBroken."""
        versions = tx.all("versions_by_data_key", project_id=project, key_id=key_id, after=after, portion=size)
        for row in versions:
            identity = version_identity(project, row["secret_id"], row["version"])
            tx.do("version_reseal", secret_id=row["secret_id"], version=row["version"], **self._anew(tx, project, key_id, row, identity))
        if versions:
            last: str = versions[-1]["secret_id"]
            return last
        for row in tx.all("stores_by_data_key", project_id=project, key_id=key_id, portion=size):
            identity = store_identity(project, row["name"], row["revision"])
            tx.do("store_reseal", project_id=project, name=row["name"], **self._anew(tx, project, key_id, row, identity))
        return None if not any(self._left(tx, project, key_id)) else ""

    def finish(self, tx: Transaction, who: Principal, key_id: str) -> int:
        """The keys before it go: how many. Conflict where something is still sealed under one of them, or there is a newer one."""
        rows = tx.all("data_keys_locked", project_id=who.project)  # whoever seals under one of them comes first, and is seen below
        if not rows or rows[-1]["key_id"] != key_id or any(self._left(tx, who.project, key_id)):
            raise Conflict(f"data key {key_id} of project {who.project} is not the only one that is used: run this again")
        gone = tx.do("data_keys_delete_before", project_id=who.project, key_id=key_id)
        self.audit.change(tx, who, "data_key.rotate", f"DATA_KEY {key_id}", f"done; {gone} before it are gone")
        return gone

    def _left(self, tx: Transaction, project: str, key_id: str) -> Iterator[Row]:
        yield from tx.all("versions_by_data_key", project_id=project, key_id=key_id, after="", portion=1)
        yield from tx.all("stores_by_data_key", project_id=project, key_id=key_id, portion=1)

    def _anew(self, tx: Transaction, project: str, key_id: str, row: Row, identity: str) -> dict[str, object]:
        """`before`: a row that was destroyed or replaced meanwhile is left alone."""
        plain = self.projects.key(tx, project, row["key_id"]).open(row["sealed"], identity)
        sealed = self.projects.key(tx, project, key_id).seal(plain, identity)
        return {"key_id": key_id, "sealed": sealed, "before": row["sealed"]}
