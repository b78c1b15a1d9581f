"""When the old key of a rotation ends: at its time, also for a token that is known already; for want of use, once the last straggler has
gone. On a whole server whose clock is turned ahead."""

import sqlite3
import time
from collections.abc import Iterator
from contextlib import closing
from typing import Any

import httpx
import pytest

from stagedoor.core.credential import Credentials
from stagedoor.core.principal import Principal
from stagedoor.core.usage import HOUR
from stagedoor.store.store import Transaction
from tests.rotation.keys import KINDS, Held, by_token, held
from tests.rotation.turned import TurnedClock, turned_server
from tests.support.server import Api
from tests.support.thread import ThreadServer

pytestmark = pytest.mark.slow
MINUTE = 60_000
Hall = tuple[ThreadServer, TurnedClock]


@pytest.fixture(scope="module")
def hall(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Hall]:
    with turned_server(tmp_path_factory.mktemp("retirement")) as made:
        yield made


def minted(key: Held) -> str:
    answer = httpx.post(f"{key.server.url}/api/token", json={"keyId": key.id, "keySecret": key.secret}, timeout=30)
    assert answer.status_code == 200
    token: str = answer.json()["token"]
    return token


def until_retired(key: Held, owner: Api) -> None:
    deadline = time.monotonic() + 30
    while (key.listed(owner) or {})["status"] == "ACTIVE":
        assert time.monotonic() < deadline, "it was not retired"
        time.sleep(0.05)


@pytest.mark.parametrize("kind", KINDS)
def test_the_old_key_ends_at_its_time(kind: str, hall: Hall) -> None:
    server, clock = hall
    old = held(kind, server, server.admin())
    made, answer = old.rotated(retireAt=clock.now() + 10 * MINUTE)
    assert old.works()
    clock.ahead += 9 * MINUTE
    assert old.works()
    clock.ahead += 2 * MINUTE
    assert not old.works() and made.works()
    shown = old.listed(server.admin())
    assert shown and shown["status"] != "ACTIVE" and shown["retireAt"] == answer["retireAt"]


def test_a_token_of_the_old_key_ends_with_it_though_nothing_is_changed_then(hall: Hall) -> None:
    server, clock = hall
    old = held("access_key", server, server.admin())
    token = minted(old)
    made, _ = old.rotated(retireAt=clock.now() + 10 * MINUTE)
    assert by_token(server, token).status_code == 200
    clock.ahead += 11 * MINUTE
    assert by_token(server, token).status_code == 401
    assert by_token(server, minted(made)).status_code == 200


def test_if_the_end_were_not_kept_with_a_known_token_it_would_outlive_its_key(hall: Hall, monkeypatch: pytest.MonkeyPatch) -> None:
    server, clock = hall
    real = Credentials.alive_until

    def without_end(self: Credentials, tx: Transaction, credential_id: str) -> tuple[Principal, int | None]:
        return real(self, tx, credential_id)[0], None

    monkeypatch.setattr(Credentials, "alive_until", without_end)
    old = held("access_key", server, server.admin())
    token = minted(old)
    old.rotated(retireAt=clock.now() + 10 * MINUTE)
    assert by_token(server, token).status_code == 200
    clock.ahead += 11 * MINUTE
    assert by_token(server, token).status_code == 200


def test_retirement_for_want_of_use_waits_for_the_last_straggler(hall: Hall) -> None:
    """All kinds at once. `idle`: keys that nobody uses; once they are gone, it was looked at the stragglers too."""
    server, clock = hall
    admin = server.admin()
    stragglers = [held(kind, server, admin) for kind in KINDS]
    idle = [held(kind, server, admin) for kind in KINDS]
    successors = [key.rotated(retireAfterIdleHours=24)[0] for key in stragglers]
    for key in idle:
        key.rotated(retireAfterIdleHours=24)

    clock.ahead += 20 * HOUR
    used, admin = clock.now(), server.admin()
    assert [key.use().status_code for key in stragglers] == [200, 200, 200]
    for key in stragglers:
        key.seen_since(used, admin)

    clock.ahead += 10 * HOUR
    admin = server.admin()
    for key in idle:
        until_retired(key, admin)
    assert not any(key.works() for key in idle)
    for key in stragglers:
        shown: dict[str, Any] = key.listed(admin) or {}
        assert shown["status"] == "ACTIVE" and "retireAt" not in shown and shown["retireAfterIdleHours"] == 24

    clock.ahead += 20 * HOUR
    admin = server.admin()
    for key in stragglers:
        until_retired(key, admin)
    assert [key.use().status_code for key in stragglers] == [401, 401, 401]
    assert all(key.works() for key in successors)
    assert stragglers[0].ask("rollback", owner=admin).status_code == 409
    assert audited(server, stragglers) == {f"{kind}.retire": 1 for kind in KINDS}


def audited(server: ThreadServer, keys: list[Held]) -> dict[str, int]:
    """What the chore did to them."""
    with closing(sqlite3.connect(f"file:{server.data / 'stagedoor.db'}?mode=ro", uri=True)) as db:
        targets = [f"CREDENTIAL {key.id}" for key in keys]
        rows = db.execute("SELECT action, target FROM audit WHERE actor = 'stagedoor-retirement'").fetchall()
    found = [action for action, target in rows if target in targets]
    return {action: found.count(action) for action in found}


def test_a_retirement_written_into_the_database_by_hand_ends_the_key_and_none_prolongs_it(
    hall: Hall, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The end is under the row's MAC."""
    server, clock = hall
    old = held("api_key", server, server.admin())
    old.rotated(retireAt=clock.now() + 10 * MINUTE)
    clock.ahead += 11 * MINUTE
    assert not old.works()
    with closing(sqlite3.connect(server.data / "stagedoor.db", timeout=30)) as db, db:
        db.execute("UPDATE credential SET retire_at = NULL WHERE id = ?", (old.id,))
    assert not old.works()
    assert old.ask("rotate", owner=server.admin()).status_code == 409
    monkeypatch.setattr(Credentials, "tampered", lambda self, tx, row: None)
    assert old.works()
