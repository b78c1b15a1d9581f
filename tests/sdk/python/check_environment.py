"""Environment variables, masked names, UPDATE_SECRET and runtimeMetadata, as a program with this SDK meets them.

The SDK has no client for environment variables: its `ApiClient` calls the routes.
"""

import os
import time
from functools import partial
from typing import Any

from check_workflows import status_once_ended
from conductor.client.automator.task_handler import TaskHandler
from conductor.client.http.models.task import Task
from conductor.client.http.models.task_def import TaskDef
from conductor.client.http.models.workflow_def import WorkflowDef
from conductor.client.http.models.workflow_task import WorkflowTask
from conductor.client.worker.worker_task import worker_task
from world import World, raw, refused, unique, until

_seen: list[dict[str, Any]] = []
LOGIN, CALL = "pysdk_login", "pysdk_call"


def ask(world: World, method: str, path: str, body: Any = None) -> Any:
    client = world.admin.get_metadata_client().api_client
    headers = {"Content-Type": "text/plain"} if isinstance(body, str) else {"Content-Type": "application/json"}
    return client.call_api(
        path, method, {}, [], headers, body=body, response_type=None if method == "PUT" else "object", auth_settings=["api_key"],
        _return_http_data_only=True,
    )  # fmt: skip


def check_environment_variables_live_and_die(world: World) -> None:
    name, reader = unique("variable"), world.actor("ADMIN")
    for value in ("https://weather.example", 'say "hello" twice', "first\nsecond", "ünï ☃"):
        ask(world, "PUT", f"/environment/{name}", value)
        assert raw("GET", f"/environment/{name}", reader).text == value
    ask(world, "PUT", f"/environment/{name}/tags", [{"key": "team", "value": "weather"}])
    assert ask(world, "GET", f"/environment/{name}/tags") == [{"key": "team", "value": "weather"}]
    listed = {one["name"]: one for one in ask(world, "GET", "/environment")}
    assert (listed[name]["value"], listed[name]["tags"]) == ("ünï ☃", [{"key": "team", "value": "weather"}])
    assert ask(world, "DELETE", f"/environment/{name}") == "ünï ☃"
    refused(404, ask, world, "GET", f"/environment/{name}", says=name)
    assert raw("PUT", f"/environment/{name}", world.actor("USER"), content=b"x").status_code == 403


@worker_task(task_definition_name=LOGIN, poll_interval_millis=50)  # type: ignore[untyped-decorator, unused-ignore]
def login(task: Task) -> dict[str, Any]:
    _seen.append({"metadata": task.runtime_metadata, "input": task.input_data})
    return {"token": "token-from-the-login", "_masked": {"pin": "pin-of-the-login"}}


@worker_task(task_definition_name=CALL, poll_interval_millis=50)  # type: ignore[untyped-decorator, unused-ignore]
def call(task: Task) -> dict[str, Any]:
    _seen.append({"metadata": task.runtime_metadata, "input": task.input_data})
    return {"echo": dict(task.runtime_metadata or {}), "all": str(task.input_data)}


def check_a_worker_gets_variables_masked_values_and_runtime_metadata(world: World) -> None:
    os.environ["CONDUCTOR_WORKER_ISOLATION"] = "thread"
    url, secret, worker, name = unique("URL"), unique("password"), world.actor("WORKER"), unique("workflow")
    ask(world, "PUT", f"/environment/{url}", "https://weather.example")
    world.admin.get_secret_client().put_secret(secret, "pw-of-the-login")
    metadata, kept = world.admin.get_metadata_client(), unique("kept_token")
    metadata.register_task_def(TaskDef(name=LOGIN, retry_count=0, runtime_metadata=[secret, url, "pysdk_missing"]))
    metadata.register_task_def(TaskDef(name=CALL, retry_count=0, runtime_metadata=[kept]))
    secrets = {"secretKey": kept, "secretValue": "${login.output.token}"}
    tasks = [
        WorkflowTask(
            name=LOGIN, task_reference_name="login", type="SIMPLE",
            input_parameters={"url": f"${{workflow.env.{url}}}/login", "_masked": {"pin": "${workflow.input._secrets.pin}"}},
        ),
        WorkflowTask(name="keep", task_reference_name="keep", type="UPDATE_SECRET", input_parameters={"_secrets": secrets}),
        WorkflowTask(name=CALL, task_reference_name="call", type="SIMPLE", input_parameters={"pin": "${login.output._masked.pin}"}),
    ]  # fmt: skip
    metadata.register_workflow_def(WorkflowDef(name=name, version=1, tasks=tasks, output_parameters={"url": f"${{workflow.env.{url}}}"}))
    for task_type in (LOGIN, CALL):
        world.grant(worker, "TASK_DEF", task_type, "EXECUTE")
    world.grant(worker, "SECRET_NAME", secret, "READ")
    workflows, run = world.admin.get_workflow_client(), ""
    handler = TaskHandler(configuration=worker.configuration())
    handler.start_processes()
    try:
        run = workflows.start_workflow_by_name(name, {"_secrets": {"pin": "pin-of-the-starter"}})
        until(partial(world.admin.get_secret_client().secret_exists, kept))
        world.grant(worker, "SECRET_NAME", kept, "READ")  # until now the last task is held
        status = until(partial(status_once_ended, workflows, run))
        assert (status.status, status.output) == ("COMPLETED", {"url": "https://weather.example"})
    finally:
        handler.stop_processes()
        time.sleep(0.2)
    given = {"url": "https://weather.example/login", "_masked": {"pin": "pin-of-the-starter"}}
    assert _seen == [
        {"metadata": {secret: "pw-of-the-login", url: "https://weather.example"}, "input": given},
        {"metadata": {kept: "token-from-the-login"}, "input": {"pin": "pin-of-the-login"}},
    ]
    assert raw("GET", f"/secrets/{kept}", world.actor("ADMIN")).text == "token-from-the-login"
    shown = raw("GET", f"/workflow/{run}", world.actor("ADMIN")).text
    for value in ("pw-of-the-login", "token-from-the-login", "pin-of-the-login", "pin-of-the-starter"):
        assert value not in shown, value
    first, kept_task, last = workflows.get_workflow(run, include_tasks=True).tasks
    assert (first.input_data["_masked"], first.output_data) == ("***", {"token": "***", "_masked": "***"})
    assert (kept_task.input_data, last.output_data["echo"]) == ({"_secrets": "***"}, {kept: "***"})
