"""Neither the database nor a signing key alone gives a working secret key; taking a protection away shows what it is for (promise 3)."""

import base64
import hmac
import json
import sqlite3
from collections.abc import AsyncIterator
from functools import partial
from pathlib import Path
from typing import Any

import httpx
import pytest

from stagedoor.bootstrap import Core, make_core
from stagedoor.core import project_key
from stagedoor.core.credential import Credentials, TamperedCredential
from stagedoor.core.earlier import complete, lacks
from stagedoor.core.principal import Principal
from stagedoor.core.project import DEFAULT
from stagedoor.kit.clock import ManualClock
from stagedoor.kit.crypto import Key, digest
from stagedoor.kit.errors import Unauthenticated
from stagedoor.kit.hs256 import HmacKey, SecretKeyClaims
from stagedoor.store.sqlite import SqliteStore
from tests.support.server import LiveServer

pytestmark = [pytest.mark.anyio, pytest.mark.promise(3)]
ADMIN = Principal(DEFAULT, "admin@localhost")
PREFIX = "sk_conductor_"


class Victim:
    """A store with one secret key, and whatever a thief may have of it."""

    def __init__(self, core: Core, path: Path, clock: ManualClock) -> None:
        self.core, self.path, self.clock = core, path, clock
        self.key_id = self.token = ""

    async def begin(self) -> "Victim":
        self.key_id, self.token = await self.made()
        return self

    async def made(self) -> tuple[str, str]:
        view, token = await self.core.store.write(lambda tx: self.core.project_keys.create(tx, ADMIN, "live"))
        return view.id, token.reveal()

    async def proves(self, token: str) -> Principal:
        return await self.core.store.read(lambda tx: self.core.project_keys.prove(tx, token))

    async def signing_key(self) -> HmacKey:
        """What the thief would have to unseal."""
        return await self.core.store.write(self.core.project_keys.signing.newest)

    def sql(self, text: str, *values: Any) -> None:
        with sqlite3.connect(self.path, timeout=10) as store:
            store.execute(text, values)
        store.close()


@pytest.fixture
async def victim(tmp_path: Path) -> AsyncIterator[Victim]:
    path = tmp_path / "stagedoor.db"
    clock = ManualClock()
    core = make_core(SqliteStore(path), Key.new(), clock)
    await core.store.open()
    await core.store.write(lambda tx: core.projects.create(tx, DEFAULT, DEFAULT))
    yield await Victim(core, path, clock).begin()
    await core.store.close()


def part(value: Any) -> str:
    data = value if isinstance(value, bytes) else json.dumps(value, separators=(",", ":")).encode()
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def jwt(header: dict[str, Any], claims: dict[str, Any], secret: bytes) -> str:
    signed = f"{part(header)}.{part(claims)}"
    return f"{PREFIX}{signed}.{part(hmac.digest(secret, signed.encode(), 'sha256'))}"


async def test_the_key_itself_proves_its_project(victim: Victim) -> None:
    assert await victim.proves(victim.token) == Principal(DEFAULT, "project:default", victim.key_id)


async def test_a_stolen_signing_key_signs_nothing_that_is_taken(victim: Victim, monkeypatch: pytest.MonkeyPatch) -> None:
    thief = await victim.signing_key()
    forged = PREFIX + thief.sign(SecretKeyClaims(victim.key_id, DEFAULT, 1))
    assert forged != victim.token
    with pytest.raises(Unauthenticated):
        await victim.proves(forged)
    monkeypatch.setattr(project_key, "same", lambda one, other: True)
    assert (await victim.proves(forged)).credential == victim.key_id


async def test_a_hash_written_into_the_database_is_not_taken(victim: Victim, monkeypatch: pytest.MonkeyPatch) -> None:
    """With the signing key in hand as well."""
    thief = await victim.signing_key()
    forged = PREFIX + thief.sign(SecretKeyClaims(victim.key_id, DEFAULT, 1))
    victim.sql("UPDATE credential SET digest = ? WHERE id = ?", digest(forged), victim.key_id)
    with pytest.raises(TamperedCredential):
        await victim.proves(forged)
    monkeypatch.setattr(Credentials, "tampered", lambda *_: None)
    assert (await victim.proves(forged)).credential == victim.key_id


async def test_a_row_added_to_the_database_is_not_taken(victim: Victim, monkeypatch: pytest.MonkeyPatch) -> None:
    victim.sql(
        "INSERT INTO credential (id, project_id, kind, owner, digest, created_by, created_at, mac) SELECT 'thief', project_id, kind, owner,"
        " ?, created_by, created_at, mac FROM credential WHERE id = ?",
        digest("sk_of_a_thief"), victim.key_id,
    )  # fmt: skip
    with pytest.raises(TamperedCredential):
        await victim.proves("sk_of_a_thief")
    monkeypatch.setattr(Credentials, "tampered", lambda *_: None)
    assert (await victim.proves("sk_of_a_thief")).credential == "thief"


async def test_a_signing_key_swapped_into_the_database_does_not_open(victim: Victim) -> None:
    """Another node, which has nothing in memory yet."""
    other = HmacKey.new("chosen")
    victim.sql("UPDATE project_signing_key SET kid = 'chosen'")
    fresh = make_core(victim.core.store, victim.core.keys, victim.core.clock)
    forged = PREFIX + other.sign(SecretKeyClaims(victim.key_id, DEFAULT, 1))
    with pytest.raises(Exception, match="do not open"):
        await fresh.store.read(lambda tx: fresh.project_keys.prove(tx, forged))


