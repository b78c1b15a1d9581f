"""A provider's token is had anew before it ends, by one node, with a refresh token that may be good once."""

import asyncio
import time
from collections.abc import Callable, Iterator

import pytest

from stagedoor.gate import renewing
from stagedoor.gate.renewing import Renewing
from tests.connect.oauth import Token, back, granted, provider, said, sent_away
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
