"""What an adoption, and a member's removal, tell of what they do: secrets put in the saver's name, the revision taken, what is shut."""

import json
from typing import Any

import pytest

from tests.api.authorization.tenancy import person, sign_in
from tests.api.authorization.world import new
from tests.gate.doors.stage import Stage, listening, simple, system
from tests.gate.keys.raw import stagedoor
from tests.support.server import Api, LiveServer

pytestmark = pytest.mark.promise(6)


@pytest.fixture
def stage(sqlite_server: LiveServer) -> Stage:
    with listening() as listener:
        return Stage(sqlite_server, listener, sqlite_server.admin())


def puts(name: str, ref: str) -> dict[str, Any]:
    return system("UPDATE_SECRET", ref, _secrets={"secretKey": name, "secretValue": "${workflow.input.value}"})


def heir_of(stage: Stage) -> tuple[str, Api]:
    made, api = stage.caller("heir", "METADATA_API", "USER")
    stage.admin.grant(made, "SECRET_NAME", stage.secret, "READ", "UPDATE")
    stage.admin.grant(made, "WORKFLOW_DEF", stage.name, "READ", "UPDATE", "EXECUTE")
    return made, api


def adopt(api: Api, stage: Stage, **body: Any) -> Any:
    return api.call("POST", f"/api/metadata/workflow/{stage.name}/adopt", body)


def putting(stage: Stage) -> None:
    stage.admin.grant(stage.author_id, "SECRET_NAME", stage.secret, "UPDATE")
    stage.save(puts(stage.secret, "named"), puts("${workflow.input.which}", "any"), simple(stage.task, key=stage.key))


def test_whoever_takes_over_the_save_is_told_what_is_put_in_its_name(stage: Stage) -> None:
    """From then on; a name from data cannot be judged before the run, and is said to be one."""
    putting(stage)
    _, heir = heir_of(stage)
    told = [
        {"task": "named", "secret": stage.secret, "note": None},
        {"task": "any", "secret": None, "note": "from data: not known before the run"},
    ]
    for dry in (True, False):
        assert adopt(heir, stage, tasks=["one"], dryRun=True)["puts"] == []
        assert adopt(heir, stage, dryRun=dry)["puts"] == told
    assert adopt(heir, stage, dryRun=True)["puts"] == []  # its own by now


def test_which_revision_was_taken_is_told_to_who_did_not_name_one(stage: Stage) -> None:
    stage.save(simple(stage.task, key=stage.key))
    stage.author.start(stage.name)
    stage.save(simple(stage.task, key=stage.key, n=2))
    older, current = (one["revision"] for one in reversed(stage.author.call("GET", f"/api/metadata/workflow/{stage.name}/revisions")))
    _, heir = heir_of(stage)
    dry, done = (adopt(heir, stage, running=True, dryRun=dry) for dry in (True, False))
    assert (dry["took"], dry["revision"], [one["revision"] for one in dry["running"]]) == (current, current, [older])
    assert (done["took"], [one["revision"] for one in done["running"]]) == (current, [older]) and done["revision"] != current


@pytest.mark.slow
def test_the_command_tells_both(stage: Stage) -> None:
    putting(stage)
    stage.author.start(stage.name, {"which": stage.secret, "value": "another"})
    (seen,) = (one["revision"] for one in stage.author.call("GET", f"/api/metadata/workflow/{stage.name}/revisions"))
    made, _ = heir_of(stage)
    dry = stagedoor(stage.server, "adopt", stage.name, "--as", f"app:{made}", "--dry-run")
    assert dry.exit_code == 0, dry.output
    assert "would adopt task any, which puts a secret in its saver's name: from data: not known before the run" in dry.output
    assert f"would adopt task named, which puts a secret in its saver's name: {stage.secret}" in dry.output
    done = stagedoor(stage.server, "adopt", stage.name, "--as", f"app:{made}", "--running")
    assert f"(looked at: revision {seen})" in done.output and done.exit_code == 0, done.output


@pytest.mark.slow
def test_removing_a_member_tells_what_is_shut_from_then_on(stage: Stage) -> None:
    """As deleting the user does; asked before, it tells what would stop and changes nothing."""
    email, password = person(stage.server, "default", role="METADATA_MANAGER")
    stage.admin.call("POST", "/api/auth/authorization", {
        "subject": {"type": "USER", "id": email}, "target": {"type": "SECRET_NAME", "id": stage.secret}, "access": ["READ"],
    })  # fmt: skip
    leaver = stage.server.api(sign_in(stage.server, email=email, password=password, project="default").json()["token"])
    leaver.save({"name": stage.name, "version": 1, "tasks": [simple(stage.task, key=stage.key)]})
    path = f"/api/projects/default/members/{email}"
    (would,) = (one for one in stage.admin.call("DELETE", f"{path}?dryRun=true")["workflows"] if one["secret"])
    assert (would["name"], would["task"], would["secret"], would["voucher"]) == (stage.name, "one", stage.secret, email)
    assert email in json.dumps(stage.admin.call("GET", "/api/projects/default/members"))
    answer = stage.admin.call("DELETE", path)
    assert answer["message"] == f"Removed member '{email}'"
    remedy = f"stagedoor adopt {stage.name} --version 1 --from {email} --running --as USER"
    common = {"name": stage.name, "version": 1, "task": "one", "place": "/key"}
    assert answer["stopped"] == [{**common, "secret": stage.secret, "remedy": remedy}]
    assert email not in json.dumps(stage.admin.call("GET", "/api/projects/default/members"))


@pytest.mark.slow
def test_a_member_who_vouched_for_nothing_stops_nothing(stage: Stage) -> None:
    email, _ = person(stage.server, "default", role="USER")
    assert stage.admin.call("DELETE", f"/api/projects/default/members/{email}") == {"message": f"Removed member '{email}'"}
    assert stage.admin.raw("DELETE", f"/api/projects/default/members/{new('nobody')}@example.com").status_code == 404
