"""The use of each credential: last, by the hour and outcome, from where; on the API and in `stagedoor keys list`."""

import json
import time
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import httpx
import pytest
from typer.testing import CliRunner

from stagedoor.cli import app
from tests.support.server import Api, LiveServer, live_server

pytestmark = pytest.mark.slow
HOUR = 60 * 60_000


@dataclass
class Town:
    server: LiveServer
    admin: Api

    def key(self, *roles: str) -> tuple[str, dict[str, str]]:
        return self.admin.application(f"app-{time.monotonic_ns()}", *roles)

    def uses(self, key: str, seconds: float = 15, **wanted: int) -> dict[str, Any]:
        """Once the counts say so."""
        deadline = time.monotonic() + seconds
        while True:
            found: dict[str, Any] = self.admin.call("GET", f"/api/usage/credentials/{key}")
            if all(found["uses"][name] == count for name, count in wanted.items()):
                return found
            assert time.monotonic() < deadline, (wanted, found)
            time.sleep(0.1)

    def run(self, *words: str) -> str:
        done = CliRunner().invoke(app, ["keys", *words, "--data", str(self.server.data)])
        assert done.exit_code == 0, done.output
        return done.stdout


@pytest.fixture(scope="module")
def town(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Town]:
    with live_server(tmp_path_factory.mktemp("usage"), STAGEDOOR_TRUSTED_PROXIES="127.0.0.1/32") as server:
        yield Town(server, server.admin())


def test_uses_refusals_and_failures_are_counted_by_the_hour_with_their_addresses(town: Town) -> None:
    application, key = town.key()
    before = int(time.time() * 1000)
    token = town.server.token(key["id"], key["secret"])
    url, headers = town.server.url, {"X-Authorization": token}
    for address in ("192.0.2.1", "192.0.2.2"):
        assert httpx.get(f"{url}/api/secrets", headers={**headers, "X-Forwarded-For": address}).status_code == 200
    assert httpx.get(f"{url}/api/users", headers={**headers, "X-Forwarded-For": "192.0.2.1"}).status_code == 403
    town.admin.call("POST", f"/api/applications/{application}/accessKeys/{key['id']}/status")
    assert httpx.get(f"{url}/api/secrets", headers={**headers, "X-Forwarded-For": "198.51.100.7"}).status_code == 401
    assert httpx.post(f"{url}/api/token", json={"keyId": key["id"], "keySecret": key["secret"]}).status_code == 401
    assert httpx.post(f"{url}/api/token", json={"keyId": key["id"], "keySecret": "wrong"}).status_code == 401  # nobody's
    found = town.uses(key["id"], ok=3, refused=1, failed=2)
    assert (found["kind"], found["owner"], found["status"]) == ("access_key", f"app:{application}", "PAUSED")
    assert found["mask"] == f"sds_{key['secret'][4:8]}...{key['secret'][-4:]}"
    assert found["lastUsedFrom"] == "192.0.2.1" and found["lastUsedAt"] >= before
    hours = found["uses"]["hours"]
    assert hours[0]["at"] % HOUR == 0 and sum(hour["failed"] for hour in hours) == 2
    assert {one["address"] for one in found["uses"]["addresses"]} == {"127.0.0.1", "192.0.2.1", "192.0.2.2", "198.51.100.7"}


def test_a_failure_is_no_use(town: Town) -> None:
    """What retires for want of use is not kept by one who knocks in vain."""
    application, key = town.key()
    town.admin.call("POST", f"/api/applications/{application}/accessKeys/{key['id']}/status")
    httpx.post(f"{town.server.url}/api/token", json={"keyId": key["id"], "keySecret": key["secret"]})
    assert town.uses(key["id"], failed=1)["lastUsedAt"] is None


def test_of_very_many_addresses_in_a_day_the_last_twenty_stay(town: Town) -> None:
    _, key = town.key()
    headers = {"X-Authorization": town.server.token(key["id"], key["secret"])}
    for number in range(60):
        httpx.get(f"{town.server.url}/api/secrets", headers={**headers, "X-Forwarded-For": f"192.0.2.{number}"})
    addresses = {one["address"] for one in town.uses(key["id"], ok=61)["uses"]["addresses"]}
    assert len(addresses) == 20 and "192.0.2.59" in addresses


def test_api_keys_and_secret_keys_are_counted_like_access_keys(town: Town) -> None:
    made = town.admin.call("POST", "/api/keys", {"name": "ci"})
    secret = town.admin.call("POST", "/api/projects/default/secret-keys", {"name": "shop"})
    for path, token in (("/api/secrets", made["key"]), ("/v1/end-users", secret["secretKey"])):
        assert httpx.get(f"{town.server.url}{path}", headers={"Authorization": f"Bearer {token}"}).status_code == 200
    assert town.uses(made["id"], ok=1)["name"] == "ci"
    assert town.uses(secret["id"], ok=1)["name"] == "shop"
    town.admin.call("POST", f"/api/keys/{made['id']}/status")
    httpx.get(f"{town.server.url}/api/secrets", headers={"Authorization": f"Bearer {made['key']}"})
    town.uses(made["id"], ok=1, failed=1)


def test_nobody_else_sees_the_use_of_a_credential(town: Town) -> None:
    (_, key), (_, other) = town.key(), town.key()
    stranger = town.server.api(town.server.token(other["id"], other["secret"]))
    owner = town.server.api(town.server.token(key["id"], key["secret"]))
    path = f"/api/usage/credentials/{key['id']}"
    assert owner.raw("GET", path).status_code == 200
    there, nowhere = (stranger.raw("GET", one) for one in (path, "/api/usage/credentials/no-such"))
    assert (there.status_code, nowhere.status_code) == (404, 404)
    assert there.json()["message"].replace(key["id"], "no-such") == nowhere.json()["message"]
    assert owner.raw("GET", f"{path}?days=31").status_code == 400


def test_the_list_of_keys_holds_every_kind_with_its_use(town: Town) -> None:
    application, key = town.key()
    made = town.admin.call("POST", "/api/keys", {"name": "[red]listed"})
    town.server.token(key["id"], key["secret"])
    town.uses(key["id"], ok=1)
    found = {one["id"]: one for one in json.loads(town.run("list", "--json"))}
    assert (found[key["id"]]["uses24h"], found[key["id"]]["status"], found[key["id"]]["owner"]) == (1, "ACTIVE", f"app:{application}")
    assert {"access_key", "api_key", "publishable_key"} <= {one["kind"] for one in found.values()}
    assert (found[made["id"]]["mask"], found[made["id"]]["lastUsedAt"]) == (made["mask"], None)
    drawn = town.run("list", "--kind", "api_key")
    assert made["id"] in drawn and "[red]listed" in drawn and "never" in drawn and key["id"] not in drawn
    assert made["key"] not in town.run("list") and key["secret"] not in town.run("list", "--json")
