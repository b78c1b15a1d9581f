"""Named statements, loaded with aiosql from `.sql` files: a name, one comment line, the statement; a flat namespace.

One text serves both databases. `/*postgres ... */` stands for words that only PostgreSQL gets.
"""

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from functools import lru_cache
from pathlib import Path
from typing import Literal

import aiosql
from aiosql.types import SQLOperationType
from aiosql.utils import SQLLoadException, SQLParseException

Dialect = Literal["sqlite", "postgres"]
ONE, MANY, ROWS_CHANGED = "one row (^)", "many rows", "rows changed (!)"
HOME = Path(__file__).parent

_KINDS = {SQLOperationType.SELECT_ONE: ONE, SQLOperationType.SELECT: MANY, SQLOperationType.INSERT_UPDATE_DELETE: ROWS_CHANGED}
_DRIVERS = {"sqlite": "sqlite3", "postgres": "psycopg"}
_TABLES = re.compile(r"\b(?:from|join|into|update)\s+([a-z_]+)")
_POSTGRES_ONLY = re.compile(r"/\*postgres\b(.*?)\*/", re.DOTALL)


@dataclass(frozen=True, slots=True)
class Schema:
    """Where a store's migrations and statements lie. The store's own (epoch, schema version) always come from its own folder."""

    migrations: Path = HOME / "migrations"
    queries: Path = HOME / "queries"


@dataclass(frozen=True, slots=True, eq=False)
class Statement:
    """One named statement in one database's words. `point`: an indexed lookup, fast enough to run on the event loop.
    `reads`: a query, not a change that returns its row."""

    name: str
    kind: str
    sql: str
    point: bool
    reads: bool
    tables: frozenset[str] = frozenset()
    """Those that it reads or changes."""
    columns: list[str] = field(default_factory=list)
    """The names of what it gives: empty until it has run once. The schema does not change while a store is open."""


def in_dialect(sql: str, dialect: Dialect) -> str:
    """The text with `/*postgres ... */` taken out of its comment, or removed."""
    return _POSTGRES_ONLY.sub(r"\1" if dialect == "postgres" else "", sql)


def load(schema: Schema, dialect: Dialect) -> Mapping[str, Statement]:
    """All statements of the schema's folder and the store's own. A name used twice or a literal `%` is refused (ValueError)."""
    found: dict[str, Statement] = {}
    for path in _files(schema.queries, dialect):
        for statement in _parsed(path.name, path.read_text(encoding="utf-8"), dialect):
            if statement.name in found:
                raise ValueError(f"{path.name}: statement {statement.name} exists already")
            found[statement.name] = replace(statement, columns=[])  # each store learns its own
    return found


def point_only(statements: Mapping[str, Statement]) -> Mapping[str, Statement]:
    """Those that `read` may run."""
    return {name: each for name, each in statements.items() if each.point and each.reads}


def reading(statements: Mapping[str, Statement]) -> Mapping[str, Statement]:
    """Those that `scan` may run."""
    return {name: each for name, each in statements.items() if each.reads}


def _files(folder: Path, dialect: Dialect) -> Iterable[Path]:
    """The folder's, the store's own, and `postgres.sql` for PostgreSQL alone."""
    own = {HOME / "queries" / name for name in ("store.sql", "epoch.sql", "postgres.sql")}
    only_postgres = {HOME / "queries" / "postgres.sql"} if dialect == "sqlite" else set()
    return sorted((own | set(folder.glob("*.sql"))) - only_postgres)


@lru_cache(maxsize=256)
def _parsed(file: str, text: str, dialect: Dialect) -> tuple[Statement, ...]:
    """Kept by the text itself: a process that opens several stores reads the statements closely once, a tenth of a second of CPU."""
    return tuple(_statements(file, text, dialect))


def _statements(file: str, text: str, dialect: Dialect) -> Iterator[Statement]:
    try:
        queries = aiosql.from_str(in_dialect(text, dialect), _DRIVERS[dialect], mandatory_parameters=False)
    except (SQLLoadException, SQLParseException) as error:
        raise ValueError(f"{file}: {error}") from None
    names = [name for name in queries.available_queries if not name.endswith("_cursor")]
    if len(names) != len(re.findall(r"^-- name:", text, re.MULTILINE)):
        raise ValueError(f"{file}: a statement's name must not end in _cursor")
    for name in names:
        query = getattr(queries, name)
        if query.operation not in _KINDS:
            raise ValueError(f"statement {name} of {file}: only the suffixes ^ and ! and none are used here")
        if "%" in re.sub(r"%\(\w+\)s", "", query.sql):
            raise ValueError(f"statement {name} of {file} holds a literal %: make the pattern a parameter")
        point = (query.__doc__ or "").lower().startswith("point:")
        reads = query.sql.lstrip().lower().startswith(("select", "with"))
        yield Statement(name, _KINDS[query.operation], query.sql, point, reads, frozenset(_TABLES.findall(query.sql.lower())))
