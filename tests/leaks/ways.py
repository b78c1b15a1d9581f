"""The known ways to walk out with a secret's value. Each is walked by one who may not see it, and gives all that this one came to see."""

import json
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

from tests.api.authorization.world import new
from tests.gate.doors.stage import Stage, http, listening, simple, system
from tests.gate.doors.test_echoes import ENCODINGS
from tests.leaks import removed
from tests.leaks.removed import Without, all_of, conditions
from tests.leaks.thief import Thief, answered, execute_only, guest, heard, reads, sent


@dataclass(frozen=True)
class Way:
    """`refused`: words of the refusal that the audit keeps; None where nothing is refused, because data simply stays text."""

    name: str
    walk: Callable[[Stage], str]
    without: Without
    refused: str | None


WAYS: list[Way] = []


def way(without: Without, refused: str | None = None, each: tuple[str, ...] = ()) -> Callable[[Callable[..., str]], Callable[..., str]]:
    """One way; or one for each of `each`, which the function is told."""

    def register(walk: Callable[..., str]) -> Callable[..., str]:
        if not each:
            WAYS.append(Way(walk.__name__, walk, without, refused))
        for one in each:
            WAYS.append(Way(f"{walk.__name__}: {one}", lambda stage, one=one: walk(stage, one), without, refused))  # type: ignore[misc]
        return walk

    return register


# --- who vouches, who starts, who consumes ------------------------------------------------------------------------------------------


@way(
    all_of(removed.saving, conditions("voucher_may_use", "worker_may_use", "host_may_use")), "READ on SECRET_NAME", each=("worker", "HTTP")
)
def saving_a_secret_that_one_may_not_use(stage: Stage, kind: str) -> str:
    thief = Thief(stage)
    call = http(stage.listener.url, method="POST", body=stage.key)
    return thief.runs(simple(thief.task, key=stage.key) if kind == "worker" else call) + heard(stage.listener)


@way(all_of(removed.saving, conditions("voucher_may_use", "host_may_use")), "READ on SECRET_NAME")
def saving_what_an_export_shows_of_anothers_workflow(stage: Stage) -> str:
    stage.save(http(stage.listener.url, method="POST", body=stage.key))
    thief = Thief(stage).may("WORKFLOW_DEF", stage.name, "READ")
    exported = thief.api.call("GET", f"/api/metadata/workflow/{stage.name}")
    return thief.runs(*exported["tasks"]) + heard(stage.listener)


@way(conditions("voucher_may_use", "host_may_use"), "lacks READ on", each=("revoked", "deleted"))
def a_voucher_whose_right_is_gone(stage: Stage, how: str) -> str:
    stage.save(http(stage.listener.url, method="POST", body=stage.key))
    if how == "revoked":
        stage.admin.revoke(stage.author_id, "SECRET_NAME", stage.secret, "READ")
        return sent(stage)
    stage.admin.call("DELETE", f"/api/applications/{stage.author_id}")
    return sent(stage, by=stage.admin)


@way(conditions("host_may_use"), "is not on the list of hosts")
def an_author_without_read_names_a_host_of_its_own(stage: Stage) -> str:
    assert stage.author_id
    execute_only(stage)
    stage.save(http(stage.listener.url, method="POST", body=stage.key))
    return sent(stage)


@way(
    conditions("host_may_use"),
    "is not on the list of hosts",
    each=("http://${workflow.input.x}/", "${workflow.input.y}"),
)
def a_starter_names_the_host(stage: Stage, uri: str) -> str:
    stage.save(http(uri, method="POST", body=stage.key))
    given = {"x": stage.listener.authority, "y": stage.listener.url}
    return sent(stage, by=guest(stage).api, **given)


@way(conditions("starter_may_execute"), "lacks EXECUTE on WORKFLOW_DEF")
def a_starter_whose_right_is_gone(stage: Stage) -> str:
    stage.save(simple(stage.task), http(stage.listener.url, method="POST", body=stage.key))
    thief = guest(stage)
    run = thief.api.start(stage.name)
    (task,) = stage.worker.poll(stage.task)
    stage.admin.revoke(thief.id, "WORKFLOW_DEF", stage.name, "EXECUTE")
    stage.worker.complete(task)
    answered(stage.admin, run)
    return heard(stage.listener)


