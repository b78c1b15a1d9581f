"""The life of an `orch_` API key: made with a name, listed masked, used, paused, renamed, expired, deleted, under a ceiling, last use."""

import re
import time
from typing import Any

from tests.api.authorization.world import definition, new
from tests.api.keys.hand import bearer, key_under, listed, made, refused
from tests.support.server import Api, LiveServer

WAIT = 15


def _brief(owner: Api) -> tuple[dict[str, Any], int]:
    """A key that ends as soon as this machine is quick enough to make one, and when."""
    life = 200
    while True:
        expires, life = int(time.time() * 1000) + life, life * 2
        answer = owner.raw("POST", "/api/keys", {"name": "brief", "expiresAt": expires})
        if answer.status_code == 200:
            return answer.json(), expires


def test_api_keys_from_making_to_deleting(sqlite_server: LiveServer) -> None:
    admin, name = sqlite_server.admin(), new("key")

    # made with a name; shown this once, and masked from then on
    key = made(admin, name)
    assert set(key) == {"id", "name", "key", "mask", "createdAt"} and key["name"] == name
    assert re.fullmatch("orch_[0-9a-f]{40}", key["key"]) and len(key["key"]) == 45
    assert key["mask"] == f"{key['key'][:9]}...{key['key'][-4:]}"
    shown = listed(admin, key["id"])
    assert shown == {
        "id": key["id"], "name": name, "mask": key["mask"], "status": "ACTIVE", "createdAt": key["createdAt"], "expiresAt": None,
        "lastUsedAt": None, "lastUsedFrom": None, "ceiling": None,
    }  # fmt: skip
    assert key["key"] not in admin.raw("GET", "/api/keys").text

    # it speaks for its owner, in one header alone
    caller = bearer(sqlite_server, key["key"])
    assert caller.call("GET", "/api/token/userInfo")["id"] == admin.call("GET", "/api/token/userInfo")["id"]
    caller.call("PUT", f"/api/secrets/{name}", b"value of it")
    assert caller.raw("GET", f"/api/secrets/{name}").text == "value of it"
    assert sqlite_server.api(key["key"]).raw("GET", "/api/keys").status_code == 401

    # last use, with time and address
    deadline = time.monotonic() + WAIT
    while (shown := listed(admin, key["id"]))["lastUsedAt"] is None and time.monotonic() < deadline:
        time.sleep(0.1)
    assert shown["lastUsedAt"] >= key["createdAt"] and shown["lastUsedFrom"] == "127.0.0.1"

    # another name
    assert admin.call("PATCH", f"/api/keys/{key['id']}", {"name": "deploys"})["name"] == "deploys"
    assert listed(admin, key["id"])["name"] == "deploys"

    # paused and let work again, at once
    assert admin.call("POST", f"/api/keys/{key['id']}/status")["status"] == "PAUSED"
    assert refused(caller.raw("GET", "/api/keys")) == "API key not found"
    assert admin.call("POST", f"/api/keys/{key['id']}/status")["status"] == "ACTIVE"
    assert caller.raw("GET", "/api/keys").status_code == 200

    # deleted
    assert admin.raw("DELETE", f"/api/keys/{key['id']}").status_code == 200
    assert refused(caller.raw("GET", "/api/keys")) == "API key not found"
    assert key["id"] not in [one["id"] for one in admin.call("GET", "/api/keys")]
    assert admin.raw("DELETE", f"/api/keys/{key['id']}").status_code == 404

    # past its time
    assert admin.raw("POST", "/api/keys", {"name": "old", "expiresAt": int(time.time() * 1000)}).status_code == 400
    brief, expires = _brief(admin)
    assert listed(admin, brief["id"])["expiresAt"] == expires
    while time.time() * 1000 <= expires:
        time.sleep(0.05)
    assert refused(bearer(sqlite_server, brief["key"]).raw("GET", "/api/keys")) == "Token expired"
    assert listed(admin, brief["id"])["status"] == "EXPIRED"

    # a ceiling, chosen as it is made
    workflow = new("flow")
    admin.save(definition(workflow, new("task")))
    ceiling = {"roles": [], "access": ["READ", "EXECUTE"], "resources": [{"type": "WORKFLOW_DEF", "id": workflow}], "readOnly": False}
    low = made(admin, ceiling=ceiling)
    assert listed(admin, low["id"])["ceiling"] == ceiling
    runner = bearer(sqlite_server, low["key"])
    assert runner.run(runner.start(workflow))["workflowName"] == workflow
    told = runner.raw("GET", f"/api/secrets/{name}")
    assert told.status_code == 403 and "within the ceiling of this credential" in told.json()["message"]
    assert runner.raw("DELETE", f"/api/metadata/workflow/{workflow}/1").status_code == 403
    reader = key_under(sqlite_server, admin, readOnly=True)
    assert reader.raw("GET", f"/api/secrets/{name}").text == "value of it"
    assert reader.raw("POST", f"/api/workflow/{workflow}", {}).status_code == 403
