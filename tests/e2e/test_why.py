"""`stagedoor why`, `who-can` and `what-if` beside a running server: as a tree, as JSON, and what they say of what cannot be asked."""

import json
import subprocess

import pytest
from typer.testing import CliRunner, Result

from stagedoor.cli import app
from tests.api.authorization.world import World, definition, new
from tests.api.orkes.people import a_group, a_user, grant
from tests.support.server import LiveServer


@pytest.fixture(scope="module")
def world(sqlite_server: LiveServer) -> World:
    return World.on(sqlite_server)


def command(server: LiveServer, *words: str) -> Result:
    """In this process: each start of the program would take longer than all it does."""
    return CliRunner().invoke(app, [*words, "--data", str(server.data)], env={"COLUMNS": "200", "NO_COLOR": "1"})


def test_it_is_a_command_of_the_program(world: World) -> None:
    with world.server.run("who-can", "READ", "SECRET_NAME/any", stdout=subprocess.PIPE) as process:
        shown, _ = process.communicate(timeout=60)
    assert process.returncode == 0 and b"has the role ADMIN: all accesses on everything" in shown


def test_why_draws_the_path(world: World) -> None:
    user, secret = a_user(world.admin), new("secret")
    group = a_group(world.admin, user)
    grant(world.admin, ("GROUP", group), ("SECRET_NAME", secret), "READ")
    done = command(world.server, "why", f"USER:{user}", "READ", f"SECRET_NAME/{secret}")
    assert done.exit_code == 0, done.stderr
    lines = done.stdout.splitlines()
    assert lines[0] == f"USER:{user} may  READ on SECRET_NAME {secret}"
    assert lines[1].endswith(f"USER:{user} is in GROUP:{group}")
    assert f"GROUP:{group} has READ on SECRET_NAME {secret} (given by app:" in lines[2]


def test_why_not_says_the_words_of_the_403_and_what_would_be_enough(world: World) -> None:
    said = world.stranger.raw("GET", f"/api/secrets/{world.secret}").json()["message"]
    asked = ("why", f"USER:app:{world.stranger_id}", "READ", f"SECRET_NAME/{world.secret}")
    done = command(world.server, *asked)
    assert done.exit_code == 1 and said in done.stdout
    assert f"grant READ on SECRET_NAME {world.secret} to USER:app:{world.stranger_id}" in done.stdout
    found = json.loads(command(world.server, *asked, "--json").stdout)
    assert (found["allowed"], found["reason"], found["remedies"][0]["refusal"]) == (False, said, None)


def test_who_can_lists_them(world: World) -> None:
    done = command(world.server, "who-can", "DELETE", f"SECRET_NAME/{world.secret}", "--json")
    able = {one["subject"] for one in json.loads(done.stdout)}
    assert f"USER:app:{world.owner_id}" in able and f"USER:app:{world.stranger_id}" not in able
    assert f"USER:app:{world.owner_id}" in command(world.server, "who-can", "DELETE", f"SECRET_NAME/{world.secret}").stdout


def test_what_if_says_what_would_stop_and_changes_nothing(world: World) -> None:
    secret, workflow = new("secret"), new("workflow")
    world.owner.put_secret(secret, "value")
    world.owner.save(definition(workflow, new("task"), token=f"${{workflow.secrets.{secret}}}"))
    done = command(world.server, "what-if", "DELETE_SECRET", f"key={secret}")
    assert done.exit_code == 0, done.stderr
    assert f"{workflow} version 1: task one: there is no secret {secret}" in done.stdout
    assert world.owner.call("GET", f"/api/secrets/{secret}") == "value"
    change = ("REMOVE_GRANT", f"subject=USER:app:{world.owner_id}", f"target=SECRET_NAME/{secret}", "access=read")
    found = json.loads(command(world.server, "what-if", *change, "--json").stdout)
    assert [one["access"] for one in found["lost"]] == ["READ"]
    assert [one["name"] for one in found["workflows"]] == [workflow]


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("why", "USER:nobody-at-all", "READ", "SECRET_NAME/x"), "there is no user nobody-at-all"),
        (("why", "USER:x", "LOOK", "SECRET_NAME/x"), "ACCESS: it must be one of"),
        (("who-can", "READ", "CLOUD/x"), "target.type: CLOUD is not one of"),
        (("who-can", "READ", "SECRET_NAME/x", "--project", "none"), "there is no project none"),
        (("what-if", "BURN", "it=all"), "BURN: Invalid value 'BURN'"),
        (("what-if", "DELETE_GROUP", "id=none"), "there is no group none"),
    ],
)
def test_what_cannot_be_asked_is_one_line(words: tuple[str, ...], said: str, world: World) -> None:
    done = command(world.server, *words)
    assert (done.exit_code, done.stdout) == (1, "")
    assert done.stderr.startswith("stagedoor: ") and said in done.stderr and len(done.stderr.splitlines()) == 1
