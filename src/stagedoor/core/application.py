"""Applications: the identities of programs. Each is also the user `app:<id>` (contract/orkes.md A, Applications)."""

from dataclasses import dataclass

import msgspec

from stagedoor.core.audit import Audit
from stagedoor.core.epoch import project_changed, subject_changed
from stagedoor.core.grant import Grants, authority_on
from stagedoor.core.identity import Directory
from stagedoor.core.permission import NOTHING, Resource
from stagedoor.core.principal import Principal, application_user
from stagedoor.core.role import OF_APPLICATIONS, PERMISSIONS, UNRESTRICTED
from stagedoor.core.usage import ADMINISTERS
from stagedoor.kit.clock import Clock
from stagedoor.kit.errors import BadInput, Forbidden, NotFound
from stagedoor.kit.ids import NewId
from stagedoor.kit.strictjson import check_name
from stagedoor.store.store import Row, Transaction


class Application(msgspec.Struct, rename="camel", frozen=True):
    """Times are epoch milliseconds. Names are not unique."""

    id: str
    name: str
    created_by: str
    updated_by: str
    create_time: int
    update_time: int


@dataclass(frozen=True)
class Applications:
    clock: Clock
    new_id: NewId
    audit: Audit
    grants: Grants
    directory: Directory

    def create(self, tx: Transaction, who: Principal, name: str) -> Application:
        check_name(name, "name")
        now = self.clock.now()
        made = Application(self.new_id(), name, who.user, who.user, now, now)
        subject_changed(tx, who.project, who.subject)
        tx.do(
            "application_insert", project_id=who.project, id=made.id, name=name,
            created_by=who.user, created_at=now, updated_by=who.user, updated_at=now,
        )  # fmt: skip
        self.grants.own(tx, who, Resource("APPLICATION", made.id))
        self.audit.change(tx, who, "application.create", f"APPLICATION {made.id}")
        return made

    def get(self, tx: Transaction, project: str, application_id: str) -> Application:
        row = tx.one("application_by_id", project_id=project, id=application_id)
        if row is None:
            raise absent(application_id)
        return _application(row)

    def all(self, tx: Transaction, project: str) -> list[Application]:
        return [_application(row) for row in tx.all("applications_of_project", project_id=project)]

    def rename(self, tx: Transaction, who: Principal, application_id: str, name: str) -> Application:
        check_name(name, "name")
        self.get(tx, who.project, application_id)
        tx.do("application_rename", project_id=who.project, id=application_id, name=name, updated_by=who.user, updated_at=self.clock.now())
        self.audit.change(tx, who, "application.rename", f"APPLICATION {application_id}")
        return self.get(tx, who.project, application_id)

    def delete(self, tx: Transaction, who: Principal, application_id: str) -> None:
        """With its keys, its trusts, its roles, its memberships, the grants it holds and the grants on it."""
        self.get(tx, who.project, application_id)
        subject = f"USER:{application_user(application_id)}"
        project_changed(tx, who.project)
        tx.do("credentials_delete_of_owner", project_id=who.project, owner=application_user(application_id))
        tx.do("trusts_delete_of_application", project_id=who.project, application_id=application_id)
        tx.do("memberships_delete_of_member", project_id=who.project, member=subject)
        tx.do("roles_delete_of_subject", project_id=who.project, subject=subject)
        tx.do("grants_delete_of_subject", project_id=who.project, subject=subject)
        self.grants.forget(tx, who.project, Resource("APPLICATION", application_id))
        tx.do("application_delete", project_id=who.project, id=application_id)
        self.audit.change(tx, who, "application.delete", f"APPLICATION {application_id}")

    def add_role(self, tx: Transaction, who: Principal, application_id: str, role: str) -> None:
        """Forbidden where a role reaches beyond single grants and the caller is no administrator (contract/orkes.md A)."""
        self.check_role(tx, who, application_id, role)
        subject_changed(tx, who.project, f"USER:{application_user(application_id)}")
        self.directory.give_role(tx, who, f"USER:{application_user(application_id)}", role)
        self.audit.change(tx, who, "role.add", f"APPLICATION {application_id}", role)

    def remove_role(self, tx: Transaction, who: Principal, application_id: str, role: str) -> None:
        """Removing an absent role is no error."""
        self.check_role(tx, who, application_id, role)
        subject_changed(tx, who.project, f"USER:{application_user(application_id)}")
        self.directory.take_role(tx, who, f"USER:{application_user(application_id)}", role)
        self.audit.change(tx, who, "role.remove", f"APPLICATION {application_id}", role)

    def check_new_key(self, tx: Transaction, who: Principal, application_id: str) -> None:
        """A key hands out the application's roles: Forbidden to who has neither ADMIN nor those that only administrators give."""
        self.get(tx, who.project, application_id)
        authority = authority_on(tx, who, NOTHING)
        roles = authority_on(tx, Principal(who.project, application_user(application_id)), NOTHING).roles
        given = {role for role in roles if role in UNRESTRICTED or role not in PERMISSIONS}
        if not authority.administers and (missing := sorted(given - authority.roles)):
            raise Forbidden(f"You don't have permissions to create a key of application: {application_id} (missing: role {missing[0]})")
        if given - (authority.roles - {"ADMIN"}):
            self.grants.usage.within(tx, who, ADMINISTERS)

    def check_role(self, tx: Transaction, who: Principal, application_id: str, role: str) -> None:
        """Whether the caller may give or take this role: NotFound, BadInput or Forbidden where not."""
        self.get(tx, who.project, application_id)
        if role in PERMISSIONS and role not in OF_APPLICATIONS:
            raise BadInput(f"role: {role} is no role for applications, as are {', '.join(sorted(OF_APPLICATIONS))}", "role")
        if role not in PERMISSIONS and tx.one("custom_role_by_name", project_id=who.project, name=role) is None:
            raise BadInput(f"role: there is no role {role}; built in for applications are {', '.join(sorted(OF_APPLICATIONS))}", "role")
        administers = authority_on(tx, who, NOTHING).administers
        if (role in UNRESTRICTED or role not in PERMISSIONS) and not administers:
            raise Forbidden(f"You don't have permissions to give or take role: {role} (missing: role ADMIN)")
        if role in UNRESTRICTED or role not in PERMISSIONS:
            self.grants.usage.within(tx, who, ADMINISTERS)
        self.directory.role_book.must_cover(tx, who, role)


def absent(application_id: str) -> NotFound:
    return NotFound(f"there is no application {application_id}")


def _application(row: Row) -> Application:
    return Application(row["id"], row["name"], row["created_by"], row["updated_by"], row["created_at"], row["updated_at"])
