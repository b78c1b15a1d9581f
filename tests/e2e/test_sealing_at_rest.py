"""End to end: what is sealed at rest outlives its master key, and not its data key."""

from pathlib import Path

import pytest

from tests.gate.keys.raw import stagedoor
from tests.support.server import Api, LiveServer, live_server

pytestmark = pytest.mark.slow
VALUE = "rate-api-key-77aa01"


def said(server: LiveServer, *words: str) -> str:
    done = stagedoor(server, *words)
    assert done.exit_code == 0, done.output
    return done.stdout


def handed_out(api: Api, name: str) -> object:
    """The value as a worker gets it, in a run started now."""
    api.start(name)
    task = api.poll(name)[0]
    api.complete(task)
    return task["inputData"]["key"]


def test_a_secret_is_sealed_under_a_master_key_that_is_rotated_and_is_gone_with_its_projects_key(tmp_path: Path) -> None:
    with live_server(tmp_path) as server:
        admin = server.admin()
        admin.put_secret("rate", VALUE)
        task = {"name": "postage", "taskReferenceName": "t", "type": "SIMPLE", "inputParameters": {"key": "${workflow.secrets.rate}"}}
        admin.save({"name": "postage", "version": 1, "tasks": [task]})
        assert handed_out(admin, "postage") == VALUE

        told = said(server, "rotate", "master-key")
        assert "open with it alone" in told and "is not needed any more: take it away" in told
        assert handed_out(admin, "postage") == VALUE  # the server has run on
        assert "is not needed any more" in stagedoor(server, "doctor").stdout
        server.stop()
        next(server.data.glob("master.key.*.old")).unlink()
        assert said(server, "doctor") == "no findings\n"
        admin = server.start().admin()
        assert handed_out(admin, "postage") == VALUE

        assert "nothing that they sealed opens any more" in said(server, "project", "erase-key", "default", "--yes")
        run = admin.start("postage")
        assert not admin.poll("postage")
        assert "has been erased" in admin.ended(run)["tasks"][0]["reasonForIncompletion"]
        assert VALUE.encode() not in b"".join(path.read_bytes() for path in server.data.iterdir())
