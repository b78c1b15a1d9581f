"""Invitations: the one-time link and the page behind it (docs/decisions/0022-invitations.md)."""

import re
from typing import Any

import httpx
import pytest

from tests.api.authorization.world import new
from tests.support.server import Api, LiveServer

PASSWORD = "correct horse battery staple"


@pytest.fixture
def admin(sqlite_server: LiveServer) -> Api:
    return sqlite_server.admin()


def invited(admin: Api, **user: Any) -> tuple[str, str]:
    """A new user and its link."""
    name = new("invited")
    admin.call("PUT", f"/api/users/{name}", {"name": name, **user})
    return name, str(admin.call("POST", f"/api/users/{name}/sendInviteEmail", {})["inviteUrl"])


def accept(link: str, password: str = PASSWORD, again: str | None = None) -> httpx.Response:
    return httpx.post(link, data={"password": password, "again": password if again is None else again})


def sign_in(server: LiveServer, user: str, password: str = PASSWORD) -> int:
    return httpx.post(f"{server.url}/api/token", json={"email": user, "password": password}).status_code


def test_a_user_sets_its_password_by_the_link_once(sqlite_server: LiveServer, admin: Api) -> None:
    user, link = invited(admin, roles=["USER"])
    page = httpx.get(link)
    assert page.status_code == 200 and user in page.text and "<script" not in page.text
    assert "form-action 'self'" in page.headers["content-security-policy"] and page.headers["cache-control"] == "no-store"
    assert accept(link, "too short").status_code == 400
    assert accept(link, PASSWORD, "something else entirely").status_code == 400
    assert accept(link).status_code == 200
    assert sign_in(sqlite_server, user) == 200
    assert (accept(link, PASSWORD + "2").status_code, httpx.get(link).status_code) == (404, 404)
    assert (sign_in(sqlite_server, user), sign_in(sqlite_server, user, PASSWORD + "2")) == (200, 401)


def test_a_wrong_and_a_replaced_link_look_alike(admin: Api) -> None:
    user, link = invited(admin)
    admin.call("POST", f"/api/users/{user}/sendInviteEmail", {})
    wrong = re.sub(r"[^/]+$", "sdi_" + "0" * 56, link)
    answers = [httpx.get(one) for one in (link, wrong)]
    assert [one.status_code for one in answers] == [404, 404] and answers[0].text == answers[1].text
    assert accept(link).status_code == accept(wrong).status_code == 404


def test_nobody_is_invited_by_who_holds_less(sqlite_server: LiveServer, admin: Api) -> None:
    role = new("hr")
    admin.call("POST", "/api/roles", {"name": role, "permissions": ["USER_MANAGEMENT"]})
    clerk, link = invited(admin, roles=[role])
    assert accept(link).status_code == 200
    api = sqlite_server.api(_token(sqlite_server, clerk))
    boss = new("boss")
    admin.call("PUT", f"/api/users/{boss}", {"name": boss, "roles": ["ADMIN"]})
    assert api.raw("POST", f"/api/users/{boss}/sendInviteEmail").status_code == 403
    assert api.raw("POST", f"/api/users/{clerk}/sendInviteEmail").status_code == 200


def test_a_link_is_worth_nothing_once_the_user_holds_more_than_who_made_it(sqlite_server: LiveServer, admin: Api) -> None:
    role, later = new("hr"), new("later")
    admin.call("POST", "/api/roles", {"name": role, "permissions": ["USER_MANAGEMENT"]})
    clerk, link = invited(admin, roles=[role])
    accept(link)
    api = sqlite_server.api(_token(sqlite_server, clerk))
    api.call("PUT", f"/api/users/{later}", {"name": later})
    kept = api.call("POST", f"/api/users/{later}/sendInviteEmail", {})["inviteUrl"]
    admin.call("PUT", f"/api/users/{later}", {"name": later, "roles": ["ADMIN"]})
    assert accept(kept).status_code == 404
    assert sign_in(sqlite_server, later) == 401


def test_the_first_administrators_password_is_not_for_a_project_to_set(sqlite_server: LiveServer, admin: Api) -> None:
    answer = admin.raw("POST", f"/api/users/{sqlite_server.first['user']}/sendInviteEmail")
    assert answer.status_code == 409 and "operator" in answer.json()["message"]


def test_the_secret_of_a_link_is_not_in_the_store(sqlite_server: LiveServer, admin: Api) -> None:
    _, link = invited(admin)
    secret = link.rpartition("/")[2].encode()
    assert not any(secret in path.read_bytes() for path in sqlite_server.data.glob("stagedoor.db*"))


def _token(server: LiveServer, user: str) -> str:
    return str(httpx.post(f"{server.url}/api/token", json={"email": user, "password": PASSWORD}).json()["token"])
