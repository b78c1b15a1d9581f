"""`/api/auth/authorization`: grants (contract/orkes.md A, Authorization)."""

from typing import Any

import msgspec

from stagedoor.api.http import Request, Response
from stagedoor.core.grant import Subject, Target
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
