"""Only kit touches the clock and randomness; everything above takes them as arguments."""

import ast

import pytest

from tests.laws.house import SOURCE, imported, imports_of, shown, sources, tree

MODULES = {"time", "random", "secrets", "uuid"}
CALLS = {
    "os.urandom",
    "os.getrandom",
    "datetime.now",
    "datetime.utcnow",
    "datetime.datetime.now",
    "datetime.datetime.utcnow",
    "date.today",
    "datetime.date.today",
}


def breaks(module: ast.Module) -> list[str]:
    names = {name for name in imported(module, ()) if name.split(".")[0] in MODULES}
    uses = {ast.unparse(node) for node in ast.walk(module) if isinstance(node, ast.Attribute) and ast.unparse(node) in CALLS}
    return sorted(names | uses)


def test_only_kit_touches_clock_and_randomness() -> None:
    outside = [path for path in sources() if not path.is_relative_to(SOURCE / "kit")]
    assert not [f"{shown(path)}: {found}" for path in outside if (found := breaks(tree(path)))]


def test_kit_knows_nothing_of_this_project() -> None:
    inside = [path for path in sources() if path.is_relative_to(SOURCE / "kit")]
    broken = [
        f"{shown(path)}: {name}"
        for path in inside
        for name in imports_of(path)
        if name.startswith("stagedoor.") and not name.startswith("stagedoor.kit")
    ]
    assert not broken


@pytest.mark.parametrize(
    "text", ["import time", "from time import sleep", "from datetime import datetime\nx = datetime.now()", "import os\nos.urandom(3)"]
)
def test_the_law_sees_a_break(text: str) -> None:
    assert breaks(ast.parse(text))
    assert not breaks(ast.parse("import asyncio, datetime\nclock.now()\nasyncio.get_running_loop().time()"))
