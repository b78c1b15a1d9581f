"""`kill -9` under load, of the server and of PostgreSQL below it: nothing acknowledged is lost or undone, and every run goes on."""

import itertools
import random
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from tests.crash.rounds import Crash, told, trial
from tests.support import postgres
from tests.support.server import LiveServer, live_server

pytestmark = [pytest.mark.promise(1), pytest.mark.slow]


def soaked(usual: int, many: int) -> pytest.MarkDecorator:
    return pytest.mark.parametrize("kills", [usual, pytest.param(many, marks=[pytest.mark.soak, pytest.mark.timeout(3600)])])


@dataclass
class ServerDies:
    """With `kill -9`; its children have to notice."""

    server: LiveServer
    children: list[int] = field(default_factory=list)

    def happen(self) -> None:
        assert self.server.process is not None
        tasks = Path(f"/proc/{self.server.process.pid}/task").glob("*/children")
        self.children = [int(child) for task in tasks for child in task.read_text().split()]
        self.server.kill()

    def recover(self) -> None:
        self.server.start()
        assert self.children, "a server has processes for scripts"
        assert not [child for child in self.children if _lives(child)]


def _lives(process: int) -> bool:
    """Those that ended and were not yet waited for by whoever inherited them do not count."""
    try:
        return Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


@dataclass
class DatabaseDies:
    """PostgreSQL ends without a goodbye and recovers from its log; the server must go on by itself."""

    server: LiveServer
    cluster: postgres.Cluster

    def happen(self) -> None:
        self.cluster.stop()

    def recover(self) -> None:
        self.cluster.start()
        self.server.well()


@dataclass
class BothDie:
    server: LiveServer
    cluster: postgres.Cluster

    def happen(self) -> None:
        self.cluster.stop()
        self.server.kill()

    def recover(self) -> None:
        self.cluster.start()
        self.server.start()


@pytest.fixture
def cluster() -> Iterator[postgres.Cluster]:
    with postgres.private_cluster() as made:
        yield made


@soaked(5, 50)
def test_a_killed_server_has_lost_nothing_acknowledged(kills: int, tmp_path: Path, summary: Callable[[str], None]) -> None:
    with live_server(tmp_path) as server:
        ledger = trial(server, [ServerDies(server)] * kills, random.Random(kills))
    assert not ledger.lost
    summary(told("kills on SQLite", kills, [ledger]))


@pytest.mark.postgres
@soaked(3, 15)
def test_on_postgresql_too_and_when_that_is_killed(
    kills: int, cluster: postgres.Cluster, tmp_path: Path, summary: Callable[[str], None]
) -> None:
    with postgres.database(cluster.url()) as url, live_server(tmp_path, url) as server:
        # What a dead server was performing another node takes over after 30 s: the server's own deaths come first.
        ways: list[Crash] = [ServerDies(server), BothDie(server, cluster), DatabaseDies(server, cluster)]
        ledger = trial(server, itertools.islice(itertools.cycle(ways), kills), random.Random(kills))
        server.stop()
    assert not ledger.lost
    summary(told("kills on PostgreSQL", kills, [ledger]))
