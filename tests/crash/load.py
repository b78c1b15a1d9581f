"""The load: many clients at once that change rights, keys and secrets, start workflows and work on their tasks, until the server is gone.

Each client stops at its first request without an answer, so that at most one change of a thing is ever in doubt.
"""

import asyncio
import random
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, replace
from functools import partial
from time import monotonic
from typing import Any

from tests.crash.client import Client, Unanswered
from tests.crash.ledger import UNNAMED, Application, Ledger, Report, Start

GRANTABLE = [f"crash_grant_{number}" for number in range(4)]
"""Secrets that are never deleted: deleting one takes its grants along."""
USED = "crash_used"
LEASE_SECONDS = 1
PROMPT_SECONDS = 0.7
"""A report answered this soon after its task was asked for cannot have come after the lease."""
OPEN_RUNS = 150
WORKERS = 4


def _simple(name: str, reference: str, **given: str) -> dict[str, Any]:
    return {"name": name, "taskReferenceName": reference, "type": "SIMPLE", "inputParameters": given}


def _workflow(name: str, *tasks: dict[str, Any]) -> dict[str, Any]:
    return {"name": name, "version": 1, "schemaVersion": 2, "ownerEmail": "owner@example.com", "tasks": list(tasks)}


TASKS = ["crash_a", "crash_b", "crash_secret"]
TASK_DEFINITIONS = [
    {"name": name, "retryCount": 1000, "retryDelaySeconds": 0, "responseTimeoutSeconds": LEASE_SECONDS, "timeoutSeconds": 0}
    for name in TASKS
]  # fmt: skip
SCRIPT = {"evaluatorType": "javascript", "expression": "({next: $.n + 1})", "n": "${workflow.input.n}"}
WORKFLOWS = [
    _workflow("crash_one", _simple("crash_a", "a")),
    _workflow(
        "crash_two",
        {"name": "i", "taskReferenceName": "i", "type": "INLINE", "inputParameters": SCRIPT},
        _simple("crash_a", "a", n="${i.output.result.next}"),
        _simple("crash_b", "b", earlier="${a.output.nonce}"),
    ),
    _workflow(
        "crash_wait",
        _simple("crash_a", "a"),
        {"name": "w", "taskReferenceName": "w", "type": "WAIT", "inputParameters": {"duration": "1 seconds"}},
        _simple("crash_b", "b"),
    ),
    _workflow("crash_secret", _simple("crash_secret", "s", key="${workflow.secrets." + USED + "}")),
    _workflow(
        "crash_parent",
        {"name": "c", "taskReferenceName": "c", "type": "SUB_WORKFLOW", "subWorkflowParam": {"name": "crash_one", "version": 1}},
        _simple("crash_b", "b"),
    ),
]


async def prepare(client: Client, ledger: Ledger) -> None:
    """What the load stands on."""
    for name in [*GRANTABLE, USED]:
        await _put(client, ledger, name, f"{name}-0")
    await client.call("POST", "/api/metadata/taskdefs", TASK_DEFINITIONS)
    await client.call("PUT", "/api/metadata/workflow", WORKFLOWS)


async def _put(client: Client, ledger: Ledger, name: str, value: str) -> None:
    request = client.call("PUT", f"/api/secrets/{name}", value, **{"Content-Type": "text/plain"})
    await ledger.change("secrets put", ("secret", name), request, lambda _: value)


