"""Story 2: a worker of the official SDK serves `super_weather`, once it may read the secret that its task takes."""

import hashlib
import hmac
from typing import Any

from stagedoor.demo.caller import Answer, Call
from stagedoor.demo.failure import Unexpected
from stagedoor.demo.process import working
from stagedoor.demo.stage import Key, Stage, ended
from stagedoor.kit.ids import new_token

ABOUT = "A worker with the official conductor-python SDK, told an address and a key and nothing else, needs a secret to do its task."
ZIP = "90210"
SECRET = "weather_api_key"  # noqa: S105  a name


async def tell(stage: Stage) -> None:
    value = new_token("wx_", 12)
    await stage.secret(SECRET, value)
    await _definitions(stage)
    worker = await stage.application("weather-workers", "WORKER")
    await stage.grant(worker, "TASK_DEF", "get_weather", "EXECUTE")
    desk = await stage.application("weather-desk")
    await stage.grant(desk, "WORKFLOW_DEF", "super_weather", "EXECUTE", "READ")
    caller = await stage.signed_in(desk, "The desk exchanges its key for a token", "weather-desk")
    start = Call("POST", "/api/workflow/super_weather", {"zip": ZIP})
    run: str = (await caller.ask("and starts the workflow", start, tells_token=True)).body
    look = Call("GET", f"/api/workflow/{run}")
    environment = {"CONDUCTOR_SERVER_URL": f"{stage.url}/api", "CONDUCTOR_AUTH_KEY": worker.id, "CONDUCTOR_AUTH_SECRET": worker.secret}
    async with working(stage.sdk.interpreter, environment, stage.logs / "worker.log"):
        sdk = f"conductor-python {stage.sdk.version}"
        stage.journal.step("The worker starts in a process of its own", sdk=sdk, environment=environment)
        does = "It polls, and the task is held: its application may not read the secret"
        held = await stage.until(caller, does, look, lambda run: _is_held(run, worker))
        caller.write(does, look, Answer(200, b"", {"status": held.body["status"], "tasks": [_task(held.body)]}))
        await stage.grant(worker, "SECRET_NAME", SECRET, "READ")
        done = await stage.until(caller, "the worker completes it", look, ended)
    _check(done.body, value)
    does = "The worker is given the secret and completes the task; what it repeats of the secret is masked"
    caller.write(does, look, Answer(200, b"", {name: done.body[name] for name in ("status", "output")}), signed_with_the_secret=True)


async def _definitions(stage: Stage) -> None:
    task = {"name": "get_weather", "ownerEmail": "owner@example.com", "retryCount": 0, "responseTimeoutSeconds": 60, "timeoutSeconds": 120}
    await stage.admin.ask("and the definition of the task", Call("POST", "/api/metadata/taskdefs", [task]))
    await stage.save("super_weather")


def _task(run: dict[str, Any]) -> dict[str, Any]:
    """The run's one task, as much of it as is told."""
    task = run["tasks"][0] if run["tasks"] else {}
    return {name: task[name] for name in ("referenceTaskName", "status", "reasonForIncompletion", "pollCount", "inputData") if name in task}


def _is_held(run: dict[str, Any], worker: Key) -> bool:
    task = _task(run)
    if run["status"] != "RUNNING" or task.get("status", "SCHEDULED") != "SCHEDULED":
        raise Unexpected(f"the task is not held: {task}")
    return task.get("reasonForIncompletion") == f"held: application app:{worker.application} lacks READ on SECRET_NAME {SECRET}"


def _check(run: dict[str, Any], value: str) -> None:
    """The worker had the true value, and nothing that it wrote back shows it."""
    signature = hmac.new(value.encode(), ZIP.encode(), hashlib.sha256).hexdigest()
    if run["status"] != "COMPLETED" or run["output"].get("signature") != signature:
        raise Unexpected(f"the worker did not complete the task with the secret: {run['status']} {run.get('output')}")
    if value in str(run) or "***" not in run["output"]["called"]:
        raise Unexpected("the execution shows the secret that the worker repeated")
