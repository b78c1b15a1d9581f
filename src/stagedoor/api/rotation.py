"""Rotation of keys by overlap: `rotate` and `rollback` beside each kind of key (docs/decisions/0037-rotation-by-overlap.md)."""

from typing import Any

import msgspec

from stagedoor.api.http import Request, Response
from stagedoor.api.router import Options, Route
from stagedoor.api.rules import Authenticated, ManagesProject, OnApplication
from stagedoor.core.api_key import ApiKey
from stagedoor.core.credential import AccessKey
from stagedoor.core.overlap import Rotated, Rotation
from stagedoor.core.permission import Access
from stagedoor.core.project_key import SecretKeyView
from stagedoor.core.succession import hours_of
from stagedoor.gate.server import Server

IN_SEVEN_DAYS = Rotation()


class Overlapping(msgspec.Struct, rename="camel", frozen=True, kw_only=True, omit_defaults=True):
    """Beside a new key: the one it replaces, and when that one ends, at a time (epoch ms) or after so many hours without use."""

    replaces: str
    retire_at: int | None = None
    retire_after_idle_hours: float | None = None

    def __repr__(self) -> str:
        return f"{type(self).__name__}(replaces={self.replaces!r})"


class RotatedAccessKey(Overlapping, rename="camel", frozen=True):
    """The only time that `secret` is shown."""

    id: str
    secret: str

    __repr__ = Overlapping.__repr__


class RotatedApiKey(Overlapping, rename="camel", frozen=True):
    """The only time that `key` is shown."""

    id: str
    name: str
    key: str
    mask: str
    created_at: int

    __repr__ = Overlapping.__repr__


class RotatedSecretKey(Overlapping, rename="camel", frozen=True):
    """The only time that `secret_key` is shown."""

    id: str
    name: str
    secret_key: str
    mask: str
    created_at: int

    __repr__ = Overlapping.__repr__


async def access_key(server: Server, request: Request) -> Response:
    """A new access key beside this one, which ends as the body says: in seven days, if it says nothing."""
    made = await server.rotations.rotate_access_key(
        request.principal, request.params["id"], request.params["keyId"], request.payload or IN_SEVEN_DAYS
    )  # fmt: skip
    return Response.json(RotatedAccessKey(made.id, made.secret.reveal(), replaces=made.replaces, **_end(made)))


async def access_key_back(server: Server, request: Request) -> Response:
    """The old access key stays, and the one that was to take its place is deleted."""
    return Response.json(await server.rotations.roll_back_access_key(request.principal, request.params["id"], request.params["keyId"]))


async def api_key(server: Server, request: Request) -> Response:
    """A new API key beside this one, which ends as the body says: in seven days, if it says nothing."""
    made = await server.rotations.rotate_api_key(request.principal, request.params["id"], request.payload or IN_SEVEN_DAYS)
    columns = (made.id, made.name or "", made.secret.reveal(), made.mask, made.created_at)
    return Response.json(RotatedApiKey(*columns, replaces=made.replaces, **_end(made)))


async def api_key_back(server: Server, request: Request) -> Response:
    """The old API key stays, and the one that was to take its place is deleted."""
    return Response.json(await server.rotations.roll_back_api_key(request.principal, request.params["id"]))


async def secret_key(server: Server, request: Request) -> Response:
    """A new secret key beside this one, which ends as the body says: in seven days, if it says nothing."""
    made = await server.rotations.rotate_secret_key(request.principal, request.params["keyId"], request.payload or IN_SEVEN_DAYS)
    columns = (made.id, made.name or "", made.secret.reveal(), made.mask, made.created_at)
    return Response.json(RotatedSecretKey(*columns, replaces=made.replaces, **_end(made)))


async def secret_key_back(server: Server, request: Request) -> Response:
    """The old secret key stays, and the one that was to take its place is deleted."""
    return Response.json(await server.rotations.roll_back_secret_key(request.principal, request.params["keyId"]))


def _end(made: Rotated) -> dict[str, Any]:
    return {"retire_at": made.retire_at, "retire_after_idle_hours": hours_of(made.retire_idle)}


def _answers(answer: Any) -> Options:
    return Options(strict=True, limit=16 * 1024, answer=answer)


OWN = Authenticated("any authenticated caller about its own keys, by a credential without a ceiling; 404 for others'")
ON_APPLICATION, MANAGES = OnApplication(Access.UPDATE), ManagesProject()
ACCESS_KEY, API_KEY = "/api/applications/{id}/accessKeys/{keyId}", "/api/keys/{id}"
SECRET_KEY = "/api/projects/{id}/secret-keys/{keyId}"  # noqa: S105  an address
ROUTES: tuple[Route, ...] = (
    Route("POST", ACCESS_KEY + "/rotate", access_key, ON_APPLICATION, Rotation | None, options=_answers(RotatedAccessKey)),
    Route("POST", ACCESS_KEY + "/rollback", access_key_back, ON_APPLICATION, options=_answers(AccessKey)),
    Route("POST", API_KEY + "/rotate", api_key, OWN, Rotation | None, options=_answers(RotatedApiKey)),
    Route("POST", API_KEY + "/rollback", api_key_back, OWN, options=_answers(ApiKey)),
    Route("POST", SECRET_KEY + "/rotate", secret_key, MANAGES, Rotation | None, options=_answers(RotatedSecretKey)),
    Route("POST", SECRET_KEY + "/rollback", secret_key_back, MANAGES, options=_answers(SecretKeyView)),
)
