"""Users and groups as they are shown: what a user is, is in several tables at once."""

from collections.abc import Collection
from dataclasses import dataclass, replace

import msgspec

from stagedoor.core.application import Application
from stagedoor.core.custom_role import CustomRole
from stagedoor.core.grant import Subject
from stagedoor.core.group import Group
from stagedoor.core.identity import User
from stagedoor.core.permission import NOTHING, Access, Resource
from stagedoor.core.principal import APPLICATION_PREFIX, OPERATOR_PREFIX, Principal, application_user
from stagedoor.core.role import PERMISSIONS
from stagedoor.gate.gate import Gate
from stagedoor.kit.errors import BadInput, NotFound
from stagedoor.store.store import Transaction

Custom = dict[str, CustomRole]


@dataclass(frozen=True, slots=True)
class UserView:
    """A user with its groups, or an application as the user `app:<id>`; `custom` are the project's own roles by name."""

    user: User
    groups: tuple[Group, ...]
    custom: Custom
    application: bool = False


@dataclass(frozen=True, slots=True)
class Granted:
    """One subject's accesses on one thing; `tag` where a grant on that tag gives them."""

    resource: Resource
    access: tuple[Access, ...]
    tag: str | None = None


@dataclass(frozen=True)
class Persons:
    gate: Gate

    async def custom(self, who: Principal) -> Custom:
        """The project's own roles by name."""
        return await self.gate.scan(lambda tx: self.gate.roles.by_name(tx, who.project))

    async def user(self, who: Principal, user_id: str) -> UserView:
        """NotFound where there is neither a user nor an application of that id."""
        return await self.gate.scan(lambda tx: self._view(tx, who.project, user_id))

    async def caller(self, who: Principal) -> UserView:
        """Who is calling, with every role it has, its groups' included. An operator inside a project has no account there."""
        roles = tuple((await self.gate.authenticator.authority(who, NOTHING)).roles)
        if who.user.startswith(OPERATOR_PREFIX):
            return UserView(User(who.user, who.user, roles, uuid=who.user), (), {})
        view = await self.user(who, who.user)
        return replace(view, user=msgspec.structs.replace(view.user, roles=roles))

    async def users(self, who: Principal, *, applications: bool) -> list[UserView]:
        def within(tx: Transaction) -> list[UserView]:
            custom, project = self.gate.roles.by_name(tx, who.project), who.project
            found = [UserView(user, self._groups(tx, project, user.id), custom) for user in self.gate.directory.all(tx, project)]
            if applications:
                found += [self._as_user(tx, project, one, custom) for one in self.gate.applications.all(tx, project)]
            return found

        return await self.gate.scan(within)

    async def put(self, who: Principal, draft: User, groups: Collection[str] | None, expected: int | None) -> UserView:
        """Make or replace a user; `groups` None: it stays in those it is in."""

        def within(tx: Transaction) -> UserView:
            if groups is not None:
                _known(groups, {group.id for group in self.gate.groups.all(tx, who.project)})
                for group in sorted({group.id for group in self._groups(tx, who.project, draft.id)} - set(groups)):
                    self.gate.groups.remove(tx, who, group, [draft.id])  # first: a role may be none for members of groups
            self.gate.directory.put(tx, who, draft, expected)
            if groups is not None:
                for group in sorted(set(groups) - {group.id for group in self._groups(tx, who.project, draft.id)}):
                    self.gate.groups.add(tx, who, group, [draft.id])
            return self._view(tx, who.project, draft.id)

        return await self.gate.change(within)

    async def members(self, who: Principal, group_id: str) -> list[UserView]:
        def within(tx: Transaction) -> list[UserView]:
            return [self._view(tx, who.project, user) for user in self.gate.groups.members(tx, who.project, group_id)]

        return await self.gate.scan(within)

    async def granted(self, who: Principal, subject: Subject) -> list[Granted]:
        """What a subject holds itself: one entry for each target, and for a grant on a tag also one for each thing that carries it."""

        def within(tx: Transaction) -> list[Granted]:
            self._must_exist(tx, who.project, subject)
            found: list[Granted] = []
            for resource, access in self.gate.grants.of(tx, who.project, subject).items():
                found.append(Granted(resource, tuple(access)))
                if resource.kind == "TAG":
                    tagged = self.gate.grants.tagged(tx, who.project, resource.name)
                    found += [Granted(thing, tuple(access), resource.name) for thing in tagged]
            return found

        return await self.gate.scan(within)

    def _must_exist(self, tx: Transaction, project: str, subject: Subject) -> None:
        kind = subject.type.upper()
        if kind == "USER":
            self._view(tx, project, subject.id)
        elif kind == "GROUP":
            self.gate.groups.get(tx, project, subject.id)
        elif subject.id not in PERMISSIONS:
            self.gate.roles.get(tx, project, subject.id)

    def _view(self, tx: Transaction, project: str, user_id: str) -> UserView:
        custom = self.gate.roles.by_name(tx, project)
        if user_id.startswith(APPLICATION_PREFIX):
            try:
                application = self.gate.applications.get(tx, project, user_id.removeprefix(APPLICATION_PREFIX))
            except NotFound:
                raise NotFound(f"there is no user {user_id}") from None
            return self._as_user(tx, project, application, custom)
        return UserView(self.gate.directory.get(tx, project, user_id), self._groups(tx, project, user_id), custom)

    def _as_user(self, tx: Transaction, project: str, application: Application, custom: Custom) -> UserView:
        user_id = application_user(application.id)
        roles = tuple(self.gate.directory.roles(tx, project, f"USER:{user_id}"))
        return UserView(User(user_id, application.name, roles, {}, application.id), self._groups(tx, project, user_id), custom, True)

    def _groups(self, tx: Transaction, project: str, user_id: str) -> tuple[Group, ...]:
        return tuple(self.gate.groups.of_user(tx, project, user_id))


def _known(groups: Collection[str], there: set[str]) -> None:
    if unknown := sorted(set(groups) - there):
        raise BadInput(f"groups: there is no group {unknown[0]}", "groups")
