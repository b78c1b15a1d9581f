"""Generated pages: written, or with `--check` compared with what stands in the file."""

import sys
from pathlib import Path


def write_or_check(page: Path, wanted: str) -> int:
    """The exit code: 1 where `--check` finds the page stale."""
    if "--check" not in sys.argv[1:]:
        page.write_text(wanted)
        return 0
    if page.exists() and page.read_text() == wanted:
        return 0
    print(f"docs/{page.name} is stale: run `make docs`", file=sys.stderr)
    return 1
