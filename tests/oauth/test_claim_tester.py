"""`POST /api/applications/{id}/trusts/test`: why a token matches or does not."""

from typing import Any

import pytest

from tests.oauth.conftest import Trusting
from tests.oauth.oauth import EXCHANGE, ID_TOKEN, client
from tests.support.issuer import GITHUB, GITLAB, KUBERNETES, github, gitlab, kubernetes, resigned

pytestmark = pytest.mark.slow


def tried(trusting: Trusting, token: str) -> dict[str, Any]:
    found: dict[str, Any] = trusting.trusts("POST", {"token": token}, "/test")
    assert token not in str(found) and token.split(".")[-1] not in str(found)
    return found


def test_it_works(trusting: Trusting) -> None:
    trust = trusting.trust(GITHUB, {"repository": "octo-org/octo-repo", "ref": "refs/heads/release/*"}, name="releases")
    token = trusting.issuer(GITHUB).token(github())
    found = tried(trusting, token)
    assert (found["verified"], found["problem"], found["claims"]["ref"]) == (True, "", "refs/heads/main")
    (only,) = found["trusts"]
    assert (only["id"], only["name"], only["matches"]) == (trust, "releases", False)
    assert {each["check"]: each["matches"] for each in only["findings"]} == {
        "iss": True, "aud": True, "exp": True, "iat": True, "nbf": True, "repository": True, "ref": False,
    }  # fmt: skip
    assert only["findings"][-1] == {"check": "ref", "matches": False, "expected": "refs/heads/release/*", "found": "refs/heads/main"}


def test_trying_a_token_does_not_use_it_up(trusting: Trusting) -> None:
    trusting.trust(GITHUB, {"repository_id": "74"})
    token = trusting.issuer(GITHUB).token(github())
    assert [tried(trusting, token)["trusts"][0]["matches"] for _ in range(2)] == [True, True]
    body = {"grant_type": EXCHANGE, "client_id": trusting.client.application, "subject_token": token, "subject_token_type": ID_TOKEN}
    assert trusting.client.send("token", body, auth=None).status_code == 200


def test_what_is_wrong_with_a_token_itself_is_said(trusting: Trusting) -> None:
    trusting.trust(GITHUB, {"repository_id": "74"})
    token = trusting.issuer(GITHUB).token(github())
    for shown, says in (
        ("nonsense", "not a JWT"),
        (resigned(token, alg="HS256"), "alg"),
        (resigned(token, jku="https://x"), "field that is not taken"),
        (resigned(token, alg="ES256"), "signature"),
        (trusting.issuer(GITHUB).token(github(), kid="unknown"), "no key of the kid"),
        (trusting.issuer(GITLAB).token(gitlab()), "names its issuer"),
        (trusting.issuer(GITLAB).token(github(iss=GITHUB)), "signature"),
    ):
        found = tried(trusting, shown)
        assert not found["verified"] and says in found["problem"], (says, found["problem"])


def test_an_issuer_that_cannot_be_reached_or_lies_is_said_and_keeps_everybody_out(trusting: Trusting) -> None:
    issuer = trusting.issuer(KUBERNETES)
    trusting.trust(KUBERNETES, {"/kubernetes.io/namespace": "my-namespace"}, reuse=True)
    discovery = issuer.documents.pop("/.well-known/openid-configuration")
    try:
        token = issuer.token(kubernetes())
        assert "answered 404" in tried(trusting, token)["problem"]
        body = {"grant_type": EXCHANGE, "client_id": trusting.client.application, "subject_token": token, "subject_token_type": ID_TOKEN}
        answer = trusting.client.send("token", body, auth=None)
        assert (answer.status_code, answer.json()["error"]) == (400, "invalid_request"), "as for any token that is not taken"
    finally:
        issuer.documents["/.well-known/openid-configuration"] = discovery


def test_only_who_may_change_the_application_sees_what_a_token_says(trusting: Trusting) -> None:
    trusting.trust(GITHUB, {"repository_id": "74"})
    server, application = trusting.client.server, trusting.client.application
    reader = client(server, "may read the application only")
    server.admin().grant(reader.application, "APPLICATION", application, "READ")
    path, body = f"/api/applications/{application}/trusts", {"token": trusting.issuer(GITHUB).token(github())}
    api = server.api(reader.token())
    assert [api.raw("GET", path).status_code, api.raw("POST", f"{path}/test", body).status_code] == [200, 403]
    assert server.api(client(server, "may nothing").token()).raw("GET", path).status_code == 404
