"""A provider's token is had anew before it ends, by one node, with a refresh token that may be good once."""

import asyncio
import sqlite3
import time
from collections.abc import Callable, Iterator
from contextlib import closing

import pytest

from stagedoor.core import connection
from stagedoor.core.connection import AnotherProvider
from stagedoor.core.visit import Visits
from stagedoor.gate import renewing
from stagedoor.gate.renewing import Renewing
from stagedoor.kit.crypto import digest
from tests.connect.oauth import Token, back, granted, provider, said, sent_away, set_provider
from tests.connect.stage import Shop, fresh, handing, shop
from tests.support.echo import answering
from tests.support.thread import ThreadServer, thread_server

pytestmark = [pytest.mark.slow, pytest.mark.timeout(120)]


Look = Callable[..., None]
LOOK = Renewing.look


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[ThreadServer, Look]]:
    """One whose own looks are left out, and `look`: what it would do; `times` at once, as several nodes would."""
    own: list[tuple[Renewing, asyncio.AbstractEventLoop]] = []

    async def noted(self: Renewing) -> None:
        own.append((self, asyncio.get_running_loop()))

    def look(times: int = 1) -> None:
        async def together(renewing: Renewing) -> None:
            await asyncio.gather(*(LOOK(renewing) for _ in range(times)))

        while not own:
            time.sleep(0.01)
        asyncio.run_coroutine_threadsafe(together(own[0][0]), own[0][1]).result(30)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(renewing, "SECONDS", 0.05)
        patch.setattr(Renewing, "look", noted)
        with thread_server(tmp_path_factory.mktemp("renewing"), STAGEDOOR_EGRESS_ALLOW="127.0.0.1") as made:
            yield made, look


@pytest.fixture(scope="module")
def look(server: tuple[ThreadServer, Look]) -> Look:
    return server[1]


@pytest.fixture(scope="module")
def here(server: tuple[ThreadServer, Look]) -> Shop:
    return shop(server[0])


def minutes_pass(here: Shop, end_user: str, minutes: int) -> None:
    earlier = "expires_at = expires_at - ?, renew_at = renew_at - ?"
    here.alter(f"UPDATE connection_value SET {earlier} WHERE end_user_id = ?", minutes * 60_000, minutes * 60_000, end_user)


def value_now(here: Shop, end_user: str, workflow: str, task: str) -> str:
    here.run_for(end_user, workflow)
    (got,) = here.admin.poll(task, timeout=2000)
    value: str = got["inputData"]["key"]
    return value


def test_a_token_is_had_anew_once_and_the_next_refresh_token_with_it(look: Look, here: Shop) -> None:
    endpoint = Token()
    workflow, task = fresh("renewed"), fresh("renewed_task")
    with answering(endpoint) as local:
        slug, field = provider(here, local.url)
        here.admin.save(handing(workflow, field, task))
        customer, asked, end_user = sent_away(here, slug)
        endpoint.answer = lambda: granted(expires_in=3600, refresh_token="refresh 1")
        assert back(customer, state=asked["state"], code="c").status_code == 303
        look()
        assert len(endpoint.asked) == 1, "it is not due yet"
        assert value_now(here, end_user, workflow, task) == "the token of theirs"

        minutes_pass(here, end_user, 55)
        endpoint.answer = lambda: granted(access_token="the next token", expires_in=3600, refresh_token="refresh 2")
        look(times=4)
        assert [one.target for one in endpoint.asked[1:]] == ["/token"], "of four that look at once, one asks"
        assert (endpoint.form["grant_type"], endpoint.form["refresh_token"]) == ("refresh_token", "refresh 1")
        assert value_now(here, end_user, workflow, task) == "the next token"

        minutes_pass(here, end_user, 55)
        endpoint.answer = lambda: said({"error": "invalid_grant"}, 400)
        look()
        assert endpoint.form["refresh_token"] == "refresh 2"
        before = len(endpoint.asked)
        assert value_now(here, end_user, workflow, task) == "the next token", "until it ends it is good"
        minutes_pass(here, end_user, 10)
        look()
        assert len(endpoint.asked) == before, "what the provider has refused for good is not tried again"
    run = here.run_for(end_user, workflow)
    assert here.admin.poll(task, timeout=0) == []
    reason = here.admin.ended(run)["reasonForIncompletion"]
    assert f"what end user {end_user} gave for {field} expired" in reason and "connects" in reason


def test_no_reference_leads_to_a_refresh_token(here: Shop) -> None:
    endpoint = Token()
    endpoint.answer = lambda: granted(expires_in=3600, refresh_token="nobody's to use")
    workflow, task = fresh("refers"), fresh("refers_task")
    with answering(endpoint) as local:
        slug, field = provider(here, local.url)
        customer, asked, end_user = sent_away(here, slug)
        assert back(customer, state=asked["state"], code="c").status_code == 303
    here.admin.save(handing(workflow, f"{field}:refresh", task))
    run = here.run_for(end_user, workflow)
    assert here.admin.poll(task, timeout=0) == []
    assert f"there is no secret {field}:refresh" in here.admin.ended(run)["reasonForIncompletion"]
    assert here.admin.raw("PUT", f"/api/secrets/{field}:refresh", b"mine").status_code == 200
    here.run_for(end_user, workflow)
    (got,) = here.admin.poll(task, timeout=2000)
    assert got["inputData"] == {"key": "mine"}


