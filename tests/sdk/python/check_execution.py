"""A worker of the SDK asks for a token that speaks for the run, and acts by it with the SDK's own clients (docs/execution-tokens.md)."""

from check_metadata import simple
from conductor.client.configuration.configuration import Configuration
from conductor.client.http.api_client import ApiClient
from conductor.client.orkes_clients import OrkesClients
from world import URL, World, refused, unique


def check_a_worker_acts_for_the_run(world: World) -> None:
    name, child, task_type = unique("asks"), unique("child"), unique("task")
    metadata, tasks = world.admin.get_metadata_client(), world.admin.get_task_client()
    metadata.register_workflow_def(simple(child, task=unique("unused")))
    asking = simple(name, task=task_type)
    asking.tasks[0].input_parameters = {"_executionToken": {"resources": [{"type": "WORKFLOW_DEF", "id": child}]}}
    metadata.register_workflow_def(asking)
    run = world.admin.get_workflow_client().start_workflow_by_name(name, {})
    [task] = tasks.batch_poll_tasks(task_type, timeout_in_millisecond=5000)
    answer = ApiClient(world.admin.configuration).call_api(
        f"/tasks/{task.task_id}/token", "POST", body={}, response_type="object", _return_http_data_only=True
    )
    bearer = Configuration(server_api_url=URL)
    bearer.update_token(answer["token"])
    workflows = OrkesClients(bearer).get_workflow_client()
    started = workflows.start_workflow_by_name(child, {})
    assert workflows.get_workflow(started).created_by == f"run:{run}"
    refused(403, workflows.start_workflow_by_name, name, {}, says=name)
