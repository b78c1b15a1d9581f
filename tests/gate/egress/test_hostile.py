"""A live server against servers that mean harm: each answer ends in time, in bounded memory and work, and others are served meanwhile."""

import os
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import httpx
import pytest

from tests.gate.egress.hostile import WAYS
from tests.support.server import Api, LiveServer, live_server

pytestmark = [pytest.mark.slow, pytest.mark.promise(12)]

ROOT = Path(__file__).resolve().parents[3]
SLOW = {"drip", "head drip", "held"}  # end by their deadline; test_failures.py has them with a short one
TAKEN = {"large", "folded header", "bare line feeds", "two answers", "fine"}
AT_ONCE = 3


@dataclass
class Scene:
    server: LiveServer
    api: Api
    port: int

    def start(self, way: str) -> str:
        return self.api.start("hostile", {"uri": f"http://127.0.0.1:{self.port}/{way}"})

    def cost(self) -> tuple[int, float]:
        """(resident memory in MB, seconds of CPU so far) of the server process."""
        assert self.server.process is not None
        proc = Path("/proc") / str(self.server.process.pid)
        fields = (proc / "stat").read_text().rsplit(")", 1)[1].split()
        memory = next(int(line.split()[1]) for line in (proc / "status").read_text().splitlines() if line.startswith("VmHWM"))
        return memory // 1024, (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


@pytest.fixture(scope="module")
def scene(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Scene]:
    command = [sys.executable, "-m", "tests.gate.egress.hostile"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, cwd=ROOT) as hostile:
        assert hostile.stdout is not None
        port = int(hostile.stdout.readline())
        with live_server(tmp_path_factory.mktemp("hostile"), STAGEDOOR_EGRESS_ALLOW="127.0.0.1") as server:
            api = server.admin()
            request = {"uri": "${workflow.input.uri}", "method": "GET", "connectionTimeOut": 5000, "readTimeOut": 20_000}
            task = {"name": "c", "taskReferenceName": "c", "type": "HTTP", "inputParameters": request}
            api.save({"name": "hostile", "version": 1, "tasks": [task]})
            yield Scene(server, api, port)
        hostile.kill()


def waits(scene: Scene, runs: list[str]) -> float:
    """Until all have ended; the longest that somebody else waited for an answer meanwhile, in seconds."""
    longest, left, deadline = 0.0, list(runs), time.monotonic() + 40
    while left:
        assert time.monotonic() < deadline, f"{len(left)} still run"
        before = time.monotonic()
        assert httpx.get(f"{scene.server.url}/health", timeout=10).status_code == 200
        longest = max(longest, time.monotonic() - before)
        left = [run for run in left if scene.api.run(run)["status"] == "RUNNING"]
        time.sleep(0.02)
    return longest


@pytest.mark.parametrize("way", sorted(set(WAYS) - SLOW))
def test_no_answer_takes_the_server_down_or_long(way: str, scene: Scene) -> None:
    """End to end, three at once: seconds, megabytes and CPU are bounded, and a good request meanwhile goes through."""
    memory, cpu = scene.cost()
    began = time.monotonic()
    runs = [scene.start(way) for _ in range(AT_ONCE)]
    good = scene.start("fine")
    longest = waits(scene, [*runs, good])
    memory_after, cpu_after = scene.cost()
    assert time.monotonic() - began < 30
    assert memory_after - memory < 300, "megabytes more than the most so far"
    assert cpu_after - cpu < 10
    assert longest < 5
    ended = [scene.api.run(run) for run in runs]
    assert {run["status"] for run in ended} == ({"COMPLETED"} if way in TAKEN else {"FAILED"})
    assert scene.api.run(good)["tasks"][0]["outputData"]["response"]["body"] == "ok"


def test_slow_answers_hold_up_nobody_else(scene: Scene) -> None:
    slow = [scene.start(way) for way in ("drip", "head drip") for _ in range(30)]
    began = time.monotonic()
    waits(scene, [scene.start("fine") for _ in range(20)])
    assert time.monotonic() - began < 20, "a slow answer takes sixty"
    assert {scene.api.run(run)["status"] for run in slow} == {"RUNNING"}
    for run in slow:
        scene.api.call("DELETE", f"/api/workflow/{run}", status=None)


def test_large_answers_that_stall_take_a_bounded_part_of_the_memory(scene: Scene) -> None:
    """Sixty of 8 MB are 480 MB; sixteen of them are let in whole, the others to 1 MB."""
    memory, _ = scene.cost()
    held = [scene.start("held") for _ in range(60)]
    waits(scene, [scene.start("fine")])
    time.sleep(2)
    assert scene.cost()[0] - memory < 350
    for run in held:
        scene.api.call("DELETE", f"/api/workflow/{run}", status=None)
