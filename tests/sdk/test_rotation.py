"""Rotation of an access key under the load of official conductor-python workers and clients: not one request fails, and the old key goes
once the last of them has gone over to the new one."""

import json
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
import pytest

from stagedoor.core.usage import HOUR
from tests.api.authorization.world import definition, new
from tests.rotation.keys import Held, by_token
from tests.rotation.turned import turned_server
from tests.support.sdk import python_with_sdk
from tests.support.server import Api, LiveServer

pytestmark = [pytest.mark.sdk, pytest.mark.slow, pytest.mark.timeout(180)]
MAIN = Path(__file__).parent / "rotation" / "main.py"
SECONDS = 60


@dataclass
class Fleet:
    """The SDK's process."""

    process: subprocess.Popen[str]
    said: dict[str, Any] = field(default_factory=dict)
    other: list[str] = field(default_factory=list)

    def read(self) -> None:
        assert self.process.stdout is not None
        for line in self.process.stdout:
            if line.startswith(('{"done"', '{"released"', '{"requests"')):
                self.said |= json.loads(line)
            else:
                self.other.append(line)

    def tell(self, *words: str) -> None:
        assert self.process.stdin is not None
        self.process.stdin.write(" ".join(words) + "\n")
        self.process.stdin.flush()

    def until(self, ready: Callable[[dict[str, Any]], bool]) -> dict[str, Any]:
        deadline = time.monotonic() + SECONDS
        while not ready(self.said):
            assert time.monotonic() < deadline and self.process.poll() is None, "".join(self.other)[-3000:]
            time.sleep(0.02)
        return self.said

    def more(self, party: str, count: int = 5) -> None:
        """Until it has done so many runs more."""
        before = self.said.get("done", {}).get(party, 0)
        self.until(lambda said: said.get("done", {}).get(party, 0) >= before + count)


@contextmanager
def fleet(server: LiveServer, workflow: str, task: str) -> Iterator[Fleet]:
    environment = {"CONDUCTOR_SERVER_URL": f"{server.url}/api", "WORKFLOW": workflow, "TASK": task, "PATH": "/usr/bin:/bin"}
    pipes: dict[str, Any] = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "stderr": subprocess.STDOUT, "text": True}
    with subprocess.Popen([python_with_sdk(), "-P", str(MAIN)], env=environment, **pipes) as process:
        made = Fleet(process)
        reader = threading.Thread(target=made.read, daemon=True)
        reader.start()
        try:
            yield made
        finally:
            process.kill()
            reader.join()


def at_work(admin: Api) -> tuple[str, str, str, dict[str, str]]:
    """(workflow, task type, application, its key) of a worker that also starts the runs it works for."""
    workflow, task = new("rotating"), new("rotating")
    admin.save(definition(workflow, task, number="${workflow.input.number}") | {"outputParameters": {"number": "${one.output.number}"}})
    admin.call("POST", "/api/metadata/taskdefs", [{"name": task}])
    application, key = admin.application(new("fleet"), "WORKER")
    admin.grant(application, "TASK_DEF", task, "EXECUTE")
    admin.grant(application, "WORKFLOW_DEF", workflow, "EXECUTE", "READ")
    return workflow, task, application, key


def test_rotation_of_an_access_key_under_load_fails_no_request_and_waits_for_the_last_straggler(tmp_path: Path) -> None:
    with turned_server(tmp_path) as (server, clock):
        admin = server.admin()
        workflow, task, application, old = at_work(admin)
        home = f"/api/applications/{application}/accessKeys"
        with fleet(server, workflow, task) as workers:
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
            workers.tell("RELEASE")
            workers.until(lambda said: "released" in said)
            workers.more("party 2")
            workers.tell("STOP")
            told = workers.until(lambda said: "requests" in said)
        assert told["failed"] == [] and told["requests"] > 100, (told, "".join(workers.other)[-2000:])

        # a straggler, with a token for nearly a day: an hour and a quarter after the rotation the old key is there
        used, said = clock.now(), {"keyId": old["id"], "keySecret": old["secret"], "expiration": 23 * HOUR}
        straggler = httpx.post(f"{server.url}/api/token", json=said).json()["token"]
        key = Held("access_key", server, admin, home, old["id"], old["secret"])
        key.seen_since(used)
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
        assert not key.works() and server.token(made["id"], made["secret"])
