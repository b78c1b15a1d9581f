"""Grants by subject, and what can be granted to whom on what (contract/orkes.md A Authorization and C; 0.11, 0.13)."""

from typing import Any

import pytest

from tests.api.authorization.world import World, definition, new
from tests.api.orkes.people import ACCESSES, a_group, a_user, assert_missing, assert_refused, authorization, grant
from tests.api.orkes.wire import python, say
from tests.support.server import Api, LiveServer

PATH = "/api/auth/authorization"


@pytest.fixture
def world(sqlite_server: LiveServer) -> World:
    return World.on(sqlite_server)


def shown(found: list[dict[str, Any]]) -> dict[tuple[str, str], list[str]]:
    assert all(sorted(one) == ["access", "target"] for one in found), found
    return {(one["target"]["type"], one["target"]["id"]): sorted(one["access"]) for one in found}


# ---- GET and DELETE /auth/subjects/{type}/{id}/grants
def test_grants_of_a_subject_one_entry_a_target(admin: Api) -> None:
    user, secret, task = a_user(admin), new("secret"), new("task")
    path = f"/api/auth/subjects/USER/{user}/grants"
    assert admin.call("GET", path) == []
    grant(admin, ("USER", user), ("SECRET_NAME", secret), "READ")
    grant(admin, ("USER", user), ("SECRET_NAME", secret), "UPDATE")
    grant(admin, ("USER", user), ("TASK_DEF", task), "EXECUTE")
    assert shown(admin.call("GET", path)) == {("SECRET_NAME", secret): ["READ", "UPDATE"], ("TASK_DEF", task): ["EXECUTE"]}
    assert shown(admin.call("GET", f"{path}?resourceType=TASK_DEF")) == {("TASK_DEF", task): ["EXECUTE"]}
    assert shown(admin.call("GET", f"{path}?resourceType=SECRET")) == {("SECRET_NAME", secret): ["READ", "UPDATE"]}
    assert admin.call("GET", f"{path}?resourceType=WORKFLOW_DEF") == []


def test_grants_of_groups_and_roles_by_type_in_any_case(admin: Api) -> None:
    group, secret = a_group(admin), new("secret")
    grant(admin, ("group", group), ("SECRET_NAME", secret), "READ")
    grant(admin, ("Role", "USER_READ_ONLY"), ("SECRET_NAME", secret), "READ")
    for kind in ("GROUP", "group"):
        assert shown(admin.call("GET", f"/api/auth/subjects/{kind}/{group}/grants")) == {("SECRET_NAME", secret): ["READ"]}
    assert shown(admin.call("GET", "/api/auth/subjects/role/USER_READ_ONLY/grants"))["SECRET_NAME", secret] == ["READ"]
    by_subject = admin.call("GET", f"{PATH}/SECRET_NAME/{secret}?groupBy=subject")
    assert by_subject == {f"GROUP:{group}": ["READ"], "ROLE:USER_READ_ONLY": ["READ"]}
    both = admin.call("GET", f"{PATH}/SECRET_NAME/{secret}")
    assert list(both) == ACCESSES
    assert {"type": "GROUP", "id": group} in both["READ"] and {"type": "ROLE", "id": "USER_READ_ONLY"} in both["READ"]


def test_all_grants_of_a_subject_are_revoked_at_once_or_those_of_one_type(world: World) -> None:
    path = f"/api/auth/subjects/USER/app:{world.stranger_id}/grants"
    for target in (("SECRET_NAME", world.secret), ("WORKFLOW_DEF", world.workflow), ("TASK_DEF", world.taskdef)):
        grant(world.admin, ("USER", f"app:{world.stranger_id}"), target, "READ")
    assert world.stranger.raw("GET", f"/api/secrets/{world.secret}").status_code == 200
    assert world.admin.call("DELETE", f"{path}?resourceType=SECRET_NAME") == {"message": "Revoked grants"}
    assert world.stranger.raw("GET", f"/api/secrets/{world.secret}").status_code == 403
    assert set(shown(world.admin.call("GET", path))) == {("WORKFLOW_DEF", world.workflow), ("TASK_DEF", world.taskdef)}
    for _ in range(2):  # with nothing left it is no error
        assert world.admin.call("DELETE", path) == {"message": "Revoked grants"}
        assert world.admin.call("GET", path) == []
    assert world.owner.raw("GET", f"/api/secrets/{world.secret}").status_code == 200


def test_a_subject_sees_its_own_grants_and_nobody_elses(world: World) -> None:
    me, other = f"app:{world.stranger_id}", f"app:{world.owner_id}"
    grant(world.admin, ("USER", me), ("SECRET_NAME", world.secret), "READ")
    assert shown(world.stranger.call("GET", f"/api/auth/subjects/USER/{me}/grants")) == {("SECRET_NAME", world.secret): ["READ"]}
    group = a_group(world.admin, me)
    for method, subject in (("GET", f"USER/{other}"), ("GET", f"GROUP/{group}"), ("GET", "ROLE/ADMIN"), ("DELETE", f"USER/{me}")):
        answer = world.stranger.raw(method, f"/api/auth/subjects/{subject}/grants")
        assert answer.status_code == 403, f"{method} {subject}: {answer.text}"
    assert world.stranger.raw("GET", f"/api/secrets/{world.secret}").status_code == 200


