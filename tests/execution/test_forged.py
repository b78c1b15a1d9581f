"""Execution tokens that nobody should take, made with the server's own signing key: as of access tokens (promise 4)."""

from dataclasses import replace
from typing import Any

import httpx
import pytest

from stagedoor.kit.tokens import Claims, ExecutionClaims
from tests.api.authorization.forge import Forger, claims_in, signing_key
from tests.execution.scene import Scene
from tests.support.server import LiveServer

pytestmark = [pytest.mark.slow, pytest.mark.promise(4)]
PATH = "/api/metadata/workflow"


@pytest.fixture(scope="module")
def forger(sqlite_server: LiveServer) -> Forger:
    scene = Scene(sqlite_server)
    return Forger(signing_key(sqlite_server), scene.ask(scene.running())["token"], ExecutionClaims)


def status(server: LiveServer, token: str) -> int:
    return httpx.get(f"{server.url}{PATH}", headers={"X-Authorization": token}, timeout=30).status_code


def test_it_works(sqlite_server: LiveServer, forger: Forger) -> None:
    """What is refused below is refused for what it changes."""
    assert status(sqlite_server, forger.good) == 200
    assert status(sqlite_server, forger.token({"jti": "another"})) == 200


@pytest.mark.parametrize("alg", ["none", "None", "", "HS256", "ES384"])
def test_an_unsigned_one_is_refused(alg: str, sqlite_server: LiveServer, forger: Forger) -> None:
    assert status(sqlite_server, forger.unsigned(alg)) == 401


def test_one_signed_with_the_public_key_as_a_shared_secret_is_refused(sqlite_server: LiveServer, forger: Forger) -> None:
    public = forger.key._key.as_pem(private=False)
    assert [status(sqlite_server, forger.by_hmac(secret)) for secret in (public, public.strip())] == [401, 401]


@pytest.mark.parametrize(
    "header",
    [
        {"typ": "JWT"}, {"typ": None}, {"typ": "at+jwt"}, {"typ": "EXECUTION+JWT"}, {"kid": None}, {"kid": "../../etc/passwd"}, {"kid": 1},
        {"alg": "ES384"}, {"alg": "RS256"}, {"crit": ["exp"]}, {"jwk": {"kty": "EC"}}, {"jku": "https://attacker.example/keys"},
        {"x5u": "https://attacker.example/chain"},
    ],
    ids=str,
)  # fmt: skip
def test_a_header_that_says_anything_else_is_refused(header: dict[str, Any], sqlite_server: LiveServer, forger: Forger) -> None:
    assert status(sqlite_server, forger.token(**header)) == 401


@pytest.mark.parametrize("header", [{}, {"jwk": "own"}, {"kid": "own"}], ids=str)
def test_anothers_signature_is_refused(header: dict[str, Any], sqlite_server: LiveServer, forger: Forger) -> None:
    assert status(sqlite_server, forger.by_other_key(**header)) == 401


@pytest.mark.parametrize(
    "claims",
    [
        {"exp": 1}, {"iss": "another"}, {"aud": "another"}, {"sub": "run:another"}, {"sub": "admin@example.com"}, {"task": "another"},
        {"client_id": "another"}, {"project": "another"}, {"voucher": "admin@example.com"}, {"poll_count": 0}, {"task_ref": "other"},
        {"voucher": None}, {"origin": 1},
    ],
    ids=str,
)  # fmt: skip
def test_claims_that_are_not_so_are_refused(claims: dict[str, Any], sqlite_server: LiveServer, forger: Forger) -> None:
    assert status(sqlite_server, forger.token(claims)) == 401


def test_neither_kind_passes_for_the_other(sqlite_server: LiveServer, forger: Forger) -> None:
    """What one says under the other's header, rightly signed and with the MAC of either."""
    access = sqlite_server.token(sqlite_server.first["keyId"], sqlite_server.first["keySecret"])
    disguised = [
        forger.token(typ=Claims.typ),
        replace(forger, kind=Claims).token(),
        forger.token(claims_in(access)),
        Forger(forger.key, access).token(typ=ExecutionClaims.typ),
    ]
    assert [status(sqlite_server, token) for token in disguised] == [401] * len(disguised)
