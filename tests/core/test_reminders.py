"""Reminders: each due one once a day, in the log and the audit, by one node of all; the list on the command line."""

import asyncio
import json
import logging
import os
import subprocess

import pytest

from stagedoor.bootstrap import Core, make_core
from stagedoor.core.principal import Principal
from stagedoor.core.project import DEFAULT
from stagedoor.core.secret_expiry import DAY, Expiring, Expiry, expiring, remind, set_expiry
from stagedoor.gate.chores import Chore
from stagedoor.gate.recording import Recording, counting
from stagedoor.gate.reminders import HOUR, Reminders
from stagedoor.kit.clock import ManualClock
from stagedoor.kit.crypto import Key
from stagedoor.kit.secretvalue import SecretValue
from stagedoor.store import Store, Transaction
from tests.api.authorization.world import new
from tests.support.server import COMMAND, LiveServer

WHO = Principal(DEFAULT, "ada@example.com")


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock()


@pytest.fixture
async def core(store: Store, clock: ManualClock) -> Core:
    """Three secrets: `soon` wants a reminder in one day, `late` in ten, `never` none."""
    core = make_core(store, Key(bytes(32)), clock)
    at = clock.now()

    def begin(tx: Transaction) -> None:
        core.projects.create(tx, DEFAULT, DEFAULT)
        for name, days in (("soon", 1), ("late", 10), ("never", 0)):
            core.secrets.put(tx, WHO, name, SecretValue("needles"))
            if days:
                set_expiry(tx, core.audit, WHO, name, Expiry(at + (days + 7) * DAY))

    await store.write(begin)
    return core


def reminders(core: Core) -> Chore:
    return Chore(core.store, core.projects, core.clock, HOUR, Reminders(core.store, core.audit).give)


def told(caplog: pytest.LogCaptureFixture) -> list[str]:
    found = [record.getMessage().split(" of project")[0] for record in caplog.records if record.name == "stagedoor.gate"]
    caplog.clear()
    return found


@pytest.mark.anyio
async def test_a_reminder_is_given_once_a_day_while_it_is_due(core: Core, clock: ManualClock, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    one, other = reminders(core), reminders(core)
    for days, expected in ((0, []), (1, ["secret soon"]), (1, ["secret soon"]), (8, ["secret late", "secret soon"])):
        clock.advance(days * DAY + HOUR)
        await one.look()
        await other.look()  # another node, or the same after a restart
        assert told(caplog) == expected
    later = Expiry(clock.now() + 100 * DAY)
    await core.store.write(lambda tx: set_expiry(tx, core.audit, WHO, "soon", later))
    clock.advance(DAY)
    await one.look()
    assert told(caplog) == ["secret late"]


@pytest.mark.anyio
async def test_two_nodes_at_once_give_one_reminder_between_them(core: Core, clock: ManualClock) -> None:
    clock.advance(2 * DAY)
    now = clock.now()

    def give(tx: Transaction) -> list[Expiring]:
        return remind(tx, core.audit, DEFAULT, now)

    given = await asyncio.gather(*(core.store.write(give) for _ in range(5)))
    assert [one.name for each in given for one in each] == ["soon"]


@pytest.mark.anyio
async def test_the_server_looks_by_itself(
    core: Core, clock: ManualClock, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    caplog.set_level(logging.INFO)
    monkeypatch.setattr("stagedoor.gate.recording.FLUSH_SECONDS", 0.01)
    clock.advance(3 * DAY)
    recording = Recording(core.store, core.usage, [reminders(core)])
    async with counting(recording), asyncio.timeout(10):
        while not caplog.records:
            await asyncio.sleep(0.01)
    assert caplog.records[0].getMessage() == "secret soon of project default expires 2023-11-22 22:13 UTC"


@pytest.mark.anyio
async def test_what_expires_within_so_many_days(core: Core, clock: ManualClock) -> None:
    async def within(days: int) -> list[str]:
        return [one.name for one in await core.store.scan(lambda tx: expiring(tx, DEFAULT, clock.now(), days))]

    assert [await within(days) for days in (0, 1, 10, 30)] == [[], ["soon"], ["soon", "late"], ["soon", "late"]]
    clock.advance(100 * DAY)
    found = await core.store.scan(lambda tx: expiring(tx, DEFAULT, clock.now(), 0))
    assert [(one.name, one.expired) for one in found] == [("soon", True), ("late", True)]


@pytest.mark.slow
def test_the_command_line_lists_what_expires(sqlite_server: LiveServer) -> None:
    admin, name = sqlite_server.admin(), new("secret")
    admin.put_secret(name, "needles")
    admin.call("PUT", f"/api/secrets/{name}/expiry", {"expiresAt": 1_700_000_000_000})

    def printed(*options: str) -> str:
        command = [*COMMAND, "secrets", "expiring", "--data", str(sqlite_server.data), *options]
        kept = {word: value for word, value in os.environ.items() if not word.startswith("STAGEDOOR_")}
        return subprocess.run(command, env=kept, capture_output=True, check=True, text=True).stdout

    assert f"{name}\texpired 2023-11-14 22:13 UTC\treminder 2023-11-07 22:13 UTC\n" in printed()
    found = [one for one in json.loads(printed("--json", "--days", "0")) if one["name"] == name]
    assert found == [{"name": name, "expiresAt": 1_700_000_000_000, "remindAt": 1_699_395_200_000, "expired": True}]
