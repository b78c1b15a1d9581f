"""What the routes of leaks and of the use of credentials answer (docs/decisions/0036-leaks.md). How to read it: `notation.py`."""

from tests.api.authorization.notation import Row, every, row

ANY, OWN, NONE = every("+"), every("+"), every("4")
#          AUMWR- wmcuMWPAU- KHO
MANAGES = "+44444 444444++44 444"  # fmt: skip


def leaks() -> list[Row]:
    """A report is signed over its bytes; no credential is looked at. What each sees of the lists: tests/e2e/test_leaks.py,
    tests/oauth/test_every_kind_listed.py."""
    path = "/api/usage/credentials/{key!}"
    return [
        row("POST", "/leaks", every("3"), nobody="3", body=[]),
        row("GET", "/api/leaks", ANY),
        row("GET", "/api/usage/credentials", ANY),
        row(
            "GET", "/api/usage/credentials/{id}", MANAGES, own=OWN, unknown=NONE, path=path, kind="APPLICATION", grants="44+44",
            refused="CREDENTIAL {key}",
        ),
    ]  # fmt: skip


ROWS = (*leaks(),)
