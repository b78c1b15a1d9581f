"""How long a console session lives, and that whoever may write the database, with the signing key in hand, gets none that works.

Each attack is shown to succeed where the protection is taken away (promise 3).
"""

import sqlite3
from collections.abc import AsyncIterator
from contextlib import closing
from pathlib import Path
from typing import Any

import msgspec
import pytest

from stagedoor.core import console_session
from stagedoor.core.credential import Credentials
from stagedoor.gate import exchange
from stagedoor.kit.crypto import digest
from stagedoor.kit.keyformat import CONSOLE_SESSION
from stagedoor.kit.tokens import Claims
from tests.api.authorization.forge import claims_in
from tests.api.session.browser import COOKIE, ME, REFRESH, START
from tests.support.inside import ADMIN, Inside, inside

pytestmark = [pytest.mark.anyio, pytest.mark.slow]
OWN = CONSOLE_SESSION.new()
"""The thief's: well-formed, made by nobody here."""
HOUR = 60 * 60_000


class House:
    """A server whose database lies open. `cookie`: of the administrator's session; `id` of its row."""

    def __init__(self, here: Inside, path: Path) -> None:
        self.here, self.path = here, path
        self.cookie = self.token = self.id = ""

    async def sign_in(self) -> None:
        body = {"email": ADMIN, "password": self.here.first["password"]}
        answer = await self.here.http.post(START, json=body, headers={"Origin": "http://inside"})
        assert answer.status_code == 200, answer.text
        self.cookie, self.token = self.here.http.cookies[COOKIE], answer.json()["token"]
        self.id = claims_in(self.token)["client_id"]
        self.here.http.cookies.clear()

    async def shows(self, cookie: str) -> Any:
        """The answer to a cookie."""
        return await self.here.http.post(REFRESH, headers={"Origin": "http://inside", "Cookie": f"{COOKIE}={cookie}"})

    async def calls(self, token: str) -> int:
        return (await self.here.http.get(ME, headers={"X-Authorization": token})).status_code

    def sql(self, text: str, *values: Any) -> list[Any]:
        with closing(sqlite3.connect(self.path, timeout=10)) as store:
            found = store.execute(text, values).fetchall()
            store.commit()
            return found

    def copy(self, source: str, **changed: Any) -> None:
        """Another row like `source`, with some columns changed."""
        with closing(sqlite3.connect(self.path, timeout=10)) as store:
            store.row_factory = sqlite3.Row
            row = {**dict(store.execute("SELECT * FROM credential WHERE id = ?", (source,)).fetchone()), **changed}
            store.execute(f"INSERT OR REPLACE INTO credential ({', '.join(row)}) VALUES ({', '.join('?' * len(row))})", tuple(row.values()))
            store.commit()


@pytest.fixture(scope="module")
async def house(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[House]:
    folder = tmp_path_factory.mktemp("sessions")
    async with inside(folder) as here:
        made = House(here, folder / "stagedoor.db")
        await made.sign_in()
        yield made


async def test_of_the_cookie_the_database_holds_a_digest_alone(house: House) -> None:
    (row,) = house.sql("SELECT kind, owner, digest, mask, name, expires_at - created_at FROM credential WHERE id = ?", house.id)
    assert row[:5] == ("console_session", ADMIN, digest(house.cookie), None, None)
    assert 9 * HOUR < row[5] <= 10 * HOUR
    assert house.cookie.encode() not in b"".join(path.read_bytes() for path in house.path.parent.iterdir() if path.is_file())


@pytest.mark.promise(3)
async def test_a_row_that_was_forged_proves_nobody(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    key = house.here.first["keyId"]
    attacks: dict[str, dict[str, Any]] = {
        "a row of one's own": {"digest": digest(OWN)},
        "without a MAC": {"digest": digest(OWN), "mac": None},
        "of another": {"digest": digest(OWN), "owner": f"operator:{ADMIN}"},
        "in another project": {"digest": digest(OWN), "project_id": "other"},
        "of another kind": {"digest": digest(OWN), "kind": "console_session"},
    }
    for attack, changed in attacks.items():
        house.copy(key if attack == "of another kind" else house.id, id="forged", **{"expires_at": 2**50, **changed})
        answer = await house.shows(OWN)
        assert (answer.status_code, answer.json()["message"]) == (401, "Invalid access key"), attack
        with monkeypatch.context() as patch:
            patch.setattr(Credentials, "tampered", lambda *_: None)
            assert (await house.shows(OWN)).status_code == 200, attack
        house.sql("DELETE FROM credential WHERE id = 'forged'")
    assert house.sql("SELECT COUNT(*) FROM audit WHERE action = 'credential.tampered'")[0][0] >= 1
    assert (await house.shows(house.cookie)).status_code == 200


@pytest.mark.promise(3)
async def test_a_session_that_was_lengthened_or_moved_to_the_thiefs_cookie_is_over(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    for column, value in (("expires_at", 2**50), ("digest", digest(OWN)), ("owner", "someone")):
        await house.sign_in()
        house.sql(f"UPDATE credential SET {column} = ? WHERE id = ?", value, house.id)
        cookie = OWN if column == "digest" else house.cookie
        assert (await house.shows(cookie)).status_code == 401, column
        with monkeypatch.context() as patch:
            patch.setattr(Credentials, "tampered", lambda *_: None)
            assert (await house.shows(cookie)).status_code == 200, column
        house.sql("DELETE FROM credential WHERE id = ?", house.id)
    await house.sign_in()


@pytest.mark.promise(3)
async def test_with_the_signing_key_in_hand_a_token_by_a_forged_session_is_refused(house: House) -> None:
    signer = await house.here.server.realm.keys.signer()
    house.copy(house.id, id="forged", digest=digest(OWN))
    forged = signer.sign(msgspec.convert(claims_in(house.token) | {"client_id": "forged"}, Claims))
    assert [await house.calls(token) for token in (house.token, forged)] == [200, 401]
    house.sql("DELETE FROM credential WHERE id = 'forged'")


async def test_nobody_has_a_session_beyond_its_time_nor_a_token_beyond_its_session(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(exchange, "SESSION_LIFE", HOUR // 60)
    await house.sign_in()
    (expires,) = house.sql("SELECT expires_at FROM credential WHERE id = ?", house.id)[0]
    assert 0 <= expires - (await house.shows(house.cookie)).json()["expiresAt"] < 2000
    monkeypatch.setattr(exchange, "SESSION_LIFE", 0)
    await house.sign_in()
    answer = await house.shows(house.cookie)
    assert (answer.status_code, answer.json()["error"]) == (401, "EXPIRED_TOKEN")
    assert answer.json()["message"] == "this session is over: sign in again"
    assert await house.calls(house.token) == 401
    monkeypatch.undo()
    await house.sign_in()


async def test_an_hour_without_a_sign_of_life_ends_a_session(house: House) -> None:
    earlier = house.sql("SELECT created_at FROM credential WHERE id = ?", house.id)[0][0] - console_session.IDLE
    idle = "UPDATE credential SET created_at = ?, last_used_at = ? WHERE id = ?"
    await house.sign_in()
    house.sql(idle, earlier, None, house.id)
    assert (await house.shows(house.cookie)).json()["message"] == "this session is over: sign in again"
    house.sql(idle, earlier, earlier, house.id)
    assert (await house.shows(house.cookie)).status_code == 401
    house.sql(idle, earlier, earlier + console_session.IDLE // 2, house.id)
    assert (await house.shows(house.cookie)).status_code == 200
