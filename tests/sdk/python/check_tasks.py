"""TaskClient: poll, report, log; and a worker of the SDK with its annotated functions."""

import os
import time
from functools import partial

from check_metadata import simple
from check_workflows import status_once_ended
from conductor.client.automator.task_handler import TaskHandler
from conductor.client.context.task_context import get_task_context
from conductor.client.http.models.task_result import TaskResult
from conductor.client.http.models.task_result_status import TaskResultStatus
from conductor.client.http.models.workflow_def import WorkflowDef
from conductor.client.http.models.workflow_task import WorkflowTask
from conductor.client.worker.exception import NonRetryableException
from conductor.client.worker.worker_task import worker_task
from world import RECORD, World, refused, unique, until

SECRET, VALUE = "pysdk_worker_secret", "wx-2f6d1c9e77"


def check_a_task_is_polled_logged_and_completed(world: World) -> None:
    name, task_type, tasks = unique("workflow"), unique("task"), world.admin.get_task_client()
    world.admin.get_metadata_client().register_workflow_def(simple(name, task=task_type))
    assert not getattr(tasks.poll_task(task_type), "task_id", None)
    assert tasks.batch_poll_tasks(task_type, timeout_in_millisecond=50) == []
    run = world.admin.get_workflow_client().start_workflow_by_name(name, {"zip": "90210"})
    [task] = tasks.batch_poll_tasks(task_type, worker_id="w1", count=5, timeout_in_millisecond=2000)
    assert (task.workflow_instance_id, task.status, task.input_data, task.worker_id) == (run, "IN_PROGRESS", {"zip": "90210"}, "w1")
    tasks.add_task_log(task.task_id, 'looked up "90210"\nand found it')
    result = TaskResult(task_id=task.task_id, workflow_instance_id=run, worker_id="w1", status=TaskResultStatus.COMPLETED)
    result.add_output_data("result", {"sky": "blue", "degrees": 24.5})
    assert tasks.update_task(result) == task.task_id
    assert tasks.get_task(task.task_id).status == "COMPLETED"
    assert [line.log for line in tasks.get_task_logs(task.task_id)] == ['looked up "90210"\nand found it']
    found = world.admin.get_workflow_client().get_workflow(run)
    assert (found.status, found.output) == ("COMPLETED", {"result": {"sky": "blue", "degrees": 24.5}})


def check_a_failed_task_says_why(world: World) -> None:
    name, task_type, tasks = unique("workflow"), unique("task"), world.admin.get_task_client()
    world.admin.get_metadata_client().register_workflow_def(simple(name, task=task_type))
    run = world.admin.get_workflow_client().start_workflow_by_name(name, {})
    task = tasks.poll_task(task_type)
    result = TaskResult(task_id=task.task_id, workflow_instance_id=run, status=TaskResultStatus.FAILED_WITH_TERMINAL_ERROR)
    result.reason_for_incompletion = "no such place"
    tasks.update_task(result)
    found = world.admin.get_workflow_client().get_workflow(run)
    assert (found.status, found.tasks[0].reason_for_incompletion) == ("FAILED", "no such place")
    assert "no such place" in found.reason_for_incompletion


def check_a_worker_without_rights_gets_nothing(world: World) -> None:
    name, task_type = unique("workflow"), unique("task")
    world.admin.get_metadata_client().register_workflow_def(simple(name, task=task_type))
    run = world.admin.get_workflow_client().start_workflow_by_name(name, {})
    task_id = world.admin.get_workflow_client().get_workflow(run).tasks[0].task_id
    tasks = world.actor("WORKER").clients().get_task_client()
    refused(403, tasks.poll_task, task_type, says=task_type)
    refused(403, tasks.batch_poll_tasks, task_type, says=task_type)
    refused(404, tasks.get_task, task_id, says=task_id)
    refused(404, tasks.get_task_logs, task_id, says=task_id)
    refused(404, tasks.update_task, TaskResult(task_id=task_id, workflow_instance_id=run, status=TaskResultStatus.COMPLETED), says=task_id)
    without_role = world.actor()
    world.grant(without_role, "TASK_DEF", task_type, "EXECUTE")
    refused(403, without_role.clients().get_task_client().poll_task, task_type, says="WORKER")


