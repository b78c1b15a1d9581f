"""What keeps others out of a trust, and that they get in where it is taken away (promises 3, 4)."""

import sqlite3
from collections.abc import Iterator
from typing import Any

import httpx
import pytest

from stagedoor.core import federation as trusts
from stagedoor.core import trust as terms_of
from stagedoor.gate import federation, issuers
from stagedoor.kit import assertion
from stagedoor.kit.assertion import issuer_keys
from tests.oauth.oauth import EXCHANGE, ID_TOKEN
from tests.support.issuer import AUDIENCE, GITHUB, GITLAB, Issuers, github
from tests.support.issuer import issuers as local_issuers
from tests.support.thread import ThreadServer, thread_server

pytestmark = [pytest.mark.slow, pytest.mark.promise(4)]
REPOSITORY = {"repository": "octo-org/octo-repo"}


@pytest.fixture(scope="module")
def at(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[ThreadServer, Issuers]]:
    folder = tmp_path_factory.mktemp("protections")
    with local_issuers(folder) as made, thread_server(folder, **made.environment) as server:
        yield server, made


@pytest.fixture
def application(at: tuple[ThreadServer, Issuers]) -> str:
    """One that trusts a repository."""
    made, _ = at[0].admin().application("trusts")
    terms = {"issuer": GITHUB, "audience": AUDIENCE, "conditions": REPOSITORY}
    at[0].admin().call("POST", f"/api/applications/{made}/trusts", terms)
    return made


def enters(server: ThreadServer, application: str, token: str) -> bool:
    body = {"grant_type": EXCHANGE, "client_id": application, "subject_token": token, "subject_token_type": ID_TOKEN}
    return httpx.post(f"{server.url}/oauth/token", data=body, timeout=30, verify=False).status_code == 200


def test_a_token_shown_twice(at: Any, application: str, monkeypatch: pytest.MonkeyPatch) -> None:
    token = at[1].by_url[GITHUB].token(github())
    assert [enters(at[0], application, token) for _ in range(2)] == [True, False]
    monkeypatch.setattr(trusts.Trusts, "_use_once", lambda *_: None)
    assert enters(at[0], application, token)


def test_a_token_of_another_signer(at: Any, application: str, monkeypatch: pytest.MonkeyPatch) -> None:
    token = at[1].by_url[GITLAB].token(github(iss=GITHUB))
    assert not enters(at[0], application, token)
    monkeypatch.setattr(federation, "verify_assertion", lambda *_: True)
    assert enters(at[0], application, token)


def test_a_token_for_somebody_else(at: Any, application: str, monkeypatch: pytest.MonkeyPatch) -> None:
    token = at[1].by_url[GITHUB].token(github(aud="https://other.example"))
    assert not enters(at[0], application, token)
    judge = terms_of.judge
    monkeypatch.setattr(federation, "judge", lambda *given: [each for each in judge(*given) if each.check != "aud"])
    assert enters(at[0], application, token)


def test_a_header_that_names_its_own_key(at: Any, application: str, monkeypatch: pytest.MonkeyPatch) -> None:
    token = at[1].by_url[GITHUB].token(github(), jku=f"{GITHUB}/keys")
    assert not enters(at[0], application, token)
    monkeypatch.setattr(assertion, "_HEADER", assertion._HEADER | {"jku"})
    assert enters(at[0], application, token)


@pytest.mark.promise(3)
def test_terms_that_were_changed_in_the_database_let_nobody_in(at: Any, application: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """The credential's MAC vouches for the digest of the terms; without the comparison the changed ones would count."""
    server, made = at
    with sqlite3.connect(server.data / "stagedoor.db", timeout=10) as database:
        changed = "UPDATE trust SET terms = REPLACE(terms, 'octo-repo', 'evil-repo') WHERE application_id = ?"
        assert database.execute(changed, (application,)).rowcount == 1
    evil = github(repository="octo-org/evil-repo")
    assert not enters(server, application, made.by_url[GITHUB].token(evil))
    assert not enters(server, application, made.by_url[GITHUB].token(github()))
    monkeypatch.setattr(trusts, "same", lambda one, other: True)
    assert enters(server, application, made.by_url[GITHUB].token(evil))


def test_an_issuer_whose_discovery_names_another(at: Any, application: str, monkeypatch: pytest.MonkeyPatch) -> None:
    issuer = at[1].by_url[GITHUB]
    monkeypatch.setattr(issuers, "FRESH", -1.0)
    monkeypatch.setattr(issuers, "STALE", -1.0)
    assert enters(at[0], application, issuer.token(github()))
    for changed in ({"issuer": GITLAB}, {"jwks_uri": "http://elsewhere.example/keys"}, {"jwks_uri": 1}, {"issuer": None}):
        monkeypatch.setattr(issuers, "AGAIN_FAILED", -1.0)
        right = issuer.documents["/.well-known/openid-configuration"]
        issuer.documents["/.well-known/openid-configuration"] = right | changed
        try:
            assert not enters(at[0], application, issuer.token(github())), changed
        finally:
            issuer.documents["/.well-known/openid-configuration"] = right
    issuer.documents["/keys"] = b"[" * 2_000_000
    try:
        assert not enters(at[0], application, issuer.token(github()))
    finally:
        issuer.publish()
    assert enters(at[0], application, issuer.token(github()))


def test_an_issuers_new_key_is_learned(at: Any, application: str, monkeypatch: pytest.MonkeyPatch) -> None:
    issuer = at[1].by_url[GITHUB]
    assert enters(at[0], application, issuer.token(github()))
    issuer.new_key("second", "EC")
    monkeypatch.setattr(issuers, "AGAIN", -1.0)  # a minute has gone by
    assert enters(at[0], application, issuer.token(github()))


def test_keys_that_are_not_what_they_should_be_are_passed_over() -> None:
    from joserfc.jwk import ECKey, OctKey, RSAKey

    good = {**RSAKey.generate_key(2048).as_dict(private=False), "kid": "good"}
    weak = {**good, "kid": "weak", "n": good["n"][:170]}
    curve = {**ECKey.generate_key("P-384").as_dict(private=False), "kid": "curve"}
    shared = {**OctKey.generate_key(256).as_dict(private=True), "kid": "shared"}
    private = {**RSAKey.generate_key(2048).as_dict(private=True), "kid": "private"}
    wrong = [{**good, "kid": "enc", "use": "enc"}, {**good, "kid": "ps", "alg": "PS256"}, {**good, "kid": 1}, {"kid": "empty"}, "text"]
    assert list(issuer_keys({"keys": [weak, curve, shared, private, *wrong, good]})) == ["good"]
    assert issuer_keys([]) == issuer_keys({"keys": 1}) == {}
