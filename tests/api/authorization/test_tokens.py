"""Tokens: which are taken, and what the refused ones are told (promises 2, 4, 5)."""

import base64
import string
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any, ClassVar

import httpx
import pytest

from stagedoor.gate import authority
from stagedoor.kit.errors import Unauthenticated
from stagedoor.kit.tokens import Claims, SigningKey, verify
from tests.api.authorization.forge import Forger, claims_in, part, signing_key
from tests.api.authorization.world import World
from tests.support.inside import inside
from tests.support.server import LiveServer

ME = "/api/token/userInfo"
DIGITS = string.ascii_uppercase + string.ascii_lowercase + string.digits + "-_"


@pytest.fixture(scope="module")
def forger(sqlite_server: LiveServer) -> Forger:
    return Forger(signing_key(sqlite_server), sqlite_server.token(sqlite_server.first["keyId"], sqlite_server.first["keySecret"]))


@pytest.fixture
def http(sqlite_server: LiveServer) -> Iterator[httpx.Client]:
    with httpx.Client(base_url=sqlite_server.url, verify=False) as client:
        yield client


def refused(http: httpx.Client, token: str) -> str:
    """The `error` of the 401 that this token gets."""
    answer = http.get(ME, headers={"X-Authorization": token})
    assert answer.status_code == 401, answer.text
    error: str = answer.json()["error"]
    return error


def test_it_works(http: httpx.Client, forger: Forger) -> None:
    """The forger's own means are good enough: only what each test changes is what gets its tokens refused."""
    assert http.get(ME, headers={"X-Authorization": forger.good}).status_code == 200
    assert http.get(ME, headers={"X-Authorization": forger.token({"jti": "another"})}).status_code == 200


@pytest.mark.promise(4)
@pytest.mark.parametrize("alg", ["none", "None", "NONE", "nOnE", ""])
def test_an_unsigned_token_is_refused(alg: str, http: httpx.Client, forger: Forger) -> None:
    assert refused(http, forger.unsigned(alg)) == "INVALID_TOKEN"


@pytest.mark.promise(4)
def test_a_token_signed_with_the_public_key_as_a_shared_secret_is_refused(http: httpx.Client, forger: Forger) -> None:
    published = http.get("/.well-known/jwks.json").json()["keys"][0]
    assert "d" not in published
    public = forger.key._key.as_pem(private=False)
    for secret in (public, public.strip(), http.get("/.well-known/jwks.json").content, published["x"].encode()):
        assert refused(http, forger.by_hmac(secret)) == "INVALID_TOKEN"


@pytest.mark.promise(4)
@pytest.mark.parametrize(
    "header",
    [
        {"typ": "JWT"}, {"typ": None}, {"typ": "AT+JWT"}, {"typ": ["at+jwt"]}, {"kid": None}, {"kid": "../../etc/passwd"}, {"kid": 1},
        {"kid": ""}, {"alg": "ES384"}, {"alg": "RS256"}, {"alg": ["ES256"]}, {"alg": None}, {"cty": "JWT"}, {"zip": "DEF"}, {"crit": []},
        {"crit": ["exp"]}, {"b64": False, "crit": ["b64"]}, {"jwk": {"kty": "EC"}}, {"jku": "https://attacker.example/keys"},
        {"x5u": "https://attacker.example/chain"}, {"x5c": ["MII"]},
    ],
    ids=str,
)  # fmt: skip
def test_a_header_that_says_anything_else_is_refused(header: dict[str, Any], http: httpx.Client, forger: Forger) -> None:
    assert refused(http, forger.token(**header)) == "INVALID_TOKEN"


@pytest.mark.promise(4)
def test_a_token_that_brings_its_own_key_is_refused(http: httpx.Client, forger: Forger) -> None:
    for header in ({}, {"jwk": "own"}, {"jwk": "own", "kid": "mine"}, {"jku": "https://attacker.example"}):
        assert refused(http, forger.by_other_key(**header)) == "INVALID_TOKEN"


