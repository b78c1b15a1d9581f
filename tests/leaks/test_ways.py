"""Nobody walks out with a value (promises 6 and 7): each known way leads nowhere, is refused with its reason in the audit where there is
something to refuse, and leads out as soon as its protection is taken away."""

import sqlite3
from collections.abc import Iterator
from contextlib import closing

import pytest

from tests.gate.doors.stage import Listener, Stage, simple
from tests.leaks.ways import WAYS, Way
from tests.support.thread import ThreadServer, thread_server

pytestmark = [pytest.mark.promise(6, 7), pytest.mark.slow]


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ThreadServer]:
    with thread_server(tmp_path_factory.mktemp("ways"), STAGEDOOR_EGRESS_ALLOW="127.0.0.1") as server:
        yield server


@pytest.fixture
def stage(server: ThreadServer, listener: Listener) -> Stage:
    return Stage(server, listener, server.admin())


@pytest.fixture(params=WAYS, ids=lambda way: way.name)
def way(request: pytest.FixtureRequest) -> Way:
    found: Way = request.param
    return found


def refusals(stage: Stage) -> set[tuple[int, str]]:
    """(rowid, detail) of every refusal in the audit."""
    with closing(sqlite3.connect(stage.server.data / "stagedoor.db")) as database:
        return set(database.execute("SELECT rowid, detail FROM audit WHERE outcome = 'refused'"))


def test_it_leads_nowhere(way: Way, stage: Stage) -> None:
    before = refusals(stage)
    assert stage.value not in way.walk(stage)
    details = [detail for _, detail in refusals(stage) - before]
    assert way.refused is None or any(way.refused in detail for detail in details), details


def test_without_its_protection_it_leads_out(way: Way, stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    way.without(monkeypatch, stage)
    assert stage.value in way.walk(stage)


@pytest.mark.parametrize("deed", ["POST retry", "POST restart", "POST rerun", "PUT skiptask/one", "POST upgrade", "POST jump/one"])
def test_no_other_starter_can_take_a_run_over(deed: str, stage: Stage) -> None:
    """There are no such routes yet. Once there are, whoever asks is the starter, and each is a way of its own above."""
    method, word = deed.split()
    run = stage.run(simple(stage.task, key=stage.key))
    assert stage.admin.raw(method, f"/api/workflow/{run}/{word}", {}).status_code in (404, 405)
