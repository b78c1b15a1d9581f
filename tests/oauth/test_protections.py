"""What keeps others out of a trust, and that they get in where it is taken away (promises 3, 4)."""

import os
import sqlite3
from base64 import urlsafe_b64decode, urlsafe_b64encode
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
from tests.support.issuer import AUDIENCE, GITHUB, GITLAB, KUBERNETES, Issuers, github, kubernetes
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
    return shown(server, application, token).status_code == 200


def shown(server: ThreadServer, application: str, token: str) -> httpx.Response:
    body = {"grant_type": EXCHANGE, "client_id": application, "subject_token": token, "subject_token_type": ID_TOKEN}
    return httpx.post(f"{server.url}/oauth/token", data=body, timeout=30, verify=False)


def mirrored(token: str) -> str:
    """An ES256 token with its other signature."""
    said, _, signature = token.rpartition(".")
    both = urlsafe_b64decode(signature + "==")
    order = 0xFFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551
    other = both[:32] + (order - int.from_bytes(both[32:])).to_bytes(32)
    return f"{said}.{urlsafe_b64encode(other).rstrip(b'=').decode()}"


def test_a_token_shown_twice(at: Any, application: str, monkeypatch: pytest.MonkeyPatch) -> None:
    token = at[1].by_url[GITHUB].token(github())
    assert [enters(at[0], application, token) for _ in range(2)] == [True, False]
    monkeypatch.setattr(trusts.Trusts, "_use_once", lambda *_: None)
    assert enters(at[0], application, token)


def test_a_token_without_a_jti_shown_twice(at: Any, application: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Also under the other signature that is as good: (r, n - s) is one where (r, s) is."""
    server, issuer = at[0], at[1].by_url[KUBERNETES]
    issuer.new_key("curved", "EC")
    terms = {"issuer": KUBERNETES, "audience": AUDIENCE, "conditions": {"/kubernetes.io/namespace": "my-namespace"}}
    server.admin().call("POST", f"/api/applications/{application}/trusts", terms)
    token = issuer.token(kubernetes(jti=None))
    assert [enters(server, application, one) for one in (token, token, mirrored(token))] == [True, False, False]
    monkeypatch.setattr(trusts, "_named", lambda shown: (os.urandom(8).hex(),))
    assert [enters(server, application, one) for one in (token, mirrored(token))] == [True, True]


def test_a_token_that_was_judged_by_terms_which_nothing_vouches_for(at: Any, application: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """They stood in the database while the token was looked at, under the revision of the right ones, which are back when it is taken."""
    server, made = at
    signed = federation.Federation._signed

    def written(before: str, after: str) -> None:
        with sqlite3.connect(server.data / "stagedoor.db", timeout=10) as database:
            changed = "UPDATE trust SET terms = REPLACE(terms, ?, ?) WHERE application_id = ?"
            assert database.execute(changed, (before, after, application)).rowcount == 1

    async def meanwhile(self: federation.Federation, shown: Any) -> bool:
        written("evil-repo", "octo-repo")
        return await signed(self, shown)

    def taken() -> bool:
        written("octo-repo", "evil-repo")
        return enters(server, application, made.by_url[GITHUB].token(github(repository="octo-org/evil-repo")))

    monkeypatch.setattr(federation.Federation, "_signed", meanwhile)
    assert not taken()
    monkeypatch.setattr(trusts, "_as_judged", lambda row, candidate: row["revision"] == candidate.revision)
    assert taken()


@pytest.mark.promise(5, 9)
def test_who_asks_does_not_learn_which_applications_trust_an_issuer_that_cannot_be_had(
    at: Any, application: str, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """Neither by the answer nor by whether the issuer is asked; the log says what is wrong."""
    (server, made), (stranger, _) = at, at[0].admin().application("trusts nobody")
    issuer = made.by_url[GITHUB]
    assert enters(server, application, issuer.token(github()))
    for age in ("FRESH", "STALE", "AGAIN_FAILED"):
        monkeypatch.setattr(issuers, age, -1.0)
    right = issuer.documents.pop("/.well-known/openid-configuration")
    try:
        token = issuer.token(github())
        before = len(made.local.received)
        answers = [shown(server, named, token) for named in (application, stranger, "none-at-all")]
        asked = [each.target for each in made.local.received[before:]]
        assert [each.status_code for each in answers] == [400] * 3 and len({each.text for each in answers}) == 1
        assert asked == ["/.well-known/openid-configuration"] * 3
        assert f"issuer '{GITHUB}': the issuer's keys cannot be had" in caplog.text and "answered 404" in caplog.text
        monkeypatch.setattr(federation, "IssuerUnavailable", KeyError)
        monkeypatch.setattr(issuers.Issuers, "asked", lambda *_: False)
        assert [shown(server, named, token).status_code for named in (application, stranger)] == [503, 400]
        assert len(made.local.received) == before + 4
    finally:
        issuer.documents["/.well-known/openid-configuration"] = right
    assert enters(server, application, token)


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
