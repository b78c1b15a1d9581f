"""Who gets what from each route, by hand: the expectation that `api/routes.py` is held to, cell by cell (promise 9).

A row: method, path, then the status for nobody (no token), a stranger (an application with no role and no grant), the owner of the
thing, an administrator; `refused` is the audit's target of the stranger's refusal. Braces name things of `world.World`. A path or a body
with `{x!}` is tried on a thing that does not exist, too: the stranger must not be able to tell the difference.
"""

from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Row:
    method: str
    path: str
    route: str
    statuses: tuple[int, int, int, int]
    refused: str = ""
    body: Any = None

    @property
    def cell(self) -> str:
        return f"{self.method} {self.route}"


def row(method: str, route: str, statuses: tuple[int, int, int, int], /, refused: str = "", body: Any = None, path: str = "") -> Row:
    return Row(method, path or route, route, statuses, refused, body)


PUBLIC = (200, 200, 200, 200)
ANY = (401, 200, 200, 200)
"""Any principal; what it sees is filtered (test_lists.py)."""
NAMED = (401, 403, 200, 200)
"""A thing with a name: who may not gets 403, whether it exists or not."""
OPAQUE = (401, 404, 200, 200)
"""A thing with an opaque id: to an outsider it is not there."""
ADMIN = (401, 403, 403, 200)

TAGS = [{"key": "team", "value": "a"}]
GRANT = {"subject": {"type": "USER", "id": "app:{stranger_id}"}, "target": {"type": "SECRET_NAME", "id": "{secret!}"}, "access": ["READ"]}
DEFINITION = {"name": "{workflow!}", "version": 1, "tasks": [{"name": "{taskdef}", "taskReferenceName": "one"}]}
RESULT = {"taskId": "{task!}", "workflowInstanceId": "{run}", "status": "COMPLETED"}
APPLICATION, SECRET, WORKFLOW, TASK = "APPLICATION {application}", "SECRET_NAME {secret}", "WORKFLOW_DEF {workflow}", "TASK_DEF {taskdef}"

APP = "/api/applications/{application!}"

