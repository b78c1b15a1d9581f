"""`stagedoor check`: over files, folders and standard input; and beside a store, for a user: what it says is what saving answers."""

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from typer.testing import CliRunner, Result

from stagedoor.cli import app
from tests.api.authorization.cast import sessions
from tests.api.authorization.world import World, new
from tests.gate.doors.stage import http, reference, simple, system
from tests.gate.test_checking import WORKFLOWS
from tests.support.server import Api, LiveServer

GOOD = {"name": "good", "tasks": [simple("work")]}
BAD = {"name": "bad", "tasks": [system("EVENT", "e"), system("INLINE", "i", expression="1", key=reference("x"))]}
HANDLER = {"name": "h", "event": "kafka:x", "actions": []}


def check(*words: str, given: str | None = None) -> Result:
    return CliRunner().invoke(app, ["check", *words], input=given, env={"COLUMNS": "200", "NO_COLOR": "1"})


def asked(*words: str, given: str | None = None) -> dict[str, Any]:
    done = check(*words, "--json", given=given)
    assert done.stdout, done.stderr
    found: dict[str, Any] = json.loads(done.stdout)
    assert done.exit_code == (1 if found["refused"] else 0)
    return found


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    files = {
        "one.json": GOOD, "deep/two.json": [GOOD, BAD], "deep/task.json": {"name": "work", "retryCount": 1}, "deep/handler.json": HANDLER,
        ".hidden/x.json": BAD, "node_modules/x.json": BAD, "notes.txt": "no JSON",
    }  # fmt: skip
    for name, document in files.items():
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(json.dumps(document))
    return tmp_path


def test_a_folder_is_gone_through(folder: Path) -> None:
    found = asked(str(folder))
    verdicts = {(Path(one["file"]).name, one["index"]): (one["kind"], one["verdict"]) for one in found["documents"]}
    assert verdicts == {
        ("one.json", None): ("WORKFLOW_DEF", "saved"),
        ("two.json", 0): ("WORKFLOW_DEF", "saved"),
        ("two.json", 1): ("WORKFLOW_DEF", "refused"),
        ("task.json", None): ("TASK_DEF", "saved"),
        ("handler.json", None): (None, "skipped"),
    }
    assert (found["saved"], found["refused"], found["skipped"]) == (3, 1, 1)


def test_the_table_names_task_place_reason_and_way_out(folder: Path) -> None:
    done = check(str(folder / "deep" / "two.json"))
    assert done.exit_code == 1
    for word in (
        "/tasks/0/type",
        "has the type EVENT",
        "a worker task that publishes it",
        "/tasks/1/inputParameters/key",
        "runtimeMetadata",
    ):
        assert word in done.stdout
    assert "1 can be saved, 1 would be refused, 0 skipped." in done.stdout


def test_standard_input_is_a_file(folder: Path) -> None:
    assert asked("-", given=json.dumps(GOOD))["saved"] == 1
    assert asked("-", given=json.dumps(BAD))["refused"] == 1


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("{", "the body is not JSON"),
        ("[" * 200 + "]" * 200, "nested more than"),
        (json.dumps(HANDLER), "an event handler"),
        (json.dumps({"name": "w", "tasks": [{"name": "a"}]}), "taskReferenceName"),
        (json.dumps({"name": 5, "tasks": []}), "name"),
        (json.dumps({"name": "*", "tasks": []}), "stands for every name"),
    ],
)
def test_what_cannot_be_read_is_refused_where_it_was_named(text: str, said: str) -> None:
    (one,) = asked("-", given=text)["documents"]
    assert one["verdict"] == "refused" and said in one["findings"][0]["reason"]


def test_no_store_is_touched_unless_it_is_named(tmp_path: Path) -> None:
    (tmp_path / "w.json").write_text(json.dumps(GOOD))
    done = CliRunner().invoke(app, ["check", str(tmp_path / "w.json")], env={"STAGEDOOR_DATA": str(tmp_path / "none")})
    assert done.exit_code == 0 and [path.name for path in tmp_path.iterdir()] == ["w.json"]
    assert "--as asks a store" in check(str(tmp_path / "w.json"), "--as", "ada").stderr
    assert "No such file" in check(str(tmp_path / "none.json")).stderr


