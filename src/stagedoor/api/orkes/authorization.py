"""`/api/auth/authorization`: grants (contract/orkes.md A, Authorization)."""

from typing import Any

import msgspec

from stagedoor.api.http import Request, Response
from stagedoor.core.grant import Subject, Target, resource_of, subject_name
from stagedoor.core.permission import Access
from stagedoor.gate.server import Server


class Authorization(msgspec.Struct):
    """Who may do what on which resource."""

    subject: Subject
    target: Target
    access: list[Access]


async def grant(server: Server, request: Request) -> Response:
    body: Authorization = request.payload
    await server.gate.change(lambda tx: server.gate.grants.add(tx, request.principal, body.subject, body.target, body.access))
    return Response.json({"message": "Granted permission"})


async def revoke(server: Server, request: Request) -> Response:
    body: Authorization = request.payload
    await server.gate.change(lambda tx: server.gate.grants.remove(tx, request.principal, body.subject, body.target, body.access))
    return Response.json({"message": "Removed permission"})


async def on_target(server: Server, request: Request) -> Response:
    """Grants by access, all five keys always there (0.13); `groupBy=subject` turns them round."""
    target = Target(request.params["type"], request.params["id"])
    found = await server.gate.look(lambda tx: server.gate.grants.on(tx, request.principal.project, target))
    if request.query("groupBy") == "subject":
        by_subject: dict[str, list[str]] = {}
        for subject, access in found:
            by_subject.setdefault(f"{subject.type}:{subject.id}", []).append(access)
        return Response.json(by_subject)
    by_access: dict[str, list[Any]] = {access: [] for access in Access}
    for subject, access in found:
        by_access[access].append(subject)
    return Response.json(by_access)


async def of_subject(server: Server, request: Request) -> Response:
    """The grants that a user, group or role holds itself; `resourceType` narrows them to one kind."""
    found = await server.persons.granted(request.principal, _subject(request))
    kind = _kind(request)
    shown = [one for one in found if one.tag is None and kind in (None, one.resource.kind)]
    return Response.json([{"target": {"type": one.resource.kind, "id": one.resource.name}, "access": one.access} for one in shown])


async def revoke_all(server: Server, request: Request) -> Response:
    """Take all of them away, or those on one kind."""
    gate, subject, kind = server.gate, _subject(request), _kind(request)
    await gate.change(lambda tx: gate.grants.remove_all(tx, request.principal, subject, kind))
    return Response.json({"message": "Revoked grants"})


def _subject(request: Request) -> Subject:
    subject = Subject(request.params["subjectType"].upper(), request.params["subjectId"])
    subject_name(subject)
    return subject


def _kind(request: Request) -> str | None:
    asked = request.query("resourceType")
    return resource_of(Target(asked, "any:name")).kind if asked else None
