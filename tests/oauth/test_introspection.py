"""RFC 7662 and RFC 7009 on a live server: what a token is worth, and its end (promises 2, 4)."""

from pathlib import Path

import httpx
import pytest

from stagedoor.core import revocation
from stagedoor.gate import authority
from tests.api.authorization.forge import Forger, claims_in, signing_key
from tests.api.authorization.tenancy import audit, new_project, sign_in
from tests.oauth.oauth import ME, Client, client, status
from tests.support.inside import inside
from tests.support.server import ADMIN, LiveServer

INACTIVE = {"active": False}


@pytest.fixture(scope="module")
def asking(sqlite_server: LiveServer) -> Client:
    return client(sqlite_server, "introspects")


@pytest.fixture(scope="module")
def other(sqlite_server: LiveServer) -> Client:
    return client(sqlite_server, "is introspected", "USER")


def test_it_works(asking: Client, other: Client) -> None:
    token = other.token()
    found, said = asking.introspect(token), claims_in(token)
    del said["mac"]
    assert found == {"active": True, "token_type": "Bearer", **said}
    assert (found["sub"], found["client_id"]) == (f"app:{other.application}", other.key["id"])


def test_each_way_of_proving_a_client_is_taken(asking: Client, other: Client) -> None:
    token, own = other.token(), asking.token()
    form = {"client_id": asking.key["id"], "client_secret": asking.key["secret"]}
    for fields, options in (
        ({}, {}),
        (form, {"auth": None}),
        ({}, {"auth": None, "headers": {"Authorization": f"Bearer {own}"}}),
        ({}, {"auth": None, "headers": {"X-Authorization": own}}),
    ):
        answer = asking.send("introspect", {"token": token, **fields}, **options)
        assert (answer.status_code, answer.json()["active"]) == (200, True), (fields, options)


def test_who_proves_nothing_is_told_so_as_oauth_says_it(asking: Client, other: Client) -> None:
    token = other.token()
    for options in (
        {"auth": None},
        {"auth": (asking.key["id"], "sds_wrong")},
        {"auth": ("nobody", asking.key["secret"])},
        {"auth": None, "headers": {"Authorization": "Basic !!"}},
        {"auth": None, "headers": {"Authorization": "Bearer nonsense"}},
    ):
        answer = asking.send("introspect", {"token": token}, **options)
        assert (answer.status_code, answer.json()["error"]) == (401, "invalid_client"), options
        assert answer.headers["www-authenticate"].startswith("Basic realm=")
        assert answer.json().keys() == {"error", "error_description"}


@pytest.mark.promise(4)
def test_two_proofs_in_one_request_are_refused(asking: Client, other: Client) -> None:
    both = {"client_id": asking.key["id"], "client_secret": asking.key["secret"]}
    for fields, options in ((both, {}), ({}, {"headers": {"X-Authorization": asking.token()}})):
        answer = asking.send("introspect", {"token": other.token(), **fields}, **options)
        assert (answer.status_code, answer.json()["error"]) == (400, "invalid_request")


def test_a_request_that_is_no_form_or_names_a_thing_twice_is_refused(asking: Client) -> None:
    url, auth = f"{asking.server.url}/oauth/introspect", asking.basic
    kind = {"Content-Type": "application/x-www-form-urlencoded"}
    for answer in (
        httpx.post(url, json={"token": "x"}, auth=auth, verify=False),
        httpx.post(url, content=b"token=a&token=b", headers=kind, auth=auth, verify=False),
        httpx.post(url, content=b"token=", headers=kind, auth=auth, verify=False),
        httpx.post(url, content=b"token=%ff", headers=kind, auth=auth, verify=False),
        httpx.post(f"{url}?token=x", content=b"", headers=kind, auth=auth, verify=False),
    ):
        assert (answer.status_code, answer.json()["error"]) == (400, "invalid_request"), answer.text


