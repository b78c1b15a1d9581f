"""Bodies that are one text: secret values, log lines, environment variables (contract/orkes.md 0.5)."""

import msgspec

from stagedoor.api.http import Request
from stagedoor.kit.errors import BadInput


def secret_text(request: Request, body: bytes) -> str:
    """A secret's value: as `body_text`, but what calls itself text/plain is the value itself (all SDKs but Go's say application/json)."""
    kind = (request.header("content-type") or "").partition(";")[0]
    return _decoded(body) if kind.strip().lower() == "text/plain" else body_text(request, body)


def body_text(request: Request, body: bytes) -> str:
    """What the SDK's caller meant (0.5): a whole JSON string literal is decoded; the Python SDK sends the inside of one; else raw.

    BadInput where the body is not UTF-8.
    """
    text = _decoded(body)
    candidates = [text] if text.startswith('"') else []
    if "\\" in text and (request.header("user-agent") or "").startswith("python-httpx"):
        # It strips quotes off both ends. Of a value that ends in one, the last `\"` lost its quote: an odd number of backslashes shows it.
        lost = (len(text) - len(text.rstrip("\\"))) % 2
        candidates.append(f'"{text}"' + '"' * lost)
    for candidate in candidates:
        try:
            return msgspec.json.decode(candidate, type=str)
        except msgspec.MsgspecError:
            continue
    return text


def _decoded(body: bytes) -> str:
    try:
        return body.decode()
    except UnicodeDecodeError:
        raise BadInput("value: the body is not UTF-8 text", "value") from None