@worker_task(task_definition_name="pysdk_first", poll_interval_millis=50)  # type: ignore[untyped-decorator, unused-ignore]
def first(zip: str, key: str) -> dict[str, str]:
    get_task_context().add_log(f"asked for {zip}")
    return {"zip": zip, "length": str(len(key)), "echo": f"key={key}"}


@worker_task(task_definition_name="pysdk_second", poll_interval_millis=50, thread_count=5)  # type: ignore[untyped-decorator, unused-ignore]
async def second(zip: str) -> dict[str, str]:
    return {"sky": f"blue over {zip}"}


@worker_task(task_definition_name="pysdk_hopeless", poll_interval_millis=50)  # type: ignore[untyped-decorator, unused-ignore]
def hopeless() -> dict[str, str]:
    raise NonRetryableException("this never works")


def node(task: str, reference: str, **inputs: str) -> WorkflowTask:
    return WorkflowTask(name=task, task_reference_name=reference, type="SIMPLE", input_parameters=inputs)


def check_annotated_workers_serve_workflows(world: World) -> None:
    """Sync and async workers, one that fails for good, a secret in an input, and the next task with the answer to an update."""
    os.environ["CONDUCTOR_WORKER_ISOLATION"] = "thread"  # in this process, so that the record sees what they ask
    world.admin.get_secret_client().put_secret(SECRET, VALUE)
    name, hopeless_name, worker = unique("workflow"), unique("workflow"), world.actor("WORKER")
    nodes = [
        node("pysdk_first", "a", zip="${workflow.input.zip}", key=f"${{workflow.secrets.{SECRET}}}"),
        node("pysdk_first", "b", zip="${a.output.zip}", key="x"),
        node("pysdk_second", "c", zip="${b.output.zip}"),
    ]
    metadata = world.admin.get_metadata_client()
    metadata.register_workflow_def(WorkflowDef(name=name, version=1, tasks=nodes, output_parameters={"sky": "${c.output.sky}"}))
    metadata.register_workflow_def(WorkflowDef(name=hopeless_name, version=1, tasks=[node("pysdk_hopeless", "h")]))
    for task_type in ("pysdk_first", "pysdk_second", "pysdk_hopeless"):
        world.grant(worker, "TASK_DEF", task_type, "EXECUTE")
    world.grant(worker, "SECRET_NAME", SECRET, "READ")
    workflows = world.admin.get_workflow_client()
    handler = TaskHandler(configuration=worker.configuration())
    handler.start_processes()
    try:
        runs = [workflows.start_workflow_by_name(name, {"zip": str(90210 + number)}) for number in range(5)]
        failing = workflows.start_workflow_by_name(hopeless_name, {})
        for number, run in enumerate(runs):
            status = until(partial(status_once_ended, workflows, run))
            assert (status.status, status.output) == ("COMPLETED", {"sky": f"blue over {90210 + number}"})
        until(partial(status_once_ended, workflows, failing))
    finally:
        handler.stop_processes()
        time.sleep(0.2)
    _look_at_the_runs(world, runs[0], failing)


def _look_at_the_runs(world: World, run: str, failing: str) -> None:
    workflows = world.admin.get_workflow_client()
    a = workflows.get_workflow(run).tasks[0]
    assert a.output_data == {"zip": "90210", "length": str(len(VALUE)), "echo": "key=***"}
    assert a.input_data["key"] == f"${{workflow.secrets.{SECRET}}}"
    assert [line.log for line in world.admin.get_task_client().get_task_logs(a.task_id)] == ["asked for 90210"]
    failed = workflows.get_workflow(failing)
    assert (failed.status, failed.tasks[0].status) == ("FAILED", "FAILED_WITH_TERMINAL_ERROR")
    assert "this never works" in failed.tasks[0].reason_for_incompletion
    assert RECORD.count("POST", "/api/tasks/update-v2") >= 10, "the workers fell back to the old way of reporting"
