"""Each protection of the hosted flow and of what it gathers, with what gets through where the protection is taken away."""

from collections.abc import Iterator

import pytest

from stagedoor.api.connect import flow
from stagedoor.core import connection, integration
from stagedoor.core.permission import Allowed
from stagedoor.core.visit import Visits
from stagedoor.gate import connected
from tests.connect.stage import Shop, fresh, handing, shop
from tests.support.thread import ThreadServer, thread_server

pytestmark = [pytest.mark.slow, pytest.mark.timeout(120)]


@pytest.fixture(scope="module")
def inside(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ThreadServer]:
    with thread_server(tmp_path_factory.mktemp("inside")) as server:
        yield server


@pytest.fixture(scope="module")
def here(inside: ThreadServer) -> Shop:
    return shop(inside)


def test_a_forged_form_is_refused_by_its_token_alone(here: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    name = fresh("FORGED")
    slug, customer = here.integration(name), here.customer()
    customer.open(here.link(here.end_user()))
    forged = {"csrf": "0" * 64, f"field.{name}": "the attacker's own"}
    assert customer.http.post(f"/connect/integrations/{slug}", data=forged).status_code == 400
    monkeypatch.setattr(flow, "same", lambda one, other: True)
    assert customer.http.post(f"/connect/integrations/{slug}", data=forged).status_code == 303


def test_a_link_works_once_by_the_row_of_its_visit(here: Shop) -> None:
    end_user = here.end_user()
    link = here.link(end_user)
    assert [here.customer().http.get(link).status_code for _ in range(2)] == [303, 404]
    here.alter("DELETE FROM connect_visit WHERE end_user_id = ?", end_user)
    assert here.customer().http.get(link).status_code == 303


@pytest.mark.promise(3)
def test_a_visit_that_is_told_to_be_another_end_users_is_none(here: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    victim, attacker = here.end_user(), here.end_user()
    here.integration(fresh("TOLD"))
    customer = here.customer()
    assert customer.open(here.link(attacker)).status_code == 200
    here.alter("UPDATE connect_visit SET end_user_id = ? WHERE end_user_id = ?", victim, attacker)
    assert customer.http.get("/connect/").status_code == 404
    monkeypatch.setattr(Visits, "_mac", lambda self, tx, row: row.get("mac", ""))
    assert customer.follow(customer.http.get("/connect/")).status_code == 200


@pytest.mark.promise(6)
def test_a_value_that_is_told_to_be_another_end_users_does_not_open(here: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    name, workflow, task = fresh("MOVED"), fresh("moved"), fresh("moved_task")
    slug, victim, attacker = here.integration(name), here.end_user(), here.end_user()
    made = integration.value_id
    monkeypatch.setattr(connection, "value_id", lambda end_user, row: made("anybody", row))
    here.connect(victim, slug, **{name: "the victim's"})
    here.connect(attacker, slug, **{name: "the attacker's"})
    here.admin.save(handing(workflow, name, task))
    stolen = "(SELECT nonce FROM connection_value WHERE end_user_id = ?)"
    here.alter(f"UPDATE connection_value SET nonce = {stolen} WHERE end_user_id = ?", victim, attacker)
    here.run_for(attacker, workflow)
    (got,) = here.admin.poll(task, timeout=2000)
    assert got["inputData"] == {"key": "the victim's"}, "without the end user in the id, it opens"
    monkeypatch.undo()

    second, third = here.end_user(), here.end_user()
    here.connect(second, slug, **{name: "the second's"})
    here.connect(third, slug, **{name: "the third's"})
    here.alter(f"UPDATE connection_value SET nonce = {stolen} WHERE end_user_id = ?", second, third)
    run = here.run_for(third, workflow)
    assert here.admin.poll(task, timeout=0) == []
    assert f"what end user {third} gave for {name} does not open" in here.admin.ended(run)["reasonForIncompletion"]


@pytest.mark.promise(2)
def test_a_right_on_an_end_user_that_is_taken_away_counts_when_the_value_would_leave(here: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    name, workflow, task = fresh("TAKEN_AWAY"), fresh("taken_away"), fresh("taken_away_task")
    slug, end_user = here.integration(name), here.end_user()
    here.connect(end_user, slug, **{name: "what they gave"})
    here.admin.save(handing(workflow, name, task))
    application, key = here.admin.application("starter", "WORKER")
    for kind, target in (("WORKFLOW_DEF", workflow), ("END_USER", end_user)):
        here.admin.grant(application, kind, target, "EXECUTE")
    starter = here.server.api(here.server.token(key["id"], key["secret"]))
    first, second = (here.run_for(end_user, workflow, starter) for _ in range(2))
    here.admin.revoke(application, "END_USER", end_user, "EXECUTE")
    assert here.admin.poll(task, count=1, timeout=0) == []
    reasons = [here.admin.run(run).get("reasonForIncompletion") or "" for run in (first, second)]
    assert any(f"the starter app:{application} lacks EXECUTE on END_USER {end_user}" in reason for reason in reasons)

    here.admin.grant(application, "END_USER", end_user, "EXECUTE")
    here.run_for(end_user, workflow, starter)
    here.admin.revoke(application, "END_USER", end_user, "EXECUTE")
    monkeypatch.setattr(connected, "decide", lambda *asked: Allowed("anything"))
    (got,) = here.admin.poll(task, timeout=2000)
    assert got["inputData"] == {"key": "what they gave"}
