"""Run every check against the server that CONDUCTOR_SERVER_URL names; one JSON line for each on standard output,
then what became of each method of the authorization clients, then exit 0.

`main.py NAME...` runs only checks whose name holds one of these texts.
"""

import importlib
import importlib.metadata
import json
import os
import sys
import time
import traceback
from collections.abc import Callable, Iterator
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))

from world import RECORD, WITNESS, World


def checks() -> Iterator[tuple[str, Callable[[World], None]]]:
    for path in sorted(Path(__file__).parent.glob("check_*.py")):
        for name, member in list(vars(importlib.import_module(path.stem)).items()):  # a check's first warning adds to it
            if name.startswith("check_") and getattr(member, "__module__", "") == path.stem:
                yield f"{path.stem.removeprefix('check_')}::{name.removeprefix('check_')}", member


def run(check: Callable[[World], None], world: World) -> str | None:
    """What went wrong, or None."""
    try:
        check(world)
    except Exception:
        return traceback.format_exc(limit=-4)
    return None


def main(wanted: list[str]) -> None:
    RECORD.install()
    WITNESS.install()
    world = World()
    print(json.dumps({"sdk": importlib.metadata.version("conductor-python")}), flush=True)
    for name, check in checks():
        if not wanted or any(text in name for text in wanted):
            began = time.monotonic()
            error = run(check, world)
            print(json.dumps({"check": name, "error": error, "seconds": round(time.monotonic() - began, 2)}), flush=True)
    print(json.dumps({"methods": {label: sorted(seen) for label, seen in WITNESS.seen.items()}}), flush=True)


if __name__ == "__main__":
    main(sys.argv[1:])
    os._exit(0)  # the SDK's worker threads may not have noticed yet that they are to stop
