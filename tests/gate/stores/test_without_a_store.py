"""What needs no OpenBao: how a field is taken, one call for many callers, and a store that cannot be reached."""

import asyncio
from functools import partial

import pytest

from stagedoor.core.external import Source
from stagedoor.gate.shared import Shared
from stagedoor.gate.stores import CacheLimits
from stagedoor.gate.vault import FetchFailed, field_of
from stagedoor.kit.errors import BadInput
from stagedoor.kit.secretvalue import SecretValue
from tests.api.authorization.world import new
from tests.support.server import LiveServer

DOCUMENT = SecretValue('{"text": "a\\nb", "number": 12345678901234567890, "list": [1, "\\u00fc"], "nothing": null}')


@pytest.mark.parametrize(
    ("field", "value"),
    [("text", "a\nb"), ("number", "12345678901234567890"), ("list", '[1,"\u00fc"]'), ("nothing", "null"), (None, DOCUMENT.reveal())],
)
def test_a_text_is_taken_as_it_is_and_anything_else_as_json(field: str | None, value: str) -> None:
    assert field_of("vault", Source("vault", "team/db", field), DOCUMENT).reveal() == value


def test_a_field_that_is_not_there_is_named() -> None:
    with pytest.raises(FetchFailed, match=r"^store vault: there is no field pass at team/db$"):
        field_of("vault", Source("vault", "team/db", "pass"), DOCUMENT)


@pytest.mark.parametrize("text", ["0", "3601", "-1", "1.5", "many", "9" * 40, "\u0661"])
def test_a_wrong_limit_names_its_variable(text: str) -> None:
    assert CacheLimits.from_environment({"STAGEDOOR_STORE_CACHE_SECONDS": "5"}) == CacheLimits(5, 1_000)
    with pytest.raises(BadInput, match=r"^STAGEDOOR_STORE_CACHE_SECONDS: "):
        CacheLimits.from_environment({"STAGEDOOR_STORE_CACHE_SECONDS": text})


@pytest.mark.anyio
async def test_many_who_ask_at_once_share_one_call_and_its_error() -> None:
    shared, calls, go_on = Shared[str, int](), list[str](), asyncio.Event()

    async def call(name: str) -> int:
        calls.append(name)
        await go_on.wait()
        if name == "bad":
            raise ValueError(name)
        return len(calls)

    asked = [asyncio.create_task(shared(name, partial(call, name))) for name in ("good", "good", "bad", "bad", "good")]
    await asyncio.sleep(0.01)
    asked[0].cancel()
    go_on.set()
    answers = await asyncio.gather(*asked, return_exceptions=True)
    assert sorted(calls) == ["bad", "good"] and answers[1] == answers[4] == 2
    assert isinstance(answers[0], asyncio.CancelledError) and isinstance(answers[2], ValueError) and isinstance(answers[3], ValueError)
    assert await shared("good", lambda: call("good")) == 3  # what is over is asked anew


def test_a_store_that_cannot_be_reached_is_told_of_and_shows_no_token(sqlite_server: LiveServer) -> None:
    admin, store, secret = sqlite_server.admin(), new("store"), new("secret")
    body = {"kind": "vault-kv-v2", "address": "https://localhost:1", "token": "token-that-nobody-sees"}
    assert admin.call("PUT", f"/api/secret-stores/{store}", body)["token"] == "***"
    admin.call("PUT", f"/api/secrets/{secret}/source", {"store": store, "path": "team/db"})
    answer = admin.raw("GET", f"/api/secrets/{secret}")
    assert answer.status_code == 503 and answer.headers["Retry-After"] == "1"
    assert answer.json()["message"].startswith(f"store {store}: the request to it failed: localhost: ")
    assert admin.call("POST", f"/api/secret-stores/{store}/check")["ok"] is False
    assert b"token-that-nobody-sees" not in sqlite_server.log.read_bytes()
