"""`/api/secrets`: names, values, tags and policies (contract/orkes.md A, Secrets, and the traps 0.5 to 0.8)."""

from stagedoor.api.http import Request, Response
from stagedoor.api.orkes.listing import wanted
from stagedoor.api.orkes.tags import Tags
from stagedoor.api.orkes.text import secret_text
from stagedoor.core.grant import asked_again
from stagedoor.core.permission import Access, Resource
from stagedoor.core.secret import KIND
from stagedoor.core.tag import tags_of_kind
from stagedoor.gate.server import Server
from stagedoor.kit.errors import NotFound
from stagedoor.kit.secretvalue import SecretValue

STILL_EXPIRED = '299 stagedoor "the secret has expired and is used nowhere: PUT .../expiry sets another time"'


async def names(server: Server, request: Request) -> Response:
    """Every name the caller may READ (0.: `POST /secrets` and `GET /secrets`); `access` may ask for more, all of them together."""
    return Response.json(await _names(server, request))


async def names_with_tags(server: Server, request: Request) -> Response:
    tagged = await server.gate.scan(lambda tx: tags_of_kind(tx, request.principal.project, KIND))
    return Response.json([{"name": name, "tags": tagged.get(name, [])} for name in await _names(server, request)])


async def _names(server: Server, request: Request) -> list[str]:
    shows = await wanted(server, request, KIND)
    found = await server.gate.scan(lambda tx: server.gate.secrets.names(tx, request.principal.project))
    return [name for name in found if shows(name)]


async def put(server: Server, request: Request) -> Response:
    """A new version, or a new secret. A `Warning` header where it has expired: another value does not change that."""
    gate, key = server.gate, request.params["key"]
    await gate.put_secret(request.principal, key, SecretValue(secret_text(request, await request.body())))
    if await gate.look(lambda tx: gate.secrets.expired(tx, request.principal.project, key)):
        return Response.empty(200).with_header("Warning", STILL_EXPIRED)
    return Response.empty(200)


async def get(server: Server, request: Request) -> Response:
    """The raw value as text/plain, audited."""
    value = await server.gate.view_secret(request.principal, request.params["key"])
    return Response.text(value.reveal())


async def exists(server: Server, request: Request) -> Response:
    """`true` only to who holds any access on the secret or may create secrets (contract/orkes.md, decisions)."""
    gate, key = server.gate, request.params["key"]
    knows = await gate.knows(request.principal, Resource(KIND, key))
    return Response.json(knows and await gate.look(lambda tx: gate.secrets.exists(tx, request.principal.project, key)))


async def delete(server: Server, request: Request) -> Response:
    gate, who, key = server.gate, request.principal, request.params["key"]
    await gate.change(asked_again(who, Resource(KIND, key), (Access.DELETE,), lambda tx: gate.secrets.delete(tx, who, key)))
    return Response.empty(200)


async def clear_cache(server: Server, request: Request) -> Response:
    """Secrets in external stores are asked for anew when they are next used: those that the caller may READ."""
    return Response.json({"status": f"{await server.stores.clear_cache(request.principal)} secrets will be fetched anew"})


async def get_policy(server: Server, request: Request) -> Response:
    project, key = request.principal.project, request.params["key"]
    return Response.json(await server.gate.look(lambda tx: server.gate.secrets.policy(tx, project, key)))


async def _must_exist(server: Server, request: Request) -> None:
    key = request.params["key"]
    if not await server.gate.look(lambda tx: server.gate.secrets.exists(tx, request.principal.project, key)):
        raise NotFound(f"there is no secret {key}")


tags = Tags(KIND, "key", _must_exist)
