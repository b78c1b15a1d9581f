"""A request and a response over plain ASGI: nothing stands between uvicorn and the route table but this."""

from collections.abc import Awaitable, Callable
from typing import Any
from urllib.parse import parse_qs, unquote_to_bytes

from stagedoor.api.wire import ClientGone, Headers, Receive, Scope
from stagedoor.kit import strictjson
from stagedoor.kit.errors import BadInput, TooLarge

MAX_BODY = 8 * 1024 * 1024
MAX_QUERY_FIELDS = 256
OVERSIZE_DRAINED = 1024 * 1024
"""How much of a body that is too large is still read, so that the client gets to read the answer instead of a reset."""

JSON = (b"content-type", b"application/json")
TEXT = (b"content-type", b"text/plain; charset=utf-8")
HTML = (b"content-type", b"text/html; charset=utf-8")
NO_STORE = (b"cache-control", b"no-store")
NO_SNIFF = (b"x-content-type-options", b"nosniff")
CLOSE = (b"connection", b"close")
_POLICY = b"default-src 'none'; style-src 'self'; img-src 'self'; base-uri 'none'; form-action %s; frame-ancestors 'none'"
_NO_REFERRER = (b"referrer-policy", b"no-referrer")
STRICT_PAGE: Headers = [(b"content-security-policy", _POLICY % b"'none'"), _NO_REFERRER, NO_SNIFF]
STRICT_FORM: Headers = [(b"content-security-policy", _POLICY % b"'self'"), _NO_REFERRER, NO_SNIFF, NO_STORE]


class Request:
    """One request. `segments` are the path's, percent-decoded one by one, so that `%2F` stays inside its own (contract/orkes.md 0.4).

    `route` and `params` are set by the dispatcher, `principal` by the authenticate hook, `payload` is the decoded body where the
    route names a type for it. `limit` is the most bytes the body may have. `arrived` is called once a body is there whole: its sender
    decides when that is.
    """

    __slots__ = (
        "_body", "_query", "_receive", "arrived", "broken", "headers", "limit", "method", "params", "payload", "principal", "request_id",
        "route", "scope", "segments",
    )  # fmt: skip

    def __init__(self, scope: Scope, receive: Receive) -> None:
        self.scope = scope
        self.method: str = scope["method"]
        self.headers: Headers = scope["headers"]
        self._receive = receive
        self._body: bytes | None = None
        self._query: dict[str, list[str]] | None = None
        self.arrived: Callable[[], Awaitable[None]] | None = None
        self.limit = MAX_BODY
        self.broken = False
        self.segments: list[str] = []
        self.params: dict[str, str] = {}
        self.route: Any = None
        self.principal: Any = None
        self.payload: Any = None
        self.request_id = ""

    @property
    def client(self) -> str:
        """The client's address: the peer's, or what a proxy named by the operator says; empty where there is none."""
        client = self.scope.get("client")
        return client[0] if client else ""

    @property
    def path(self) -> str:
        """The path as it came, still percent-encoded, without the query."""
        return (self.scope.get("raw_path") or b"").decode("ascii", "replace")

    def split(self) -> list[str]:
        """Decode the path into `segments`. BadInput where one is not UTF-8."""
        text: str = self.scope["raw_path"].decode("ascii")
        parts = text.split("/")[1:]
        if "%" in text:
            parts = [_unquoted(part) if "%" in part else part for part in parts]
        self.segments = parts
        return parts

    def header(self, name: str) -> str | None:
        """The first header of that (lower-case) name, as Latin-1."""
        wanted = name.encode()
        for key, value in self.headers:
            if key == wanted:
                return value.decode("latin-1")
        return None

    def header_all(self, name: str) -> list[str]:
        wanted = name.encode()
        return [value.decode("latin-1") for key, value in self.headers if key == wanted]

    def query(self, name: str) -> str | None:
        """The last value of a query parameter, as Spring and the SDKs take it."""
        values = self._fields().get(name)
        return values[-1] if values else None

    def query_all(self, name: str) -> list[str]:
        return self._fields().get(name, [])

    def query_int(self, name: str, default: int, *, least: int = 0, most: int = 2**31 - 1) -> int:
        text = self.query(name)
        if text is None or text == "":
            return default
        digits = text.removeprefix("-")
        if not (digits.isascii() and digits.isdecimal() and len(digits) < 19 and least <= int(text) <= most):
            raise BadInput(f"{name}: must be a whole number from {least} to {most}", name)
        return int(text)

    def query_bool(self, name: str, default: bool = False) -> bool:
        text = self.query(name)
        if text is None or text == "":
            return default
        if text.lower() not in ("true", "false"):
            raise BadInput(f"{name}: must be true or false", name)
        return text.lower() == "true"

    def _fields(self) -> dict[str, list[str]]:
        if self._query is None:
            text = self.scope["query_string"].decode("ascii", "strict") if self.scope["query_string"] else ""
            try:
                self._query = parse_qs(text, keep_blank_values=True, errors="strict", max_num_fields=MAX_QUERY_FIELDS) if text else {}
            except ValueError:  # wrong UTF-8, or too many
                raise BadInput(f"the query is not UTF-8, or has more than {MAX_QUERY_FIELDS} fields") from None
        return self._query

    async def body(self) -> bytes:
        """The whole body, at most `limit` bytes of it, with or without Content-Length. TooLarge beyond.

        ClientGone where it does not come: the server answers 408 by itself (api/server.py)."""
        if self._body is None:
            self._body = await self._read()
            if self.arrived is not None and (self._body or self.header("transfer-encoding") is not None):
                await self.arrived()
        return self._body

    async def _read(self) -> bytes:
        declared = self.header("content-length")
        if declared and int(declared) > self.limit:
            raise await self._too_large(drain=self.header("expect") is None)
        message = await self._receive()
        data: bytes = message.get("body", b"")
        if message["type"] == "http.request" and not message.get("more_body") and len(data) <= self.limit:
            return data
        gathered = bytearray(data)
        while message["type"] == "http.request" and message.get("more_body") and len(gathered) <= self.limit:
            message = await self._receive()
            gathered += message.get("body", b"")
        if message["type"] != "http.request":
            raise ClientGone
        if len(gathered) > self.limit:
            raise await self._too_large(drain=bool(message.get("more_body")))
        return bytes(gathered)

    async def _too_large(self, *, drain: bool) -> TooLarge:
        """Leave the rest of the body unread, some of it drained; the connection ends with the answer."""
        self.broken = True
        left = OVERSIZE_DRAINED if drain else 0
        while left > 0:
            message = await self._receive()
            left -= len(message.get("body", b"")) or 1
            if message["type"] != "http.request" or not message.get("more_body"):
                break
        return TooLarge(f"the body is larger than {self.limit} bytes")

    async def gone(self) -> None:
        """Return when the client has left. Only after the body was read."""
        while (await self._receive())["type"] != "http.disconnect":
            pass


