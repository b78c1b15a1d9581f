"""A secret that is deleted, or gets another policy, while a door opens it: acknowledged means before or after all of the opening."""

import asyncio
import threading
from collections.abc import Callable
from typing import Any

import pytest

from stagedoor.bootstrap import Core, make_core
from stagedoor.core.principal import Principal
from stagedoor.core.project import DEFAULT
from stagedoor.core.secret import Policy, Secrets
from stagedoor.core.secret_expiry import Expiry, set_expiry
from stagedoor.kit.clock import SystemClock
from stagedoor.kit.crypto import Key
from stagedoor.kit.secretvalue import SecretValue
from stagedoor.store import Store, Transaction

WHO = Principal(DEFAULT, "ada@example.com")
RECEIPT: dict[str, Any] = {
    "root_id": "r",
    "run_id": "r",
    "task_id": "t",
    "secret_name": "s",
    "door": "handoff",
    "consumer": "w",
    "opened_at": 1,
}


@pytest.fixture
async def core(store: Store) -> Core:
    core = make_core(store, Key(bytes(32)), SystemClock())

    def begin(tx: Transaction) -> None:
        core.projects.create(tx, DEFAULT, DEFAULT)
        core.secrets.put(tx, WHO, "s", SecretValue("needles"))

    await store.write(begin)
    return core


async def changed_while_open(core: Core, change: Callable[[Transaction], None]) -> tuple[bool, str]:
    """Whether the change was acknowledged before the opening was; and what the opening's transaction could see of the secret last."""
    opened, go_on = threading.Event(), threading.Event()

    def opening(tx: Transaction) -> str:
        assert core.secrets.shut(tx, DEFAULT, "s") is None
        opened.set()
        go_on.wait(5)
        found = core.secrets.open(tx, DEFAULT, "s")
        tx.do("receipt_insert", secret_id=found.secret_id, version=found.version, **RECEIPT)
        return found.secret_id

    door = asyncio.create_task(core.store.write(opening))
    await asyncio.to_thread(opened.wait, 5)
    changing = asyncio.create_task(core.store.write(change))
    done, _ = await asyncio.wait([changing], timeout=0.4)
    go_on.set()
    found = (await asyncio.gather(door, changing, return_exceptions=True))[0]
    return bool(done), found if isinstance(found, str) else type(found).__name__


CHANGES: dict[str, Callable[[Core], Callable[[Transaction], None]]] = {
    "deleted": lambda core: lambda tx: core.secrets.delete(tx, WHO, "s"),
    "another policy": lambda core: lambda tx: core.secrets.set_policy(tx, WHO, "s", Policy(hosts=("h",))),
    "another expiry": lambda core: lambda tx: set_expiry(tx, core.audit, WHO, "s", Expiry(0)),
    "another value": lambda core: lambda tx: core.secrets.put(tx, WHO, "s", SecretValue("others")),
}


@pytest.mark.anyio
@pytest.mark.parametrize("change", CHANGES)
async def test_the_change_waits_for_the_opening(change: str, core: Core) -> None:
    early, found = await changed_while_open(core, CHANGES[change](core))
    assert not early
    assert await core.store.read(lambda tx: core.secrets.open_version(tx, DEFAULT, found, 1).reveal()) == "needles"  # kept for redaction


@pytest.mark.anyio
@pytest.mark.postgres
@pytest.mark.parametrize("database", ["postgres"], indirect=True)
async def test_without_the_lock_it_would_not(core: Core, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Secrets, "_kept", Secrets._row)
    assert await changed_while_open(core, CHANGES["deleted"](core)) == (True, "NotFound")


@pytest.mark.anyio
async def test_openings_do_not_wait_for_each_other(core: Core) -> None:
    """Two doors at once (on SQLite, which has one writer, they take turns)."""
    async with asyncio.timeout(5):
        found = await asyncio.gather(*(core.store.write(lambda tx: core.secrets.open(tx, DEFAULT, "s").version) for _ in range(8)))
    assert found == [1] * 8
