"""Canary secrets through both doors, echoed in every spelling, are found nowhere: not in the database, the logs, an answer or the audit."""

import contextlib
import json
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from tests.leaks import calls, places, workers
from tests.leaks.canary import EGRESS, PLANTED, WORKER, Canary, folded_forms, forms, found, make
from tests.leaks.recording import Recording
from tests.support import postgres
from tests.support import server as servers
from tests.support.echo import answering
from tests.support.server import Api, LiveServer, live_server

LAUNCH = Path(__file__).with_name("launch.py")
AT_ONCE = 4


@dataclass(frozen=True)
class Aviary:
    """A server through whose doors `count` canaries went, half by each; `seen`: every place they could be in, as bytes."""

    server: LiveServer
    recording: Recording
    runs: list[str]
    count: int
    sent: int

    def seen(self) -> dict[str, bytes]:
        said = {"answers of the API": self.recording.answers, "log of the server": self.server.log.read_bytes()}
        return places.files(self.server) | places.rows(self.server) | said


@contextlib.contextmanager
def aviary(folder: Path, count: int, database: str | None = None, **environment: str) -> Iterator[Aviary]:
    echo = calls.Echo()
    with pytest.MonkeyPatch.context() as patch, answering(echo) as local:
        patch.setattr(servers, "COMMAND", (sys.executable, str(LAUNCH)))
        with live_server(folder, database, STAGEDOOR_EGRESS_ALLOW="127.0.0.1", **environment) as server:
            if database:
                places.keep_long_texts_readable(database)
            recording = Recording(server)
            by_worker = [make(number, WORKER, lines=True) for number in range(count // 2)]
            by_call = [make(number, EGRESS, lines=False) for number in range(count - count // 2)]
            runs = _fly(recording.api(), by_worker, by_call, local.url)
            assert all(echo.known[str(number)] == canary.handed for number, canary in enumerate(by_call))
            _look_at_everything(recording.api(), runs)
            yield Aviary(server, recording, runs, count, len(local.received))


def _fly(api: Api, by_worker: list[Canary], by_call: list[Canary], url: str) -> list[str]:
    api.save(*workers.definitions(), *calls.definitions(url))

    def one(given: tuple[Any, Canary, int]) -> str:
        door, canary, number = given
        api.put_secret(canary.name, canary.value)
        saved = api.save(door.definition(canary, number) if door is workers else calls.definition(canary, number, url))
        assert "warning" not in saved.headers
        run: str = door.play(api, canary, number)
        return run

    work = [(workers, canary, number) for number, canary in enumerate(by_worker)]
    work += [(calls, canary, number) for number, canary in enumerate(by_call)]
    with ThreadPoolExecutor(AT_ONCE) as pool:
        return list(pool.map(one, work))


def _look_at_everything(api: Api, runs: list[str]) -> None:
    """Ask for all that the API shows of these runs, of what they ran and of the server; and be refused."""
    todo, known = list(runs), set(runs)
    while todo:
        run = api.run(todo.pop())
        api.call("GET", f"/api/workflow/{run['workflowId']}/status?includeOutput=true&includeVariables=true")
        for task in run["tasks"]:
            api.call("GET", f"/api/tasks/{task['taskId']}")
            api.call("GET", f"/api/tasks/{task['taskId']}/log")
            if child := task.get("subWorkflowId"):
                known.add(child)
                todo.append(child)
        if failure := run["output"].get("conductor.failure_workflow"):
            todo.append(failure)
            api.ended(failure)
    document = api.call("GET", "/openapi.json")
    plain = [path for path, verbs in document["paths"].items() if "get" in verbs and "{" not in path]
    assert {"/api/metadata/workflow", "/api/metadata/taskdefs", "/api/secrets-v2", "/health"} <= set(plain)
    for path in (*plain, "/docs"):
        api.call("GET", path, status=None)
    for run_id in runs[:5]:
        api.call("DELETE", f"/api/workflow/{run_id}", status=409)
        api.call("POST", "/api/tasks", {"taskId": run_id, "status": "COMPLETED"}, status=404)
    assert len(known) > len(runs)


SIZES = [
    pytest.param(("sqlite", 40), id="sqlite", marks=pytest.mark.slow),
    pytest.param(("postgres", 40), id="postgres", marks=pytest.mark.postgres),
    pytest.param(("sqlite", 400), id="sqlite, all 400", marks=pytest.mark.soak),
    pytest.param(("postgres", 400), id="postgres, all 400", marks=[pytest.mark.soak, pytest.mark.postgres]),
]


@pytest.fixture(scope="module", params=SIZES)
def flown(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Aviary]:
    kind, count = request.param
    folder = tmp_path_factory.mktemp("aviary")
    if kind == "sqlite":
        with aviary(folder, count) as made:
            yield made
        return
    with postgres.private_cluster() as cluster, postgres.database(cluster.url()) as url, aviary(folder, count, url) as made:
        yield made


@pytest.mark.timeout(900)
@pytest.mark.promise(7)
def test_no_canary_is_found_anywhere(flown: Aviary) -> None:
    seen = flown.seen()
    assert places.kinds(seen) == {"file", "table", "answers", "log"}
    assert {"table audit", "table task_log", "table receipt", "table run", "table work"} <= seen.keys()
    assert b"DEBUG" in seen["log of the server"]
    assert found(WORKER, seen) == {}
    assert found(EGRESS, seen) == {}
    size = sum(map(len, seen.values())) >> 20
    print(f"{flown.count} canaries, {len(flown.recording)} answers, {flown.sent} requests, {size} MB searched")


def test_every_canary_went_through_its_door(flown: Aviary) -> None:
    kept = places.rows(flown.server)
    assert all(kept["table receipt"].count(door) >= flown.count // 2 for door in (b"handoff", b"egress"))
    assert kept["table run"].count(b"***") > flown.count
    assert flown.recording.answers.count(b"***") > 10 * flown.count


@pytest.mark.promise(7)
def test_a_canary_that_nothing_protects_is_found_by_the_same_search(flown: Aviary) -> None:
    """As the input of a workflow: plain, and long enough for any compression; also from the files alone."""
    api = flown.recording.api()
    api.save({"name": "planted", "version": 1, "tasks": [], "outputParameters": {"out": "${workflow.input.text}"}})
    written = {form: needle.decode("latin-1") for form, needle in (forms(PLANTED) | folded_forms(PLANTED)).items()}
    api.run(api.start("planted", {"text": "x" * 9000 + PLANTED, "written": written}))
    hits = found(PLANTED, flown.seen())
    assert places.kinds(hits) >= {"file", "table", "answers"}
    assert {"plain", "hex", "base64 at 1", "%XX"} <= set(hits["table run"])
    in_wal = [place for place in hits if "wal" in place]
    assert in_wal


@pytest.mark.promise(7)
def test_after_the_server_has_stopped_nothing_is_found_either(flown: Aviary) -> None:
    """SQLite has put its WAL into the main file by then."""
    flown.server.stop()
    seen = flown.seen()
    assert (found(WORKER, seen), found(EGRESS, seen)) == ({}, {})
    assert found(PLANTED, places.files(flown.server))


@pytest.mark.slow
@pytest.mark.promise(7)
def test_with_redaction_taken_away_the_canaries_are_found(tmp_path: Path) -> None:
    with aviary(tmp_path, 40, STAGEDOOR_TEST_REDACTION="off") as bare:
        seen = bare.seen()
    by_worker, by_call = found(WORKER, seen), found(EGRESS, seen)
    for hits in (by_worker, by_call):
        assert {"table run", "table task", "answers of the API"} <= hits.keys()
        assert "file stagedoor.db" in hits or "file stagedoor.db-wal" in hits
    assert "table task_log" in by_worker
    spelled = {form for hits in (by_worker, by_call) for forms in hits.values() for form in forms}
    assert {"plain", "hex", "base64 at 0", "base64 at 1", "base64 at 2", "%XX", "&#N;"} <= spelled


@pytest.mark.parametrize("form", [*forms(PLANTED), *folded_forms(PLANTED)])
def test_the_search_finds_a_tag_in_each_form(form: str) -> None:
    written = (forms(PLANTED) | folded_forms(PLANTED))[form]
    assert form in found(PLANTED, {"somewhere": b"before " + written + b" after"})["somewhere"]
    assert found(PLANTED, {"nowhere": written[1:-1], "elsewhere": json.dumps({"a": WORKER}).encode()}) == {}
