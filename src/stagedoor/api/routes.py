"""The one table: method, path, handler, the access it demands and on what. A route without a rule cannot exist.

The OpenAPI document, docs/permissions.md and the authorization tests are made from it.
"""

from stagedoor.api import projects, system
from stagedoor.api.orkes import applications, authorization, metadata, secrets, tasks, tokens, workflows
from stagedoor.api.orkes.applications import NamedApplication
from stagedoor.api.orkes.authorization import Authorization
from stagedoor.api.orkes.wire import StartWorkflow
from stagedoor.api.router import Options, Route
from stagedoor.api.rules import (
    Authenticated,
    Creates,
    HandsOut,
    ManagesProject,
    Needs,
    OnApplication,
    OnRun,
    Polls,
    Public,
    ReportsOnTask,
    SavesDefinitions,
    SavesSecret,
    SeesGrants,
    SeesTask,
    Starts,
)  # fmt: skip
from stagedoor.core.permission import Access
from stagedoor.core.project import Settings
from stagedoor.core.secret import Policy
from stagedoor.core.tag import Tag
from stagedoor.engine.definition import Json, TaskDefinition, WorkflowDefinition
from stagedoor.gate.exchange import TokenRequest

READ, UPDATE, DELETE, EXECUTE = Access.READ, Access.UPDATE, Access.DELETE, Access.EXECUTE
WORKFLOW, TASK, SECRET = "WORKFLOW_DEF", "TASK_DEF", "SECRET_NAME"
WAITS, STRICT = Options(waits=True), Options(strict=True, limit=256 * 1024)
OPEN = Options(limit=16 * 1024)
"""Small bodies only: where strict reading, which is slow, goes over them, and where anybody may send them."""


def workflow(*accesses: Access) -> Needs:
    return Needs(WORKFLOW, "name", accesses)


def task(*accesses: Access) -> Needs:
    return Needs(TASK, "name", accesses)


def secret(*accesses: Access) -> Needs:
    return Needs(SECRET, "key", accesses)


