"""Conductor's HTTP task: from its input to the request that is sent, from the answer to its output.

Source: contract/conductor-oss.md 3.4 and 7.8; upstream `http-task/.../HttpTask.java`. Where it differs from upstream: `accept` may be
a list, what is illegal in the URI is encoded and a valid `%XX` kept, and an answer that is not 2xx is reported with the same
`response` map as any other, not with the text of an exception.
"""

import codecs
import json
import math
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote

import msgspec

from stagedoor.gate.message import DEFAULT_TIMEOUT_MS, LONGEST_TIMEOUT_MS, OutboundRequest, OutboundResponse
from stagedoor.kit.errors import BadInput

Json = Any

REQUEST = "http_request"
JSON_TYPE = "application/json"
METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})
DEEPEST = 100  # levels; a body nested deeper stays text
LONGEST_URI = 2 * 65_536  # characters: the longest value of a secret and as much again; it is read inside a transaction
LONGEST_REASON = 1000  # characters of a body in a failure's reason
_PARTS = re.compile(r"([A-Za-z][A-Za-z0-9+.-]*://[^/?#\\]*)([^#]*)(?:#.*)?", re.DOTALL)
_LEGAL = "/?:@!$&'()*+,;=-._~%"
_STRAY_PERCENT = re.compile(r"%(?![0-9A-Fa-f]{2})")
_CHARSET = re.compile(r'charset\s*=\s*"?([A-Za-z0-9._-]{1,40})', re.IGNORECASE)
_CHARSETS = frozenset(
    {"utf-8", "ascii", "utf-16", "utf-16-le", "utf-16-be", "utf-32", "shift_jis", "euc_jp", "iso2022_jp", "gb2312", "gbk", "gb18030",
     "big5", "euc_kr", "koi8-r", "koi8-u"}
)  # fmt: skip


def request_of(task_input: Mapping[str, Json]) -> OutboundRequest:
    """The request of a task's resolved input: its `http_request`, or the input map itself. BadInput names the field, never its value."""
    fields = task_input.get(REQUEST, task_input)
    if not isinstance(fields, Mapping):
        raise BadInput(f"{REQUEST}: it is not an object", REQUEST)
    return OutboundRequest(
        method=_method(fields.get("method")),
        url=encode_uri(_text(fields, "uri")),
        headers=_headers(fields),
        body=_body(fields.get("body")),
        connect_timeout=_timeout(fields, "connectionTimeOut"),
        read_timeout=_timeout(fields, "readTimeOut"),
    )


def output_of(response: OutboundResponse) -> dict[str, Json]:
    """The task's output: {"response": {"headers": {name: [values]}, "statusCode", "reasonPhrase", "body"}}.

    `body` as upstream: an object or list where the text is one in JSON, a number as a double, null where there is none, else text.
    """
    text = _decoded(response)
    return {
        "response": {
            "headers": _received(response),
            "statusCode": response.status,
            "reasonPhrase": response.reason,
            "body": _parsed(text) if text else None,
        }
    }


@dataclass(frozen=True)
class Outcome:
    """A task's output, and why it has failed (None: the status is 2xx)."""

    output: dict[str, Json]
    error: str | None


def outcome_of(response: OutboundResponse, clean: Callable[[Json], Json]) -> Outcome:
    """`clean` is the redaction. It comes before the reason is cut to length: half of a value would pass it afterwards."""
    output = clean(output_of(response))
    return Outcome(output, failure_of(output))


def failure_of(output: Mapping[str, Json]) -> str | None:
    """Why a task with this output, already redacted, has failed; None: 2xx."""
    response = output["response"]
    status, body = response["statusCode"], response["body"]
    if 200 <= status < 300:
        return None
    text = body if isinstance(body, str) else "" if body is None else json.dumps(body)
    title = f"HTTP {status} {response['reasonPhrase']}".strip()
    return f"{title}: {text[:LONGEST_REASON]}" if text else title


def encode_uri(uri: str) -> str:
    """The URI with whatever is illegal behind the authority percent-encoded as UTF-8, a `%` without two digits too; no fragment."""
    if len(uri) > LONGEST_URI:
        raise BadInput(f"{REQUEST}.uri: it is longer than {LONGEST_URI} characters", "uri")
    parts = _PARTS.fullmatch(uri.strip())
    if parts is None:
        raise BadInput(f"{REQUEST}.uri: it is not an absolute http or https address", "uri")
    try:
        return parts[1] + quote(_STRAY_PERCENT.sub("%25", parts[2]), safe=_LEGAL)
    except UnicodeEncodeError:
        problem = BadInput(f"{REQUEST}.uri: it holds half of a character (a lone surrogate)", "uri")
    raise problem


