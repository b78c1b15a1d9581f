"""The gate: what the API may ask for. It joins permissions, secrets, audit and the engine; every method takes the principal first."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import TypeVar

from stagedoor.core.advisor import Advisor
from stagedoor.core.application import Applications
from stagedoor.core.audit import Audit
from stagedoor.core.credential import Credentials, NewAccessKey, TamperedCredential
from stagedoor.core.custom_role import Roles
from stagedoor.core.environment import KIND as VARIABLE
from stagedoor.core.environment import Environment
from stagedoor.core.epoch import name_changed
from stagedoor.core.grant import Grants, asked_again, authority_on, must_hold
from stagedoor.core.group import Groups
from stagedoor.core.identity import Directory
from stagedoor.core.permission import (
    NOTHING,
    Access,
    Allowed,
    Denied,
    Resource,
    Verdict,
    creates,
    decide,
    decide_create,
    decide_poll,
    decide_save,
    holds_any,
)  # fmt: skip
from stagedoor.core.principal import Principal
from stagedoor.core.project import Projects, Settings
from stagedoor.core.secret import KIND as SECRET
from stagedoor.core.secret import Secrets
from stagedoor.core.usage import MAKE, PERMIT, Usage, Use
from stagedoor.engine.port import Engine
from stagedoor.gate.authority import Authenticator
from stagedoor.gate.exchange import Exchange
from stagedoor.gate.sealing import Sealing
from stagedoor.gate.stores import Stores
from stagedoor.kit.errors import AdminOnly, Forbidden, StagedoorError
from stagedoor.kit.secretvalue import SecretValue
from stagedoor.store.store import Store, Transaction

T = TypeVar("T")


@dataclass(frozen=True)
class Gate:
    """The parts, built by bootstrap. Verdicts are given here; nothing above decides anything."""

    store: Store
    audit: Audit
    projects: Projects
    directory: Directory
    roles: Roles
    groups: Groups
    applications: Applications
    credentials: Credentials
    grants: Grants
    secrets: Secrets
    engine: Engine
    sealing: Sealing
    authenticator: Authenticator
    exchange: Exchange
    usage: Usage
    advisor: Advisor
    environment: Environment
    stores: Stores

    async def verdict(self, who: Principal, access: Access, resource: Resource) -> Verdict:
        return decide(who, access, resource, await self.authenticator.authority(who, resource))

    async def allows(self, who: Principal, access: Access, resource: Resource) -> bool:
        return isinstance(await self.verdict(who, access, resource), Allowed)

    async def demand(self, who: Principal, access: Access, resource: Resource) -> None:
        """Forbidden, audited, with the missing grant named."""
        verdict = await self.verdict(who, access, resource)
        if isinstance(verdict, Denied):
            await self.refuse(who, resource, verdict)
        self.usage.add(who, access, resource)

    async def demand_create(self, who: Principal, resource: Resource) -> None:
        verdict = decide_create(resource, await self.authenticator.authority(who, NOTHING))
        if isinstance(verdict, Denied):
            await self.refuse(who, resource, verdict)
        self.usage.asked(who, Use(MAKE, resource.kind, ""))

    async def demand_save(self, who: Principal, resource: Resource, exists: bool) -> None:
        verdict = decide_save(who, resource, exists, await self.authenticator.authority(who, resource))
        if isinstance(verdict, Denied):
            await self.refuse(who, resource, verdict)
        self.usage.asked(who, Use(Access.UPDATE, *resource) if exists else Use(MAKE, resource.kind, ""))

    def still_may_save(self, tx: Transaction, who: Principal, resource: Resource, exists: bool) -> None:
        """The same inside the transaction of the save: the thing may have been made or deleted since the rule was asked."""
        verdict = decide_save(who, resource, exists, authority_on(tx, who, resource))
        if isinstance(verdict, Denied):
            raise Forbidden(verdict.reason)

    def has(self, tx: Transaction, project: str, named: Resource) -> bool:
        """Whether there is this secret, or environment variable."""
        return (self.environment if named.kind == VARIABLE else self.secrets).exists(tx, project, named.name)

    async def put_secret(self, who: Principal, name: str, value: SecretValue) -> None:
        await self._put(who, Resource(SECRET, name), lambda tx: self.secrets.put(tx, who, name, value))

    async def put_variable(self, who: Principal, name: str, value: str) -> None:
        await self._put(who, Resource(VARIABLE, name), lambda tx: self.environment.put(tx, who, name, value))

    async def _put(self, who: Principal, named: Resource, put: Callable[[Transaction], None]) -> None:
        def within(tx: Transaction) -> None:
            name_changed(tx, who.project, *named)
            self.still_may_save(tx, who, named, self.has(tx, who.project, named))
            put(tx)

        await self.store.write(within)

    async def view_secret(self, who: Principal, name: str) -> SecretValue:
        """The value, audited; the right to it is asked once more where it is read."""
        secret = Resource(SECRET, name)

        def within(tx: Transaction) -> SecretValue:
            must_hold(tx, who, secret, Access.READ)
            return self.secrets.view(tx, who, name, self.stores.opened)

        value = await self.stores.write(within)
        await self.authenticator.still_good(who)  # a value from elsewhere may have taken its time
        return value

    async def delete_variable(self, who: Principal, name: str) -> str:
        """Its last value, empty where the caller may not READ it."""
        variable = Resource(VARIABLE, name)

        def within(tx: Transaction) -> str:
            name_changed(tx, who.project, VARIABLE, name)
            reads = isinstance(decide(who, Access.READ, variable, authority_on(tx, who, variable)), Allowed)
            value = self.environment.delete(tx, who, name)
            return value if reads else ""

        return await self.store.write(within)

    async def create_key(self, who: Principal, application_id: str) -> NewAccessKey:
        """Shown this once."""

        def within(tx: Transaction) -> NewAccessKey:
            self.applications.check_new_key(tx, who, application_id)
            return self.credentials.create_key(tx, who, application_id)

        return await self.store.write(asked_again(who, Resource("APPLICATION", application_id), (Access.UPDATE,), within))

    async def demand_poll(self, who: Principal, task_type: str, domain: str | None, *, again: bool = False) -> None:
        """`again`: of a poll that has waited, which is one use all the same."""
        verdict = await self.poll_verdict(who, task_type, domain)
        if isinstance(verdict, Denied):
            await self.refuse(who, Resource("TASK_DEF", task_type), verdict)
        if not again:
            self.usage.polled(who, task_type, domain or "")

    async def poll_verdict(self, who: Principal, task_type: str, domain: str | None) -> Verdict:
        """`domain`: the one polled in, or that the task is in."""
        return decide_poll(who, task_type, await self.authenticator.authority(who, Resource("TASK_DEF", task_type)), domain or "")

    async def knows(self, who: Principal, resource: Resource) -> bool:
        """Holds any access on it, or may make such things (contract/orkes.md, decisions)."""
        authority = await self.authenticator.authority(who, resource)
        return creates(resource.kind, authority) is not None or holds_any(resource, authority)

    async def demand_permission(self, who: Principal, permission: str) -> None:
        """A management permission, which only roles give; AdminOnly otherwise."""
        authority = await self.authenticator.authority(who, NOTHING)
        if permission not in authority.permissions:
            await self.record_refusal(who, permission, f"missing: permission {permission}")
            raise AdminOnly
        self.usage.asked(who, Use(PERMIT, "", permission))

    async def visible(self, who: Principal, access: Access, kind: str) -> Callable[[str], bool]:
        """The filter of a list: exactly the names a single read would allow."""
        authority = await self.authenticator.whole_authority(who)
        if authority.whole(access, kind) is not None:
            return lambda name: True
        return lambda name: isinstance(decide(who, access, Resource(kind, name), authority), Allowed)

    async def refuse(self, who: Principal, resource: Resource, verdict: Denied) -> None:
        await self.record_refusal(who, f"{resource.kind} {resource.name}", verdict.missing)
        raise Forbidden(verdict.reason, audited=True)

    async def record_refusal(self, who: Principal, target: str, detail: str) -> None:
        await self.store.write(lambda tx: self.audit.refusal(tx, who, "access", target, detail))

    async def record_tampered(self, problem: TamperedCredential) -> None:
        await self.store.write(lambda tx: self.credentials.refused(tx, problem))

    async def set_settings(self, who: Principal, settings: Settings) -> None:
        """The settings of the caller's project."""

        def within(tx: Transaction) -> None:
            self.projects.set_settings(tx, who.project, settings)
            self.audit.change(tx, who, "project.settings", f"PROJECT {who.project}", str(settings))

        await self.store.write(within)

    async def change(self, fn: Callable[[Transaction], T]) -> T:
        return await self.store.write(fn)

    async def look(self, fn: Callable[[Transaction], T]) -> T:
        """Point reads."""
        return await self.store.read(fn)

    async def scan(self, fn: Callable[[Transaction], T]) -> T:
        """Lists."""
        return await self.store.scan(fn)


async def or_none(waiting: Awaitable[T], *errors: type[StagedoorError]) -> T | None:
    """The result, or None where one of these errors says there is none."""
    try:
        return await waiting
    except errors:
        return None
