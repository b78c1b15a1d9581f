"""Keyless workers: whose tokens are taken, and whose are not (promises 2, 4). Real TLS, the issuers' own names, their documented claims."""

from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from tests.api.authorization.forge import claims_in
from tests.oauth.conftest import Trusting
from tests.oauth.oauth import EXCHANGE, ID_TOKEN, JWT_BEARER, status
from tests.support.issuer import AUDIENCE, GITHUB, GITLAB, KUBERNETES, github, gitlab, kubernetes, resigned

pytestmark = pytest.mark.slow
REPOSITORY = {"repository": "octo-org/octo-repo"}
ASSERTION = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"


def enter(trusting: Trusting, token: str, **fields: str) -> Any:
    body = {"grant_type": EXCHANGE, "client_id": trusting.client.application, "subject_token": token, "subject_token_type": ID_TOKEN}
    return trusting.client.send("token", body | fields, auth=None)


def entered(trusting: Trusting, token: str) -> str:
    answer = enter(trusting, token)
    assert answer.status_code == 200, answer.text
    found: str = answer.json()["access_token"]
    return found


def refused(trusting: Trusting, token: str) -> bool:
    answer = enter(trusting, token)
    assert (answer.status_code, answer.json().get("error")) in ((400, "invalid_request"), (200, None)), answer.text
    assert token not in answer.text
    return bool(answer.status_code == 400)


SHAPES = [
    (GITHUB, github, {"repository": "octo-org/octo-repo", "ref": "refs/heads/*"}),
    (GITHUB, github, {"sub": "repo:octo-org/*:environment:prod"}),
    (GITLAB, gitlab, {"project_path": "my-group/my-project", "ref_protected": "false", "runner_id": "1"}),
    (GITLAB, gitlab, {"sub": "project_path:my-group/**"}),
    (KUBERNETES, kubernetes, {"sub": "system:serviceaccount:my-namespace:my-serviceaccount"}),
    (KUBERNETES, kubernetes, {"/kubernetes.io/namespace": "my-namespace", "/kubernetes.io/serviceaccount/name": "my-*"}),
]  # fmt: skip


@pytest.mark.parametrize(("url", "claims", "conditions"), SHAPES, ids=lambda each: each.__name__ if callable(each) else str(each)[:40])
def test_it_works(trusting: Trusting, url: str, claims: Any, conditions: dict[str, str]) -> None:
    trust = trusting.trust(url, conditions, name="a worker")
    header = {"typ": None} if url == KUBERNETES else {"x5t": "38826b17-6a30"}
    shown = trusting.issuer(url).token(claims(), **header)
    said = claims_in(entered(trusting, shown))
    assert (said["sub"], said["client_id"]) == (f"app:{trusting.client.application}", trust)
    assert said["exp"] <= min(claims_in(shown)["exp"], said["iat"] + 3600)


def test_a_token_by_es256_and_each_grant_is_taken(trusting: Trusting) -> None:
    issuer = trusting.issuer(GITLAB)
    trusting.trust(GITLAB, {"project_id": "20"})
    application = trusting.client.application
    client = {"grant_type": "client_credentials", "client_id": application, "client_assertion_type": ASSERTION}
    for fields in (
        {"grant_type": JWT_BEARER, "client_id": application, "assertion": issuer.token(gitlab())},
        {"grant_type": EXCHANGE, "audience": application, "subject_token": issuer.token(gitlab()), "subject_token_type": ID_TOKEN},
        {**client, "client_assertion": issuer.token(gitlab())},
    ):
        answer = trusting.client.send("token", fields, auth=None)
        assert (answer.status_code, status(trusting.client.server, answer.json()["access_token"])) == (200, 200), answer.text
    assert trusting.client.send("token", {**client, "client_assertion": "nonsense"}, auth=None).json()["error"] == "invalid_client"
    wrong = {"grant_type": JWT_BEARER, "client_id": application, "assertion": "nonsense"}
    assert trusting.client.send("token", wrong, auth=None).json()["error"] == "invalid_grant"


@pytest.mark.promise(4)
@pytest.mark.parametrize(
    "claims",
    [
        {"repository": "octo-org/other"}, {"repository": "octo-org/octo-repo-evil"}, {"repository": "OCTO-ORG/octo-repo"},
        {"repository": None}, {"repository": ["octo-org/octo-repo"]}, {"ref": "refs/tags/v1"}, {"ref": "refs/heads/a/b"},
        {"aud": "https://github.com/octo-org"}, {"aud": ["https://stagedoor.example.com", "https://other.example"]}, {"aud": None},
        {"iss": GITLAB}, {"iss": GITHUB + "/"}, {"exp": 1}, {"exp": None}, {"exp": "later"}, {"exp": 10**12}, {"exp": True},
        {"iat": None}, {"iat": 10**10}, {"nbf": 10**10},
    ],
    ids=str,
)  # fmt: skip
def test_a_token_that_fails_one_condition_is_refused(trusting: Trusting, claims: dict[str, Any]) -> None:
    trusting.trust(GITHUB, {**REPOSITORY, "ref": "refs/heads/*"})
    assert refused(trusting, trusting.issuer(GITHUB).token(github(**claims)))
    assert not refused(trusting, trusting.issuer(GITHUB).token(github()))


