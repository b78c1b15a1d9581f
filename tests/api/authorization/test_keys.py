"""Access keys: what happens to their tokens when they, their application or its rights go (promises 2, 3, 5)."""

import sqlite3
import statistics
import threading
import time
from collections.abc import Callable
from contextlib import closing

import httpx
import pytest

from tests.api.authorization.world import World, definition, new
from tests.support.server import LiveServer

ME = "/api/token/userInfo"


class Keyed:
    """An application with one key, and calls by a token of that key."""

    def __init__(self, server: LiveServer) -> None:
        self.server, self.admin = server, server.admin()
        self.application, self.key = self.admin.application(new("keyed"))
        self.api = server.api(server.token(self.key["id"], self.key["secret"]))

    @property
    def path(self) -> str:
        return f"/api/applications/{self.application}/accessKeys/{self.key['id']}"

    def exchange(self, secret: str | None = None) -> httpx.Response:
        body = {"keyId": self.key["id"], "keySecret": secret or self.key["secret"]}
        return httpx.post(f"{self.server.url}/api/token", json=body, verify=False)


@pytest.fixture
def keyed(sqlite_server: LiveServer) -> Keyed:
    return Keyed(sqlite_server)


@pytest.mark.promise(2)
def test_a_paused_key_stops_at_once_and_works_again_when_resumed(keyed: Keyed) -> None:
    assert keyed.api.raw("GET", ME).status_code == 200
    paused = keyed.admin.call("POST", f"{keyed.path}/status")
    assert (paused["id"], paused["status"]) == (keyed.key["id"], "INACTIVE")
    answer = keyed.api.raw("GET", ME)
    assert (answer.status_code, answer.json()["error"]) == (401, "INVALID_TOKEN")
    assert keyed.exchange().status_code == 401
    assert keyed.admin.call("POST", f"{keyed.path}/status", {})["status"] == "ACTIVE"
    assert keyed.api.raw("GET", ME).status_code == 200
    assert keyed.exchange().status_code == 200


@pytest.mark.promise(2)
def test_a_deleted_key_stops_at_once(keyed: Keyed) -> None:
    assert keyed.api.raw("GET", ME).status_code == 200
    assert keyed.admin.call("DELETE", keyed.path) == {"message": f"Deleted Access key '{keyed.key['id']}'"}
    assert keyed.api.raw("GET", ME).json()["error"] == "INVALID_TOKEN"
    assert keyed.exchange().status_code == 401
    assert keyed.admin.raw("DELETE", keyed.path).status_code == 404


@pytest.mark.promise(2)
def test_a_deleted_application_takes_its_keys_and_tokens_with_it(keyed: Keyed) -> None:
    deleted = keyed.admin.call("DELETE", f"/api/applications/{keyed.application}")
    assert deleted == {"message": f"Deleted Application '{keyed.application}'"}
    assert keyed.api.raw("GET", ME).status_code == 401
    assert keyed.exchange().status_code == 401


@pytest.mark.promise(2)
def test_a_key_paused_while_its_worker_waits_ends_the_wait_without_a_task(keyed: Keyed) -> None:
    task, workflow = new("task"), new("workflow")
    keyed.admin.call("POST", "/api/metadata/taskdefs", [{"name": task}])
    keyed.admin.save(definition(workflow, task))
    keyed.admin.call("POST", f"/api/applications/{keyed.application}/roles/WORKER")
    keyed.admin.grant(keyed.application, "TASK_DEF", task, "EXECUTE")
    answers: list[httpx.Response] = []
    waiting = threading.Thread(target=lambda: answers.append(keyed.api.raw("GET", f"/api/tasks/poll/batch/{task}?timeout=4000")))
    waiting.start()
    time.sleep(0.3)
    keyed.admin.call("POST", f"{keyed.path}/status")
    run = keyed.admin.start(workflow)
    waiting.join()
    assert [(answer.status_code, answer.json()["error"]) for answer in answers] == [(401, "INVALID_TOKEN")]
    (waits,) = keyed.admin.run(run)["tasks"]
    assert (waits["status"], waits["pollCount"]) == ("SCHEDULED", 0)


