"""What the routes of API keys answer (decision 0032): everybody has keys of their own, and no others. `notation.py`."""

from tests.api.authorization.notation import Row, every, row

ANY, NONE = every("+"), every("4")
ADMINS = "+44444 4444444+44 444"


def api_keys() -> list[Row]:
    """The key in question is that of whoever set the table: to everybody else it is not there, save that administrators
    can end it."""
    route, path = "/api/keys", "/api/keys/{api_key!}"
    return [
        row("GET", route, every("."), sees="api_key"),
        row("POST", route, ANY, body={"name": "{new}"}),
        row("PATCH", route + "/{id}", NONE, unknown=NONE, path=path, body={"name": "{new}"}),
        row("DELETE", route + "/{id}", ADMINS, unknown=NONE, path=path, spends=True),
        row("POST", route + "/{id}/status", NONE, unknown=NONE, path=path + "/status"),
    ]


ROWS = (*api_keys(),)