def renewed_elsewhere(look: Look, here: Shop, monkeypatch: pytest.MonkeyPatch | None = None) -> tuple[str, list[str], Token]:
    """A connection made with one token endpoint, another one in the integration since, and a look once it is due: (the end user, the
    refresh tokens that the other one was sent, the other one)."""
    first, other = Token(), Token()
    first.answer = lambda: granted(expires_in=3600, refresh_token="given by the first")
    other.answer = lambda: granted(access_token="of the other", expires_in=3600, refresh_token="given by the other")
    with answering(first) as made_with, answering(other) as now:
        slug, field = provider(here, made_with.url)
        customer, asked, end_user = sent_away(here, slug)
        assert back(customer, state=asked["state"], code="c").status_code == 303
        set_provider(here, slug, field, now.url)
        minutes_pass(here, end_user, 55)
        look()
        sent = [other.form["refresh_token"] for _ in other.asked]
        assert len(first.asked) == 1
        if monkeypatch is None:
            workflow, task = fresh("elsewhere"), fresh("elsewhere_task")
            here.admin.save(handing(workflow, field, task))
            assert value_now(here, end_user, workflow, task) == "the token of theirs", "until it ends it is good"
            minutes_pass(here, end_user, 10)
            look()
            run = here.run_for(end_user, workflow)
            assert here.admin.poll(task, timeout=0) == [] == other.asked
            assert f"the end user connects {slug} anew" in here.admin.ended(run)["reasonForIncompletion"]
            again(look, here, (slug, end_user, other))
            assert value_now(here, end_user, workflow, task) == "of the other"
    return end_user, sent, other


def again(look: Look, here: Shop, at: tuple[str, str, Token]) -> None:
    """Connected anew, it is had anew by what the other one gave."""
    slug, end_user, other = at
    customer, asked, _ = sent_away(here, slug, end_user)
    assert back(customer, state=asked["state"], code="c").status_code == 303
    minutes_pass(here, end_user, 55)
    look()
    assert (other.form["grant_type"], other.form["refresh_token"], len(other.asked)) == ("refresh_token", "given by the other", 2)


@pytest.mark.promise(6)
def test_a_refresh_token_is_sent_to_no_other_token_endpoint_than_gave_it(look: Look, here: Shop) -> None:
    """Else whoever may change an integration has the tokens of all its end users sent to them."""
    end_user, sent, _ = renewed_elsewhere(look, here)
    assert sent == []
    told = "SELECT outcome, detail FROM audit WHERE action = 'connection.renew' AND target = ?"
    with closing(sqlite3.connect(here.server.data / "stagedoor.db")) as file:
        rows = file.execute(told, (f"END_USER {end_user}",)).fetchall()
    assert rows[0][0] == "refused" and rows[0][1].endswith(AnotherProvider.__doc__ or "-")
    assert [outcome for outcome, _ in rows] == ["refused", "done"], "it is not tried again until it is connected anew"


def test_without_that_the_other_endpoint_is_sent_it(look: Look, here: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(connection, "_given_by", lambda row, endpoint: True)
    assert renewed_elsewhere(look, here, monkeypatch)[1] == ["given by the first"]


def test_a_refresh_token_whose_row_is_told_to_be_of_another_endpoint_does_not_open(look: Look, here: Shop) -> None:
    """By somebody who has the database: the endpoint is a part of what the seal binds."""
    first, other = Token(), Token()
    first.answer = lambda: granted(expires_in=3600, refresh_token="given by the first")
    with answering(first) as made_with, answering(other) as now:
        slug, field = provider(here, made_with.url)
        customer, asked, end_user = sent_away(here, slug)
        assert back(customer, state=asked["state"], code="c").status_code == 303
        set_provider(here, slug, field, now.url)
        endpoints = [digest(f"{one.url}/token") for one in (made_with, now)]
        here.alter("UPDATE connection_value SET nonce = REPLACE(nonce, ?, ?) WHERE end_user_id = ?", *endpoints, end_user)
        minutes_pass(here, end_user, 55)
        look()
        assert (len(first.asked), other.asked) == (1, [])


def test_without_the_endpoint_in_the_state_another_one_is_brought_the_code(here: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    """The other half is in test_provider.py."""
    token, first, other = Visits.token, Token(), Token()
    monkeypatch.setattr(Visits, "token", lambda *given: token(*(each for each in given if "://" not in str(each))))
    with answering(first) as begun, answering(other) as now:
        slug, field = provider(here, begun.url)
        customer, asked, _ = sent_away(here, slug)
        set_provider(here, slug, field, now.url)
        assert back(customer, state=asked["state"], code="what the first one gave").status_code == 303
    assert (first.asked, other.form["code"]) == ([], "what the first one gave")
