"""The one table: method, path, handler, the access it demands and on what. A route without a rule cannot exist.

The OpenAPI document, docs/permissions.md and the authorization tests are made from it.
"""

from stagedoor.api import explain, invitations, projects, system, usage
from stagedoor.api.orkes import all_tags, applications, authorization, groups, metadata, roles, secrets, tasks, tokens, users, workflows
from stagedoor.api.orkes.applications import NamedApplication
from stagedoor.api.orkes.authorization import Authorization
from stagedoor.api.orkes.groups import GroupBody
from stagedoor.api.orkes.roles import RoleBody
from stagedoor.api.orkes.users import UserBody
from stagedoor.api.orkes.wire import StartWorkflow
from stagedoor.api.router import Options, Parameter, Route
from stagedoor.api.rules import (
    AsksOfItself,
    AsksWhoMay,
    Authenticated,
    Creates,
    HandsOut,
    ManagesProject,
    Needs,
    OnApplication,
    OnRun,
    Operates,
    Permits,
    Polls,
    Public,
    ReportsOnTask,
    SavesDefinitions,
    SavesSecret,
    SeesGrants,
    SeesProject,
    SeesTask,
    SelfOrAdministers,
    Starts,
)  # fmt: skip
from stagedoor.core.explainer import Able, Explanation
from stagedoor.core.permission import Access
from stagedoor.core.project import Settings
from stagedoor.core.secret import Policy
from stagedoor.core.tag import Tag
from stagedoor.engine.definition import Json, TaskDefinition, WorkflowDefinition
from stagedoor.gate.exchange import TokenRequest
from stagedoor.gate.what_if import WhatIf

