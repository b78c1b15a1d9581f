"""What `stagedoor doctor` says of master keys that a rotation put aside: take away what nothing needs, keep what a restored store needs."""

import shutil
from pathlib import Path

import pytest

from stagedoor.kit.crypto import Key
from stagedoor.kit.masterkey import KeyFile
from tests.gate.keys.raw import stagedoor
from tests.support.server import LiveServer

pytestmark = [pytest.mark.slow, pytest.mark.promise(3)]


@pytest.fixture
def still(tmp_path: Path) -> LiveServer:
    """A store that no server runs on."""
    server = LiveServer(tmp_path / "data")
    server.set_up()
    return server


def found(server: LiveServer) -> list[str]:
    done = stagedoor(server, "doctor")
    assert "Traceback" not in done.stdout + done.stderr and done.exit_code == (done.stdout != "no findings\n")
    return done.stdout.splitlines()


def test_after_a_restore_the_key_of_the_backups_day_is_to_be_kept(still: LiveServer, tmp_path: Path) -> None:
    """The advice of before would have made the store unreadable for ever."""
    files, backup = KeyFile(still.data / "master.key"), tmp_path / "backup"
    shutil.copytree(still.data, backup, ignore=shutil.ignore_patterns("master.key*"))
    assert stagedoor(still, "rotate", "master-key").exit_code == 0
    (old,) = files.before()
    assert found(still) == [f"files: {old} is a master key that is not needed any more; take it away"]
    for path in still.data.glob("stagedoor.db*"):
        path.unlink()
    shutil.copytree(backup, still.data, dirs_exist_ok=True)
    assert found(still) == [f"files: {old} is the master key in use; keep it, as master.key"]
    old.rename(files.path)
    assert found(still) == ["no findings"]


@pytest.mark.parametrize("content", [b"no key", b"\xff\xfe"])
def test_a_file_of_before_that_cannot_be_read_is_one_finding_and_hides_no_other(content: bytes, still: LiveServer) -> None:
    assert stagedoor(still, "rotate", "master-key").exit_code == 0
    files = KeyFile(still.data / "master.key")
    (old,), broken = files.before(), files.retired(Key(bytes(32)))
    broken.write_bytes(content)
    broken.chmod(0o600)
    findings = found(still)
    assert f"files: {old} is a master key that is not needed any more; take it away" in findings
    assert [line for line in findings if line.startswith(f"files: {broken} cannot be judged: the master key")]
    assert len(findings) == 2
