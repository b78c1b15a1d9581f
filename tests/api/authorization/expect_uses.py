"""What the routes of uses, dry runs and releases answer (docs/decisions/0027-uses-and-releases.md). How to read it: `notation.py`."""

from tests.api.authorization.expect_runs import READS_RUN
from tests.api.authorization.expect_things import (
    EDIT_SECRET,
    EDITS_NO_SEC,
    EDITS_SECRET,
    OWN,
    READ_SECRET,
    READS_NO_SEC,
    READS_SECRET,
)
from tests.api.authorization.notation import Row, every, row

BOTH = {**EDIT_SECRET, "grants": "33333"}
"""READ and UPDATE: neither alone is enough."""
NO_RELEASE = every("4")


def uses() -> list[Row]:
    path = "/api/workflow/{run!}/secret-uses"
    return [
        row(
            "GET", "/api/workflow/{workflowId}/secret-uses", READS_RUN, path=path, own=OWN, unknown=every("4"), kind="WORKFLOW_DEF",
            refused="run {run}", grants="4+444",
        ),
        row("GET", "/api/secrets/{key}/where", EDITS_SECRET, path="/api/secrets/{secret!}/where", **BOTH),
        row("POST", "/api/secrets/{key}/policy/dry-run", EDITS_SECRET, path="/api/secrets/{secret!}/policy/dry-run", body={}, **BOTH),
    ]  # fmt: skip


def releases() -> list[Row]:
    """None of these secrets demands a release: none can be asked for, and there is none to agree to."""
    route, path = "/api/secrets/{key}", "/api/secrets/{secret!}"
    asks = READS_SECRET.replace("+", "9")
    return [
        row("GET", route + "/viewing", READS_SECRET, path=path + "/viewing", **READ_SECRET),
        row("PUT", route + "/viewing", EDITS_SECRET, path=path + "/viewing", body={}, **BOTH),
        row("GET", route + "/releases", READS_SECRET, path=path + "/releases", **READ_SECRET),
        row(
            "POST", route + "/releases", asks, path=path + "/releases", body={"reason": "to see it"},
            **{**READ_SECRET, "own": every("9"), "grants": "39333"},
        ),
        row(
            "POST", route + "/releases/{id}/approve", EDITS_NO_SEC, path=path + "/releases/none/approve",
            **{**BOTH, "own": NO_RELEASE},
        ),
        row(
            "DELETE", route + "/releases/{id}", READS_NO_SEC, path=path + "/releases/none",
            **{**READ_SECRET, "own": NO_RELEASE, "grants": "34333"},
        ),
    ]  # fmt: skip


ROWS = (*uses(), *releases())
