"""How errors are spelled on the wire: the only place that knows status codes and dialects.

- Orkes' form on `/api` (contract/orkes.md A, Error bodies) and wherever no other applies,
- flat on `/api/keys*` and for any `Authorization: Bearer` on `/api` (contract/orchestrator-keys.md),
- nested on `/v1` (contract/project-keys.md 1.4),
- OAuth's own on `/oauth` (RFC 6749 5.2).
"""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from stagedoor.api.http import CLOSE, Request, Response
from stagedoor.api.oauth.problems import UNAUTHENTICATED, oauth_body
from stagedoor.kit import errors
from stagedoor.kit.clock import Clock
from stagedoor.kit.keyformat import API_KEY

Body = dict[str, Any]

# First match wins: a subclass stands before its base.
SPELLINGS: tuple[tuple[type[Exception], int, str], ...] = (
    (errors.TooLarge, 413, "PAYLOAD_TOO_LARGE"),
    (errors.BadInput, 400, "BAD_REQUEST"),
    (errors.Unauthenticated, 401, "UNAUTHORIZED"),
    (errors.Forbidden, 403, "FORBIDDEN"),
    (errors.NotFound, 404, "NOT_FOUND"),
    (errors.MethodNotAllowed, 405, "METHOD_NOT_ALLOWED"),
    (errors.Changed, 412, "PRECONDITION_FAILED"),
    (errors.Conflict, 409, "CONFLICT"),
    (errors.TooManyRequests, 429, "RATE_LIMITED"),
    (errors.Unavailable, 503, "UNAVAILABLE"),
)
INTERNAL = "an internal error occurred"
NO_TOKEN = "Token cannot be null or empty"  # noqa: S105  # Orkes' own message
INVALID = "Invalid token"
FLAT_401 = {"Missing Authorization header", "Invalid API key format", "API key not found", "Token expired", INVALID}
NESTED = {  # status -> type, code
    400: ("INVALID_REQUEST_ERROR", "REQUEST_INVALID"),
    401: ("AUTHENTICATION_ERROR", "API_KEY_INVALID"),
    403: ("PERMISSION_ERROR", "PERMISSION_DENIED"),
    404: ("INVALID_REQUEST_ERROR", "RESOURCE_MISSING"),
    405: ("INVALID_REQUEST_ERROR", "METHOD_NOT_ALLOWED"),
    413: ("INVALID_REQUEST_ERROR", "REQUEST_TOO_LARGE"),
    429: ("INVALID_REQUEST_ERROR", "RATE_LIMITED"),
    503: ("INTERNAL_ERROR", "SERVICE_UNAVAILABLE"),
}
UNKNOWN_FIELD = "Object contains unknown field"
USER_FACING = "An internal server error occurred. Please try again."
NEVER_MISSING = {  # (method, path) -> what stands there instead of 404 and 405 (contract/orkes.md 0.2 and 0.17)
    ("POST", ("api", "token")): errors.Unauthenticated("Invalid access key"),
    ("POST", ("api", "tasks", "update-v2")): errors.Forbidden("You don't have permissions to update the task"),
}


