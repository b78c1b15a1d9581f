"""A project's secrets are gone with its data keys, and no file that the database keeps holds what opens them, or a value."""

import asyncio
import sqlite3
from pathlib import Path

import pytest
from typer.testing import Result

from stagedoor.bootstrap import open_core
from stagedoor.core.project import data_key_identity
from stagedoor.kit.crypto import Key, SealBroken, read_master_key
from stagedoor.settings import Settings
from tests.gate.keys.raw import audited, sql, stagedoor
from tests.support.server import LiveServer

pytestmark = pytest.mark.slow
CANARY = "canary-3f9b1c77a2-in-the-coal-mine"


def erase(server: LiveServer, project: str) -> Result:
    return stagedoor(server, "project", "erase-key", project, "--yes")


def opens(master: Key, wrapped: bytes, sealed: bytes, identities: tuple[str, str]) -> bytes | None:
    """What somebody gets who has the master key and a row of each."""
    try:
        return master.unwrap(wrapped, identities[0]).open(sealed, identities[1])
    except SealBroken:
        return None


def files(server: LiveServer) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in server.data.iterdir() if path.name.startswith("stagedoor.db")}


def test_whoever_has_the_database_and_the_master_key_opens_nothing_of_an_erased_project(server: LiveServer) -> None:
    admin = server.admin()
    admin.put_secret("erased", CANARY)
    (key_id, wrapped) = sql(server, "SELECT key_id, sealed FROM data_key")[0]
    secret_id, sealed = sql(server, "SELECT secret_id, sealed FROM secret_version")[0]
    identities = data_key_identity("default", key_id), f"secret_version:default:{secret_id}:1"
    master = read_master_key(server.data / "master.key")
    assert opens(master, wrapped, sealed, identities) == CANARY.encode()  # the search is a search
    if not server.database:
        assert any(wrapped in data for data in files(server).values())

    done = erase(server, "default")
    assert done.exit_code == 0, done.stderr
    assert "1 data keys of project default are erased" in done.stdout

    answer = admin.raw("GET", "/api/secrets/erased")  # of the server that had the key in memory
    assert answer.status_code == 404
    assert "has been erased" in answer.json()["message"]
    left = [row[0] for row in sql(server, "SELECT sealed FROM data_key")]
    assert left and wrapped not in left
    assert not any(opens(master, other, sealed, identities) for other in left)
    if not server.database:
        assert not any(wrapped in data for data in files(server).values())
    admin.put_secret("erased", "a new value")
    assert admin.raw("GET", "/api/secrets/erased").text == "a new value"
    assert audited(server, "done", "project.erase_key PROJECT default")


def test_a_task_that_names_an_erased_secret_fails_and_says_so(sqlite_server_of_its_own: LiveServer) -> None:
    server = sqlite_server_of_its_own
    admin = server.admin()
    admin.put_secret("erased", CANARY)
    task = {"name": "erasing", "taskReferenceName": "t", "type": "SIMPLE", "inputParameters": {"x": "${workflow.secrets.erased}"}}
    admin.save({"name": "erasing", "version": 1, "tasks": [task]})
    handed, late = admin.start("erasing"), admin.start("erasing")
    given = admin.poll("erasing")[0]
    assert given["inputData"]["x"] == CANARY
    assert erase(server, "default").exit_code == 0
    assert not admin.poll("erasing")
    other = late if given["workflowInstanceId"] == handed else handed
    assert "has been erased" in admin.ended(other)["tasks"][0]["reasonForIncompletion"]
    admin.complete(given, {"echo": f"it was {CANARY}", "other": "text"})  # nobody can tell any more what to mask: all of it
    assert CANARY not in str(admin.ended(given["workflowInstanceId"]))


def test_a_project_that_is_not_there_is_named(sqlite_server: LiveServer) -> None:
    done = erase(sqlite_server, "nowhere")
    assert (done.exit_code, done.stderr) == (1, "stagedoor: there is no project nowhere\n")


@pytest.mark.promise(3)
def test_no_file_of_the_database_and_no_backup_holds_a_value_or_a_key(sqlite_server_of_its_own: LiveServer, tmp_path: Path) -> None:
    server = sqlite_server_of_its_own
    admin = server.admin()
    for number in range(30):
        admin.put_secret(f"canary-{number}", f"{CANARY}-{number}")
    task = {"name": "singing", "taskReferenceName": "t", "type": "SIMPLE", "inputParameters": {"x": "${workflow.secrets.canary-1}"}}
    admin.save({"name": "singing", "version": 1, "tasks": [task]})
    run = admin.start("singing")
    given = admin.poll("singing")[0]
    assert given["inputData"]["x"] == f"{CANARY}-1"
    admin.complete(given, {"echo": given["inputData"]["x"]})
    assert admin.ended(run)["status"] == "COMPLETED"
    assert admin.raw("GET", "/api/secrets/canary-2").text == f"{CANARY}-2"
    backup = tmp_path / "backup.db"
    source, target = sqlite3.connect(server.data / "stagedoor.db"), sqlite3.connect(backup)
    source.backup(target)
    source.close()
    target.close()
    everything = {**files(server), "backup": backup.read_bytes()}
    assert {"stagedoor.db", "stagedoor.db-wal", "backup"} <= everything.keys()
    assert all(b"canary-1" in everything[name] for name in ("stagedoor.db-wal", "backup"))  # names are there: the search is a search
    raw = bytes.fromhex(Path(server.data, "master.key").read_text())
    for needle in (CANARY.encode(), raw, raw.hex().encode(), CANARY.encode("utf-16-le"), *_unwrapped(server)):
        assert not [name for name, data in everything.items() if needle in data]


def _unwrapped(server: LiveServer) -> list[bytes]:
    """The data keys themselves and the private half of the signing key."""

    async def read() -> list[bytes]:
        async with open_core(Settings(data=server.data)) as core:
            _, key = await core.store.write(lambda tx: core.projects.newest_key(tx, "default"))
            signing = await core.store.scan(core.signing.all)
            lines = b"".join(signing[0].private().splitlines()[1:-1])
            return [bytes.fromhex(key.exported().reveal()), key.exported().reveal().encode(), lines]

    return asyncio.run(read())
