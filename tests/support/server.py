"""A live Stagedoor server: the real command line in a process of its own, on a temporary directory."""

import contextlib
import json
import os
import secrets
import signal
import socket
import subprocess
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx

from tests.support import templates

ADMIN, COMMAND = templates.ADMIN, templates.COMMAND
START_SECONDS = 120


def free_port() -> int:
    """Below those that the system gives out by itself, and of each of several test processes its own: nobody takes it in between."""
    worker = int(os.environ.get("PYTEST_XDIST_WORKER", "gw0").removeprefix("gw"))
    while True:
        port = 10_000 + 2_500 * (worker % 8) + secrets.randbelow(2_500)
        with socket.socket() as probe, contextlib.suppress(OSError):
            probe.bind(("127.0.0.1", port))
            return port


@dataclass
class LiveServer:
    """`init` makes the store and gives the first credentials; `start`, `kill` and `stop` do what they say, as often as wanted."""

    data: Path
    database: str | None = None
    environment: Mapping[str, str] = field(default_factory=dict)
    port: int = field(default_factory=free_port)
    first: dict[str, str] = field(default_factory=dict)
    process: subprocess.Popen[bytes] | None = None
    clients: list[httpx.Client] = field(default_factory=list)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @property
    def log(self) -> Path:
        return self.data.parent / f"{self.data.name}.log"

    def init(self) -> dict[str, str]:
        """`{"user", "password", "applicationId", "keyId", "keySecret"}` of the first administrator."""
        command = [*COMMAND, "init", *self._store(), "--admin", ADMIN, "--json"]
        done = subprocess.run(command, env=self._env(), capture_output=True, check=True)
        self.first = json.loads(done.stdout)
        return self.first

    def set_up(self) -> dict[str, str]:
        """As `init`, from a copy of a store that was initialised once: servers set up so have the same keys. Where an option has a
        part in it, `init` itself."""
        if any(not name.startswith("STAGEDOOR_") or "KEY" in name for name in self.environment):
            return self.init()
        self.first = templates.copy(self.data, self.database)
        return self.first

    def start(self) -> "LiveServer":
        self.launch()
        return self.well()

    def launch(self) -> None:
        """Start the process and do not wait for it."""
        with self.log.open("ab") as log:
            self.process = self.run(
                "serve", "--listen", f"127.0.0.1:{self.port}", stdin=subprocess.DEVNULL, stdout=log, stderr=log, start_new_session=True
            )

    def run(self, command: str, *options: str, **popen: Any) -> subprocess.Popen[bytes]:
        """A command of the program on this server's store."""
        return subprocess.Popen([*COMMAND, command, *self._store(), *options], env=self._env(), **popen)

    def well(self) -> "LiveServer":
        """Wait until the server and its store answer."""
        assert self.process is not None
        deadline = time.monotonic() + START_SECONDS
        while time.monotonic() < deadline:
            if self.process.poll() is not None:
                break
            with contextlib.suppress(httpx.TransportError):
                if httpx.get(f"{self.url}/health", timeout=2, verify=False).status_code == 200:
                    return self
            time.sleep(0.05)
        raise AssertionError(f"the server did not start: {self.log.read_text()[-2000:]}")

    def kill(self) -> None:
        """kill -9 of the server process itself; its children must notice by themselves."""
        assert self.process is not None
        self.process.kill()
        self.process.wait()

    def stop(self) -> None:
        for client in self.clients:
            client.close()
        if self.process is not None and self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
            self.process.wait(30)

    def api(self, token: str | None = None) -> "Api":
        self.clients.append(httpx.Client(base_url=self.url, timeout=30, verify=False, headers={"X-Authorization": token} if token else {}))
        return Api(self.clients[-1])

    def admin(self) -> "Api":
        """As the application with the role ADMIN."""
        return self.api(self.token(self.first["keyId"], self.first["keySecret"]))

    def token(self, key_id: str, secret: str) -> str:
        answer = httpx.post(f"{self.url}/api/token", json={"keyId": key_id, "keySecret": secret}, timeout=30, verify=False)
        assert answer.status_code == 200, answer.text
        token: str = answer.json()["token"]
        return token

    def _store(self) -> list[str]:
        return ["--data", str(self.data), *(["--database", self.database] if self.database else [])]

    def _env(self) -> dict[str, str]:
        kept = {name: value for name, value in os.environ.items() if not name.startswith("STAGEDOOR_")}
        return {**kept, **self.environment}


