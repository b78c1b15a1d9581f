"""Who walks the ways of `ways.py`, and what such a one gets to see."""

import json
from typing import Any

from tests.api.authorization.world import new
from tests.gate.doors.stage import Listener, Stage
from tests.support.server import Api


class Thief:
    """An application that may make and start workflows of its own, and work on a kind of task of its own."""

    def __init__(self, stage: Stage) -> None:
        self.stage, self.task, self.name = stage, new("their-task"), new("theirs")
        self.id, self.api = stage.caller("thief", "USER", "METADATA_API", "WORKER")
        self.api.call("POST", "/api/metadata/taskdefs", [{"name": self.task, "retryCount": 0}])

    def may(self, kind: str, name: str, *access: str) -> "Thief":
        self.stage.admin.grant(self.id, kind, name, *access)
        return self

    def runs(self, *tasks: dict[str, Any], **given: Any) -> str:
        """What comes of a workflow of its own."""
        saved = self.api.raw("PUT", "/api/metadata/workflow", [{"name": self.name, "version": 1, "tasks": list(tasks)}])
        return self.sees(self.api.start(self.name, given), self.task) if saved.status_code == 200 else saved.text

    def sees(self, run: str, task: str) -> str:
        """What a worker on such tasks is given, one after the other, and then every read of the run."""
        given = []
        while polled := self.api.poll(task, timeout=100):
            given += polled
            self.api.complete(polled[0], {"said": polled[0]["inputData"]})
        return json.dumps(given) + reads(self.api, run)


def reads(api: Api, run: str) -> str:
    """Everything that a caller may read of a run, once its requests have been answered."""
    found = answered(api, run)
    paths = [f"/api/workflow/{run}/status?includeOutput=true&includeVariables=true", f"/api/metadata/workflow/{found.get('workflowName')}"]
    paths += [f"/api/tasks/{task['taskId']}{rest}" for task in found.get("tasks", []) for rest in ("", "/log")]
    return json.dumps(found, ensure_ascii=False) + "".join(api.raw("GET", path).text for path in paths)


def answered(api: Api, run: str) -> dict[str, Any]:
    """The run, once nothing of it is under way but what waits for a worker or a person."""
    for _ in range(1000):
        found: dict[str, Any] = api.raw("GET", f"/api/workflow/{run}").json()
        moving = [task for task in found.get("tasks", []) if task["taskType"] in ("HTTP", "INLINE", "JSON_JQ_TRANSFORM", "SUB_WORKFLOW")]
        if found.get("status") != "RUNNING" or all(task["status"] not in ("SCHEDULED", "IN_PROGRESS") for task in moving):
            return found
    raise AssertionError(f"run {run} does not come to rest")


def heard(listener: Listener) -> str:
    return "\n".join(one.text for one in listener.heard)


def guest(stage: Stage) -> Thief:
    """May start and read the author's workflow, and work on its tasks."""
    return Thief(stage).may("WORKFLOW_DEF", stage.name, "EXECUTE", "READ").may("TASK_DEF", stage.task, "EXECUTE")


def sent(stage: Stage, by: Api | None = None, **given: Any) -> str:
    """What arrives where requests go, of a workflow that the author saved before."""
    api = by or stage.author
    run = api.start(stage.name, given)
    answered(stage.admin, run)
    return heard(stage.listener)


def execute_only(stage: Stage) -> None:
    """The author may use the secret without seeing it."""
    stage.admin.revoke(stage.author_id, "SECRET_NAME", stage.secret, "READ")
    stage.admin.grant(stage.author_id, "SECRET_NAME", stage.secret, "EXECUTE")
