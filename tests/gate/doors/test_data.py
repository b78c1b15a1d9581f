"""Data is never a template: a reference or a marker that arrives as data stays text (promise 6)."""

import re
import sqlite3
from contextlib import closing
from typing import Any

import pytest

from tests.gate.doors.stage import Stage, dumped, http, loop, simple, system

pytestmark = pytest.mark.promise(6)


def markers(stage: Stage) -> list[str]:
    """The markers of the workflow's stored definition: what an attacker would give much to know."""
    with closing(sqlite3.connect(f"file:{stage.server.data / 'stagedoor.db'}?mode=ro", uri=True)) as db:
        bodies = db.execute("SELECT body FROM workflow_revision WHERE body LIKE ?", (f'%"{stage.name}"%',)).fetchall()
    found = re.findall(r"#\{stagedoor:[0-9a-f-]{36}\}", str(bodies))
    assert found
    return list(dict.fromkeys(found))


def test_a_reference_in_the_input_of_a_run_stays_text(stage: Stage) -> None:
    stage.run(simple(stage.task, whole="${workflow.input.whole}", halves="${workflow.input.a}${workflow.input.b}"),
              given={"whole": stage.key, "a": stage.key[:12], "b": stage.key[12:]})  # fmt: skip
    (task,) = stage.entitled.poll(stage.task)
    assert task["inputData"] == {"whole": stage.key, "halves": stage.key}


def test_a_reference_inside_another_expression_is_refused_at_saving(stage: Stage) -> None:
    for text in ("${workflow.input.${workflow.secrets.x}}", "${workflow.secrets.x.${workflow.secrets.y}}"):
        answer = stage.author.raw("PUT", "/api/metadata/workflow", [{"name": stage.name, "tasks": [simple(stage.task, key=text)]}])
        assert (answer.status_code, "a secret cannot be part of another expression" in answer.json()["message"]) == (400, True)


def test_a_name_made_from_data_names_no_secret(stage: Stage) -> None:
    texts = ("${workflow.secrets.${workflow.input.name}}", "${workflow.${workflow.input.kind}.${workflow.input.name}}")
    stage.run(simple(stage.task, a=texts[0], b=texts[1]), given={"name": stage.secret, "kind": "secrets"})
    (task,) = stage.entitled.poll(stage.task)
    assert stage.value not in dumped(task)


def test_a_marker_in_the_input_of_a_run_stays_text_and_is_shown_as_what_it_stands_for(stage: Stage) -> None:
    """Whole and in two halves; somebody has got hold of the marker itself."""
    sealed = simple(stage.task, ref="sealed", key=stage.key)
    stage.save(simple(stage.task, whole="${workflow.input.whole}", halves="${workflow.input.a}${workflow.input.b}"), sealed)
    (marker,) = markers(stage)
    stage.author.start(stage.name, {"whole": marker, "a": marker[:20], "b": marker[20:]})
    (task,) = stage.entitled.poll(stage.task)
    assert stage.value not in dumped(task)
    assert task["inputData"] == {"whole": stage.key, "halves": stage.key}


@pytest.mark.parametrize("how", ["reference", "marker"])
def test_what_a_worker_puts_out_stays_text(how: str, stage: Stage) -> None:
    second = simple(stage.task, ref="two", got="${one.output.text}")
    run = stage.run(simple(stage.task, key="x"), second, simple(stage.task, ref="three", key=stage.key))
    (task,) = stage.entitled.poll(stage.task)
    stage.worker.complete(task, {"text": stage.key if how == "reference" else markers(stage)[0]})
    (task,) = stage.worker.poll(stage.task)
    assert (task["referenceTaskName"], task["inputData"]) == ("two", {"got": stage.key})
    stage.worker.complete(task)
    (task,) = stage.worker.poll(stage.task)
    assert task["inputData"] == {"key": stage.value}
    assert "#{stagedoor:" not in stage.reads(run)


@pytest.mark.parametrize("how", ["reference", "marker"])
def test_what_an_http_answer_says_stays_text(how: str, stage: Stage) -> None:
    sealed = simple(stage.task, ref="sealed", key=stage.key)
    stage.save(http(stage.listener.url), http(stage.listener.url, ref="again", body="${call.output.response.body.text}"), sealed)
    text = stage.key if how == "reference" else markers(stage)[0]
    stage.listener.say = lambda heard: (200, {"Content-Type": "application/json"}, dumped({"text": text}).encode())
    run = stage.author.start(stage.name)
    stage.waiting(run, "sealed")
    assert stage.value not in "".join(heard.text for heard in stage.listener.heard)
    assert len(stage.listener.heard) == 2
    assert "#{stagedoor:" not in stage.reads(run)


