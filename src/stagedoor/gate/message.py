"""A request that leaves and an answer that comes back, and what is wrong with a request before anything is sent.

The URL is taken apart here once, strictly (RFC 3986), and put together again from its parts, so that no later reader of it can
find another host in it than the one that is checked. Messages name a place (`uri`, a header's name), never a value.
"""

import re
from dataclasses import dataclass
from ipaddress import IPv6Address

from yarl import URL

from stagedoor.gate.address import Address, AddressRefused, parse_host
from stagedoor.kit.errors import BadInput

DEFAULT_TIMEOUT_MS = 3000  # as upstream (contract/conductor-oss.md 3.4)
LONGEST_TIMEOUT_MS = 60_000
LONGEST_AUTHORITY = 1000  # characters; a name has 253 at most, and more as it may be written
_URL = re.compile(r"(https?)://([^/?#]*)([/?][\x21\x22\x24-\x7e]*)?", re.IGNORECASE)
_AUTHORITY = re.compile(r"(\[[^\]]*\]|[^:\[\]@]*)(?::([0-9]{1,5}))?")
_TOKEN = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")
_NO_VALUE = re.compile(r"[\x00-\x08\x0a-\x1f\x7f\ud800-\udfff]")
_OURS = frozenset(
    {"host", "content-length", "transfer-encoding", "connection", "keep-alive", "upgrade", "expect", "te", "trailer", "proxy-authorization",
     "proxy-connection"}
)  # fmt: skip


@dataclass(frozen=True, repr=False)
class OutboundRequest:
    """`url` is absolute, ASCII and encoded already (`httptask.encode_uri`). Timeouts in ms; over 60 s they count as 60 s."""

    method: str
    url: str
    headers: tuple[tuple[str, str], ...] = ()
    body: bytes | None = None
    connect_timeout: int = DEFAULT_TIMEOUT_MS
    read_timeout: int = DEFAULT_TIMEOUT_MS

    def __repr__(self) -> str:
        return "OutboundRequest(***)"


@dataclass(frozen=True, repr=False)
class OutboundResponse:
    """`headers` as received, in order, in the case received; `body` decompressed; `reason` is the status code's standard phrase."""

    status: int
    reason: str
    headers: tuple[tuple[str, str], ...]
    body: bytes

    def __repr__(self) -> str:
        return f"OutboundResponse({self.status})"


@dataclass(frozen=True)
class Limits:
    """What one answer may cost. `seconds`: from the first byte out to the last byte in, so that a slow drip ends too. `framing`:
    bytes that it may take on the wire beyond twice what it says in its body (gate/wire.py). `large`: how many answers in all may be over
    `small` bytes at once; further ones wait to be read on, so that memory is bounded."""

    seconds: float = 60
    body: int = 8 * 1024 * 1024
    headers: int = 100
    header_bytes: int = 8190
    request_header_bytes: int = 65536
    lookup_seconds: float = 5
    addresses: int = 8
    framing: int = 1024 * 1024
    small: int = 1024 * 1024
    large: int = 16


@dataclass(frozen=True)
class Target:
    url: URL
    host: str
    address: Address | None  # the host itself, where it is one


def target_of(url: str) -> Target:
    """BadInput without the URL in it: it may hold a secret's value."""
    match = _URL.fullmatch(url)
    if match is None:
        raise BadInput("uri: it is not an absolute http or https address, or holds a character that must be encoded", "uri")
    scheme, authority, rest = match[1].lower(), match[2], match[3] or "/"
    if "@" in authority:
        raise BadInput("uri: a user or password in the address is not taken; use the header Authorization", "uri")
    parts = _AUTHORITY.fullmatch(authority) if len(authority) <= LONGEST_AUTHORITY else None
    if parts is None or not parts[1] or int(parts[2] or 0) > 65535:
        raise BadInput("uri: the host or port is not valid", "uri")
    try:
        host = parse_host(parts[1])
    except AddressRefused as refused:
        problem = BadInput(f"uri: {refused.message}", "uri")
    else:
        written = f"[{host}]" if isinstance(host, IPv6Address) else str(host)
        port = f":{int(parts[2])}" if parts[2] else ""
        path = rest if rest.startswith("/") else f"/{rest}"
        return Target(URL(f"{scheme}://{written}{port}{path}", encoded=True), str(host), None if isinstance(host, str) else host)
    raise problem


def check_head(request: OutboundRequest, limits: Limits) -> None:
    """Nothing that could end a line early, and nothing that says how the message is framed or whom it is for."""
    if not _TOKEN.fullmatch(request.method) or request.method.upper() == "CONNECT":
        raise BadInput("method: it is not a method that can be sent", "method")
    for name, value in request.headers:
        if not _TOKEN.fullmatch(name):
            raise BadInput("headers: the name of a header is not valid", "headers")
        if name.lower() in _OURS:
            raise BadInput(f"headers: {name} is set by the server alone", "headers")
        if _NO_VALUE.search(value):
            raise BadInput(f"headers: the value of {name} holds a line break or another character that cannot be sent", "headers")
    size = sum(len(name) + len(value.encode()) + 4 for name, value in request.headers)
    if len(request.headers) > limits.headers or size > limits.request_header_bytes:
        raise BadInput("headers: there are too many, or they are too long", "headers")
