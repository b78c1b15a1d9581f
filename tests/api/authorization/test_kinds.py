"""Each kind of credential works where it is meant to, and nowhere else (promise 4): `kinds.py` over HTTP."""

from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from stagedoor.api import verifiers
from tests.api.authorization.kinds import CREDENTIALS, DIAGONAL, PLACES, Holder
from tests.support.inside import inside
from tests.support.issuer import issuers
from tests.support.server import LiveServer, live_server

pytestmark = pytest.mark.promise(4)


def cells(holder: Holder, kind: str) -> dict[str, int]:
    return {place: show(holder, CREDENTIALS[kind](holder)).status_code for place, show in PLACES.items()}


@pytest.fixture(scope="module")
def holder(sqlite_server: LiveServer) -> Iterator[Holder]:
    with httpx.Client(base_url=sqlite_server.url, timeout=30) as http:
        yield Holder(sqlite_server, http)


@pytest.fixture(scope="module")
def trusting(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Holder]:
    folder = tmp_path_factory.mktemp("kinds")
    with issuers(folder) as made, live_server(folder, **made.environment) as server, httpx.Client(base_url=server.url, timeout=30) as http:
        yield Holder(server, http, made)


def test_the_tables_speak_of_the_same_kinds() -> None:
    assert CREDENTIALS.keys() == DIAGONAL.keys()
    assert {place for places in DIAGONAL.values() for place in places} <= PLACES.keys()


@pytest.mark.parametrize("kind", sorted(CREDENTIALS.keys() - {"federated token"}))
def test_only_the_diagonal_is_accepted(kind: str, holder: Holder) -> None:
    found = cells(holder, kind)
    assert {place for place, status in found.items() if status < 400} == DIAGONAL[kind]
    assert {place for place, status in found.items() if status >= 500} == set()


@pytest.mark.slow
@pytest.mark.parametrize("kind", sorted(CREDENTIALS))
def test_also_where_issuers_are_trusted(kind: str, trusting: Holder) -> None:
    found = cells(trusting, kind)
    assert {place for place, status in found.items() if status < 400} == DIAGONAL[kind]
    assert {place for place, status in found.items() if status >= 500} == set()


@pytest.mark.anyio
async def test_a_verifier_that_took_whatever_came_would_take_a_key_in_the_wrong_header(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The table of verifiers is what keeps them apart."""
    async with inside(tmp_path) as here:
        token = await here.token()
        made = await here.http.post("/api/keys", json={"name": "one"}, headers={"X-Authorization": token})
        sent = {"X-Authorization": made.json()["key"]}

        async def status() -> int:
            return (await here.http.get("/api/secrets", headers=sent)).status_code

        assert await status() == 401
        monkeypatch.setattr(verifiers, "VERIFIERS", dict.fromkeys(verifiers.VERIFIERS, (verifiers.API_KEYS, verifiers.ACCESS_TOKENS)))
        assert await status() == 200
