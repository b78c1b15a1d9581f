"""Migrations: one list of `.sql` files for both databases, applied in order inside the transaction of the caller."""

import re
from collections.abc import Callable
from pathlib import Path

from stagedoor.kit.errors import Unavailable
from stagedoor.store.statements import HOME, Dialect, Schema, in_dialect
from stagedoor.store.store import Transaction

_FILE = re.compile(r"(\d{4})_(\w+)\.sql")
_COMMENT_LINE = re.compile(r"^\s*--.*$", re.MULTILINE)
_END = re.compile(r";[ \t]*$", re.MULTILINE)


def migrate(tx: Transaction, execute: Callable[[str], object], schema: Schema, dialect: Dialect, now: int) -> int:
    """Bring the database up to the newest version and return that. `execute` runs one plain statement in `tx`'s transaction.

    Unavailable if the database has had a migration that this code does not know."""
    for sql in statements(HOME / "migrations" / "0000_store.sql", dialect):
        execute(sql)
    row = tx.one("schema_version")
    had: int = -1 if row is None or row["version"] is None else row["version"]
    files = listed(schema)
    newest = max(files, default=0)
    if had > newest:
        raise Unavailable(f"the database has schema version {had}, this program knows versions up to {newest}: use a newer program")
    for version in sorted(number for number in files if number > had):
        for sql in statements(files[version], dialect):
            execute(sql)
        tx.do("schema_version_add", version=version, name=files[version].stem, applied_at=now)
    return newest


def listed(schema: Schema) -> dict[int, Path]:
    """The folder's migrations by number, without the store's own. ValueError: an odd name, or a number used twice."""
    files: dict[int, Path] = {}
    for path in sorted(schema.migrations.glob("*.sql")):
        name = _FILE.fullmatch(path.name)
        if name is None or int(name[1]) in files:
            raise ValueError(f"{path}: a migration is named NNNN_name.sql, each number once")
        files[int(name[1])] = path
    return {number: path for number, path in files.items() if number > 0}


def statements(path: Path, dialect: Dialect) -> list[str]:
    """The file's plain statements; each ends with `;` at the end of a line.

    A deferred constraint is refused (ValueError): on SQLite it would fail at COMMIT and take a group of writes with it."""
    text = _COMMENT_LINE.sub("", in_dialect(path.read_text(encoding="utf-8"), dialect))
    if "deferr" in text.lower():
        raise ValueError(f"{path.name}: constraints are checked at once here, never deferred")
    return [sql.strip() for sql in _END.split(text) if sql.strip()]
