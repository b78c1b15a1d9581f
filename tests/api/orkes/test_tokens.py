"""The token exchange and the errors by which SDKs know that they must renew (contract/orkes.md 0.1 to 0.3, A Token, A Error bodies)."""

import time
from typing import Any

import pytest

from tests.api.authorization.forge import claims_in
from tests.api.authorization.world import World
from tests.api.orkes.wire import javascript, python, say
from tests.support.server import Api, LiveServer

HOUR = 3_600_000


def body_of(server: LiveServer, **more: Any) -> dict[str, Any]:
    return {"keyId": server.first["keyId"], "keySecret": server.first["keySecret"], **more}


def lifetime(token: str) -> int:
    claims = claims_in(token)
    return int(claims["exp"]) - int(claims["iat"])


def test_python_and_javascript_exchange_a_key_by_the_bytes_they_send(sqlite_server: LiveServer) -> None:
    key, secret = sqlite_server.first["keyId"], sqlite_server.first["keySecret"]
    spaced = f'{{"keyId": "{key}", "keySecret": "{secret}"}}'.encode()
    for request in (python("POST", "/api/token", body=spaced), javascript("POST", "/api/token", body=spaced.replace(b" ", b""))):
        answer = say(sqlite_server, request)
        assert (answer.status, answer.headers["content-type"], list(answer.json)) == (200, "application/json", ["token"])
        assert answer.headers["cache-control"] == "no-store"


def test_a_renewal_with_the_old_token_still_in_its_header_works(sqlite_server: LiveServer) -> None:
    key, secret = sqlite_server.first["keyId"], sqlite_server.first["keySecret"]
    answer = say(sqlite_server, javascript("POST", "/api/token", "an.old.token", f'{{"keyId":"{key}","keySecret":"{secret}"}}'.encode()))
    assert answer.status == 200


def test_a_token_lives_an_hour_unless_less_or_more_is_asked_for(sqlite_server: LiveServer, admin: Api) -> None:
    most = 86_400
    for asked, seconds in ((None, 3600), (0, 3600), (60_000, 60), (HOUR * 10, 36_000), (HOUR * 24, most), (HOUR * 25, most), (2**62, most)):
        token = admin.call("POST", "/api/token", body_of(sqlite_server, expiration=asked))["token"]
        assert lifetime(token) == seconds
        assert abs(claims_in(token)["iat"] - time.time()) < 10


@pytest.mark.promise(12)
@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({"expiration": -1}, "expiration"), ({"expiration": "1h"}, "expiration"), ({"expiration": 1.5}, "expiration"),
        ({"keyId": 1}, "keyId"), ({"keySecret": ["a"]}, "keySecret"), ({"keySecret": None, "keyId": None}, "keyId"),
    ],
    ids=str,
)  # fmt: skip
def test_bad_input_to_the_exchange_names_its_field(body: dict[str, Any], field: str, sqlite_server: LiveServer, admin: Api) -> None:
    answer = admin.raw("POST", "/api/token", body_of(sqlite_server) | body)
    assert (answer.status_code, answer.json()["validationErrors"][0]["path"]) == (400, field)
    assert sqlite_server.first["keySecret"] not in answer.text


@pytest.mark.promise(12)
@pytest.mark.parametrize("body", [b"", b"{", b"[]", b"null", b"\xff", b"{}", b"NaN", b'{"keyId": NaN}', b"[" * 200])
def test_what_is_no_token_request_is_400(body: bytes, admin: Api) -> None:
    answer = admin.raw("POST", "/api/token", body or b" ")
    assert (answer.status_code, answer.json()["retryable"]) == (400, False)


@pytest.mark.parametrize("method", ["GET", "PUT", "DELETE", "PATCH", "HEAD"])
def test_no_other_method_makes_the_exchange_look_like_a_server_without_security(method: str, admin: Api) -> None:
    """0.2: an SDK that gets 404 from POST /api/token goes on without a token. POST itself never answers it."""
    assert admin.raw(method, "/api/token").status_code == 405
    assert admin.raw("POST", "/api/token", {"keyId": "unknown", "keySecret": "x"}).status_code == 401
    assert admin.raw("POST", "/api/token?x=1", b"nonsense").status_code == 400