@pytest.mark.parametrize("subject", ["TAG/team:a", "ROBOT/x"])
def test_a_subject_that_is_none_is_refused(subject: str, admin: Api) -> None:
    kind, name = subject.split("/")
    assert admin.raw("GET", f"/api/auth/subjects/{subject}/grants").status_code == 400
    assert_refused(admin.raw("POST", PATH, authorization((kind, name), ("SECRET_NAME", "x"), "READ")), "subject.type")


@pytest.mark.parametrize("kind", ["USER", "GROUP", "ROLE"])
def test_grants_of_who_is_not_there_are_404_with_the_id_in_the_message(kind: str, admin: Api) -> None:
    missing = new("nobody")
    assert_missing(admin.raw("GET", f"/api/auth/subjects/{kind}/{missing}/grants"), missing)


def test_a_resource_type_that_is_none_is_refused(admin: Api) -> None:
    answer = admin.raw("GET", f"/api/auth/subjects/USER/{a_user(admin)}/grants?resourceType=CLOUD")
    assert answer.status_code == 400 and "CLOUD" in answer.json()["message"]


@pytest.mark.parametrize("kind", ["USER", "GROUP", "ROLE"])
def test_a_grant_to_who_is_not_there_is_refused(kind: str, admin: Api) -> None:
    missing = new("nobody")
    answer = admin.raw("POST", PATH, authorization((kind, missing), ("SECRET_NAME", "x"), "READ"))
    assert_refused(answer, "subject.id")
    assert missing in answer.json()["message"]


# ---- what a grant on a whole kind, a tag or a domain does
def test_a_grant_to_a_role_reaches_everybody_who_has_it(world: World) -> None:
    admin, secret = world.admin, world.secret
    grant(admin, ("ROLE", "METADATA_API"), ("SECRET_NAME", secret), "READ")
    assert world.stranger.raw("GET", f"/api/secrets/{secret}").status_code == 403
    admin.call("POST", f"/api/applications/{world.stranger_id}/roles/METADATA_API")
    assert world.stranger.raw("GET", f"/api/secrets/{secret}").status_code == 200
    admin.call("DELETE", PATH, authorization(("ROLE", "METADATA_API"), ("SECRET_NAME", secret), "READ"))
    assert world.stranger.raw("GET", f"/api/secrets/{secret}").status_code == 403


def test_a_grant_on_the_star_reaches_every_resource_of_the_kind(world: World) -> None:
    me, later = f"app:{world.stranger_id}", new("secret")
    grant(world.admin, ("USER", me), ("SECRET_NAME", "*"), "READ")
    assert world.stranger.raw("GET", f"/api/secrets/{world.secret}").status_code == 200
    world.owner.put_secret(later, "made afterwards")
    assert world.stranger.call("GET", f"/api/secrets/{later}") == "made afterwards"
    assert world.stranger.raw("PUT", f"/api/secrets/{later}", b"x").status_code == 403
    assert world.stranger.raw("GET", f"/api/metadata/workflow/{world.workflow}").status_code == 403
    assert shown(world.admin.call("GET", f"/api/auth/subjects/USER/{me}/grants")) == {("SECRET_NAME", "*"): ["READ"]}
    world.admin.call("DELETE", PATH, authorization(("USER", me), ("SECRET_NAME", "*"), "READ"))
    assert world.stranger.raw("GET", f"/api/secrets/{later}").status_code == 403


@pytest.mark.promise(15)
def test_a_star_inside_a_name_is_a_plain_character(world: World) -> None:
    for pattern in (f"{world.secret[:-1]}*", "**", "*secret*"):
        grant(world.admin, ("USER", f"app:{world.stranger_id}"), ("SECRET_NAME", pattern), "READ")
    assert world.stranger.raw("GET", f"/api/secrets/{world.secret}").status_code == 403


def test_nothing_can_be_made_under_the_name_star(admin: Api) -> None:
    for method, path, body in (
        ("PUT", "/api/secrets/*", b"x"),
        ("POST", "/api/metadata/taskdefs", [{"name": "*"}]),
        ("POST", "/api/metadata/workflow", definition("*", "task")),
        ("PUT", "/api/users/*", {"name": "x", "roles": []}),
        ("PUT", "/api/groups/*", {"description": "x", "roles": []}),
        ("POST", "/api/roles", {"name": "*", "permissions": []}),
    ):
        answer = admin.raw(method, path, body)
        assert answer.status_code == 400, f"{method} {path}: {answer.status_code} {answer.text}"


