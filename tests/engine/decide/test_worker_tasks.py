"""SIMPLE and other worker tasks: queued, leased, reported on."""

import pytest

from stagedoor.engine.embedded.decide import next_check
from stagedoor.engine.embedded.decision import Due, Enqueue, PutTask, Started, TaskUpdated, Terminated
from tests.engine.decide.driver import NOW, Play, definition


def test_it_works() -> None:
    play = Play(
        definition({"ref": "a", "input": {"zip": "${workflow.input.zip}"}}, outputParameters={"t": "${a.output.t}"}), {"zip": "90210"}
    )
    play.start()
    assert play.queued() == {"a": "a"}
    assert play.task("a").status == "SCHEDULED"
    assert play.task("a").input_data == {"zip": "90210"}
    play.lease("a")
    play.update("a", output={"t": 21})
    assert play.task("a").status == "COMPLETED"
    assert play.task("a").executed
    assert (play.run.status, play.run.output, play.run.end_time) == ("COMPLETED", {"t": 21}, NOW)


def test_a_task_is_offered_in_the_queue_of_its_type() -> None:
    flow = definition({"ref": "a", "name": "weather"}, {"ref": "b", "name": "n", "type": "USER_TASK"})
    play = Play(flow, task_to_domain={"weather": "eu,us", "*": "all,NO_DOMAIN"}).start()
    assert play.queued() == {"a": "us:weather"}
    assert (play.task("a").task_type, play.task("a").task_def_name, play.task("a").domain) == ("weather", "weather", "us")
    play.update("a")
    assert play.queued()["b"] == "USER_TASK"
    assert play.task("b").task_def_name == "n"


def test_a_dynamic_task_runs_under_the_name_in_its_input() -> None:
    play = Play(definition({"ref": "a", "type": "DYNAMIC", "dynamicTaskNameParam": "which", "input": {"which": "weather"}})).start()
    assert play.queued() == {"a": "weather"}


def test_a_start_delay_delays_the_first_attempt() -> None:
    play = Play(definition({"ref": "a", "startDelay": 5})).start()
    (job,) = play.jobs.values()
    assert isinstance(job, Enqueue)
    assert job.due == NOW + 5000


def test_without_output_parameters_the_last_task_s_output_is_the_run_s() -> None:
    play = Play(definition({"ref": "a"}, {"ref": "b"})).start()
    play.update("a", output={"x": 1})
    play.update("b", output={"y": 2})
    assert play.run.output == {"y": 2}


def test_progress_puts_a_task_back_for_later() -> None:
    play = Play(definition({"ref": "a"})).start()
    play.lease("a")
    play.now += 1000
    play.update("a", "IN_PROGRESS", {"at": 10}, callback_after_seconds=30)
    task = play.task("a")
    assert (task.status, task.output_data, task.callback_after_seconds, task.end_time) == ("SCHEDULED", {"at": 10}, 30, 0)
    job = play.jobs[task.task_id]
    assert isinstance(job, Enqueue)
    assert job.due == NOW + 31_000


def test_extending_a_lease_changes_the_update_time_alone() -> None:
    play = Play(definition({"ref": "a"})).start()
    before = play.lease("a")
    play.now += 60_000
    commands = play.update("a", "IN_PROGRESS", {"ignored": 1}, extend_lease=True)
    assert len(commands) == 2
    after = play.task("a")
    assert after.update_time == play.now
    assert (after.status, after.output_data, after.start_time) == (before.status, before.output_data, before.start_time)
    assert play.run.next_check == play.now + 3_600_000


@pytest.mark.parametrize("status", ["COMPLETED", "FAILED", "IN_PROGRESS"])
def test_a_report_on_a_task_or_run_that_has_ended_changes_nothing(status: str) -> None:
    play = Play(definition({"ref": "a"}, {"ref": "b"})).start()
    play.update("a")
    assert play.update("a", status) == []
    play.update("b")
    assert play.update("b", status) == []


@pytest.mark.parametrize("event", [TaskUpdated(task_id="nobody", status="COMPLETED"), TaskUpdated(task_id="id1", status="MAYBE")])
def test_reports_that_mean_nothing_change_nothing(event: TaskUpdated) -> None:
    assert Play(definition({"ref": "a"})).start().send(event) == []


def test_an_ended_run_is_left_alone() -> None:
    play = Play(definition({"ref": "a"})).start()
    play.update("a")
    assert play.send(Due()) == play.send(Terminated()) == play.send(Started()) == []


def test_a_paused_run_takes_reports_but_goes_nowhere() -> None:
    play = Play(definition({"ref": "a"}, {"ref": "b"}, timeoutSeconds=1, timeoutPolicy="TIME_OUT_WF")).start()
    play.run = type(play.run)(**{name: getattr(play.run, name) for name in play.run.__struct_fields__} | {"status": "PAUSED"})
    commands = play.update("a")
    assert [command.task.status for command in commands if isinstance(command, PutTask)] == ["COMPLETED"]
    assert play.run.next_check == 0
    assert set(play.statuses()) == {"a"}


def test_terminating_from_outside_cancels_what_is_open() -> None:
    play = Play(definition({"ref": "a"}, failureWorkflow="undo", outputParameters={"was": "${workflow.input.x}"}), {"x": 1}).start()
    play.send(Terminated(reason="enough"))
    assert (play.run.status, play.run.reason_for_incompletion, play.run.output) == ("TERMINATED", "enough", {"was": 1})
    assert play.task("a").status == "CANCELED"
    assert not play.jobs
    assert not play.failure_workflows


def test_a_workflow_of_no_tasks_is_complete_at_once() -> None:
    assert Play(definition()).start().run.status == "COMPLETED"


def test_the_definition_s_variables_and_input_template_are_there_from_the_start() -> None:
    flow = definition(
        {"ref": "a", "input": {"v": "${workflow.variables.v}", "i": "${workflow.input.i}"}}, variables={"v": 1}, inputTemplate={"i": 2}
    )
    play = Play(flow).start()
    assert play.task("a").input_data == {"v": 1, "i": 2}
    assert play.run.variables == {"v": 1}


def test_next_check_is_what_decide_would_have_said() -> None:
    play = Play(definition({"ref": "a"})).start()
    assert play.run.next_check == 0
    play.lease("a")
    assert next_check(play.definition, play.run, list(play.tasks.values()), play.around) == NOW + 3_600_000
