"""Persons and their accounts in projects. A person (with a password) is global; an account is a person in one project."""

from collections.abc import Collection, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass

import msgspec

from stagedoor.core.audit import Audit
from stagedoor.core.custom_role import Roles
from stagedoor.core.edition import check_version
from stagedoor.core.epoch import name_changed, project_changed, subject_changed
from stagedoor.core.grant import check_new_name
from stagedoor.core.masterkey import MasterKeys
from stagedoor.core.password import bound
from stagedoor.core.principal import RESERVED, Principal
from stagedoor.core.role import OF_USERS, PERMISSIONS
from stagedoor.kit.clock import Clock
from stagedoor.kit.errors import BadInput, Conflict, NotFound
from stagedoor.kit.ids import NewId
from stagedoor.kit.strictjson import check_name
from stagedoor.store.store import Row, Transaction


class User(msgspec.Struct, frozen=True):
    """A person's account in a project. `roles` None in a draft: they stay. `version` rises with every edit."""

    id: str
    name: str
    roles: tuple[str, ...] | None = None
    contact: Mapping[str, str] = {}
    uuid: str = ""
    version: int = 1


@dataclass(frozen=True)
class Directory:
    clock: Clock
    new_id: NewId
    audit: Audit
    role_book: Roles
    keys: MasterKeys

    def create(self, tx: Transaction, who: Principal, email: str, password_hash: str | None, roles: list[str]) -> None:
        """A person with an account in the caller's project. Conflict where the account exists; unknown roles are BadInput.

        The roles are given as they are: whoever calls this has been asked already, or is the one who sets the store up."""
        if email.startswith(RESERVED) or not email:
            raise BadInput(f"email: it is empty, or starts with {' or '.join(RESERVED)}", "email")
        for role in roles:
            if role not in PERMISSIONS:
                raise BadInput(f"roles: there is no role {role}", "roles")
        if self.account(tx, who.project, email) is not None:
            raise Conflict(f"there is a user {email} already")
        subject_changed(tx, who.project, f"USER:{email}")
        self._insert(tx, who, User(email, email), password_hash)
        for role in roles:
            self.give_role(tx, who, f"USER:{email}", role)
        self.audit.change(tx, who, "user.create", f"USER {email}")

    def account(self, tx: Transaction, project: str, user_id: str) -> Row | None:
        """Its row with the columns user_id, name, uuid, created_at, contact, version; None where there is none."""
        return tx.one("account_by_id", project_id=project, user_id=user_id)

    def get(self, tx: Transaction, project: str, user_id: str) -> User:
        row = self.account(tx, project, user_id)
        if row is None:
            raise NotFound(f"there is no user {user_id}")
        return self._user(tx, project, row)

    def all(self, tx: Transaction, project: str) -> list[User]:
        return [self._user(tx, project, row) for row in tx.all("accounts_of_project", project_id=project)]

    def put(self, tx: Transaction, who: Principal, draft: User, expected: int | None = None) -> User:
        """Make a user (without a password, until it is invited), or replace its name, contact and, where given, roles."""
        check_new_name(draft.id, "id")
        check_name(draft.name, "name")
        if draft.id.startswith(RESERVED):
            raise BadInput(f"id: names of users do not start with {' or '.join(RESERVED)}", "id")
        subject = f"USER:{draft.id}"
        with self.administrators_remain(tx, who.project):
            subject_changed(tx, who.project, subject)
            before = self.account(tx, who.project, draft.id)
            check_version(f"user {draft.id}", before["version"] if before else None, expected)
            if before is None:
                self._must_be_nobodys(tx, who, draft.id)
                self._insert(tx, who, draft, None)
            else:
                contact = msgspec.json.encode(draft.contact).decode()
                tx.do("account_update", project_id=who.project, user_id=draft.id, name=draft.name, contact=contact)
            if draft.roles is not None:
                self.set_roles(tx, who, subject, draft.roles, OF_USERS)
        self.audit.change(tx, who, "user.update" if before else "user.create", f"USER {draft.id}", ",".join(draft.roles or ()))
        return self.get(tx, who.project, draft.id)

    def delete(self, tx: Transaction, who: Principal, user_id: str, expected: int | None = None) -> None:
        """The account with its roles, grants, memberships, sessions and other credentials; the person stays for other projects."""
        subject = f"USER:{user_id}"
        with self.administrators_remain(tx, who.project):
            project_changed(tx, who.project)
            before = self.get(tx, who.project, user_id)
            check_version(f"user {user_id}", before.version, expected)
            for role in before.roles or ():
                self.role_book.must_cover(tx, who, role)
            tx.do("credentials_delete_of_owner", project_id=who.project, owner=user_id)
            tx.do("memberships_delete_of_member", project_id=who.project, member=subject)
            tx.do("roles_delete_of_subject", project_id=who.project, subject=subject)
            tx.do("grants_delete_of_subject", project_id=who.project, subject=subject)
            tx.do("account_delete", project_id=who.project, user_id=user_id)
        self.audit.change(tx, who, "user.delete", f"USER {user_id}")

    def roles(self, tx: Transaction, project: str, subject: str) -> list[str]:
        """Those given to the subject itself, sorted."""
        return [row["role"] for row in tx.all("roles_of_subject", project_id=project, subject=subject)]

    def set_roles(self, tx: Transaction, who: Principal, subject: str, roles: Iterable[str], built_in: Collection[str]) -> None:
        """Exactly these. Each one given or taken must be covered by what the caller holds (promise 10). The caller raises the epoch.

        `built_in`: the built-in roles that such a subject may have; BadInput for others and for what is no role."""
        wanted, held = set(roles), set(self.roles(tx, who.project, subject))
        for role in sorted(wanted):
            if role in PERMISSIONS and role not in built_in:
                raise BadInput(f"roles: {role} is no role for {subject.partition(':')[0].lower()}s", "roles")
        if "USER_READ_ONLY" in wanted and tx.all("groups_of_member", project_id=who.project, member=subject):
            raise BadInput("roles: USER_READ_ONLY is no role for a member of a group", "roles")
        for role in sorted(wanted ^ held):
            self.role_book.must_cover(tx, who, role)
        for role in wanted - held:
            self.give_role(tx, who, subject, role)
        for role in held - wanted:
            self.take_role(tx, who, subject, role)

    def give_role(self, tx: Transaction, who: Principal, subject: str, role: str) -> None:
        """Twice is once. The caller raises the epoch."""
        tx.do("role_insert", project_id=who.project, subject=subject, role=role, granted_by=who.user, granted_at=self.clock.now())

    def take_role(self, tx: Transaction, who: Principal, subject: str, role: str) -> None:
        tx.do("role_delete", project_id=who.project, subject=subject, role=role)

    @contextmanager
    def administrators_remain(self, tx: Transaction, project: str) -> Iterator[None]:
        """Around every change that may take the role ADMIN from a person, before its first write: such changes of a project follow
        one another, and the one that would leave nobody is a Conflict (promise 10)."""
        name_changed(tx, project, "ROLE", "ADMIN")
        before = tx.all("administrators", project_id=project)
        yield
        if before and not tx.all("administrators", project_id=project):
            raise Conflict(f"{before[0]['user_id']} is the last administrator of project {project}: make another one first")

    def _must_be_nobodys(self, tx: Transaction, who: Principal, person: str) -> None:
        """Only an operator takes a person into a second project: who administers the first may know its password."""
        if not who.above_projects and tx.all("accounts_of_person", person_id=person):
            raise Conflict(f"{person} belongs to another project: an operator can add it to this one too")

    def _insert(self, tx: Transaction, who: Principal, draft: User, password_hash: str | None) -> None:
        now, contact = self.clock.now(), msgspec.json.encode(draft.contact).decode()
        tx.do("person_insert", id=draft.id, password_hash=bound(tx, self.keys, draft.id, password_hash), created_at=now)
        tx.do(
            "account_insert", project_id=who.project, user_id=draft.id, person_id=draft.id, uuid=self.new_id(), name=draft.name,
            created_at=now, contact=contact,
        )  # fmt: skip

    def _user(self, tx: Transaction, project: str, row: Row) -> User:
        roles = tuple(self.roles(tx, project, f"USER:{row['user_id']}"))
        contact = msgspec.json.decode(row["contact"], type=dict[str, str])
        return User(row["user_id"], row["name"], roles, contact, row["uuid"], row["version"])
