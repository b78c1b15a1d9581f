"""How users, groups and roles look on the wire: ConductorUser, Group, role (contract/orkes.md A)."""

from collections.abc import Mapping
from typing import Any

from stagedoor.api.http import Request, Response
from stagedoor.core.custom_role import CustomRole
from stagedoor.core.group import Group
from stagedoor.core.role import PERMISSIONS
from stagedoor.gate.persons import UserView
from stagedoor.kit.errors import BadInput

OneOrMany = str | list[str]
"""`roles` may come as a bare string (contract/orkes.md 0.10)."""


def listed(value: OneOrMany) -> tuple[str, ...]:
    return (value,) if isinstance(value, str) else tuple(value)


def role_json(name: str, custom: Mapping[str, CustomRole]) -> dict[str, Any]:
    """A built-in role, or one of the project's own."""
    own = custom.get(name)
    permissions = own.permissions if own else PERMISSIONS.get(name, ())
    described = {"description": own.description} if own else {}
    return {"name": name, **described, "permissions": [{"name": one} for one in permissions]}


def group_json(group: Group, custom: Mapping[str, CustomRole]) -> dict[str, Any]:
    return {
        "id": group.id, "description": group.description, "roles": [role_json(name, custom) for name in group.roles],
        "defaultAccess": group.default_access, "contactInformation": group.contact,
    }  # fmt: skip


def user_json(view: UserView) -> dict[str, Any]:
    """ConductorUser."""
    return {
        "id": view.user.id,
        "name": view.user.name,
        "roles": [role_json(name, view.custom) for name in sorted(view.user.roles or ())],
        "groups": [group_json(group, view.custom) for group in view.groups],
        "uuid": view.user.uuid,
        "contactInformation": view.user.contact,
        "namespace": "0000",
        "applicationUser": view.application,
        "orkesWorkersApp": False,
        "orkesApiGateway": False,
        "orkesApp": False,
        "encryptedId": False,
    }


def versioned(value: object, version: int) -> Response:
    """JSON with the version as its ETag (RFC 9110, 8.8.3)."""
    return Response.json(value).with_header("etag", f'"{version}"')


def expected_version(request: Request) -> int | None:
    """The version that `If-Match` names; None where any will do (RFC 9110, 13.1.1)."""
    text = request.header("if-match")
    if text is None or text.strip() == "*":
        return None
    number = text.strip().strip('"')
    if not (number.isascii() and number.isdecimal() and len(number) < 10):
        raise BadInput('If-Match: it is not an ETag that this server has given, such as "3"', "If-Match")
    return int(number)
