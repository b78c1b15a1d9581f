"""`/api/projects/{id}/secret-keys`: the secret keys of a project (ours). Who manages the project manages them."""

import msgspec

from stagedoor.api.http import Request, Response
from stagedoor.gate.server import Server


class NewSecretKey(msgspec.Struct, forbid_unknown_fields=True):
    """The body that makes one."""

    name: str


class LegacyKey(msgspec.Struct, forbid_unknown_fields=True):
    """A key from before: SHA-256 of the whole of it, in hex."""

    name: str
    sha256: str


class CreatedSecretKey(msgspec.Struct, rename="camel", frozen=True):
    """The only time that `secret_key` is shown."""

    id: str
    name: str
    secret_key: str
    mask: str
    created_at: int

    def __repr__(self) -> str:
        return f"CreatedSecretKey(id={self.id!r}, secret_key=***)"


async def list_all(server: Server, request: Request) -> Response:
    """Masked, oldest first."""
    return Response.json(await server.project_keys.all(request.principal.project))


async def create(server: Server, request: Request) -> Response:
    """The only answer that ever holds the key."""
    body: NewSecretKey = request.payload
    made, token = await server.project_keys.create(request.principal, body.name)
    return Response.json(CreatedSecretKey(made.id, made.name, token.reveal(), made.mask, made.created_at))


async def import_digest(server: Server, request: Request) -> Response:
    """A key from before, known by its SHA-256 alone, works from now on."""
    body: LegacyKey = request.payload
    return Response.json(await server.project_keys.import_digest(request.principal, body.name, body.sha256))


async def toggle(server: Server, request: Request) -> Response:
    """ACTIVE becomes INACTIVE and back, at once."""
    return Response.json(await server.project_keys.toggle(request.principal, request.params["keyId"]))


async def delete(server: Server, request: Request) -> Response:
    """Whoever shows it is refused from now on."""
    await server.project_keys.delete(request.principal, request.params["keyId"])
    return Response.json({"message": f"Deleted secret key '{request.params['keyId']}'"})
