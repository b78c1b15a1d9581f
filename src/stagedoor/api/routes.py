"""The one table: method, path, handler, the access it demands and on what. A route without a rule cannot exist.

The OpenAPI document, docs/permissions.md and the authorization tests are made from it.
"""

from stagedoor.api import explain, external_stores, invitations, projects, releases, secret_uses, system, usage, vouchers
from stagedoor.api.api_keys import API_KEY_ROUTES
from stagedoor.api.connect.routes import ROUTES as CONNECT
from stagedoor.api.leak_routes import ROUTES as LEAKS
from stagedoor.api.oauth.routes import OAUTH_ROUTES
from stagedoor.api.orkes import (
    all_tags,
    applications,
    authorization,
    environment,
    groups,
    metadata,
    roles,
    secret_versions,
    secrets,
    tasks,
    tokens,
    users,
    workflows,
)
from stagedoor.api.orkes.applications import NamedApplication
from stagedoor.api.orkes.authorization import Authorization
from stagedoor.api.orkes.groups import GroupBody
from stagedoor.api.orkes.roles import RoleBody
from stagedoor.api.orkes.users import UserBody
from stagedoor.api.orkes.wire import StartWorkflow
from stagedoor.api.project_key_routes import ROUTES as PROJECT_KEYS
from stagedoor.api.rotation import ROUTES as ROTATION
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
    SavesNamed,
    SeesGrants,
    SeesProject,
    SeesTask,
    SelfOrAdministers,
    Starts,
)  # fmt: skip
from stagedoor.api.session import ROUTES as SESSION
from stagedoor.api.v1.routes import ROUTES as V1
from stagedoor.core.explainer import Able, Explanation
from stagedoor.core.external import NewStore, Source
from stagedoor.core.permission import Access
from stagedoor.core.project import Settings
from stagedoor.core.release import Ask, Release
from stagedoor.core.secret import Policy
from stagedoor.core.secret_expiry import Expiring, Expiry
from stagedoor.core.secret_version import Version
from stagedoor.core.tag import Tag
from stagedoor.core.viewing import Viewing
from stagedoor.engine.definition import Json, TaskDefinition, WorkflowDefinition
from stagedoor.gate.adopting import Adopt, Adopted, AdoptTask, Taken
from stagedoor.gate.exchange import TokenRequest
from stagedoor.gate.execution_tokens import Asked
from stagedoor.gate.tracing import UsesOfRun
from stagedoor.gate.uses import DryRun, Where
from stagedoor.gate.vouchers import ReferenceView, RevisionView, Vouched
from stagedoor.gate.what_if import WhatIf

READ, UPDATE, DELETE, EXECUTE = Access.READ, Access.UPDATE, Access.DELETE, Access.EXECUTE
WORKFLOW, TASK, SECRET = "WORKFLOW_DEF", "TASK_DEF", "SECRET_NAME"
WAITS, STRICT = Options(waits=True), Options(strict=True, limit=256 * 1024)
PEOPLE, ROLES = Permits("USER_MANAGEMENT"), Permits("AUTHORIZATION_MANAGEMENT")
MANAGES = Permits("ADMIN_MANAGEMENT")
DAYS = Options(query=(Parameter("days", int),))
LISTED = Options(query=(Parameter("access", many=True), Parameter("tagKey"), Parameter("tagValue")), reads=True)
CLEARS = Options(reads=False)
"""Answered to GET, and yet has an effect."""
ASKED = tuple(map(Parameter, ("access", "type", "id", "domain")))
WHY = Options(query=(Parameter("subject"), *ASKED, Parameter("credential")), answer=Explanation)
WHO, WHAT_IF = Options(query=ASKED, answer=list[Able]), Options(strict=True, limit=256 * 1024, answer=WhatIf)
VERSIONS = Options(query=(Parameter("before", int),), answer=list[Version])
EXPIRING = Options(query=(Parameter("days", int),), answer=list[Expiring])
REVISIONS, VOUCHERS = Options(answer=list[RevisionView]), Options(query=(Parameter("version", int),), answer=Vouched)
ADOPTED, TAKEN = (Options(strict=True, limit=256 * 1024, answer=answer) for answer in (Adopted, list[Taken]))
PAGE = (Parameter("start", int), Parameter("size", int))
RECEIPTS, PLACES = Options(query=PAGE, answer=UsesOfRun), Options(query=PAGE, answer=Where)
DRY_RUN = Options(strict=True, limit=256 * 1024, query=(Parameter("days", int),), answer=DryRun)
ASKS = Options(strict=True, limit=256 * 1024, query=(Parameter("reason"),))
RELEASE = Options(strict=True, limit=16 * 1024, answer=Release)
OPEN = Options(limit=16 * 1024)
"""Small bodies only: where strict reading, which is slow, goes over them, and where anybody may send them."""


def workflow(*accesses: Access) -> Needs:
    return Needs(WORKFLOW, "name", accesses)


def task(*accesses: Access) -> Needs:
    return Needs(TASK, "name", accesses)


