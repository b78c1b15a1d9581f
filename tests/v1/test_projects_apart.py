"""A secret key reaches its own project alone: what another has cannot be told from what does not exist (promise 9)."""

import uuid
from dataclasses import dataclass

import httpx
import pytest

from stagedoor.kit.crypto import digest
from tests.api.authorization.tenancy import new_project
from tests.v1.shop import KEYS, Shop, customer

pytestmark = pytest.mark.promise(9)


@dataclass
class Abroad:
    """Another project's secret key, publishable key and end user."""

    key: str
    publishable: str
    end_user: str
    source: str


@pytest.fixture(scope="module")
def abroad(shop: Shop) -> Abroad:
    project, source = f"abroad-{uuid.uuid4().hex[:8]}", uuid.uuid4().hex
    first = new_project(shop.server, project, f"admin@{project}.test")
    admin = shop.server.api(shop.server.token(first["keyId"], first["keySecret"]))
    key = admin.call("POST", KEYS.replace("default", project), {"name": "theirs"})["secretKey"]
    publishable = admin.call("GET", f"/api/projects/{project}")["publishableKey"]
    made = shop.ask("POST", "/end-users", customer(sourceId=source), key=key).json()
    return Abroad(key, publishable, made["id"], source)


def told(answer: httpx.Response, name: str) -> tuple[int, str]:
    error = answer.json()["error"]
    return answer.status_code, f"{error['code']} {error['message']}".replace(name, "...")


def test_an_end_user_of_another_project_is_not_there(shop: Shop, abroad: Abroad) -> None:
    for method in ("GET", "DELETE"):
        answers = [told(shop.ask(method, f"/end-users/{one}"), one) for one in (abroad.end_user, "end_usr_none")]
        assert answers[0] == answers[1] == (404, "RESOURCE_MISSING there is no end user ...")
    for one in (abroad.end_user, "end_usr_none"):
        answer = shop.ask("POST", "/auth-sessions", {"publishableKey": shop.publishable, "endUserId": one})
        assert told(answer, one) == (404, "RESOURCE_MISSING there is no end user ...")
    assert abroad.end_user not in shop.ask("GET", "/end-users").text
    assert shop.ask("GET", f"/end-users/{abroad.end_user}", key=abroad.key).status_code == 200


def test_a_source_id_is_taken_in_its_own_project_alone(shop: Shop, abroad: Abroad) -> None:
    made = shop.call("POST", "/end-users", customer(sourceId=abroad.source))
    assert made["id"] != abroad.end_user
    assert shop.refused("POST", "/end-users", customer(sourceId=abroad.source), key=abroad.key)[1] == "SOURCE_ID_TAKEN"


def test_the_publishable_key_of_another_project_is_refused_as_one_that_does_not_exist(shop: Shop, abroad: Abroad) -> None:
    """Else its end users would give what they have to this project, on pages that name the other."""
    mine = shop.customer()["id"]
    body = {"publishableKey": abroad.publishable, "endUserId": mine}
    status, code, message = shop.refused("POST", "/auth-sessions", body)
    assert (status, code) == (400, "REQUEST_INVALID")
    assert message == "publishableKey: not the publishable key of the secret key's project"


def test_a_hash_is_one_projects_key(shop: Shop, abroad: Abroad) -> None:
    """Whoever learns another's hash cannot have its requests taken for their own."""
    answer = shop.admin.raw("POST", f"{KEYS}/import", {"name": "theirs", "sha256": digest(abroad.key)})
    assert answer.status_code == 409
    assert shop.ask("GET", f"/end-users/{abroad.end_user}", key=abroad.key).status_code == 200
