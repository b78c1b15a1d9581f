"""What keeps an adoption honest: each protection holds, and without it the attack succeeds."""

from collections.abc import Iterator
from typing import Any

import pytest

from stagedoor.api.rules import Needs
from stagedoor.engine.port import Revision
from stagedoor.gate import adopting
from stagedoor.gate.adopting import Adoption
from stagedoor.gate.conditions import Conditions
from stagedoor.gate.sealing import Sealing
from tests.gate.doors.stage import Stage, http, listening, simple
from tests.support.server import Api
from tests.support.thread import ThreadServer, thread_server

pytestmark = [pytest.mark.promise(6), pytest.mark.slow]


@pytest.fixture(scope="module")
def patchable(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ThreadServer]:
    with thread_server(tmp_path_factory.mktemp("adopting"), STAGEDOOR_EGRESS_ALLOW="127.0.0.1") as made:
        yield made


@pytest.fixture
def stage(patchable: ThreadServer) -> Iterator[Stage]:
    with listening() as listener:
        yield Stage(patchable, listener, patchable.admin())


def nothing(*_: Any, **__: Any) -> None:
    """In place of a check: it is content."""


def adopt(api: Api, stage: Stage, **body: Any) -> int:
    return api.raw("POST", f"/api/metadata/workflow/{stage.name}/adopt", body).status_code


def may(stage: Stage, word: str, *access: str) -> tuple[str, Api]:
    made, api = stage.caller(word, "METADATA_API", "USER")
    stage.admin.grant(made, "WORKFLOW_DEF", stage.name, *access)
    return made, api


def test_nobody_adopts_what_it_may_not_use(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    stage.save(simple(stage.task, key=stage.key))
    _, other = may(stage, "other", "READ", "UPDATE", "EXECUTE")
    assert adopt(other, stage) == 403
    monkeypatch.setattr(Sealing, "_check", nothing)
    assert adopt(other, stage) == 200
    other.start(stage.name)
    assert stage.entitled.poll(stage.task) == []  # the door asks again
    monkeypatch.setattr(Conditions, "voucher_may_use", nothing)
    other.start(stage.name)
    assert stage.entitled.poll(stage.task)[0]["inputData"]["key"] == stage.value


def test_nobody_adopts_for_runs_under_way_what_it_may_not_use(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    stage.save(simple(stage.task, key=stage.key))
    stage.author.start(stage.name)
    stage.save(simple(stage.task))
    _, other = may(stage, "other", "READ", "UPDATE", "EXECUTE")
    assert adopt(other, stage, tasks=["one"], running=True) == 403
    monkeypatch.setattr(Adoption, "_refused", nothing)
    assert adopt(other, stage, tasks=["one"], running=True) == 200


def test_nobody_adopts_in_a_workflow_that_it_may_not_change(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    stage.save(simple(stage.task, key=stage.key))
    made, other = may(stage, "other", "READ", "EXECUTE")
    stage.admin.grant(made, "SECRET_NAME", stage.secret, "READ")

    async def passes(*_: Any) -> None:
        return None

    with monkeypatch.context() as patch:
        patch.setattr(Needs, "check", passes)  # the rule of the route
        assert adopt(other, stage) == 403
        patch.setattr(Adoption, "_may_update", nothing)  # the same, in the transaction of the change
        assert adopt(other, stage) == 200
    assert adopt(other, stage) == 403


def test_what_was_looked_at_is_what_is_adopted(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    """An author who may only EXECUTE the secret sends it to a host of their own: it stays shut until one who may READ vouches for it."""
    author_id, author = stage.caller("author", "METADATA_API", "USER")
    stage.admin.grant(author_id, "SECRET_NAME", stage.secret, "EXECUTE")
    author.save({"name": stage.name, "version": 1, "tasks": [http("https://good.example/", headers={"K": stage.key})]})
    path = f"/api/metadata/workflow/{stage.name}/adopt"
    seen = stage.admin.call("POST", path, {"dryRun": True})
    assert [one["sendsTo"] for one in seen["adopted"]] == ["https://good.example/"]
    author.save({"name": stage.name, "version": 1, "tasks": [http(f"{stage.listener.url}/", headers={"K": stage.key})]})
    assert adopt(stage.admin, stage, revision=seen["revision"]) == 409
    stage.ended(author.start(stage.name))
    assert stage.listener.heard == []

    def current(adoption: Adoption, previous: Revision | None) -> Revision:
        assert previous is not None
        return previous

    monkeypatch.setattr(Adoption, "_current", current)
    assert adopt(stage.admin, stage, revision=seen["revision"]) == 200
    stage.ended(author.start(stage.name))
    assert stage.value in stage.listener.heard[0].text


def test_the_doors_ask_the_new_voucher_of_runs_under_way_at_once(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    """What they remember of the old one ends with the project's epoch."""
    monkeypatch.setattr(Adoption, "_refused", nothing)
    monkeypatch.setattr(Sealing, "_check", nothing)
    worker = stage.entitled
    for name, handed in ((stage.name, False), (f"{stage.name}_again", True)):
        stage.name = name
        stage.save(simple(stage.task, key=stage.key))
        _, other = may(stage, "other", "READ", "UPDATE", "EXECUTE")
        runs = [stage.author.start(name) for _ in range(4)]
        for _ in runs[1:]:
            assert worker.poll(stage.task)[0]["inputData"]["key"] == stage.value
        assert adopt(other, stage, tasks=["one"], running=True) == 200
        assert bool(worker.poll(stage.task)) == handed
        monkeypatch.setattr(adopting, "project_changed", nothing)
