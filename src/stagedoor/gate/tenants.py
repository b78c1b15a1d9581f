"""Projects and their members at the gate. Each change asks for the right to it once more in its own transaction."""

from collections.abc import Sequence
from dataclasses import dataclass

from stagedoor.core.epoch import name_changed
from stagedoor.core.grant import authority_on
from stagedoor.core.member import Member, Members
from stagedoor.core.operator import Operators
from stagedoor.core.permission import NOTHING
from stagedoor.core.principal import Principal
from stagedoor.core.project import Project
from stagedoor.gate.gate import Gate
from stagedoor.gate.leaving import Left, delete_user
from stagedoor.kit.errors import AdminOnly
from stagedoor.store.store import Transaction


@dataclass(frozen=True)
class Tenants:
    gate: Gate
    operators: Operators
    membership: Members

    async def demand_operator(self, who: Principal) -> None:
        """AdminOnly, audited, for anybody else."""
        if not await self.gate.look(lambda tx: self.operators.is_one(tx, who)):
            await self.gate.record_refusal(who, "PROJECT", "missing: to be an operator")
            raise AdminOnly(audited=True)

    async def projects(self, who: Principal) -> list[Project]:
        """Those that the caller's person has an account in; all for an operator. An application is in its own alone."""

        def within(tx: Transaction) -> list[Project]:
            if self.operators.is_one(tx, who):
                return self.gate.projects.all(tx)
            person = tx.one("person_of_account", project_id=who.project, user_id=who.user)
            return self.gate.projects.of_person(tx, person["person_id"]) if person else [self.gate.projects.get(tx, who.project)]

        return await self.gate.scan(within)

    async def sees(self, who: Principal, project: str) -> bool:
        return project == who.project or any(one.id == project for one in await self.projects(who))

    async def get(self, project: str) -> Project:
        return await self.gate.look(lambda tx: self.gate.projects.get(tx, project))

    async def create(self, who: Principal, project: str, name: str) -> Project:
        """A project without members: the operator enters it to add the first administrator."""

        def within(tx: Transaction) -> Project:
            self.operators.demand(tx, who)
            self.gate.projects.create(tx, project, name)
            self.gate.audit.change(tx, Principal(project, who.user, who.credential), "project.create", f"PROJECT {project}")
            return self.gate.projects.get(tx, project)

        return await self.gate.change(within)

    async def members(self, who: Principal) -> list[Member]:
        return await self.gate.scan(lambda tx: self.membership.all(tx, who.project))

    async def put_member(self, who: Principal, email: str, roles: Sequence[str]) -> Member:
        def within(tx: Transaction) -> Member:
            still_administers(tx, who)
            return self.membership.put(tx, who, email, roles)

        return await self.gate.change(within)

    async def remove_member(self, who: Principal, email: str) -> list[Left]:
        """As deleting a user, with what is shut from then on; only the account goes, the person stays."""
        return await delete_user(self.gate, who, email, demand=lambda tx: still_administers(tx, who))


def still_administers(tx: Transaction, who: Principal) -> None:
    name_changed(tx, who.project, "ROLE", "ADMIN")
    if "ADMIN_MANAGEMENT" not in authority_on(tx, who, NOTHING).permissions:
        raise AdminOnly
