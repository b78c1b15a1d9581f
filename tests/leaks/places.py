"""Where a secret could have been left: the database's files and rows, the server's log, and all it has answered."""

import sqlite3
from collections.abc import Iterable, Mapping
from pathlib import Path

import psycopg
from psycopg.conninfo import conninfo_to_dict

from tests.support.server import LiveServer


def rows(server: LiveServer) -> dict[str, bytes]:
    """Every row of every table as text, by table: PostgreSQL's files may hold long texts compressed."""
    return _postgres_rows(server.database) if server.database else _sqlite_rows(server.data / "stagedoor.db")


def _sqlite_rows(file: Path) -> dict[str, bytes]:
    database = sqlite3.connect(f"file:{file}?mode=ro", uri=True)
    try:
        tables = [row[0] for row in database.execute("SELECT name FROM sqlite_master WHERE type = 'table'")]
        return {f"table {table}": _text(database.execute(f'SELECT * FROM "{table}"')) for table in tables}
    finally:
        database.close()


def _postgres_rows(url: str) -> dict[str, bytes]:
    with psycopg.connect(url) as connection:
        tables = [row[0] for row in connection.execute("SELECT tablename FROM pg_tables WHERE schemaname = 'public'")]
        return {f"table {table}": _text(connection.execute(f'SELECT * FROM "{table}"'.encode())) for table in tables}


def _text(found: Iterable[tuple[object, ...]]) -> bytes:
    values = (value for row in found for value in row)
    return b"\n".join(value if isinstance(value, bytes) else str(value).encode() for value in values)


def keep_long_texts_readable(url: str) -> None:
    """Long values are not to be compressed, so that old versions of rows can be searched in PostgreSQL's files as well."""
    with psycopg.connect(url, autocommit=True) as connection:
        columns = "SELECT table_name, column_name FROM information_schema.columns WHERE table_schema = 'public' AND data_type = 'text'"
        for table, column in connection.execute(columns).fetchall():
            connection.execute(f'ALTER TABLE "{table}" ALTER COLUMN "{column}" SET STORAGE EXTERNAL'.encode())


def files(server: LiveServer) -> dict[str, bytes]:
    """The files of the database: main, WAL and shared memory of SQLite; the whole folder of PostgreSQL's server, its log and its WAL."""
    if not server.database:
        return _read(server.data)
    with psycopg.connect(server.database, autocommit=True) as connection:
        connection.execute("CHECKPOINT")
    return _read(Path(str(conninfo_to_dict(server.database)["host"])))


def _read(folder: Path) -> dict[str, bytes]:
    found = {}
    for path in sorted(folder.rglob("*")):
        if path.is_file() and not path.is_socket():
            found[f"file {path.relative_to(folder)}"] = path.read_bytes()
    return found


def kinds(where: Mapping[str, object]) -> set[str]:
    """`file`, `table`, ... of some places."""
    return {place.split()[0] for place in where}
