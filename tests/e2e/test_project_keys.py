"""The life of a project's keys: publishable and secret, from making to deleting, and the end users that a secret key manages."""

import hashlib
import re
from typing import Any

import httpx

from tests.api.authorization.world import new
from tests.support.server import LiveServer

PROJECT = "/api/projects/default"
KEYS = f"{PROJECT}/secret-keys"


def asked(server: LiveServer, key: str, method: str, path: str, body: Any = None) -> httpx.Response:
    return httpx.request(method, f"{server.url}/v1{path}", headers={"Authorization": f"Bearer {key}"}, json=body, timeout=30)


def test_project_keys_from_making_to_deleting(sqlite_server: LiveServer) -> None:
    server, admin, name = sqlite_server, sqlite_server.admin(), new("key")

    # a project has one publishable key from the beginning; it names the project to everybody in it, and proves nothing
    project = admin.call("GET", PROJECT)
    assert set(project) == {"id", "name", "publishableKey", "createdAt"} and project["id"] == "default"
    publishable = project["publishableKey"]
    assert re.fullmatch("pk_conductor_[0-9A-Za-z]{30}", publishable)
    answer = asked(server, publishable, "GET", "/end-users")
    assert (answer.status_code, answer.json()["error"]["code"]) == (401, "API_KEY_INVALID")
    assert "publishable key" in answer.json()["error"]["message"]

    # a secret key is shown once, and masked from then on
    made = admin.call("POST", KEYS, {"name": name})
    assert set(made) == {"id", "name", "secretKey", "mask", "createdAt"} and made["name"] == name
    secret = made["secretKey"]
    assert made["mask"] == f"sk_conductor_...{secret[-4:]}"
    assert secret not in admin.raw("GET", KEYS).text
    assert {"id": made["id"], "mask": made["mask"], "status": "ACTIVE"}.items() <= by_id(admin.call("GET", KEYS), made["id"]).items()

    # only who manages the project makes one
    _, worker_key = admin.application(new("worker"), "WORKER")
    other = server.api(server.token(worker_key["id"], worker_key["secret"]))
    assert other.raw("POST", KEYS, {"name": "mine"}).status_code == 403
    assert other.call("GET", PROJECT)["publishableKey"] == publishable

    # it manages end users, and makes the links by which they connect
    customer = {"companyName": "Acme", "sourceId": new("source"), "email": "a@acme.test"}
    end_user = asked(server, secret, "POST", "/end-users", customer).json()
    assert customer.items() <= end_user.items()
    assert asked(server, secret, "POST", "/end-users", customer).json()["error"]["code"] == "SOURCE_ID_TAKEN"
    link = asked(server, secret, "POST", "/auth-sessions", {"publishableKey": publishable, "endUserId": end_user["id"]}).json()
    assert link["authFlowUrl"] == f"{server.url}/connect/{link['clientSecret']}?key={publishable}"
    assert end_user["id"] in [one["id"] for one in asked(server, secret, "GET", "/end-users").json()["data"]]

    # it is nobody outside of /v1
    for header in ("Authorization", "X-Authorization"):
        shown = {header: f"Bearer {secret}" if header == "Authorization" else secret}
        assert httpx.get(f"{server.url}/api/secrets", headers=shown).status_code == 401

    # paused, it stops at once; a second one goes on, and an imported one from before beside it
    second, legacy = admin.call("POST", KEYS, {"name": name})["secretKey"], f"sk_test_{new('legacy')}"
    admin.call("POST", f"{KEYS}/import", {"name": "from before", "sha256": hashlib.sha256(legacy.encode()).hexdigest()})
    assert admin.call("POST", f"{KEYS}/{made['id']}/status")["status"] == "INACTIVE"
    answers = [asked(server, key, "GET", f"/end-users/{end_user['id']}") for key in (secret, second, legacy)]
    assert [answer.status_code for answer in answers] == [401, 200, 200]
    assert admin.call("POST", f"{KEYS}/{made['id']}/status")["status"] == "ACTIVE"
    assert asked(server, secret, "GET", f"/end-users/{end_user['id']}").json() == end_user

    # deleted, it is gone for good, and what it made stays
    admin.call("DELETE", f"{KEYS}/{made['id']}")
    refused = asked(server, secret, "GET", "/end-users").json()["error"]
    assert (refused["code"], refused["message"]) == ("API_KEY_INVALID", f"Invalid API key provided: '{made['mask']}'.")
    assert made["id"] not in [one["id"] for one in admin.call("GET", KEYS)]
    assert asked(server, second, "DELETE", f"/end-users/{end_user['id']}").json() == {
        "id": end_user["id"], "objectType": "end_user", "deleted": True,
    }  # fmt: skip
    assert admin.call("GET", PROJECT) == project


def by_id(rows: list[dict[str, Any]], key_id: str) -> dict[str, Any]:
    return next(row for row in rows if row["id"] == key_id)
