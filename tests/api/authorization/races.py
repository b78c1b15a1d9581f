"""Two callers on a live server, and every way in which a right of theirs is given and taken away again."""

import asyncio
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

import httpx

from stagedoor.bootstrap import make_core, make_store, master_keys
from stagedoor.core.principal import Principal
from stagedoor.core.project import DEFAULT
from stagedoor.kit.clock import SystemClock
from stagedoor.kit.passwords import hash_password
from stagedoor.settings import Settings
from tests.api.authorization.world import definition, new
from tests.support.server import ADMIN, Api, LiveServer

PASSWORD = "a password of some length"
PERSON = "racer@example.com"
TAG = {"key": "team", "value": "racers"}


@dataclass
class Stage:
    """`task` is what the rights are about: a task definition that a workflow of the same name runs. An application and a person come
    to it by tokens issued once; the application's key is made anew where it was deleted."""

    server: LiveServer
    admin: Api
    task: str = field(default_factory=lambda: new("raced"))
    group: str = field(default_factory=lambda: new("group"))
    role: str = field(default_factory=lambda: new("role"))
    key: dict[str, str] = field(default_factory=dict)
    token: str = ""

    @cached_property
    def application(self) -> str:
        made, self.key = self.admin.application(new("racer"))
        self.token = self.server.token(self.key["id"], self.key["secret"])
        return made

    @cached_property
    def person_token(self) -> str:
        answer = httpx.post(f"{self.server.url}/api/token", json={"email": PERSON, "password": PASSWORD}, timeout=30)
        return str(answer.json()["token"])

    def new_key(self) -> None:
        self.key = self.admin.call("POST", f"/api/applications/{self.application}/accessKeys")
        self.token = self.server.token(self.key["id"], self.key["secret"])

    def toggle(self) -> None:
        self.admin.call("POST", f"/api/applications/{self.application}/accessKeys/{self.key['id']}/status")

    def rights(self, method: str, subject: str, target: tuple[str, str], *access: str) -> None:
        kind, _, name = subject.partition(":")
        body = {"subject": {"type": kind, "id": name}, "target": {"type": target[0], "id": target[1]}, "access": list(access)}
        self.admin.call(method, "/api/auth/authorization", body)

    def app_role(self, method: str, role: str) -> None:
        self.admin.call(method, f"/api/applications/{self.application}/roles/{role}")

    def member(self, method: str) -> None:
        self.admin.call(method, f"/api/groups/{self.group}/users/{PERSON}")

    def put_group(self, *roles: str) -> None:
        self.admin.call("PUT", f"/api/groups/{self.group}", {"description": "races", "roles": list(roles)})

    def put_role(self, *permissions: str) -> None:
        self.admin.call("PUT", f"/api/roles/{self.role}", {"name": self.role, "description": "", "permissions": list(permissions)})

    def tag(self, method: str) -> None:
        self.admin.call(method, f"/api/metadata/task/{self.task}/tags", [TAG] if method == "PUT" else TAG)


Act = Callable[[Stage], None]


@dataclass(frozen=True)
class Change:
    """`before` once, then `give` and `take` in turn. `refused` is the status of a use afterwards."""

    give: Act
    take: Act
    before: Act = lambda stage: None
    person: bool = False
    refused: int = 403


ON_TASK = ("READ", "EXECUTE")
"""The rights raced for: to look at the task definition, and to poll it."""


def _on(method: str, subject: Callable[[Stage], str], target: Callable[[Stage], tuple[str, str]]) -> Act:
    return lambda stage: stage.rights(method, subject(stage), target(stage), *ON_TASK)


def _grant(subject: Callable[[Stage], str], target: Callable[[Stage], tuple[str, str]]) -> tuple[Act, Act]:
    return _on("POST", subject, target), _on("DELETE", subject, target)


def application(stage: Stage) -> str:
    return f"USER:app:{stage.application}"


def group(stage: Stage) -> str:
    return f"GROUP:{stage.group}"


def role(stage: Stage) -> str:
    return f"ROLE:{stage.role}"


def task(stage: Stage) -> tuple[str, str]:
    return "TASK_DEF", stage.task


def every_task(stage: Stage) -> tuple[str, str]:
    return "TASK_DEF", "*"


