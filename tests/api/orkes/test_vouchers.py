"""Revisions and vouchers, as they are shown, and adopted: `/revisions`, `/vouchers`, `/adopt` (docs/moving.md, docs/decisions/0028)."""

import threading
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from tests.api.authorization.world import new
from tests.gate.doors.stage import Stage, http, listening, reference, simple
from tests.support.server import Api, LiveServer

pytestmark = pytest.mark.promise(6)


@pytest.fixture
def stage(sqlite_server: LiveServer) -> Stage:
    with listening() as listener:
        return Stage(sqlite_server, listener, sqlite_server.admin())


@pytest.fixture
def heir(stage: Stage) -> tuple[str, Api]:
    """May change the workflow, and use the secret."""
    made, api = stage.caller("heir", "METADATA_API", "USER")
    stage.admin.grant(made, "SECRET_NAME", stage.secret, "READ")
    return made, api


def may_update(stage: Stage, made: str) -> None:
    stage.admin.grant(made, "WORKFLOW_DEF", stage.name, "READ", "UPDATE", "EXECUTE")


def vouchers(api: Api, name: str, version: int = 0) -> Any:
    return api.call("GET", f"/api/metadata/workflow/{name}/vouchers?version={version}")


def revisions(api: Api, name: str) -> Any:
    return api.call("GET", f"/api/metadata/workflow/{name}/revisions")


def adopt(api: Api, name: str, status: int = 200, **body: Any) -> Any:
    return api.call("POST", f"/api/metadata/workflow/{name}/adopt", body, status=status)


def test_each_save_is_a_revision_that_is_kept_while_runs_use_it(stage: Stage) -> None:
    stage.save(simple(stage.task, n=1))
    stage.save(simple(stage.task, n=2))
    (only,) = revisions(stage.author, stage.name)
    assert (only["version"], only["savedBy"], only["current"], only["used"]) == (1, f"app:{stage.author_id}", True, False)
    run = stage.author.start(stage.name)
    stage.admin.save({"name": stage.name, "version": 1, "tasks": [simple(stage.task, n=3)]})
    stage.author.save({"name": stage.name, "version": 2, "tasks": [simple(stage.task, n=4)]})
    found = {one["revision"]: one for one in revisions(stage.author, stage.name)}
    assert len(found) == 3 and found[only["revision"]] == {**only, "current": False, "used": True, "running": True}
    assert sorted((one["version"], one["current"], one["running"]) for one in found.values()) == [
        (1, False, True),
        (1, True, False),
        (2, True, False),
    ]
    stage.admin.call("DELETE", f"/api/workflow/{run}")
    assert {one["revision"]: one["running"] for one in revisions(stage.author, stage.name)}[only["revision"]] is False


def test_adopting_single_references_makes_nobody_the_saver(stage: Stage, heir: tuple[str, Api]) -> None:
    """What runs in the saver's name (failure workflows, variables, UPDATE_SECRET) stays the old one's until all of it is adopted."""
    stage.save(simple(stage.task, key=stage.key), simple(stage.task, "two", key=stage.key))
    made, api = heir
    may_update(stage, made)
    current = revisions(api, stage.name)[0]["revision"]
    adopt(api, stage.name, tasks=["one"], revision=current)
    found = vouchers(api, stage.name)
    assert [one["voucher"] for one in found["references"]] == [f"app:{made}", f"app:{stage.author_id}"]
    assert found["savedBy"] == f"app:{stage.author_id}"
    adopt(api, stage.name)
    assert vouchers(api, stage.name)["savedBy"] == f"app:{made}"


def test_what_a_task_definition_names_is_shown_to_its_readers_alone(stage: Stage) -> None:
    beside, (_, api) = new("task"), stage.caller("maker", "USER", "METADATA_API")
    stage.author.call("POST", "/api/metadata/taskdefs", [{"name": beside, "runtimeMetadata": [stage.secret]}])
    name = new("workflow")
    api.save({"name": name, "version": 1, "tasks": [simple(beside)]})
    api.call("GET", f"/api/metadata/taskdefs/{beside}/vouchers", status=403)
    assert vouchers(api, name)["references"] == []


def test_revisions_of_a_deleted_name_are_not_those_of_one_made_anew(stage: Stage) -> None:
    stage.save(simple(stage.task, n=1))
    stage.author.start(stage.name)
    (old,) = revisions(stage.author, stage.name)
    stage.author.call("DELETE", f"/api/metadata/workflow/{stage.name}/1")
    assert stage.admin.raw("GET", f"/api/metadata/workflow/{stage.name}/revisions").status_code == 404
    stage.save(simple(stage.task, n=2))
    assert old["revision"] not in [one["revision"] for one in revisions(stage.author, stage.name)]


