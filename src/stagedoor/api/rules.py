"""The rules a route can have: what access it demands, on what. `text` is the sentence that documents it.

A rule raises what the dialect then spells: Forbidden with the missing grant, or NotFound for things with opaque ids.
"""

from dataclasses import dataclass
from typing import Protocol

from stagedoor.api.http import Request
from stagedoor.api.orkes.for_end_user import HEADER, end_user_of
from stagedoor.api.orkes.tasks import task_id_in
from stagedoor.core.end_user import KIND as END_USER
from stagedoor.core.grant import Target, resource_of
from stagedoor.core.permission import Access, Resource
from stagedoor.core.role import KNOWN_PERMISSIONS
from stagedoor.engine.definition import TaskDefinition, WorkflowDefinition
from stagedoor.gate.server import Server
from stagedoor.kit.errors import NotFound, TooLarge

MOST_DEFINITIONS = 1000
"""Saved by one request: each is judged, written and audited by itself, while others wait."""


class Rule(Protocol):
    @property
    def text(self) -> str: ...

    async def check(self, server: Server, request: Request) -> None: ...


@dataclass(frozen=True)
class Public:
    """No credential is asked for, and one that is sent is not looked at."""

    text: str = "anybody"

    async def check(self, server: Server, request: Request) -> None:
        return


@dataclass(frozen=True)
class Authenticated:
    """Any principal; what it sees or may do is filtered below."""

    text: str = "any authenticated caller; the answer holds what single reads would allow"

    async def check(self, server: Server, request: Request) -> None:
        return


@dataclass(frozen=True)
class ShowsSecretKey:
    """A project's secret key, and no other kind of credential: it may do all that `/v1` does, in its project."""

    text: str = "who shows a secret key of the project; the answer holds that project's alone"

    async def check(self, server: Server, request: Request) -> None:
        return


@dataclass(frozen=True)
class Needs:
    """Accesses on the resource that a path parameter names."""

    kind: str
    param: str
    accesses: tuple[Access, ...]

    @property
    def text(self) -> str:
        return f"{' and '.join(self.accesses)} on {self.kind} {{{self.param}}}"

    async def check(self, server: Server, request: Request) -> None:
        for access in self.accesses:
            await server.gate.demand(request.principal, access, Resource(self.kind, request.params[self.param]))


@dataclass(frozen=True)
class Creates:
    kind: str

    @property
    def text(self) -> str:
        return f"a role that creates {self.kind}"

    async def check(self, server: Server, request: Request) -> None:
        await server.gate.demand_create(request.principal, Resource(self.kind, getattr(request.payload, "name", "")))


@dataclass(frozen=True)
class OnApplication:
    """Applications have opaque ids: to who may not READ one, it is not there (contract/orkes.md, decisions)."""

    access: Access

    @property
    def text(self) -> str:
        return f"{self.access} on APPLICATION {{id}}; 404 to who may not READ it"

    async def check(self, server: Server, request: Request) -> None:
        application = Resource("APPLICATION", request.params["id"])
        if not await server.gate.allows(request.principal, Access.READ, application):
            await server.gate.record_refusal(request.principal, f"APPLICATION {application.name}", f"missing: {self.access}")
            raise NotFound(f"there is no application {application.name}")
        for access in {Access.READ, self.access}:
            await server.gate.demand(request.principal, access, application)


@dataclass(frozen=True)
class SavesNamed:
    """Makes or changes the secret or environment variable of this name."""

    kind: str

    @property
    def text(self) -> str:
        return f"UPDATE on {self.kind} {{key}} where it exists, else a role that creates {self.kind}"

    async def check(self, server: Server, request: Request) -> None:
        gate, named = server.gate, Resource(self.kind, request.params["key"])
        exists = await gate.look(lambda tx: gate.has(tx, request.principal.project, named))
        await gate.demand_save(request.principal, named, exists)


@dataclass(frozen=True)
class SavesDefinitions:
    """The body is one definition or a list of them."""

    kind: str

    @property
    def text(self) -> str:
        return f"UPDATE on each {self.kind} of the body that exists, else a role that creates {self.kind}"

    async def check(self, server: Server, request: Request) -> None:
        body: list[WorkflowDefinition | TaskDefinition] = request.payload if isinstance(request.payload, list) else [request.payload]
        if len(body) > MOST_DEFINITIONS:
            raise TooLarge(f"more than {MOST_DEFINITIONS} definitions in one request")
        for definition in body:
            await server.definitions.demand_save(request.principal, self.kind, definition.name)


@dataclass(frozen=True)
class Starts:
    """EXECUTE on the workflow named by a path parameter, or in the body, and on the end user that it is to run for."""

    param: str = ""

    @property
    def text(self) -> str:
        workflow = f"{{{self.param}}}" if self.param else "of the body's name"
        named = f"and on END_USER where the header {HEADER} names one, unless it is the project's secret key that does"
        return f"EXECUTE on WORKFLOW_DEF {workflow}, {named}"

    async def check(self, server: Server, request: Request) -> None:
        name = request.params[self.param] if self.param else request.payload.name
        await server.gate.demand(request.principal, Access.EXECUTE, Resource("WORKFLOW_DEF", name))
        end_user = end_user_of(request)
        if end_user and not request.principal.is_project:
            await server.gate.demand(request.principal, Access.EXECUTE, Resource(END_USER, end_user))


