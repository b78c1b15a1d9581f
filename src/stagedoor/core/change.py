"""Changes that can be tried without being made (gate/what_if.py): each knows whom it touches, and makes itself as its own route would."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import msgspec

from stagedoor.core.application import Applications
from stagedoor.core.credential import Credentials
from stagedoor.core.grant import Subject, Target, subject_name
from stagedoor.core.group import Groups
from stagedoor.core.permission import Access
from stagedoor.core.principal import Principal, application_user
from stagedoor.core.role import OF_GROUPS, OF_USERS
from stagedoor.core.secret import KIND as SECRET
from stagedoor.core.secret import Secrets
from stagedoor.kit.errors import BadInput
from stagedoor.store.store import Transaction


@dataclass(frozen=True)
class Parts:
    """What changes are made with."""

    groups: Groups
    applications: Applications
    credentials: Credentials
    secrets: Secrets


class _Change(msgspec.Struct, frozen=True, tag_field="type"):
    def touches(self, tx: Transaction, project: str) -> Iterator[str]:
        """The users and applications, as `USER:...`, whose rights may become less."""
        raise NotImplementedError

    def make(self, tx: Transaction, who: Principal, parts: Parts) -> None:
        """Make it: whatever its own route refuses, it refuses."""
        raise NotImplementedError

    def secret(self) -> str | None:
        """The secret that it takes away."""
        return None


class RemoveMember(_Change, frozen=True, tag="REMOVE_MEMBER"):
    """Take a user or an application out of a group."""

    group: str
    user: str

    def touches(self, tx: Transaction, project: str) -> Iterator[str]:
        yield f"USER:{self.user}"

    def make(self, tx: Transaction, who: Principal, parts: Parts) -> None:
        parts.groups.remove(tx, who, self.group, [self.user])


class RemoveRole(_Change, frozen=True, tag="REMOVE_ROLE"):
    """Take a role from a user, an application (`{"type": "USER", "id": "app:..."}`) or a group."""

    subject: Subject
    role: str

    def touches(self, tx: Transaction, project: str) -> Iterator[str]:
        yield from members(tx, project, subject_name(self.subject))

    def make(self, tx: Transaction, who: Principal, parts: Parts) -> None:
        name, directory = subject_name(self.subject), parts.groups.directory
        if name.startswith("USER:app:"):
            parts.applications.remove_role(tx, who, name.removeprefix("USER:app:"), self.role)
            return
        if name.startswith("ROLE:"):
            raise BadInput("subject.type: ROLE is none that has roles", "subject.type")
        parts.groups.grants.must_exist(tx, who.project, self.subject)
        with directory.administrators_remain(tx, who.project):
            kept = [role for role in directory.roles(tx, who.project, name) if role != self.role]
            directory.set_roles(tx, who, name, kept, OF_GROUPS if name.startswith("GROUP:") else OF_USERS)


class RemoveGrant(_Change, frozen=True, tag="REMOVE_GRANT"):
    """Take accesses on a target from a subject."""

    subject: Subject
    target: Target
    access: list[Access]

    def touches(self, tx: Transaction, project: str) -> Iterator[str]:
        yield from members(tx, project, subject_name(self.subject))

    def make(self, tx: Transaction, who: Principal, parts: Parts) -> None:
        parts.groups.grants.must_exist(tx, who.project, self.subject)
        parts.groups.grants.remove(tx, who, self.subject, self.target, self.access)


class DeleteSecret(_Change, frozen=True, tag="DELETE_SECRET"):
    """Delete a secret with everything that is granted on it."""

    key: str

    def touches(self, tx: Transaction, project: str) -> Iterator[str]:
        for row in tx.all("grants_on_target", project_id=project, target_type=SECRET, target_id=self.key):
            yield from members(tx, project, row["subject"])

    def make(self, tx: Transaction, who: Principal, parts: Parts) -> None:
        parts.secrets.policy(tx, who.project, self.key)  # NotFound where there is none
        parts.secrets.delete(tx, who, self.key)

    def secret(self) -> str | None:
        return self.key


class DeleteUser(_Change, frozen=True, tag="DELETE_USER"):
    """Delete a person's account in the project."""

    id: str

    def touches(self, tx: Transaction, project: str) -> Iterator[str]:
        yield f"USER:{self.id}"

    def make(self, tx: Transaction, who: Principal, parts: Parts) -> None:
        parts.groups.directory.delete(tx, who, self.id)


class DeleteGroup(_Change, frozen=True, tag="DELETE_GROUP"):
    """Delete a group."""

    id: str

    def touches(self, tx: Transaction, project: str) -> Iterator[str]:
        yield from members(tx, project, f"GROUP:{self.id}")

    def make(self, tx: Transaction, who: Principal, parts: Parts) -> None:
        parts.groups.delete(tx, who, self.id)


class DeleteRole(_Change, frozen=True, tag="DELETE_ROLE"):
    """Delete a custom role."""

    name: str

    def touches(self, tx: Transaction, project: str) -> Iterator[str]:
        yield from members(tx, project, f"ROLE:{self.name}")

    def make(self, tx: Transaction, who: Principal, parts: Parts) -> None:
        parts.groups.directory.role_book.delete(tx, who, self.name)


class DeleteApplication(_Change, frozen=True, tag="DELETE_APPLICATION"):
    """Delete an application with its keys."""

    id: str

    def touches(self, tx: Transaction, project: str) -> Iterator[str]:
        yield f"USER:{application_user(self.id)}"

    def make(self, tx: Transaction, who: Principal, parts: Parts) -> None:
        parts.applications.delete(tx, who, self.id)


class PauseKey(_Change, frozen=True, tag="PAUSE_KEY"):
    """Pause an access key of an application. Where it is the last good one, nobody comes as that application any more."""

    application: str
    key: str

    def touches(self, tx: Transaction, project: str) -> Iterator[str]:
        yield f"USER:{application_user(self.application)}"

    def make(self, tx: Transaction, who: Principal, parts: Parts) -> None:
        if parts.credentials.toggle_key(tx, who, self.application, self.key).status == "ACTIVE":
            raise BadInput(f"key: {self.key} is paused already", "key")


class DeleteKey(PauseKey, frozen=True, tag="DELETE_KEY"):
    """Delete an access key of an application."""

    def make(self, tx: Transaction, who: Principal, parts: Parts) -> None:
        parts.credentials.delete_key(tx, who, self.application, self.key)


Change = (
    RemoveMember
    | RemoveRole
    | RemoveGrant
    | DeleteSecret
    | DeleteUser
    | DeleteGroup
    | DeleteRole
    | DeleteApplication
    | PauseKey
    | DeleteKey
)


def members(tx: Transaction, project: str, subject: str) -> Iterator[str]:
    """The users and applications behind a subject: itself, a group's members, whoever has a role by itself or by a group."""
    kind, _, name = subject.partition(":")
    if kind == "GROUP":
        rows: Sequence[str] = [row["member"] for row in tx.all("members_of_group", project_id=project, group_id=name)]
        yield from rows
    elif kind == "ROLE":
        for row in tx.all("explain_holders", project_id=project, role=name):
            yield from members(tx, project, row["subject"])
    else:
        yield subject


def has_key(tx: Transaction, who: Principal, credentials: Credentials) -> bool:
    """Whether anything that comes as this principal is let in: an application needs an access key that is not paused."""
    if not who.is_application:
        return True
    keys = credentials.keys_of(tx, who.project, who.user.removeprefix("app:"))
    return any(key.status == "ACTIVE" for key in keys)
