"""Users, groups and grants to them, made by an administrator; and the answer to who is none."""

from typing import Any

import httpx

from tests.api.authorization.world import new
from tests.support.server import Api

ACCESSES = ["CREATE", "READ", "UPDATE", "DELETE", "EXECUTE"]


def a_user(admin: Api, *roles: str, member_of: str | None = None) -> str:
    name = new("user")
    groups = [member_of] if member_of else []
    admin.call("PUT", f"/api/users/{name}", {"name": "A person", "roles": list(roles or ("USER",)), "groups": groups})
    return name


def a_group(admin: Api, *members: str, roles: tuple[str, ...] = ("USER",), **more: Any) -> str:
    name = new("group")
    admin.call("PUT", f"/api/groups/{name}", {"description": "A group", "roles": list(roles), **more})
    if members:
        admin.call("POST", f"/api/groups/{name}/users", list(members))
    return name


def authorization(subject: tuple[str, str], target: tuple[str, str], *access: str) -> dict[str, Any]:
    """The body of POST and DELETE /auth/authorization."""
    pair = {"subject": {"type": subject[0], "id": subject[1]}, "target": {"type": target[0], "id": target[1]}}
    return {**pair, "access": list(access)}


def grant(admin: Api, subject: tuple[str, str], target: tuple[str, str], *access: str) -> None:
    admin.call("POST", "/api/auth/authorization", authorization(subject, target, *access))


def assert_admin_only(answer: httpx.Response, path: str) -> None:
    """Spring's own 403 for a missing role: the status is text, `error` one that makes no SDK ask for another token."""
    assert answer.status_code == 403, f"{path}: {answer.status_code} {answer.text}"
    body = answer.json()
    assert {name: body.pop(name) for name in ("timestamp", "host")}
    assert body == {
        "status": "403",
        "error": "Forbidden",
        "exception": "org.springframework.security.access.AccessDeniedException",
        "message": "Forbidden",
        "path": path,
        "cause": "Forbidden",
    }


def assert_missing(answer: httpx.Response, name: str) -> None:
    """0.9: the SDKs' suites look for the identifier inside `message`."""
    assert answer.status_code == 404, f"{answer.status_code} {answer.text}"
    body = answer.json()
    assert (body["status"], body["retryable"], name in body["message"]) == (404, False, True), body
    assert sorted(body) == ["instance", "message", "retryable", "status"]


def assert_changed_meanwhile(answer: httpx.Response) -> None:
    """The version that `If-Match` names is not there any more (RFC 9110, 13.1.1)."""
    assert (answer.status_code, answer.json()["status"]) == (412, 412), answer.text


def assert_refused(answer: httpx.Response, field: str) -> None:
    """400 by field."""
    assert answer.status_code == 400, f"{answer.status_code} {answer.text}"
    assert answer.json()["validationErrors"][0]["path"] == field, answer.text