@pytest.mark.promise(4)
def test_a_token_that_the_issuer_did_not_sign_so_is_refused(trusting: Trusting) -> None:
    trusting.trust(GITHUB, REPOSITORY)
    good, other = trusting.issuer(GITHUB).token(github()), trusting.issuer(GITLAB).token(github(iss=GITHUB))
    head, body, signature = good.split(".")
    own = claims_in(good)
    for token in (
        f"{head}.{body}.{other.split('.')[2]}", other, f"{head}.{other.split('.')[1]}.{signature}", f"{head}.{body}.",
        resigned(good, alg="none"), resigned(good, alg="HS256"), resigned(good, alg="ES256"), resigned(good, alg="PS256"),
        resigned(good, kid="unknown"), resigned(good, kid=None), resigned(good, typ="at+jwt"), resigned(good, crit=["exp"]),
        resigned(good, jku="https://elsewhere.example"), resigned(good, jwk={"kty": "RSA"}), trusting.client.token(), "nonsense",
        "x" * 20_000,
    ):  # fmt: skip
        assert refused(trusting, token), token[:60]
    assert not refused(trusting, good) and own["iss"] == GITHUB


@pytest.mark.promise(4)
def test_a_header_that_is_not_taken_is_refused_though_it_is_signed(trusting: Trusting) -> None:
    """The signature covers it: what refuses these is the list of header fields."""
    trusting.trust(GITHUB, REPOSITORY)
    issuer = trusting.issuer(GITHUB)
    for header in ({"jku": f"{GITHUB}/keys"}, {"x5u": GITHUB}, {"typ": "at+jwt"}, {"cty": "JWT"}):
        assert refused(trusting, issuer.token(github(), **header)), header
    assert not refused(trusting, issuer.token(github()))


@pytest.mark.promise(4)
def test_a_token_is_taken_once_unless_its_trust_says_otherwise(trusting: Trusting) -> None:
    once, often = trusting.issuer(GITHUB).token(github()), trusting.issuer(KUBERNETES).token(kubernetes())
    trusting.trust(GITHUB, REPOSITORY)
    trusting.trust(KUBERNETES, {"/kubernetes.io/namespace": "my-namespace"}, reuse=True)
    assert [refused(trusting, once) for _ in range(3)] == [False, True, True]
    assert [refused(trusting, often) for _ in range(3)] == [False] * 3
    for nameless in (None, "", 7):  # no jti by which it could be known (RFC 7519, 4.1.7: a string)
        without, another = (trusting.issuer(GITHUB).token(github(jti=nameless, run_id=run)) for run in ("1", "2"))
        assert [refused(trusting, one) for one in (without, without, another)] == [False, True, False], nameless


@pytest.mark.promise(2)
def test_pausing_deleting_and_changing_a_trust_stops_its_tokens_at_once(trusting: Trusting) -> None:
    issuer, server = trusting.issuer(GITHUB), trusting.client.server
    trust = trusting.trust(GITHUB, REPOSITORY)
    token = entered(trusting, issuer.token(github()))
    assert status(server, token) == 200
    assert trusting.trusts("POST", at=f"/{trust}/status")["status"] == "INACTIVE"
    assert (status(server, token), refused(trusting, issuer.token(github()))) == (401, True)
    assert trusting.trusts("POST", at=f"/{trust}/status")["status"] == "ACTIVE"
    assert status(server, token) == 200
    terms = {"issuer": GITHUB, "audience": "https://stagedoor.example.com", "conditions": {**REPOSITORY, "environment": "prod"}}
    assert trusting.trusts("PUT", terms, f"/{trust}")["conditions"]["environment"] == "prod"
    assert status(server, token) == 401
    token = entered(trusting, issuer.token(github()))
    less = trusting.client.exchanged(token)
    trusting.trusts("DELETE", at=f"/{trust}")
    assert [status(server, each) for each in (token, less)] == [401, 401]
    assert refused(trusting, issuer.token(github())) and trusting.trusts() == []


def test_a_paused_trust_stays_paused_when_it_is_changed(trusting: Trusting) -> None:
    trust = trusting.trust(GITHUB, REPOSITORY)
    trusting.trusts("POST", at=f"/{trust}/status")
    terms = {"issuer": GITHUB, "audience": "https://stagedoor.example.com", "conditions": {"repository_id": "74"}}
    assert trusting.trusts("PUT", terms, f"/{trust}")["status"] == "INACTIVE"


