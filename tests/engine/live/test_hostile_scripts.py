"""Scripts that loop for ever or eat memory, in a live server: each fails its own task by the limit's name, and nobody else waits."""

import statistics
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.support.server import Api, LiveServer, live_server

pytestmark = pytest.mark.slow
TIME, MEMORY = "took longer than 4 s", "MB of memory"
FOR_EVER = {"javascript": "for (;;) {}", "jq": "def f: f; f"}
HOSTILE = [
    pytest.param("javascript", FOR_EVER["javascript"], (TIME,), id="javascript for ever"),
    pytest.param("jq", FOR_EVER["jq"], (TIME,), id="jq for ever"),
    pytest.param("javascript", "new Array(2**28).fill(0)", (TIME, MEMORY), id="javascript 2^28 elements"),
    pytest.param("javascript", "new Array(2**28)", (TIME, MEMORY, "larger than"), id="javascript 2^28 empty elements"),
    pytest.param("javascript", "new Uint8Array(2**28)", (MEMORY,), id="javascript 2^28 bytes"),
    pytest.param("jq", "[range(268435456)]", (TIME, MEMORY), id="jq 2^28 elements"),
    pytest.param("switch", FOR_EVER["javascript"], (TIME,), id="switch for ever"),
    pytest.param("loop", FOR_EVER["javascript"], (TIME,), id="loop condition for ever"),
]
AT_ONCE = 20
ROUNDS = 60


def task(kind: str, source: str) -> dict[str, Any]:
    """A task of the kind whose script is `source`."""
    named = {"name": "script", "taskReferenceName": "script"}
    done = {"name": "done", "taskReferenceName": "done", "type": "SET_VARIABLE", "inputParameters": {"done": True}}
    if kind == "jq":
        return {**named, "type": "JSON_JQ_TRANSFORM", "inputParameters": {"queryExpression": source}}
    if kind == "switch":
        choice = {"evaluatorType": "javascript", "expression": source, "decisionCases": {"a": [done]}}
        return {**named, "type": "SWITCH", "inputParameters": {}, **choice}
    if kind == "loop":
        return {**named, "type": "DO_WHILE", "loopCondition": source, "loopOver": [done], "inputParameters": {}}
    return {**named, "type": "INLINE", "inputParameters": {"evaluatorType": "javascript", "expression": source}}


def save(api: Api, name: str, *tasks: dict[str, Any]) -> str:
    api.save({"name": name, "version": 1, "tasks": list(tasks), "outputParameters": {"result": "${script.output.resultList}"}})
    return name


@pytest.fixture(scope="module")
def api(sqlite_server: LiveServer) -> Api:
    return sqlite_server.admin()


@pytest.mark.promise(12)
@pytest.mark.parametrize(("kind", "source", "limits"), HOSTILE)
def test_a_hostile_script_fails_its_own_task_by_the_name_of_the_limit(api: Api, kind: str, source: str, limits: tuple[str, ...]) -> None:
    hostile = api.start(save(api, "hostile", task(kind, source)))
    good = api.ended(api.start(save(api, "harmless", task("javascript", "1 + 1"), task("jq", "1") | {"taskReferenceName": "second"})))
    assert good["status"] == "COMPLETED"
    failed = api.ended(hostile, 40)
    assert failed["status"] == "FAILED"
    [script] = [one for one in failed["tasks"] if one["referenceTaskName"] == "script"]
    assert script["status"].startswith("FAILED")
    for reason in (script["reasonForIncompletion"], failed["reasonForIncompletion"]):
        assert any(limit in reason for limit in limits), reason


@pytest.mark.promise(7)
def test_jq_sees_no_environment(api: Api) -> None:
    run = api.ended(api.start(save(api, "environment", task("jq", "$ENV, env, env.PATH, env.STAGEDOOR_DATA"))))
    assert run["output"]["result"] == [{}, {}, None, None]


@pytest.mark.alone
@pytest.mark.promise(12)
def test_twenty_at_once_leave_the_others_within_twice_their_usual(tmp_path: Path) -> None:
    """The medians of three calls: is there a secret, a token for a key, start a workflow. Repeated once, for the machine has others."""
    for attempt in ("first", "second"):
        folder = tmp_path / attempt
        folder.mkdir()
        with live_server(folder) as server:
            measured = measure(server.admin(), ordinary_calls(server.admin(), server))
        print("median latency during / before:", {name: round(ratio, 2) for name, ratio in measured.items()})
        if max(measured.values()) <= 2:
            return
    pytest.fail(f"slower than twice the usual, in two attempts: {measured}")


def ordinary_calls(api: Api, server: LiveServer) -> dict[str, Callable[[], object]]:
    api.put_secret("latency", "needles")
    save(api, "short", {"name": "set", "taskReferenceName": "set", "type": "SET_VARIABLE", "inputParameters": {"a": 1}})
    key = {"keyId": server.first["keyId"], "keySecret": server.first["keySecret"]}
    return {
        "exists": lambda: api.call("GET", "/api/secrets/latency/exists"),
        "token": lambda: api.call("POST", "/api/token", key),
        "start": lambda: api.start("short"),
    }


def measure(api: Api, calls: dict[str, Callable[[], object]]) -> dict[str, float]:
    """Call -> its median while twenty scripts loop, as a multiple of its median before."""
    for kind, source in FOR_EVER.items():
        save(api, f"endless_{kind}", task(kind, source))
    medians(calls)  # warm
    before = medians(calls)
    runs = [api.start(f"endless_{kind}") for kind in list(FOR_EVER) * (AT_ONCE // 2)]
    during = medians(calls)
    still = [api.call("GET", f"/api/workflow/{run}/status")["status"] for run in runs]
    assert still.count("RUNNING") >= AT_ONCE // 2, still
    return {name: during[name] / before[name] for name in calls}


def medians(calls: dict[str, Callable[[], object]]) -> dict[str, float]:
    taken: dict[str, list[float]] = {name: [] for name in calls}
    for _ in range(ROUNDS):
        for name, call in calls.items():
            start = time.perf_counter()
            call()
            taken[name].append(time.perf_counter() - start)
    return {name: statistics.median(times) for name, times in taken.items()}
