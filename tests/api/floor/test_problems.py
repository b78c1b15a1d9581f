"""Each error in each dialect, as it leaves the server."""

import logging

import pytest

from tests.api.floor.live import TOKEN, Live, parsed, request

SPELLED = {"admin": 403, "bug": 500, "conflict": 409, "expired": 401, "forbidden": 403, "many": 429, "missing": 404, "unavailable": 503}


@pytest.mark.parametrize(("problem", "status"), SPELLED.items())
def test_orkes_form(live: Live, problem: str, status: int) -> None:
    answer = parsed(live.say(request("GET", f"/api/fail/{problem}", X_Authorization="old")))
    assert (answer.status, answer.headers["content-type"]) == (status, "application/json")
    if status not in (401,) and problem != "admin":
        assert answer.json.keys() == {"status", "message", "instance", "retryable"}
        assert (answer.json["status"], answer.json["retryable"]) == (status, status in (429, 503))


def test_a_missing_grant_is_named(live: Live) -> None:
    answer = parsed(live.say(request("GET", "/api/fail/forbidden")))
    assert answer.json["message"] == "You don't have permissions to execute task: t (missing: EXECUTE on TASK_DEF t)"


def test_admin_only_has_the_form_of_spring(live: Live) -> None:
    body = parsed(live.say(request("GET", "/api/fail/admin?a=b"))).json
    assert (body["status"], body["error"], body["message"], body["path"]) == ("403", "Forbidden", "Forbidden", "/api/fail/admin")
    assert body["exception"] == "org.springframework.security.access.AccessDeniedException"
    assert body["timestamp"].endswith("+00:00")


@pytest.mark.parametrize(
    ("path", "headers", "message", "error"),
    [
        ("/api/secrets/x", {}, "Token cannot be null or empty", "INVALID_TOKEN"),
        ("/api/secrets/x", {"X_Authorization": "bad"}, "Invalid token", "INVALID_TOKEN"),
        ("/api/fail/expired", {"X_Authorization": "old"}, "Token expired", "EXPIRED_TOKEN"),
    ],
)
def test_every_401_says_error_and_time(live: Live, path: str, headers: dict[str, str], message: str, error: str) -> None:
    answer = parsed(live.say(request("GET", path, **headers)))
    assert answer.status == 401
    assert answer.json.keys() == {"message", "error", "timestamp"}
    assert (answer.json["message"], answer.json["error"]) == (message, error)
    assert answer.json["timestamp"] > 1_600_000_000_000


@pytest.mark.parametrize(("problem", "status"), SPELLED.items())
def test_flat_form_on_keys(live: Live, problem: str, status: int) -> None:
    names = {400: "BAD_REQUEST", 401: "UNAUTHORIZED", 403: "FORBIDDEN", 404: "NOT_FOUND", 409: "CONFLICT", 429: "RATE_LIMITED"}
    answer = parsed(live.say(request("GET", f"/api/keys/{problem}")))
    assert answer.json.keys() == {"error", "message", "code"}
    assert (answer.status, answer.json["code"]) == (status, status)
    assert answer.json["error"] == names.get(status, {500: "INTERNAL_ERROR", 503: "UNAVAILABLE"}.get(status))


@pytest.mark.parametrize(
    ("path", "authorization", "message"),
    [
        ("/api/secrets/x", "Bearer bad", "Invalid token"),
        ("/api/secrets/x", "bearer bad", "Invalid token"),
        ("/api/fail/expired", "Bearer old", "Token expired"),
        ("/api/keys/expired", "", "Token expired"),
    ],
)
def test_a_bearer_token_gets_the_flat_401(live: Live, path: str, authorization: str, message: str) -> None:
    answer = parsed(live.say(request("GET", path, Authorization=authorization)))
    assert answer.json == {"error": "UNAUTHORIZED", "message": message, "code": 401}


def test_a_bad_field_is_named_in_both_forms(live: Live) -> None:
    orkes = parsed(live.say(request("POST", "/api/things", b'{"name":1}'))).json
    assert orkes["validationErrors"] == [{"path": "name", "message": "name: Expected `str`, got `int`"}]
    flat = parsed(live.say(request("POST", "/api/things", b'{"name":1}', Authorization="Bearer x"))).json
    assert flat == {"error": "BAD_REQUEST", "message": "name: Expected `str`, got `int`", "code": 400, "context": {"field": "name"}}


@pytest.mark.parametrize(
    ("path", "status", "kind", "code"),
    [
        ("/v1/missing", 404, "INVALID_REQUEST_ERROR", "RESOURCE_MISSING"),
        ("/v1/expired", 401, "AUTHENTICATION_ERROR", "API_KEY_MISSING"),
        ("/v1/forbidden", 403, "PERMISSION_ERROR", "PERMISSION_DENIED"),
        ("/v1/conflict", 400, "INVALID_REQUEST_ERROR", "RESOURCE_CONFLICT"),
        ("/v1/bug", 500, "INTERNAL_ERROR", "INTERNAL_ERROR"),
        ("/v1/nothing/here/at/all", 404, "INVALID_REQUEST_ERROR", "RESOURCE_MISSING"),
    ],
)
def test_nested_form_on_v1(live: Live, path: str, status: int, kind: str, code: str) -> None:
    answer = parsed(live.say(request("GET", path)))
    error = answer.json["error"]
    assert error.keys() == {"message", "userFacingMessage", "type", "code", "httpStatusCode", "requestId"}
    assert (answer.status, error["httpStatusCode"], error["type"], error["code"]) == (status, status, kind, code)
    assert error["userFacingMessage"] == "An internal server error occurred. Please try again."
    assert error["requestId"].startswith("req_")
    assert answer.headers["conductor-request-id"] == error["requestId"]


def test_v1_answers_carry_a_request_id(live: Live) -> None:
    ids = {
        parsed(live.say(request("GET", "/v1/things/1", Authorization=f"Bearer {TOKEN}"))).headers["conductor-request-id"] for _ in range(2)
    }
    assert len(ids) == 2
    wrong = parsed(live.say(request("GET", "/v1/things/1", Authorization="Bearer no"))).json["error"]
    assert wrong["code"] == "API_KEY_INVALID"


def test_the_token_exchange_is_never_404(live: Live) -> None:
    answer = parsed(live.say(request("POST", "/api/token", b'{"name":"x"}', Authorization="Bearer x")))
    assert (answer.status, answer.json["error"], answer.json["message"]) == (401, "INVALID_TOKEN", "Invalid access key")


def test_update_v2_is_never_404(live: Live) -> None:
    assert parsed(live.say(request("POST", "/api/tasks/update-v2", b"{}"))).status == 403


def test_waiting_times_are_told(live: Live) -> None:
    assert parsed(live.say(request("GET", "/api/fail/many"))).headers["retry-after"] == "7"
    assert parsed(live.say(request("GET", "/api/fail/unavailable"))).headers["retry-after"] == "1"


@pytest.mark.promise(7)
@pytest.mark.promise(12)
def test_a_bug_is_logged_by_place_and_tells_nothing(live: Live, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.ERROR):
        answer = parsed(live.say(request("GET", "/api/fail/bug?q=s3cret-value")))
    assert (answer.status, answer.json["message"]) == (500, "an internal error occurred")
    assert "GET /api/fail/{problem} failed: RuntimeError at" in caplog.text
    assert "live.py" in caplog.text
    assert "s3cret" not in caplog.text