def test_a_trusts_ceiling_binds_who_comes_by_it(trusting: Trusting) -> None:
    server, application = trusting.client.server, trusting.client.application
    server.admin().put_secret("federated", "some value")
    server.admin().grant(application, "SECRET_NAME", "federated", "READ", "UPDATE")
    trusting.trust(GITHUB, REPOSITORY, ceiling={"access": ["READ"]})
    api = server.api(entered(trusting, trusting.issuer(GITHUB).token(github())))
    assert (api.raw("GET", "/api/secrets/federated").status_code, api.raw("PUT", "/api/secrets/federated", b"x").status_code) == (200, 403)


def test_unknown_keys_make_the_server_ask_the_issuer_once_at_most(trusting: Trusting) -> None:
    issuer = trusting.issuer(GITHUB)
    trusting.trust(GITHUB, REPOSITORY)
    assert not refused(trusting, issuer.token(github()))
    before = trusting.issuers.asked(GITHUB)
    for kid in ("unknown", "another", "third"):
        assert refused(trusting, issuer.token(github(), kid=kid))
    assert not refused(trusting, issuer.token(github()))
    assert trusting.issuers.asked(GITHUB) <= before + 1


@pytest.mark.parametrize(
    ("terms", "says"),
    [
        ({"issuer": "https://*.example.com"}, "wildcard"), ({"issuer": "http://gitlab.elsewhere.example"}, "https"),
        ({"issuer": "gitlab"}, "issuer"), ({"issuer": "https://127.0.0.1"}, "loopback"),
        ({"issuer": "https://gitlab.example.com?x"}, "issuer"),
        ({"issuer": "https://u:p@gitlab.example.com"}, "user"), ({"audience": ""}, "audience"), ({"audience": "*"}, "audience"),
        ({"conditions": {}}, "whose the workload is"), ({"conditions": {"ref": "refs/heads/main"}}, "whose the workload is"),
        ({"conditions": {"sub": "*"}}, "whose the workload is"), ({"conditions": {"sub": "repo:*"}}, "whose the workload is"),
        ({"conditions": {"sub": "**"}}, "whose the workload is"), ({"conditions": {"repository": "octo*"}}, "whose the workload is"),
        ({"conditions": {"sub": "system:serviceaccount:*:worker"}}, "whose the workload is"),
        ({"conditions": {"sub": "project_path:**"}}, "whose the workload is"), ({"conditions": {"sub": "repo:/x"}, "name": "\x01"}, "name"),
        *(({"conditions": {"sub": sub}}, "whose the workload is") for sub in (
            "organization:**", "repository_owner:**", "job_workflow_ref:**", "environment:*", "sc://**", "org/**", "system:**", "repo:*",
        )),
        ({"conditions": {"job_workflow_ref": "acme/shared/.github/workflows/x.yml@main"}}, "whose the workload is"),
        ({"conditions": {**REPOSITORY, "aud": "x"}}, "conditions.aud"), ({"conditions": {**REPOSITORY, "ref": "***"}}, "wildcards"),
        ({"conditions": {**REPOSITORY, "ref": "*a*b*"}}, "wildcards"), ({"conditions": {**REPOSITORY, "ref": ""}}, "conditions.ref"),
        ({"other": 1}, "other"),
    ],
    ids=str,
)  # fmt: skip
def test_a_trust_that_could_let_in_somebody_else_is_refused_and_says_why(trusting: Trusting, terms: dict[str, Any], says: str) -> None:
    body = {"issuer": GITHUB, "audience": "https://stagedoor.example.com", "conditions": REPOSITORY} | terms
    answer = trusting.trusts("POST", body, status=400)
    assert says in answer["message"], answer
    assert trusting.trusts() == []


@pytest.mark.promise(4)
def test_of_many_who_show_one_token_at_once_one_gets_in(trusting: Trusting) -> None:
    trusting.trust(GITHUB, REPOSITORY)
    token = trusting.issuer(GITHUB).token(github())
    with ThreadPoolExecutor(8) as many:
        assert sorted(many.map(lambda _: refused(trusting, token), range(8))) == [False] + [True] * 7


def test_who_came_without_a_key_makes_none_that_stays(trusting: Trusting) -> None:
    trusting.trust(GITHUB, REPOSITORY)
    server = trusting.client.server
    application, admin = trusting.client.application, server.admin()
    admin.grant(application, "APPLICATION", application, "READ", "UPDATE")
    there = server.api(trusting.client.token()).call("POST", "/api/keys", {"name": "there already"})["id"]
    key = admin.call("POST", f"/api/applications/{application}/accessKeys")["id"]
    caller = server.api(entered(trusting, trusting.issuer(GITHUB).token(github())))
    own, terms = f"/api/applications/{application}", {"issuer": GITHUB, "audience": AUDIENCE, "conditions": {"repository": "other/one"}}
    for path, body in (
        ("/api/keys", {"name": "for ever"}), (f"/api/keys/{there}/rotate", {}), (f"{own}/accessKeys", None),
        (f"{own}/accessKeys/{key}/rotate", {}), (f"{own}/trusts", terms),
    ):  # fmt: skip
        answer = caller.raw("POST", path, body)
        assert (answer.status_code, "an issuer's token" in answer.json()["message"]) == (403, True), path