@pytest.mark.promise(4)
def test_a_token_that_is_not_good_now_is_inactive_and_nothing_more_is_said(asking: Client, other: Client) -> None:
    forger = Forger(signing_key(asking.server), other.token())
    new_project(asking.server, "introspecting", "admin@introspecting.example")
    person = {"email": ADMIN, "password": asking.server.first["password"], "project": "introspecting", "operator": True}
    for token in (
        "nonsense", other.key["secret"], other.key["id"], forger.unsigned(), forger.by_other_key(), forger.token({"exp": 1}),
        forger.token({"client_id": "gone"}), forger.token({"project": "elsewhere"}), sign_in(asking.server, **person).json()["token"],
    ):  # fmt: skip
        assert asking.introspect(token) == INACTIVE
    assert asking.introspect(forger.token({"jti": "another"}))["active"]


@pytest.mark.promise(2)
def test_a_paused_key_makes_its_tokens_inactive_at_once(asking: Client, sqlite_server: LiveServer) -> None:
    paused = client(sqlite_server, "is paused")
    token = paused.token()
    assert asking.introspect(token)["active"]
    sqlite_server.admin().call("POST", f"/api/applications/{paused.application}/accessKeys/{paused.key['id']}/status")
    assert asking.introspect(token) == INACTIVE


@pytest.mark.promise(2)
def test_a_revoked_token_stops_at_once_and_its_siblings_do_not(asking: Client, other: Client) -> None:
    token, sibling = other.token(), other.token()
    assert status(other.server, token) == 200  # it is in the cache now
    assert other.send("revoke", {"token": token}).status_code == 200
    assert (status(other.server, token), status(other.server, sibling)) == (401, 200)
    assert asking.introspect(token) == INACTIVE
    assert other.send("revoke", {"token": token}).status_code == 200  # RFC 7009 2.2: as for one that was never there


def test_one_may_end_ones_own_token_with_nothing_but_it(other: Client) -> None:
    token = other.token()
    fields = {"token": token, "token_type_hint": "access_token"}
    answer = other.send("revoke", fields, auth=None, headers={"Authorization": f"Bearer {token}"})
    assert (answer.status_code, answer.content, status(other.server, token)) == (200, b"", 401)


def test_only_its_holder_and_an_administrator_end_a_token(asking: Client, other: Client) -> None:
    token = other.token()
    refused = asking.send("revoke", {"token": token})
    assert (refused.status_code, refused.json()["error"]) == (403, "unauthorized_client")
    assert status(other.server, token) == 200
    first = other.server.first
    assert asking.send("revoke", {"token": token}, auth=(first["keyId"], first["keySecret"])).status_code == 200
    assert status(other.server, token) == 401


def test_ending_what_is_no_token_or_another_projects_changes_nothing(asking: Client, other: Client) -> None:
    for token in ("nonsense", other.key["secret"], ""):
        answer = asking.send("revoke", {"token": token} if token else {"token": " "})
        assert (answer.status_code, answer.content) == (200, b"")


def test_the_end_of_a_token_is_in_the_audit(other: Client) -> None:
    token, before = other.token(), ended(other)
    for _ in range(2):
        other.send("revoke", {"token": token})
    assert ended(other) == before + 1


@pytest.mark.slow
@pytest.mark.anyio
@pytest.mark.promise(2)
async def test_without_the_list_of_the_revoked_a_token_would_live_on(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    async with inside(tmp_path) as made:
        token = await made.token()

        async def ask() -> int:
            return (await made.http.get(ME, headers={"X-Authorization": token})).status_code

        sent = await made.http.post("/oauth/revoke", data={"token": token}, headers={"X-Authorization": token})
        assert (sent.status_code, await ask()) == (200, 401)
        monkeypatch.setattr(authority, "check_not_revoked", lambda tx, who: None)
        assert await ask() == 200
        assert revocation.check_not_revoked is not authority.check_not_revoked


def ended(holder: Client) -> int:
    return audit(holder.server, "default", "token.revoke").count((f"app:{holder.application}", f"USER app:{holder.application}"))
