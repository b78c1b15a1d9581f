"""The narrowest race of a poll: the right goes after it was asked for and before the task is leased (promise 2)."""

from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import pytest

from stagedoor.core.principal import Principal
from stagedoor.engine.port import Delivery, Poll
from stagedoor.gate.executions import Executions
from stagedoor.gate.gate import Gate
from tests.api.authorization.world import definition, new
from tests.support.inside import Inside, inside

pytestmark = [pytest.mark.anyio, pytest.mark.promise(2)]


@dataclass
class Line:
    """A task that waits, and a worker that may take it."""

    inside: Inside
    token: str
    task: str = field(default_factory=lambda: new("task"))
    application: str = ""
    key: dict[str, str] = field(default_factory=dict)
    worker: str = ""
    run: str = ""

    async def call(self, method: str, path: str, body: Any = None, token: str | None = None) -> Any:
        answer = await self.inside.http.request(method, path, json=body, headers={"X-Authorization": token or self.token})
        assert token or answer.status_code == 200, answer.text
        return answer if token else answer.json() if answer.headers.get("content-type") == "application/json" else answer.text

    async def set_up(self) -> None:
        await self.call("POST", "/api/metadata/taskdefs", [{"name": self.task}])
        await self.call("PUT", "/api/metadata/workflow", [definition(self.task, self.task)])
        self.run = await self.call("POST", f"/api/workflow/{self.task}", {})
        self.application = (await self.call("POST", "/api/applications", {"name": "worker"}))["id"]
        await self.call("POST", f"/api/applications/{self.application}/roles/WORKER")
        self.key = await self.call("POST", f"/api/applications/{self.application}/accessKeys")
        given = await self.inside.http.post("/api/token", json={"keyId": self.key["id"], "keySecret": self.key["secret"]})
        self.worker = given.json()["token"]
        await self.grant("POST")

    async def grant(self, method: str) -> None:
        subject, target = {"type": "USER", "id": f"app:{self.application}"}, {"type": "TASK_DEF", "id": self.task}
        await self.call(method, "/api/auth/authorization", {"subject": subject, "target": target, "access": ["EXECUTE"]})

    async def poll(self) -> tuple[int, int]:
        """(status, how many tasks came)."""
        answer = await self.call("GET", f"/api/tasks/poll/batch/{self.task}?timeout=0", token=self.worker)
        return answer.status_code, len(answer.json()) if answer.status_code == 200 else 0

    async def status(self) -> str:
        (task,) = (await self.call("GET", f"/api/workflow/{self.run}"))["tasks"]
        return str(task["status"])


@pytest.fixture
async def line(tmp_path: Path) -> AsyncIterator[Line]:
    async with inside(tmp_path) as made:
        line = Line(made, await made.token())
        await line.set_up()
        yield line


async def lose_grant(line: Line) -> None:
    await line.grant("DELETE")


async def lose_role(line: Line) -> None:
    await line.call("DELETE", f"/api/applications/{line.application}/roles/WORKER")


async def lose_key(line: Line) -> None:
    await line.call("DELETE", f"/api/applications/{line.application}/accessKeys/{line.key['id']}")


async def pause_key(line: Line) -> None:
    await line.call("POST", f"/api/applications/{line.application}/accessKeys/{line.key['id']}/status")


LOSSES = {"grant": (lose_grant, 403), "role": (lose_role, 403), "key": (lose_key, 401), "paused key": (pause_key, 401)}


def right_after_the_first_verdict(patch: pytest.MonkeyPatch, act: Callable[[], Awaitable[None]]) -> None:
    asked, original = [0], Gate.demand_poll

    async def demand_poll(self: Gate, *given: Any, **named: Any) -> None:
        await original(self, *given, **named)
        asked[0] += 1
        if asked[0] == 1:
            await act()

    patch.setattr(Gate, "demand_poll", demand_poll)


async def test_it_works(line: Line) -> None:
    assert (await line.poll(), await line.status()) == ((200, 1), "IN_PROGRESS")


@pytest.mark.parametrize("what", LOSSES)
async def test_a_task_leased_after_the_right_was_gone_is_not_handed_out_and_waits_on(
    what: str, line: Line, monkeypatch: pytest.MonkeyPatch
) -> None:
    lose, refused = LOSSES[what]
    right_after_the_first_verdict(monkeypatch, lambda: lose(line))
    assert (await line.poll(), await line.status()) == ((refused, 0), "SCHEDULED")


async def test_without_the_last_question_the_task_would_be_handed_out(line: Line, monkeypatch: pytest.MonkeyPatch) -> None:
    async def poll(self: Executions, who: Principal, poll: Poll) -> list[Delivery]:
        return await self.gate.engine.poll(who.project, replace(poll, consumer=who))

    monkeypatch.setattr(Executions, "poll", poll)
    right_after_the_first_verdict(monkeypatch, lambda: lose_grant(line))
    assert (await line.poll(), await line.status()) == ((200, 1), "IN_PROGRESS")
