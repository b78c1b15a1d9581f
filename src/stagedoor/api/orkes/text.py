"""Bodies that are one text: secret values, log lines, environment variables (contract/orkes.md 0.5)."""

import msgspec

from stagedoor.api.http import Request
from stagedoor.kit.errors import BadInput


def body_text(request: Request, body: bytes) -> str:
    """What the SDK's caller meant (0.5): a whole JSON string literal is decoded; the Python SDK sends the inside of one; else raw.

    BadInput where the body is not UTF-8.
    """
    try:
        text = body.decode()
    except UnicodeDecodeError:
        raise BadInput("value: the body is not UTF-8 text", "value") from None
    candidates = [text] if text.startswith('"') else []
    if "\\" in text and (request.header("user-agent") or "").startswith("python-httpx"):
        candidates.append(f'"{text}"')
    for candidate in candidates:
        try:
            return msgspec.json.decode(candidate, type=str)
        except msgspec.MsgspecError:
            continue
    return text
