"""What the routes of trusts and of `/oauth` answer (docs/decisions/0035-tokens-and-trusts.md): a trust is as good as a key."""

from typing import Any

from tests.api.authorization.expect_things import EDIT_APP, EDITS_APP, READ_APP, READS_APP
from tests.api.authorization.notation import Row, every, row

TERMS = {"issuer": "https://gitlab.example.com", "audience": "us", "conditions": {"project_id": "20"}}
ROUTE, PATH = "/api/applications/{id}/trusts", "/api/applications/{application!}/trusts"
NONE, WRONG = every("4"), every("0")
READ: dict[str, Any] = {**READ_APP, "path": PATH}
EDIT: dict[str, Any] = {**EDIT_APP, "path": PATH}
INNER: dict[str, Any] = {"nested": NONE, "inner": "trust"}


def trusts() -> list[Row]:
    """One of another application, in one's own's path, is not there."""
    one, at = ROUTE + "/{trustId}", PATH + "/{trust}"
    edit = {**EDIT, **INNER, "path": at}
    return [
        row("GET", ROUTE, READS_APP, **READ),
        row("POST", ROUTE, EDITS_APP, **EDIT, body=TERMS),
        row("POST", ROUTE + "/test", EDITS_APP, **{**EDIT, "path": PATH + "/test"}, body={"token": "none"}),
        row("GET", one, READS_APP, **{**READ, **INNER, "path": at}),
        row("PUT", one, EDITS_APP, **edit, body=TERMS),
        row("DELETE", one, EDITS_APP, **edit, spends=True),
        row("POST", one + "/status", EDITS_APP, **{**edit, "path": at + "/status"}),
    ]  # fmt: skip


def oauth() -> list[Row]:
    """Who calls proves itself in the form: one without it is 400 to everybody. This server does not know its address."""
    found = [row("GET", f"/.well-known/{name}", NONE, nobody="4") for name in ("openid-configuration", "oauth-authorization-server")]
    return [*found, *(row("POST", f"/oauth/{verb}", WRONG, nobody="0", body={}) for verb in ("token", "introspect", "revoke"))]


ROWS = (*trusts(), *oauth())
