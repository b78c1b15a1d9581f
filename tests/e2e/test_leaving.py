"""A person leaves: what would stop is listed, another adopts it, the person is deleted, and runs go on."""

import json
import shlex
import sqlite3
from dataclasses import dataclass
from typing import Any

import pytest
from typer.testing import CliRunner, Result

from stagedoor.cli import app
from tests.api.authorization.cast import sessions
from tests.api.authorization.world import World, definition, new
from tests.gate.doors.stage import reference, simple
from tests.support.server import Api, LiveServer


def command(server: LiveServer, *words: str) -> Result:
    store = ["--data", str(server.data), *(["--database", server.database] if server.database else [])]
    return CliRunner().invoke(app, [*words, *store], env={"COLUMNS": "250", "NO_COLOR": "1"})


@dataclass
class House:
    """Ada has made a workflow, a task definition and a failure workflow, all with her secret; Ben may do what she does."""

    world: World
    ada: str
    ben: str
    ada_api: Api
    ben_api: Api
    secret: str
    flow: str
    task: str
    beside: str
    worker: Api

    @property
    def server(self) -> LiveServer:
        return self.world.server

    def opens(self, task: str) -> bool:
        found = self.worker.poll(task, timeout=200)
        return bool(found) and "value-of-ada" in json.dumps(found[0])

    def definitions(self) -> list[dict[str, Any]]:
        key = reference(self.secret)
        first = simple(self.task, "first", key=key)
        return [{"name": self.flow, "version": 1, "tasks": [first, simple(self.beside, "second"), simple(self.task, "third", key=key)]}]


def house(server: LiveServer) -> House:
    world = World.on(server)
    ada, ben = f"{new('ada')}@example.com", f"{new('ben')}@example.com"
    tokens = sessions(server, {ada: ["USER", "WORKFLOW_MANAGER"], ben: ["USER", "WORKFLOW_MANAGER"]})
    worker_id, worker = world.caller("worker", "WORKER")
    secret, flow, task, beside = (new(word) for word in ("secret", "flow", "task", "beside"))
    made = House(world, ada, ben, server.api(tokens[ada]), server.api(tokens[ben]), secret, flow, task, beside, worker)
    made.ada_api.put_secret(secret, "value-of-ada")
    made.ada_api.call("POST", "/api/metadata/taskdefs", [{"name": task}, {"name": beside, "runtimeMetadata": [secret]}])
    made.ada_api.save(*made.definitions())
    for kind, name in (("SECRET_NAME", secret), ("WORKFLOW_DEF", flow), ("TASK_DEF", beside)):
        give(made.ada_api, f"{ben}", kind, name, "READ", "UPDATE", *(["EXECUTE"] if kind == "WORKFLOW_DEF" else []))
    for name in (task, beside):
        world.admin.grant(worker_id, "TASK_DEF", name, "EXECUTE")
    world.admin.grant(worker_id, "SECRET_NAME", secret, "READ")
    return made


def give(api: Api, user: str, kind: str, name: str, *access: str) -> None:
    body = {"subject": {"type": "USER", "id": user}, "target": {"type": kind, "id": name}, "access": list(access)}
    api.call("POST", "/api/auth/authorization", body)


def remedies(house: House) -> list[str]:
    done = command(house.server, "what-if", "DELETE_USER", f"id={house.ada}", "--json")
    assert done.exit_code == 0, done.stderr
    found = json.loads(done.stdout)["workflows"]
    assert all((one["voucher"], one["secret"]) == (house.ada, house.secret) for one in found if one["remedy"])
    return list(dict.fromkeys(one["remedy"] for one in found if one["remedy"]))


@pytest.mark.promise(6)
def test_a_person_leaves_and_runs_go_on(sqlite_server: LiveServer) -> None:
    leaves_and_runs_go_on(sqlite_server)


@pytest.mark.slow
@pytest.mark.promise(6)
@pytest.mark.parametrize("database", [pytest.param("postgres", marks=pytest.mark.postgres)], indirect=True)
def test_a_person_leaves_on_postgresql_too(server: LiveServer) -> None:
    leaves_and_runs_go_on(server)


