"""What another policy would have refused: judged from the recorded uses by the doors' own questions; nothing is changed."""

import json
import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from stagedoor.gate import uses
from tests.gate.doors.stage import Stage, http, simple
from tests.gate.uses.test_where import command, settled


def tried(stage: Stage, query: str = "", **policy: Any) -> dict[str, Any]:
    found: dict[str, Any] = stage.admin.call("POST", f"/api/secrets/{stage.secret}/policy/dry-run{query}", policy)
    return found


def refused(stage: Stage, **policy: Any) -> list[tuple[str, str, int]]:
    """(field, task, count) of what a policy would have refused."""
    return [(one["field"], one["task"], one["count"]) for one in tried(stage, **policy)["refusals"]]


def test_each_field_of_a_policy_is_judged_as_at_the_doors(stage: Stage) -> None:
    settled(stage)
    settled(stage)
    name, both = stage.name, [("call", 2), ("one", 2)]
    assert refused(stage) == []
    assert refused(stage, workflows=[name], taskTypes=[stage.task, "HTTP"], hosts=[stage.listener.authority]) == []
    assert sorted(refused(stage, workflows=["another"])) == [("workflows", *one) for one in both]
    assert refused(stage, taskTypes=["HTTP"]) == [("taskTypes", "one", 2)]
    assert refused(stage, taskTypes=[stage.task]) == [("taskTypes", "call", 2)]
    assert refused(stage, places=[f"{name}/one/key"]) == [("places", "call", 2)]
    assert refused(stage, hosts=["a.example"]) == [("hosts", "call", 2)]
    assert sorted(refused(stage, hosts=[], workflows=[])) == [("workflows", *one) for one in both]


def test_the_doors_refuse_what_the_dry_run_says(stage: Stage) -> None:
    """The same policy, put in place: the same task is refused, for the same field, and the other one goes on."""
    settled(stage)
    for policy, task in (({"taskTypes": ["HTTP"]}, "one"), ({"places": [f"{stage.name}/one/key"]}, "call")):
        (said,) = tried(stage, **policy)["refusals"]
        assert said["task"] == task
        stage.admin.call("PUT", f"/api/secrets/{stage.secret}/policy", policy)
        run = stage.author.start(stage.name)
        for polled in stage.entitled.poll(stage.task):
            stage.worker.complete(polled)
        assert stage.ended(run)["status"] == "FAILED"
        assert f"does not allow {said['field']}" in stage.task_of(run, task)["reasonForIncompletion"]


def test_a_voucher_who_may_only_execute_needs_the_list(stage: Stage) -> None:
    """Condition 4: with READ a written-out host is enough, and a policy without a list refuses nothing."""
    assert stage.author_id
    stage.admin.revoke(stage.author_id, "SECRET_NAME", stage.secret, "READ")
    stage.admin.grant(stage.author_id, "SECRET_NAME", stage.secret, "EXECUTE")
    stage.admin.call("PUT", f"/api/secrets/{stage.secret}/policy", {"hosts": [stage.listener.authority]})
    run = stage.run(http(stage.listener.url, method="POST", body=stage.key))
    assert stage.ended(run)["status"] == "COMPLETED"
    assert refused(stage, hosts=[stage.listener.authority]) == []
    assert refused(stage) == [("hosts", "call", 1)]


def test_a_host_made_from_data_is_judged_and_not_named(stage: Stage) -> None:
    stage.admin.call("PUT", f"/api/secrets/{stage.secret}/policy", {"hosts": [stage.listener.authority]})
    run = stage.run(http("http://${workflow.input.host}/", method="POST", body=stage.key), given={"host": stage.listener.authority})
    assert stage.ended(run)["status"] == "COMPLETED"
    assert refused(stage, hosts=[stage.listener.authority.upper()]) == []
    (said,) = tried(stage, hosts=["a.example"])["refusals"]
    assert (said["host"], said["reason"]) == ("made from data", "hosts: made from data is not among them")