def test_nothing_in_a_file_reaches_the_terminal_as_an_order() -> None:
    named = {"name": "w\x1b[2J", "tasks": [system("EVENT", "\x1b]0;x\x07[red]e", **{"\x1b[31m": reference("x")})]}
    done = check("-", given=json.dumps(named))
    assert done.exit_code == 1 and "[red]e" in done.stdout
    assert not [char for char in done.stdout if ord(char) < 32 and char != "\n"]


# ---- with a store
@pytest.fixture(scope="module")
def world(sqlite_server: LiveServer) -> World:
    return World.on(sqlite_server)


@pytest.fixture(scope="module")
def clerk(world: World) -> tuple[str, Api]:
    user = f"{new('clerk')}@example.com"
    return user, world.server.api(sessions(world.server, {user: ["USER"]})[user])


def beside(world: World, user: str, *documents: dict[str, Any]) -> list[dict[str, Any]]:
    found = asked("-", "--data", str(world.server.data), "--as", user, given=json.dumps(list(documents)))
    listed: list[dict[str, Any]] = found["documents"]
    return listed


def fragments(world: World, mine: str, theirs: str) -> dict[str, tuple[list[dict[str, Any]], dict[str, Any]]]:
    """(tasks, other fields), by what they are an example of. `mine`, `theirs`: secrets that the clerk may use, and may not."""
    inline = {
        "workflowDefinition": {"name": "child", "tasks": [system("SUB_WORKFLOW", "x") | {"subWorkflowParam": {"name": world.workflow}}]}
    }
    variable, put = new("variable"), {"_secrets": {"secretKey": theirs, "secretValue": "v"}}
    world.admin.call("PUT", f"/api/environment/{variable}", b"v", headers={"Content-Type": "text/plain"})
    return {
        "nothing": ([simple("work")], {}),
        "a secret of one's own": ([simple("work", key=reference(mine)), http(f"https://a.example/{reference(mine)}")], {}),
        "a secret of another": ([simple("work", key=reference(theirs))], {}),
        "two secrets of others": ([simple("work", key=reference(theirs)), http("https://a.example/", body=reference(theirs))], {}),
        "a secret that there is not": ([simple("work", key=reference(new("none")))], {}),
        "a child of another": ([system("SUB_WORKFLOW", "s") | {"subWorkflowParam": {"name": world.workflow}}], {}),
        "a grandchild written inline": ([system("SUB_WORKFLOW", "s") | {"subWorkflowParam": inline}], {}),
        "a child by a name from data": ([system("SUB_WORKFLOW", "s") | {"subWorkflowParam": {"name": "${workflow.input.n}"}}], {}),
        "a failure workflow of another": ([simple("work")], {"failureWorkflow": world.workflow}),
        "a variable of another": ([simple("work", host=f"${{workflow.env.{variable}}}")], {}),
        "a variable that there is not": ([simple("work", host="${workflow.env.none_at_all}")], {}),
        "putting a secret of another": ([system("UPDATE_SECRET", "u") | {"inputParameters": put}], {}),
        "an operator that is not built": ([system("EVENT", "e"), simple("work", key=reference(theirs))], {}),
        "a misplaced reference": ([system("SET_VARIABLE", "v", key=reference(mine))], {"outputParameters": {"k": reference(mine)}}),
    }  # fmt: skip


def test_what_it_says_for_a_user_is_what_saving_answers_that_user(world: World, clerk: tuple[str, Api]) -> None:
    user, api = clerk
    mine, theirs = new("mine"), world.secret
    api.put_secret(mine, "value")
    kinds = fragments(world, mine, theirs)
    documents = [{"name": new("flow"), "version": 1, "tasks": tasks, **fields} for tasks, fields in kinds.values()]
    documents.append({"name": world.workflow, "version": 1, "tasks": [simple("work")]})  # another's
    saved = 0
    for document, told in zip(documents, beside(world, user, *documents), strict=True):
        answer = api.raw("POST", "/api/metadata/workflow?overwrite=true", document)
        reasons = [one["reason"] for one in told["findings"] if one["severity"] == "refusal"]
        if answer.status_code == 200:
            saved += 1
            warnings = [one["reason"] for one in told["findings"] if one["severity"] == "warning"]
            texts = [text.removeprefix('299 stagedoor "')[:-1] for text in answer.headers.get_list("warning")]
            assert reasons == [] and set(texts) <= set(warnings), (document, told)
        else:
            assert answer.json()["message"] in reasons, (document, told)
    assert saved == 4