ROUTES: tuple[Route, ...] = (
    # The server itself
    Route("GET", "/health", system.health, Public()),
    Route("GET", "/api/version", system.version, Public()),
    Route("GET", "/.well-known/jwks.json", system.jwks, Public()),
    Route("GET", "/api/projects/{id}/settings", projects.get_settings, ManagesProject()),
    Route("PUT", "/api/projects/{id}/settings", projects.set_settings, ManagesProject(), Settings, options=STRICT),
    # Tokens
    Route("POST", "/api/token", tokens.exchange, Public(), TokenRequest, options=OPEN),
    Route("GET", "/api/token/userInfo", tokens.user_info, Authenticated()),
    # Applications and access keys
    Route("GET", "/api/applications", applications.list_all, Authenticated()),
    Route("POST", "/api/applications", applications.create, Creates("APPLICATION"), NamedApplication, options=STRICT),
    Route("GET", "/api/applications/{id}", applications.get, OnApplication(READ)),
    Route("PUT", "/api/applications/{id}", applications.rename, OnApplication(UPDATE), NamedApplication, options=STRICT),
    Route("DELETE", "/api/applications/{id}", applications.delete, OnApplication(DELETE)),
    Route("GET", "/api/applications/key/{accessKeyId}", applications.of_key, Authenticated()),
    Route("GET", "/api/applications/{id}/accessKeys", applications.list_keys, OnApplication(READ)),
    Route("POST", "/api/applications/{id}/accessKeys", applications.create_key, OnApplication(UPDATE)),
    Route("DELETE", "/api/applications/{id}/accessKeys/{keyId}", applications.delete_key, OnApplication(UPDATE)),
    Route("POST", "/api/applications/{id}/accessKeys/{keyId}/status", applications.toggle_key, OnApplication(UPDATE)),
    Route("POST", "/api/applications/{id}/roles/{role}", applications.add_role, OnApplication(UPDATE)),
    Route("DELETE", "/api/applications/{id}/roles/{role}", applications.remove_role, OnApplication(UPDATE)),
    Route("GET", "/api/applications/{id}/tags", applications.tags.get, OnApplication(READ)),
    Route("PUT", "/api/applications/{id}/tags", applications.tags.put, OnApplication(UPDATE), list[Tag], options=STRICT),
    Route("DELETE", "/api/applications/{id}/tags", applications.tags.delete, OnApplication(UPDATE), list[Tag], options=STRICT),
    # Grants
    Route("POST", "/api/auth/authorization", authorization.grant, HandsOut(), Authorization, options=STRICT),
    Route("DELETE", "/api/auth/authorization", authorization.revoke, HandsOut(), Authorization, options=STRICT),
    Route("GET", "/api/auth/authorization/{type}/{id}", authorization.on_target, SeesGrants()),
    # Secrets
    Route("GET", "/api/secrets", secrets.names, Authenticated()),
    Route("POST", "/api/secrets", secrets.names, Authenticated()),
    Route("GET", "/api/secrets-v2", secrets.names_with_tags, Authenticated()),
    Route("GET", "/api/secrets/clearLocalCache", secrets.clear_cache, Authenticated()),
    Route("GET", "/api/secrets/clearRedisCache", secrets.clear_cache, Authenticated()),
    Route("GET", "/api/secrets/{key}", secrets.get, secret(READ)),
    Route("PUT", "/api/secrets/{key}", secrets.put, SavesSecret()),
    Route("DELETE", "/api/secrets/{key}", secrets.delete, secret(DELETE)),
    Route("GET", "/api/secrets/{key}/exists", secrets.exists, Authenticated()),
    Route("GET", "/api/secrets/{key}/tags", secrets.tags.get, secret(READ)),
    Route("PUT", "/api/secrets/{key}/tags", secrets.tags.put, secret(UPDATE), list[Tag], options=STRICT),
    Route("DELETE", "/api/secrets/{key}/tags", secrets.tags.delete, secret(UPDATE), list[Tag], options=STRICT),
    Route("GET", "/api/secrets/{key}/policy", secrets.get_policy, secret(READ)),
    Route("PUT", "/api/secrets/{key}/policy", secrets.set_policy, secret(READ, UPDATE), Policy, options=STRICT),
    # Definitions
    Route("GET", "/api/metadata/workflow", metadata.list_workflows, Authenticated()),
    Route("POST", "/api/metadata/workflow", metadata.create_workflow, SavesDefinitions(WORKFLOW), WorkflowDefinition),
    Route("PUT", "/api/metadata/workflow", metadata.update_workflows, SavesDefinitions(WORKFLOW), list[WorkflowDefinition]),
    Route("GET", "/api/metadata/workflow/{name}", metadata.get_workflow, workflow(READ)),
    Route("DELETE", "/api/metadata/workflow/{name}/{version}", metadata.delete_workflow, workflow(DELETE)),
    Route("GET", "/api/metadata/taskdefs", metadata.list_tasks, Authenticated()),
    Route("POST", "/api/metadata/taskdefs", metadata.save_tasks, SavesDefinitions(TASK), list[TaskDefinition]),
    Route("PUT", "/api/metadata/taskdefs", metadata.update_task, SavesDefinitions(TASK), TaskDefinition),
    Route("GET", "/api/metadata/taskdefs/{name}", metadata.get_task, task(READ)),
    Route("DELETE", "/api/metadata/taskdefs/{name}", metadata.delete_task, task(DELETE)),
    # Runs
    Route("POST", "/api/workflow", workflows.start, Starts(), StartWorkflow),
    Route("POST", "/api/workflow/{name}", workflows.start_by_name, workflow(EXECUTE), Json | None),
    Route("POST", "/api/workflow/start/{name}/{version}", workflows.start_version, workflow(EXECUTE), Json | None),
    Route("GET", "/api/workflow/{workflowId}", workflows.get, OnRun(READ)),
    Route("DELETE", "/api/workflow/{workflowId}", workflows.terminate, OnRun(EXECUTE)),
    Route("GET", "/api/workflow/{workflowId}/status", workflows.status, OnRun(READ)),
    # Tasks
    Route("GET", "/api/tasks/poll/{type}", tasks.poll, Polls(), options=WAITS),
    Route("GET", "/api/tasks/poll/batch/{type}", tasks.poll_batch, Polls(), options=WAITS),
    Route("POST", "/api/tasks", tasks.update, ReportsOnTask()),
    Route("POST", "/api/tasks/update-v2", tasks.update_and_next, ReportsOnTask(hidden=True)),
    Route("GET", "/api/tasks/{taskId}", tasks.get, SeesTask()),
    Route("GET", "/api/tasks/{taskId}/log", tasks.logs, SeesTask()),
    Route("POST", "/api/tasks/{taskId}/log", tasks.add_log, ReportsOnTask(in_body=False)),
)