def test_vouchers_names_each_reference_with_its_place(stage: Stage) -> None:
    beside = new("task")
    stage.author.call("POST", "/api/metadata/taskdefs", [{"name": beside, "runtimeMetadata": [stage.secret]}])
    uri = f"https://api.example.com/v1?k={stage.key}"
    stage.save(simple(stage.task, deep={"a/b": [stage.key]}), http(uri), simple(beside, "two"))
    found = vouchers(stage.author, stage.name)
    assert (found["name"], found["version"], found["savedBy"]) == (stage.name, 1, f"app:{stage.author_id}")
    common = {"secret": stage.secret, "voucher": f"app:{stage.author_id}", "works": True, "reason": None}
    assert found["references"] == [
        {**common, "task": "one", "place": "/deep/a~1b/0", "reference": stage.key, "taskDefinition": None, "sendsTo": None},
        {**common, "task": "call", "place": "/http_request/uri", "reference": stage.key, "taskDefinition": None, "sendsTo": uri},
        {**common, "task": "two", "place": "#runtimeMetadata", "reference": stage.secret, "taskDefinition": beside, "sendsTo": None},
    ]
    (one,) = stage.author.call("GET", f"/api/metadata/taskdefs/{beside}/vouchers")
    assert (one["voucher"], one["works"]) == (f"app:{stage.author_id}", True)


def test_whether_a_reference_works_now_is_told_to_who_may_know(stage: Stage) -> None:
    stage.save(simple(stage.task, key=stage.key, other=reference(new("missing"))))
    made, reader = stage.caller("reader")
    stage.admin.grant(made, "WORKFLOW_DEF", stage.name, "READ")
    stage.admin.revoke(stage.author_id, "SECRET_NAME", stage.secret, "READ")
    shown = {one["place"]: (one["works"], one["reason"]) for one in vouchers(stage.admin, stage.name)["references"]}
    lacks = f"app:{stage.author_id}, who vouched for it, lacks READ on SECRET_NAME {stage.secret}"
    assert shown["/key"] == (False, lacks)
    assert shown["/other"][0] is False and shown["/other"][1].startswith("there is no secret missing-")
    assert {(one["works"], one["reason"]) for one in vouchers(reader, stage.name)["references"]} == {(None, None)}
    stage.admin.call("DELETE", f"/api/applications/{stage.author_id}")
    reasons = [one["reason"] for one in vouchers(stage.admin, stage.name)["references"]]
    assert f"app:{stage.author_id}, who vouched for it, is no user of this project any more" in reasons


def test_adopting_makes_the_caller_the_voucher_by_a_new_revision(stage: Stage, heir: tuple[str, Api]) -> None:
    stage.save(simple(stage.task, key=stage.key, n=1))
    may_update(stage, heir[0])
    before = vouchers(stage.author, stage.name)
    found = adopt(heir[1], stage.name)
    assert [(one["task"], one["place"], one["before"]) for one in found["adopted"]] == [("one", "/key", f"app:{stage.author_id}")]
    after = vouchers(heir[1], stage.name)
    assert (after["revision"], after["savedBy"]) == (found["revision"], f"app:{heir[0]}") and after["revision"] != before["revision"]
    assert [one["voucher"] for one in after["references"]] == [f"app:{heir[0]}"]
    stage.admin.call("DELETE", f"/api/applications/{stage.author_id}")
    heir[1].start(stage.name)
    assert stage.entitled.poll(stage.task)[0]["inputData"] == {"key": stage.value, "n": 1}


def test_adopting_changes_nothing_else(stage: Stage, heir: tuple[str, Api]) -> None:
    tasks = simple(stage.task, key=stage.key, n=1), http("https://a.example/", body=stage.key)
    stage.save(*tasks, outputParameters={"x": "${one.output.x}"})
    may_update(stage, heir[0])
    path, changing = f"/api/metadata/workflow/{stage.name}", ("updateTime", "updatedBy")
    before = stage.admin.call("GET", path)
    adopt(heir[1], stage.name)
    after = stage.admin.call("GET", path)
    assert [{name: value for name, value in one.items() if name not in changing} for one in (before,)] == [
        {name: value for name, value in one.items() if name not in changing} for one in (after,)
    ]


def test_who_may_not_use_the_secret_adopts_nothing(stage: Stage) -> None:
    stage.save(simple(stage.task, key=stage.key))
    made, other = stage.caller("other", "METADATA_API", "USER")
    may_update(stage, made)
    before = vouchers(stage.author, stage.name)
    (would,) = adopt(other, stage.name, dryRun=True)["adopted"]
    refused = adopt(other, stage.name, status=403)["message"]
    assert f"(missing: READ on SECRET_NAME {stage.secret})" in refused and would["refused"] == refused
    assert vouchers(stage.author, stage.name) == before
    stage.admin.grant(made, "SECRET_NAME", stage.secret, "EXECUTE")  # enough in HTTP tasks alone
    adopt(other, stage.name, status=403)


