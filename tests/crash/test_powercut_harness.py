"""The simulated disk loses what was not synced, keeps what was, and so tells SQLite's synchronous=NORMAL from FULL."""

import contextlib
import os
import sqlite3
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tests.crash import powercut
from tests.crash.powercut import PowerCut

WRITER = """
import sqlite3, sys, time
connection = sqlite3.connect("bank.db", isolation_level=None)
connection.execute("PRAGMA journal_mode = " + sys.argv[1])
connection.execute("PRAGMA synchronous = " + sys.argv[2])
connection.execute("CREATE TABLE IF NOT EXISTS entry (n INTEGER PRIMARY KEY, filling TEXT)")
n = connection.execute("SELECT COALESCE(MAX(n), 0) FROM entry").fetchone()[0]
while True:
    n += 1
    connection.execute("INSERT INTO entry VALUES (?, ?)", (n, "x" * 500))
    print(n, flush=True)
    if sys.argv[3:] == [str(n)]:
        time.sleep(60)
"""


def acknowledged_and_kept(cut: PowerCut, journal: str, synchronous: str, seconds: float, last: int = 0) -> tuple[int, int]:
    """Commit for so long, or `last` times however long that takes, cut the power: the numbers of the last acknowledged commit and of the
    last one found after."""
    command = [sys.executable, "-c", WRITER, journal, synchronous, str(last)]
    with subprocess.Popen(command, cwd=cut.directory, env=cut.environment(), stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        acknowledged = int(process.stdout.readline())
        while acknowledged < last:
            acknowledged = int(process.stdout.readline())
        time.sleep(seconds)
        directory = cut.cut(process)
        acknowledged = max([acknowledged, *(int(line) for line in process.stdout.read().split("\n")[:-1])])
    with contextlib.closing(sqlite3.connect(directory / "bank.db")) as connection:
        assert connection.execute("PRAGMA integrity_check").fetchone() == ("ok",)
        (tables,) = connection.execute("SELECT COUNT(*) FROM sqlite_schema").fetchone()
        kept, count = connection.execute("SELECT COALESCE(MAX(n), 0), COUNT(*) FROM entry").fetchone() if tables else (0, 0)
        assert kept == count
    return acknowledged, kept


@pytest.fixture
def directory(tmp_path: Path) -> Path:
    (tmp_path / "data").mkdir()
    return tmp_path / "data"


@pytest.mark.parametrize("writeback", [0, 30])
def test_full_keeps_every_acknowledged_commit(directory: Path, writeback: int) -> None:
    cut = PowerCut(directory, writeback)
    for number in range(10):
        acknowledged, kept = acknowledged_and_kept(cut, "WAL", "FULL", 0.01 * number)
        assert acknowledged <= kept <= acknowledged + 1


def test_normal_loses_acknowledged_commits(directory: Path) -> None:
    cut = PowerCut(directory)
    for _ in range(3):
        assert acknowledged_and_kept(cut, "WAL", "NORMAL", 0, last=50) == (50, 0)  # FULL would have kept all 50
    assert acknowledged_and_kept(cut, "WAL", "FULL", 0, last=50) == (50, 50)


def test_a_rollback_journal_needs_its_directory_synced(directory: Path) -> None:
    """DELETE mode commits by removing the journal: with EXTRA the directory is synced after that, with FULL it is not."""
    assert acknowledged_and_kept(PowerCut(directory), "DELETE", "EXTRA", 0, last=20) == (20, 20)
    assert acknowledged_and_kept(PowerCut(directory), "DELETE", "FULL", 0, last=30) == (30, 29)


SYNC_DIRECTORY = "d = os.open('.', os.O_RDONLY); os.fsync(d)\n"
CASES = {
    "unsynced": ("open('new', 'w').write('1')", {}),
    "bytes synced, name not": ("f = open('new', 'w'); f.write('1'); f.flush(); os.fsync(f.fileno())", {}),
    "name synced, bytes not": ("open('new', 'w').write('1')\n" + SYNC_DIRECTORY, {"new": ""}),
    "both synced": ("f = open('new', 'w'); f.write('12'); f.flush(); os.fdatasync(f.fileno())\n" + SYNC_DIRECTORY, {"new": "12"}),
    "written again after": (
        "f = open('new', 'w+'); f.write('12'); f.flush(); os.fsync(f.fileno())\n" + SYNC_DIRECTORY + "f.seek(0); f.write('34'); f.flush()",
        {"new": "12"},
    ),
    "only the changed range": ("f = os.open('old', os.O_WRONLY); os.pwrite(f, b'XY', 3); os.fsync(f)", {"old": "oldXYytes"}),
    "O_SYNC": ("f = os.open('old', os.O_WRONLY | os.O_SYNC); os.write(f, b'new')", {"old": "new bytes"}),
    "O_DSYNC, appended": ("f = os.open('old', os.O_WRONLY | os.O_DSYNC | os.O_APPEND); os.write(f, b'!')", {"old": "old bytes!"}),
    "truncated, not synced": ("open('old', 'w').close()", {"old": "old bytes"}),
    "truncated and synced": ("f = os.open('old', os.O_WRONLY); os.ftruncate(f, 3); os.fsync(f)", {"old": "old"}),
    "emptied and synced": ("f = open('old', 'w'); os.fsync(f.fileno())", {"old": ""}),
    "removed, not synced": ("os.unlink('old')", {"old": "old bytes"}),
    "removed and synced": ("os.unlink('old')\n" + SYNC_DIRECTORY, {}),
    "replaced, bytes synced, name not": (
        "f = open('t', 'w'); f.write('12'); f.flush(); os.fsync(f.fileno()); os.replace('t', 'old')",
        {"old": "old bytes"},
    ),
    "replaced and all synced": (
        "f = open('t', 'w'); f.write('12'); f.flush(); os.fsync(f.fileno()); os.replace('t', 'old')\n" + SYNC_DIRECTORY,
        {"old": "12"},
    ),
    "replaced, name synced, bytes not": ("open('t', 'w').write('12'); os.replace('t', 'old')\n" + SYNC_DIRECTORY, {"old": ""}),
    "in a new directory": (
        "os.mkdir('sub'); f = open('sub/x', 'w'); f.write('1'); f.flush(); os.fsync(f.fileno())\n"
        "d = os.open('sub', os.O_RDONLY); os.fsync(d)\n" + SYNC_DIRECTORY,
        {"sub/x": "1"},
    ),
    "many scattered writes": (
        "f = os.open('old', os.O_RDWR | os.O_TRUNC)\nfor n in range(999, -1, -1): os.pwrite(f, b'ab', n * 4)\nos.fsync(f)",
        {"old": "\0\0".join(["ab"] * 1000)},
    ),
    "a mapping": (
        "import mmap\nf = os.open('old', os.O_RDWR); m = mmap.mmap(f, 9); m[0:3] = b'NEW'; os.fsync(f); m[0:3] = b'not'",
        {"old": "NEW bytes"},
    ),
    "copied by the kernel": (
        "import shutil; shutil.copyfile('old', 'new'); f = os.open('new', os.O_RDONLY); os.fsync(f)\n" + SYNC_DIRECTORY,
        {"new": "old bytes"},
    ),
}


@pytest.mark.parametrize("case", CASES)
def test_the_disk_keeps_what_was_synced(directory: Path, case: str) -> None:
    program, found = CASES[case]
    (directory / "old").write_text("old bytes")
    (directory / "old").chmod(0o640)
    cut = PowerCut(directory)
    command = [sys.executable, "-c", f"import os, time\n{program}\nprint('done', flush=True)\ntime.sleep(60)"]
    with subprocess.Popen(command, cwd=directory, env=cut.environment(), stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "done\n"
        after = cut.cut(process)
    expected = ({} if "removed and synced" in case else {"old": "old bytes"}) | found
    assert {str(path.relative_to(after)): path.read_text() for path in after.rglob("*") if path.is_file()} == expected
    if case == "unsynced":
        assert (after / "old").stat().st_mode & 0o777 == 0o640


def test_a_process_outside_the_shim_is_noticed(directory: Path) -> None:
    cut = PowerCut(directory)
    cut.environment()
    with subprocess.Popen([sys.executable, "-c", "pass"]) as process:
        process.wait()
        with pytest.raises(RuntimeError, match="never came under the shim"):
            cut.cut(process)


def test_a_missing_compiler_fails_where_it_is_required(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", os.devnull)
    monkeypatch.setenv("STAGEDOOR_REQUIRE_CRASH", "1")
    with pytest.raises(pytest.fail.Exception, match="gcc"):
        powercut.shim()
    monkeypatch.delenv("STAGEDOOR_REQUIRE_CRASH")
    with pytest.raises(pytest.skip.Exception, match="gcc"):
        powercut.shim()