@dataclass
class Load:
    client: Client
    ledger: Ledger
    chance: random.Random
    label: str
    """Makes the names of this round's things its own."""
    count: int = 0

    async def run(self, until: Awaitable[None]) -> None:
        """All clients at once; `until` ends the server, and each client then has its last answer or none."""
        async with asyncio.TaskGroup() as group:
            for client in self._clients():
                group.create_task(_until_unanswered(client))
            await until

    def _clients(self) -> list[Callable[[], Awaitable[None]]]:
        holders = [partial(self._hold, []) for _ in range(4)]
        writers = [partial(self._write, number) for number in range(3)]
        workers = [worker(self.client, self.ledger, self.chance) for _ in range(WORKERS)]
        return [*holders, *writers, self._write_used, self._start, self._start, *workers]

    # -- applications, their keys and grants
    async def _hold(self, mine: list[str]) -> None:
        if not mine or self.chance.random() < 0.05:
            made = (await self.client.call("POST", "/api/applications", {"name": f"crash {self.label}"}))["id"]
            self.ledger.add(("application", made), Application())
            self.ledger.counts["applications created"] += 1
            mine.append(made)
        application = self.chance.choice(mine)
        state: Application = self.ledger.known(("application", application))
        keys = [key for key in state.keys if key[0] != UNNAMED]
        if not keys or self.chance.random() < 0.2:
            await self._create_key(application, state)
        elif self.chance.random() < 0.4:
            await self._grant_or_revoke(application, state, self.chance.choice(GRANTABLE))
        elif self.chance.random() < 0.1:
            await self._change("applications deleted", application, "DELETE", "", lambda _: None)
            mine.remove(application)
        else:
            await self._turn_key(application, state, self.chance.choice(sorted(keys)))

    async def _change(self, what: str, application: str, method: str, path: str, becomes: Callable[[Any], Application | None]) -> Any:
        request = self.client.call(method, f"/api/applications/{application}{path}")
        return await self.ledger.change(what, ("application", application), request, becomes)

    async def _create_key(self, application: str, state: Application) -> None:
        def becomes(answer: Any) -> Application:
            return Application(state.keys | {(answer["id"] if answer else UNNAMED, True)}, state.grants)

        made = await self._change("keys created", application, "POST", "/accessKeys", becomes)
        self.ledger.keys.setdefault(application, {})[made["id"]] = made["secret"]
        token = await self.client.exchange(made["id"], made["secret"])
        assert token is not None, f"the new key {made['id']} is refused"
        self.ledger.tokens[made["id"]] = token

    async def _turn_key(self, application: str, state: Application, key: tuple[str, bool]) -> None:
        """Pause, resume or delete it."""
        others, path = state.keys - {key}, f"/accessKeys/{key[0]}"
        if self.chance.random() < 0.3:
            await self._change("keys deleted", application, "DELETE", path, lambda _: Application(others, state.grants))
        else:
            turned = Application(others | {(key[0], not key[1])}, state.grants)
            await self._change("keys paused" if key[1] else "keys resumed", application, "POST", f"{path}/status", lambda _: turned)

    async def _grant_or_revoke(self, application: str, state: Application, secret: str) -> None:
        body = {
            "subject": {"type": "USER", "id": f"app:{application}"},
            "target": {"type": "SECRET_NAME", "id": secret},
            "access": ["READ"],
        }
        has = secret in state.grants
        changed = Application(state.keys, state.grants ^ {secret})
        request = self.client.call("DELETE" if has else "POST", "/api/auth/authorization", body)
        await self.ledger.change("grants removed" if has else "grants added", ("application", application), request, lambda _: changed)

    # -- secrets
    async def _write(self, writer: int) -> None:
        """Names are taken up again by later rounds: what was deleted before a crash is put anew after it."""
        name = f"crash_{writer}_{self.chance.randrange(10)}"
        thing = ("secret", name)
        if self.ledger.known(thing) is not None and self.chance.random() < 0.3:
            await self.ledger.change("secrets deleted", thing, self.client.call("DELETE", f"/api/secrets/{name}"), lambda _: None)
            return
        await _put(self.client, self.ledger, name, self._name(name))

    async def _write_used(self) -> None:
        """New versions, in rising order, of the secret that tasks use."""
        version = used_version(self.ledger.known(("secret", USED))) + 1
        await _put(self.client, self.ledger, USED, f"{USED}-{version}")
        await asyncio.sleep(0.02)

    def _name(self, prefix: str) -> str:
        self.count += 1
        return f"{prefix}-{self.label}-{self.count}"

    # -- runs
    async def _start(self) -> None:
        if len(self.ledger.open_runs) >= OPEN_RUNS:
            await asyncio.sleep(0.02)
            await self.client.call("GET", "/api/secrets")  # whether the server is still there
            return
        key, workflow = self._name("start"), self.chance.choice(WORKFLOWS)["name"]
        self.ledger.starts[key] = Start(workflow, self.count)
        await start_again(self.client, self.ledger, key)


async def _until_unanswered(step: Callable[[], Awaitable[None]]) -> None:
    try:
        while True:
            await step()
    except Unanswered:
        return


async def start_again(client: Client, ledger: Ledger, key: str) -> None:
    """Start a workflow under its key, or learn which run the key has started."""
    start = ledger.starts[key]
    headers = {"X-Idempotency-Key": key, "X-On-Conflict": "RETURN_EXISTING"}
    run_id: str = await client.call("POST", f"/api/workflow/{start.workflow}", {"n": start.number}, **headers)
    start.run_id = run_id
    ledger.open_runs.add(run_id)
    ledger.touched_runs.add(run_id)
    ledger.counts["starts"] += 1


def worker(client: Client, ledger: Ledger, chance: random.Random) -> Callable[[], Awaitable[None]]:
    """Takes tasks of each type in turn and reports on them: most are completed, a few fail and are tried again."""

    async def once() -> None:
        for task_type in TASKS:
            asked, version = monotonic(), used_version(ledger.known(("secret", USED)))
            path = f"/api/tasks/poll/batch/{task_type}?count=5&timeout=20&workerid=crash"
            for task in await client.call("GET", path):
                await _work(client, ledger, task, _Poll(asked, version, chance))

    return once


@dataclass(frozen=True)
class _Poll:
    asked: float
    version: int
    chance: random.Random


async def _work(client: Client, ledger: Ledger, task: dict[str, Any], poll: _Poll) -> None:
    """Report on a task, and on each that comes back with the answer."""
    while task:
        if task["taskType"] == "crash_secret" and used_version(task["inputData"]["key"]) < poll.version:
            ledger.lost.append(f"a worker was given {task['inputData']['key']} after version {poll.version} was acknowledged")
        status = "FAILED" if poll.chance.random() < 0.05 else "COMPLETED"
        report = Report(task["taskId"], status, f"n{poll.chance.getrandbits(64):x}")
        ledger.report(task["workflowInstanceId"], report)
        body = {
            "taskId": report.task_id, "workflowInstanceId": task["workflowInstanceId"], "workerId": "crash",
            "status": status, "outputData": {"nonce": report.nonce},
        }  # fmt: skip
        sent = replace(poll, asked=monotonic())
        answer = await client.call("POST", poll.chance.choice(["/api/tasks", "/api/tasks/update-v2"]), body)
        report.acknowledged, report.prompt = True, monotonic() - poll.asked < PROMPT_SECONDS
        ledger.counts["task updates"] += 1
        task, poll = answer if isinstance(answer, dict) else {}, sent


def used_version(value: Any) -> int:
    """The version in a value of the secret that tasks use; -1 while it was never put."""
    return int(value.rsplit("-", 1)[1]) if value else -1
