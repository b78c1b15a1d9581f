"""Environment variables, UPDATE_SECRET and masked names on each database; and many runs that put the same secrets at once."""

from concurrent.futures import ThreadPoolExecutor
from functools import partial

import pytest

from tests.api.authorization.world import new
from tests.gate.doors.stage import system
from tests.support.server import Api, LiveServer

pytestmark = [pytest.mark.slow, pytest.mark.timeout(120)]
TOKEN = "token-of-the-input"


def update(ref: str, key: str) -> dict[str, object]:
    return system("UPDATE_SECRET", ref, _secrets={"secretKey": key, "secretValue": "${workflow.input.token}"})


def test_they_work_on_either_database(server: LiveServer) -> None:
    admin, name = server.admin(), new("workflow")
    admin.call("PUT", "/api/environment/REGION", b"eu")
    admin.call("PUT", "/api/environment/REGION", "eü-2".encode())
    admin.call("PUT", "/api/environment/REGION/tags", [{"key": "a", "value": "b"}])
    assert admin.call("GET", "/api/environment") == [{"name": "REGION", "value": "eü-2", "tags": [{"key": "a", "value": "b"}]}]
    tasks = [system("SET_VARIABLE", "set", region="${workflow.env.REGION}", _masked="${workflow.input.token}"), update("up", "kept")]
    admin.save({"name": name, "version": 1, "tasks": tasks})
    run = admin.ended(admin.start(name, {"token": TOKEN}))
    assert (run["status"], run["variables"], run["input"]) == ("COMPLETED", {"region": "eü-2", "_masked": "***"}, {"token": "***"})
    assert admin.call("GET", "/api/secrets/kept") == TOKEN
    assert admin.call("DELETE", "/api/environment/REGION") == "eü-2"
    assert admin.call("GET", "/api/environment") == []


def test_runs_that_put_the_same_secrets_in_another_order_all_end(server: LiveServer) -> None:
    """Each takes the names' locks while it holds its run: none may wait for another for ever."""
    admin, flows = server.admin(), (new("forth"), new("back"))
    for flow, keys in zip(flows, (("one", "two"), ("two", "one")), strict=True):
        forks = [[update(f"up-{key}", key)] for key in keys]
        fork = {**system("FORK_JOIN", "fork"), "forkTasks": forks}
        join = {**system("JOIN", "join"), "joinOn": [f"up-{key}" for key in keys]}
        admin.save({"name": flow, "version": 1, "tasks": [system("WAIT", "wait", duration="1 seconds"), fork, join]})
    runs = [admin.start(flow, {"token": f"{TOKEN}-{number}"}) for number in range(10) for flow in flows]
    assert [admin.ended(run, 60)["status"] for run in runs] == ["COMPLETED"] * 20
    assert admin.call("GET", "/api/secrets/one").startswith(TOKEN)


def test_a_new_variable_has_one_maker(server: LiveServer) -> None:
    """Callers who may make variables and hold none: the second one to come finds another's."""
    admin, role = server.admin(), new("role")
    admin.call("POST", "/api/roles", {"name": role, "permissions": ["CREATE_ENV_VARIABLE"]})
    keys = [admin.application(new("maker"), role)[1] for _ in range(6)]
    callers = [server.api(server.token(key["id"], key["secret"])) for key in keys]
    with ThreadPoolExecutor(len(callers)) as threads:
        for _ in range(10):
            name = new("variable")
            put = partial(_put, name)
            answers = list(threads.map(put, range(len(callers)), callers))
            assert answers.count(200) == 1 and set(answers) <= {200, 403}, answers
            assert admin.call("GET", f"/api/environment/{name}") == f"value-{answers.index(200)}"
            assert len(admin.call("GET", f"/api/auth/authorization/ENV_VARIABLE/{name}")["UPDATE"]) == 1


def _put(name: str, number: int, caller: Api) -> int:
    return caller.raw("PUT", f"/api/environment/{name}", f"value-{number}".encode()).status_code