def test_no_token_at_all_is_told_in_orkes_words(sqlite_server: LiveServer) -> None:
    answer = say(sqlite_server, javascript("GET", "/api/applications"))
    assert (answer.status, answer.headers["content-type"]) == (401, "application/json")
    body = answer.json
    assert abs(body.pop("timestamp") - time.time() * 1000) < 60_000
    assert body == {"message": "Token cannot be null or empty", "error": "INVALID_TOKEN"}


@pytest.mark.parametrize("token", ["", " ", "nonsense"])
def test_every_401_has_an_error_that_makes_an_sdk_renew(token: str, sqlite_server: LiveServer) -> None:
    """0.3: C# throws where `error` is missing, the others do not renew."""
    for line in ("GET /api/applications", "POST /api/tasks/update-v2", "GET /api/tasks/poll/batch/x", "PUT /api/secrets/x"):
        method, path = line.split()
        answer = say(sqlite_server, python(method, path, token or " ", b"{}" if method == "POST" else None))
        assert (answer.status, answer.json["error"]) == (401, "INVALID_TOKEN")


def test_a_refusal_is_told_in_the_form_of_application_errors_with_the_missing_grant(sqlite_server: LiveServer) -> None:
    world = World.on(sqlite_server)
    answer = world.stranger.raw("POST", "/api/workflow/book_ride", {})
    missing = "(missing: EXECUTE on WORKFLOW_DEF book_ride)"
    assert answer.status_code == 403
    assert answer.json() == {
        "status": 403,
        "message": f"You don't have permissions to execute workflow: book_ride {missing}",
        "instance": "stagedoor",
        "retryable": False,
    }


def test_a_refusal_for_want_of_a_role_is_told_in_springs_form(sqlite_server: LiveServer) -> None:
    """The status is a text there, and `error` is no reason to renew a token."""
    body = World.on(sqlite_server).stranger.call("GET", "/api/projects/default/settings", status=403)
    assert (body["status"], body["error"], body["message"]) == ("403", "Forbidden", "Forbidden")


def test_with_a_bearer_token_the_errors_are_flat(sqlite_server: LiveServer, admin_token: str) -> None:
    api = sqlite_server.api()
    missing = api.raw("GET", "/api/secrets/nothing", headers={"Authorization": f"Bearer {admin_token}"})
    assert (missing.status_code, missing.json()["error"], missing.json()["code"]) == (404, "NOT_FOUND", 404)
    bad = api.raw("GET", "/api/secrets/nothing", headers={"Authorization": "Bearer x"})
    assert bad.json() == {"error": "UNAUTHORIZED", "message": "Invalid API key format", "code": 401}


def test_who_the_caller_is(sqlite_server: LiveServer) -> None:
    world = World.on(sqlite_server)
    me = world.owner.call("GET", "/api/token/userInfo")
    assert (me["id"], me["uuid"], me["applicationUser"], me["groups"], me["contactInformation"]) == (
        f"app:{world.owner_id}", world.owner_id, True, [], {},
    )  # fmt: skip
    roles = {role["name"]: [one["name"] for one in role["permissions"]] for role in me["roles"]}
    assert sorted(roles) == ["METADATA_API", "USER", "WORKER"]
    assert roles["WORKER"] == [] and roles["METADATA_API"] == ["CREATE_TASK_DEF", "CREATE_USER_FORM_TEMPLATE", "CREATE_WORKFLOW_DEF"]
    with_claims = world.owner.call("GET", "/api/token/userInfo?claims=true")
    assert with_claims["user"] == me
    assert with_claims["claims"] == claims_in(world.owner.http.headers["X-Authorization"])


def test_the_keys_that_verify_tokens_are_published_without_their_private_part(sqlite_server: LiveServer, admin_token: str) -> None:
    (key,) = sqlite_server.api().call("GET", "/.well-known/jwks.json")["keys"]
    assert sorted(key) == ["alg", "crv", "kid", "kty", "use", "x", "y"]
    assert (key["alg"], key["crv"], key["use"]) == ("ES256", "P-256", "sig")
