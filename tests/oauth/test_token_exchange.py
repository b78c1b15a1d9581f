"""RFC 6749 client_credentials and RFC 8693 on a live server: never more than what was shown (promises 2, 4)."""

import json
from pathlib import Path
from typing import Any

import pytest

from stagedoor.gate import token_exchange
from tests.api.authorization.forge import Forger, claims_in, signing_key
from tests.oauth.oauth import ACCESS_TOKEN, EXCHANGE, Client, api, client, status
from tests.support.inside import inside
from tests.support.server import LiveServer

ORDERS = {"resources": [{"type": "SECRET_NAME", "id": "exchanged_one"}]}


@pytest.fixture(scope="module")
def holder(sqlite_server: LiveServer) -> Client:
    made = client(sqlite_server, "exchanges", "USER")
    admin = sqlite_server.admin()
    for name in ("exchanged_one", "exchanged_two"):
        admin.put_secret(name, "some value")
        admin.grant(made.application, "SECRET_NAME", name, "READ", "UPDATE")
    return made


def reads(server: LiveServer, token: str, name: str) -> int:
    return api(server, token).raw("GET", f"/api/secrets/{name}").status_code


def puts(server: LiveServer, token: str, name: str) -> int:
    return api(server, token).raw("PUT", f"/api/secrets/{name}", b"another").status_code


def test_it_works(holder: Client) -> None:
    answer = holder.send("token", {"grant_type": "client_credentials"})
    body = answer.json()
    assert (answer.status_code, body["token_type"], body["expires_in"]) == (200, "Bearer", 3600)
    assert answer.headers["cache-control"] == "no-store"
    assert reads(holder.server, body["access_token"], "exchanged_one") == 200


def test_an_access_token_is_exchanged_for_one_of_the_same_principal(holder: Client) -> None:
    token = holder.token()
    answer = holder.exchange(token)
    body = answer.json()
    assert (answer.status_code, body["issued_token_type"]) == (200, ACCESS_TOKEN)
    had, got = claims_in(token), claims_in(body["access_token"])
    assert [had[name] == got[name] for name in ("iss", "aud", "sub", "client_id", "project", "jti")] == [True] * 5 + [False]
    assert got["exp"] <= had["exp"] and got["origin"] == [had["jti"]]
    assert status(holder.server, body["access_token"]) == 200


@pytest.mark.parametrize(
    "fields",
    [{"ceiling": json.dumps({"access": ["READ"], **ORDERS})}, {"scope": "read SECRET_NAME/exchanged_one"}],
    ids=["ceiling", "scope"],
)
def test_a_narrowed_token_may_what_it_was_narrowed_to_and_no_more(holder: Client, fields: dict[str, str]) -> None:
    server, token = holder.server, holder.token()
    less = holder.exchanged(token, **fields)
    assert [reads(server, less, name) for name in ("exchanged_one", "exchanged_two")] == [200, 403]
    assert [puts(server, each, "exchanged_one") for each in (less, token)] == [403, 200]


def test_no_exchange_gets_back_what_one_before_it_gave_up(holder: Client) -> None:
    less = holder.exchanged(holder.token(), ceiling=json.dumps({"access": ["READ"]}))
    for fields in ({}, {"ceiling": json.dumps({"access": ["READ", "UPDATE"]})}, {"ceiling": "{}"}, {"scope": "update"}):
        again = holder.exchanged(less, **fields)
        assert puts(holder.server, again, "exchanged_one") == 403
    least = holder.exchanged(less, scope="update")
    assert reads(holder.server, least, "exchanged_one") == 403  # nothing is in both


def test_a_narrowed_token_gets_no_whole_one_by_client_credentials(holder: Client) -> None:
    """Only who has the secret itself gets one."""
    less = holder.exchanged(holder.token(), scope="read")
    answer = holder.send("token", {"grant_type": "client_credentials"}, auth=None, headers={"Authorization": f"Bearer {less}"})
    assert (answer.status_code, answer.json()["error"]) == (401, "invalid_client")


def test_an_exchanged_token_lives_no_longer_than_the_one_shown(holder: Client, sqlite_server: LiveServer) -> None:
    forger = Forger(signing_key(sqlite_server), holder.token())
    soon = forger.token({"exp": claims_in(forger.good)["iat"] + 100, "jti": "short"})
    assert claims_in(holder.exchanged(soon))["exp"] == claims_in(soon)["exp"]
    assert claims_in(holder.exchanged(soon, expires_in="999999"))["exp"] == claims_in(soon)["exp"]
    assert claims_in(holder.exchanged(soon, expires_in="10"))["exp"] < claims_in(soon)["exp"] - 50
    assert holder.exchange(forger.token({"exp": 1})).json()["error"] == "invalid_request"


def test_who_acts_is_named_and_those_before_stay_named(holder: Client, sqlite_server: LiveServer) -> None:
    one, two = client(sqlite_server, "acts"), client(sqlite_server, "acts for who acts")
    first = holder.exchanged(holder.token(), actor_token=one.token(), actor_token_type=ACCESS_TOKEN)
    assert claims_in(first)["act"] == {"sub": f"app:{one.application}", "client_id": one.key["id"]}
    second = holder.exchanged(first, actor_token=two.token(), actor_token_type=ACCESS_TOKEN)
    assert claims_in(second)["act"] == {"sub": f"app:{two.application}", "client_id": two.key["id"], "act": claims_in(first)["act"]}
    assert claims_in(second)["sub"] == f"app:{holder.application}"


