"""Providers that answer wrongly, browsers that come back with another's answer, and tokens that end."""

from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from stagedoor.gate.provider import challenge
from tests.connect.oauth import Token, back, granted, provider, said, sent_away, set_provider
from tests.connect.stage import Shop, fresh, handing, shop
from tests.support.echo import Reply, answering
from tests.support.server import LiveServer, live_server

pytestmark = [pytest.mark.slow, pytest.mark.timeout(120)]


@pytest.fixture(scope="module")
def here(near_server: LiveServer) -> Shop:
    return shop(near_server)


@pytest.fixture(scope="module")
def token() -> Iterator[tuple[str, Token]]:
    endpoint = Token()
    with answering(endpoint) as local:
        yield local.url, endpoint


def test_the_code_is_exchanged_with_pkce_and_the_exact_redirect(here: Shop, token: tuple[str, Token]) -> None:
    url, endpoint = token
    slug, _ = provider(here, url, scopes=["read", "write"])
    customer, asked, _ = sent_away(here, slug)
    assert (asked["response_type"], asked["tenant"], asked["scope"], asked["code_challenge_method"]) == ("code", "a", "read write", "S256")
    assert asked["redirect_uri"] == f"{here.server.url}/connect/callback/default/{slug}"
    assert back(customer, state=asked["state"], code="c", iss="https://issuer.example").headers["location"] == "/connect/done"
    form = endpoint.form
    assert (form["grant_type"], form["code"], form["redirect_uri"]) == ("authorization_code", "c", asked["redirect_uri"])
    assert challenge(form["code_verifier"]) == asked["code_challenge"] and len(form["code_verifier"]) >= 43
    assert endpoint.asked[-1].headers["authorization"] == "Basic c2hvcDppdHMrc2VjcmV0" and "client_secret" not in form
    assert back(customer, state=asked["state"], code="c").headers["location"] == "/connect/done", "loaded again, it asks nobody"
    assert len(endpoint.asked) == 1


def test_an_answer_that_belongs_to_another_browser_is_refused(here: Shop, token: tuple[str, Token]) -> None:
    """Else an attacker's account would be connected in the end user's name, or the other way round (RFC 6749 10.12)."""
    url, endpoint = token
    slug, _ = provider(here, url)
    attacker, theirs, _ = sent_away(here, slug)
    victim, _, end_user = sent_away(here, slug)
    before = len(endpoint.asked)
    name, nonce, mac = theirs["state"].split(".")
    for state in (theirs["state"], "", "x", f"{name}.{nonce}.{'0' * 64}", f"{slug}..", f"{name}.{nonce}.{mac}x"):
        answer = back(victim, state=state, code="the attacker's code", iss="https://issuer.example")
        assert answer.status_code == 400 and "does not belong to what was begun here" in answer.text
    stranger = httpx.get(f"{here.server.url}/connect/callback/default/{slug}", params={"state": theirs["state"], "code": "c"})
    assert stranger.status_code == 404
    assert len(endpoint.asked) == before
    assert here.v1("GET", f"/v1/end-users/{end_user}")["integrationConnections"] == []
    assert back(attacker, state=theirs["state"], code="c").headers["location"] == "/connect/done"


def test_a_provider_is_never_brought_the_code_of_another(here: Shop, token: tuple[str, Token]) -> None:
    """Else one project's provider sends the browser on to another project's, with the state of its own (RFC 9700, 4.4)."""
    url, endpoint = token
    (honest, _), (evil, _) = provider(here, url), provider(here, url)
    victim, asked, _ = sent_away(here, evil)
    _, registered, _ = sent_away(here, honest)
    assert registered["redirect_uri"] != asked["redirect_uri"], "the honest one sends browsers to the address registered there alone"
    before = len(endpoint.asked)
    answer = back(victim, honest, state=asked["state"], code="what the honest one gave")
    assert answer.status_code == 400 and "does not belong to what was begun here" in answer.text
    assert len(endpoint.asked) == before
    assert back(victim, state=asked["state"], code="its own").headers["location"] == "/connect/done"


def test_a_code_is_brought_to_no_other_token_endpoint_than_the_browser_was_sent_away_for(here: Shop, token: tuple[str, Token]) -> None:
    """The integration was given another provider while the end user was at the first one."""
    url, endpoint = token
    other = Token()
    slug, field = provider(here, url)
    customer, asked, end_user = sent_away(here, slug)
    before = len(endpoint.asked)
    with answering(other) as local:
        set_provider(here, slug, field, local.url)
        answer = back(customer, state=asked["state"], code="what the first one gave")
        assert answer.status_code == 400 and "Please start again" in answer.text
        assert (other.asked, len(endpoint.asked)) == ([], before)
        customer, asked, _ = sent_away(here, slug, end_user)
        assert back(customer, state=asked["state"], code="what the other one gave").status_code == 303
        assert len(other.asked) == 1


