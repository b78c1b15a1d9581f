"""The power goes while the server works: what was acknowledged is on the disk. The disk is simulated (powercut.py)."""

import asyncio
import contextlib
import json
import random
import subprocess
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from tests.crash.ledger import Ledger
from tests.crash.powercut import PowerCut
from tests.crash.rounds import one_round, told, trial
from tests.support.server import ADMIN, LiveServer, live_server

KINDS = {"application", "secret", "run"}
LANES = 2
"""Servers at a time: most of a round is the start of a process. The first one's disk writes nothing unasked, the others' some."""
SHORT_OF_LUCK = 0.1
"""How often the power goes again while the server comes up."""


@dataclass
class PowerGoes:
    """Power cuts of a server's data directory. `happen` needs a server started by `recover`."""

    server: LiveServer
    cut: PowerCut
    chance: random.Random
    settings: dict[str, str] = field(default_factory=dict)
    count: int = 0

    def happen(self) -> None:
        assert self.server.process is not None
        self.cut.cut(self.server.process)
        self.count += 1

    def recover(self) -> None:
        if self.chance.random() < SHORT_OF_LUCK:
            self._launch()
            time.sleep(self.chance.uniform(0.2, 1.5))
            with contextlib.suppress(RuntimeError):  # before the shim was loaded nothing can have been written
                self.happen()
        self._launch()
        self.server.well()

    def _launch(self) -> None:
        self.server.environment = shimmed(self.cut) | self.settings
        self.server.launch()


def shimmed(cut: PowerCut) -> dict[str, str]:
    return {name: value for name, value in cut.environment().items() if not name.startswith("STAGEDOOR_")}


@contextlib.contextmanager
def under_power_cuts(folder: Path, writeback: int = 0, **settings: str) -> Iterator[PowerGoes]:
    """A running server whose power can be cut; what `init` left is durable."""
    folder.mkdir()
    with live_server(folder) as server:
        server.stop()
        power = PowerGoes(server, PowerCut(server.data, writeback), random.Random(writeback), settings)
        power.recover()
        yield power


@pytest.mark.slow
@pytest.mark.promise(1)
@pytest.mark.parametrize(
    "cuts", [pytest.param(20, marks=pytest.mark.timeout(600)), pytest.param(200, marks=[pytest.mark.soak, pytest.mark.timeout(3600)])]
)
def test_a_power_cut_loses_nothing_acknowledged(cuts: int, tmp_path: Path, summary: Callable[[str], None]) -> None:
    def lane(power: PowerGoes) -> Ledger:
        return trial(power.server, [power] * (cuts // LANES), power.chance)

    with contextlib.ExitStack() as stack:
        powers = [stack.enter_context(under_power_cuts(tmp_path / str(number), writeback=30 * number)) for number in range(LANES)]
        with ThreadPoolExecutor(LANES) as threads:
            ledgers = list(threads.map(lane, powers))
    for ledger in ledgers:
        assert not ledger.lost
    assert sum(power.count for power in powers) >= cuts
    summary(told("power cuts", sum(power.count for power in powers), ledgers))


@pytest.mark.slow
def test_the_same_cuts_lose_changes_that_sqlite_does_not_sync(tmp_path: Path, summary: Callable[[str], None]) -> None:
    """What makes the test above pass is `synchronous=FULL`, and its checks see a loss of each kind."""

    async def run(power: PowerGoes) -> Ledger:
        ledger = Ledger()
        while power.count < 20 and not kinds_lost(ledger) >= KINDS:
            await one_round(power.server, ledger, power, power.chance)
        return ledger

    with under_power_cuts(tmp_path / "data") as power:
        trial(power.server, [], power.chance)
        power.server.stop()
        power.settings = {"STAGEDOOR_SQLITE_SYNCHRONOUS": "NORMAL"}
        power.recover()
        ledger = asyncio.run(run(power))
    assert kinds_lost(ledger) >= KINDS
    summary(told("power cuts with synchronous=NORMAL", power.count, [ledger]))


def kinds_lost(ledger: Ledger) -> set[str]:
    return {kind for kind in KINDS for line in ledger.lost if line.startswith((kind, f"('{kind}'"))}


@pytest.mark.slow
@pytest.mark.promise(1)
def test_what_init_printed_works_after_an_immediate_power_cut(database: str, tmp_path: Path) -> None:
    """`init` acknowledges by printing: then the keys, the master key's file and the folder it made are on the disk."""
    disk = tmp_path / "disk"
    disk.mkdir()
    cut = PowerCut(disk)
    server = LiveServer(disk / "data", None if database.startswith("/") else database, shimmed(cut))
    with server.run("init", "--admin", ADMIN, "--json", stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        server.first = json.loads(process.stdout.readline())
        cut.cut(process)
    server.environment = {}
    server.start()
    try:
        assert server.admin().call("GET", "/api/applications")
        answer = server.api().call("POST", "/api/token", {"email": ADMIN, "password": server.first["password"]})
        server.api(answer["token"]).put_secret("first", "value")
    finally:
        server.stop()
