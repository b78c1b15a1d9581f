"""SQL stands in store/queries only; every name that code calls exists, and every statement is called."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.laws.house import SOURCE, shown, sources, tree

STATEMENT = re.compile(
    r"\s*(select\b.+\bfrom\b|insert\s+into\b|update\b\s+\w+\s+set\b|delete\s+from\b|create\s+(table|index|unique)\b|alter\s+table\b)",
    re.IGNORECASE | re.DOTALL,
)
CALLS = {"one", "all", "do"}
TRANSACTIONS = {"tx", "transaction", "t"}


def strings(module: ast.Module) -> Iterator[tuple[int, str]]:
    """Every string literal, docstrings left out: they may speak of SQL."""
    documents = {
        id(node.body[0].value)
        for node in ast.walk(module)
        if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef)
        and node.body
        and isinstance(node.body[0], ast.Expr)
    }
    for node in ast.walk(module):
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and id(node) not in documents:
            yield node.lineno, node.value


def receiver(node: ast.expr) -> str:
    return node.attr if isinstance(node, ast.Attribute) else node.id if isinstance(node, ast.Name) else ""


def called(module: ast.Module) -> Iterator[tuple[int, ast.expr]]:
    """The name given to each `tx.one|all|do`, as an expression."""
    for node in ast.walk(module):
        if not (isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr in CALLS and node.args):
            continue
        if receiver(node.func.value).lstrip("_") in TRANSACTIONS:
            yield node.lineno, node.args[0]


def statements() -> set[str]:
    names = [
        name
        for path in sorted((SOURCE / "store" / "queries").glob("*.sql"))
        for name in re.findall(r"(?m)^-- name: (\w+)", path.read_text())
    ]
    assert len(names) == len(set(names)), "a statement's name is given twice"
    return set(names)


def in_store(path: Path) -> bool:
    return path.is_relative_to(SOURCE / "store")


def test_sql_stands_in_the_store_only() -> None:
    found = [
        f"{shown(path)}:{line}" for path in sources() if not in_store(path) for line, text in strings(tree(path)) if STATEMENT.match(text)
    ]
    assert not found


def test_every_statement_that_is_called_exists() -> None:
    known = statements()
    missing = [
        f"{shown(path)}:{line} {name.value}"
        for path in sources()
        for line, name in called(tree(path))
        if isinstance(name, ast.Constant) and name.value not in known
    ]
    assert not missing


def test_every_statement_is_used() -> None:
    said = {text for path in sources() for _, text in strings(tree(path))}
    assert not sorted(statements() - said)


@pytest.mark.parametrize("text", ["select a from b", "INSERT INTO x VALUES (1)", "\n  delete from y", "update t set a = 1"])
def test_the_law_knows_sql(text: str) -> None:
    assert [found for _, found in strings(ast.parse(f"x = {text!r}")) if STATEMENT.match(found)] == [text]


def test_the_law_leaves_plain_english_alone() -> None:
    text = '"""select nothing from here"""\nx = "update of the task"\ny = "selected from the list"'
    assert not [found for _, found in strings(ast.parse(text)) if STATEMENT.match(found)]
    assert [ast.unparse(name) for _, name in called(ast.parse("tx.one('run_by_id', a=1); self.tx.do(name)"))] == ["'run_by_id'", "name"]