@pytest.mark.promise(4)
@pytest.mark.parametrize(
    "claims",
    [
        {"iss": "https://other.example"}, {"iss": None}, {"aud": "other"}, {"aud": ["conductor"]}, {"sub": "admin@example.com"},
        {"project": "other"}, {"client_id": "nobody"}, {"client_id": ""}, {"exp": "never"}, {"exp": None}, {"iat": None}, {"jti": None},
    ],
    ids=str,
)  # fmt: skip
def test_claims_of_another_issuer_audience_caller_or_shape_are_refused(claims: dict[str, Any], http: httpx.Client, forger: Forger) -> None:
    assert refused(http, forger.token(claims)) == "INVALID_TOKEN"


@pytest.mark.promise(4)
@pytest.mark.parametrize("text", ["x", "a.b.c", "..", "....", "e30.e30.e30", "é.é.é", "Bearer x", "null", '"', "a" * 30_000])
def test_what_is_no_token_is_refused_and_never_a_server_error(text: str, http: httpx.Client) -> None:
    answer = http.get(ME, headers=[(b"X-Authorization", text.encode())])
    assert (answer.status_code, answer.json()["error"]) == (401, "INVALID_TOKEN")


@pytest.mark.promise(4)
def test_a_part_that_is_changed_or_cut_is_refused(http: httpx.Client, forger: Forger) -> None:
    head, body, signature = forger.good.split(".")
    admin = forger.token({"sub": "admin@example.com"}).split(".")[1]
    cut = (f"{head}.{body}.", f"{head}.{body}", f"{head}.{body}.{signature[:-4]}")
    for token in (f"{head}.{admin}.{signature}", *cut, f"{body}.{head}.{signature}"):
        assert refused(http, token) == "INVALID_TOKEN"


@pytest.mark.promise(4, 14)
def test_an_expired_token_says_so_and_an_sdk_may_renew_it(http: httpx.Client, forger: Forger) -> None:
    now = int(time.time())
    assert refused(http, forger.token({"exp": now - 1})) == "EXPIRED_TOKEN"
    assert refused(http, forger.token({"exp": now})) == "EXPIRED_TOKEN"
    assert http.get(ME, headers={"X-Authorization": forger.token({"exp": now + 60})}).status_code == 200
    answer = http.get(ME, headers={"Authorization": f"Bearer {forger.token({'exp': now - 1})}"})
    assert (answer.status_code, answer.json()) == (401, {"error": "UNAUTHORIZED", "message": "Token expired", "code": 401})


def test_a_token_that_has_been_taken_before_expires_all_the_same(http: httpx.Client, forger: Forger) -> None:
    for seconds in (3, 30):  # a slow machine may take longer than the first
        expires = int(time.time()) + seconds
        token = forger.token({"exp": expires})
        taken = http.get(ME, headers={"X-Authorization": token}).status_code
        if taken == 200:
            break
    assert taken == 200
    time.sleep(max(0.0, expires - time.time()) + 0.1)
    assert refused(http, token) == "EXPIRED_TOKEN"


@pytest.mark.promise(4)
def test_without_its_check_of_the_header_the_verifier_would_take_a_wrong_type(forger: Forger, monkeypatch: pytest.MonkeyPatch) -> None:
    """The attack is one: with the expected header taken from the token itself it succeeds. The MAC, which would notice too, is left out."""

    class Loose(Claims):
        typ: ClassVar[str] = "JWT"

    keys, token = {forger.key.kid: forger.key}, forger.token(typ="JWT")
    monkeypatch.setattr(SigningKey, "mac_of", lambda _, claims: claims.mac)
    with pytest.raises(Unauthenticated):
        verify(token, keys, "stagedoor", "conductor", Claims)
    assert verify(token, keys, "stagedoor", "conductor", Loose).jti == claims_in(token)["jti"]