@way(conditions("policy_allows"), "the policy of SECRET_NAME", each=("hosts", "workflows", "taskTypes", "places"))
def a_use_that_the_policy_forbids(stage: Stage, field: str) -> str:
    stage.admin.call("PUT", f"/api/secrets/{stage.secret}/policy", {field: ["another"]})
    stage.save(http(stage.listener.url, method="POST", body=stage.key))
    return sent(stage)


@way(conditions("worker_may_use"), "held: application")
def a_worker_without_the_right_polls_beside_one_that_has_it(stage: Stage) -> str:
    """A hundred polls of each, eight at a time, over forty tasks."""
    stage.save(simple(stage.task, key=stage.key))
    for _ in range(40):
        stage.author.start(stage.name)
    thief, entitled = Thief(stage).may("TASK_DEF", stage.task, "EXECUTE"), stage.entitled
    with ThreadPoolExecutor(8) as pool:
        polls = [pool.submit(who.poll, stage.task, 3, 20) for _ in range(100) for who in (thief.api, entitled)]
        given = [poll.result() for poll in polls]
    assert all(stage.value in json.dumps(one) for poll in given[1::2] for one in poll), "who may have it gets it"
    return json.dumps(given[::2])


# --- data that looks like a reference -----------------------------------------------------------------------------------------------


@way(removed.data_is_no_template, each=("whole", "halves", "sent"))
def the_input_of_a_run(stage: Stage, how: str) -> str:
    text = "${workflow.input.whole}" if how == "whole" else "${workflow.input.a}${workflow.input.b}"
    stage.save(http(stage.listener.url, method="POST", body=text) if how == "sent" else simple(stage.task, got=text))
    thief = guest(stage)
    run = thief.api.start(stage.name, {"whole": stage.key, "a": stage.key[:12], "b": stage.key[12:]})
    return thief.sees(run, stage.task) + heard(stage.listener)


@way(removed.data_is_no_template, each=("a worker's output", "an HTTP answer"))
def a_reference_that_comes_back(stage: Stage, whose: str) -> str:
    thief = guest(stage)
    if whose == "an HTTP answer":
        stage.listener.say = lambda _: (200, {"Content-Type": "application/json"}, json.dumps({"text": stage.key}).encode())
        return thief.runs(http(stage.listener.url), simple(thief.task, got="${call.output.response.body.text}"))
    stage.save(simple(stage.task), simple(stage.task, ref="two", got="${one.output.text}"))
    run = thief.api.start(stage.name)
    (task,) = thief.api.poll(stage.task)
    thief.api.complete(task, {"text": stage.key})
    return thief.sees(run, stage.task)


@way(removed.data_is_no_template)
def a_marker_moved_to_another_place(stage: Stage) -> str:
    """The stored input of a task that names the secret is handed on to one that does not, as data."""
    gated = simple(stage.task, ref="gated", key=stage.key)
    moved = {**simple(new("unknown"), ref="moved", got="${gated.input.key}"), "optional": True}
    fork = {**system("FORK_JOIN", "fork"), "forkTasks": [[gated], [system("SET_VARIABLE", "set", x="${gated.input.key}"), moved]]}
    stage.save(fork, {**system("JOIN", "join"), "joinOn": ["gated", "moved"]})
    thief = Thief(stage).may("WORKFLOW_DEF", stage.name, "EXECUTE", "READ").may("TASK_DEF", moved["name"], "EXECUTE")
    return thief.sees(thief.api.start(stage.name), moved["name"])


@way(all_of(removed.engine_that_knows, removed.places), each=("name", "path", "whole"))
def a_name_that_data_make(stage: Stage, what: str) -> str:
    texts = {
        "name": "${workflow.secrets.${workflow.input.name}}",
        "path": "${workflow.${workflow.input.kind}.${workflow.input.name}}",
        "whole": "${${workflow.input.path}}",
    }
    stage.save(simple(stage.task, got=texts[what]))
    thief = guest(stage)
    run = thief.api.start(stage.name, {"name": stage.secret, "kind": "secrets", "path": f"workflow.secrets.{stage.secret}"})
    return thief.sees(run, stage.task)