def leaves_and_runs_go_on(server: LiveServer) -> None:
    found = house(server)
    under_way = found.ben_api.start(found.flow)
    (first,) = found.worker.poll(found.task, timeout=20_000)

    commands = remedies(found)  # listed, with what to do
    assert commands == [
        f"stagedoor adopt {found.flow} --version 1 --from {found.ada} --running --as USER",
        f"stagedoor adopt --task-definition {found.beside} --from {found.ada} --as USER",
    ]
    drawn = command(server, "what-if", "DELETE_USER", f"id={found.ada}").stdout
    assert f"{found.flow} version 1: task first: {found.ada}, who vouched for it, lacks READ on SECRET_NAME {found.secret} [/key]" in drawn

    for text in commands:  # adopted by another
        words = shlex.split(text.removeprefix("stagedoor ").replace("--as USER", f"--as {found.ben}"))
        assert command(server, *words, "--dry-run").exit_code == 0
        done = command(server, *words)
        assert done.exit_code == 0, done.output
        assert found.ben in done.stdout
    assert remedies(found) == []
    shown = found.ben_api.call("GET", f"/api/metadata/workflow/{found.flow}/vouchers")["references"]
    assert [(one["task"], one["voucher"], one["works"]) for one in shown] == [
        ("first", found.ben, True), ("second", found.ben, True), ("third", found.ben, True),
    ]  # fmt: skip
    kept = found.ben_api.call("GET", f"/api/metadata/workflow/{found.flow}/revisions")
    assert [(one["savedBy"], one["current"], one["running"]) for one in kept] == [(found.ben, True, False), (found.ada, False, True)]
    assert found.ben_api.call("POST", f"/api/metadata/workflow/{found.flow}/adopt", {"running": True})["adopted"] == []

    deleted = found.world.admin.call("DELETE", f"/api/users/{found.ada}")
    assert deleted == {"message": f"Deleted user '{found.ada}'"}

    found.worker.complete(first)  # the run under way goes on, with what its task definition names, and a new run too
    for task in (found.beside, found.task):
        (leased,) = found.worker.poll(task, timeout=20_000)
        assert "value-of-ada" in json.dumps(leased)
        found.worker.complete(leased)
    assert found.world.admin.ended(under_way)["status"] == "COMPLETED"
    found.ben_api.start(found.flow)
    assert found.opens(found.task)


@pytest.mark.promise(6)
def test_without_adopting_what_the_person_vouched_for_stops(sqlite_server: LiveServer) -> None:
    """The counter-test: it is the adoption that lets them go on. The deletion itself tells what has stopped."""
    found = house(sqlite_server)
    run = found.ben_api.start(found.flow)
    dry = found.world.admin.call("DELETE", f"/api/users/{found.ada}?dryRun=true")
    assert {one["place"] for one in dry["workflows"] if one["name"] == found.flow and one["remedy"]} == {"/key", "#runtimeMetadata"}
    assert found.world.admin.raw("GET", f"/api/users/{found.ada}").status_code == 200
    stopped = found.world.admin.call("DELETE", f"/api/users/{found.ada}")["stopped"]
    assert [(one["name"], one["task"], one["place"]) for one in stopped] == [
        (found.flow, "first", "/key"), (found.flow, "third", "/key"), (found.beside, None, "#runtimeMetadata"),
    ]  # fmt: skip
    assert not found.opens(found.task)
    assert f"{found.ada}, who vouched for it" in found.world.admin.ended(run)["tasks"][0]["reasonForIncompletion"]
    words = shlex.split(stopped[0]["remedy"].removeprefix("stagedoor ").replace("--as USER", f"--as {found.ben}"))
    assert command(sqlite_server, *words).exit_code == 0  # too late for that run, not for the next ones
    found.ben_api.start(found.flow)
    assert found.opens(found.task)


@pytest.mark.slow
def test_what_would_stop_is_told_to_who_looks_after_rights_only(sqlite_server: LiveServer) -> None:
    found = house(sqlite_server)
    role, clerk = new("clerks"), f"{new('clerk')}@example.com"
    found.world.admin.call("POST", "/api/roles", {"name": role, "permissions": ["USER_MANAGEMENT"]})
    api = sqlite_server.api(sessions(sqlite_server, {clerk: [role]})[clerk])
    leaver = f"{new('leaver')}@example.com"
    sessions(sqlite_server, {leaver: []})
    assert api.raw("DELETE", f"/api/users/{leaver}?dryRun=true").status_code == 403
    assert found.world.admin.raw("GET", f"/api/users/{leaver}").status_code == 200
    assert api.call("DELETE", f"/api/users/{leaver}") == {"message": f"Deleted user '{leaver}'"}


@pytest.mark.slow
def test_a_failure_workflow_in_the_leavers_name_is_listed_and_adopted(sqlite_server: LiveServer) -> None:
    found = house(sqlite_server)
    guarded = new("guarded")
    found.ada_api.save({"name": guarded, "version": 1, "tasks": [simple(found.task)], "failureWorkflow": found.flow})
    give(found.ada_api, found.ben, "WORKFLOW_DEF", guarded, "READ", "UPDATE", "EXECUTE")
    text = f"stagedoor adopt {guarded} --version 1 --from {found.ada} --as USER"
    assert text in remedies_of(found)
    done = command(sqlite_server, "adopt", guarded, "--from", found.ada, "--as", found.ben)
    assert done.exit_code == 0 and f"adopted the save itself, of {found.ada}" in done.stdout
    assert text not in remedies_of(found)


