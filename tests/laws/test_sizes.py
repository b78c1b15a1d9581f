"""Files of 350 lines at most, functions of 40, five positional arguments."""

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.laws.house import ROOT, shown, sources, tree

FILE_LINES = 350
FUNCTION_LINES = 40
ARGUMENTS = 5


def functions(module: ast.Module) -> Iterator[ast.FunctionDef | ast.AsyncFunctionDef]:
    return (node for node in ast.walk(module) if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef))


def length(node: ast.FunctionDef | ast.AsyncFunctionDef) -> int:
    return (node.end_lineno or node.lineno) - node.lineno + 1


def positional(node: ast.FunctionDef | ast.AsyncFunctionDef) -> int:
    names = [argument.arg for argument in (*node.args.posonlyargs, *node.args.args)]
    return len(names) - (names[:1] in (["self"], ["cls"]))


def beside_the_package() -> list[Path]:
    return sorted(path for folder in ("tests", "scripts", "bench") for path in (ROOT / folder).rglob("*.py"))


def test_files_are_short() -> None:
    long = [
        f"{shown(path)}: {count}" for path in sources() + beside_the_package() if (count := len(path.read_text().splitlines())) > FILE_LINES
    ]
    assert not long


def test_functions_are_short() -> None:
    long = [
        f"{shown(path)}:{node.lineno} {node.name}: {length(node)}"
        for path in sources()
        for node in functions(tree(path))
        if length(node) > FUNCTION_LINES
    ]
    assert not long


def test_functions_take_few_arguments() -> None:
    many = [
        f"{shown(path)}:{node.lineno} {node.name}: {positional(node)}"
        for path in sources()
        for node in functions(tree(path))
        if positional(node) > ARGUMENTS
    ]
    assert not many


@pytest.mark.parametrize(("text", "count"), [("def f(a, b, /, c, *, d): ...", 3), ("class A:\n  def f(self, a): ...", 1)])
def test_the_law_counts_positional_arguments(text: str, count: int) -> None:
    assert [positional(node) for node in functions(ast.parse(text))] == [count]
