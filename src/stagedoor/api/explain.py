"""`/api/auth/explain`, `/api/auth/who-can`, `/api/auth/what-if`: Stagedoor's own, in words and as objects (docs/explain.md)."""

import msgspec

from stagedoor.api.http import Request, Response
from stagedoor.core.change import Change
from stagedoor.core.grant import Subject, Target, resource_of
from stagedoor.core.permission import Access
from stagedoor.core.principal import Principal
from stagedoor.core.question import Question
from stagedoor.gate.explaining import Explaining
from stagedoor.gate.server import Server
from stagedoor.kit.errors import BadInput
from stagedoor.kit.strictjson import check_name


class WhatIfBody(msgspec.Struct):
    """A change that is not made: what would stop?"""

    change: Change


async def explain(server: Server, request: Request) -> Response:
    """Whether a user or application may do something, by which paths, or what little would be enough."""
    who = Principal(request.principal.project, asked_subject(request).id, request.query("credential") or None)
    found = await Explaining(server.gate).explain(request.principal, who, asked_question(request))
    return Response.json(msgspec.to_builtins(found))


async def who_can(server: Server, request: Request) -> Response:
    """Every user and application that may do something, with the paths by which they may."""
    found = await Explaining(server.gate).who_can(request.principal, asked_question(request))
    return Response.json(msgspec.to_builtins(found))


async def what_if(server: Server, request: Request) -> Response:
    """Which rights would be lost by a change, and which workflows and workers would stop. Nothing is changed."""
    found = await Explaining(server.gate).what_if(request.principal, request.payload.change)
    return Response.json(msgspec.to_builtins(found))


def asked_subject(request: Request) -> Subject:
    """`subject=USER:<id>`: a user, or an application as `USER:app:<id>`."""
    kind, _, name = (request.query("subject") or "").partition(":")
    if kind.upper() != "USER" or not name:
        raise BadInput("subject: it must be USER:<id>, or USER:app:<id> for an application", "subject")
    return Subject("USER", check_name(name, "subject"))


def asked_question(request: Request) -> Question:
    """`access`, `type`, `id`, and for polls `domain`."""
    access, domain = (request.query("access") or "").upper(), request.query("domain") or ""
    if access not in tuple(Access):
        raise BadInput(f"access: it must be one of {', '.join(Access)}", "access")
    resource = resource_of(Target(request.query("type") or "", request.query("id") or ""))
    return Question(Access(access), resource, check_name(domain, "domain") if domain else "")
