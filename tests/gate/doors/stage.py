"""Who plays at the doors: an author, a worker, a starter; a secret; and a place on the network that writes down what it is sent."""

import json
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cached_property
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from tests.api.authorization.world import new
from tests.support.server import Api, LiveServer

Answer = tuple[int, dict[str, str], bytes]
VALUE = "kept-from-all-but-few"


@dataclass(frozen=True)
class Heard:
    """One request as it arrived."""

    method: str
    target: str
    headers: dict[str, str]
    body: bytes

    @property
    def text(self) -> str:
        return f"{self.method} {self.target} {self.headers} {self.body!r}"


@dataclass
class Listener:
    """Writes down each request; answers with whatever `say` makes of it."""

    port: int
    heard: list[Heard] = field(default_factory=list)
    say: Callable[[Heard], Answer] = lambda heard: (200, {"Content-Type": "application/json"}, b'{"ok": true}')

    @property
    def authority(self) -> str:
        return f"127.0.0.1:{self.port}"

    @property
    def url(self) -> str:
        return f"http://{self.authority}"


@contextmanager
def listening() -> Iterator[Listener]:
    listener = Listener(0)

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def answer(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
            heard = Heard(self.command, self.path, dict(self.headers.items()), body)
            listener.heard.append(heard)
            status, headers, data = listener.say(heard)
            self.send_response(status)
            for name, value in {**headers, "Content-Length": str(len(data))}.items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(data)

        do_GET = do_POST = do_PUT = do_DELETE = answer  # http.server's own names

        def log_message(self, format: str, *args: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    listener.port = server.server_address[1]
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    try:
        yield listener
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def reference(secret: str, path: str = "") -> str:
    return f"${{workflow.secrets.{secret}{path}}}"


def simple(task: str, ref: str = "one", **given: Any) -> dict[str, Any]:
    return {"name": task, "taskReferenceName": ref, "type": "SIMPLE", "inputParameters": given}


def http(uri: str, ref: str = "call", **request: Any) -> dict[str, Any]:
    given = {"http_request": {"uri": uri, "method": "GET", **request}}
    return {"name": ref, "taskReferenceName": ref, "type": "HTTP", "inputParameters": given}


def system(kind: str, ref: str, **given: Any) -> dict[str, Any]:
    return {"name": ref, "taskReferenceName": ref, "type": kind, "inputParameters": given}


def loop(rounds: int, *tasks: dict[str, Any]) -> dict[str, Any]:
    condition = f"if ($.l['iteration'] < {rounds}) {{ true; }} else {{ false; }}"
    return {**system("DO_WHILE", "l"), "loopCondition": condition, "loopOver": list(tasks)}


@dataclass
class Stage:
    """Applications with the rights they need and no more, made when asked for."""

    server: LiveServer
    listener: Listener
    admin: Api
    secret: str = field(default_factory=lambda: new("secret"))
    task: str = field(default_factory=lambda: new("task"))
    name: str = field(default_factory=lambda: new("workflow"))
    value: str = field(default_factory=lambda: f"{VALUE}-{new('v')}")

    def __post_init__(self) -> None:
        self.admin.put_secret(self.secret, self.value)
        self.admin.call("POST", "/api/metadata/taskdefs", [{"name": self.task, "retryCount": 0}])

    def caller(self, word: str, *roles: str) -> tuple[str, Api]:
        made, key = self.admin.application(new(word), *roles)
        return made, self.server.api(self.server.token(key["id"], key["secret"]))

    @cached_property
    def _author(self) -> tuple[str, Api]:
        made, api = self.caller("author", "USER", "METADATA_API")
        self.admin.grant(made, "SECRET_NAME", self.secret, "READ")
        return made, api

    @cached_property
    def _worker(self) -> tuple[str, Api]:
        """May work on the task; has no right on the secret yet."""
        made, api = self.caller("worker", "WORKER")
        self.admin.grant(made, "TASK_DEF", self.task, "EXECUTE")
        return made, api

    @property
    def author_id(self) -> str:
        return self._author[0]

    @property
    def author(self) -> Api:
        return self._author[1]

    @property
    def worker_id(self) -> str:
        return self._worker[0]

    @property
    def worker(self) -> Api:
        return self._worker[1]

    @property
    def entitled(self) -> Api:
        """The worker, with READ on the secret."""
        self.admin.grant(self.worker_id, "SECRET_NAME", self.secret, "READ")
        return self.worker

    @property
    def key(self) -> str:
        return reference(self.secret)

    def save(self, *tasks: dict[str, Any], **fields: Any) -> None:
        self.author.save({"name": self.name, "version": 1, "tasks": list(tasks), **fields})

    def run(self, *tasks: dict[str, Any], given: dict[str, Any] | None = None) -> str:
        """Saved and started by the author."""
        self.save(*tasks)
        return self.author.start(self.name, given)

    def ended(self, run: str) -> dict[str, Any]:
        return self.admin.ended(run)

    def failure_of(self, found: dict[str, Any]) -> dict[str, Any]:
        """The failure workflow's run of a run that failed: it is started a moment later."""
        run = found["output"]["conductor.failure_workflow"]
        for _ in range(3_000):
            if self.admin.raw("GET", f"/api/workflow/{run}").status_code == 200:
                break
            time.sleep(0.01)
        return self.ended(run)

    def task_of(self, run: str, ref: str = "one") -> dict[str, Any]:
        """The latest attempt at a task of a run."""
        tasks: list[dict[str, Any]] = self.admin.run(run)["tasks"]
        return [task for task in tasks if task["referenceTaskName"] == ref][-1]

    def waiting(self, run: str, ref: str) -> dict[str, Any]:
        """The same, once it is there."""
        for _ in range(3_000):
            if any(task["referenceTaskName"] == ref for task in self.admin.run(run)["tasks"]):
                return self.task_of(run, ref)
            time.sleep(0.01)
        raise AssertionError(f"no task {ref}")

    def reads(self, run: str) -> str:
        """Everything that any read of the API shows of a run and its definition."""
        found = self.admin.run(run)
        paths = [f"/api/workflow/{run}", f"/api/workflow/{run}/status?includeOutput=true&includeVariables=true", "/api/metadata/workflow"]
        paths += [f"/api/metadata/workflow/{found['workflowName']}"]
        for task in found.get("tasks", []):
            paths += [f"/api/tasks/{task['taskId']}", f"/api/tasks/{task['taskId']}/log"]
        return "\n".join(self.admin.raw("GET", path).text for path in paths)

    def stored(self) -> bytes:
        """The database's files and the server's log."""
        return b"".join(path.read_bytes() for path in self.server.data.glob("stagedoor.db*")) + self.server.log.read_bytes()


def dumped(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False)
