"""What the routes of external stores answer (docs/decisions/0026-external-stores.md): all changes are an administrator's. `notation.py`."""

from typing import Any

from tests.api.authorization.expect_things import READS_NO_SEC, READS_SECRET, SECRETS
from tests.api.authorization.notation import Row, every, row

#        AUMWR- wmcuMWPAU- KHO
LISTS  = "s33333 3333333s33 333"  # fmt: skip
ADMINS = "+33333 3333333+33 333"  # fmt: skip
ABSENT = "433333 3333333433 333"  # fmt: skip
BODY = {"kind": "vault-kv-v2", "address": "https://localhost:1", "token": "some-token"}
STORE: dict[str, Any] = {"refused": "ADMIN_MANAGEMENT", "path": "/api/secret-stores/{store!}", "unknown": ABSENT}


def stores() -> list[Row]:
    """Trying one tells that it cannot be reached, and that is an answer."""
    route = "/api/secret-stores"
    return [
        row("GET", route, LISTS, sees="store", foreign=LISTS.replace("s", "."), refused="ADMIN_MANAGEMENT"),
        row("GET", route + "/{name}", ADMINS, **STORE),
        row("PUT", route + "/{name}", ADMINS, **{**STORE, "unknown": ADMINS}, body=BODY),
        row("DELETE", route + "/{name}", ADMINS, **STORE, spends=True),
        row("POST", route + "/{name}/check", ADMINS, **{**STORE, "path": STORE["path"] + "/check"}),
    ]


def sources() -> list[Row]:
    """The secrets of the table have values of their own: to who may READ one, where it lives is not to be found."""
    route, path = "/api/secrets/{key}/source", "/api/secrets/{secret!}/source"
    some: dict[str, Any] = {"path": path, "refused": "ADMIN_MANAGEMENT"}
    body = {"store": "{store}", "path": "team/db"}
    return [
        row(
            "GET", route, READS_SECRET.replace("+", "4"), **{**SECRETS, "own": every("4")}, path=path, unknown=READS_NO_SEC,
            grants="34333",
        ),
        row("PUT", route, ADMINS, **some, unknown=ADMINS, body=body, spends=True, stranger="4"),
        row("DELETE", route, ABSENT, **some, unknown=ABSENT),
    ]  # fmt: skip


ROWS = (*stores(), *sources())
