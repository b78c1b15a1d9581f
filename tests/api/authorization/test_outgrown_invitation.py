"""An invitation whose user has meanwhile risen above whoever made it: the link is no way up (promise 10)."""

import httpx
import pytest

from tests.api.authorization.world import new
from tests.support.server import LiveServer

PASSWORD = "correct horse battery staple"

pytestmark = pytest.mark.promise(10)


def accepted(link: str) -> int:
    return httpx.post(link, data={"password": PASSWORD, "again": PASSWORD}).status_code


@pytest.mark.parametrize("rises", [True, False])
def test_a_link_is_good_only_while_its_maker_holds_what_the_user_holds(rises: bool, sqlite_server: LiveServer) -> None:
    admin, role, clerk, user = sqlite_server.admin(), new("hr"), new("clerk"), new("user")
    admin.call("POST", "/api/roles", {"name": role, "permissions": ["USER_MANAGEMENT"]})
    admin.call("PUT", f"/api/users/{clerk}", {"name": clerk, "roles": [role]})
    assert accepted(admin.call("POST", f"/api/users/{clerk}/sendInviteEmail", {})["inviteUrl"]) == 200
    token = httpx.post(f"{sqlite_server.url}/api/token", json={"email": clerk, "password": PASSWORD}).json()["token"]
    admin.call("PUT", f"/api/users/{user}", {"name": user, "roles": []})
    link = sqlite_server.api(token).call("POST", f"/api/users/{user}/sendInviteEmail", {})["inviteUrl"]
    if rises:
        admin.call("PUT", f"/api/users/{user}", {"name": user, "roles": ["ADMIN"]})
    assert accepted(link) == (404 if rises else 200)
    admin.call("PUT", f"/api/users/{user}", {"name": user, "roles": []})