LOOK_ALIKES = ("${ workflow.secrets.NAME}", "${workflow['secrets']['NAME']}", "${workflow..NAME}", "${workflow.secrets['NAME']}")


@way(removed.engine_that_knows, each=LOOK_ALIKES)
def a_text_that_looks_like_a_reference(stage: Stage, text: str) -> str:
    thief = Thief(stage)
    return thief.runs(simple(thief.task, got=text.replace("NAME", stage.secret)))


# --- places where a value would stay ------------------------------------------------------------------------------------------------


def _places(stage: Stage) -> dict[str, tuple[list[dict[str, Any]], dict[str, Any]]]:
    key, child = stage.key, f"{stage.name}-child"
    inner = {"name": child, "version": 1, "tasks": [system("NOOP", "rest")]}
    return {
        "INLINE": ([system("INLINE", "s", evaluatorType="javascript", expression="$.key", key=key)], {}),
        "JSON_JQ_TRANSFORM": ([system("JSON_JQ_TRANSFORM", "s", queryExpression=".key", key=key)], {}),
        "SWITCH": ([{**system("SWITCH", "s", key=key), "evaluatorType": "value-param", "expression": "key", "decisionCases": {}}], {}),
        "SET_VARIABLE": ([system("SET_VARIABLE", "s", key=key)], {}),
        "SUB_WORKFLOW": ([{**system("SUB_WORKFLOW", "s", key=key), "subWorkflowParam": {"name": child, "workflowDefinition": inner}}], {}),
        "TERMINATE": ([system("TERMINATE", "s", terminationStatus="COMPLETED", workflowOutput={"key": key})], {}),
        "outputParameters": ([system("NOOP", "s")], {"outputParameters": {"key": key}}),
        "HUMAN": ([system("HUMAN", "s", key=key)], {}),
    }


PLACES = ("INLINE", "JSON_JQ_TRANSFORM", "SWITCH", "SET_VARIABLE", "SUB_WORKFLOW", "TERMINATE", "outputParameters", "HUMAN")


@way(all_of(removed.engine_that_knows, removed.places), each=PLACES)
def a_place_that_the_run_remembers(stage: Stage, place: str) -> str:
    """Saved by one who may use the secret, read by one who may only read the runs."""
    tasks, fields = _places(stage)[place]
    saved = stage.author.raw("PUT", "/api/metadata/workflow", [{"name": stage.name, "version": 1, "tasks": tasks, **fields}])
    if saved.status_code != 200:
        return saved.text
    return reads(Thief(stage).may("WORKFLOW_DEF", stage.name, "READ").api, stage.author.start(stage.name))


# --- what comes back ----------------------------------------------------------------------------------------------------------------


@way(removed.redaction, each=tuple(ENCODINGS))
def an_echo(stage: Stage, encoding: str) -> str:
    """A server that says what it was sent, read by one who may only read the runs: whoever can decode it has the value."""
    echo = ENCODINGS[encoding](stage.value)
    stage.listener.say = lambda _: (200, {"Content-Type": "text/plain"}, f"you said {echo}!".encode())
    stage.save(http(stage.listener.url, method="POST", body=stage.key))
    shown = reads(Thief(stage).may("WORKFLOW_DEF", stage.name, "READ").api, stage.author.start(stage.name))
    return shown + (f"decoded: {stage.value}" if json.dumps(echo, ensure_ascii=False)[1:-1] in shown else "")


@way(removed.redaction, each=("reason", "log", "output"))
def a_worker_that_says_it(stage: Stage, where: str) -> str:
    stage.save(simple(stage.task, key=stage.key))
    run = stage.author.start(stage.name)
    (task,) = stage.entitled.poll(stage.task)
    said = {
        "reason": {"reasonForIncompletion": stage.value},
        "log": {"logs": [{"log": stage.value}]},
        "output": {"outputData": {stage.value: 1}},
    }
    result = {"taskId": task["taskId"], "workflowInstanceId": run, "status": "FAILED", **said[where]}
    stage.worker.call("POST", "/api/tasks", result)
    return reads(Thief(stage).may("WORKFLOW_DEF", stage.name, "READ").api, run)


