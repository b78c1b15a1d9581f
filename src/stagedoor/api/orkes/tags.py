"""`.../tags` of every taggable thing: the same three handlers, over the kind and the path parameter that names it (contract/orkes.md A)."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from stagedoor.api.http import Request, Response
from stagedoor.core.grant import asked_again
from stagedoor.core.permission import Access, Resource
from stagedoor.core.tag import Tag, delete_tags, put_tags, replace_tags, tags_of
from stagedoor.gate.server import Server

MustExist = Callable[[Server, Request], Awaitable[None]]


@dataclass(frozen=True)
class Tags:
    """`must_exist` raises NotFound. `absent_is_empty`: reading the tags of what is not there gives `[]`."""

    kind: str
    param: str
    must_exist: MustExist
    absent_is_empty: bool = False

    async def get(self, server: Server, request: Request) -> Response:
        """The tags."""
        if not self.absent_is_empty:
            await self.must_exist(server, request)
        resource = self._resource(request)
        return Response.json(await server.gate.look(lambda tx: tags_of(tx, request.principal.project, resource)))

    async def put(self, server: Server, request: Request) -> Response:
        """Add tags, or replace those with the same key."""
        return await self._change(server, request, put_tags, request.payload)

    async def add_one(self, server: Server, request: Request) -> Response:
        """Add one tag, or replace the one with its key."""
        return await self._change(server, request, put_tags, [request.payload])

    async def replace(self, server: Server, request: Request) -> Response:
        """Exactly these tags."""
        return await self._change(server, request, replace_tags, request.payload)

    async def delete(self, server: Server, request: Request) -> Response:
        """Take tags away; the body names them."""
        return await self._change(server, request, delete_tags, request.payload)

    async def delete_one(self, server: Server, request: Request) -> Response:
        """Take one tag away."""
        return await self._change(server, request, delete_tags, [request.payload])

    async def _change(self, server: Server, request: Request, change: Callable[..., None], tags: list[Tag]) -> Response:
        await self.must_exist(server, request)
        gate, who, resource = server.gate, request.principal, self._resource(request)
        await gate.change(asked_again(who, resource, (Access.UPDATE,), lambda tx: change(tx, who, resource, tags, gate.audit)))
        return Response.empty(200)

    def _resource(self, request: Request) -> Resource:
        return Resource(self.kind, request.params[self.param])
