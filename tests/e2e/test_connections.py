"""End users, links and connections, from the first call of the SDK's API to a run that uses what the end user gave, and nobody else's."""

import subprocess
from pathlib import Path

import pytest

from tests.connect.stage import Shop, fresh, handing, shop
from tests.support import postgres
from tests.support.server import COMMAND, LiveServer, live_server

pytestmark = pytest.mark.promise(6)


def test_what_an_end_user_connects_is_used_by_runs_for_that_end_user_alone(sqlite_server: LiveServer) -> None:
    connects(shop(sqlite_server))


@pytest.mark.slow
@pytest.mark.postgres
def test_the_same_on_postgresql(postgres_server: str, tmp_path: Path) -> None:
    with postgres.database(postgres_server) as url, live_server(tmp_path, url) as server:
        here = shop(server)
        connects(here)
        before_and_after_another_data_key(here)


def before_and_after_another_data_key(here: Shop) -> None:
    """What end users gave is sealed anew with the project's secrets."""
    name, workflow, task = fresh("RESEALED"), fresh("resealed"), fresh("resealed_task")
    slug, end_user = here.integration(name), here.end_user()
    here.connect(end_user, slug, **{name: "sealed before"})
    here.admin.save(handing(workflow, name, task))
    store = ["--data", str(here.server.data), "--database", str(here.server.database)]
    done = subprocess.run([*COMMAND, "rotate", "data-key", "--project", "default", *store], capture_output=True, timeout=60)
    assert done.returncode == 0, done.stderr.decode()
    here.run_for(end_user, workflow)
    (got,) = here.admin.poll(task, timeout=2000)
    assert got["inputData"] == {"key": "sealed before"}


def connects(here: Shop) -> None:
    name, workflow, task = fresh("ACME_KEY"), fresh("uses_acme"), fresh("call_acme")
    slug = here.integration(name)
    acme, other = here.end_user(), here.end_user()
    customer = here.customer()
    customer.open(here.link(acme, redirectUrl="https://shop.example/welcome"))
    page = customer.http.get(f"/connect/integrations/{slug}")
    end = customer.follow(customer.fill(page, **{name: "what Acme has"}))
    assert '<a href="https://shop.example/welcome"' in end.text
    (connection,) = here.v1("GET", f"/v1/end-users/{acme}")["integrationConnections"]
    assert connection["integrationSlug"] == slug and connection["lastSuccessfulRequestAt"]

    here.admin.save(handing(workflow, name, task))
    application, key = here.admin.application("worker", "WORKER")
    worker = here.server.api(here.server.token(key["id"], key["secret"]))
    here.admin.grant(application, "TASK_DEF", task, "EXECUTE")
    run = here.run_for(acme, workflow)
    assert worker.poll(task) == [], "a worker needs READ on the field's name, as on any secret's"
    here.admin.grant(application, "SECRET_NAME", name, "READ")
    (got,) = worker.poll(task, timeout=2000)
    assert (got["workflowInstanceId"], got["inputData"]) == (run, {"key": "what Acme has"})
    worker.complete(got, {"echo": "they said: what Acme has"})
    assert here.admin.ended(run)["output"] == {"echo": "they said: ***"}

    for end_user, reason in ((other, f"end user {other} has given no value for {name}"), (None, "the run was started for no end user")):
        run = here.run_for(end_user, workflow)
        assert worker.poll(task) == []
        assert reason in here.admin.ended(run)["reasonForIncompletion"]

    here.admin.grant(application, "WORKFLOW_DEF", workflow, "EXECUTE")
    assert f"EXECUTE on END_USER {acme}" in here.run_for(acme, workflow, worker, status=403)["message"]
    here.admin.grant(application, "END_USER", acme, "EXECUTE")
    here.run_for(acme, workflow, worker)
    assert len(worker.poll(task, timeout=2000)) == 1