@pytest.mark.promise(2)
@pytest.mark.parametrize("what", ["grant", "role"])
def test_a_right_that_is_taken_away_counts_with_the_answer(what: str, keyed: Keyed) -> None:
    task = new("task")
    keyed.admin.call("POST", "/api/metadata/taskdefs", [{"name": task}])
    for _ in range(5):
        keyed.admin.call("POST", f"/api/applications/{keyed.application}/roles/WORKER")
        keyed.admin.grant(keyed.application, "TASK_DEF", task, "EXECUTE")
        assert keyed.api.raw("GET", f"/api/tasks/poll/{task}").status_code == 204
        if what == "grant":
            keyed.admin.revoke(keyed.application, "TASK_DEF", task, "EXECUTE")
        else:
            keyed.admin.call("DELETE", f"/api/applications/{keyed.application}/roles/WORKER")
        assert keyed.api.raw("GET", f"/api/tasks/poll/{task}").status_code == 403


@pytest.mark.promise(3)
def test_a_keys_secret_is_shown_once_and_stored_nowhere(keyed: Keyed) -> None:
    listed = keyed.admin.call("GET", f"/api/applications/{keyed.application}/accessKeys")
    assert [sorted(key) for key in listed] == [["createdAt", "id", "status"]]
    assert (listed[0]["id"], listed[0]["status"]) == (keyed.key["id"], "ACTIVE")
    folder = keyed.server.data
    stored = b"".join(path.read_bytes() for path in folder.rglob("*") if path.is_file()) + keyed.server.log.read_bytes()
    assert keyed.key["id"].encode() in stored
    assert keyed.key["secret"].encode() not in stored
    assert keyed.api.http.headers["X-Authorization"].encode() not in stored


def test_a_key_has_the_room_of_128_random_bits_and_a_prefix_for_scanners(keyed: Keyed) -> None:
    others = [keyed.admin.call("POST", f"/api/applications/{keyed.application}/accessKeys")["secret"] for _ in range(20)]
    assert len({keyed.key["secret"], *others}) == 21
    assert all(secret.startswith("sds_") and len(secret) >= 4 + 22 for secret in others)


def wrong_id(keyed: Keyed) -> httpx.Response:
    keyed.key = {**keyed.key, "id": "7b6f9a44-0000-4000-8000-000000000000"}
    return keyed.exchange()


def wrong_secret(keyed: Keyed) -> httpx.Response:
    return keyed.exchange("sds_wrong")


def paused(keyed: Keyed) -> httpx.Response:
    keyed.admin.call("POST", f"{keyed.path}/status")
    return keyed.exchange()


def deleted(keyed: Keyed) -> httpx.Response:
    keyed.admin.call("DELETE", keyed.path)
    return keyed.exchange()


def empty(keyed: Keyed) -> httpx.Response:
    return httpx.post(f"{keyed.server.url}/api/token", json={"keyId": keyed.key["id"]}, verify=False)


def surrogate(keyed: Keyed) -> httpx.Response:
    return httpx.post(f"{keyed.server.url}/api/token", content=b'{"keyId": "x", "keySecret": "\\ud800"}', verify=False)


def unknown_account(keyed: Keyed) -> httpx.Response:
    return httpx.post(f"{keyed.server.url}/api/token", json={"email": "nobody@example.com", "password": "x" * 15}, verify=False)


def wrong_password(keyed: Keyed) -> httpx.Response:
    return httpx.post(f"{keyed.server.url}/api/token", json={"email": keyed.server.first["user"], "password": "x" * 15}, verify=False)


@pytest.mark.promise(5)
@pytest.mark.parametrize("fail", [wrong_id, wrong_secret, paused, deleted, empty, unknown_account, wrong_password])
def test_every_failure_of_a_credential_gives_the_same_bytes(fail: Callable[[Keyed], httpx.Response], keyed: Keyed) -> None:
    answer = fail(keyed)
    timestamp = answer.json()["timestamp"]
    assert abs(timestamp - time.time() * 1000) < 60_000
    assert answer.content == b'{"message":"Invalid access key","error":"INVALID_TOKEN","timestamp":%d}' % timestamp
    assert (answer.status_code, sorted(answer.headers)) == (401, ["cache-control", "content-length", "content-type", "date"])