def test_an_unchanged_task_keeps_its_voucher_and_needs_no_right(world: World, clerk: tuple[str, Api]) -> None:
    user, api = clerk
    name = new("flow")
    document = {"name": name, "version": 1, "tasks": [simple("work", key=reference(world.secret))]}
    world.owner.save(document)
    target = {"subject": {"type": "USER", "id": user}, "target": {"type": "WORKFLOW_DEF", "id": name}, "access": ["READ", "UPDATE"]}
    world.owner.call("POST", "/api/auth/authorization", target)
    assert [one["verdict"] for one in beside(world, user, document)] == ["saved"]
    changed = {"name": name, "version": 1, "tasks": [simple("work", key=reference(world.secret), n=1)]}
    (told,) = beside(world, user, changed)
    assert [one["reason"] for one in told["findings"]] == [api.call("PUT", "/api/metadata/workflow", [changed], status=403)["message"]]
    api.save(document)


def test_workflows_that_come_along_count_as_the_users_own(world: World, clerk: tuple[str, Api]) -> None:
    parent, child = new("parent"), new("child")
    documents = [
        {"name": parent, "tasks": [system("SUB_WORKFLOW", "s") | {"subWorkflowParam": {"name": child}}]},
        {"name": child, "tasks": [simple("work")]},
    ]
    first, second = beside(world, clerk[0], *documents)
    assert [one["verdict"] for one in (first, second)] == ["saved", "saved"] and second["findings"] == []
    assert [(one["severity"], one["wayOut"]) for one in first["findings"]] == [("warning", "save that first")]
    assert [one["verdict"] for one in beside(world, clerk[0], documents[0])] == ["refused"]


def test_task_definitions_are_asked_for_what_they_name(world: World, clerk: tuple[str, Api]) -> None:
    user, api = clerk
    document = {"name": new("task"), "retryCount": 1, "runtimeMetadata": [world.secret, "none_at_all"]}
    (told,) = beside(world, user, document)
    refusals = {one["severity"]: one["reason"] for one in told["findings"]}
    assert refusals["refusal"] == api.call("PUT", "/api/metadata/taskdefs", document, status=403)["message"]
    assert "none_at_all" in refusals["warning"]


def test_without_a_user_only_what_there_is_counts(world: World) -> None:
    missing = new("missing")
    document = {"name": new("flow"), "tasks": [simple("work", key=reference(missing), other=reference(world.secret))]}
    found = asked("-", "--data", str(world.server.data), given=json.dumps(document))
    assert [one["reason"] for one in found["documents"][0]["findings"]] == [f"task one names the secret {missing}, which does not exist"]
    assert "there is no user nobody" in check("-", "--data", str(world.server.data), "--as", "nobody", given=json.dumps(document)).stderr


@pytest.mark.slow
@settings(max_examples=8, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(WORKFLOWS, min_size=8, max_size=12))
def test_for_any_definitions_it_lists_what_saving_answers(world: World, clerk: tuple[str, Api], given_: list[dict[str, Any]]) -> None:
    user, api = clerk
    text = json.dumps(given_).replace("workflow.secrets.key", f"workflow.secrets.{world.secret}")
    documents = [one | ({"name": new("any")} if one["name"] == "w" else {}) for one in json.loads(text)]
    for document, told in zip(documents, beside(world, user, *documents), strict=True):
        answer = api.raw("POST", "/api/metadata/workflow?overwrite=true", document)
        reasons = [one["reason"] for one in told["findings"] if one["severity"] == "refusal"]
        if answer.status_code == 200:
            assert reasons == [], document
        else:
            assert answer.json()["message"] in reasons, (document, answer.text)
