"""Tokens, end to end (issue 5): found by the discovery document alone, verified offline, exchanged, introspected, revoked; keys rotated."""

import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from joserfc import jwt
from joserfc.jwk import KeySet

from tests.api.authorization.tenancy import command
from tests.support.server import LiveServer, free_port

pytestmark = pytest.mark.slow
ACCESS_TOKEN = "urn:ietf:params:oauth:token-type:access_token"
EXCHANGE = "urn:ietf:params:oauth:grant-type:token-exchange"


@pytest.fixture
def server(tmp_path: Path) -> Iterator[LiveServer]:
    """That knows the address its clients use."""
    port = free_port()
    made = LiveServer(tmp_path / "data", environment={"STAGEDOOR_PUBLIC_URL": f"http://127.0.0.1:{port}"}, port=port)
    made.set_up()
    made.start()
    try:
        yield made
    finally:
        made.stop()


def post(url: str, fields: dict[str, str], basic: tuple[str, str] | None = None) -> httpx.Response:
    return httpx.post(url, data=fields, auth=basic, timeout=30, verify=False)


def verified(server: LiveServer, discovery: dict[str, Any], token: str) -> dict[str, Any]:
    """As a service does that trusts this server: by its published keys, never asking about the token."""
    keys = KeySet.import_key_set(httpx.get(discovery["jwks_uri"], verify=False).json())
    found = jwt.decode(token, keys, algorithms=["ES256"])
    assert found.claims["iss"] == discovery["issuer"] == server.url
    return found.claims


def test_a_client_that_knows_the_address_alone_gets_narrows_checks_and_ends_its_tokens(server: LiveServer) -> None:
    application, key = server.admin().application("a client", "WORKER")
    server.admin().put_secret("for_the_client", "some value")
    server.admin().grant(application, "SECRET_NAME", "for_the_client", "READ", "UPDATE")
    discovery = httpx.get(f"{server.url}/.well-known/openid-configuration", verify=False).json()
    assert discovery == httpx.get(f"{server.url}/.well-known/oauth-authorization-server", verify=False).json()
    basic = (key["id"], key["secret"])

    got = post(discovery["token_endpoint"], {"grant_type": "client_credentials"}, basic).json()
    assert verified(server, discovery, got["access_token"])["sub"] == f"app:{application}"

    asked = {"grant_type": EXCHANGE, "subject_token": got["access_token"], "subject_token_type": ACCESS_TOKEN, "scope": "read"}
    less = post(discovery["token_endpoint"], {**asked, "expires_in": "60"}).json()
    assert verified(server, discovery, less["access_token"])["ceiling"] == {"access": ["READ"]} and less["expires_in"] <= 60
    api = server.api(less["access_token"])
    assert api.call("GET", "/api/secrets/for_the_client") == "some value"
    assert api.raw("PUT", "/api/secrets/for_the_client", b"another").status_code == 403

    command(server, "rotate", "signing-key")
    time.sleep(1)
    newer = post(discovery["token_endpoint"], {"grant_type": "client_credentials"}, basic).json()["access_token"]
    for token in (less["access_token"], newer):
        assert verified(server, discovery, token)["client_id"] == key["id"]
        assert post(discovery["introspection_endpoint"], {"token": token}, basic).json()["active"]

    assert post(discovery["revocation_endpoint"], {"token": got["access_token"]}, basic).status_code == 200
    assert post(discovery["introspection_endpoint"], {"token": less["access_token"]}, basic).json() == {"active": False}
    assert api.raw("GET", "/api/secrets/for_the_client").status_code == 401
    assert server.api(newer).call("GET", "/api/secrets/for_the_client") == "some value"


@pytest.mark.promise(2)
def test_a_poll_that_waits_ends_when_its_token_is_revoked(server: LiveServer) -> None:
    import threading

    application, key = server.admin().application("waits", "WORKER")
    server.admin().call("POST", "/api/metadata/taskdefs", [{"name": "waited_for"}])
    server.admin().save({"name": "waits", "tasks": [{"name": "waited_for", "taskReferenceName": "one", "type": "SIMPLE"}]})
    server.admin().grant(application, "TASK_DEF", "waited_for", "EXECUTE", "READ")
    token, answers = server.token(key["id"], key["secret"]), list[httpx.Response]()

    def wait() -> None:
        headers = {"X-Authorization": token}
        answers.append(httpx.get(f"{server.url}/api/tasks/poll/batch/waited_for?timeout=4000", headers=headers, timeout=30, verify=False))

    waiting = threading.Thread(target=wait)
    waiting.start()
    time.sleep(1)
    assert httpx.post(f"{server.url}/oauth/revoke", data={"token": token}, auth=(key["id"], key["secret"]), verify=False).status_code == 200
    run = server.admin().start("waits")
    waiting.join()
    assert answers[0].status_code == 401, answers[0].text
    assert server.admin().run(run)["tasks"][0]["status"] == "SCHEDULED"


def test_a_server_that_does_not_know_its_address_publishes_none(sqlite_server: LiveServer) -> None:
    answer = httpx.get(f"{sqlite_server.url}/.well-known/openid-configuration", verify=False)
    assert answer.status_code == 404 and "--public-url" in answer.text
