"""What the routes of a secret's versions and expiry answer (docs/decisions/0023-versions-and-expiry.md). How to read it: `notation.py`."""

from tests.api.authorization.expect_things import (
    EDIT_SECRET,
    EDITS_NO_SEC,
    EDITS_SECRET,
    LIST_SECRET,
    LISTS_SECRET,
    READ_SECRET,
    READS_SECRET,
    SECRETS,
)
from tests.api.authorization.notation import Row, every, row


def versions() -> list[Row]:
    """A version that no secret has is asked to be destroyed: the current one of another's would be 409 to whom it is 404."""
    route, path = "/api/secrets/{key}/versions", "/api/secrets/{secret!}/versions"
    return [
        row("GET", route, READS_SECRET, **READ_SECRET, path=path),
        row("POST", route + "/{version}/rollback", EDITS_SECRET, **EDIT_SECRET, path=path + "/1/rollback"),
        row(
            "DELETE", route + "/{version}", EDITS_NO_SEC, path=path + "/999",
            **{**SECRETS, "own": every("4"), "unknown": EDITS_NO_SEC, "grants": "33343"},
        ),
    ]  # fmt: skip


def expiry() -> list[Row]:
    """Everything in the table expires some day, so that the list has it."""
    route, path = "/api/secrets/{key}/expiry", "/api/secrets/{secret!}/expiry"
    return [
        row("GET", route, READS_SECRET, **READ_SECRET, path=path),
        row("PUT", route, EDITS_SECRET, **EDIT_SECRET, path=path, body={"expiresAt": None, "remindAt": 2_000_000_000_000}),
    ]


ROWS = (*versions(), *expiry(), row("GET", "/api/secrets-expiring", LISTS_SECRET, path="/api/secrets-expiring?days=3650", **LIST_SECRET))