def test_it_says_what_it_could_not_judge(stage: Stage) -> None:
    """What was opened before places were recorded, and what was refused when it was tried."""
    run = settled(stage)
    said = tried(stage, workflows=[])
    assert (said["judged"], said["refused"], said["unjudged"], said["complete"]) == (2, 2, 0, True)
    assert "refused when they were tried left no receipt" in said["note"]
    with closing(sqlite3.connect(stage.server.data / "stagedoor.db")) as database:
        assert database.execute("DELETE FROM secret_use WHERE run_id = ? AND door = 'handoff'", (run,)).rowcount == 1
        early = "(SELECT applied_at - 1 FROM schema_version WHERE version = 11)"
        database.execute(f"UPDATE receipt SET opened_at = {early} WHERE run_id = ? AND door = 'handoff'", (run,))
        database.commit()
    said = tried(stage, workflows=[])
    assert (said["judged"], said["unjudged"]) == (1, 1)


def test_only_the_days_asked_for_count_and_times_are_told(stage: Stage) -> None:
    run = settled(stage)
    with closing(sqlite3.connect(stage.server.data / "stagedoor.db")) as database:
        database.execute("UPDATE secret_use SET opened_at = opened_at - 40 * 86400000 WHERE run_id = ? AND door = 'egress'", (run,))
        database.execute("DELETE FROM secret_use_day")  # counted before, and now anew
        database.execute("UPDATE secret_use_counted SET until = 0")
        database.commit()
    assert [one["task"] for one in tried(stage, workflows=[])["refusals"]] == ["one"]
    assert sorted(one["task"] for one in tried(stage, "?days=90", workflows=[])["refusals"]) == ["call", "one"]
    settled(stage)
    (one,) = tried(stage, taskTypes=["HTTP"])["refusals"]
    assert (one["count"], one["firstAt"] < one["lastAt"]) == (2, True)
    assert stage.admin.raw("POST", f"/api/secrets/{stage.secret}/policy/dry-run?days=91", {}).status_code == 400


def test_nothing_is_changed_and_a_misspelt_policy_is_refused(stage: Stage) -> None:
    stage.admin.call("PUT", f"/api/secrets/{stage.secret}/policy", {"workflows": ["w"]})
    before = stage.admin.call("GET", f"/api/secrets/{stage.secret}/policy")
    tried(stage, hosts=["a.example"])
    assert stage.admin.call("GET", f"/api/secrets/{stage.secret}/policy") == before
    assert stage.admin.raw("POST", f"/api/secrets/{stage.secret}/policy/dry-run", {"host": []}).status_code == 400


def test_more_sorts_of_use_than_are_judged_are_told_of(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    settled(stage)
    monkeypatch.setattr(uses, "MOST_JUDGED", 1)
    said = tried(stage, workflows=[])
    assert (said["judged"], said["complete"]) == (1, False)


@pytest.mark.slow
def test_secrets_dry_run_on_the_command_line(stage: Stage, tmp_path: Path) -> None:
    """End to end: `stagedoor secrets dry-run NAME --policy FILE`, while the server runs."""
    settled(stage)
    stage.run(simple(stage.task, key=stage.key))
    file = tmp_path / "policy.json"
    file.write_text(json.dumps({"taskTypes": ["HTTP"]}))
    status, text = command(stage, "dry-run", stage.secret, "--policy", str(file))
    assert status == 1 and "of 2 recorded uses in 30 days, 1 would have been refused." in text, text
    status, text = command(stage, "dry-run", stage.secret, "--policy", str(file), "--json")
    assert (status, json.loads(text)["refusals"]) == (1, tried(stage, taskTypes=["HTTP"])["refusals"])
    file.write_text("{}")
    assert command(stage, "dry-run", stage.secret, "--policy", str(file))[0] == 0
    file.write_text('{"host": ["a.example"]}')
    status, text = command(stage, "dry-run", stage.secret, "--policy", str(file))
    assert status == 1 and "host" in text
