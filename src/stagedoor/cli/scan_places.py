"""Where `stagedoor scan` looks: files and folders, and every object of a git repository, all read as streams."""

import gzip
import os
import re
import shutil
import stat
import subprocess
import sys
import tempfile
import zlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import IO

CHUNK = 1 << 20
_OBJECT = re.compile(rb"([0-9a-f]{40,64}) (\w+) (\d+)")


def nowhere(secret: str) -> str:
    """It is told by the line."""
    return ""


@dataclass(frozen=True, slots=True)
class Place:
    """`within`: where in it a secret stands, where lines say nothing; `told`: a better name, looked for once something is found."""

    name: str
    chunks: Callable[[], Iterator[bytes]]
    lines: bool = True
    within: Callable[[str], str] = nowhere
    told: Callable[[], str] | None = None


@dataclass
class Problems:
    """What could not be read: (place, why)."""

    found: list[tuple[str, str]] = field(default_factory=list)

    def add(self, place: object, why: str) -> None:
        self.found.append((str(place), why))


def places(path: Path, problems: Problems, *, history: bool) -> Iterator[Place]:
    """A file, or all files below a folder, with the history of the repositories in it; `-` is the standard input. Links are not followed;
    devices and pipes are not opened."""
    if str(path) == "-":
        yield Place("-", lambda: iter(partial(sys.stdin.buffer.read, CHUNK), b""))
        return
    try:
        mode = path.lstat().st_mode
    except OSError as problem:
        problems.add(path, problem.strerror or "it cannot be read")
        return
    if stat.S_ISREG(mode):
        yield _file(path)
    elif stat.S_ISDIR(mode):
        yield from _folder(path, problems, history=history)
    else:
        problems.add(path, "it is neither a file nor a folder")


def _folder(top: Path, problems: Problems, *, history: bool) -> Iterator[Place]:
    def unreadable(problem: OSError) -> None:
        problems.add(problem.filename, problem.strerror or "it cannot be read")

    for folder, folders, files in os.walk(top, onerror=unreadable):
        here = Path(folder)
        folders.sort()
        if history and (bare := _is_git_folder(here)):
            folders[:] = [name for name in folders if name != "objects"]
            if here.name != ".git" or here == top:
                yield from objects(here, problems)
        if history and not bare and ".git" in (*folders, *files):
            yield from objects(here, problems)
        for name in sorted(files):
            try:
                regular = stat.S_ISREG((here / name).lstat().st_mode)
            except OSError as problem:
                unreadable(problem)
            else:
                if regular:
                    yield _file(here / name)


def _is_git_folder(folder: Path) -> bool:
    return (folder / "HEAD").is_file() and (folder / "objects").is_dir() and (folder / "refs").is_dir()


def _file(path: Path) -> Place:
    return Place(str(path), lambda: _read(path))


def _open(path: Path) -> IO[bytes]:
    """What was a file a moment ago may be a link or a pipe by now: neither is followed or waited for. OSError."""
    descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_NOFOLLOW | os.O_CLOEXEC)
    if not stat.S_ISREG(os.fstat(descriptor).st_mode):
        os.close(descriptor)
        raise OSError(0, "it is no file any more")
    return os.fdopen(descriptor, "rb", buffering=0)


def _read(path: Path) -> Iterator[bytes]:
    """What is packed by gzip, as rotated logs are, is looked at unpacked. OSError where it cannot be read."""
    with _open(path) as file:
        packed = path.suffix == ".gz" and file.read(2) == b"\x1f\x8b"
        file.seek(0)
        try:
            with gzip.GzipFile(fileobj=file) if packed else file as plain:
                while chunk := plain.read(CHUNK):
                    yield chunk
        except (EOFError, zlib.error) as problem:
            raise OSError(0, f"it does not unpack: {problem}") from None


def objects(repository: Path, problems: Problems) -> Iterator[Place]:
    """Every object of a repository, also those that no branch reaches any more. Nothing of its configuration is run."""
    git = shutil.which("git")
    if git is None:
        problems.add(repository, "its history was not looked at: there is no git here")
        return
    listing = (git, *_SAFE, "-C", str(repository), "cat-file", "--batch-all-objects", "--unordered", "--buffer", "--batch")
    with (
        tempfile.TemporaryFile() as errors,  # as long as they get: git never waits for a reader
        subprocess.Popen(listing, stdout=subprocess.PIPE, stderr=errors, stdin=subprocess.DEVNULL, env=_environment()) as process,  # noqa: S603  no shell, fixed words
    ):
        assert process.stdout is not None
        yield from _listed(process.stdout, git, repository)
        failed = process.wait() != 0
        errors.seek(0)
        told = errors.read(2000).decode("utf-8", "replace").strip()
        if failed or told.startswith(("error:", "fatal:")):  # of an object that does not unpack git says so, and goes on
            problems.add(repository, f"its history was not looked at in full: {told}")


_SAFE = (
    "--no-pager", "-c", "core.fsmonitor=false", "-c", "core.hooksPath=/dev/null", "-c", "protocol.allow=never",
    "-c", "log.showSignature=false",
)  # fmt: skip
"""Whatever a repository's own configuration would have git run."""


def _environment() -> dict[str, str]:
    kept = {name: value for name, value in os.environ.items() if name in ("PATH", "HOME")}
    return {**kept, "GIT_NO_LAZY_FETCH": "1", "GIT_TERMINAL_PROMPT": "0", "GIT_OPTIONAL_LOCKS": "0", "LC_ALL": "C"}


def _listed(stream: IO[bytes], git: str, repository: Path) -> Iterator[Place]:
    while header := stream.readline(200):
        match = _OBJECT.fullmatch(header.rstrip(b"\n"))
        if match is None:
            continue
        name, kind, size = match[1].decode(), match[2].decode(), int(match[3])
        body = _Body(stream, size)
        yield Place(f"{repository} {kind} {name}", body.read, told=lambda name=name, kind=kind: _told(git, repository, kind, name))  # type: ignore[misc]
        body.skip()


@dataclass
class _Body:
    """An object within the stream, with the line end after it."""

    stream: IO[bytes]
    left: int

    def read(self) -> Iterator[bytes]:
        while self.left > 0 and (chunk := self.stream.read(min(self.left, CHUNK))):
            self.left -= len(chunk)
            yield chunk

    def skip(self) -> None:
        for _ in self.read():
            pass
        self.stream.read(1)


def _told(git: str, repository: Path, kind: str, name: str) -> str:
    """The newest commit that put it there or took it away, and its path."""
    if kind != "blob":
        return f"{repository} {kind} {name[:12]}"
    newest = ("log", "--all", "-1", "--no-show-signature", "--format=%H", "--raw", "-z", "--no-abbrev", f"--find-object={name}")
    asked = (git, *_SAFE, "-C", str(repository), *newest)
    done = subprocess.run(asked, capture_output=True, check=False, stdin=subprocess.DEVNULL, env=_environment())  # noqa: S603  as above
    parts = done.stdout.decode("utf-8", "replace").split("\0")
    commit, path = parts[0].strip()[:12], next((part for part in reversed(parts) if part and not part.startswith(":")), "")
    return f"{repository}@{commit}:{path}" if commit and len(parts) > 1 else f"{repository} {kind} {name[:12]}"
