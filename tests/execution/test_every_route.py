"""What a token of a run opens, of every route there is, where an administrator wrote the task and started it: written out by hand."""

import pytest

from stagedoor.core.project import DEFAULT
from tests.api.authorization.cast import Caller, Question, Wires
from tests.api.authorization.table import TABLE
from tests.api.authorization.things import Things
from tests.api.authorization.world import new
from tests.execution.scene import Scene, definition
from tests.support.server import LiveServer

pytestmark = [pytest.mark.slow, pytest.mark.promise(9, 10)]
RUNS = frozenset({
    "POST /api/workflow", "POST /api/workflow/{name}", "POST /api/workflow/start/{name}/{version}", "DELETE /api/workflow/{workflowId}",
})  # fmt: skip
"""What EXECUTE on a workflow opens."""
LOOKS = frozenset({
    "GET /api/workflow/{workflowId}", "GET /api/workflow/{workflowId}/status", "GET /api/workflow/{workflowId}/secret-uses",
    "GET /api/tasks/{taskId}", "GET /api/tasks/{taskId}/log", "GET /api/metadata/workflow/{name}",
    "GET /api/metadata/workflow/{name}/revisions", "GET /api/metadata/workflow/{name}/tags", "GET /api/metadata/workflow/{name}/vouchers",
    "GET /api/environment/{key}", "GET /api/environment/{name}/tags",
})  # fmt: skip
"""What READ does."""
LISTS = frozenset({
    "GET /api/metadata/workflow", "GET /api/environment", "GET /api/projects", "GET /api/projects/{id} (one's own)", "GET /api/roles",
    "GET /api/roles/custom", "GET /api/roles/permissions", "GET /api/roles/system", "GET /api/roles/{name}",
})  # fmt: skip
EMPTY = frozenset({
    "GET /api/applications", "GET /api/keys", "GET /api/leaks", "GET /api/metadata/tags", "GET /api/metadata/tags/grouped",
    "GET /api/metadata/tags/resources", "GET /api/metadata/taskdefs", "GET /api/secrets", "GET /api/secrets-expiring",
    "GET /api/secrets-v2", "GET /api/secrets/{key}/exists", "GET /api/usage/credentials", "POST /api/secrets",
})  # fmt: skip
"""Lists without a thing in them, and no to whether a secret is there."""


def test_it_opens_these_routes_alone(sqlite_server: LiveServer) -> None:
    scene = Scene(sqlite_server)
    scene.admin.save(definition(*scene.names, {"readOnly": False}))
    token = scene.ask(scene.running(scene.admin))["token"]
    fixed = {"project": DEFAULT, "abroad": new("abroad"), "self": scene.user("worker")}
    fixed["somebody"] = Things(scene.admin, fixed)["user"]
    things, wires = Things(scene.admin, fixed), Wires(sqlite_server)
    try:
        run = Caller("", token, wires)
        found = {row.cell: Question(things, things).letter(row, run)[0] for row in TABLE}
    finally:
        wires.close()
    public = {row.cell for row in TABLE if row.nobody == "+"}
    opened = {cell for cell, letter in found.items() if letter not in ("0", "1", "3", "4", "9")} - public
    assert opened == RUNS | LOOKS | LISTS | EMPTY
    run_api = sqlite_server.api(token)
    assert [run_api.call("GET", f"/api/{path}") for path in ("usage/credentials", "leaks", "keys", "applications")] == [[], [], [], []]
    elsewhere = {cell for cell, letter in found.items() if letter == "1"}
    assert {cell for cell in elsewhere if not cell.split()[1].startswith("/v1/")} == {"POST /api/token"}
