"""Revisions, vouchers and adoption of workflow and task definitions: Stagedoor's own (docs/moving.md)."""

from stagedoor.api.http import Request, Response
from stagedoor.api.orkes.metadata import version_of
from stagedoor.gate.adopting import Adopt, Adopting, AdoptTask
from stagedoor.gate.server import Server
from stagedoor.gate.vouchers import Vouchers


async def revisions(server: Server, request: Request) -> Response:
    """Every immutable save that is kept, newest first: who, when, whether it is the current one, whether runs still use it."""
    return Response.json(await Vouchers(server.gate).revisions(request.principal, request.params["name"]))


async def of_workflow(server: Server, request: Request) -> Response:
    """Each reference to a secret in a version's current revision: its place, its voucher; to whoever may know, whether it works now."""
    return Response.json(await Vouchers(server.gate).of_workflow(request.principal, request.params["name"], version_of(request)))


async def of_task(server: Server, request: Request) -> Response:
    """Each secret that the task definition names in `runtimeMetadata`, with its voucher."""
    return Response.json(await Vouchers(server.gate).of_task(request.principal, request.params["name"]))


async def adopt_workflow(server: Server, request: Request) -> Response:
    """The caller becomes the voucher of references. 403 names the secret that it may not use; 409 where the definition was saved anew."""
    wanted: Adopt = request.payload or Adopt()
    return Response.json(await Adopting(server.gate).workflow(request.principal, request.params["name"], wanted))


async def adopt_task(server: Server, request: Request) -> Response:
    """The caller becomes the voucher of what the task definition names in `runtimeMetadata`."""
    wanted: AdoptTask = request.payload or AdoptTask()
    return Response.json(await Adopting(server.gate).task(request.principal, request.params["name"], wanted))