def test_who_may_not_change_the_workflow_adopts_nothing(stage: Stage, heir: tuple[str, Api]) -> None:
    stage.save(simple(stage.task, key=stage.key))
    stage.admin.grant(heir[0], "WORKFLOW_DEF", stage.name, "READ", "EXECUTE")
    assert f"(missing: UPDATE on WORKFLOW_DEF {stage.name})" in adopt(heir[1], stage.name, status=403)["message"]


def test_identity_is_never_read_from_the_body(stage: Stage, heir: tuple[str, Api]) -> None:
    stage.save(simple(stage.task, key=stage.key))
    may_update(stage, heir[0])
    for name in ("as", "user", "voucher", "saver"):
        told: dict[str, Any] = {name: f"app:{stage.author_id}"}
        adopt(heir[1], stage.name, status=400, **told)


def test_only_the_tasks_and_the_voucher_asked_for_are_adopted(stage: Stage, heir: tuple[str, Api]) -> None:
    stage.save(simple(stage.task, key=stage.key), simple(stage.task, "two", key=stage.key))
    may_update(stage, heir[0])
    assert adopt(heir[1], stage.name, tasks=["nine"], status=400)["message"].startswith("tasks: nine is no task")
    of_another: dict[str, Any] = {"from": "somebody@else"}
    assert adopt(heir[1], stage.name, **of_another)["adopted"] == []
    dry = adopt(heir[1], stage.name, tasks=["two"], dryRun=True)
    assert dry["revision"] == vouchers(stage.author, stage.name)["revision"]
    done = adopt(heir[1], stage.name, tasks=["two"])
    assert [one["task"] for one in done["adopted"]] == [one["task"] for one in dry["adopted"]] == ["two"]
    assert [one["voucher"] for one in vouchers(heir[1], stage.name)["references"]] == [f"app:{stage.author_id}", f"app:{heir[0]}"]
    again = adopt(heir[1], stage.name, tasks=["two"])
    assert (again["adopted"], again["revision"]) == ([], done["revision"])


def test_what_was_saved_anew_after_it_was_looked_at_is_not_adopted(stage: Stage, heir: tuple[str, Api]) -> None:
    stage.save(simple(stage.task, key=stage.key))
    may_update(stage, heir[0])
    seen = adopt(heir[1], stage.name, dryRun=True)["revision"]
    stage.save(http(f"https://elsewhere.example/?k={stage.key}"))
    assert "saved anew meanwhile" in adopt(heir[1], stage.name, revision=seen, status=409)["message"]


def test_a_save_that_comes_between_is_kept(stage: Stage, heir: tuple[str, Api]) -> None:
    """What is adopted is the revision that is current when it happens; nothing that was saved is lost."""
    stage.save(simple(stage.task, key=stage.key, n=1))
    may_update(stage, heir[0])
    stage.save(simple(stage.task, key=stage.key, n=2))
    adopt(heir[1], stage.name)
    assert stage.admin.call("GET", f"/api/metadata/workflow/{stage.name}")["tasks"][0]["inputParameters"]["n"] == 2


def test_runs_under_way_keep_their_voucher_unless_it_is_asked_for(stage: Stage, heir: tuple[str, Api]) -> None:
    stage.save(simple(stage.task, key=stage.key))
    may_update(stage, heir[0])
    first = heir[1].start(stage.name)
    adopt(heir[1], stage.name)
    stage.admin.revoke(stage.author_id, "SECRET_NAME", stage.secret, "READ")
    assert stage.entitled.poll(stage.task) == []
    assert "who vouched for it, lacks READ" in stage.ended(first)["tasks"][0]["reasonForIncompletion"]
    stage.admin.grant(stage.author_id, "SECRET_NAME", stage.secret, "READ")
    stage.save(simple(stage.task, key=stage.key, n=2))
    second = heir[1].start(stage.name)
    found = adopt(heir[1], stage.name, running=True)
    assert [[one["place"] for one in older["references"]] for older in found["running"]] == [["/key"]]
    stage.admin.revoke(stage.author_id, "SECRET_NAME", stage.secret, "READ")
    (task,) = stage.entitled.poll(stage.task)
    assert (task["workflowInstanceId"], task["inputData"]["key"]) == (second, stage.value)


def test_runs_under_way_need_the_right_as_well(stage: Stage) -> None:
    stage.save(simple(stage.task, key=stage.key))
    stage.author.start(stage.name)
    stage.save(simple(stage.task))
    made, other = stage.caller("other", "METADATA_API", "USER")
    may_update(stage, made)
    adopt(other, stage.name, tasks=["one"])
    assert f"(missing: READ on SECRET_NAME {stage.secret})" in adopt(other, stage.name, running=True, status=403)["message"]


