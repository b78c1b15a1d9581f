"""What the routes of projects' secret keys and those under `/v1` answer (docs/decisions/0033-project-keys.md). `notation.py`."""

from typing import Any

from tests.api.authorization.notation import Row, every, row

#        AUMWR- wmcuMWPAU- KHO
ADMINS = "+33333 3333333+33 333"  # fmt: skip
ABSENT = "433333 3333333433 333"  # fmt: skip
BROKEN = "033333 3333333033 333"  # fmt: skip
NONE = every("4")
OWN: dict[str, Any] = {"unknown": NONE, "refused": "ADMIN_MANAGEMENT"}


def secret_keys() -> list[Row]:
    """Administrators of the project; to anybody else another project is not there."""
    route, path = "/api/projects/{id}/secret-keys", "/api/projects/{project!}/secret-keys"
    inside: dict[str, Any] = {"unknown": ABSENT, "refused": "ADMIN_MANAGEMENT"}
    one, stranger = "/api/projects/{project}/secret-keys/{secret_key!}", "4"
    return [
        row("GET", route, ADMINS, **OWN, path=path),
        row("POST", route, ADMINS, **OWN, path=path, body={"name": "{new}"}),
        row("POST", route + "/import", BROKEN, **OWN, path=path + "/import", body={"name": "{new}", "sha256": "none"}),
        row("DELETE", route + "/{keyId}", ADMINS, **inside, path=one, spends=True, stranger=stranger),
        row("POST", route + "/{keyId}/status", ADMINS, **inside, path=one + "/status", spends=True, stranger=stranger),
    ]


def v1() -> list[Row]:
    """No caller of the table shows a secret key: whoever they are, they are nobody here. What a secret key may: tests/v1."""
    return [
        row("GET", "/v1/end-users", every("1")),
        row("POST", "/v1/end-users", every("1"), body={"companyName": "{new}", "sourceId": "{new}", "email": "{new}"}),
        row("GET", "/v1/end-users/{id}", every("1"), path="/v1/end-users/end_usr_none"),
        row("DELETE", "/v1/end-users/{id}", every("1"), path="/v1/end-users/end_usr_none"),
        row("POST", "/v1/end-users/{id}/passthrough/{integrationSlug}", every("1"), path="/v1/end-users/end_usr_none/passthrough/crm"),
        row("POST", "/v1/auth-sessions", every("1"), body={"publishableKey": "{new}", "endUserId": "{new}"}),
        row("GET", "/v1/quickbooks-desktop/health-check", every("1")),
    ]


ROWS = (*secret_keys(), *v1())
