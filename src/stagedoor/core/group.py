"""Groups of users and applications. Members have what the group has for as long as they belong to it (contract/orkes.md A, Groups)."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import msgspec

from stagedoor.core.audit import Audit
from stagedoor.core.edition import check_version
from stagedoor.core.epoch import name_changed, project_changed, subject_changed
from stagedoor.core.grant import Grants, authority_on, check_new_name
from stagedoor.core.identity import Directory
from stagedoor.core.permission import NOTHING, Access
from stagedoor.core.principal import Principal
from stagedoor.core.role import OF_GROUPS
from stagedoor.kit.clock import Clock
from stagedoor.kit.errors import BadInput, Forbidden, NotFound
from stagedoor.store.store import Row, Transaction

KIND = "GROUP"
DEFAULT_ACCESS = ("WORKFLOW_DEF", "TASK_DEF", "WORKFLOW_SCHEDULE")


class Group(msgspec.Struct, frozen=True):
    """`default_access`: kind -> what the group gets on each thing of it that a member makes. `version` rises with every edit."""

    id: str
    description: str
    roles: tuple[str, ...] = ()
    default_access: Mapping[str, Sequence[Access]] = {}
    contact: Mapping[str, str] = {}
    version: int = 1


@dataclass(frozen=True)
class Groups:
    clock: Clock
    audit: Audit
    grants: Grants
    directory: Directory

    def all(self, tx: Transaction, project: str) -> list[Group]:
        return [self._group(tx, project, row) for row in tx.all("groups_of_project", project_id=project)]

    def get(self, tx: Transaction, project: str, group_id: str) -> Group:
        row = tx.one("group_by_id", project_id=project, id=group_id)
        if row is None:
            raise NotFound(f"there is no group {group_id}")
        return self._group(tx, project, row)

    def of_user(self, tx: Transaction, project: str, user: str) -> list[Group]:
        rows = tx.all("groups_of_member", project_id=project, member=f"USER:{user}")
        return [self._group(tx, project, row) for row in rows]

    def members(self, tx: Transaction, project: str, group_id: str) -> list[str]:
        """Ids of users."""
        self.get(tx, project, group_id)
        return [row["member"].removeprefix("USER:") for row in tx.all("members_of_group", project_id=project, group_id=group_id)]

    def put(self, tx: Transaction, who: Principal, draft: Group, expected: int | None = None) -> Group:
        """Make it, or replace all of it but its members. `expected`: Changed where the version is another by now."""
        check_new_name(draft.id, "id")
        _check_default_access(draft.default_access)
        with self.directory.administrators_remain(tx, who.project):
            name_changed(tx, who.project, KIND, draft.id)
            project_changed(tx, who.project)
            before = tx.one("group_by_id", project_id=who.project, id=draft.id)
            check_version(f"group {draft.id}", before["version"] if before else None, expected)
            self._must_cover_default(tx, who, before, draft)
            columns = {
                "project_id": who.project, "id": draft.id, "description": draft.description,
                "default_access": _text(draft.default_access), "contact": _text(draft.contact),
            }  # fmt: skip
            if before is None:
                tx.do("group_insert", created_by=who.user, created_at=self.clock.now(), **columns)
            else:
                tx.do("group_update", **columns)
            self.directory.set_roles(tx, who, f"{KIND}:{draft.id}", draft.roles, OF_GROUPS)
        self.audit.change(tx, who, "group.update" if before else "group.create", f"{KIND} {draft.id}", ",".join(draft.roles))
        return self.get(tx, who.project, draft.id)

    def delete(self, tx: Transaction, who: Principal, group_id: str, expected: int | None = None) -> None:
        """With its memberships, its roles and the grants it holds."""
        with self.directory.administrators_remain(tx, who.project):
            name_changed(tx, who.project, KIND, group_id)
            project_changed(tx, who.project)
            group, subject = self.get(tx, who.project, group_id), f"{KIND}:{group_id}"
            check_version(f"group {group_id}", group.version, expected)
            for role in group.roles:
                self.directory.role_book.must_cover(tx, who, role)
            tx.do("memberships_delete_of_group", project_id=who.project, group_id=group_id)
            tx.do("roles_delete_of_subject", project_id=who.project, subject=subject)
            tx.do("grants_delete_of_subject", project_id=who.project, subject=subject)
            tx.do("group_delete", project_id=who.project, id=group_id)
        self.audit.change(tx, who, "group.delete", f"{KIND} {group_id}")

    def add(self, tx: Transaction, who: Principal, group_id: str, users: Iterable[str]) -> None:
        """Members more; twice is once. Forbidden where the group holds what the caller does not: nobody joins their way up."""
        name_changed(tx, who.project, KIND, group_id)
        self.must_cover(tx, who, self.get(tx, who.project, group_id))
        for user in users:
            self._may_join(tx, who.project, user)
            subject_changed(tx, who.project, f"USER:{user}")
            now = self.clock.now()
            tx.do(
                "membership_insert", project_id=who.project, member=f"USER:{user}", group_id=group_id, added_by=who.user, added_at=now
            )
            self.audit.change(tx, who, "group.add", f"{KIND} {group_id}", user)

    def must_cover(self, tx: Transaction, who: Principal, group: Group) -> None:
        """Forbidden where joining the group would give somebody what the caller does not hold (promise 10)."""
        for role in group.roles:
            self.directory.role_book.must_cover(tx, who, role)
        self.grants.must_cover(tx, who, f"{KIND}:{group.id}", f"membership of group: {group.id}")

    def remove(self, tx: Transaction, who: Principal, group_id: str, users: Iterable[str]) -> None:
        """Members less; one who is none is no error."""
        with self.directory.administrators_remain(tx, who.project):
            name_changed(tx, who.project, KIND, group_id)
            self.get(tx, who.project, group_id)
            for user in users:
                self._must_exist(tx, who.project, user)
                subject_changed(tx, who.project, f"USER:{user}")
                tx.do("membership_delete", project_id=who.project, member=f"USER:{user}", group_id=group_id)
                self.audit.change(tx, who, "group.remove", f"{KIND} {group_id}", user)

    def _must_cover_default(self, tx: Transaction, who: Principal, before: Row | None, draft: Group) -> None:
        """What members will make is nobody's yet. As with any name that does not exist, a right on it is handed out, or taken, by who
        has it on all of its kind (promise 10)."""
        was = _accesses(msgspec.json.decode(before["default_access"], type=dict[str, list[Access]]) if before else {})
        authority = authority_on(tx, who, NOTHING)
        for access, kind in sorted(was ^ _accesses(draft.default_access)):
            if authority.whole(access, kind) is None:
                missing = f"(missing: {access} on every {kind})"
                raise Forbidden(f"You don't have permissions to change defaultAccess of group: {draft.id} {missing}")

    def _must_exist(self, tx: Transaction, project: str, user: str) -> None:
        if tx.one("subject_exists", project_id=project, subject=f"USER:{user}", user_id=user) is None:
            raise NotFound(f"there is no user {user}")

    def _may_join(self, tx: Transaction, project: str, user: str) -> None:
        self._must_exist(tx, project, user)
        if "USER_READ_ONLY" in self.directory.roles(tx, project, f"USER:{user}"):
            raise BadInput(f"userId: {user} has the role USER_READ_ONLY and cannot be in a group", "userId")

    def _group(self, tx: Transaction, project: str, row: Row) -> Group:
        roles = tuple(self.directory.roles(tx, project, f"{KIND}:{row['id']}"))
        access = msgspec.json.decode(row["default_access"], type=dict[str, list[Access]])
        return Group(row["id"], row["description"], roles, access, msgspec.json.decode(row["contact"]), row["version"])


def _accesses(default: Mapping[str, Sequence[Access]]) -> set[tuple[Access, str]]:
    return {(access, kind) for kind, accesses in default.items() for access in accesses}


def _check_default_access(access: Mapping[str, Sequence[Access]]) -> None:
    for kind in access:
        if kind not in DEFAULT_ACCESS:
            raise BadInput(f"defaultAccess: {kind} is not one of {', '.join(DEFAULT_ACCESS)}", "defaultAccess")


def _text(value: object) -> str:
    return msgspec.json.encode(value).decode()
