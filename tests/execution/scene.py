"""A workflow whose task may ask for an execution token, and the three applications around it: who wrote it, who starts it, who works."""

from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

from tests.api.authorization.world import new
from tests.support.server import Api, LiveServer

CHILDREN = ("both", "author", "starter", "neither")


def definition(name: str, task: str, terms: Any = None, **more: Any) -> dict[str, Any]:
    """`terms` None: its task asks for no token."""
    given = {"order": "${workflow.input.order}"} | ({} if terms is None else {"_executionToken": terms})
    node = {"name": task, "taskReferenceName": "work", "type": "SIMPLE", "inputParameters": given}
    return {"name": name, "version": 1, "schemaVersion": 2, "ownerEmail": "a@example.com", "tasks": [node], **more}


@dataclass
class Scene:
    """Everything in it has names of its own; `child` names the workflows that a token may or may not start."""

    server: LiveServer
    terms: Any = field(default_factory=dict)

    @cached_property
    def admin(self) -> Api:
        return self.server.admin()

    @cached_property
    def made(self) -> dict[str, tuple[str, dict[str, str]]]:
        """By part: (application, its key)."""
        roles = {"author": ("METADATA_API",), "starter": (), "worker": ("WORKER",)}
        return {part: self.admin.application(new(part), *given) for part, given in roles.items()}

    def user(self, part: str) -> str:
        return f"app:{self.made[part][0]}"

    def token_of(self, part: str) -> str:
        key = self.made[part][1]
        return self.server.token(key["id"], key["secret"])

    def api(self, part: str) -> Api:
        return self.server.api(self.token_of(part))

    def grant(self, part: str, kind: str, name: str, *access: str) -> None:
        self.admin.grant(self.made[part][0], kind, name, *access)

    @cached_property
    def child(self) -> dict[str, str]:
        names = {who: new(f"child_{who}") for who in CHILDREN}
        self.admin.save(*(definition(name, new("unused")) for name in names.values()))
        for who, name in names.items():
            for part in ("author", "starter"):
                if who in (part, "both"):
                    self.grant(part, "WORKFLOW_DEF", name, "READ", "EXECUTE")
        return names

    @cached_property
    def names(self) -> tuple[str, str]:
        """(the workflow, its task): saved by the author."""
        workflow, task = new("asks"), new("task")
        self.admin.call("POST", "/api/metadata/taskdefs", [{"name": task, "ownerEmail": "a@example.com", "retryCount": 0}])
        self.api("author").save(definition(workflow, task, self.terms))
        self.grant("starter", "WORKFLOW_DEF", workflow, "READ", "EXECUTE")
        self.grant("worker", "TASK_DEF", task, "EXECUTE")
        return workflow, task

    def running(self, starter: Api | None = None) -> dict[str, Any]:
        """A task under way, as its worker has it."""
        workflow, task = self.names
        (starter or self.api("starter")).start(workflow, {"order": {"_executionToken": {}}})
        found = self.worker.poll(task, timeout=5_000)
        assert len(found) == 1
        return found[0]

    @cached_property
    def worker(self) -> Api:
        return self.api("worker")

    def ask(self, task: dict[str, Any], body: Any = None, status: int | None = 200) -> Any:
        return self.worker.call("POST", f"/api/tasks/{task['taskId']}/token", body, status)

    def bearer(self, task: dict[str, Any], body: Any = None) -> Api:
        """Who speaks for the run."""
        return self.server.api(self.ask(task, body)["token"])

    def starts(self, api: Api) -> dict[str, int]:
        """What comes of starting each child."""
        return {who: api.raw("POST", f"/api/workflow/{name}", {}).status_code for who, name in self.child.items()}


def through_domain(scene: Scene, domain: str) -> tuple[Api, dict[str, Any]]:
    """Somebody whose right is the domain alone, and the task as it came by that."""
    other, key = scene.admin.application(new("routed"), "WORKER")
    scene.admin.grant(other, "DOMAIN", domain, "EXECUTE")
    workflow, task = scene.names
    scene.api("starter").call("POST", "/api/workflow", {"name": workflow, "taskToDomain": {"*": domain}})
    api = scene.server.api(scene.server.token(key["id"], key["secret"]))
    (found,) = api.call("GET", f"/api/tasks/poll/batch/{task}?domain={domain}&timeout=5000&workerid=w")
    return api, found
