"""Two who change the same at once: an administrator remains (promise 10), and no edit is lost."""

import threading
from typing import Any

import pytest

from tests.api.authorization.cast import Caller, Wires, sessions
from tests.api.authorization.world import World, new
from tests.support.server import ADMIN, LiveServer

ROUNDS = 12
Asked = tuple[Any, ...]


def at_once(*asked: tuple[Caller, Asked]) -> list[int]:
    """The statuses of what they ask, begun together."""
    start, found = threading.Barrier(len(asked)), [0] * len(asked)

    def ask(number: int) -> None:
        caller, what = asked[number]
        start.wait()
        found[number] = caller.ask(*what).status_code

    threads = [threading.Thread(target=ask, args=(number,)) for number in range(len(asked))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return found


def lowering(user: str) -> Asked:
    return "PUT", f"/api/users/{user}", {"name": "Lowered", "roles": []}


def leaving(user: str) -> Asked:
    return "DELETE", f"/api/groups/heads/users/{user}"


@pytest.mark.promise(10)
def test_of_two_administrators_who_remove_each_other_at_once_one_remains(server: LiveServer) -> None:
    """By taking the role, and by taking each other out of the group that has it."""
    names, wires, admin = (new("one"), new("other")), Wires(server), server.admin()
    tokens = sessions(server, {name: ["ADMIN"] for name in names})
    callers = [Caller(name, tokens[name], wires) for name in names]
    admin.call("PUT", "/api/groups/heads", {"description": "Heads", "roles": ["ADMIN"]})
    assert admin.raw(*lowering(ADMIN)).status_code == 200
    for number in range(ROUNDS):
        deed, heads = (leaving, list(names)) if number % 2 else (lowering, [])
        for name in names:
            admin.call("POST", f"/api/groups/heads/users/{name}")
            admin.call("PUT", f"/api/users/{name}", {"name": name, "roles": ["ADMIN"]})
        for name in names if heads else ():
            admin.call("PUT", f"/api/users/{name}", {"name": name, "roles": []})
        if not heads:
            admin.call("PUT", "/api/groups/heads", {"description": "Heads", "roles": []})
        statuses = at_once((callers[0], deed(names[1])), (callers[1], deed(names[0])))
        assert sorted(statuses)[0] == 200, statuses
        assert sorted(statuses)[1] in (403, 409), statuses
        remaining = [caller for caller in callers if caller.ask("GET", "/api/users").status_code == 200]
        assert len(remaining) == 1, statuses
        admin.call("PUT", "/api/groups/heads", {"description": "Heads", "roles": ["ADMIN"]})
    wires.close()


KINDS = {
    "users": {"name": "Somebody", "roles": []},
    "groups": {"description": "Some", "roles": []},
    "roles": {"description": "Some", "permissions": ["READ_SECRET_NAME"]},
}


@pytest.mark.parametrize("kind", KINDS)
def test_of_two_editors_of_one_version_the_second_is_told(kind: str, sqlite_server: LiveServer) -> None:
    """RFC 9110, 13.1.1: If-Match. Whichever comes first; and a deletion of another version too."""
    world = World.on(sqlite_server)
    name = {"users": world.user, "groups": world.group, "roles": world.role}[kind]
    path, body = f"/api/{kind}/{name}", KINDS[kind]
    read = world.admin.raw("GET", path).headers["etag"]
    headers = {"X-Authorization": sqlite_server.token(sqlite_server.first["keyId"], sqlite_server.first["keySecret"])}
    found: list[int] = []
    start = threading.Barrier(2)

    def edit() -> None:
        start.wait()
        found.append(sqlite_server.api().http.put(path, json=body, headers=headers | {"If-Match": read}).status_code)

    threads = [threading.Thread(target=edit) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(found) == [200, 412]
    assert world.admin.raw("DELETE", path, headers={"If-Match": read}).status_code == 412
    now = world.admin.raw("GET", path).headers["etag"]
    assert now != read
    assert world.admin.raw("DELETE", path, headers={"If-Match": now}).status_code == 200
