"""Imports go down only: kit < store < core < engine < gate < api < bootstrap, cli, console."""

import ast
from collections.abc import Iterator
from pathlib import Path

from tests.laws.house import imported, imports_of, shown, sources

FLOORS = {"kit": 0, "store": 1, "core": 2, "engine": 3, "gate": 4, "settings": 5, "api": 6}  # settings: what gate's parts are set to
ROOF = {"bootstrap", "foundation", "cli", "console", "__main__", "demo", "canary"}
NEVER = {"api": {"store"}, "engine": {"core", "gate"}, "core": {"engine"}}
HTTP_LIBRARIES = {"aiohttp", "httpx", "requests", "starlette", "uvicorn", "httptools", "urllib.request", "http.client"}
DATABASE_DRIVERS = {"sqlite3", "psycopg", "psycopg_pool", "aiosql"}


def floor_of(path: Path) -> str:
    first = path.relative_to(path.parents[len(path.parents) - 1 - path.parts.index("stagedoor")]).parts[0]
    return first.removesuffix(".py")


def upward(floor: str, names: set[str]) -> Iterator[str]:
    """The names of the package that a module on `floor` may not import."""
    for name in sorted(names):
        parts = name.split(".")
        if parts[0] != "stagedoor" or len(parts) < 2 or floor in ROOF or floor == "__init__":
            continue
        target = parts[1]
        if target == floor or target == "__version__":
            continue
        if target in ROOF or FLOORS.get(target, 0) >= FLOORS[floor] or target in NEVER.get(floor, set()):
            yield name


def outside(names: set[str], libraries: set[str]) -> list[str]:
    return sorted(name for name in names if any(name == library or name.startswith(library + ".") for library in libraries))


def test_imports_go_down_only() -> None:
    broken = [f"{shown(path)} imports {name}" for path in sources() for name in upward(floor_of(path), imports_of(path))]
    assert not broken


def test_every_folder_has_a_floor() -> None:
    unknown = {floor_of(path) for path in sources()} - FLOORS.keys() - ROOF - {"__init__"}
    assert not unknown


def test_core_knows_no_http_library() -> None:
    broken = [
        f"{shown(path)}: {outside(imports_of(path), HTTP_LIBRARIES)}" for path in sources() if floor_of(path) in {"kit", "store", "core"}
    ]
    assert not [line for line in broken if not line.endswith("[]")]


def test_only_the_store_knows_a_database_driver() -> None:
    broken = [shown(path) for path in sources() if floor_of(path) != "store" and outside(imports_of(path), DATABASE_DRIVERS)]
    assert not broken


def test_the_law_sees_a_break() -> None:
    def names(text: str) -> set[str]:
        return set(imported(ast.parse(text), ("stagedoor", "core")))

    assert list(upward("core", names("from stagedoor.engine import port"))) == ["stagedoor.engine", "stagedoor.engine.port"]
    assert list(upward("core", names("from ..gate import sealing"))) == ["stagedoor.gate", "stagedoor.gate.sealing"]
    assert list(upward("api", names("def f():\n    import stagedoor.store.sqlite"))) == ["stagedoor.store.sqlite"]
    assert not list(upward("core", names("from stagedoor.store.store import Store\nfrom stagedoor.kit import ids")))
    assert outside(names("import http.client\nfrom aiohttp import web"), HTTP_LIBRARIES) == ["aiohttp", "aiohttp.web", "http.client"]
