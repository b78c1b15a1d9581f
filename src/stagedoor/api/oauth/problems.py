"""How errors are spelled on `/oauth` (RFC 6749 5.2): `{"error": <code>, "error_description": <text>}`."""

import re

from stagedoor.gate.oauth_refused import OAuthRefused
from stagedoor.kit import errors

UNAUTHENTICATED = (b"www-authenticate", b'Basic realm="stagedoor", charset="UTF-8"')
_NOT_TAKEN = re.compile(r"[^\x20\x21\x23-\x5b\x5d-\x7e]")
_CODES: tuple[tuple[type[Exception], str], ...] = (
    (errors.Unauthenticated, "invalid_client"),
    (errors.Forbidden, "unauthorized_client"),
    (errors.Unavailable, "temporarily_unavailable"),
    (errors.TooManyRequests, "temporarily_unavailable"),
    (errors.StagedoorError, "invalid_request"),
)


def oauth_body(problem: Exception, message: str) -> dict[str, str]:
    """All failures of a client look alike, whatever it was (promise 5)."""
    if isinstance(problem, OAuthRefused):
        code = problem.error
    else:
        code = next((code for kind, code in _CODES if isinstance(problem, kind)), "server_error")
    if isinstance(problem, errors.Unauthenticated):
        message = "the client did not prove itself: an access key by HTTP Basic or in the form, or a token in a header"
    return {"error": code, "error_description": _NOT_TAKEN.sub("'", message)}