def wrong_signatures(good: str, other: str) -> Iterator[str]:
    """Every bit of the signature turned over, signatures of something else, and the right one spelled in other ways."""
    signature = good.split(".")[2]
    data = base64.urlsafe_b64decode(signature + "==")
    number = int.from_bytes(data, "big")
    yield from (part((number ^ 1 << bit).to_bytes(64, "big")) for bit in range(512))
    yield from (other.split(".")[2], part(bytes(64)), part(b"\xff" * 64), part(data[32:] + data[:32]), part(data + b"\0"))
    last = DIGITS.index(signature[-1])
    yield from (signature[:-1] + DIGITS[last ^ bits] for bits in range(1, 16))
    yield from (f"{signature}=", f"{signature}==", f"{signature}A", f"{signature}AA", f"{signature}.", f"{signature[:40]}!{signature[40:]}")
    yield base64.b64encode(data).decode()


@pytest.mark.promise(4)
def test_a_token_known_by_heart_is_refused_under_any_other_signature(http: httpx.Client, forger: Forger) -> None:
    """The cache knows whole tokens: a live header and payload with another signature is none of them."""
    signed = forger.good.rpartition(".")[0]
    assert http.get(ME, headers={"X-Authorization": forger.good}).status_code == 200
    for signature in wrong_signatures(forger.good, forger.token({"jti": "another"})):
        assert refused(http, f"{signed}.{signature}") == "INVALID_TOKEN", signature
    assert http.get(ME, headers={"X-Authorization": forger.good}).status_code == 200


@pytest.mark.anyio
@pytest.mark.promise(4)
async def test_a_cache_that_left_out_the_signature_would_take_the_wrong_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    async with inside(tmp_path) as made:
        good, other = await made.token(), await made.token()
        forged = f"{good.rpartition('.')[0]}.{other.rpartition('.')[2]}"

        async def statuses() -> list[int]:
            return [(await made.http.get(ME, headers={"X-Authorization": token})).status_code for token in (good, forged)]

        assert await statuses() == [200, 401]
        monkeypatch.setattr(authority, "fingerprint", lambda token: token.rpartition(b".")[0])
        assert await statuses() == [200, 200]


@pytest.mark.promise(4)
@pytest.mark.parametrize("name", ["token", "access_token", "X-Authorization", "x-authorization", "authorization", "jwt", "api_key"])
def test_a_token_in_the_query_is_never_accepted(name: str, http: httpx.Client, forger: Forger) -> None:
    assert http.get(ME, params={name: forger.good}).status_code == 401
    assert http.post("/api/secrets", data={name: forger.good}).status_code == 401
    assert http.get(ME, headers={"Cookie": f"{name}={forger.good}"}).status_code == 401


@pytest.mark.promise(4)
def test_a_token_is_taken_from_either_header(http: httpx.Client, forger: Forger) -> None:
    good = forger.good
    for headers in ({"X-Authorization": good}, {"Authorization": f"Bearer {good}"}, {"authorization": f"bearer {good}"}):
        assert http.get(ME, headers=headers).status_code == 200
    assert http.get(ME, headers={"X-Authorization": good, "Authorization": f"Bearer {good}"}).status_code == 200
    for headers in ({"Authorization": good}, {"Authorization": f"Basic {good}"}, {"X-Authorization": f"Bearer {good}"}):
        assert http.get(ME, headers=headers).status_code == 401


@pytest.mark.promise(4)
def test_two_different_callers_in_one_request_are_refused(http: httpx.Client, forger: Forger, sqlite_server: LiveServer) -> None:
    world = World.on(sqlite_server)
    other = world.stranger.http.headers["X-Authorization"]
    answer = http.get(ME, headers={"X-Authorization": forger.good, "Authorization": f"Bearer {other}"})
    assert (answer.status_code, answer.json()["context"]["field"]) == (400, "authorization")
    twice = http.get(ME, headers=[("X-Authorization", forger.good), ("X-Authorization", other)])
    assert (twice.status_code, twice.json()["validationErrors"][0]["path"]) == (400, "x-authorization")


@pytest.mark.promise(4)
def test_a_bad_token_beside_a_good_one_is_not_overlooked(http: httpx.Client, forger: Forger) -> None:
    for one, other in ((forger.good, "nonsense"), ("nonsense", forger.good)):
        assert http.get(ME, headers={"X-Authorization": one, "Authorization": f"Bearer {other}"}).status_code == 401