@way(removed.redirects, each=("302", "307", "308"))
def a_redirect_to_another_host(stage: Stage, status: str) -> str:
    with listening() as elsewhere:
        stage.listener.say = lambda _: (int(status), {"Location": f"{elsewhere.url}/caught"}, b"")
        stage.save(http(stage.listener.url, method="POST", headers={"X-Key": stage.key}, body={"key": stage.key}))
        sent(stage)
        return heard(elsewhere)


@way(removed.restoring)
def a_definition_that_shows_its_markers(stage: Stage) -> str:
    """With a marker in hand one would look for a door that opens it; seeing one counts as having the value."""
    stage.save(simple(stage.task, key=stage.key))
    thief = Thief(stage).may("WORKFLOW_DEF", stage.name, "READ", "EXECUTE")
    shown = thief.api.raw("GET", f"/api/metadata/workflow/{stage.name}").text + reads(thief.api, thief.api.start(stage.name))
    return shown.replace("#{stagedoor:", stage.value)


# --- oracles and rights that come back ----------------------------------------------------------------------------------------------


@way(removed.silence)
def what_an_error_tells_of_a_value(stage: Stage) -> str:
    """One who may only EXECUTE the secret has it stand where an address must: two values that are told apart can be guessed at."""
    assert stage.author_id
    execute_only(stage)
    stage.save(http(stage.key))
    reasons = []
    for value in (f"{stage.value} is no address", f"http://127.0.0.1:1/{stage.value}"):
        stage.admin.put_secret(stage.secret, value)
        run = stage.author.start(stage.name)
        reasons.append([task["reasonForIncompletion"] for task in answered(stage.admin, run)["tasks"]])
    return stage.value if reasons[0] != reasons[1] else ""


@way(removed.knowing)
def asking_whether_a_secret_exists(stage: Stage) -> str:
    """By one who may neither use nor make secrets; telling a name that exists from one that does not counts as having it."""
    _, api = stage.caller("guesser", "WORKER")
    ways = ("{}/exists", "{}", "{}/tags", "{}/policy", "?tagKey=k&tagValue=v&x={}")
    answers = [[(a.status_code, a.text.replace(name, "NAME")) for a in (api.raw("GET", "/api/secrets/" + one.format(name)) for one in ways)]
               for name in (stage.secret, f"not-{stage.secret}")]  # fmt: skip
    return stage.value if answers[0] != answers[1] else ""


@way(removed.tagging, "tag with")
def tagging_a_secret_with_what_one_may_read(stage: Stage) -> str:
    """By one who may UPDATE the secret and READ whatever carries the tag."""
    pair = new("team")
    thief = Thief(stage).may("SECRET_NAME", stage.secret, "UPDATE").may("TAG", f"{pair}:x", "READ")
    thief.api.raw("PUT", f"/api/secrets/{stage.secret}/tags", [{"key": pair, "value": "x"}])
    return thief.api.raw("GET", f"/api/secrets/{stage.secret}").text


@way(removed.forgetting, "READ")
def a_secret_deleted_and_made_again_by_another(stage: Stage) -> str:
    thief = Thief(stage).may("SECRET_NAME", stage.secret, "READ")
    stage.admin.call("DELETE", f"/api/secrets/{stage.secret}")
    stage.admin.put_secret(stage.secret, stage.value)
    return thief.api.raw("GET", f"/api/secrets/{stage.secret}").text


@way(removed.forgetting, "EXECUTE on WORKFLOW_DEF")
def a_workflow_deleted_and_made_again_by_another(stage: Stage) -> str:
    stage.save(simple(stage.task))
    thief = guest(stage)
    stage.admin.call("DELETE", f"/api/metadata/workflow/{stage.name}/1")
    stage.save(http(stage.listener.url, method="POST", body=stage.key))
    run = thief.api.raw("POST", f"/api/workflow/{stage.name}", {})
    if run.status_code == 200:
        answered(stage.admin, run.text.strip('"'))
    return heard(stage.listener)
