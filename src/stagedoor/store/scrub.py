"""What was deleted must not lie about in a database's files: SQLite leaves it in pages that it may use again, and in its log."""

import contextlib
import mmap
import sqlite3
from collections.abc import Sequence
from pathlib import Path

from stagedoor.kit.clock import Clock
from stagedoor.kit.errors import Unavailable

WAITS = 20.0
"""Seconds for the writes and the readers of other processes."""


def scrub(path: Path, needles: Sequence[bytes], clock: Clock) -> bool:
    """Write the whole file anew (VACUUM) and empty the write-ahead log. Whether none of the `needles` is in either.

    Unavailable where other processes keep it from that for too long. Nobody writes to the database meanwhile, everybody reads."""
    with contextlib.closing(sqlite3.connect(path, WAITS, isolation_level=None)) as connection:
        try:
            connection.execute("PRAGMA secure_delete = ON")
            connection.execute("VACUUM")
            _empty_log(connection, clock)
        except sqlite3.Error as error:
            raise Unavailable(f"the file could not be written anew: {getattr(error, 'sqlite_errorname', type(error).__name__)}") from None
    return not any(holds(found, needles) for found in (path, path.with_name(f"{path.name}-wal")))


def _empty_log(connection: sqlite3.Connection, clock: Clock) -> None:
    """A reader of an old snapshot holds it up, so try for a while."""
    deadline = clock.monotonic() + WAITS
    while connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()[0]:
        if clock.monotonic() > deadline:
            raise Unavailable("the write-ahead log could not be emptied: a reader does not let go of it")
        connection.execute("PRAGMA busy_timeout = 1000")


def holds(path: Path, needles: Sequence[bytes]) -> bool:
    if not path.exists() or not path.stat().st_size:
        return False
    with path.open("rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as data:
        return any(data.find(needle) >= 0 for needle in needles)
