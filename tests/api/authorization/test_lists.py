"""Lists show exactly what single reads would (promise 9)."""

from collections.abc import Callable
from typing import Any

import pytest

from tests.api.authorization.world import World
from tests.support.server import LiveServer

pytestmark = pytest.mark.promise(9)

Names = Callable[[Any], list[str]]
LISTS: dict[str, tuple[str, str, str, Names]] = {
    "GET /api/applications": ("APPLICATION", "application", "/api/applications/", lambda found: [one["id"] for one in found]),
    "GET /api/secrets": ("SECRET_NAME", "secret", "/api/secrets/", list),
    "POST /api/secrets": ("SECRET_NAME", "secret", "/api/secrets/", list),
    "GET /api/secrets-v2": ("SECRET_NAME", "secret", "/api/secrets/", lambda found: [one["name"] for one in found]),
    "GET /api/metadata/workflow": ("WORKFLOW_DEF", "workflow", "/api/metadata/workflow/", lambda found: [one["name"] for one in found]),
    "GET /api/metadata/taskdefs": ("TASK_DEF", "taskdef", "/api/metadata/taskdefs/", lambda found: [one["name"] for one in found]),
}


@pytest.mark.parametrize("listing", LISTS)
def test_a_list_holds_what_the_caller_may_read_and_no_more(listing: str, sqlite_server: LiveServer) -> None:
    world, other = World.on(sqlite_server), World.on(sqlite_server)
    kind, thing, single, names = LISTS[listing]
    mine, foreign = getattr(world, thing), getattr(other, thing)
    method, path = listing.split()
    assert names(world.stranger.call(method, path)) == []
    assert names(world.owner.call(method, path)) == [mine]
    assert {mine, foreign} <= set(names(world.admin.call(method, path)))
    world.admin.grant(world.stranger_id, kind, foreign, "READ")
    assert names(world.stranger.call(method, path)) == [foreign]
    assert world.stranger.raw("GET", single + foreign).status_code == 200
    world.admin.revoke(world.stranger_id, kind, foreign, "READ")
    assert names(world.stranger.call(method, path)) == []


@pytest.mark.parametrize("access", ["CREATE", "UPDATE", "DELETE", "EXECUTE"])
def test_no_other_access_makes_a_secret_readable_or_listed(access: str, sqlite_server: LiveServer) -> None:
    world = World.on(sqlite_server)
    world.admin.grant(world.stranger_id, "SECRET_NAME", world.secret, access)
    assert world.stranger.call("GET", "/api/secrets") == []
    assert world.stranger.raw("GET", f"/api/secrets/{world.secret}").status_code == 403
    assert world.stranger.call("GET", f"/api/secrets/{world.secret}/exists") is True


def test_a_list_of_secrets_for_several_accesses_takes_all_of_them_together(sqlite_server: LiveServer) -> None:
    world = World.on(sqlite_server)
    world.admin.grant(world.stranger_id, "SECRET_NAME", world.secret, "READ")
    assert world.stranger.call("GET", "/api/secrets?access=READ") == [world.secret]
    assert world.stranger.call("GET", "/api/secrets?access=READ&access=UPDATE") == []
    assert world.owner.call("GET", "/api/secrets?access=READ&access=UPDATE") == [world.secret]
    answer = world.owner.raw("GET", "/api/secrets?access=WRITE")
    assert (answer.status_code, answer.json()["validationErrors"][0]["path"]) == (400, "access")


def test_reading_others_definitions_is_a_role_that_reaches_all_of_them(sqlite_server: LiveServer) -> None:
    world = World.on(sqlite_server)
    _, manager = world.caller("manager", "METADATA_MANAGER")
    assert world.workflow in LISTS["GET /api/metadata/workflow"][3](manager.call("GET", "/api/metadata/workflow"))
    assert manager.raw("GET", f"/api/workflow/{world.run}").status_code == 200
    assert manager.call("GET", "/api/secrets") == []
