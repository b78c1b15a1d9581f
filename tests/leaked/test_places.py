"""What becomes something else between being listed and being read: `stagedoor scan` follows no link, waits for no pipe, and goes on."""

import json
import os
from collections.abc import Callable
from pathlib import Path

import pytest
from typer.testing import CliRunner

from stagedoor.cli import app, scan_places
from stagedoor.kit.keyformat import API_KEY

pytestmark = pytest.mark.timeout(30)
LSTAT = Path.lstat


def scanned(folder: Path) -> tuple[int, list[str], list[str]]:
    """(exit code, the names of files in which there is a key, what could not be looked at)."""
    done = CliRunner().invoke(app, ["scan", str(folder), "--json"])
    assert done.exception is None or isinstance(done.exception, SystemExit), done.exception
    told = json.loads(done.stdout)
    names = [[Path(one["place"]).name for one in told[what]] for what in ("findings", "problems")]
    return done.exit_code, names[0], names[1]


@pytest.fixture
def becomes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[Callable[[Path], object]], Path]:
    """A folder of two files with a key each, of which the first becomes something else once it was looked at."""
    folder = tmp_path / "folder"
    folder.mkdir()
    for name in ("a.txt", "b.txt"):
        (folder / name).write_text(API_KEY.new())

    def changing(change: Callable[[Path], object]) -> Path:
        def looked_at(self: Path) -> os.stat_result:
            found = LSTAT(self)
            if self.name == "a.txt":
                self.unlink()
                change(self)
            return found

        monkeypatch.setattr(Path, "lstat", looked_at)
        return folder

    return changing


@pytest.mark.parametrize("change", [os.mkfifo, Path.mkdir, lambda path: None], ids=["a pipe", "a folder", "nothing"])
def test_a_file_that_is_none_any_more_is_told_and_the_others_are_looked_at(
    becomes: Callable[[Callable[[Path], object]], Path], change: Callable[[Path], object]
) -> None:
    assert scanned(becomes(change)) == (1, ["b.txt"], ["a.txt"])


def test_a_file_that_is_a_link_by_now_is_not_followed(
    becomes: Callable[[Callable[[Path], object]], Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Else whoever owns the folder has another file read, and told of, by who may read it."""
    elsewhere = tmp_path / "elsewhere"
    elsewhere.write_text(API_KEY.new())
    assert scanned(becomes(lambda path: path.symlink_to(elsewhere))) == (1, ["b.txt"], ["a.txt"])
    (tmp_path / "folder" / "a.txt").unlink()
    (tmp_path / "folder" / "a.txt").write_text(API_KEY.new())
    monkeypatch.setattr(scan_places.os, "O_NOFOLLOW", 0)
    assert scanned(tmp_path / "folder") == (1, ["a.txt", "b.txt"], [])