def test_adopting_everything_takes_over_the_failure_workflow(stage: Stage, heir: tuple[str, Api]) -> None:
    failure = new("failure")
    stage.author.save({"name": failure, "version": 1, "tasks": [simple(stage.task, key=stage.key)]})
    stage.save(simple(stage.task), failureWorkflow=failure)
    may_update(stage, heir[0])
    assert f"(missing: EXECUTE on WORKFLOW_DEF {failure})" in adopt(heir[1], stage.name, status=403)["message"]
    stage.admin.grant(heir[0], "WORKFLOW_DEF", failure, "EXECUTE")
    found = adopt(heir[1], stage.name)
    assert (found["before"], vouchers(heir[1], stage.name)["savedBy"]) == (f"app:{stage.author_id}", f"app:{heir[0]}")


def test_a_task_definitions_secrets_are_adopted(stage: Stage, heir: tuple[str, Api]) -> None:
    beside = new("task")
    stage.author.call("POST", "/api/metadata/taskdefs", [{"name": beside, "retryCount": 7, "runtimeMetadata": [stage.secret]}])
    path = f"/api/metadata/taskdefs/{beside}"
    stage.admin.grant(heir[0], "TASK_DEF", beside, "READ", "UPDATE")
    made, other = stage.caller("other", "METADATA_API")
    stage.admin.grant(made, "TASK_DEF", beside, "READ", "UPDATE")
    assert f"(missing: READ on SECRET_NAME {stage.secret})" in other.call("POST", f"{path}/adopt", status=403)["message"]
    (dry,) = heir[1].call("POST", f"{path}/adopt", {"dryRun": True})
    assert (dry["reference"], dry["before"], dry["refused"]) == (stage.secret, f"app:{stage.author_id}", None)
    assert heir[1].call("POST", f"{path}/adopt") == [dry]
    (one,) = heir[1].call("GET", f"{path}/vouchers")
    assert one["voucher"] == f"app:{heir[0]}" and heir[1].call("GET", path)["retryCount"] == 7


def test_a_secret_that_does_not_exist_is_adopted_with_a_warning(stage: Stage, heir: tuple[str, Api]) -> None:
    missing = new("missing")
    stage.save(simple(stage.task, key=reference(missing)))
    may_update(stage, heir[0])
    assert adopt(heir[1], stage.name)["warnings"] == [f"task one names the secret {missing}, which does not exist"]


@pytest.mark.slow
@pytest.mark.parametrize("database", [pytest.param("postgres", marks=pytest.mark.postgres)], indirect=True)
def test_no_save_is_lost_to_an_adoption_at_the_same_time(server: LiveServer) -> None:
    """Twenty saves, one after the other, and adoptions all the while: the last save stands, and its references have one voucher."""
    with listening() as listener:
        stage = Stage(server, listener, server.admin())
        stage.save(simple(stage.task, key=stage.key, n=0))
        made, heir = stage.caller("heir", "METADATA_API", "USER")
        stage.admin.grant(made, "SECRET_NAME", stage.secret, "READ")
        may_update(stage, made)
        stop, succeeded = threading.Event(), threading.Event()

        def adopting() -> None:
            while not stop.is_set():
                answer = heir.raw("POST", f"/api/metadata/workflow/{stage.name}/adopt", {})
                assert answer.status_code in (200, 409), answer.text
                if answer.status_code == 200 and answer.json()["adopted"]:
                    succeeded.set()

        with ThreadPoolExecutor(1) as pool:
            adopted = pool.submit(adopting)
            try:
                for n in range(1, 21):
                    stage.save(simple(stage.task, key=stage.key, n=n))
                    if n == 10:  # saves may have come before each adoption so far; between these two there is time for one
                        assert succeeded.wait(60)
            finally:
                stop.set()
            adopted.result()
        assert stage.admin.call("GET", f"/api/metadata/workflow/{stage.name}")["tasks"][0]["inputParameters"]["n"] == 20
        (one,) = vouchers(stage.admin, stage.name)["references"]
        assert one["voucher"] in (f"app:{made}", f"app:{stage.author_id}") and one["works"]


def test_whoever_may_not_read_its_variables_cannot_adopt(stage: Stage, heir: tuple[str, Api]) -> None:
    variable = new("variable")
    stage.admin.call("PUT", f"/api/environment/{variable}", b"v", headers={"Content-Type": "text/plain"})
    stage.admin.save({"name": stage.name, "version": 1, "tasks": [simple(stage.task, where=f"${{workflow.env.{variable}}}")]})
    may_update(stage, heir[0])
    missing = f"(missing: READ on ENV_VARIABLE {variable})"
    assert missing in adopt(heir[1], stage.name, dryRun=True)["refused"][0]
    assert missing in adopt(heir[1], stage.name, status=403)["message"]
