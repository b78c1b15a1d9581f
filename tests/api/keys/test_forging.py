"""Whoever may write the database, without the master key or a key that was shown, makes no working credential (promise 3).

Each attack is shown to succeed where the protection is taken away.
"""

import json
import sqlite3
from collections.abc import AsyncIterator, Callable
from contextlib import closing
from pathlib import Path
from typing import Any

import msgspec
import pytest
from joserfc import jws
from joserfc.jwk import ECKey
from joserfc.util import urlsafe_b64encode

from stagedoor.core.api_key import NewApiKey
from stagedoor.core.credential import Credentials
from stagedoor.kit.crypto import Key, digest
from stagedoor.kit.ids import new_id
from stagedoor.kit.keyformat import API_KEY
from stagedoor.kit.tokens import Claims, SigningKey
from tests.api.authorization.forge import claims_in
from tests.support.inside import Inside, inside

pytestmark = [pytest.mark.anyio, pytest.mark.promise(3)]
OWN = API_KEY.new()
"""The thief's: well-formed, made by nobody here."""


class Thief:
    """Has the database, and a server to try things on. `low` is the id of a key that the thief was given, with a ceiling and an end."""

    def __init__(self, here: Inside, path: Path) -> None:
        self.here, self.path = here, path
        self.low = self.low_key = self.whole = ""

    async def begin(self) -> None:
        """New keys; what was forged before is gone."""
        self.sql("DELETE FROM credential WHERE digest = ?", digest(OWN))
        low = await self.make(ceiling={"access": ["EXECUTE"]}, expires_at=2**50)
        self.low, self.low_key = low["id"], low["key"]
        self.whole = (await self.make())["id"]
        await self.here.http.put("/api/secrets/kept", content=b"value", headers={"X-Authorization": await self.here.token()})

    async def make(self, **given: Any) -> dict[str, Any]:
        body = msgspec.to_builtins(msgspec.convert({"name": "any", **{_camel(k): v for k, v in given.items()}}, NewApiKey))
        answer = await self.here.http.post("/api/keys", json=body, headers={"X-Authorization": await self.here.token()})
        assert answer.status_code == 200, answer.text
        found: dict[str, Any] = answer.json()
        return found

    def sql(self, text: str, *values: Any) -> None:
        with closing(sqlite3.connect(self.path, timeout=10)) as store:
            store.execute(text, values)
            store.commit()

    def copy(self, source: str, **changed: Any) -> None:
        """Another row like `source`, with some columns changed."""
        with closing(sqlite3.connect(self.path, timeout=10)) as store:
            store.row_factory = sqlite3.Row
            row = {**dict(store.execute("SELECT * FROM credential WHERE id = ?", (source,)).fetchone()), **changed}
            store.execute(f"INSERT INTO credential ({', '.join(row)}) VALUES ({', '.join('?' * len(row))})", tuple(row.values()))
            store.commit()

    async def gets(self, key: str) -> int:
        """What the server says to a wish for the secret."""
        return (await self.here.http.get("/api/secrets/kept", headers={"Authorization": f"Bearer {key}"})).status_code


def _camel(name: str) -> str:
    first, *rest = name.split("_")
    return first + "".join(word.title() for word in rest)


@pytest.fixture
async def thief(tmp_path: Path) -> AsyncIterator[Thief]:
    async with inside(tmp_path) as here:
        thief = Thief(here, tmp_path / "stagedoor.db")
        await thief.begin()
        yield thief


Forge = Callable[[Thief], str]
"""Changes the database; the key to try then."""


def own_row(thief: Thief) -> str:
    thief.copy(thief.whole, id="forged", digest=digest(OWN))
    return OWN


def own_row_without_a_mac(thief: Thief) -> str:
    thief.copy(thief.whole, id="forged", digest=digest(OWN), mac=None)
    return OWN


def own_digest(thief: Thief) -> str:
    thief.sql("UPDATE credential SET digest = ? WHERE id = ?", digest(OWN), thief.whole)
    return OWN


def without_the_ceiling(thief: Thief) -> str:
    """As a row of before there were ceilings."""
    thief.sql("UPDATE credential SET ceiling = NULL WHERE id = ?", thief.low)
    return thief.low_key


def a_wider_ceiling(thief: Thief) -> str:
    thief.sql("""UPDATE credential SET ceiling = '{"access":["EXECUTE","READ"]}' WHERE id = ?""", thief.low)
    return thief.low_key


def no_ceiling_that_is_not_null(thief: Thief) -> str:
    thief.sql("UPDATE credential SET ceiling = '{}' WHERE id = ?", thief.low)
    return thief.low_key


def anothers_digest_under_ones_own_row(thief: Thief) -> str:
    """The mac of a row without a ceiling, the digest of the key that was given."""
    thief.sql("DELETE FROM credential WHERE id = ?", thief.low)
    thief.sql("UPDATE credential SET digest = ? WHERE id = ?", digest(thief.low_key), thief.whole)
    return thief.low_key


def an_access_keys_secret_as_an_api_key(thief: Thief) -> str:
    thief.copy(thief.here.first["keyId"], id="forged", kind="api_key", digest=digest(OWN), mask="", name="")
    return OWN


