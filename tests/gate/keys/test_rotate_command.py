"""`stagedoor rotate master-key`, as somebody uses it: with keys in the environment, half done, and with what it needs missing."""

import secrets
import shutil
import time
from pathlib import Path

import pytest

from tests.gate.keys.raw import audited, sql, stagedoor
from tests.support import postgres
from tests.support.server import Api, LiveServer, live_server

pytestmark = pytest.mark.slow
OLD, NEW, THIRD = (secrets.token_hex(32) for _ in range(3))


def test_with_keys_in_the_environment_a_server_that_knows_the_new_one_runs_on(tmp_path: Path) -> None:
    with live_server(tmp_path, STAGEDOOR_MASTER_KEY=OLD, STAGEDOOR_NEW_MASTER_KEY=NEW) as server:
        assert not list(server.data.glob("master.key*"))
        admin = server.admin()
        admin.put_secret("kept", "the value")
        both = {"STAGEDOOR_MASTER_KEY": OLD, "STAGEDOOR_NEW_MASTER_KEY": NEW}
        done = stagedoor(server, "rotate", "master-key", **both)
        assert done.exit_code == 0, done.stderr
        assert "Start servers with it as STAGEDOOR_MASTER_KEY" in done.stdout
        again = stagedoor(server, "rotate", "master-key", **both)
        assert (again.exit_code, "already" in again.stdout) == (0, True)
        assert len(audited(server, "done", "master_key.rotate")) == 2  # begun and done, once
        made = stagedoor(server, "project", "create", "later", "--admin", "later@example.com", "--json", **both)
        assert made.exit_code == 0, made.stderr
        assert admin.raw("GET", "/api/secrets/kept").text == "the value"
        server.stop()
        server.environment = {}
        refused = stagedoor(server, "doctor", STAGEDOOR_MASTER_KEY=OLD)
        assert refused.exit_code == 1 and "is needed" in refused.stdout
        server.environment = {"STAGEDOOR_MASTER_KEY": NEW}
        assert server.start().admin().raw("GET", "/api/secrets/kept").text == "the value"
        assert stagedoor(server, "doctor", STAGEDOOR_MASTER_KEY=NEW).stdout == "no findings\n"
        for output in (done, again, made, refused):
            assert not [key for key in (OLD, NEW) if key in output.stdout + output.stderr]


def test_what_is_missing_or_under_way_is_told_and_nothing_is_changed(tmp_path: Path) -> None:
    with live_server(tmp_path) as server:
        before = sql(server, "SELECT sealed FROM data_key")
        for words, environment, why in (
            (("--to", "environment"), {}, "STAGEDOOR_NEW_MASTER_KEY: it is empty"),
            ((), {"STAGEDOOR_NEW_MASTER_KEY": "short"}, "the master key is not 64 hex characters"),
            (("--to", "key-service"), {}, "say where it is"),
            ((), {"STAGEDOOR_MASTER_KEY": (server.data / "master.key").read_text().strip()}, "servers that have it read no master.key"),
            ((), {"STAGEDOOR_MASTER_KEY": THIRD}, "the master key is not the one that this store was made with"),
        ):
            done = stagedoor(server, "rotate", "master-key", *words, **environment)
            assert done.exit_code == 1
            assert why in done.stderr and "Traceback" not in done.stderr
        assert sql(server, "SELECT sealed FROM data_key") == before
        assert [path.name for path in server.data.glob("master.key*")] == ["master.key"]


@pytest.mark.postgres
def test_of_several_nodes_each_learns_the_new_key_from_its_own_file(tmp_path: Path, postgres_server: str) -> None:
    with postgres.database(postgres_server) as url, live_server(tmp_path, url) as one:
        two = LiveServer(tmp_path / "two", url)
        shutil.copytree(one.data, two.data)
        try:
            admin = two.start().api(one.token(one.first["keyId"], one.first["keySecret"]))
            admin.put_secret("kept", "the value")
            assert stagedoor(one, "rotate", "master-key").exit_code == 0
            _is_served(one, two, "first")
            operator = two.api(_signed_in(one))
            made = operator.raw("POST", "/api/projects", {"id": "made-there", "name": "made there"})  # what it lacks is the new key
            assert made.status_code == 503
            assert "is needed: it is neither in the environment nor in a file" in made.text
            shutil.copy(one.data / "master.key", two.data / "master.key.new")
            deadline = time.monotonic() + 60
            while admin.raw("GET", "/api/secrets/kept").status_code != 200 or not _makes(operator, f"made-{secrets.token_hex(4)}"):
                assert time.monotonic() < deadline
                time.sleep(0.5)
            Path(two.data, "master.key").unlink()
            two.stop()
            two.start()
            _is_served(one, two, "second")
        finally:
            two.stop()


def _signed_in(server: LiveServer) -> str:
    """As the first administrator, who is an operator."""
    answer = server.api().call("POST", "/api/token", {"email": server.first["user"], "password": server.first["password"]})
    token: str = answer["token"]
    return token


def _makes(admin: Api, project: str) -> bool:
    return admin.raw("POST", "/api/projects", {"id": project, "name": project}).status_code == 200


def _is_served(one: LiveServer, two: LiveServer, name: str) -> None:
    """What one node puts the other reads, both ways."""
    token = one.token(one.first["keyId"], one.first["keySecret"])
    for here, there in ((one, two), (two, one)):
        here.api(token).put_secret(f"{name}-{here.port}", "put here")
        assert there.api(token).raw("GET", f"/api/secrets/{name}-{here.port}").text == "put here"
        assert here.api(token).raw("GET", "/api/secrets/kept").text == "the value"
