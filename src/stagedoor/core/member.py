"""Members: persons with an account in a project, and the roles they have there."""

from collections.abc import Sequence
from dataclasses import dataclass

import msgspec

from stagedoor.core.identity import Directory, User
from stagedoor.core.principal import Principal
from stagedoor.store.store import Transaction


class Member(msgspec.Struct, frozen=True):
    """`roles` are those the person has itself, sorted; a group may give more."""

    email: str
    name: str
    roles: tuple[str, ...]


@dataclass(frozen=True)
class Members:
    """The accounts of the caller's project, as the directory keeps them (core/identity.py)."""

    directory: Directory

    def all(self, tx: Transaction, project: str) -> list[Member]:
        found: dict[str, Member] = {}
        for row in tx.all("members_of_project", project_id=project):
            had = found.get(row["user_id"], Member(row["user_id"], row["name"], ()))
            found[row["user_id"]] = msgspec.structs.replace(had, roles=(*had.roles, row["role"])) if row["role"] else had
        return list(found.values())

    def put(self, tx: Transaction, who: Principal, email: str, roles: Sequence[str]) -> Member:
        """Exactly these roles; an account where there was none, and a person, without a password, where there was none.

        The answer does not tell whether the person was known to another project."""
        before = self.directory.account(tx, who.project, email)
        contact = msgspec.json.decode(before["contact"], type=dict[str, str]) if before else {}
        draft = User(email, before["name"] if before else email, tuple(roles), contact)
        made = self.directory.put(tx, who, draft)
        return Member(made.id, made.name, made.roles or ())