@pytest.mark.promise(5)
def test_an_unknown_account_takes_as_long_as_a_wrong_password(keyed: Keyed) -> None:
    def ratio() -> float:
        """In turn, so that what else the machine does is shared by both."""
        pairs = [[fail(keyed).elapsed.total_seconds() for fail in (unknown_account, wrong_password)] for _ in range(5)]
        unknown, wrong = (statistics.median(column) for column in zip(*pairs, strict=True))
        return unknown / wrong

    assert any(0.4 < ratio() < 2.5 for _ in range(5))  # by chance outside once or twice; without the hashing it would be 0.1 each time


@pytest.mark.promise(4, 5)
def test_the_exchange_ignores_whatever_credentials_come_along(keyed: Keyed) -> None:
    """JavaScript sends its old token again when it renews it (contract/orkes.md A, Token)."""
    body = {"keyId": keyed.key["id"], "keySecret": keyed.key["secret"]}
    good = keyed.api.http.headers["X-Authorization"]
    other = keyed.server.admin().http.headers["X-Authorization"]
    both = {"X-Authorization": good, "Authorization": f"Bearer {other}"}
    for headers in ({"X-Authorization": "expired"}, {"Authorization": "Bearer x"}, both):
        answer = httpx.post(f"{keyed.server.url}/api/token", json=body, headers=headers, verify=False)
        assert (answer.status_code, list(answer.json())) == (200, ["token"])
        failed = httpx.post(f"{keyed.server.url}/api/token", json={**body, "keySecret": "x"}, headers=headers, verify=False)
        assert (failed.status_code, list(failed.json())) == (401, ["message", "error", "timestamp"])


@pytest.mark.promise(16)
def test_a_user_signs_in_with_the_password_that_init_made(keyed: Keyed) -> None:
    first = keyed.server.first
    answer = httpx.post(f"{keyed.server.url}/api/token", json={"email": first["user"], "password": first["password"]}, verify=False)
    me = keyed.server.api(answer.json()["token"]).call("GET", ME)
    assert (me["id"], me["applicationUser"], [role["name"] for role in me["roles"]]) == (first["user"], False, ["ADMIN"])


@pytest.mark.promise(11)
def test_each_change_of_a_key_is_one_row_of_the_audit(keyed: Keyed) -> None:
    keyed.admin.call("POST", f"{keyed.path}/status")
    keyed.admin.call("POST", f"{keyed.path}/status")
    keyed.admin.call("DELETE", keyed.path)
    with closing(sqlite3.connect(f"file:{keyed.server.data / 'stagedoor.db'}?mode=ro", uri=True)) as db:
        found = db.execute("SELECT action, actor, outcome FROM audit WHERE detail = ? ORDER BY action", (keyed.key["id"],)).fetchall()
    actor = f"app:{keyed.server.first['applicationId']}"
    actions = ["access_key.create", "access_key.delete", "access_key.pause", "access_key.resume"]
    assert found == [(action, actor, "done") for action in actions]


def test_the_key_of_another_application_is_not_reached_through_ones_own(sqlite_server: LiveServer) -> None:
    """The route names both; a key is its application's alone."""
    world = World.on(sqlite_server)
    mine = world.owner.call("POST", "/api/applications", {"name": "mine"})["id"]
    theirs, key = world.admin.application("theirs")
    for method, after in (("DELETE", ""), ("POST", "/status")):
        answer = world.owner.raw(method, f"/api/applications/{mine}/accessKeys/{key['id']}{after}")
        assert (answer.status_code, key["id"] in answer.json()["message"]) == (404, True)
    assert world.admin.call("GET", f"/api/applications/{theirs}/accessKeys")[0]["status"] == "ACTIVE"
