"""What the routes of integrations and of the hosted flow answer (docs/decisions/0034-connections.md). `notation.py`."""

from typing import Any

from tests.api.authorization.expect_project_keys import ABSENT, ADMINS, OWN
from tests.api.authorization.notation import Row, every, row

NONE = every("4")


def integrations() -> list[Row]:
    """Administrators of the project; to anybody else another project is not there."""
    route, path = "/api/projects/{id}/integrations", "/api/projects/{project!}/integrations"
    inside: dict[str, Any] = {"unknown": ABSENT, "refused": "ADMIN_MANAGEMENT", "stranger": "4"}
    one, body = "/api/projects/{project}/integrations/{integration!}", {"name": "A service", "fields": []}
    refused = "033333 3333333033 333"
    return [
        row("GET", route, ADMINS, **OWN, path=path),
        row("POST", route, refused, **OWN, path=path, body={**body, "slug": "one"}),
        row("GET", route + "/{slug}", ADMINS, **inside, path=one),
        row("PUT", route + "/{slug}", refused, **{**inside, "unknown": refused}, path=one, body=body),
        row("DELETE", route + "/{slug}", ADMINS, **inside, path=one, spends=True),
    ]  # fmt: skip


def flow() -> list[Row]:
    """Whoever calls: without a link that is good, or the cookie of one, there is nothing here. With them: tests/connect."""
    pages: dict[str, Any] = {"nobody": "4"}
    return [
        row("GET", "/connect/{clientSecret}", NONE, **pages, path="/connect/{new}"),
        row("GET", "/connect/", NONE, **pages),
        row("GET", "/connect/integrations/{slug}", NONE, **pages, path="/connect/integrations/{new}"),
        row("POST", "/connect/integrations/{slug}", NONE, **pages, path="/connect/integrations/{new}"),
        row("GET", "/connect/callback/{project}/{slug}", NONE, **pages, path="/connect/callback/{new}/{new}"),
        row("GET", "/connect/done", NONE, **pages),
        row("GET", "/connect/style.css", every("+"), nobody="+"),
    ]


ROWS = (*integrations(), *flow())