ATTACKS: tuple[Forge, ...] = (
    own_row, own_row_without_a_mac, own_digest, without_the_ceiling, a_wider_ceiling, no_ceiling_that_is_not_null,
    anothers_digest_under_ones_own_row, an_access_keys_secret_as_an_api_key,
)  # fmt: skip


async def test_a_row_that_was_forged_proves_nobody(thief: Thief, monkeypatch: pytest.MonkeyPatch) -> None:
    for attack in ATTACKS:
        await thief.begin()
        key = attack(thief)
        assert await thief.gets(key) == 401, attack.__name__
        with monkeypatch.context() as patch:
            patch.setattr(Credentials, "tampered", lambda *_: None)
            assert await thief.gets(key) == 200, attack.__name__
    with closing(sqlite3.connect(thief.path)) as store:
        told = store.execute("SELECT COUNT(*) FROM audit WHERE action = 'credential.tampered'").fetchone()[0]
    assert told >= len(ATTACKS) - 2  # two of them were at one row, within a minute


@pytest.mark.slow
async def test_nothing_that_the_row_says_can_be_written_over(thief: Thief) -> None:
    for number, (column, value) in enumerate(
        [("owner", "admin@example.com"), ("expires_at", None), ("expires_at", 2**51), ("project_id", "other"), ("kind", "access_key"),
         ("replaces", "other"), ("retire_at", 2**51), ("retire_idle", 1), ("kid", "other"), ("created_by", "other")]
    ):  # fmt: skip
        made = await thief.make(expires_at=2**50 + number)
        assert await thief.gets(made["key"]) == 200
        thief.sql(f"UPDATE credential SET {column} = ? WHERE id = ?", value, made["id"])
        await _forget(thief)
        assert await thief.gets(made["key"]) == 401, column


async def _forget(thief: Thief) -> None:
    """A change to the owner's keys: what is remembered is asked for anew."""
    await thief.here.http.post(f"/api/keys/{thief.whole}/status", headers={"X-Authorization": await thief.here.token()})


async def test_with_the_signing_key_in_hand_a_token_by_a_forged_row_is_refused(thief: Thief, monkeypatch: pytest.MonkeyPatch) -> None:
    """The private key is what the thief would have to unseal; a row of its own it cannot vouch for."""
    signer, good = await thief.here.server.realm.keys.signer(), claims_in(await thief.here.token())
    for kind in ("session", "operator_session", "access_key", "api_key"):
        thief.copy(thief.here.first["keyId"], id=kind, kind=kind, digest=digest(OWN), owner="admin@example.com")
        token = signer.sign(msgspec.convert(good | {"client_id": kind, "sub": "admin@example.com"}, Claims))
        assert await _status(thief, token) == 401
        with monkeypatch.context() as patch:
            patch.setattr(Credentials, "tampered", lambda *_: None)
            assert await _status(thief, token) == 200


async def test_with_the_signing_key_alone_no_token_is_made_for_anybodys_credential(thief: Thief, monkeypatch: pytest.MonkeyPatch) -> None:
    """It was found in a dump, opened already: what only the master key makes is missing in each token."""
    signer, good = await thief.here.server.realm.keys.signer(), claims_in(await thief.here.token())
    found = SigningKey.load(signer.kid, signer.private(), Key.new())
    claims = msgspec.convert(good | {"jti": "another", "exp": good["exp"] + 3600}, Claims)
    payload = urlsafe_b64encode(msgspec.json.encode(claims))  # with the MAC of the good one
    forged = [found.sign(claims), found.sign(msgspec.structs.replace(claims, sub="admin@example.com")), _signed(found, payload)]
    assert [await _status(thief, token) for token in forged] == [401, 401, 401]
    monkeypatch.setattr(SigningKey, "mac_of", lambda _, claims: claims.mac)
    assert await _status(thief, found.sign(claims)) == 200


def _signed(key: SigningKey, payload: bytes) -> str:
    head = urlsafe_b64encode(json.dumps({"alg": "ES256", "typ": "at+jwt", "kid": key.kid}).encode())
    signature = jws.JWSRegistry.algorithms["ES256"].sign(head + b"." + payload, ECKey.import_key(key.private()))
    return b".".join((head, payload, urlsafe_b64encode(signature))).decode()


async def _status(thief: Thief, token: str) -> int:
    return (await thief.here.http.get("/api/secrets/kept", headers={"X-Authorization": token})).status_code


@pytest.mark.slow
async def test_a_signing_key_of_ones_own_in_the_database_signs_nothing(thief: Thief) -> None:
    """Sealed under another key, or another row's bytes: neither opens; the others work on."""
    good = await thief.here.token()
    with closing(sqlite3.connect(thief.path, timeout=10)) as store:
        store.row_factory = sqlite3.Row
        genuine = dict(store.execute("SELECT * FROM signing_key").fetchone())
    mine = SigningKey(new_id(), ECKey.generate_key("P-256"), Key.new())
    for sealed in (Key.new().seal(mine.private(), f"signing_key:{mine.kid}"), genuine["sealed"], mine.private()):
        row = {**genuine, "kid": mine.kid, "sealed": sealed}
        thief.sql(f"INSERT OR REPLACE INTO signing_key ({', '.join(row)}) VALUES ({', '.join('?' * len(row))})", *row.values())
        forged = mine.sign(msgspec.convert(claims_in(good), Claims))
        assert [await _status(thief, token) for token in (forged, good)] == [401, 200]
