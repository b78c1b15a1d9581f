"""What an echoing server does with a value it has got: every way of giving it back that has a name."""

import base64
import gzip
import html
import json
from collections.abc import Callable
from urllib.parse import quote, quote_plus

from tests.support.echo import Reply

TEXT, JSON = (("Content-Type", "text/plain; charset=utf-8"),), (("Content-Type", "application/json"),)


def text(body: str | bytes, status: int = 200) -> Reply:
    return Reply(status, TEXT, body if isinstance(body, bytes) else body.encode())


def as_json(value: object, status: int = 200) -> Reply:
    return Reply(status, JSON, json.dumps(value).encode())


def header(value: str) -> Reply:
    """As it is where a header can hold it, and encoded."""
    plain = "".join(char for char in value if char not in "\r\n")
    encoded = (("X-Hex", value.encode().hex()), ("X-Url", quote(value)), ("X-Base64", _base64(value, 1)))
    return Reply(200, (("X-Echo", plain), ("Set-Cookie", f"k={quote(value)}; Path=/"), *encoded), b"{}")


def in_header_name(value: str) -> Reply:
    """As it is where a name can hold it."""
    name = value if value.isascii() and value.isalnum() else value.encode().hex()
    return Reply(200, (("X-" + name, "1"),), b"{}")


def _base64(value: str, start: int) -> str:
    return base64.b64encode(b"xyz"[:start] + value.encode() + b"tail").decode()


def _points(value: str) -> str:
    units = value.encode("utf-16-be")
    return "".join(f"\\u{units[at]:02x}{units[at + 1]:02x}" for at in range(0, len(units), 2))


SPELLINGS: dict[str, Callable[[str], Reply]] = {
    "raw": lambda value: text(f"you sent {value}."),
    "raw alone": text,
    "JSON": lambda value: as_json({"got": value, "all": [{"deep": f"<{value}>"}]}),
    "JSON key": lambda value: as_json({value: {f"x{value}y": 1}}),
    "JSON in JSON": lambda value: as_json({"message": json.dumps({"got": json.dumps(value)})}),
    "JSON escapes": lambda value: text(f'{{"got": "{_points(value)}"'),
    "JSON with NUL": lambda value: as_json({"a": f"\0{value}\0"}),
    "base64 at 0": lambda value: text(_base64(value, 0)),
    "base64 at 1": lambda value: as_json({"blob": _base64(value, 1)}),
    "base64 at 2": lambda value: text(_base64(value, 2)),
    "base64url": lambda value: text(base64.urlsafe_b64encode(value.encode()).rstrip(b"=")),
    "base64 in lines": lambda value: text(base64.encodebytes(b"the whole request, as mail does it: " + value.encode() * 3)),
    "base64 of JSON": lambda value: text(base64.b64encode(json.dumps({"k": value}).encode())),
    "Basic": lambda value: as_json({"authorization": "Basic " + base64.b64encode(f"user:{value}".encode()).decode()}),
    "hex": lambda value: text(value.encode().hex()),
    "HEX": lambda value: as_json({"dump": value.encode().hex().upper()}),
    "URL": lambda value: text(f"https://x.example/?key={quote(value, safe='')}&z=1"),
    "form": lambda value: text(f"key={quote_plus(value)}&z=1"),
    "every %XX": lambda value: text("".join(f"%{byte:02X}" for byte in value.encode())),
    "HTML": lambda value: text(f"<p>{html.escape(value)}</p>"),
    "HTML numbers": lambda value: text("".join(f"&#{ord(char)};" for char in value)),
    "HTML in JSON": lambda value: as_json({"page": f"<p title='{html.escape(value)}'>"}),
    "header": header,
    "header name": in_header_name,
    "redirect": lambda value: Reply(302, (("Location", f"https://x.example/?k={quote(value)}"),), b""),
    "401": lambda value: text(f"the key {value} is not known", 401),
    "404 JSON": lambda value: as_json({"error": f"no {value}", "url": quote(value)}, 404),
    "500": lambda value: text(value, 500),
    "500 cut in the middle": lambda value: text("." * (1000 - len(value) // 2) + value, 500),
    "503 base64": lambda value: text(_base64(value, 2), 503),
    "breaks off": lambda value: Reply(200, JSON, json.dumps({"got": value}).encode(), missing=50),
    "no HTTP at all": lambda value: Reply(wrong=b"ERROR " + value.encode() + b"\r\n\r\n"),
    "bad header": lambda value: Reply(wrong=b"HTTP/1.1 200 OK\r\nX-Echo " + value.encode() + b"\r\n\r\n"),
    "in the status line": lambda value: Reply(wrong=b"HTTP/1.1 500 " + quote(value).encode() + b"\r\nContent-Length: 2\r\n\r\nno"),
    "bad chunk": lambda value: Reply(wrong=b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n" + value.encode() + b"\r\n"),
    "gzip": lambda value: Reply(200, (*TEXT, ("Content-Encoding", "gzip")), gzip.compress(f"packed {value}".encode())),
    "bad gzip": lambda value: Reply(200, (*TEXT, ("Content-Encoding", "gzip")), b"\x1f\x8b" + value.encode()),
    "UTF-16": lambda value: Reply(200, (("Content-Type", "text/plain; charset=utf-16"),), value.encode("utf-16")),
    "bad bytes": lambda value: text(b"\xff\xfe" + value.encode() + b"\x80"),
    "XML": lambda value: text(f"<Account><![CDATA[{value}]]></Account>"),
}