@pytest.mark.parametrize(
    ("target", "field"),
    [
        (("TAG", "*"), "target.id"), (("DOMAIN", "*"), "target.id"), (("TAG", "no-colon"), "target.id"), (("USER", "x"), "target.type"),
        (("GROUP", "x"), "target.type"), (("ROLE", "x"), "target.type"), (("TASK_ID", "x"), "target.type"),
    ],
    ids=str,
)  # fmt: skip
def test_what_cannot_be_granted_is_refused_by_field(target: tuple[str, str], field: str, admin: Api) -> None:
    assert_refused(admin.raw("POST", PATH, authorization(("USER", a_user(admin)), target, "READ")), field)


@pytest.mark.parametrize(
    "kind", ["INTEGRATION_PROVIDER", "PROMPT", "WORKFLOW_SCHEDULE", "EVENT_HANDLER", "WEBHOOK", "ENV_VARIABLE", "SCHEMA", "DOMAIN", "TAG"]
)
def test_a_grant_on_every_kind_of_the_contract_is_kept(kind: str, admin: Api) -> None:
    user, name = a_user(admin), new("x:y")
    grant(admin, ("USER", user), (kind, name), "READ", "EXECUTE")
    assert shown(admin.call("GET", f"/api/auth/subjects/USER/{user}/grants")) == {(kind, name): ["EXECUTE", "READ"]}
    assert admin.call("GET", f"{PATH}/{kind}/{name}")["READ"] == [{"type": "USER", "id": user}]


def test_a_grant_on_a_tag_reaches_what_carries_it_now_and_later(world: World) -> None:
    value, path = new("automation"), f"/api/secrets/{world.secret}"
    tag = {"key": "dev", "value": value}
    grant(world.admin, ("USER", f"app:{world.stranger_id}"), ("TAG", f"dev:{value}"), "READ")
    assert world.stranger.raw("GET", path).status_code == 403
    world.admin.call("PUT", f"{path}/tags", [tag])
    assert world.stranger.raw("GET", path).status_code == 200
    assert world.secret in world.stranger.call("GET", "/api/secrets")
    world.admin.call("PUT", f"{path}/tags", [tag | {"value": "other"}])  # replaced by its key
    assert world.stranger.raw("GET", path).status_code == 403


def test_a_grant_on_a_domain_lets_a_worker_poll_there(world: World) -> None:
    worker, calls = world.caller("worker", "WORKER")
    domain, poll = new("domain"), f"/api/tasks/poll/batch/{world.taskdef}?timeout=0"
    grant(world.admin, ("USER", f"app:{worker}"), ("DOMAIN", domain), "EXECUTE")
    assert calls.raw("GET", poll).status_code == 403
    assert calls.raw("GET", f"{poll}&domain=another").status_code == 403
    assert calls.call("GET", f"{poll}&domain={domain}") == []
    grant(world.admin, ("USER", f"app:{world.stranger_id}"), ("DOMAIN", domain), "EXECUTE")
    assert world.stranger.raw("GET", f"{poll}&domain={domain}").status_code == 403  # it is no worker


def test_an_application_edits_definitions_by_a_grant_only_with_metadata_api(world: World) -> None:
    path, me = f"/api/metadata/workflow/{world.workflow}", f"app:{world.stranger_id}"
    grant(world.admin, ("USER", me), ("WORKFLOW_DEF", world.workflow), "READ", "UPDATE", "DELETE")
    assert world.stranger.raw("GET", path).status_code == 200
    assert world.stranger.raw("PUT", "/api/metadata/workflow", [definition(world.workflow, world.taskdef)]).status_code == 403
    assert world.stranger.raw("DELETE", f"{path}/1").status_code == 403
    world.admin.call("POST", f"/api/applications/{world.stranger_id}/roles/METADATA_API")
    assert world.stranger.raw("DELETE", f"{path}/1").status_code == 200


# ---- nobody hands out what they do not hold
@pytest.mark.promise(10)
@pytest.mark.parametrize(
    "target", [("SECRET_NAME", "*"), ("TAG", "team:of-nobody"), ("DOMAIN", "d"), ("SECRET_NAME", "not-made-yet")], ids=str
)
def test_who_holds_no_whole_kind_grants_on_none(target: tuple[str, str], world: World) -> None:
    assert world.secret and world.owner.raw("GET", f"/api/secrets/{world.secret}/tags").status_code == 200
    body = authorization(("USER", f"app:{world.owner_id}"), target, "READ")
    assert world.owner.raw("POST", PATH, body).status_code == 403
    assert world.admin.raw("POST", PATH, body).status_code == 200


def test_the_python_sdk_deletes_with_a_body(sqlite_server: LiveServer, admin: Api, admin_token: str) -> None:
    group, secret = a_group(admin), new("secret")
    grant(admin, ("GROUP", group), ("SECRET_NAME", secret), "READ")
    body = b'{"subject": {"type": "GROUP", "id": "%b"}, "target": {"type": "SECRET_NAME", "id": "%b"}, "access": ["READ"]}'
    answer = say(sqlite_server, python("DELETE", PATH, admin_token, body % (group.encode(), secret.encode())))
    assert (answer.status, answer.json) == (200, {"message": "Removed permission"})
    assert admin.call("GET", f"{PATH}/SECRET_NAME/{secret}") == {access: [] for access in ACCESSES}
