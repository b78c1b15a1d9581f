"""Something of every kind, owned by one application, made when it is asked for: what the cells of the table are tried on."""

import uuid
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

from tests.support.server import Api, LiveServer

ROLES = ("USER", "WORKER", "METADATA_API")


def new(word: str) -> str:
    """A name that nothing else has."""
    return f"{word}-{uuid.uuid4().hex[:12]}"


def definition(name: str, task: str, **given: Any) -> dict[str, Any]:
    """A workflow of one worker task."""
    return {"name": name, "version": 1, "tasks": [{"name": task, "taskReferenceName": "one", "inputParameters": given}]}


@dataclass
class World:
    """`owner` is an application that creates things and works on them; `stranger` one with no role and no grant."""

    server: LiveServer
    admin: Api
    names: dict[str, str] = field(default_factory=dict)

    @classmethod
    def on(cls, server: LiveServer) -> "World":
        return cls(server, server.admin())

    @cached_property
    def nobody(self) -> Api:
        return self.server.api()

    @cached_property
    def _owner(self) -> tuple[str, Api]:
        return self.caller("owner", *ROLES)

    @cached_property
    def _stranger(self) -> tuple[str, Api]:
        return self.caller("stranger")

    @property
    def owner(self) -> Api:
        return self._owner[1]

    @property
    def owner_id(self) -> str:
        return self._owner[0]

    @property
    def stranger(self) -> Api:
        return self._stranger[1]

    @property
    def stranger_id(self) -> str:
        return self._stranger[0]

    def caller(self, word: str, *roles: str) -> tuple[str, Api]:
        """(application id, calls in its name)."""
        made, key = self.admin.application(new(word), *roles)
        return made, self.server.api(self.server.token(key["id"], key["secret"]))

    # ---- things of the owner
    @cached_property
    def application(self) -> str:
        made: str = self.owner.call("POST", "/api/applications", {"name": new("application")})["id"]
        self.owner.call("POST", f"/api/applications/{made}/roles/WORKER")
        self.owner.call("PUT", f"/api/applications/{made}/tags", [{"key": "team", "value": "a"}])
        return made

    @cached_property
    def key(self) -> str:
        made: str = self.owner.call("POST", f"/api/applications/{self.application}/accessKeys")["id"]
        return made

    @cached_property
    def trust(self) -> str:
        terms = {"issuer": "https://gitlab.example.com", "audience": "us", "conditions": {"project_id": "20"}}
        made: str = self.owner.call("POST", f"/api/applications/{self.application}/trusts", terms)["id"]
        return made

    @cached_property
    def secret(self) -> str:
        name = new("secret")
        self.owner.put_secret(name, "value-of-a-secret")
        self.owner.call("PUT", f"/api/secrets/{name}/tags", [{"key": "team", "value": "a"}])
        return name

    @cached_property
    def variable(self) -> str:
        """Made by an administrator: none of the owner's roles makes one."""
        name = new("variable")
        self.admin.call("PUT", f"/api/environment/{name}", b"value-of-a-variable")
        self.admin.grant(self.owner_id, "ENV_VARIABLE", name, "CREATE", "READ", "UPDATE", "DELETE", "EXECUTE")
        return name

    @cached_property
    def taskdef(self) -> str:
        name = new("task")
        self.owner.call("POST", "/api/metadata/taskdefs", [{"name": name}])
        return name

    @cached_property
    def workflow(self) -> str:
        """Its task may ask for an execution token."""
        name = new("workflow")
        self.owner.call("POST", "/api/metadata/workflow", definition(name, self.taskdef, _executionToken={}))
        return name

    @cached_property
    def run(self) -> str:
        return self.owner.start(self.workflow)

    @cached_property
    def task(self) -> str:
        """A task of the run, leased by the owner."""
        run = self.run
        (task,) = self.owner.poll(self.taskdef, timeout=20_000)
        assert task["workflowInstanceId"] == run
        found: str = task["taskId"]
        return found

    # ---- persons and what they are put into
    @property
    def self(self) -> str:
        return f"app:{self.owner_id}"

    @property
    def somebody(self) -> str:
        return f"app:{self.stranger_id}"

    @cached_property
    def user(self) -> str:
        name = new("user")
        self.admin.call("PUT", f"/api/users/{name}", {"name": "Somebody", "roles": []})
        return name

    @cached_property
    def group(self) -> str:
        name = new("group")
        self.admin.call("PUT", f"/api/groups/{name}", {"description": "Some"})
        return name

    @cached_property
    def store(self) -> str:
        name = new("store")
        body = {"kind": "vault-kv-v2", "address": "https://localhost:1", "token": "some-token"}
        self.admin.call("PUT", f"/api/secret-stores/{name}", body)
        return name

    @cached_property
    def api_key(self) -> str:
        """Of an application that is none of the others here."""
        made: str = self.caller("keyed")[1].call("POST", "/api/keys", {"name": new("key")})["id"]
        return made

    @cached_property
    def integration(self) -> str:
        """The project's."""
        slug = new("integration")
        body = {"slug": slug, "name": "A service", "fields": [{"name": slug.replace("-", "_"), "label": "Its key"}]}
        self.admin.call("POST", "/api/projects/default/integrations", body)
        return slug

    @cached_property
    def secret_key(self) -> str:
        """The project's."""
        made: str = self.admin.call("POST", "/api/projects/default/secret-keys", {"name": new("key")})["id"]
        return made

    @cached_property
    def role(self) -> str:
        name = new("role")
        self.admin.call("POST", "/api/roles", {"name": name, "permissions": []})
        return name

    @property
    def project(self) -> str:
        return "default"

    @cached_property
    def abroad(self) -> str:
        """Another project."""
        from tests.api.authorization.tenancy import new_project  # which is made over this module

        name = new("abroad")
        new_project(self.server, name, f"admin@{name}")
        return name
