"""`/api/applications`: applications, their access keys, roles and tags (contract/orkes.md A, Applications)."""

import msgspec

from stagedoor.api.http import Request, Response
from stagedoor.api.orkes.tags import Tags
from stagedoor.core.permission import Access, Resource
from stagedoor.core.tag import tags_of_kind
from stagedoor.gate.server import Server
from stagedoor.kit.errors import NotFound

KIND = "APPLICATION"


class NamedApplication(msgspec.Struct):
    """The body that creates or renames one."""

    name: str


async def create(server: Server, request: Request) -> Response:
    name = request.payload.name
    return Response.json(await server.gate.change(lambda tx: server.gate.applications.create(tx, request.principal, name)))


async def list_all(server: Server, request: Request) -> Response:
    """Those the caller may READ, with their tags."""
    gate, project = server.gate, request.principal.project
    visible = await gate.visible(request.principal, Access.READ, KIND)
    found, tagged = await gate.scan(lambda tx: (gate.applications.all(tx, project), tags_of_kind(tx, project, KIND)))
    return Response.json([{**msgspec.to_builtins(one), "tags": tagged.get(one.id, [])} for one in found if visible(one.id)])


async def get(server: Server, request: Request) -> Response:
    project, application = request.principal.project, request.params["id"]
    return Response.json(await server.gate.look(lambda tx: server.gate.applications.get(tx, project, application)))


async def rename(server: Server, request: Request) -> Response:
    gate, application, name = server.gate, request.params["id"], request.payload.name
    return Response.json(await gate.change(lambda tx: gate.applications.rename(tx, request.principal, application, name)))


async def delete(server: Server, request: Request) -> Response:
    await server.gate.change(lambda tx: server.gate.applications.delete(tx, request.principal, request.params["id"]))
    return Response.json({"message": f"Deleted Application '{request.params['id']}'"})


async def of_key(server: Server, request: Request) -> Response:
    """The application an access key belongs to."""
    gate, key_id = server.gate, request.params["accessKeyId"]
    found = await gate.look(lambda tx: gate.credentials.application_of_key(tx, request.principal.project, key_id))
    if found is not None and not await gate.allows(request.principal, Access.READ, Resource(KIND, found)):
        await gate.record_refusal(request.principal, f"{KIND} {found}", f"missing: READ, asked by its key {key_id}")
        found = None
    if found is None:
        raise NotFound(f"there is no access key {key_id}")
    return Response.json(await gate.look(lambda tx: gate.applications.get(tx, request.principal.project, found)))


async def list_keys(server: Server, request: Request) -> Response:
    await _must_exist(server, request)
    gate, project, application = server.gate, request.principal.project, request.params["id"]
    await gate.look(lambda tx: gate.applications.get(tx, project, application))
    return Response.json(await gate.look(lambda tx: gate.credentials.keys_of(tx, project, application)))


async def create_key(server: Server, request: Request) -> Response:
    """The only answer that ever holds the secret."""
    return Response.json(await server.gate.create_key(request.principal, request.params["id"]))


async def delete_key(server: Server, request: Request) -> Response:
    application, key = request.params["id"], request.params["keyId"]
    await server.gate.change(lambda tx: server.gate.credentials.delete_key(tx, request.principal, application, key))
    return Response.json({"message": f"Deleted Access key '{key}'"})


async def toggle_key(server: Server, request: Request) -> Response:
    application, key = request.params["id"], request.params["keyId"]
    return Response.json(await server.gate.change(lambda tx: server.gate.credentials.toggle_key(tx, request.principal, application, key)))


async def add_role(server: Server, request: Request) -> Response:
    application, role = request.params["id"], request.params["role"]
    await server.gate.change(lambda tx: server.gate.applications.add_role(tx, request.principal, application, role))
    return Response.json({"message": f"Added role {role}"})


async def remove_role(server: Server, request: Request) -> Response:
    application, role = request.params["id"], request.params["role"]
    await server.gate.change(lambda tx: server.gate.applications.remove_role(tx, request.principal, application, role))
    return Response.json({"message": f"Removed role {role}"})


async def _must_exist(server: Server, request: Request) -> None:
    await server.gate.look(lambda tx: server.gate.applications.get(tx, request.principal.project, request.params["id"]))


tags = Tags(KIND, "id", _must_exist, absent_is_empty=True)
