"""What the routes of environment variables answer: written from the contract (contract/orkes.md A and C) and the decisions 0003 and 0024.
ADMIN and METADATA_MANAGER make them and hold all of them; of others each needs a grant. How to read it: `notation.py`."""

from tests.api.authorization.notation import Row, every, row

TAG = {"key": "team", "value": "a"}
#              AUMWR- wmcuMWPAU- KHO
LISTS       = "s.s... ....s..s.. ..."  # fmt: skip
HOLDS       = "+3+333 3333+33+33 333"  # fmt: skip
HOLDS_NONE  = "434333 3333433433 333"  # fmt: skip
VARIABLE = {"own": every("+"), "kind": "ENV_VARIABLE", "refused": "ENV_VARIABLE {variable}"}
READ = {**VARIABLE, "unknown": HOLDS_NONE, "grants": "3+333"}
EDIT = {**VARIABLE, "unknown": HOLDS_NONE, "grants": "33+33"}


def variables() -> list[Row]:
    """PUT makes what is not there."""
    path = "/api/environment/{variable!}"
    tags = {"path": path + "/tags"}
    return [
        row("GET", "/api/environment", LISTS, own=every("s"), foreign=every("."), sees="variable", kind="ENV_VARIABLE", grants=".s..."),
        row("GET", "/api/environment/{key}", HOLDS, path=path, **READ),
        row("PUT", "/api/environment/{key}", HOLDS, path=path, body=b"another", **{**EDIT, "unknown": HOLDS}),
        row("DELETE", "/api/environment/{key}", HOLDS, path=path, **{**EDIT, "grants": "333+3"}, spends=True),
        row("GET", "/api/environment/{name}/tags", HOLDS, **READ, **tags),
        row("PUT", "/api/environment/{name}/tags", HOLDS, **EDIT, **tags, body=[TAG]),
        row("DELETE", "/api/environment/{name}/tags", HOLDS, **EDIT, **tags, body=[TAG]),
    ]


ROWS = tuple(variables())