def remedies_of(house: House) -> list[str | None]:
    done = command(house.server, "what-if", "DELETE_USER", f"id={house.ada}", "--json")
    return [one["remedy"] for one in json.loads(done.stdout)["workflows"]]


@pytest.mark.slow
def test_older_revisions_that_runs_use_are_looked_at(sqlite_server: LiveServer) -> None:
    found = house(sqlite_server)
    found.ben_api.start(found.flow)
    found.ben_api.save({**definition(found.flow, found.task), "version": 1})
    (one,) = [one for one in remedies(found) if found.flow in one]
    assert one.endswith("--running --as USER")
    words = shlex.split(one.removeprefix("stagedoor ").replace("--as USER", f"--as {found.ben}"))
    assert command(sqlite_server, *words).exit_code == 0
    found.world.admin.call("DELETE", f"/api/users/{found.ada}")
    assert found.opens(found.task)


@pytest.mark.slow
def test_the_command_asks_everything_of_the_user_it_acts_for(sqlite_server: LiveServer) -> None:
    found = house(sqlite_server)
    other = f"{new('other')}@example.com"
    sessions(sqlite_server, {other: ["USER"]})
    done = command(sqlite_server, "adopt", found.flow, "--as", other)
    assert done.exit_code == 1 and f"(missing: UPDATE on WORKFLOW_DEF {found.flow})" in done.stderr
    give(found.ada_api, other, "WORKFLOW_DEF", found.flow, "READ", "UPDATE")
    done = command(sqlite_server, "adopt", found.flow, "--as", other)
    assert done.exit_code == 1 and f"(missing: READ on SECRET_NAME {found.secret})" in done.stderr
    dry = command(sqlite_server, "adopt", found.flow, "--as", other, "--dry-run", "--json")
    assert dry.exit_code == 1 and {one["refused"] is None for one in json.loads(dry.stdout)["adopted"]} == {False}
    assert "there is no user nobody" in command(sqlite_server, "adopt", found.flow, "--as", "nobody").stderr
    assert "name a workflow, or a task definition" in command(sqlite_server, "adopt", "--as", other).stderr


def test_the_audit_says_that_the_command_did_it_and_for_whom(sqlite_server: LiveServer) -> None:
    found = house(sqlite_server)
    assert command(sqlite_server, "adopt", found.flow, "--as", found.ben).exit_code == 0
    worker = f"app:{found.world.stranger_id}"
    assert command(sqlite_server, "adopt", found.flow, "--as", worker).exit_code == 1
    with sqlite3.connect(sqlite_server.data / "stagedoor.db") as database:
        where = "WHERE actor = 'stagedoor-cli' AND action IN ('adopt', 'workflow.adopt') AND target LIKE ? ORDER BY at, outcome"
        rows = database.execute(f"SELECT outcome, detail FROM audit {where}", (f"%{found.flow}",)).fetchall()
    database.close()
    told = dict(rows)
    assert f"first/key of {found.ada}" in told["done"] and told["done"].endswith(f"for {found.ben}")
    assert told["refused"].startswith(f"for {worker}: ") and "(missing: UPDATE on WORKFLOW_DEF" in told["refused"]


@pytest.mark.slow
def test_variables_are_read_in_the_savers_name_and_so_are_adopted_too(sqlite_server: LiveServer) -> None:
    found = house(sqlite_server)
    variable, flow = new("variable"), new("flow")
    found.world.admin.call("PUT", f"/api/environment/{variable}", b"east", headers={"Content-Type": "text/plain"})
    give(found.world.admin, found.ada, "ENV_VARIABLE", variable, "READ")
    found.ada_api.save({"name": flow, "version": 1, "tasks": [simple(found.task, where=f"${{workflow.env.{variable}}}")]})
    give(found.ada_api, found.ben, "WORKFLOW_DEF", flow, "READ", "UPDATE", "EXECUTE")
    what_if = command(sqlite_server, "what-if", "DELETE_USER", f"id={found.ada}", "--json")
    (one,) = [one for one in json.loads(what_if.stdout)["workflows"] if one["name"] == flow and one["remedy"]]
    assert (one["task"], one["place"]) == ("one", "/tasks/0/inputParameters/where") and f"variable {variable} is withheld" in one["reason"]
    words = shlex.split(one["remedy"].removeprefix("stagedoor ").replace("--as USER", f"--as {found.ben}"))
    missing = f"(missing: READ on ENV_VARIABLE {variable})"
    assert missing in command(sqlite_server, *words).stderr and missing in command(sqlite_server, *words, "--dry-run").stdout
    give(found.world.admin, found.ben, "ENV_VARIABLE", variable, "READ")
    assert command(sqlite_server, *words).exit_code == 0
    found.world.admin.call("DELETE", f"/api/users/{found.ada}")
    found.ben_api.start(flow)
    assert found.worker.poll(found.task, timeout=1000)[0]["inputData"] == {"where": "east"}
