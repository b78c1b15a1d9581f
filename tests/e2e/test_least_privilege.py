"""Least privilege, from the first poll to the 403: what a worker used, the smaller set by `stagedoor advise`, and what is left of it."""

import asyncio
import importlib
import json
import sqlite3
import subprocess
import time
from pathlib import Path
from typing import Any

import pytest

from stagedoor.gate import recording
from stagedoor.settings import DATABASE_FILE, Settings
from tests.support.inside import Inside, inside
from tests.support.server import Api, LiveServer

cli = importlib.import_module("stagedoor.cli.advise")  # the package gives the command of that name
DAYS = 100 * 24 * 60 * 60_000
AGEING = [
    f"UPDATE {table} SET {column} = {column} - {DAYS}"
    for table, column in (
        ("schema_version", "applied_at"), ("account", "created_at"), ("application", "created_at"),
        ("subject_role", "granted_at"), ("access_grant", "granted_at"),
    )
]  # fmt: skip


def age(data: Path, database: str | None) -> None:
    """Everything in the store is 100 days older; what was used was used today."""
    if database:
        import psycopg

        with psycopg.connect(database) as connection:
            for sql in AGEING:
                connection.execute(sql.encode())
        return
    with sqlite3.connect(data / DATABASE_FILE, timeout=30) as file:
        for sql in AGEING:
            file.execute(sql)
    file.close()


