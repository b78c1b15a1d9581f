"""A server starts only on a store that was set up, with the key it was made with."""

import secrets
import subprocess
import sys
from pathlib import Path

import pytest

COMMAND = (sys.executable, "-m", "stagedoor")
pytestmark = pytest.mark.slow


def stagedoor(*arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run([*COMMAND, *arguments], env={"PYTHONPATH": "src", **environment}, capture_output=True, text=True, timeout=60)


def test_a_store_that_was_never_set_up_is_not_served(tmp_path: Path) -> None:
    done = stagedoor("serve", "--data", str(tmp_path), "--listen", "127.0.0.1:1", STAGEDOOR_MASTER_KEY=secrets.token_hex(32))
    assert (done.returncode, done.stderr) == (1, "stagedoor: this store has not been set up: run `stagedoor init` first\n")


def test_another_master_key_is_named_as_the_fault(tmp_path: Path) -> None:
    assert stagedoor("init", "--data", str(tmp_path)).returncode == 0
    done = stagedoor("serve", "--data", str(tmp_path), "--listen", "127.0.0.1:1", STAGEDOOR_MASTER_KEY=secrets.token_hex(32))
    assert (done.returncode, done.stderr) == (1, "stagedoor: the master key is not the one that this store was made with\n")


@pytest.mark.promise(16)
def test_of_many_that_set_up_at_once_one_succeeds(tmp_path: Path) -> None:
    commands = [[*COMMAND, "init", "--data", str(tmp_path), "--json"] for _ in range(3)]
    running = [subprocess.Popen(each, env={"PYTHONPATH": "src"}, stdout=subprocess.PIPE, stderr=subprocess.PIPE) for each in commands]
    outputs = [process.communicate(timeout=60) for process in running]
    assert sorted(process.returncode for process in running) == [0, 1, 1]
    assert sum(b"keySecret" in out for out, _ in outputs) == 1
    assert not any(b"Traceback" in err for _, err in outputs)


def test_a_database_url_that_is_none_is_a_plain_error(tmp_path: Path) -> None:
    assert stagedoor("init", "--data", str(tmp_path)).returncode == 0
    done = stagedoor("serve", "--data", str(tmp_path), "--database", "nonsense")
    assert done.returncode == 1
    assert "database" in done.stderr and "Traceback" not in done.stderr
