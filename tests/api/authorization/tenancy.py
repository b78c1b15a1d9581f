"""Two projects on one live server, with the same names of everything, each administered by an application and a person of its own."""

import asyncio
import sqlite3
import subprocess
import uuid
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
import psycopg

from stagedoor.bootstrap import Core, open_core
from stagedoor.cli.project import _create
from stagedoor.settings import Settings
from stagedoor.store.store import Transaction
from tests.api.authorization.world import definition
from tests.support.server import ADMIN, COMMAND, Api, LiveServer, live_server

SHARED = "shared"


@dataclass(frozen=True)
class Things:
    """Ids and names of one thing of every kind."""

    project: str
    application: str
    key: str
    secret: str
    workflow: str
    task_type: str
    run: str
    task: str
    member: str
    group: str
    custom_role: str
    variable: str
    store: str
    trust: str
    integration: str

    @classmethod
    def absent(cls) -> "Things":
        """Nothing there is called so."""
        return cls(
            *(f"none-{uuid.uuid4().hex[:12]}" if name in ("project", "member") else str(uuid.uuid4()) for name in cls.__annotations__)
        )


@dataclass
class Side:
    """One project. `canary` stands in everything that only this project may read."""

    server: LiveServer
    project: str
    first: dict[str, str]
    canary: str
    things: Things = field(init=False)

    def __post_init__(self) -> None:
        self.api = self.server.api(self.server.token(self.first["keyId"], self.first["keySecret"]))

    def fill(self) -> None:
        """Everything once under a name that both projects use, and once under names of its own."""
        self.api.put_secret(SHARED, f"{self.canary} shared")
        self.save(SHARED, SHARED)
        self.api.call("POST", "/api/metadata/taskdefs", [{"name": SHARED, "description": self.canary}])
        self.worker, self.worker_key = self.api.application(SHARED, "WORKER")
        self.api.grant(self.worker, "TASK_DEF", SHARED, "EXECUTE", "READ")
        self.api.grant(self.worker, "SECRET_NAME", SHARED, "READ")
        self.things = self._things()

    def _things(self) -> Things:
        own = f"own-of-{self.project}-{uuid.uuid4().hex[:6]}"
        self.api.put_secret(own, f"{self.canary} own")
        self.api.call("POST", "/api/metadata/taskdefs", [{"name": own, "description": self.canary}])
        self.save(own, own)
        run = self.api.start(own, {"canary": self.canary})
        (task,) = self.api.poll(own, timeout=20_000)
        self.api.call("POST", f"/api/tasks/{task['taskId']}/log", f"{self.canary} log".encode())
        application, key = self.api.application(f"{self.canary} application")
        self.api.call("PUT", f"/api/applications/{application}/tags", [{"key": "of", "value": self.canary}])
        self.api.call("PUT", f"/api/secrets/{own}/tags", [{"key": "of", "value": self.canary}])
        member = f"{own}@example.com"
        self.api.call("PUT", f"/api/projects/{self.project}/members/{member}", {"roles": ["USER"]})
        self.api.call("PUT", f"/api/groups/{own}", {"description": self.canary, "roles": ["USER"]})
        self.api.call("POST", f"/api/groups/{own}/users/{member}")
        self.api.call("POST", "/api/roles", {"name": own, "description": self.canary, "permissions": ["READ_SECRET_NAME"]})
        self.api.call("PUT", f"/api/environment/{own}", f"{self.canary} variable".encode())
        self.api.call("PUT", f"/api/environment/{own}/tags", [{"key": "of", "value": self.canary}])
        store = {"kind": "vault-kv-v2", "address": "https://localhost:1", "token": self.canary}
        self.api.call("PUT", f"/api/secret-stores/{own}", store)
        fields = [{"name": own.replace("-", "_"), "label": self.canary}]
        self.api.call("POST", f"/api/projects/{self.project}/integrations", {"slug": own, "name": self.canary, "fields": fields})
        for place in (f"workflow/{own}", f"task/{own}"):
            self.api.call("PUT", f"/api/metadata/{place}/tags", [{"key": "of", "value": self.canary}])
        terms = {"issuer": "https://gitlab.example.com", "audience": self.canary, "conditions": {"project_id": "20"}}
        trust = self.api.call("POST", f"/api/applications/{application}/trusts", terms)["id"]
        return Things(self.project, application, key["id"], own, own, own, run, task["taskId"], member, own, own, own, own, trust, own)

    def save(self, name: str, task: str) -> None:
        self.api.save({**definition(name, task, canary=self.canary, secret="${workflow.secrets.shared}"), "description": self.canary})

    def sign_in(self, password: str | None = None, **given: Any) -> httpx.Response:
        return sign_in(self.server, email=self.first["user"], password=password or self.first["password"], **given)

    def snapshot(self) -> dict[str, Any]:
        """All that another project must not change."""
        things, api = self.things, self.api
        places = [
            "/api/users", "/api/groups", f"/api/groups/{things.group}/users", "/api/roles", "/api/metadata/tags/grouped",
            "/api/applications", f"/api/applications/{things.application}/accessKeys", f"/api/applications/{things.application}/tags",
            "/api/secrets-v2", f"/api/secrets/{SHARED}", f"/api/secrets/{things.secret}", f"/api/secrets/{things.secret}/policy",
            "/api/environment", f"/api/environment/{things.variable}", "/api/secret-stores",
            "/api/metadata/workflow", "/api/metadata/taskdefs", f"/api/workflow/{things.run}", f"/api/tasks/{things.task}",
            f"/api/tasks/{things.task}/log", f"/api/projects/{self.project}", f"/api/projects/{self.project}/members",
            f"/api/projects/{self.project}/settings", f"/api/projects/{self.project}/integrations",
            f"/api/auth/authorization/SECRET_NAME/{things.secret}",
            f"/api/auth/authorization/WORKFLOW_DEF/{SHARED}", f"/api/auth/authorization/APPLICATION/{things.application}",
        ]  # fmt: skip
        return {place: api.call("GET", place) for place in places}


