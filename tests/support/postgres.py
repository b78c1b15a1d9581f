"""A private PostgreSQL server for the tests: started once a session in a folder of its own, gone afterwards."""

import contextlib
import ctypes
import glob
import os
import pwd
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest

PLACES = "/usr/lib/postgresql/*/bin"
SETTINGS = {
    "listen_addresses": "",
    "fsync": "on",
    "max_connections": "200",
    "shared_buffers": "32MB",
    "logging_collector": "off",
}


class Cluster:
    """A server that only this machine's users reach, through a socket in its own folder. PostgreSQL refuses to run as root,
    so there it runs as `postgres` or `nobody`."""

    def __init__(self, binaries: Path) -> None:
        self._binaries = binaries
        self._folder = Path(tempfile.mkdtemp(prefix="stagedoor-pg-", dir="/tmp"))
        self._as = self._other_user()
        self._process: subprocess.Popen[bytes] | None = None
        if self._as:
            shutil.chown(self._folder, self._as["user"], self._as["group"])
        self._folder.chmod(0o755)
        self._run("initdb", "--auth=trust", "--username=postgres", "--encoding=UTF8", "--locale=C", "--no-sync")

    def start(self) -> None:
        """The server is a child that dies with the tests, however those end."""
        settings = [f"--{name}={value}" for name, value in {**SETTINGS, "unix_socket_directories": self._folder}.items()]
        with Path(self._folder, "log").open("ab") as log:
            self._process = subprocess.Popen(
                [str(self._binaries / "postgres"), *settings],
                env=self._environment(), cwd="/", stdin=subprocess.DEVNULL, stdout=log, stderr=log, preexec_fn=_die_with_parent, **self._as,
            )  # fmt: skip
        self._run("pg_isready", f"--host={self._folder}", "--quiet", tries=200)

    def stop(self) -> None:
        """What a crash of the server looks like to its clients: no goodbye, and recovery at the next start."""
        if self._process is not None:
            self._process.send_signal(signal.SIGQUIT)
            self._process.wait(10)
            self._process = None

    def remove(self) -> None:
        self.stop()
        shutil.rmtree(self._folder, ignore_errors=True)

    def url(self, database: str = "postgres") -> str:
        return f"postgresql://postgres@/{database}?host={self._folder}"

    def _run(self, program: str, *arguments: str, tries: int = 1) -> None:
        command = [str(self._binaries / program), *arguments]
        for left in reversed(range(tries)):
            done = subprocess.run(
                command, check=left == 0, capture_output=True, env=self._environment(), cwd="/", stdin=subprocess.DEVNULL, **self._as
            )
            if done.returncode == 0:
                return
            time.sleep(0.05)

    def _environment(self) -> dict[str, str]:
        return {"PGDATA": str(self._folder / "data"), "PATH": os.environ["PATH"], "LC_ALL": "C"}

    @staticmethod
    def _other_user() -> dict[str, Any]:
        if os.geteuid() != 0:
            return {}
        names = {entry.pw_name: entry for entry in pwd.getpwall()}
        entry = names.get("postgres") or names["nobody"]
        return {"user": entry.pw_uid, "group": entry.pw_gid, "extra_groups": []}


def _die_with_parent() -> None:
    """Linux alone: SIGQUIT, an immediate shutdown, when the parent is gone."""
    with contextlib.suppress(OSError, AttributeError):
        ctypes.CDLL(None).prctl(1, signal.SIGQUIT)


def binaries() -> Path | None:
    """The folder of the newest PostgreSQL on this machine."""
    for folder in sorted(glob.glob(PLACES), key=lambda path: float(Path(path).parent.name), reverse=True):
        if os.access(Path(folder, "initdb"), os.X_OK):
            return Path(folder)
    found = shutil.which("initdb")
    return Path(found).resolve().parent if found else None


def required() -> bool:
    return os.environ.get("STAGEDOOR_REQUIRE_POSTGRES") == "1"


@contextlib.contextmanager
def server() -> Iterator[str]:
    """The URL of a server's maintenance database: STAGEDOOR_TEST_POSTGRES, else that of a private server."""
    given = os.environ.get("STAGEDOOR_TEST_POSTGRES", "auto")
    if given != "auto":
        yield given
        return
    with private_cluster() as cluster:
        yield cluster.url()


@contextlib.contextmanager
def private_cluster() -> Iterator[Cluster]:
    """A running server that a test may stop and start. Without PostgreSQL on this machine: skip, or fail where it is required."""
    folder = binaries()
    if folder is None:
        why = "PostgreSQL is not installed here (no initdb in /usr/lib/postgresql/*/bin or on the PATH)"
        if required():
            pytest.fail(why)
        pytest.skip(why)
    cluster = Cluster(folder)
    try:
        cluster.start()
        yield cluster
    finally:
        cluster.remove()


@contextlib.contextmanager
def database(server_url: str) -> Iterator[str]:
    """The URL of a new, empty database, dropped at the end."""
    import psycopg
    from psycopg.conninfo import conninfo_to_dict, make_conninfo

    name = f"test_{uuid4().hex[:12]}"
    with psycopg.connect(server_url, autocommit=True) as connection:
        connection.execute(f"CREATE DATABASE {name}".encode())
    try:
        yield make_conninfo("", **{**conninfo_to_dict(server_url), "dbname": name})
    finally:
        with psycopg.connect(server_url, autocommit=True) as connection:
            connection.execute(f"DROP DATABASE {name} WITH (FORCE)".encode())