READ, UPDATE, DELETE, EXECUTE = Access.READ, Access.UPDATE, Access.DELETE, Access.EXECUTE
WORKFLOW, TASK, SECRET = "WORKFLOW_DEF", "TASK_DEF", "SECRET_NAME"
WAITS, STRICT = Options(waits=True), Options(strict=True, limit=256 * 1024)
PEOPLE, ROLES = Permits("USER_MANAGEMENT"), Permits("AUTHORIZATION_MANAGEMENT")
DAYS = Options(query=(Parameter("days", int),))
LISTED = Options(query=(Parameter("access", many=True), Parameter("tagKey"), Parameter("tagValue")))
ASKED = tuple(map(Parameter, ("access", "type", "id", "domain")))
WHY = Options(query=(Parameter("subject"), *ASKED, Parameter("credential")), answer=Explanation)
WHO, WHAT_IF = Options(query=ASKED, answer=list[Able]), Options(strict=True, limit=256 * 1024, answer=WhatIf)
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
    # Projects
    Route("GET", "/api/projects", projects.list_all, Authenticated()),
    Route("POST", "/api/projects", projects.create, Operates(), projects.NewProject, options=STRICT),
    Route("GET", "/api/projects/{id}", projects.get, SeesProject()),
    Route("GET", "/api/projects/{id}/members", projects.members, ManagesProject()),
    Route("PUT", "/api/projects/{id}/members/{email}", projects.put_member, ManagesProject(), projects.MemberRoles, options=STRICT),
    Route("DELETE", "/api/projects/{id}/members/{email}", projects.remove_member, ManagesProject()),
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
    Route("GET", "/api/auth/subjects/{subjectType}/{subjectId}/grants", authorization.of_subject, SelfOrAdministers(own=True)),
    Route("DELETE", "/api/auth/subjects/{subjectType}/{subjectId}/grants", authorization.revoke_all, SelfOrAdministers(own=False)),
    Route("GET", "/api/auth/usage/{subjectType}/{subjectId}", usage.usage, SelfOrAdministers(own=True), options=DAYS),
    Route("GET", "/api/auth/advice/{subjectType}/{subjectId}", usage.advice, SelfOrAdministers(own=False), options=DAYS),
    # Explain: why, who, what if
    Route("GET", "/api/auth/explain", explain.explain, AsksOfItself(), options=WHY),
    Route("GET", "/api/auth/who-can", explain.who_can, AsksWhoMay(), options=WHO),
    Route("POST", "/api/auth/what-if", explain.what_if, ROLES, explain.WhatIfBody, options=WHAT_IF),
    # Users, groups, roles
    Route("GET", "/api/users", users.list_all, PEOPLE),
    Route("GET", "/api/users/{id}", users.get, PEOPLE),
    Route("PUT", "/api/users/{id}", users.put, PEOPLE, UserBody, options=STRICT),
    Route("DELETE", "/api/users/{id}", users.delete, PEOPLE),
    Route("GET", "/api/users/{id}/permissions", users.permissions, PEOPLE),
    Route("GET", "/api/users/{id}/checkPermissions", users.check_permissions, PEOPLE),
    Route("POST", "/api/users/{id}/sendInviteEmail", invitations.send, PEOPLE),
    Route("GET", "/invite/{invite}/{secret}", invitations.show, Public()),
    Route("POST", "/invite/{invite}/{secret}", invitations.accept, Public(), options=OPEN),
    Route("GET", "/api/groups", groups.list_all, PEOPLE),
    Route("GET", "/api/groups/{id}", groups.get, PEOPLE),
    Route("PUT", "/api/groups/{id}", groups.put, PEOPLE, GroupBody, options=STRICT),
    Route("DELETE", "/api/groups/{id}", groups.delete, PEOPLE),
    Route("GET", "/api/groups/{id}/permissions", groups.permissions, PEOPLE),
    Route("GET", "/api/groups/{id}/users", groups.members, PEOPLE),
    Route("POST", "/api/groups/{id}/users", groups.add_members, PEOPLE, list[str], options=STRICT),
    Route("DELETE", "/api/groups/{id}/users", groups.remove_members, PEOPLE, list[str], options=STRICT),
    Route("POST", "/api/groups/{id}/users/{userId}", groups.add_member, PEOPLE),
    Route("DELETE", "/api/groups/{id}/users/{userId}", groups.remove_member, PEOPLE),
    Route("GET", "/api/roles", roles.list_all, Authenticated("any authenticated caller")),
    Route("GET", "/api/roles/system", roles.system, Authenticated("any authenticated caller")),
    Route("GET", "/api/roles/custom", roles.custom, Authenticated("any authenticated caller")),
    Route("GET", "/api/roles/permissions", roles.permissions, Authenticated("any authenticated caller")),
    Route("POST", "/api/roles", roles.create, ROLES, RoleBody, options=STRICT),
    Route("GET", "/api/roles/{name}", roles.get, Authenticated("any authenticated caller")),
    Route("PUT", "/api/roles/{name}", roles.put, ROLES, RoleBody, options=STRICT),
    Route("DELETE", "/api/roles/{name}", roles.delete, ROLES),
    # Tags over all things
    Route("GET", "/api/metadata/tags", all_tags.list_all, Authenticated()),
    Route("GET", "/api/metadata/tags/grouped", all_tags.grouped, Authenticated()),
    Route("GET", "/api/metadata/tags/resources", all_tags.resources, Authenticated()),
    *(
        Route(method, f"/api/metadata/{word}/{{name}}/tags", getattr(tags, verb), rule, body, options=STRICT)
        for word, tags, named in (("workflow", metadata.workflow_tags, workflow), ("task", metadata.task_tags, task))
        for method, verb, rule, body in (
            ("GET", "get", named(READ), None),
            ("POST", "add_one", named(UPDATE), Tag),
            ("PUT", "replace", named(UPDATE), list[Tag]),
            ("DELETE", "delete_one", named(UPDATE), Tag),
        )
    ),
    # Secrets
    Route("GET", "/api/secrets", secrets.names, Authenticated(), options=LISTED),
    Route("POST", "/api/secrets", secrets.names, Authenticated(), options=LISTED),
    Route("GET", "/api/secrets-v2", secrets.names_with_tags, Authenticated(), options=LISTED),
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
    Route("GET", "/api/metadata/workflow", metadata.list_workflows, Authenticated(), options=LISTED),
    Route("POST", "/api/metadata/workflow", metadata.create_workflow, SavesDefinitions(WORKFLOW), WorkflowDefinition),
    Route("PUT", "/api/metadata/workflow", metadata.update_workflows, SavesDefinitions(WORKFLOW), list[WorkflowDefinition]),
    Route("GET", "/api/metadata/workflow/{name}", metadata.get_workflow, workflow(READ)),
    Route("DELETE", "/api/metadata/workflow/{name}/{version}", metadata.delete_workflow, workflow(DELETE)),
    Route("GET", "/api/metadata/taskdefs", metadata.list_tasks, Authenticated(), options=LISTED),
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
