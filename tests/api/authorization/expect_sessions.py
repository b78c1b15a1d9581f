"""What the routes of the console's sessions answer (docs/decisions/0039-console-sessions.md). How to read it: `notation.py`."""

from tests.api.authorization.notation import Row, every, row

NOT_OUR_PAGE = every("3")
"""Who says of no page of ours that it asks; what such a page is answered: tests/api/session."""


def sessions() -> list[Row]:
    body = {"email": "admin@example.com", "password": "any"}
    return [
        row("POST", "/session", NOT_OUR_PAGE, nobody="3", body=body),
        row("POST", "/session/token", NOT_OUR_PAGE, nobody="3"),
        row("DELETE", "/session", NOT_OUR_PAGE, nobody="3"),
    ]


ROWS = (*sessions(),)