@dataclass(frozen=True)
class Pair:
    server: LiveServer
    left: Side
    right: Side


def sign_in(server: LiveServer, **body: Any) -> httpx.Response:
    return httpx.post(f"{server.url}/api/token", json=body, timeout=30, verify=False)


def operator(server: LiveServer, project: str | None = None) -> Api:
    """The operator that `stagedoor init` made: in its own project, or inside another."""
    inside = {"project": project, "operator": True} if project else {}
    answer = sign_in(server, email=ADMIN, password=server.first["password"], **inside)
    assert answer.status_code == 200, answer.text
    return server.api(answer.json()["token"])


def person(server: LiveServer, *projects: str, role: str = "ADMIN") -> tuple[str, str]:
    """(address, password) of a new person who is a member of these projects: invited in the first, taken into the others."""
    email, password = f"person-{uuid.uuid4().hex[:12]}@example.com", uuid.uuid4().hex
    for project in projects:
        api = operator(server, project)
        api.call("PUT", f"/api/projects/{project}/members/{email}", {"roles": [role]})
        if project == projects[0]:
            link = api.call("POST", f"/api/users/{email}/sendInviteEmail")["inviteUrl"]
            assert httpx.post(link, data={"password": password, "again": password}, timeout=30).status_code == 200
    return email, password


def command(server: LiveServer, *words: str, fails: bool = False) -> str:
    """A command on the store of a server that runs; its standard output, or error where it fails."""
    done = subprocess.run([*COMMAND, *words, *server._store()], env=server._env(), capture_output=True, text=True)
    assert bool(done.returncode) == fails, done.stderr
    return done.stderr if fails else done.stdout


def new_project(server: LiveServer, project: str, admin: str) -> dict[str, str]:
    """What `stagedoor project create --json` prints, without the process."""
    return asyncio.run(_create(_settings(server), project, project, admin))


def change(server: LiveServer, fn: Callable[[Core, Transaction], None]) -> None:
    """What a command does to the store, without the process."""

    async def run() -> None:
        async with open_core(_settings(server)) as core:
            await core.store.write(lambda tx: fn(core, tx))

    asyncio.run(run())


def _settings(server: LiveServer) -> Settings:
    return Settings(data=server.data, database=server.database)


def audit(server: LiveServer, project: str, action: str) -> list[tuple[str, str]]:
    """(actor, target) of each row of an action in a project, oldest first."""
    asked = f"SELECT actor, target FROM audit WHERE project_id = '{project}' AND action = '{action}' ORDER BY at"
    if server.database is None:
        with closing(sqlite3.connect(f"file:{server.data / 'stagedoor.db'}?mode=ro", uri=True)) as db:
            return db.execute(asked).fetchall()
    with psycopg.connect(server.database) as connection:
        return connection.execute(asked.encode()).fetchall()


@contextmanager
def pair(folder: Path, database: str | None) -> Iterator[Pair]:
    """`left` and `right`, beside the project `default`."""
    with live_server(folder, database) as server:
        sides = [
            Side(server, name, new_project(server, name, f"{name}@example.com"), f"canary-{uuid.uuid4().hex}") for name in ("left", "right")
        ]
        for side in sides:
            side.fill()
        yield Pair(server, *sides)
