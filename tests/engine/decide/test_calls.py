"""HTTP, SUB_WORKFLOW, SET_VARIABLE, NOOP, TERMINATE."""

import pytest

from stagedoor.engine.definition import Json, TaskDefinition
from stagedoor.engine.embedded.decision import ChildEnded, Send, StartChild, Terminated
from tests.engine.decide.driver import NOW, Play, definition

REQUEST = {"http_request": {"uri": "https://example.com/${workflow.input.x}", "method": "GET"}}


def http(**fields: Json) -> Play:
    return Play(definition({"ref": "h", "type": "HTTP", "input": REQUEST, **fields}), {"x": "#{stagedoor:m}"}).start()


def child(**fields: Json) -> Play:
    param = {"name": "child", "version": 2, **fields.pop("param", {})}
    flow = definition({"ref": "c", "type": "SUB_WORKFLOW", "subWorkflowParam": param, "input": {"a": "${workflow.input.a}"}, **fields})
    return Play(flow, {"a": 1}, task_to_domain={"*": "eu"}, priority=3).start()


# ---- HTTP
def test_a_request_is_sent_and_its_answer_is_the_output() -> None:
    play = http()
    task = play.task("h")
    assert task.status == "IN_PROGRESS"
    assert task.input_data["http_request"]["uri"] == "https://example.com/#{stagedoor:m}"
    assert list(play.jobs.values()) == [Send(task_id=task.task_id, due=NOW)]
    play.perform("h", {"response": {"statusCode": 200}})
    assert (play.run.status, play.run.output) == ("COMPLETED", {"response": {"statusCode": 200}})


def test_with_async_complete_the_task_stays_open_after_the_answer() -> None:
    play = http(asyncComplete=True)
    play.perform("h", {"response": {"statusCode": 202}})
    assert (play.task("h").status, play.task("h").output_data) == ("IN_PROGRESS", {"response": {"statusCode": 202}})
    play.update("h", output={"done": 1})
    assert play.run.output == {"done": 1}


def test_a_failed_request_keeps_its_output_and_is_retried_by_its_task_definition() -> None:
    play = Play(
        definition({"ref": "h", "type": "HTTP", "input": REQUEST}), task_definitions=[TaskDefinition(name="h", retry_count=1)]
    ).start()
    first = play.task("h")
    play.perform("h", {"response": "503"}, error="Failed to invoke HTTP task")
    assert play.tasks[first.task_id].output_data == {"response": "503"}
    assert list(play.jobs.values()) == [Send(task_id=play.task("h").task_id, due=NOW + 60_000)]
    play.perform("h", error="refused", terminal=True)
    assert (play.task("h").status, play.run.status) == ("FAILED_WITH_TERMINAL_ERROR", "FAILED")


# ---- SUB_WORKFLOW
def test_a_child_is_started_and_its_output_becomes_the_task_s() -> None:
    play = child()
    task = play.task("c")
    assert (task.status, task.sub_workflow_id, task.output_data) == ("IN_PROGRESS", "id2", {"subWorkflowId": "id2"})
    assert task.input_data["workflowInput"] == {"a": 1}
    (job,) = play.jobs.values()
    assert job == StartChild(
        task_id=task.task_id,
        child_id="id2",
        name="child",
        version=2,
        definition=None,
        input={"a": 1},
        task_to_domain={"*": "eu"},
        priority=3,
    )
    play.end_child("c", output={"r": 5})
    assert (play.run.status, play.run.output) == ("COMPLETED", {"r": 5, "subWorkflowId": "id2"})


@pytest.mark.parametrize(
    ("status", "task", "run"), [("FAILED", "FAILED", "FAILED"), ("TERMINATED", "CANCELED", "TERMINATED"), ("TIMED_OUT",) * 3]
)
def test_a_child_s_end_is_the_task_s(status: str, task: str, run: str) -> None:
    play = child()
    play.end_child("c", status, reason="why")
    assert (play.task("c").status, play.run.status) == (task, run)
    assert play.task("c").reason_for_incompletion == "Sub workflow child/id2 failure reason: why"
    assert not play.ended_children


def test_a_child_that_is_not_the_task_s_changes_nothing() -> None:
    play = child()
    assert play.send(ChildEnded(task_id=play.task("c").task_id, child_id="other", status="COMPLETED")) == []


def test_a_child_that_cannot_be_started_fails_its_task() -> None:
    play = child()
    play.perform("c", error="no such workflow: child", terminal=True)
    assert (play.task("c").status, play.run.status) == ("FAILED_WITH_TERMINAL_ERROR", "FAILED")


def test_the_end_of_a_run_ends_its_children() -> None:
    play = child()
    play.jobs.clear()
    play.send(Terminated(reason="enough"))
    assert [(each.child_id, each.reason) for each in play.ended_children] == [
        ("id2", "Parent workflow has been terminated with reason: enough")
    ]