class Response:
    """What is sent back: a status, headers in wire form, the bytes."""

    __slots__ = ("body", "headers", "status")

    def __init__(self, status: int, headers: Headers, body: bytes) -> None:
        self.status = status
        self.headers = headers
        self.body = body

    @classmethod
    def json(cls, value: object, status: int = 200) -> "Response":
        body = strictjson.encode(value)
        return cls(status, [JSON, NO_STORE, (b"content-length", b"%d" % len(body))], body)

    @classmethod
    def text(cls, text: str | bytes, status: int = 200) -> "Response":
        """`text/plain`; the raw text, never quoted (contract/orkes.md 0.6)."""
        body = text.encode("utf-8", "surrogatepass") if isinstance(text, str) else text
        return cls(status, [TEXT, NO_STORE, NO_SNIFF, (b"content-length", b"%d" % len(body))], body)

    @classmethod
    def empty(cls, status: int = 204) -> "Response":
        return cls(status, [] if status in (204, 304) else [(b"content-length", b"0")], b"")

    @classmethod
    def html(cls, page: str, status: int = 200) -> "Response":
        """A page that can load nothing but this server's own style sheets and pictures, and runs no script."""
        body = page.encode()
        return cls(status, [HTML, *STRICT_PAGE, (b"content-length", b"%d" % len(body))], body)

    @classmethod
    def form(cls, page: str, status: int = 200) -> "Response":
        """The same with a form that is sent back to this server; nothing keeps a copy."""
        body = page.encode()
        return cls(status, [HTML, *STRICT_FORM, (b"content-length", b"%d" % len(body))], body)

    @classmethod
    def style(cls, sheet: str) -> "Response":
        body = sheet.encode()
        return cls(200, [(b"content-type", b"text/css; charset=utf-8"), NO_SNIFF, (b"content-length", b"%d" % len(body))], body)

    def with_header(self, name: str, value: str) -> "Response":
        """The same with one header more."""
        return Response(self.status, [*self.headers, (name.encode("ascii"), value.encode("latin-1"))], self.body)


def _unquoted(part: str) -> str:
    try:
        return unquote_to_bytes(part).decode()
    except UnicodeDecodeError:
        raise BadInput("the path is not UTF-8") from None
