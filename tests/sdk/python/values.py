"""Puts each value of the file that VALUES names, reads it back, starts the workflow that hands it out, and takes its task as a worker.

One JSON line for each, as `main.py` prints them. Not one of the checks: it needs a server that may reach a listener on this machine.
"""

import importlib.metadata
import json
import os
import sys
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parent))

from conductor.client.http.models.task_result import TaskResult
from conductor.client.http.models.task_result_status import TaskResultStatus
from world import World, refused


def as_the_sdk_reads(text: str) -> Any:
    """`get_secret` takes what is JSON for JSON, whatever the answer's type (contract/orkes.md 0.6)."""
    try:
        return json.loads(text)
    except ValueError:
        return text


def tried(world: World, stem: str, number: int, value: str) -> str | None:
    """What went wrong, or None."""
    name, secrets, tasks = f"{stem}-{number}", world.admin.get_secret_client(), world.admin.get_task_client()
    secrets.put_secret(name, value)
    shown: Any = secrets.get_secret(name)
    run = world.admin.get_workflow_client().start_workflow_by_name(name, {})
    print(json.dumps({"run": run}))
    [task] = tasks.batch_poll_tasks(stem, timeout_in_millisecond=10_000)
    result = TaskResult(task_id=task.task_id, workflow_instance_id=run, status=TaskResultStatus.COMPLETED)
    tasks.update_task(result)
    if task.input_data["key"] != value:
        return f"at the worker: {task.input_data['key']!r}"[:300]
    return None if shown == as_the_sdk_reads(value) else f"get_secret: {shown!r}"[:300]


def main() -> None:
    given = json.loads(Path(os.environ["VALUES"]).read_text())
    world = World()
    print(json.dumps({"sdk": importlib.metadata.version("conductor-python")}))
    for number, (label, value) in enumerate(given["values"].items()):
        print(json.dumps({"check": label, "error": tried(world, given["stem"], number, value)}))
    refused(400, world.admin.get_secret_client().put_secret, given["stem"], given["tooLong"], says="65535 bytes")
    print(json.dumps({"check": "too long", "error": None}))
    print(json.dumps({"methods": {}}), flush=True)


if __name__ == "__main__":
    main()
    os._exit(0)
