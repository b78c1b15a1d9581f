"""End to end: as many slow answers of one project as it may have hold up no other project's HTTP task (engine/embedded/shares.py)."""

import time
from pathlib import Path
from typing import Any

import anyio.from_thread
import pytest

from tests.api.authorization.tenancy import new_project
from tests.gate.egress.servers import listening, silence
from tests.support.server import ADMIN, live_server

pytestmark = pytest.mark.slow
ALONE = 128


def calls(name: str, url: str, count: int) -> dict[str, Any]:
    """So many HTTP tasks at the same time."""
    request = {"uri": url, "method": "GET", "connectionTimeOut": 60_000, "readTimeOut": 60_000}
    tasks = [
        {"name": "h", "taskReferenceName": f"h{n}", "type": "HTTP", "inputParameters": {"http_request": request}} for n in range(count)
    ]
    fork = {"name": "f", "taskReferenceName": "f", "type": "FORK_JOIN", "forkTasks": [[task] for task in tasks]}
    join = {"name": "j", "taskReferenceName": "j", "type": "JOIN", "joinOn": [task["taskReferenceName"] for task in tasks]}
    return {"name": name, "version": 1, "tasks": [fork, join]}


def test_slow_answers_of_one_project_hold_up_no_other(tmp_path: Path) -> None:
    with (
        anyio.from_thread.start_blocking_portal() as portal,
        portal.wrap_async_context_manager(listening(silence)) as slow,
        portal.wrap_async_context_manager(listening()) as fast,
        live_server(tmp_path, STAGEDOOR_EGRESS_ALLOW="127.0.0.1") as server,
    ):
        one = server.admin()
        made = new_project(server, "other", ADMIN)
        other = server.api(server.token(made["keyId"], made["keySecret"]))
        one.save(calls("slow", f"http://127.0.0.1:{slow.port}/", 20))
        other.save(calls("fast", f"http://127.0.0.1:{fast.port}/", 1))
        runs = [one.start("slow") for _ in range(8)]
        deadline = time.monotonic() + 30
        while len(slow.requests) < ALONE and time.monotonic() < deadline:
            time.sleep(0.02)
        assert other.ended(other.start("fast"), 30)["status"] == "COMPLETED"
        assert len(slow.requests) == ALONE
        assert [one.run(run)["status"] for run in runs] == ["RUNNING"] * 8
