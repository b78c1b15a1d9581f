#!/usr/bin/env python3
"""Write docs/permissions.md from the route table, api/routes.py; `--check` fails where the page is stale."""

import sys
from collections.abc import Iterable, Iterator
from pathlib import Path

from pages import write_or_check

from stagedoor.api.app import make_app
from stagedoor.api.openapi import summary
from stagedoor.api.router import Route

PAGE = Path(__file__).resolve().parent.parent / "docs" / "permissions.md"
HEAD = """\
# Who may call what

Made by `make docs` from `src/stagedoor/api/routes.py`; `make check` fails where this page is stale. What is not in the table is refused.

Braces name a part of the path. An access (CREATE, READ, UPDATE, DELETE, EXECUTE) on a resource comes from a grant or from a role
(`docs/decisions/0003-roles.md`). Without a token that holds, every route but the public ones answers 401.

Who gives, takes or changes a role, a group, a tag, an invitation or a grant must hold what that gives as well, and who makes a key the
greater roles of its application (`docs/decisions/0018-groups-roles-tags.md`): it is asked in the transaction of the change.
"""


def rows(routes: Iterable[Route]) -> Iterator[str]:
    for route in routes:
        cells = (f"`{route.method}`", f"`{route.path}`", str(route.rule.text), summary(route))
        yield f"| {' | '.join(cell.replace('|', chr(92) + '|') for cell in cells)} |"


def page() -> str:
    routes = make_app(None).router.routes  # type: ignore[arg-type]  # only its table is looked at
    return "\n".join([HEAD, "| method | path | who may | what it does |", "|---|---|---|---|", *rows(routes), ""])


if __name__ == "__main__":
    sys.exit(write_or_check(PAGE, page()))