def tagged(stage: Stage) -> tuple[str, str]:
    return "TAG", f"{TAG['key']}:{TAG['value']}"


def _worker(stage: Stage) -> None:
    stage.app_role("POST", "WORKER")


def _has(subject: Callable[[Stage], str], target: Callable[[Stage], tuple[str, str]]) -> Act:
    """A worker with that grant, to begin with."""

    def act(stage: Stage) -> None:
        _worker(stage)
        _on("POST", subject, target)(stage)

    return act


def _paused(stage: Stage) -> None:
    _has(application, task)(stage)
    stage.toggle()


def _tagged_worker(stage: Stage) -> None:
    _worker(stage)
    stage.tag("PUT")


def _with_role(stage: Stage) -> None:
    _worker(stage)
    stage.put_role()
    stage.app_role("POST", stage.role)


def _in_group(stage: Stage) -> None:
    stage.put_group()
    stage.member("POST")


def _granted_group(stage: Stage) -> None:
    stage.put_group()
    _on("POST", group, task)(stage)


def _group_again(stage: Stage) -> None:
    _granted_group(stage)
    stage.member("POST")


CHANGES: dict[str, Change] = {
    "grant": Change(*_grant(application, task), before=_worker),
    "wildcard": Change(*_grant(application, every_task), before=_worker),
    "tag grant": Change(*_grant(application, tagged), before=_tagged_worker),
    "tag": Change(lambda stage: stage.tag("PUT"), lambda stage: stage.tag("DELETE"), _has(application, tagged)),
    "role": Change(lambda stage: stage.app_role("POST", "ADMIN"), lambda stage: stage.app_role("DELETE", "ADMIN")),
    "permission of a role": Change(
        lambda stage: stage.put_role("READ_TASK_DEF", "EXECUTE_TASK_DEF"), lambda stage: stage.put_role(), _with_role
    ),
    "custom role": Change(
        lambda stage: stage.app_role("POST", stage.role), lambda stage: stage.app_role("DELETE", stage.role), _has(role, task)
    ),
    "grant to a role": Change(*_grant(role, task), before=_with_role),
    "paused key": Change(Stage.toggle, Stage.toggle, _paused, refused=401),
    "deleted key": Change(
        Stage.new_key,
        lambda stage: stage.admin.call("DELETE", f"/api/applications/{stage.application}/accessKeys/{stage.key['id']}"),
        _has(application, task),
        refused=401,
    ),
    "membership": Change(lambda stage: stage.member("POST"), lambda stage: stage.member("DELETE"), _granted_group, person=True),
    "grant to a group": Change(*_grant(group, task), before=_in_group, person=True),
    "role of a group": Change(lambda stage: stage.put_group("METADATA_MANAGER"), lambda stage: stage.put_group(), _in_group, person=True),
    "deleted group": Change(_group_again, lambda stage: stage.admin.call("DELETE", f"/api/groups/{stage.group}"), person=True),
}


@contextmanager
def stage_on(folder: Path, database: str | None) -> Iterator[LiveServer]:
    """A live server with one person more than usual, who has a password and no rights."""
    server = LiveServer(folder / "data", database)
    server.set_up()
    asyncio.run(_person(server))
    server.start()
    try:
        yield server
    finally:
        server.stop()


def new_stage(server: LiveServer, change: Change) -> Stage:
    """Names of its own, with what the change needs to begin with."""
    stage = Stage(server, server.admin())
    stage.admin.call("POST", "/api/metadata/taskdefs", [{"name": stage.task}])
    stage.admin.save(definition(stage.task, stage.task))
    stage.admin.call("POST", "/api/roles", {"name": stage.role, "description": "", "permissions": []}, status=None)
    change.before(stage)
    return stage


async def _person(server: LiveServer) -> None:
    settings = Settings(data=server.data, database=server.database)
    core = make_core(make_store(settings), master_keys(settings), SystemClock())
    await core.store.open()
    hashed: Any = hash_password(PASSWORD)
    try:
        await core.store.write(lambda tx: core.directory.create(tx, Principal(DEFAULT, ADMIN), PERSON, hashed, []))
    finally:
        await core.store.close()
