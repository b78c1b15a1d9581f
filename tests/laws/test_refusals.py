"""Every refusal says what is missing, in the words that explain gives (docs/explain.md)."""

import ast
from collections.abc import Iterator

import pytest

from tests.laws.house import shown, sources, tree

EXCEPT = {
    "gate/executions.py": "a task that a worker may not see: the same for every id, whether it exists or not",
    "api/problems.py": "the same, at the address that answers with it",
    "core/remedy.py": "its own text, which names the permission",
}


def silent(module: ast.Module) -> Iterator[int]:
    """Lines that make a Forbidden without `missing` in its text and without a verdict's reason."""
    for node in ast.walk(module):
        if isinstance(node, ast.Call) and ast.unparse(node.func).endswith("Forbidden"):
            text = ast.unparse(node)
            if "missing" not in text and ".reason" not in text:
                yield node.lineno


def test_every_refusal_says_what_is_missing() -> None:
    found = {shown(path): list(lines) for path in sources() if (lines := list(silent(tree(path))))}
    assert {name: lines for name, lines in found.items() if name not in EXCEPT} == {}
    assert found.keys() == EXCEPT.keys() and all(len(lines) == 1 for lines in found.values()), found


@pytest.mark.parametrize(
    ("text", "lines"),
    [
        ("raise Forbidden('no')", [1]),
        ("raise errors.Forbidden(f'no {thing}')", [1]),
        ("raise Forbidden(verdict.reason)", []),
        ("raise Forbidden(f'no (missing: {x})')", []),
    ],
)
def test_the_law_sees_a_break(text: str, lines: list[int]) -> None:
    assert list(silent(ast.parse(text))) == lines