@dataclass(frozen=True)
class Api:
    """Plain calls, with the few that nearly every test needs by name."""

    http: httpx.Client

    def call(self, method: str, path: str, body: Any = None, status: int | None = 200, **options: Any) -> Any:
        """The decoded answer (None when empty, text where it is no JSON); `status` None takes any."""
        answer = self.raw(method, path, body, **options)
        assert status is None or answer.status_code == status, f"{method} {path}: {answer.status_code} {answer.text}"
        if not answer.content:
            return None
        return answer.json() if "json" in answer.headers.get("content-type", "") else answer.text

    def raw(self, method: str, path: str, body: Any = None, **options: Any) -> httpx.Response:
        if isinstance(body, bytes):
            return self.http.request(method, path, content=body, **options)
        return self.http.request(method, path, json=body, **options) if body is not None else self.http.request(method, path, **options)

    def application(self, name: str, *roles: str) -> tuple[str, dict[str, str]]:
        """(its id, a new access key as `{"id", "secret"}`)."""
        made = self.call("POST", "/api/applications", {"name": name})["id"]
        for role in roles:
            self.call("POST", f"/api/applications/{made}/roles/{role}")
        return made, self.call("POST", f"/api/applications/{made}/accessKeys")

    def grant(self, application: str, kind: str, name: str, *access: str) -> None:
        body = {"subject": {"type": "USER", "id": f"app:{application}"}, "target": {"type": kind, "id": name}, "access": list(access)}
        self.call("POST", "/api/auth/authorization", body)

    def revoke(self, application: str, kind: str, name: str, *access: str) -> None:
        body = {"subject": {"type": "USER", "id": f"app:{application}"}, "target": {"type": kind, "id": name}, "access": list(access)}
        self.call("DELETE", "/api/auth/authorization", body)

    def put_secret(self, name: str, value: str) -> None:
        self.call("PUT", f"/api/secrets/{name}", value.encode(), headers={"Content-Type": "text/plain"})

    def save(self, *definitions: dict[str, Any]) -> httpx.Response:
        answer = self.raw("PUT", "/api/metadata/workflow", list(definitions))
        assert answer.status_code == 200, answer.text
        return answer

    def start(self, name: str, given: dict[str, Any] | None = None) -> str:
        run: str = self.call("POST", f"/api/workflow/{name}", given or {})
        return run

    def run(self, run_id: str) -> dict[str, Any]:
        found: dict[str, Any] = self.call("GET", f"/api/workflow/{run_id}")
        return found

    def ended(self, run_id: str, seconds: float = 60) -> dict[str, Any]:
        """The run once it has ended. Asked ever more rarely: whoever asks takes the time from the run itself."""
        deadline, pause = time.monotonic() + seconds, 0.01
        while time.monotonic() < deadline:
            run = self.run(run_id)
            if run["status"] not in ("RUNNING", "PAUSED"):
                return run
            time.sleep(pause)
            pause = min(pause * 1.5, 0.1)
        raise AssertionError(f"run {run_id} has not ended: {json.dumps(run)[:3000]}")

    def poll(self, task_type: str, count: int = 1, timeout: int = 100) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = self.call("GET", f"/api/tasks/poll/batch/{task_type}?count={count}&timeout={timeout}&workerid=test")
        return found

    def complete(self, task: dict[str, Any], output: dict[str, Any] | None = None, status: str = "COMPLETED") -> None:
        result = {"taskId": task["taskId"], "workflowInstanceId": task["workflowInstanceId"], "status": status, "outputData": output or {}}
        self.call("POST", "/api/tasks", result)


@contextlib.contextmanager
def live_server(folder: Path, database: str | None = None, **environment: str) -> Iterator[LiveServer]:
    """A server that has been initialised and runs; killed at the end."""
    server = LiveServer(folder / "data", database, environment)
    server.set_up()
    server.start()
    try:
        yield server
    finally:
        server.stop()