@pytest.mark.promise(4)
async def test_a_token_cannot_choose_its_algorithm_or_its_key(victim: Victim) -> None:
    signing = await victim.signing_key()
    secret, claims = signing.private(), {"jti": victim.key_id, "project": DEFAULT, "iat": 1_700_000_000}
    header = {"alg": "HS256", "typ": "sk+jwt", "kid": signing.kid}
    assert jwt(header, claims, secret) == victim.token  # so that what follows is refused for what is changed in it
    changes: tuple[dict[str, Any], ...] = (
        {"alg": "none"}, {"alg": "hs256"}, {"alg": "HS512"}, {"alg": "ES256"}, {"typ": "JWT"}, {"typ": "at+jwt"}, {"kid": "other"},
        {"kid": ""}, {"kid": "../../dev/null"}, {"jwk": {"kty": "oct", "k": ""}}, {"jku": "https://evil.test"}, {"x5u": "https://evil.test"},
        {"crit": ["exp"]}, {"crit": []}, {"b64": False},
    )  # fmt: skip
    tricks = [jwt(header | changed, claims, key) for key in (secret, b"", signing.kid.encode()) for changed in changes]
    reordered = dict(reversed(header.items()))
    unsigned = f"{PREFIX}{part(header | {'alg': 'none'})}.{part(claims)}."
    spelled = [victim.token + "=", victim.token + ".", victim.token.replace(PREFIX, ""), victim.token[:-1], PREFIX + victim.token]
    for forged in [*tricks, jwt(reordered, claims, secret), unsigned, *spelled, jwt(header, claims | {"project": "other"}, secret)]:
        with pytest.raises(Unauthenticated):
            await victim.proves(forged)


async def test_a_signing_key_is_replaced_by_overlap(victim: Victim) -> None:
    """The old one verifies until no secret key names it."""
    signing, keys, store = victim.core.project_keys.signing, victim.core.project_keys, victim.core.store
    first = (await victim.signing_key()).kid
    second, gone = await store.write(lambda tx: signing.rotate(tx, ADMIN))
    assert (second != first, gone) == (True, 0)
    new_id, new_token = await victim.made()
    fresh = make_core(store, victim.core.keys, victim.core.clock).project_keys
    for token, key_id in ((victim.token, victim.key_id), (new_token, new_id)):
        assert (await store.read(partial(fresh.prove, token=token))).credential == key_id
    await store.write(lambda tx: keys.delete(tx, ADMIN, victim.key_id))
    _, gone = await store.write(lambda tx: signing.rotate(tx, ADMIN))
    assert gone == 1
    assert await store.read(lambda tx: tx.one("project_signing_key_by_kid", kid=first)) is None
    assert (await victim.proves(new_token)).credential == new_id


async def test_a_paused_key_proves_nothing(victim: Victim) -> None:
    await victim.core.store.write(lambda tx: victim.core.project_keys.toggle(tx, ADMIN, victim.key_id))
    with pytest.raises(Unauthenticated):
        await victim.proves(victim.token)


@pytest.mark.parametrize("end", ["expires_at", "retire_at"])
async def test_a_key_proves_nothing_from_its_end_on(victim: Victim, end: str) -> None:
    core, columns = victim.core, {"id": end, "owner": "project:default", "digest": digest("sk_of_old"), end: victim.clock.now() + 1000}
    await core.store.write(lambda tx: core.credentials.insert(tx, ADMIN, "secret_key", dict(columns)))
    assert (await victim.proves("sk_of_old")).credential == end
    victim.clock.advance(1000)
    with pytest.raises(Unauthenticated):
        await victim.proves("sk_of_old")


async def test_a_project_from_before_gets_its_publishable_key_once(victim: Victim) -> None:
    core = victim.core
    await core.store.write(lambda tx: core.projects.create(tx, "old", "old"))
    victim.sql("DELETE FROM credential WHERE kind = 'publishable_key' AND project_id = 'old'")
    assert await core.store.scan(lacks)
    await core.store.write(lambda tx: complete(tx, core.keys, core.projects.publishable, "tests"))
    made = await core.store.read(lambda tx: core.projects.publishable.of(tx, "old"))
    assert made and made.startswith("pk_conductor_")
    assert not await core.store.scan(lacks)
    await core.store.write(lambda tx: complete(tx, core.keys, core.projects.publishable, "tests"))
    assert await core.store.read(lambda tx: core.projects.publishable.of(tx, "old")) == made


async def test_a_publishable_key_changed_in_the_database_is_not_given_out(victim: Victim) -> None:
    other = "pk_conductor_" + "0" * 30
    victim.sql("UPDATE credential SET mask = ?, digest = ? WHERE kind = 'publishable_key'", other, digest(other))
    with pytest.raises(Exception, match="was changed"):
        await victim.core.store.read(lambda tx: victim.core.projects.publishable.of(tx, DEFAULT))


@pytest.mark.slow
def test_a_name_of_a_signing_key_that_no_database_holds_is_a_wrong_key_like_any_other(server: LiveServer) -> None:
    """PostgreSQL takes no NUL."""
    token = jwt({"alg": "HS256", "typ": "sk+jwt", "kid": "\0"}, {}, b"any")
    answer = httpx.get(f"{server.url}/v1/end-users", headers={"Authorization": f"Bearer {token}"}, timeout=30)
    assert (answer.status_code, answer.json()["error"]["code"]) == (401, "API_KEY_INVALID")
