"""Forms as OAuth sends them (RFC 6749 3.2): each parameter once, those without a value as if they were not there."""

import base64
from urllib.parse import parse_qsl, unquote_plus

from stagedoor.api.http import Request
from stagedoor.kit.errors import BadInput, Unauthenticated

FORM = "application/x-www-form-urlencoded"
MOST_FIELDS = 32


async def form(request: Request) -> dict[str, str]:
    """BadInput names a parameter, never its value."""
    if (request.header("content-type") or "").split(";")[0].strip().lower() != FORM:
        raise BadInput(f"content-type: the body is to be sent as {FORM}", "content-type")
    try:
        pairs = parse_qsl((await request.body()).decode(), keep_blank_values=True, errors="strict", max_num_fields=MOST_FIELDS)
    except ValueError:
        raise BadInput(f"the body is not a form in UTF-8, or has more than {MOST_FIELDS} fields") from None
    names = [name for name, _ in pairs]
    if twice := next((name for name in names if names.count(name) > 1), None):
        shown = twice[:64].encode("ascii", "replace").decode()
        raise BadInput(f"{shown}: it stands twice", shown)
    return {name: value for name, value in pairs if value}


def needed(fields: dict[str, str], name: str) -> str:
    if name not in fields:
        raise BadInput(f"{name}: it is required", name)
    return fields[name]


def basic(request: Request) -> tuple[str, str] | None:
    """Id and secret by HTTP Basic (RFC 7617), each form-encoded inside (RFC 6749 2.3.1); None where that is not the scheme."""
    scheme, _, rest = (request.header("authorization") or "").partition(" ")
    if scheme.lower() != "basic":
        return None
    try:
        name, colon, secret = base64.b64decode(rest.strip(), validate=True).decode().partition(":")
    except ValueError:
        raise Unauthenticated from None
    if not colon:
        raise Unauthenticated
    return unquote_plus(name), unquote_plus(secret)