TABLE: tuple[Row, ...] = (
    row("GET", "/health", PUBLIC),
    row("GET", "/openapi.json", PUBLIC),
    row("GET", "/docs", PUBLIC),
    row("GET", "/docs/style.css", PUBLIC),
    row("GET", "/api/version", PUBLIC),
    row("GET", "/.well-known/jwks.json", PUBLIC),
    row("GET", "/api/projects/{id}/settings", ADMIN, "ADMIN_MANAGEMENT", path="/api/projects/default/settings"),
    row("PUT", "/api/projects/{id}/settings", ADMIN, "ADMIN_MANAGEMENT", {}, path="/api/projects/default/settings"),
    row("POST", "/api/token", (401, 401, 401, 401), body={"keyId": "no", "keySecret": "no"}),
    row("GET", "/api/token/userInfo", ANY),
    # Applications
    row("GET", "/api/applications", ANY),
    row("POST", "/api/applications", NAMED, "APPLICATION {new}", {"name": "{new}"}),
    row("GET", "/api/applications/{id}", OPAQUE, APPLICATION, path=APP),
    row("PUT", "/api/applications/{id}", OPAQUE, APPLICATION, {"name": "renamed"}, path=APP),
    row("DELETE", "/api/applications/{id}", OPAQUE, APPLICATION, path=APP),
    row("GET", "/api/applications/key/{accessKeyId}", OPAQUE, APPLICATION, path="/api/applications/key/{key!}"),
    row("GET", "/api/applications/{id}/accessKeys", OPAQUE, APPLICATION, path=APP + "/accessKeys"),
    row("POST", "/api/applications/{id}/accessKeys", OPAQUE, APPLICATION, path=APP + "/accessKeys"),
    row("DELETE", "/api/applications/{id}/accessKeys/{keyId}", OPAQUE, APPLICATION, path=APP + "/accessKeys/{key}"),
    row("POST", "/api/applications/{id}/accessKeys/{keyId}/status", OPAQUE, APPLICATION, path=APP + "/accessKeys/{key}/status"),
    row("POST", "/api/applications/{id}/roles/{role}", OPAQUE, APPLICATION, path=APP + "/roles/WORKER"),
    row("DELETE", "/api/applications/{id}/roles/{role}", OPAQUE, APPLICATION, path=APP + "/roles/WORKER"),
    row("GET", "/api/applications/{id}/tags", OPAQUE, APPLICATION, path=APP + "/tags"),
    row("PUT", "/api/applications/{id}/tags", OPAQUE, APPLICATION, TAGS, path=APP + "/tags"),
    row("DELETE", "/api/applications/{id}/tags", OPAQUE, APPLICATION, TAGS, path=APP + "/tags"),
    # Grants
    row("POST", "/api/auth/authorization", NAMED, SECRET, GRANT),
    row("DELETE", "/api/auth/authorization", NAMED, SECRET, GRANT),
    row("GET", "/api/auth/authorization/{type}/{id}", NAMED, SECRET, path="/api/auth/authorization/SECRET_NAME/{secret!}"),
    # Secrets
    row("GET", "/api/secrets", ANY),
    row("POST", "/api/secrets", ANY),
    row("GET", "/api/secrets-v2", ANY),
    row("GET", "/api/secrets/clearLocalCache", ANY),
    row("GET", "/api/secrets/clearRedisCache", ANY),
    row("GET", "/api/secrets/{key}", NAMED, SECRET, path="/api/secrets/{secret!}"),
    row("PUT", "/api/secrets/{key}", NAMED, SECRET, b"another value", path="/api/secrets/{secret!}"),
    row("DELETE", "/api/secrets/{key}", NAMED, SECRET, path="/api/secrets/{secret!}"),
    row("GET", "/api/secrets/{key}/exists", ANY, path="/api/secrets/{secret!}/exists"),
    row("GET", "/api/secrets/{key}/tags", NAMED, SECRET, path="/api/secrets/{secret!}/tags"),
    row("PUT", "/api/secrets/{key}/tags", NAMED, SECRET, TAGS, path="/api/secrets/{secret!}/tags"),
    row("DELETE", "/api/secrets/{key}/tags", NAMED, SECRET, TAGS, path="/api/secrets/{secret!}/tags"),
    row("GET", "/api/secrets/{key}/policy", NAMED, SECRET, path="/api/secrets/{secret!}/policy"),
    row("PUT", "/api/secrets/{key}/policy", NAMED, SECRET, {}, path="/api/secrets/{secret!}/policy"),
    # Definitions
    row("GET", "/api/metadata/workflow", ANY),
    row("POST", "/api/metadata/workflow", NAMED, WORKFLOW, DEFINITION, path="/api/metadata/workflow?overwrite=true"),
    row("PUT", "/api/metadata/workflow", NAMED, WORKFLOW, [DEFINITION]),
    row("GET", "/api/metadata/workflow/{name}", NAMED, WORKFLOW, path="/api/metadata/workflow/{workflow!}"),
    row("DELETE", "/api/metadata/workflow/{name}/{version}", NAMED, WORKFLOW, path="/api/metadata/workflow/{workflow!}/1"),
    row("GET", "/api/metadata/taskdefs", ANY),
    row("POST", "/api/metadata/taskdefs", NAMED, TASK, [{"name": "{taskdef!}"}]),
    row("PUT", "/api/metadata/taskdefs", NAMED, TASK, {"name": "{taskdef!}"}),
    row("GET", "/api/metadata/taskdefs/{name}", NAMED, TASK, path="/api/metadata/taskdefs/{taskdef!}"),
    row("DELETE", "/api/metadata/taskdefs/{name}", NAMED, TASK, path="/api/metadata/taskdefs/{taskdef!}"),
    # Runs
    row("POST", "/api/workflow", NAMED, WORKFLOW, {"name": "{workflow!}"}),
    row("POST", "/api/workflow/{name}", NAMED, WORKFLOW, {}, path="/api/workflow/{workflow!}"),
    row("POST", "/api/workflow/start/{name}/{version}", NAMED, WORKFLOW, {}, path="/api/workflow/start/{workflow!}/1"),
    row("GET", "/api/workflow/{workflowId}", OPAQUE, "run {run}", path="/api/workflow/{run!}"),
    row("DELETE", "/api/workflow/{workflowId}", OPAQUE, "run {run}", path="/api/workflow/{run!}"),
    row("GET", "/api/workflow/{workflowId}/status", OPAQUE, "run {run}", path="/api/workflow/{run!}/status"),
    # Tasks; polling an empty line is 204
    row("GET", "/api/tasks/poll/{type}", (401, 403, 204, 204), TASK, path="/api/tasks/poll/{taskdef!}"),
    row("GET", "/api/tasks/poll/batch/{type}", NAMED, TASK, path="/api/tasks/poll/batch/{taskdef!}?timeout=0"),
    row("POST", "/api/tasks", OPAQUE, "task {task}", RESULT),
    row("POST", "/api/tasks/update-v2", (401, 403, 204, 204), "task {task}", RESULT),
    row("GET", "/api/tasks/{taskId}", OPAQUE, "task {task}", path="/api/tasks/{task!}"),
    row("GET", "/api/tasks/{taskId}/log", OPAQUE, "task {task}", path="/api/tasks/{task!}/log"),
    row("POST", "/api/tasks/{taskId}/log", OPAQUE, "task {task}", b"a line", path="/api/tasks/{task!}/log"),
)
