"""Rotation of an access key under the load of workers and clients by the official conductor-python and conductor-javascript: not one
request fails, and the old key goes once the last of them has gone over to the new one."""

import time
from collections.abc import Callable
from pathlib import Path

import httpx
import pytest

from stagedoor.core.usage import HOUR
from tests.api.authorization.world import definition, new
from tests.rotation.keys import Held, by_token
from tests.rotation.turned import TurnedClock, turned_server
from tests.sdk.fleet import SECONDS, fleet
from tests.support.sdk import javascript_with_sdk, python_with_sdk
from tests.support.server import Api
from tests.support.thread import ThreadServer

pytestmark = [pytest.mark.slow, pytest.mark.timeout(180)]
FOLDER = Path(__file__).parent / "rotation"
Command = tuple[list[str], dict[str, str]]
"""What starts a fleet, and the variables that it needs besides."""


def python() -> Command:
    return [python_with_sdk(), "-P", str(FOLDER / "main.py")], {}


def javascript() -> Command:
    node, folder = javascript_with_sdk()
    return [node, str(FOLDER / "access_key.cjs")], {"NODE_PATH": str(folder / "node_modules")}


def at_work(admin: Api) -> tuple[str, str, str, dict[str, str]]:
    """(workflow, task type, application, its key) of a worker that also starts the runs it works for."""
    workflow, task = new("rotating"), new("rotating")
    admin.save(definition(workflow, task, number="${workflow.input.number}") | {"outputParameters": {"number": "${one.output.number}"}})
    admin.call("POST", "/api/metadata/taskdefs", [{"name": task}])
    application, key = admin.application(new("fleet"), "WORKER")
    admin.grant(application, "TASK_DEF", task, "EXECUTE")
    admin.grant(application, "WORKFLOW_DEF", workflow, "EXECUTE", "READ")
    return workflow, task, application, key


@pytest.mark.parametrize(
    "sdk", [pytest.param(python, marks=pytest.mark.sdk, id="python"), pytest.param(javascript, marks=pytest.mark.sdk_js, id="javascript")]
)
def test_rotation_of_an_access_key_under_load_fails_no_request_and_waits_for_the_last_straggler(
    tmp_path: Path, sdk: Callable[[], Command]
) -> None:
    with turned_server(tmp_path) as (server, clock):
        admin = server.admin()
        workflow, task, application, old = at_work(admin)
        home = f"/api/applications/{application}/accessKeys"
        command, needed = sdk()
        environment = {"CONDUCTOR_SERVER_URL": f"{server.url}/api", "WORKFLOW": workflow, "TASK": task, **needed}
        with fleet(command, environment) as workers:
            workers.tell("KEY", old["id"], old["secret"])
            workers.more("party 1")

            made = admin.call("POST", f"{home}/{old['id']}/rotate", {"retireAfterIdleHours": 1})
            workers.more("party 1")
            workers.tell("KEY", made["id"], made["secret"])
            workers.more("party 2")
            workers.more("party 1")

            # half of its hour later the old key is at work still; who comes by which is seen
            clock.ahead += HOUR // 2
            workers.more("party 1")
            admin, now = server.admin(), clock.now()
            for one in (old, made):
                Held("access_key", server, admin, home, one["id"], one["secret"]).seen_since(now, admin)
            assert workers.told("RELEASE", "released")
            workers.more("party 2")
            workers.all_went_well(at_least=100)
            if sdk is python:
                workers.process.kill()  # its worker threads never end: a released key is used on by them
            key = Held("access_key", server, admin, home, old["id"], old["secret"])
            waits_for_the_last_straggler(server, clock, key)
            assert not key.works() and server.token(made["id"], made["secret"])
            if sdk is javascript:
                assert workers.told("LATE", "late") == {"status": 401, "error": "INVALID_TOKEN"}


def waits_for_the_last_straggler(server: ThreadServer, clock: TurnedClock, key: Held) -> None:
    """It was rotated half an hour ago, to go after an hour without use."""
    admin, used = key.owner, clock.now()
    said = {"keyId": key.id, "keySecret": key.secret, "expiration": 23 * HOUR}
    straggler = httpx.post(f"{server.url}/api/token", json=said).json()["token"]
    key.seen_since(used)

    # by a token for nearly a day: an hour and a quarter after the rotation the old key is there
    clock.ahead += HOUR * 3 // 4
    used, admin = clock.now(), server.admin()
    assert by_token(server, straggler).status_code == 200
    assert key.seen_since(used, admin)["status"] == "ACTIVE"

    # it has gone: an hour later, so has the key, and its next call is refused
    clock.ahead += 2 * HOUR
    admin, deadline = server.admin(), time.monotonic() + SECONDS
    while (key.listed(admin) or {})["status"] == "ACTIVE":
        assert time.monotonic() < deadline, "it was not retired"
        time.sleep(0.1)
    assert by_token(server, straggler).status_code == 401
