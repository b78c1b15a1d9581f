"""Explain, who-can and what-if over HTTP, on both databases: the words are those of the 403, and what is tried leaves nothing."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.api.authorization.world import World, definition, new
from tests.api.orkes.people import a_group, a_user, assert_admin_only, assert_refused, grant
from tests.support import postgres
from tests.support.server import Api, LiveServer, live_server


@pytest.fixture(scope="module", params=["sqlite", pytest.param("postgres", marks=pytest.mark.postgres)])
def both(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[LiveServer]:
    folder: Path = tmp_path_factory.mktemp("explain")
    if request.param == "sqlite":
        with live_server(folder) as made:
            yield made
        return
    with postgres.database(request.getfixturevalue("postgres_server")) as url, live_server(folder, url) as made:
        yield made


@pytest.fixture(scope="module")
def world(both: LiveServer) -> World:
    return World.on(both)


@pytest.fixture(scope="module")
def admin(world: World) -> Api:
    return world.admin


def why(api: Api, subject: str, access: str, thing: tuple[str, str], status: int = 200, **more: str) -> Any:
    params = {"subject": subject, "access": access, "type": thing[0], "id": thing[1], **more}
    return api.call("GET", "/api/auth/explain", status=status, params=params)


def who_can(api: Api, access: str, thing: tuple[str, str]) -> dict[str, list[str]]:
    found = api.call("GET", "/api/auth/who-can", params={"access": access, "type": thing[0], "id": thing[1]})
    return {one["subject"]: one["paths"] for one in found}


def what_if(api: Api, **change: Any) -> Any:
    return api.call("POST", "/api/auth/what-if", {"change": change})


def words(answer: httpx.Response) -> str:
    assert answer.status_code == 403, answer.text
    text: str = answer.json()["message"]
    return text


def test_a_path_leads_through_group_and_tag(admin: Api) -> None:
    user, secret = a_user(admin), new("secret")
    admin.put_secret(secret, "value")
    group = a_group(admin, user)
    grant(admin, ("GROUP", group), ("TAG", "env:prod"), "READ")
    admin.call("PUT", f"/api/secrets/{secret}/tags", [{"key": "env", "value": "prod"}])
    found = why(admin, f"USER:{user}", "READ", ("SECRET_NAME", secret))
    assert (found["allowed"], found["reason"], found["missing"], found["remedies"]) == (True, None, None, [])
    assert found["resource"] == {"type": "SECRET_NAME", "id": secret}
    (path,) = found["paths"]
    through = f"USER:{user} is in GROUP:{group}, which has READ on TAG env:prod"
    assert path["text"].startswith(f"{through}, which SECRET_NAME {secret} carries (given by app:")
    assert [(step["type"], step["holder"]) for step in path["via"]] == [("MEMBER", f"USER:{user}"), ("GRANT", f"GROUP:{group}")]
    assert path["via"][1]["target"] == {"type": "TAG", "id": "env:prod"}


def test_a_denial_has_the_words_of_the_403(world: World) -> None:
    secret = ("SECRET_NAME", world.secret)
    said = words(world.stranger.raw("GET", f"/api/secrets/{world.secret}"))
    found = why(world.admin, f"USER:app:{world.stranger_id}", "READ", secret)
    assert (found["allowed"], found["reason"], found["paths"]) == (False, said, [])
    assert found["missing"] == f"READ on SECRET_NAME {world.secret}"
    said = words(world.stranger.raw("GET", f"/api/tasks/poll/{world.taskdef}"))
    assert why(world.admin, f"USER:app:{world.stranger_id}", "EXECUTE", ("TASK_DEF", world.taskdef))["reason"] == said
    said = words(world.stranger.raw("POST", "/api/applications", {"name": "x"}))
    assert why(world.admin, f"USER:app:{world.stranger_id}", "CREATE", ("APPLICATION", "x"))["reason"] == said


def test_a_remedy_applied_is_enough(world: World) -> None:
    application, calls = world.caller("remedied")
    task = ("TASK_DEF", world.taskdef)
    found = why(world.admin, f"USER:app:{application}", "EXECUTE", task)
    smallest = found["remedies"][0]
    assert (
        smallest["text"] == f"grant EXECUTE on TASK_DEF {task[1]} to USER:app:{application} and give USER:app:{application} the role WORKER"
    )
    assert smallest["refusal"] is None
    world.admin.grant(application, *task, "EXECUTE")
    world.admin.call("POST", f"/api/applications/{application}/roles/WORKER")
    assert why(world.admin, f"USER:app:{application}", "EXECUTE", task)["allowed"]
    calls.call("GET", f"/api/tasks/poll/{task[1]}", status=None)


def test_about_itself_anybody_may_ask_and_learns_nothing_of_others(world: World) -> None:
    secret = ("SECRET_NAME", world.secret)
    group = a_group(world.admin)
    grant(world.admin, ("GROUP", group), secret, "READ")
    mine = why(world.stranger, f"USER:app:{world.stranger_id}", "READ", secret)
    assert [one["refusal"] is None for one in mine["remedies"]] == [False]
    assert mine["remedies"][0]["refusal"] == mine["reason"].replace("read", "update").replace("READ", "UPDATE")
    assert group not in str(mine)
    theirs = why(world.admin, f"USER:app:{world.stranger_id}", "READ", secret)
    assert group in str(theirs)
    params = {"subject": f"USER:app:{world.owner_id}", "access": "READ", "type": "SECRET_NAME", "id": world.secret}
    assert_admin_only(world.stranger.raw("GET", "/api/auth/explain", params=params), "/api/auth/explain")


def test_an_unknown_subject_is_404_and_what_cannot_be_asked_400(admin: Api) -> None:
    why(admin, f"USER:{new('nobody')}", "READ", ("SECRET_NAME", "x"), status=404)
    for field, changed in (("subject", {"subject": "GROUP:x"}), ("access", {"access": "LOOK"}), ("target.type", {"type": "CLOUD"})):
        params = {"subject": "USER:x", "access": "READ", "type": "SECRET_NAME", "id": "x"} | changed
        assert_refused(admin.raw("GET", "/api/auth/explain", params=params), field)


def test_a_paused_key_is_told(world: World) -> None:
    application, key = world.admin.application(new("keyed"), "ADMIN")
    subject, secret = f"USER:app:{application}", ("SECRET_NAME", "x")
    found = why(world.admin, subject, "READ", secret, credential=key["id"])
    assert (found["allowed"], found["credential"]) == (True, {"id": key["id"], "problem": None})
    world.admin.call("POST", f"/api/applications/{application}/accessKeys/{key['id']}/status")
    found = why(world.admin, subject, "READ", secret, credential=key["id"])
    assert (found["allowed"], found["reason"]) == (False, f"the credential {key['id']} of USER:app:{application} is paused")
    assert len(found["paths"]) == 1
    world.admin.call("DELETE", f"/api/applications/{application}/accessKeys/{key['id']}")
    assert "was deleted" in why(world.admin, subject, "READ", secret, credential=key["id"])["reason"]


def test_a_domain_is_a_path_too(world: World) -> None:
    application, _ = world.caller("east", "WORKER")
    world.admin.grant(application, "DOMAIN", "east", "EXECUTE")
    task = ("TASK_DEF", world.taskdef)
    assert not why(world.admin, f"USER:app:{application}", "EXECUTE", task)["allowed"]
    assert why(world.admin, f"USER:app:{application}", "EXECUTE", task, domain="east")["allowed"]


def test_who_can_names_everybody_with_their_path(world: World) -> None:
    user, secret = a_user(world.admin), ("SECRET_NAME", world.secret)
    group = a_group(world.admin, user)
    grant(world.admin, ("GROUP", group), secret, "EXECUTE")
    found = who_can(world.owner, "EXECUTE", secret)
    assert found[f"USER:{user}"][0].startswith(f"USER:{user} is in GROUP:{group}, which has EXECUTE on SECRET_NAME {world.secret}")
    assert f"USER:app:{world.owner_id}" in found and f"USER:app:{world.stranger_id}" not in found
    assert any("role ADMIN: all accesses on everything" in paths[0] for paths in found.values())
    world.stranger.call("GET", "/api/auth/who-can", status=403, params={"access": "EXECUTE", "type": secret[0], "id": secret[1]})


def test_what_if_a_member_is_removed(world: World) -> None:
    admin, user, workflow = world.admin, a_user(world.admin), world.workflow
    group = a_group(admin, user)
    grant(admin, ("GROUP", group), ("WORKFLOW_DEF", workflow), "READ", "EXECUTE")
    found = what_if(admin, type="REMOVE_MEMBER", group=group, user=user)
    lost = [(one["access"], one["resource"]["type"]) for one in found["lost"] if one["resource"]["id"] == workflow]
    assert lost == [("EXECUTE", "WORKFLOW_DEF"), ("READ", "WORKFLOW_DEF")]
    assert [one["name"] for one in found["workflows"]] == [workflow]
    assert found["complete"]
    assert user in str(admin.call("GET", f"/api/groups/{group}/users"))


def test_what_if_a_secret_is_deleted(world: World) -> None:
    secret, task, workflow = new("secret"), new("task"), new("workflow")
    world.owner.put_secret(secret, "value")
    world.owner.save(definition(workflow, task, token=f"${{workflow.secrets.{secret}}}"))
    found = what_if(world.admin, type="DELETE_SECRET", key=secret)
    (stopped,) = found["workflows"]
    assert (stopped["name"], stopped["version"], stopped["reason"]) == (workflow, 1, f"task one: there is no secret {secret}")
    assert (stopped["task"], stopped["place"], stopped["secret"]) == ("one", "/token", secret)
    assert {one["subject"] for one in found["lost"]} == {f"USER:app:{world.owner_id}"}
    assert world.owner.call("GET", f"/api/secrets/{secret}") == "value"


def test_what_if_the_voucher_or_the_worker_loses_a_secret(world: World) -> None:
    admin, secret, task, workflow = world.admin, new("secret"), new("task"), new("workflow")
    author, writes = world.caller("author", "USER")
    worker, _ = world.caller("worker", "WORKER")
    admin.put_secret(secret, "value")
    admin.grant(author, "SECRET_NAME", secret, "READ")
    admin.grant(worker, "SECRET_NAME", secret, "READ")
    admin.grant(worker, "TASK_DEF", task, "EXECUTE")
    writes.save(definition(workflow, task, token=f"${{workflow.secrets.{secret}}}"))
    change = {"type": "REMOVE_GRANT", "target": {"type": "SECRET_NAME", "id": secret}, "access": ["READ"]}
    found = what_if(admin, subject={"type": "USER", "id": f"app:{author}"}, **change)
    lacking = f"lacks READ on SECRET_NAME {secret}"
    reason = f"task one: app:{author}, who vouched for it, {lacking}"
    (stopped,) = found["workflows"]
    assert (stopped["name"], stopped["version"], stopped["reason"]) == (workflow, 1, reason)
    assert (stopped["voucher"], "stagedoor adopt" in stopped["remedy"]) == (f"app:{author}", True)
    found = what_if(admin, subject={"type": "USER", "id": f"app:{worker}"}, **change)
    (held,) = [one for one in found["workers"] if one["subject"] == f"USER:app:{worker}"]
    assert held["taskType"] == task and held["reason"].endswith(f"held: application app:{worker} {lacking}")
    found = what_if(admin, type="DELETE_APPLICATION", id=worker)
    assert {one["taskType"] for one in found["workers"]} == {task}


def test_what_if_the_last_key_of_a_worker_is_paused(world: World) -> None:
    application, key = world.admin.application(new("worker"), "WORKER")
    world.admin.grant(application, "TASK_DEF", world.taskdef, "EXECUTE")
    change = {"type": "PAUSE_KEY", "application": application, "key": key["id"]}
    (stopped,) = what_if(world.admin, **change)["workers"]
    reason = f"USER:app:{application} would have no access key that is good"
    assert stopped == {"subject": f"USER:app:{application}", "taskType": world.taskdef, "reason": reason}
    world.admin.call("POST", f"/api/applications/{application}/accessKeys")
    assert what_if(world.admin, **change)["workers"] == []


def test_what_if_a_role_is_taken_from_an_application(world: World) -> None:
    application, _ = world.admin.application(new("worker"), "UNRESTRICTED_WORKER")
    found = what_if(world.admin, type="REMOVE_ROLE", subject={"type": "USER", "id": f"app:{application}"}, role="UNRESTRICTED_WORKER")
    assert [(one["subject"], one["taskType"]) for one in found["workers"]] == [(f"USER:app:{application}", "*")]
    assert "UNRESTRICTED_WORKER" in str(world.admin.call("GET", f"/api/users/app:{application}"))


def test_what_is_refused_is_refused_when_tried(world: World) -> None:
    assert_admin_only(world.owner.raw("POST", "/api/auth/what-if", {"change": {"type": "DELETE_USER", "id": "x"}}), "/api/auth/what-if")
    last = world.server.first["user"]
    answer = world.admin.raw("POST", "/api/auth/what-if", {"change": {"type": "DELETE_USER", "id": last}})
    assert answer.status_code == 409 and last in answer.json()["message"], answer.text
    world.admin.call("POST", "/api/auth/what-if", {"change": {"type": "DELETE_GROUP", "id": new("group")}}, status=404)
    world.admin.call("POST", "/api/auth/what-if", {"change": {"type": "BURN"}}, status=400)
