"""What the routes that rotate keys and roll that back answer (docs/decisions/0037-rotation-by-overlap.md). `notation.py`.

Who may make such a key may rotate it. What was never rotated cannot be rolled back: 409 to who may.
"""

from typing import Any

from tests.api.authorization.notation import Row, every, row

NONE = every("4")
#                AUMWR- wmcuMWPAU- KHO
EDITS_APP    = "+44434 444444++44 344"  # fmt: skip
UNROTATED    = "944434 4444449944 344"  # fmt: skip
EDITS_NO_APP = "444434 4444444444 344"  # fmt: skip
ADMINS       = "+33333 3333333+33 333"  # fmt: skip
NOT_ROTATED  = "933333 3333333933 333"  # fmt: skip
ABSENT       = "433333 3333333433 333"  # fmt: skip


def access_keys() -> list[Row]:
    """UPDATE on the application. A key of another application, in one's own's path, is not there."""
    route, path = "/api/applications/{id}/accessKeys/{keyId}", "/api/applications/{application!}/accessKeys/{key}"
    both: dict[str, Any] = {
        "unknown": EDITS_NO_APP, "kind": "APPLICATION", "grants": "43444", "refused": "APPLICATION {application}", "nested": NONE,
        "inner": "key",
    }  # fmt: skip
    return [
        row("POST", route + "/rotate", EDITS_APP, own=every("+"), path=path + "/rotate", spends=True, **both),
        row("POST", route + "/rollback", UNROTATED, own=every("9"), path=path + "/rollback", **both),
    ]


def api_keys() -> list[Row]:
    """The key in question is that of whoever set the table: to everybody else it is not there, administrators too."""
    route, path = "/api/keys/{id}", "/api/keys/{api_key!}"
    return [row("POST", f"{route}/{verb}", NONE, unknown=NONE, path=f"{path}/{verb}") for verb in ("rotate", "rollback")]


def secret_keys() -> list[Row]:
    """Administrators of the project; to anybody else another project is not there."""
    route, path = "/api/projects/{id}/secret-keys/{keyId}", "/api/projects/{project}/secret-keys/{secret_key!}"
    inside: dict[str, Any] = {"unknown": ABSENT, "refused": "ADMIN_MANAGEMENT", "stranger": "4"}
    return [
        row("POST", route + "/rotate", ADMINS, **inside, path=path + "/rotate", spends=True),
        row("POST", route + "/rollback", NOT_ROTATED, **inside, path=path + "/rollback"),
    ]


ROWS = (*access_keys(), *api_keys(), *secret_keys())
