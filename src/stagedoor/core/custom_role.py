"""Custom roles: a name and a list of permissions, made by who holds all of them (docs/decisions/0018-groups-roles-tags.md)."""

from collections.abc import Sequence
from dataclasses import dataclass

import msgspec

from stagedoor.core.audit import Audit
from stagedoor.core.edition import check_version
from stagedoor.core.epoch import name_changed, project_changed
from stagedoor.core.grant import Grants, authority_on, check_new_name
from stagedoor.core.permission import NOTHING, lacking
from stagedoor.core.principal import Principal
from stagedoor.core.role import PERMISSIONS, Effects, check_permissions, effects_of
from stagedoor.core.usage import needed_to_give
from stagedoor.kit.clock import Clock
from stagedoor.kit.errors import BadInput, Conflict, Forbidden, NotFound
from stagedoor.store.store import Row, Transaction

KIND = "ROLE"


class CustomRole(msgspec.Struct, frozen=True):
    """`version` rises with every edit."""

    name: str
    description: str
    permissions: tuple[str, ...]
    version: int = 1


@dataclass(frozen=True)
class Roles:
    clock: Clock
    audit: Audit
    grants: Grants

    def all(self, tx: Transaction, project: str) -> list[CustomRole]:
        return [_role(row) for row in tx.all("custom_roles", project_id=project)]

    def by_name(self, tx: Transaction, project: str) -> dict[str, CustomRole]:
        return {role.name: role for role in self.all(tx, project)}

    def get(self, tx: Transaction, project: str, name: str) -> CustomRole:
        row = tx.one("custom_role_by_name", project_id=project, name=name)
        if row is None:
            raise NotFound(f"there is no custom role {name}")
        return _role(row)

    def create(self, tx: Transaction, who: Principal, draft: CustomRole) -> CustomRole:
        """Conflict where a role has that name; Forbidden where it lists what the caller does not hold."""
        check_new_name(draft.name)
        name_changed(tx, who.project, KIND, draft.name)
        if draft.name in PERMISSIONS or tx.one("custom_role_by_name", project_id=who.project, name=draft.name):
            raise Conflict(f"there is a role {draft.name} already")
        permissions = self._checked(tx, who, draft.permissions)
        tx.do(
            "custom_role_insert", project_id=who.project, name=draft.name, description=draft.description,
            permissions=_text(permissions), created_by=who.user, created_at=self.clock.now(),
        )  # fmt: skip
        self.audit.change(tx, who, "role.create", f"{KIND} {draft.name}", ",".join(permissions))
        return self.get(tx, who.project, draft.name)

    def update(self, tx: Transaction, who: Principal, draft: CustomRole, expected: int | None = None) -> CustomRole:
        """All of it anew. `expected`: Changed where the version is another by now."""
        before = self._for_change(tx, who, draft.name, expected)
        permissions = check_permissions(draft.permissions)
        self._checked(tx, who, (*before.permissions, *permissions))
        self._must_be_covered(tx, who, draft.name)
        tx.do(
            "custom_role_update", project_id=who.project, name=draft.name, description=draft.description, permissions=_text(permissions)
        )
        self.audit.change(tx, who, "role.update", f"{KIND} {draft.name}", ",".join(permissions))
        return self.get(tx, who.project, draft.name)

    def delete(self, tx: Transaction, who: Principal, name: str, expected: int | None = None) -> None:
        """It is nobody's any more, and what it was granted goes with it."""
        before = self._for_change(tx, who, name, expected)
        self._checked(tx, who, before.permissions)
        tx.do("subject_roles_delete_of_role", project_id=who.project, role=name)
        tx.do("grants_delete_of_subject", project_id=who.project, subject=f"{KIND}:{name}")
        tx.do("custom_role_delete", project_id=who.project, name=name)
        self.audit.change(tx, who, "role.delete", f"{KIND} {name}")

    def effects(self, tx: Transaction, project: str, name: str) -> Effects:
        """What a built-in or a custom role gives. BadInput where there is no such role."""
        if name in PERMISSIONS:
            return effects_of(name)
        row = tx.one("custom_role_by_name", project_id=project, name=name)
        if row is None:
            raise BadInput(f"roles: there is no role {name}", "roles")
        return effects_of(name, _role(row).permissions)

    def must_cover(self, tx: Transaction, who: Principal, name: str) -> None:
        """Forbidden where giving or taking this role would hand out what the caller does not hold (promise 10)."""
        effects = self.effects(tx, who.project, name)
        authority = authority_on(tx, who, NOTHING)
        self.grants.usage.within(tx, who, *needed_to_give(name, effects))
        if authority.administers:
            return
        missing = "role ADMIN" if name == "ADMIN" else lacking(who, authority, effects)
        if missing is not None:
            raise Forbidden(f"You don't have permissions to give or take role: {name} (missing: {missing})")
        self._must_be_covered(tx, who, name)

    def _must_be_covered(self, tx: Transaction, who: Principal, name: str) -> None:
        self.grants.must_cover(tx, who, f"{KIND}:{name}", f"role: {name}")

    def _for_change(self, tx: Transaction, who: Principal, name: str, expected: int | None) -> CustomRole:
        if name in PERMISSIONS:
            raise BadInput(f"name: {name} is a built-in role and stays as it is", "name")
        name_changed(tx, who.project, KIND, name)
        project_changed(tx, who.project)
        before = self.get(tx, who.project, name)
        check_version(f"role {name}", before.version, expected)
        return before

    def _checked(self, tx: Transaction, who: Principal, permissions: Sequence[str]) -> tuple[str, ...]:
        found = check_permissions(permissions)
        missing = lacking(who, authority_on(tx, who, NOTHING), effects_of("", found))
        if missing is not None:
            raise Forbidden(f"You don't have permissions to make or change such a role (missing: {missing})")
        self.grants.usage.within(tx, who, *needed_to_give("", effects_of("", found)))
        return found


def _role(row: Row) -> CustomRole:
    return CustomRole(row["name"], row["description"], tuple(msgspec.json.decode(row["permissions"], type=list[str])), row["version"])


def _text(permissions: Sequence[str]) -> str:
    return msgspec.json.encode(permissions).decode()
