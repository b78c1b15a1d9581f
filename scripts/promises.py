#!/usr/bin/env python3
"""Write docs/promises.md from the `@pytest.mark.promise(number)` markers on the tests; `--check` fails where the page is stale."""

import ast
import sys
from collections.abc import Iterator
from pathlib import Path

from pages import write_or_check

ROOT = Path(__file__).resolve().parent.parent
PAGE = ROOT / "docs" / "promises.md"

PROMISES = {
    1: "No acknowledged change is lost, and no acknowledged revocation comes undone, by a crash or a power cut.",
    2: "Pausing or deleting a right or a credential counts at once on one node, within 1 s on every node, for issued tokens too.",
    3: "A credential's secret is shown once; nothing stored rebuilds it without the master key.",
    4: "Each kind of credential works only where it is meant to; one verifier and algorithm a kind; one principal a request.",
    5: "All failures at `POST /api/token` look alike; only failures are limited; a spoofed `X-Forwarded-For` changes nothing.",
    6: "A secret goes only to a consumer that author and consumer are entitled to, from a literal reference; data is never a template.",
    7: "A secret's value, plain or encoded, appears in no execution, search, log, error, export, metric, trace or audit row.",
    8: "No connection to loopback, link-local, private or metadata addresses for a workflow unless an operator allowed it.",
    9: "Every route is refused by default; one table defines access; what one may not see looks like what does not exist.",
    10: "Nobody grants what they do not hold; at least one administrator always remains.",
    11: "Every change, every secret shown and every refusal of a known principal has one audit row; the rows are chained.",
    12: "Bad input gets a clear 4xx that names the field; bodies, depth, headers, pages and times are bounded.",
    13: "A full disk or a lost database refuses changes with 503, keeps what was acknowledged, and heals without a restart.",
    14: "Expired tokens stay expired when the clock jumps back; audit order follows sequence.",
    15: "Names given by users cannot run in the console, forge log lines, or escape permission patterns.",
    16: "No default password; the first administrator is made exactly once; a restore pauses all credentials.",
    17: "No password costs enough memory or time to starve the token path.",
    18: "What the README claims as a number, `make bench` prints.",
}


def marked(node: ast.expr) -> Iterator[int]:
    """The numbers of a `pytest.mark.promise(...)` expression, or of a list of them."""
    if isinstance(node, ast.List | ast.Tuple):
        for item in node.elts:
            yield from marked(item)
    elif isinstance(node, ast.Call) and ast.unparse(node.func) == "pytest.mark.promise":
        yield from (arg.value for arg in node.args if isinstance(arg, ast.Constant) and isinstance(arg.value, int))


def kept(body: list[ast.stmt], inherited: frozenset[int], prefix: str) -> Iterator[tuple[int, str]]:
    """(promise, test) for each test in a module's or class's body; `pytestmark` and class decorators reach the tests inside."""
    here = inherited
    for node in body:
        if isinstance(node, ast.Assign) and any(isinstance(name, ast.Name) and name.id == "pytestmark" for name in node.targets):
            here |= set(marked(node.value))
    for node in body:
        if not isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            continue
        numbers = here.union(*(set(marked(decorator)) for decorator in node.decorator_list))
        if isinstance(node, ast.ClassDef):
            yield from kept(node.body, numbers, f"{prefix}{node.name}::")
        elif node.name.startswith("test_"):
            yield from ((number, prefix + node.name) for number in numbers)


def page() -> str:
    tests: dict[int, list[str]] = {number: [] for number in PROMISES}
    for path in sorted((ROOT / "tests").rglob("test_*.py")):
        for number, name in kept(ast.parse(path.read_text()).body, frozenset(), ""):
            tests[number].append(f"`{path.relative_to(ROOT)}::{name}`")
    lines = ["# What Stagedoor promises, and the tests that keep it", "", "Made by `make docs` from the markers on the tests.", ""]
    for number, text in PROMISES.items():
        lines += [f"## {number}. {text}", "", *(f"- {test}" for test in sorted(tests[number]) or ["no test yet"]), ""]
    return "\n".join(lines).rstrip() + "\n"


if __name__ == "__main__":
    sys.exit(write_or_check(PAGE, page()))
