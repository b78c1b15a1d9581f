"""Stores that `stagedoor init` has set up once in this process, to be copied: a second of CPU less for each test server."""

import atexit
import json
import os
import shutil
import subprocess
import sys
import tempfile
from functools import lru_cache
from pathlib import Path

ADMIN = "admin@example.com"
COMMAND = (sys.executable, "-m", "stagedoor")


def copy(data: Path, database: str | None) -> dict[str, str]:
    """What `init` printed. `database`: a new, empty PostgreSQL database, which is replaced."""
    folder, first = _initialised(None) if database is None else _initialised(_server_of(database))
    shutil.copytree(folder, data, dirs_exist_ok=True)
    data.chmod(0o700)
    if database is not None:
        _replace(database, _name())
    return dict(first)


@lru_cache
def _initialised(server: str | None) -> tuple[Path, dict[str, str]]:
    """By the PostgreSQL server; None is SQLite."""
    folder = Path(tempfile.mkdtemp(prefix="stagedoor-template-"))
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    where = [] if server is None else ["--database", _made(server, _name())]
    command = [*COMMAND, "init", "--data", str(folder), *where, "--admin", ADMIN, "--json"]
    plain = {name: value for name, value in os.environ.items() if not name.startswith("STAGEDOOR_")}
    return folder, json.loads(subprocess.run(command, env=plain, capture_output=True, check=True).stdout)


def _name() -> str:
    return f"template_{os.getpid()}"


def _server_of(database: str) -> str:
    from psycopg.conninfo import conninfo_to_dict, make_conninfo

    return make_conninfo("", **{**conninfo_to_dict(database), "dbname": "postgres"})


def _made(server: str, name: str) -> str:
    import psycopg
    from psycopg.conninfo import conninfo_to_dict, make_conninfo

    with psycopg.connect(server, autocommit=True) as connection:
        connection.execute(f"DROP DATABASE IF EXISTS {name}".encode())
        connection.execute(f"CREATE DATABASE {name}".encode())
    return make_conninfo("", **{**conninfo_to_dict(server), "dbname": name})


def _replace(database: str, template: str) -> None:
    import psycopg
    from psycopg.conninfo import conninfo_to_dict

    name = conninfo_to_dict(database)["dbname"]
    with psycopg.connect(_server_of(database), autocommit=True) as connection:
        connection.execute(f"DROP DATABASE {name} WITH (FORCE)".encode())
        connection.execute(f"CREATE DATABASE {name} TEMPLATE {template}".encode())
