"""WorkflowClient: start, look, terminate."""

from functools import partial

from check_metadata import simple
from conductor.client.http.models.start_workflow_request import StartWorkflowRequest
from conductor.client.http.models.workflow_def import WorkflowDef
from conductor.client.http.models.workflow_status import WorkflowStatus
from conductor.client.http.models.workflow_task import WorkflowTask
from conductor.client.workflow_client import WorkflowClient
from world import World, refused, unique, until


def greeting(name: str) -> WorkflowDef:
    script = "(function () { return 'Good evening, ' + $.name; })();"
    inputs = {"name": "${workflow.input.name}", "evaluatorType": "javascript", "expression": script}
    node = WorkflowTask(name="greet", task_reference_name="greet", type="INLINE", input_parameters=inputs)
    return WorkflowDef(name=name, version=1, tasks=[node], output_parameters={"words": "${greet.output.result}"})


def check_a_workflow_runs_to_its_output(world: World) -> None:
    workflows, name = world.admin.get_workflow_client(), unique("workflow")
    world.admin.get_metadata_client().register_workflow_def(greeting(name))
    run = workflows.start_workflow_by_name(name, {"name": "Clara"}, correlationId="concert-7", priority=3)
    status = until(partial(status_once_ended, workflows, run))
    assert (status.status, status.output, status.correlation_id) == ("COMPLETED", {"words": "Good evening, Clara"}, "concert-7")
    found = workflows.get_workflow(run)
    assert (found.workflow_id, found.workflow_name, found.status, found.priority) == (run, name, "COMPLETED", 3)
    assert (found.input, found.output) == ({"name": "Clara"}, {"words": "Good evening, Clara"})
    assert [(task.reference_task_name, task.status) for task in found.tasks] == [("greet", "COMPLETED")]


def status_once_ended(workflows: WorkflowClient, run: str) -> WorkflowStatus | None:
    status = workflows.get_workflow_status(run, include_output=True, include_variables=True)
    return status if status.status not in ("RUNNING", "PAUSED") else None


def check_a_start_request_names_its_version(world: World) -> None:
    workflows, name = world.admin.get_workflow_client(), unique("workflow")
    for version in (1, 2):
        world.admin.get_metadata_client().register_workflow_def(simple(name, version))
    first = workflows.start_workflow(StartWorkflowRequest(name=name, version=1, input={"zip": "90210"}, correlation_id="c"))
    latest = workflows.start_workflow(StartWorkflowRequest(name=name, input={"zip": "90210"}))
    assert [workflows.get_workflow(run).workflow_version for run in (first, latest)] == [1, 2]
    refused(404, workflows.start_workflow, StartWorkflowRequest(name=name, version=3), says=name)


def check_a_run_is_terminated_with_a_reason(world: World) -> None:
    workflows, name = world.admin.get_workflow_client(), unique("workflow")
    world.admin.get_metadata_client().register_workflow_def(simple(name))
    run = workflows.start_workflow_by_name(name, {"zip": "90210"})
    assert workflows.get_workflow_status(run).status == "RUNNING"
    workflows.terminate_workflow(run, reason="the concert is over")
    found = workflows.get_workflow(run)
    assert (found.status, found.reason_for_incompletion) == ("TERMINATED", "the concert is over")
    assert [task.status for task in found.tasks] == ["CANCELED"]


def check_what_does_not_exist_is_named(world: World) -> None:
    workflows, name = world.admin.get_workflow_client(), unique("no_such_workflow")
    refused(404, workflows.start_workflow_by_name, name, {}, says=name)
    for call in (workflows.get_workflow, workflows.get_workflow_status, workflows.terminate_workflow):
        refused(404, call, "no-such-run", says="no-such-run")


def check_the_missing_grant_is_named(world: World) -> None:
    name, actor = unique("workflow"), world.actor()
    world.admin.get_metadata_client().register_workflow_def(simple(name))
    workflows = actor.clients().get_workflow_client()
    refused(403, workflows.start_workflow_by_name, name, {}, says=f"EXECUTE on WORKFLOW_DEF {name}")
    refused(403, workflows.start_workflow, StartWorkflowRequest(name=name), says=f"EXECUTE on WORKFLOW_DEF {name}")
    world.grant(actor, "WORKFLOW_DEF", name, "EXECUTE")
    run = workflows.start_workflow_by_name(name, {})
    refused(404, workflows.get_workflow, run, says=run)
    world.grant(actor, "WORKFLOW_DEF", name, "READ")
    assert workflows.get_workflow(run).status == "RUNNING"


def check_a_run_is_hidden_from_outsiders(world: World) -> None:
    name, stranger = unique("workflow"), world.actor()
    world.admin.get_metadata_client().register_workflow_def(simple(name))
    run = world.admin.get_workflow_client().start_workflow_by_name(name, {})
    workflows = stranger.clients().get_workflow_client()
    for call in (workflows.get_workflow, workflows.get_workflow_status, workflows.terminate_workflow):
        refused(404, call, run, says=run)
    assert world.admin.get_workflow_client().get_workflow_status(run).status == "RUNNING"