def test_a_reference_copied_from_another_place_of_the_workflow_stays_text(stage: Stage) -> None:
    """`${one.input.key}` holds a marker inside the engine; it opens at its own place only."""
    run = stage.run(
        simple(stage.task, key=stage.key, copy="${workflow.input.copy}"),
        simple(stage.task, ref="two", key="${one.input.key}", text="it is ${one.input.key}"),
    )
    (task,) = stage.entitled.poll(stage.task)
    assert task["inputData"]["key"] == stage.value
    stage.worker.complete(task)
    (task,) = stage.worker.poll(stage.task)
    assert task["inputData"] == {"key": stage.key, "text": f"it is {stage.key}"}
    assert "#{stagedoor:" not in dumped(task) + stage.reads(run)


def test_a_reference_copied_into_a_child_stays_text_there_and_is_shown_as_such(stage: Stage) -> None:
    child = f"{stage.name}-child"
    got = "${workflow.input.got}"
    stage.author.save({"name": child, "version": 1, "tasks": [simple(stage.task, got=got)], "outputParameters": {"x": got}})
    call = system("SUB_WORKFLOW", "c", got="${one.input.key}")
    run = stage.run(simple(stage.task, key=stage.key), {**call, "subWorkflowParam": {"name": child}})
    (task,) = stage.entitled.poll(stage.task)
    stage.worker.complete(task)
    (task,) = stage.worker.poll(stage.task, timeout=20_000)
    assert task["inputData"] == {"got": stage.key}
    stage.worker.call("POST", f"/api/tasks/{task['taskId']}/log", dumped(task["inputData"]).encode())
    stage.worker.complete(task, task["inputData"])
    assert stage.ended(run)["status"] == "COMPLETED"
    shown = stage.reads(run) + stage.reads(task["workflowInstanceId"])
    assert stage.key in shown and "#{stagedoor:" not in shown and stage.value not in shown


def test_a_marker_doubled_at_its_own_place_by_a_loop_is_refused(stage: Stage) -> None:
    """Condition 1: in the second round the place holds its marker twice, once as data from the first."""
    inner = simple(stage.task, key=f"{stage.key}${{workflow.variables.before}}")
    run = stage.run(loop(3, inner, system("SET_VARIABLE", "k", before="${one.input.key}")))
    (task,) = stage.entitled.poll(stage.task)
    assert task["inputData"]["key"] == f"{stage.value}null"
    stage.worker.complete(task)
    assert stage.worker.poll(stage.task, timeout=1000) == []
    found = stage.ended(run)
    assert found["status"] == "FAILED"
    assert "does not stand there as it was saved" in dumped(found) and stage.value not in dumped(found)


def test_each_round_of_a_loop_opens_the_reference_that_stands_in_it(stage: Stage) -> None:
    run = stage.run(loop(2, simple(stage.task, key=stage.key)))
    for iteration in (1, 2):
        (task,) = stage.entitled.poll(stage.task, timeout=20_000)
        assert (task["referenceTaskName"], task["inputData"]) == (f"one__{iteration}", {"key": stage.value})
        stage.worker.complete(task)
    assert stage.ended(run)["status"] == "COMPLETED"


def test_nothing_of_a_marker_is_ever_shown(stage: Stage) -> None:
    script = system("INLINE", "s", evaluatorType="javascript", expression="$.x", x="${one.input.key}")
    keep = system("SET_VARIABLE", "v", v="${one.input}")
    stage.save(simple(stage.task, key=stage.key), script, keep, outputParameters={"all": "${one.input}", "s": "${s.output.result}"})
    run = stage.author.start(stage.name)
    (task,) = stage.entitled.poll(stage.task)
    stage.worker.complete(task)
    found = stage.ended(run)
    assert found["output"] == {"all": {"key": stage.key}, "s": stage.key}
    shown = stage.reads(run)
    assert "#{stagedoor:" not in shown and stage.value not in shown
    assert not [marker for marker in markers(stage) if marker[12:-1] in shown]


def test_an_old_revision_that_still_runs_shows_references_too(stage: Stage) -> None:
    run = stage.run(simple(stage.task, key=stage.key))
    stage.save(simple(stage.task, key="no secret any more"))
    assert stage.key in stage.reads(run) and "#{stagedoor:" not in stage.reads(run)
    (task,) = stage.entitled.poll(stage.task)
    assert task["inputData"] == {"key": stage.value}


@pytest.mark.parametrize("text", ["#{stagedoor:00000000-0000-4000-8000-000000000000}", "#{stagedoor:", "#{stagedoor:x}", "$${a.b}"])
def test_text_that_only_looks_like_one_passes_as_it_is(text: str, stage: Stage) -> None:
    given: dict[str, Any] = {"text": text}
    stage.run(simple(stage.task, text="${workflow.input.text}"), given=given)
    (task,) = stage.worker.poll(stage.task)
    assert task["inputData"] == given