@pytest.mark.promise(2)
def test_pausing_the_key_stops_what_its_tokens_were_exchanged_for(sqlite_server: LiveServer) -> None:
    paused = client(sqlite_server, "is paused after an exchange")
    got = paused.exchanged(paused.exchanged(paused.token()))
    assert status(sqlite_server, got) == 200
    sqlite_server.admin().call("POST", f"/api/applications/{paused.application}/accessKeys/{paused.key['id']}/status")
    assert status(sqlite_server, got) == 401


@pytest.mark.promise(2)
def test_ending_a_token_ends_all_that_came_of_it_and_of_its_actors(holder: Client, sqlite_server: LiveServer) -> None:
    actor = client(sqlite_server, "acts and is ended")
    token, acting = holder.token(), actor.token()
    child = holder.exchanged(token)
    grandchild = holder.exchanged(child, actor_token=acting, actor_token_type=ACCESS_TOKEN)
    aside = holder.exchanged(token)
    assert [status(sqlite_server, each) for each in (child, grandchild, aside)] == [200] * 3
    actor.send("revoke", {"token": acting})
    assert [status(sqlite_server, each) for each in (child, grandchild, aside)] == [200, 401, 200]
    holder.send("revoke", {"token": token})
    assert [status(sqlite_server, each) for each in (child, aside)] == [401, 401]


@pytest.mark.promise(2)
def test_pausing_the_key_of_who_acts_stops_what_it_acts_by(holder: Client, sqlite_server: LiveServer) -> None:
    actor = client(sqlite_server, "acts and is paused")
    got = holder.exchanged(holder.token(), actor_token=actor.token(), actor_token_type=ACCESS_TOKEN)
    assert status(sqlite_server, got) == 200
    sqlite_server.admin().call("POST", f"/api/applications/{actor.application}/accessKeys/{actor.key['id']}/status")
    assert status(sqlite_server, got) == 401


def test_a_token_is_not_exchanged_on_without_end(holder: Client) -> None:
    token, count = holder.token(), 0
    while (answer := holder.exchange(token)).status_code == 200:
        token, count = answer.json()["access_token"], count + 1
        assert count < 20
    assert (count, answer.json()["error"]) == (8, "invalid_request")


@pytest.mark.promise(4)
@pytest.mark.parametrize(
    ("fields", "error"),
    [
        ({"subject_token": "nonsense"}, "invalid_request"),
        ({"subject_token_type": "urn:ietf:params:oauth:token-type:saml2"}, "invalid_request"),
        ({"requested_token_type": "urn:ietf:params:oauth:token-type:refresh_token"}, "invalid_request"),
        ({"actor_token": "nonsense"}, "invalid_request"),
        ({"actor_token": "nonsense", "actor_token_type": ACCESS_TOKEN}, "invalid_request"),
        ({"actor_token_type": ACCESS_TOKEN}, "invalid_request"),
        ({"resource": "https://elsewhere.example"}, "invalid_target"),
        ({"audience": "https://elsewhere.example"}, "invalid_target"),
        ({"scope": "everything"}, "invalid_scope"),
        ({"scope": "SECRET_NAME/"}, "invalid_scope"),
        ({"ceiling": "no json"}, "invalid_request"),
        ({"ceiling": '{"accesses": ["READ"]}'}, "invalid_request"),
        ({"ceiling": '{"below": {"access": ["READ"]}}'}, "invalid_request"),
        ({"ceiling": json.dumps({"resources": [{"type": "SECRET_NAME", "id": f"number_{n}"} for n in range(200)]})}, "invalid_request"),
        ({"expires_in": "-1"}, "invalid_request"),
        ({"expires_in": "soon"}, "invalid_request"),
        ({"grant_type": "password"}, "unsupported_grant_type"),
        ({"grant_type": ""}, "invalid_request"),
    ],
    ids=str,
)
def test_what_cannot_be_granted_is_refused_with_oauths_code(holder: Client, fields: dict[str, Any], error: str) -> None:
    answer = holder.exchange(fields.pop("subject_token", holder.token()), **fields)
    assert (answer.status_code, answer.json()["error"]) == (400, error), answer.text


def test_another_credential_beside_the_subject_is_refused(holder: Client) -> None:
    body = {"grant_type": EXCHANGE, "subject_token": holder.token(), "subject_token_type": ACCESS_TOKEN}
    for options in ({}, {"auth": None, "headers": {"X-Authorization": holder.token()}}):
        assert holder.send("token", body, **options).status_code == 400


def test_other_methods_and_addresses_answer_in_oauths_form(holder: Client) -> None:
    for method, path, code in (("GET", "/oauth/token", 405), ("POST", "/oauth/other", 404)):
        answer = api(holder.server, "").http.request(method, path)
        assert (answer.status_code, answer.json()["error"]) == (code, "invalid_request")


@pytest.mark.slow
@pytest.mark.anyio
@pytest.mark.promise(4)
async def test_an_exchange_that_forgot_the_ceiling_before_would_give_back_what_was_given_up(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with inside(tmp_path) as made:

        async def exchanged(token: str, **fields: str) -> str:
            body = {"grant_type": EXCHANGE, "subject_token": token, "subject_token_type": ACCESS_TOKEN, **fields}
            return str((await made.http.post("/oauth/token", data=body)).json()["access_token"])

        async def puts(token: str) -> int:
            return (await made.http.put("/api/secrets/one", content=b"value", headers={"X-Authorization": token})).status_code

        less = await exchanged(await made.token(), scope="read")
        assert [await puts(less), await puts(await exchanged(less))] == [403, 403]
        monkeypatch.setattr(token_exchange, "both", lambda upper, lower: lower)
        assert [await puts(less), await puts(await exchanged(less))] == [403, 200]