@dataclass(frozen=True, slots=True)
class Problems:
    """Spells errors. `instance` names this server in Orkes' form; `new_id` makes the request ids of `/v1`."""

    clock: Clock
    new_id: Callable[[], str]
    instance: str = "stagedoor"

    def response(self, problem: Exception, request: Request) -> Response:
        """The answer to `problem`; an exception of no known kind is a 500 that says nothing of itself."""
        status, name = status_of(problem)
        if status in (404, 405) and (stand_in := NEVER_MISSING.get((request.method, tuple(request.segments)))):
            problem, (status, name) = stand_in, status_of(stand_in)
        message = problem.message if isinstance(problem, errors.StagedoorError) else INTERNAL
        match dialect(request):
            case "nested":
                status = 400 if status == 409 else status  # those SDKs send a request answered with 409 three times
                body = self._nested(problem, status, message, request)
            case "oauth":
                body = dict(oauth_body(problem, message))
            case "flat":
                body = _flat(problem, status, name, message if status != 401 else _flat_401(problem, request))
            case _:
                body = self._orkes(problem, status, message, request)
        return _with_headers(Response.json(body, status), problem, request)

    def request_id(self, request: Request) -> str:
        """`req_...`, one for a request; `/v1` sends it with every answer as Conductor-Request-Id."""
        request.request_id = request.request_id or f"req_{self.new_id().replace('-', '')}"
        return request.request_id

    def _orkes(self, problem: Exception, status: int, message: str, request: Request) -> Body:
        if isinstance(problem, errors.Unauthenticated):
            # Every SDK reads `error`; C# throws where it is missing from a 401 (contract/orkes.md 0.3).
            if not _shows_credential(request) and not _is_token_exchange(request) and request.segments[:1] != ["session"]:
                message = NO_TOKEN
            return {"message": message, "error": problem.code, "timestamp": self.clock.now()}
        if isinstance(problem, errors.AdminOnly):
            return self._spring_forbidden(message, request)
        retryable = isinstance(problem, errors.Unavailable | errors.TooManyRequests)
        body: Body = {"status": status, "message": message, "instance": self.instance, "retryable": retryable}
        if isinstance(problem, errors.BadInput) and problem.field:
            body["validationErrors"] = [{"path": problem.field, "message": message}]
        return body

    def _spring_forbidden(self, message: str, request: Request) -> Body:
        at = datetime.fromtimestamp(self.clock.now() / 1000, UTC).isoformat(timespec="milliseconds")
        return {
            "timestamp": at,
            "status": "403",
            "error": "Forbidden",
            "exception": "org.springframework.security.access.AccessDeniedException",
            "message": message,
            "path": request.path,
            "host": self.instance,
            "cause": "Forbidden",
        }

    def _nested(self, problem: Exception, status: int, message: str, request: Request) -> Body:
        kind, code = NESTED.get(status, ("INTERNAL_ERROR", "INTERNAL_ERROR"))
        if status == 401 and request.header("authorization") is None:
            code = "API_KEY_MISSING"
        if isinstance(problem, errors.BadInput) and UNKNOWN_FIELD in problem.message:
            message = f'Unrecognized keys: "{problem.field}"'  # as the SDKs' own service says it
        if isinstance(problem, errors.Conflict):
            kind, code = "INVALID_REQUEST_ERROR", getattr(problem, "code", "RESOURCE_CONFLICT")
        said = {"message": message, "userFacingMessage": USER_FACING, "type": kind, "code": code, "httpStatusCode": status}
        return {"error": said | {"requestId": self.request_id(request)}}


def status_of(problem: Exception) -> tuple[int, str]:
    for kind, status, name in SPELLINGS:
        if isinstance(problem, kind):
            return status, name
    return 500, "INTERNAL_ERROR"


def dialect(request: Request) -> str:
    """`nested`, `flat` or `orkes`. `POST /api/token` ignores the credentials sent along, so they do not choose its dialect."""
    first, second = (*request.segments[:2], "", "")[:2]
    if first in ("v1", "oauth"):
        return "nested" if first == "v1" else "oauth"
    if first != "api" or _is_token_exchange(request):
        return "orkes"
    bearer = (request.header("authorization") or "")[:7].lower() == "bearer "
    return "flat" if second == "keys" or bearer else "orkes"


def _is_token_exchange(request: Request) -> bool:
    return request.method == "POST" and request.segments == ["api", "token"]


def _shows_credential(request: Request) -> bool:
    return bool(request.header("authorization") or request.header("x-authorization"))


def _flat(problem: Exception, status: int, name: str, message: str) -> Body:
    body: Body = {"error": name, "message": message, "code": status}
    if isinstance(problem, errors.BadInput) and problem.field:
        body["context"] = {"field": problem.field}
    return body


def _flat_401(problem: Exception, request: Request) -> str:
    """One of the five messages of the contract."""
    if isinstance(problem, errors.TokenExpired):
        return "Token expired"
    message = problem.message if isinstance(problem, errors.StagedoorError) else ""
    if message in FLAT_401 and message != INVALID:
        return message
    if not _shows_credential(request):
        return "Missing Authorization header"
    shown = (request.header("authorization") or "")[7:].strip()
    return "API key not found" if shown.startswith(API_KEY.prefix) else INVALID  # one that is stopped while its request waits


def _with_headers(response: Response, problem: Exception, request: Request) -> Response:
    if isinstance(problem, errors.TooManyRequests):
        response = response.with_header("retry-after", str(problem.retry_after))
    if response.status == 401 and dialect(request) == "oauth":
        response.headers.append(UNAUTHENTICATED)
    if isinstance(problem, errors.Unavailable):
        response = response.with_header("retry-after", "1")
    if request.broken:
        response.headers.append(CLOSE)
    return response