@dataclass(frozen=True)
class OnRun:
    access: Access

    @property
    def text(self) -> str:
        return f"{self.access} on the run's WORKFLOW_DEF; 404 to who may not READ it"

    async def check(self, server: Server, request: Request) -> None:
        await server.executions.demand_run(request.principal, request.params["workflowId"], self.access)


@dataclass(frozen=True)
class Polls:
    text: str = "EXECUTE on TASK_DEF {type} or on the DOMAIN asked for; an application also the role WORKER or UNRESTRICTED_WORKER"

    async def check(self, server: Server, request: Request) -> None:
        await server.gate.demand_poll(request.principal, request.params["type"], request.query("domain"))


@dataclass(frozen=True)
class ReportsOnTask:
    """The task is named in the path, or in the body. `hidden`: unknown and foreign tasks are the same 403."""

    in_body: bool = True
    hidden: bool = False

    @property
    def text(self) -> str:
        refused = "403" if self.hidden else "404"
        return f"as for polling its type; EXECUTE on its WORKFLOW_DEF where no worker polls it; {refused} for a task the caller may not see"

    async def check(self, server: Server, request: Request) -> None:
        task_id = task_id_in(await request.body()) if self.in_body else request.params["taskId"]
        await server.executions.demand_work(request.principal, task_id, hidden=self.hidden)


@dataclass(frozen=True)
class SeesTask:
    text: str = "READ on the task's WORKFLOW_DEF or, where workers poll it, EXECUTE on its TASK_DEF; 404 otherwise"

    async def check(self, server: Server, request: Request) -> None:
        await server.executions.demand_task(request.principal, request.params["taskId"])


@dataclass(frozen=True)
class SeesGrants:
    text: str = "READ on the target"

    async def check(self, server: Server, request: Request) -> None:
        await server.gate.demand(request.principal, Access.READ, resource_of(Target(request.params["type"], request.params["id"])))


@dataclass(frozen=True)
class AsksOfItself:
    """About itself anybody may ask, about others an administrator."""

    text: str = "the role ADMIN, or being the subject asked about"

    async def check(self, server: Server, request: Request) -> None:
        kind, _, name = (request.query("subject") or "").partition(":")
        if (kind.upper(), name) != ("USER", request.principal.user):
            await server.gate.demand_permission(request.principal, "AUTHORIZATION_MANAGEMENT")


@dataclass(frozen=True)
class AsksWhoMay:
    """As for the grants on the target: what is asked is who holds what on it."""

    text: str = "READ on the target asked about"

    async def check(self, server: Server, request: Request) -> None:
        target = resource_of(Target(request.query("type") or "", request.query("id") or ""))
        await server.gate.demand(request.principal, Access.READ, target)


@dataclass(frozen=True)
class HandsOut:
    """Nobody hands out what they do not hold: UPDATE on the target and every access named (promise 10)."""

    text: str = "UPDATE on the target, and each access handed out or taken"

    async def check(self, server: Server, request: Request) -> None:
        target = resource_of(request.payload.target)
        for access in (Access.UPDATE, *request.payload.access):
            await server.gate.demand(request.principal, access, target)


@dataclass(frozen=True)
class Permits:
    """A management permission, which only roles give."""

    permission: str

    @property
    def text(self) -> str:
        only = "" if self.permission in KNOWN_PERMISSIONS else ", which is ADMIN's alone"
        return f"a role with the permission {self.permission}{only}"

    async def check(self, server: Server, request: Request) -> None:
        await server.gate.demand_permission(request.principal, self.permission)


@dataclass(frozen=True)
class SelfOrAdministers:
    """The grants of a subject: its own to itself (with `own`), all to an administrator."""

    own: bool

    @property
    def text(self) -> str:
        return "the role ADMIN, or being the subject" if self.own else "the role ADMIN"

    async def check(self, server: Server, request: Request) -> None:
        subject = f"{request.params['subjectType'].upper()}:{request.params['subjectId']}"
        if not (self.own and subject == request.principal.subject):
            await server.gate.demand_permission(request.principal, "AUTHORIZATION_MANAGEMENT")


@dataclass(frozen=True)
class ManagesProject:
    """Administrators of the project; to anybody else another project is not there."""

    text: str = "the role ADMIN in project {id}; 404 for another project"

    async def check(self, server: Server, request: Request) -> None:
        if request.params["id"] != request.principal.project:
            raise await _no_project(server, request)
        await server.gate.demand_permission(request.principal, "ADMIN_MANAGEMENT")


@dataclass(frozen=True)
class SeesProject:
    text: str = "an account in project {id}, or to be an operator; 404 otherwise"

    async def check(self, server: Server, request: Request) -> None:
        if not await server.tenants.sees(request.principal, request.params["id"]):
            raise await _no_project(server, request)


@dataclass(frozen=True)
class Operates:
    """Operators stand above projects (core/operator.py)."""

    text: str = "an operator, signed in with a password"

    async def check(self, server: Server, request: Request) -> None:
        await server.tenants.demand_operator(request.principal)


async def _no_project(server: Server, request: Request) -> NotFound:
    await server.gate.record_refusal(request.principal, f"PROJECT {request.params['id']}", "missing: an account in it")
    return NotFound(f"there is no project {request.params['id']}")
