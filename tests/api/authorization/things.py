"""What the cells of the table are asked about: something of every kind, made when it is first asked for and anew once it is used up."""

import threading
import uuid
from collections.abc import Callable
from typing import Protocol

from tests.api.authorization.world import definition, new
from tests.support.server import Api

TAG_PATHS = {
    "SECRET_NAME": "/api/secrets/{}/tags", "APPLICATION": "/api/applications/{}/tags",
    "WORKFLOW_DEF": "/api/metadata/workflow/{}/tags", "TASK_DEF": "/api/metadata/task/{}/tags",
    "ENV_VARIABLE": "/api/environment/{}/tags",
}  # fmt: skip
TOGETHER = ({"application", "key", "trust"}, {"run", "task"})
"""What goes with one another."""
OPAQUE = ("application", "key", "trust", "api_key", "secret_key", "run", "task")
Share = Callable[[str, str], None]


class Named(Protocol):
    def __getitem__(self, name: str) -> str: ...


class Things:
    """In the project of `admin`. `share(kind, name)` gives rights on each thing made; `fixed` are the things that stay as they are."""

    def __init__(self, admin: Api, fixed: dict[str, str], share: Share = lambda kind, name: None) -> None:
        self.admin, self.share, self.fixed = admin, share, fixed
        self._made: dict[str, str] = {}
        self._lock = threading.RLock()

    def __getitem__(self, name: str) -> str:
        if name in self.fixed:
            return self.fixed[name]
        with self._lock:
            if name not in self._made:
                self._made |= getattr(self, f"_{name}")()
            return self._made[name]

    def forget(self, names: set[str]) -> None:
        """They have been used up."""
        for group in TOGETHER:
            names = names | (group if names & group else set())
        self._made = {name: value for name, value in self._made.items() if name not in names}

    def _application(self) -> dict[str, str]:
        made = self.admin.call("POST", "/api/applications", {"name": new("application")})["id"]
        self.share("APPLICATION", made)
        return {"application": made}

    def _key(self) -> dict[str, str]:
        return {"key": self.admin.call("POST", f"/api/applications/{self['application']}/accessKeys")["id"]}

    def _trust(self) -> dict[str, str]:
        terms = {"issuer": "https://gitlab.example.com", "audience": "us", "conditions": {"project_id": "20"}}
        return {"trust": self.admin.call("POST", f"/api/applications/{self['application']}/trusts", terms)["id"]}

    def _api_key(self) -> dict[str, str]:
        return {"api_key": self.admin.call("POST", "/api/keys", {"name": new("key")})["id"]}

    def _integration(self) -> dict[str, str]:
        slug = new("integration")
        body = {"slug": slug, "name": "A service", "fields": [{"name": slug.replace("-", "_"), "label": "Its key"}]}
        self.admin.call("POST", f"/api/projects/{self['project']}/integrations", body)
        return {"integration": slug}

    def _secret_key(self) -> dict[str, str]:
        return {"secret_key": self.admin.call("POST", f"/api/projects/{self['project']}/secret-keys", {"name": new("key")})["id"]}

    def _secret(self) -> dict[str, str]:
        name = new("secret")
        self.admin.put_secret(name, "value-of-a-secret")
        self.admin.call("PUT", f"/api/secrets/{name}/expiry", {"expiresAt": None, "remindAt": 2_000_000_000_000})
        self.admin.call("PUT", f"/api/secrets/{name}/tags", [{"key": "mark", "value": name}])
        self.share("SECRET_NAME", name)
        return {"secret": name}

    def _store(self) -> dict[str, str]:
        name = new("store")
        body = {"kind": "vault-kv-v2", "address": "https://localhost:1", "token": "some-token"}
        self.admin.call("PUT", f"/api/secret-stores/{name}", body)
        return {"store": name}

    def _variable(self) -> dict[str, str]:
        name = new("variable")
        self.admin.call("PUT", f"/api/environment/{name}", b"value-of-a-variable")
        self.admin.call("PUT", f"/api/environment/{name}/tags", [{"key": "mark", "value": name}])
        self.share("ENV_VARIABLE", name)
        return {"variable": name}

    def _workflow(self) -> dict[str, str]:
        name = new("workflow")
        self.admin.save(definition(name, new("work")))
        self.share("WORKFLOW_DEF", name)
        return {"workflow": name}

    def _taskdef(self) -> dict[str, str]:
        name = new("task")
        self.admin.call("POST", "/api/metadata/taskdefs", [{"name": name}])
        self.share("TASK_DEF", name)
        return {"taskdef": name}

    def _run(self) -> dict[str, str]:
        """A run with one task, which may ask for an execution token, leased by nobody that the table speaks of."""
        workflow, task = new("workflow"), new("task")
        self.admin.call("POST", "/api/metadata/taskdefs", [{"name": task}])
        self.admin.save(definition(workflow, task, _executionToken={}))
        run = self.admin.start(workflow)
        (leased,) = self.admin.poll(task, timeout=20_000)
        self.share("WORKFLOW_DEF", workflow)
        self.share("TASK_DEF", task)
        return {"run": run, "task": leased["taskId"]}

    _task = _run

    def _user(self) -> dict[str, str]:
        name = new("user")
        self.admin.call("PUT", f"/api/users/{name}", {"name": "Somebody", "roles": []})
        return {"user": name}

    def _self(self) -> dict[str, str]:
        return {"self": self["user"]}

    def _group(self) -> dict[str, str]:
        name = new("group")
        self.admin.call("PUT", f"/api/groups/{name}", {"description": "Some"})
        return {"group": name}

    def _role(self) -> dict[str, str]:
        name = new("role")
        self.admin.call("POST", "/api/roles", {"name": name, "permissions": []})
        return {"role": name}


class Nothing:
    """Names that nothing has; `fixed` as for `Things`."""

    def __init__(self, **fixed: str) -> None:
        self.fixed = fixed

    def __getitem__(self, name: str) -> str:
        return self.fixed.get(name) or (str(uuid.uuid4()) if name in OPAQUE else new("none"))