def _text(fields: Mapping[str, Json], name: str) -> str:
    value = fields.get(name)
    if not isinstance(value, str) or not value:
        raise BadInput(f"{REQUEST}.{name}: it is required, as a text", name)
    return value


def _method(value: Json) -> str:
    """Required, as upstream; any case."""
    if not isinstance(value, str) or value.strip().upper() not in METHODS:
        raise BadInput(f"{REQUEST}.method: it is required, one of {', '.join(sorted(METHODS))}", "method")
    return value.strip().upper()


def _headers(fields: Mapping[str, Json]) -> tuple[tuple[str, str], ...]:
    """`accept` and `contentType` (both application/json by default), then `headers`, which win. Content-Length is reckoned anew."""
    given = fields.get("headers")
    if given is None:
        given = {}
    if not isinstance(given, Mapping):
        raise BadInput(f"{REQUEST}.headers: it is not an object", "headers")
    told = ((name, value) for name, value in given.items() if value is not None and name.lower() != "content-length")
    headers = [(name, _header_value(name, value)) for name, value in told]
    names = {name.lower() for name, _ in headers}
    defaults = (("Accept", _media_types(fields, "accept")), ("Content-Type", _media_types(fields, "contentType")))
    return (*((name, value) for name, value in defaults if name.lower() not in names), *headers)


def _media_types(fields: Mapping[str, Json], name: str) -> str:
    value = fields.get(name)
    if value is None or value == []:
        return JSON_TYPE
    kinds = value if isinstance(value, list) else [value]
    if not all(isinstance(kind, str) for kind in kinds):
        raise BadInput(f"{REQUEST}.{name}: it is neither a text nor a list of texts", name)
    return ", ".join(kinds)


def _header_value(name: str, value: Json) -> str:
    if isinstance(value, str):
        return value.strip(" \t")
    if isinstance(value, list):
        return ", ".join(_header_value(name, one) for one in value)
    if isinstance(value, Mapping):
        raise BadInput(f"{REQUEST}.headers: the value of a header is an object", "headers")
    return json.dumps(value)


def _body(body: Json) -> bytes | None:
    """A text as it is, anything else as JSON."""
    if body is None:
        return None
    text = body if isinstance(body, str) else json.dumps(body, ensure_ascii=False, separators=(",", ":"))
    return text.encode("utf-8", "replace")


def _timeout(fields: Mapping[str, Json], name: str) -> int:
    """Milliseconds, a number or a text of digits; 0 is upstream's "no limit" and means the longest here."""
    value = fields.get(name)
    if value is None:
        return DEFAULT_TIMEOUT_MS
    if isinstance(value, str) and value.isascii() and value.isdigit() and len(value) < 12:
        value = int(value)
    if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value) or value < 0:
        raise BadInput(f"{REQUEST}.{name}: it is not a number of milliseconds", name)
    return min(int(value), LONGEST_TIMEOUT_MS) or LONGEST_TIMEOUT_MS


def _received(response: OutboundResponse) -> dict[str, list[str]]:
    """In the case received; the values of a name that comes again, in any case, go to the first."""
    headers: dict[str, list[str]] = {}
    spelled: dict[str, str] = {}
    for name, value in response.headers:
        headers.setdefault(spelled.setdefault(name.lower(), name), []).append(value)
    return headers


def _decoded(response: OutboundResponse) -> str:
    """By the charset that Content-Type names, if it is a common one (some of Python's codecs are no charsets, or slow); else UTF-8."""
    kind = next((value for name, value in response.headers if name.lower() == "content-type"), "")
    named = _CHARSET.search(kind)
    return response.body.decode(_codec(named[1]) if named else "utf-8", "replace")


def _codec(name: str) -> str:
    try:
        codec = codecs.lookup(name).name
    except LookupError:
        return "utf-8"
    return codec if codec in _CHARSETS or re.fullmatch(r"iso8859-\d+|cp125\d", codec) else "utf-8"


def _parsed(text: str) -> Json:
    """Upstream's `extractBody`: a scalar other than a number becomes its text."""
    try:
        value = msgspec.json.decode(text)
        if isinstance(value, int | float) and not isinstance(value, bool):
            return float(value)
    except (ValueError, OverflowError, RecursionError):  # msgspec.DecodeError is a ValueError
        return text
    if isinstance(value, dict | list):
        return text if _deeper_than(value, DEEPEST) else value
    return value if isinstance(value, str) else text.strip()


def _deeper_than(value: Json, levels: int) -> bool:
    layer = [value]
    for _ in range(levels):
        layer = [
            member
            for parent in layer
            for member in (parent.values() if isinstance(parent, dict) else parent)
            if isinstance(member, dict | list)
        ]
        if not layer:
            return False
    return True