@pytest.mark.promise(7)
@pytest.mark.parametrize(
    "reply",
    [
        said({"error": "invalid_grant", "error_description": "<b>what it says"}, 400),
        said({"access_token": "t"}),
        said({"access_token": "t", "token_type": "mac"}),
        said({"access_token": 7, "token_type": "bearer"}),
        said(["what it says"]),
        Reply(body=b"access_token=t&token_type=bearer"),
        Reply(302, (("Location", "http://127.0.0.1:1/"),)),
        Reply(wrong=b""),
    ],
    ids=["refused", "no type", "another type", "no text", "no object", "no JSON", "a redirect", "nothing"],
)
def test_a_provider_that_gives_no_token_connects_nothing_and_is_not_quoted(here: Shop, token: tuple[str, Token], reply: Reply) -> None:
    url, endpoint = token
    slug, _ = provider(here, url)
    customer, asked, end_user = sent_away(here, slug)
    endpoint.answer = lambda: reply
    try:
        answer = back(customer, state=asked["state"], code="c")
    finally:
        endpoint.answer = granted
    assert answer.status_code == 400 and "Please try again" in answer.text and "what it says" not in answer.text
    assert here.v1("GET", f"/v1/end-users/{end_user}")["integrationConnections"] == []


@pytest.mark.parametrize(
    ("answer", "told"),
    [
        ({"error": "access_denied"}, "did not give its permission"),
        ({"error": "<script>"}, "did not give its permission"),
        ({}, "did not give its permission"),
        ({"code": "c", "iss": "https://mixed-up.example"}, "does not belong"),
    ],
)
def test_an_end_user_who_comes_back_without_a_code_is_told_so(
    here: Shop, token: tuple[str, Token], answer: dict[str, str], told: str
) -> None:
    slug, _ = provider(here, token[0])
    customer, asked, _ = sent_away(here, slug)
    page = back(customer, state=asked["state"], **answer)
    assert page.status_code == 400 and told in page.text and "<script" not in page.text
    assert 'href="/connect/"' in page.text, "it can be tried again"


def test_a_token_that_has_expired_is_used_no_more(here: Shop, token: tuple[str, Token]) -> None:
    url, endpoint = token
    slug, field = provider(here, url)
    workflow, task = fresh("expiring"), fresh("expiring_task")
    here.admin.save(handing(workflow, field, task))
    customer, asked, end_user = sent_away(here, slug)
    endpoint.answer = lambda: granted(expires_in=3600)
    try:
        assert back(customer, state=asked["state"], code="c").status_code == 303
    finally:
        endpoint.answer = granted
    here.run_for(end_user, workflow)
    assert len(here.admin.poll(task, timeout=2000)) == 1
    here.alter("UPDATE connection_value SET expires_at = expires_at - 3600000 WHERE end_user_id = ?", end_user)
    run = here.run_for(end_user, workflow)
    assert here.admin.poll(task, timeout=0) == []
    assert f"what end user {end_user} gave for {field} expired" in here.admin.ended(run)["reasonForIncompletion"]


def test_a_server_behind_tls_has_a_cookie_for_tls_alone_and_its_public_address_registered(tmp_path: Path) -> None:
    public = "https://conductor.example"
    with live_server(tmp_path, STAGEDOOR_PUBLIC_URL=public) as server:
        here = shop(server)
        oauth = {"authorizationEndpoint": "https://a.example/auth", "tokenEndpoint": "https://a.example/token", "clientId": "a"}
        slug = here.integration(oauth={**oauth, "field": fresh("TLS")}, fields=[])
        link = here.link(here.end_user())
        assert link.startswith(f"{public}/connect/auth_sess_client_secret_")
        answer = httpx.get(link.replace(public, server.url))
        name, _, rest = answer.headers["set-cookie"].partition("=")
        assert name == "__Secure-stagedoor_connect" and "; Secure" in rest
        cookie = rest.partition(";")[0]
        page = httpx.get(f"{server.url}/connect/integrations/{slug}", headers={"Cookie": f"{name}={cookie}"}).text
        assert f"redirect_uri=https%3A%2F%2Fconductor.example%2Fconnect%2Fcallback%2Fdefault%2F{slug}&" in page
        plain = httpx.get(f"{server.url}/connect/", headers={"Cookie": f"stagedoor_connect={cookie}"})
        assert plain.status_code == 404, "not by the name that a page without TLS could set"