def secret(*accesses: Access) -> Needs:
    return Needs(SECRET, "key", accesses)


def variable(param: str, *accesses: Access) -> Needs:
    return Needs("ENV_VARIABLE", param, accesses)


ROUTES: tuple[Route, ...] = (
    # The server itself
    Route("GET", "/health", system.health, Public()),
    Route("GET", "/api/version", system.version, Public()),
    Route("GET", "/.well-known/jwks.json", system.jwks, Public()),
    # Projects
    Route("GET", "/api/projects", projects.list_all, Authenticated()),
    Route("POST", "/api/projects", projects.create, Operates(), projects.NewProject, options=STRICT),
    Route("GET", "/api/projects/{id}", projects.get, SeesProject(), options=Options(answer=projects.ProjectView)),
    Route("GET", "/api/projects/{id}/members", projects.members, ManagesProject()),
    Route("PUT", "/api/projects/{id}/members/{email}", projects.put_member, ManagesProject(), projects.MemberRoles, options=STRICT),
    Route("DELETE", "/api/projects/{id}/members/{email}", projects.remove_member, ManagesProject()),
    Route("GET", "/api/projects/{id}/settings", projects.get_settings, ManagesProject()),
    Route("PUT", "/api/projects/{id}/settings", projects.set_settings, ManagesProject(), Settings, options=STRICT),
    *API_KEY_ROUTES,
    *OAUTH_ROUTES,
    *LEAKS,
    *PROJECT_KEYS,
    *ROTATION,
    *CONNECT,
    *SESSION,
    # Who shows a project's secret key
    *V1,
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
    Route("GET", "/api/secrets/clearLocalCache", secrets.clear_cache, Authenticated(), options=CLEARS),
    Route("GET", "/api/secrets/clearRedisCache", secrets.clear_cache, Authenticated(), options=CLEARS),
    Route("GET", "/api/secrets/{key}", secrets.get, secret(READ)),
    Route("PUT", "/api/secrets/{key}", secrets.put, SavesNamed(SECRET)),
    Route("DELETE", "/api/secrets/{key}", secrets.delete, secret(DELETE)),
    Route("GET", "/api/secrets/{key}/exists", secrets.exists, Authenticated()),
    Route("GET", "/api/secrets/{key}/tags", secrets.tags.get, secret(READ)),
    Route("PUT", "/api/secrets/{key}/tags", secrets.tags.put, secret(UPDATE), list[Tag], options=STRICT),
    Route("DELETE", "/api/secrets/{key}/tags", secrets.tags.delete, secret(UPDATE), list[Tag], options=STRICT),
    Route("GET", "/api/secrets-expiring", secret_versions.expiring, Authenticated(), options=EXPIRING),
    Route("GET", "/api/secrets/{key}/versions", secret_versions.list_all, secret(READ), options=VERSIONS),
    Route("POST", "/api/secrets/{key}/versions/{version}/rollback", secret_versions.roll_back, secret(UPDATE)),
    Route("DELETE", "/api/secrets/{key}/versions/{version}", secret_versions.destroy, secret(DELETE)),
    Route("GET", "/api/secrets/{key}/expiry", secret_versions.get_expiry, secret(READ), options=Options(answer=Expiring)),
    Route("PUT", "/api/secrets/{key}/expiry", secret_versions.set_expiry, secret(UPDATE), Expiry, options=STRICT),
    Route("GET", "/api/secrets/{key}/policy", secrets.get_policy, secret(READ)),
    Route("PUT", "/api/secrets/{key}/policy", releases.set_policy, secret(READ, UPDATE), Policy, options=ASKS),
    Route("POST", "/api/secrets/{key}/policy/dry-run", secret_uses.dry_run, secret(READ, UPDATE), Policy, options=DRY_RUN),
    Route("GET", "/api/secrets/{key}/where", secret_uses.where, secret(READ, UPDATE), options=PLACES),
    Route("GET", "/api/secrets/{key}/viewing", releases.get_viewing, secret(READ), options=Options(answer=Viewing)),
    Route("PUT", "/api/secrets/{key}/viewing", releases.set_viewing, secret(READ, UPDATE), Viewing, options=ASKS),
    Route("GET", "/api/secrets/{key}/releases", releases.list_all, secret(READ), options=Options(answer=list[Release])),
    Route("POST", "/api/secrets/{key}/releases", releases.ask, secret(READ), Ask, options=RELEASE),
    Route("POST", "/api/secrets/{key}/releases/{id}/approve", releases.approve, secret(READ, UPDATE), options=RELEASE),
    Route("DELETE", "/api/secrets/{key}/releases/{id}", releases.end, secret(READ), options=RELEASE),
    # External stores
    Route("GET", "/api/secret-stores", external_stores.list_all, MANAGES),
    Route("GET", "/api/secret-stores/{name}", external_stores.get, MANAGES),
    Route("PUT", "/api/secret-stores/{name}", external_stores.put, MANAGES, NewStore, options=STRICT),
    Route("DELETE", "/api/secret-stores/{name}", external_stores.delete, MANAGES),
    Route("POST", "/api/secret-stores/{name}/check", external_stores.check, MANAGES),
    Route("GET", "/api/secrets/{key}/source", external_stores.get_source, secret(READ)),
    Route("PUT", "/api/secrets/{key}/source", external_stores.put_source, MANAGES, Source, options=STRICT),
    Route("DELETE", "/api/secrets/{key}/source", external_stores.delete_source, MANAGES),
    # Environment variables
    Route("GET", "/api/environment", environment.list_all, Authenticated(), options=LISTED),
    Route("GET", "/api/environment/{key}", environment.get, variable("key", READ)),
    Route("PUT", "/api/environment/{key}", environment.put, SavesNamed("ENV_VARIABLE")),
    Route("DELETE", "/api/environment/{key}", environment.delete, variable("key", DELETE)),
    Route("GET", "/api/environment/{name}/tags", environment.tags.get, variable("name", READ)),
    Route("PUT", "/api/environment/{name}/tags", environment.tags.put, variable("name", UPDATE), list[Tag], options=STRICT),
    Route("DELETE", "/api/environment/{name}/tags", environment.tags.delete, variable("name", UPDATE), list[Tag], options=STRICT),
    # Definitions
    Route("GET", "/api/metadata/workflow", metadata.list_workflows, Authenticated(), options=LISTED),
    Route("POST", "/api/metadata/workflow", metadata.create_workflow, SavesDefinitions(WORKFLOW), WorkflowDefinition),
    Route("PUT", "/api/metadata/workflow", metadata.update_workflows, SavesDefinitions(WORKFLOW), list[WorkflowDefinition]),
    Route("GET", "/api/metadata/workflow/{name}", metadata.get_workflow, workflow(READ)),
    Route("DELETE", "/api/metadata/workflow/{name}/{version}", metadata.delete_workflow, workflow(DELETE)),
    Route("GET", "/api/metadata/workflow/{name}/revisions", vouchers.revisions, workflow(READ), options=REVISIONS),
    Route("GET", "/api/metadata/workflow/{name}/vouchers", vouchers.of_workflow, workflow(READ), options=VOUCHERS),
    Route("POST", "/api/metadata/workflow/{name}/adopt", vouchers.adopt_workflow, workflow(READ, UPDATE), Adopt | None, options=ADOPTED),
    Route("GET", "/api/metadata/taskdefs", metadata.list_tasks, Authenticated(), options=LISTED),
    Route("POST", "/api/metadata/taskdefs", metadata.save_tasks, SavesDefinitions(TASK), list[TaskDefinition]),
    Route("PUT", "/api/metadata/taskdefs", metadata.update_task, SavesDefinitions(TASK), TaskDefinition),
    Route("GET", "/api/metadata/taskdefs/{name}", metadata.get_task, task(READ)),
    Route("DELETE", "/api/metadata/taskdefs/{name}", metadata.delete_task, task(DELETE)),
    Route("GET", "/api/metadata/taskdefs/{name}/vouchers", vouchers.of_task, task(READ), options=Options(answer=list[ReferenceView])),
    Route("POST", "/api/metadata/taskdefs/{name}/adopt", vouchers.adopt_task, task(READ, UPDATE), AdoptTask | None, options=TAKEN),
    # Runs
    Route("POST", "/api/workflow", workflows.start, Starts(), StartWorkflow),
    Route("POST", "/api/workflow/{name}", workflows.start_by_name, Starts("name"), Json | None),
    Route("POST", "/api/workflow/start/{name}/{version}", workflows.start_version, Starts("name"), Json | None),
    Route("GET", "/api/workflow/{workflowId}", workflows.get, OnRun(READ)),
    Route("DELETE", "/api/workflow/{workflowId}", workflows.terminate, OnRun(EXECUTE)),
    Route("GET", "/api/workflow/{workflowId}/status", workflows.status, OnRun(READ)),
    Route("GET", "/api/workflow/{workflowId}/secret-uses", secret_uses.of_run, OnRun(READ), options=RECEIPTS),
    # Tasks
    Route("GET", "/api/tasks/poll/{type}", tasks.poll, Polls(), options=WAITS),
    Route("GET", "/api/tasks/poll/batch/{type}", tasks.poll_batch, Polls(), options=WAITS),
    Route("POST", "/api/tasks", tasks.update, ReportsOnTask()),
    Route("POST", "/api/tasks/update-v2", tasks.update_and_next, ReportsOnTask(hidden=True)),
    Route("GET", "/api/tasks/{taskId}", tasks.get, SeesTask()),
    Route("POST", "/api/tasks/{taskId}/token", tasks.execution_token, ReportsOnTask(in_body=False), Asked | None, options=STRICT),
    Route("GET", "/api/tasks/{taskId}/log", tasks.logs, SeesTask()),
    Route("POST", "/api/tasks/{taskId}/log", tasks.add_log, ReportsOnTask(in_body=False)),
)
