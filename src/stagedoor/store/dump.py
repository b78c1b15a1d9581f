"""All that a database holds, table by table, for whoever searches it for something that must not be there; and a database for a while."""

import sqlite3
from collections.abc import Iterable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path

from stagedoor.kit.errors import Unavailable


def sqlite_tables(file: Path) -> dict[str, bytes]:
    """Name -> every value of every row, one a line."""
    with closing(sqlite3.connect(f"{file.absolute().as_uri()}?mode=ro", uri=True)) as database:
        tables = [row[0] for row in database.execute("SELECT name FROM sqlite_master WHERE type = 'table'")]
        return {table: _lines(database.execute(f'SELECT * FROM "{table}"')) for table in tables}  # noqa: S608  names of our own schema


def postgres_tables(url: str) -> dict[str, bytes]:
    """The same."""
    import psycopg
    from psycopg.sql import SQL, Identifier

    with psycopg.connect(url) as database:
        tables = [row[0] for row in database.execute("SELECT tablename FROM pg_tables WHERE schemaname = 'public'")]
        return {table: _lines(database.execute(SQL("SELECT * FROM {}").format(Identifier(table)))) for table in tables}


@contextmanager
def temporary_database(url: str, name: str) -> Iterator[str]:
    """An empty database beside the one that `url` names, on the same server; gone at the end. Unavailable where it cannot be made."""
    import psycopg
    from psycopg.conninfo import make_conninfo
    from psycopg.sql import SQL, Identifier

    try:
        with psycopg.connect(url, autocommit=True) as database:
            database.execute(SQL("CREATE DATABASE {} TEMPLATE template0 ENCODING 'UTF8'").format(Identifier(name)))
    except psycopg.Error as problem:
        raise Unavailable(f"no temporary database can be made (the role needs CREATEDB): {type(problem).__name__}") from None
    try:
        yield make_conninfo(url, dbname=name)
    finally:
        with psycopg.connect(url, autocommit=True) as database:
            database.execute(SQL("DROP DATABASE IF EXISTS {} WITH (FORCE)").format(Identifier(name)))


def _lines(rows: Iterable[tuple[object, ...]]) -> bytes:
    values = (value for row in rows for value in row)
    return b"\n".join(value if isinstance(value, bytes) else str(value).encode("utf-8", "replace") for value in values)