def test_a_retried_child_is_a_new_run_after_the_delay() -> None:
    play = Play(
        definition({"ref": "c", "type": "SUB_WORKFLOW", "subWorkflowParam": {"name": "child"}}), task_definitions=[TaskDefinition(name="c")]
    ).start()
    play.end_child("c", "FAILED", reason="no")
    assert (play.task("c").status, play.jobs) == ("SCHEDULED", {})
    assert play.run.next_check == NOW + 60_000
    play.advance(60)
    (job,) = play.jobs.values()
    assert isinstance(job, StartChild)
    assert job.child_id == play.task("c").sub_workflow_id
    assert play.task("c").retry_count == 1


def test_an_inline_definition_and_names_from_expressions() -> None:
    play = child(param={"name": "n", "workflowDefinition": {"name": "n", "tasks": [], "x": "${workflow.input.a}"}})
    (job,) = play.jobs.values()
    assert isinstance(job, StartChild)
    assert (job.name, job.version, job.definition["x"]) == ("n", None, "${workflow.input.a}")
    play = child(param={"name": "${workflow.input.a}x"})
    (job,) = play.jobs.values()
    assert isinstance(job, StartChild)
    assert job.name == "1x"
    assert child(param={"name": "${workflow.input.none}"}).run.status == "FAILED"


# ---- SET_VARIABLE, NOOP
def test_variables_are_set_and_seen_by_what_follows() -> None:
    flow = definition(
        {"ref": "v", "type": "SET_VARIABLE", "input": {"x": "${workflow.input.x}", "y": 1}},
        {"ref": "n", "type": "NOOP"},
        {"ref": "a", "input": {"x": "${workflow.variables.x}"}},
        variables={"y": 0, "z": 0},
    )
    play = Play(flow, {"x": [1]}).start()
    assert play.run.variables == {"x": [1], "y": 1, "z": 0}
    assert play.task("a").input_data == {"x": [1]}
    assert play.statuses() == {"v": "COMPLETED", "n": "COMPLETED", "a": "SCHEDULED"}


def test_variables_do_not_grow_without_bound() -> None:
    double = {"ref": "v", "type": "SET_VARIABLE", "input": {"x": ["${workflow.variables.x}", "${workflow.variables.x}"]}}
    flow = definition({"ref": "l", "type": "DO_WHILE", "items": "${workflow.input.list}", "loopOver": [double]}, variables={"x": "word"})
    play = Play(flow, {"list": list(range(60))}).start().settle()
    assert play.run.status == "FAILED"
    assert "256 kilobytes" in str(play.run.reason_for_incompletion)


def test_variables_do_not_nest_without_bound() -> None:
    nest = {"ref": "v", "type": "SET_VARIABLE", "input": {"x": ["${workflow.variables.x}"]}}
    flow = definition({"ref": "l", "type": "DO_WHILE", "items": "${workflow.input.list}", "loopOver": [nest]})
    assert Play(flow, {"list": list(range(5000))}).start().settle().run.status == "FAILED"


# ---- TERMINATE
@pytest.mark.parametrize("status", ["COMPLETED", "FAILED", "TERMINATED"])
def test_terminate_ends_the_run_at_once(status: str) -> None:
    given = {"terminationStatus": status, "workflowOutput": {"r": "${a.output.r}"}, "terminationReason": "so"}
    flow = definition(
        {"ref": "a"}, {"ref": "t", "type": "TERMINATE", "input": given}, {"ref": "b"}, failureWorkflow="undo", outputParameters={"o": 1}
    )
    play = Play(flow).start()
    play.update("a", output={"r": 1})
    assert (play.run.status, play.run.output, play.run.reason_for_incompletion) == (status, {"r": 1}, "so")
    assert "b" not in play.statuses()
    assert len(play.failure_workflows) == (status != "COMPLETED")


def test_terminate_in_a_branch_cancels_the_others() -> None:
    branches = [[{"ref": "a"}], [{"ref": "t", "type": "TERMINATE", "input": {"terminationStatus": "COMPLETED", "workflowOutput": 5}}]]
    flow = definition({"ref": "f", "type": "FORK_JOIN", "forkTasks": branches}, {"ref": "j", "type": "JOIN", "joinOn": ["a"]})
    play = Play(flow).start()
    assert (play.run.status, play.run.output, play.task("a").status) == ("COMPLETED", {"output": 5}, "CANCELED")
    assert not play.jobs
    assert play.run.reason_for_incompletion == f"Workflow is COMPLETED by TERMINATE task: {play.task('t').task_id}"


def test_an_unknown_termination_status_fails_the_run() -> None:
    flow = definition({"ref": "t", "type": "TERMINATE", "input": {"terminationStatus": "${workflow.input.s}"}})
    play = Play(flow, {"s": "DONE"}).start()
    assert (play.run.status, play.task("t").reason_for_incompletion) == ("FAILED", "given termination status is not valid")