def advised(server: LiveServer, *options: str) -> Any:
    done = server.run("advise", "--json", *options, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    out, errors = done.communicate(timeout=60)
    assert done.returncode == 0, errors.decode()
    return json.loads(out)


def uses(api: Api, application: str) -> dict[str, int]:
    found = api.call("GET", f"/api/auth/usage/USER/app:{application}")
    return {f"{one['access']} {one['id']}": one["uses"] for one in found["used"]}


@pytest.mark.slow
@pytest.mark.promise(10)
def test_a_worker_that_was_given_too_much_keeps_what_it_used_and_no_more(server: LiveServer) -> None:
    admin = server.admin()
    application, key = admin.application("worker", "UNRESTRICTED_WORKER")
    worker = server.api(server.token(key["id"], key["secret"]))
    for name in ("resize", "resize", "encode"):
        worker.poll(name)
    age(server.data, server.database)

    assert advised(server, "--days", "90")[0]["subject"] == "USER:admin@example.com", "all of the project, people first"
    (found,) = advised(server, f"app:{application}", "--apply")
    grants = [{"target": {"type": "TASK_DEF", "id": name}, "access": ["EXECUTE"]} for name in ("encode", "resize")]
    assert (found["removed"], found["added"]) == ([{"role": "UNRESTRICTED_WORKER"}], [{"role": "WORKER"}, *grants])
    assert (found["replayed"], found["refused"], found["putBack"]) == (2, [], None)

    worker.poll("resize")
    worker.poll("encode")
    refusal = worker.raw("GET", "/api/tasks/poll/batch/billing")
    assert refusal.status_code == 403 and "EXECUTE on TASK_DEF billing" in refusal.text

    server.stop()  # just used, and not written yet
    server.start()
    admin = server.admin()
    assert uses(admin, application) == {"POLL encode": 2, "POLL resize": 3}
    _undo(admin, found["undo"])
    server.api(server.token(key["id"], key["secret"])).poll("billing")


def _undo(admin: Api, lines: list[str]) -> None:
    """As printed."""
    for line in lines:
        method, path, *body = line.split(" ", 2)
        admin.call(method, path, json.loads(body[0]) if body else None)


@pytest.fixture
async def running(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    """A server in this process that writes its counts without delay."""
    monkeypatch.setattr(recording, "FLUSH_SECONDS", 0.02)
    monkeypatch.setattr(cli, "SETTLE_SECONDS", 0.2)
    async with inside(tmp_path) as made:
        made.http.headers["X-Authorization"] = await made.token()
        yield made


async def _worker(running: Inside, *roles: str) -> tuple[str, dict[str, str]]:
    """(application, the header of its token)."""
    http = running.http
    application = (await http.post("/api/applications", json={"name": "worker"})).json()["id"]
    for role in roles:
        await http.post(f"/api/applications/{application}/roles/{role}")
    key = (await http.post(f"/api/applications/{application}/accessKeys")).json()
    token = (await http.post("/api/token", json={"keyId": key["id"], "keySecret": key["secret"]})).json()["token"]
    return application, {"X-Authorization": token}


async def _reaches(running: Inside, application: str, wanted: dict[str, int]) -> Any:
    """The answer about usage, once exactly these uses are in it, with their counts; `ok` and `refused` are its credentials'."""
    until = time.monotonic() + 5
    while time.monotonic() < until:
        found = (await running.http.get(f"/api/auth/usage/USER/app:{application}")).json()
        seen = {f"{one['access']} {one['type']} {one['id']}".strip(): one["uses"] for one in found["used"]}
        outcomes = {word: sum(one[word] for one in found["credentials"]) for word in ("ok", "refused") if word in wanted}
        if seen | outcomes == wanted:
            return found
        await asyncio.sleep(0.02)
    raise AssertionError(found)


@pytest.mark.anyio
async def test_usage_stands_beside_what_was_granted(running: Inside) -> None:
    application, worker = await _worker(running, "WORKER", "METADATA_API")
    http = running.http
    await http.post("/api/metadata/workflow", json={"name": "film", "tasks": []}, headers=worker)
    assert (await http.get("/api/tasks/poll/batch/foreign", headers=worker)).status_code == 403
    assert (await http.get("/api/metadata/workflow", headers=worker)).status_code == 200, "a filtered list is no use"
    found = await _reaches(running, application, {"MAKE WORKFLOW_DEF": 1, "ok": 3, "refused": 1})  # ok: a token, a definition, a list
    granted = {one["role"]: one["uses"] for one in found["granted"] if "role" in one}
    assert granted == {"METADATA_API": 1, "WORKER": 0}


@pytest.mark.anyio
async def test_who_may_see_usage_and_advice(running: Inside) -> None:
    application, worker = await _worker(running, "WORKER")
    _, other = await _worker(running)
    of_worker = f"/USER/app:{application}"
    for path, who, status in (
        ("/api/auth/usage", worker, 200), ("/api/auth/usage", other, 403), ("/api/auth/usage", {}, 200),
        ("/api/auth/advice", worker, 403), ("/api/auth/advice", other, 403), ("/api/auth/advice", {}, 409),
    ):  # fmt: skip
        answer = await running.http.get(path + of_worker, headers=who)
        assert answer.status_code == status, (path, answer.text)
    assert (await running.http.get("/api/auth/usage/GROUP/some")).status_code == 400
    assert (await running.http.get("/api/auth/usage/USER/nobody")).status_code == 404
    assert (await running.http.get(f"/api/auth/advice{of_worker}?days=91")).status_code == 400


@pytest.mark.anyio
async def test_a_voucher_that_never_calls_keeps_the_secret_it_vouches_for(running: Inside, tmp_path: Path) -> None:
    http = running.http
    await http.put("/api/secrets/lamp", content=b"light", headers={"Content-Type": "text/plain"})
    await http.put("/api/secrets/dark", content=b"night", headers={"Content-Type": "text/plain"})
    voucher, saver = await _worker(running, "METADATA_API")
    for name in ("lamp", "dark"):
        await _grant(running, voucher, "SECRET_NAME", name, "READ")
    task = {"name": "show", "taskReferenceName": "show", "type": "SIMPLE", "inputParameters": {"key": "${workflow.secrets.lamp}"}}
    saved = await http.post("/api/metadata/workflow", json={"name": "stage", "tasks": [task]}, headers=saver)
    assert saved.status_code == 200, saved.text
    made = {"MAKE WORKFLOW_DEF": 1}
    await _reaches(running, voucher, made | {"READ SECRET_NAME lamp": 1})
    await http.post("/api/workflow/stage", json={})
    assert (await http.get("/api/tasks/poll/batch/show")).json()[0]["inputData"] == {"key": "light"}
    await _reaches(running, voucher, made | {"READ SECRET_NAME lamp": 2})
    age(tmp_path, None)
    (advice,) = await cli._advise(Settings(data=tmp_path), ("default", f"app:{voucher}", 90), apply=True)
    assert advice.applied and [str(item) for item in advice.applied.removed if "SECRET_NAME" in str(item)] == ["READ on SECRET_NAME dark"]


async def _grant(running: Inside, application: str, kind: str, name: str, access: str) -> None:
    subject, target = {"type": "USER", "id": f"app:{application}"}, {"type": kind, "id": name}
    answer = await running.http.post("/api/auth/authorization", json={"subject": subject, "target": target, "access": [access]})
    assert answer.status_code == 200, answer.text
