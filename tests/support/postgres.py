"""A private PostgreSQL server for the tests: started once a session in a folder of its own, gone afterwards."""

import contextlib
import glob
import os
import pwd
import shutil
import subprocess
import tempfile
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
        if self._as:
            shutil.chown(self._folder, self._as["user"], self._as["group"])
        self._folder.chmod(0o755)
        self._run("initdb", "--auth=trust", "--username=postgres", "--encoding=UTF8", "--locale=C", "--no-sync")

    def start(self) -> None:
        options = " ".join(f"-c {name}='{value}'" for name, value in {**SETTINGS, "unix_socket_directories": self._folder}.items())
        self._run("pg_ctl", "--wait", "--silent", f"--log={self._folder}/log", f"--options={options}", "start")

    def stop(self, mode: str = "immediate") -> None:
        """`immediate` is what a crash of the server looks like to its clients: no goodbye, recovery at the next start."""
        self._run("pg_ctl", "--wait", "--silent", f"--mode={mode}", "stop")

    def remove(self) -> None:
        with contextlib.suppress(subprocess.CalledProcessError):
            self.stop()
        shutil.rmtree(self._folder, ignore_errors=True)

    def url(self, database: str = "postgres") -> str:
        return f"postgresql://postgres@/{database}?host={self._folder}"

    def _run(self, program: str, *arguments: str) -> None:
        environment = {"PGDATA": str(self._folder / "data"), "PATH": os.environ["PATH"], "LC_ALL": "C"}
        command = [str(self._binaries / program), *arguments]
        subprocess.run(command, check=True, capture_output=program == "initdb", env=environment, cwd="/", stdin=subprocess.DEVNULL, **self._as)

    @staticmethod
    def _other_user() -> dict[str, Any]:
        if os.geteuid() != 0:
            return {}
        names = {entry.pw_name: entry for entry in pwd.getpwall()}
        entry = names.get("postgres") or names["nobody"]
        return {"user": entry.pw_uid, "group": entry.pw_gid, "extra_groups": []}


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
        pytest.fail(why) if required() else pytest.skip(why)
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
