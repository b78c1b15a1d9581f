"""A store with many keys, a load of puts and reads on it, and rotations of its master key that are killed."""

import asyncio
import contextlib
import itertools
import random
import subprocess
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

import httpx

from stagedoor.bootstrap import Core, open_core
from stagedoor.core.principal import Principal
from stagedoor.core.project import DEFAULT
from stagedoor.core.rotation import Progress, Rotation
from stagedoor.kit.secretvalue import SecretValue
from stagedoor.settings import Settings
from stagedoor.store.store import Transaction
from tests.support.server import ADMIN, COMMAND, Api, LiveServer

KEYS = 200


@dataclass
class Secrets:
    """What was acknowledged, by name. A value whose put was cut short may be either."""

    server: LiveServer
    values: dict[str, set[str]] = field(default_factory=dict)
    lost: list[str] = field(default_factory=list)
    done: int = 0

    def seed(self) -> None:
        """Each under a data key of its own."""
        asyncio.run(self._seed())

    async def _seed(self) -> None:
        def put(core: Core, number: int, tx: Transaction) -> None:
            core.projects.add_key(tx, DEFAULT)
            name, value = f"seed-{number}", f"value of seed {number}"
            core.secrets.put(tx, Principal(DEFAULT, ADMIN), name, SecretValue(value))
            self.values[name] = {value}

        async with open_core(settings_of(self.server)) as core:
            for number in range(KEYS):
                await core.store.write(partial(put, core, number))

    def check(self, api: Api, *names: str) -> None:
        for name in names or tuple(self.values):
            answer = api.raw("GET", f"/api/secrets/{name}")
            if answer.status_code != 200 or answer.text not in self.values[name]:
                self.lost.append(f"{name}: {answer.status_code} {answer.text[:200]}")
            self.done += 1

    @contextlib.contextmanager
    def load(self, chance: random.Random) -> Iterator[None]:
        """Puts and reads, from another thread, until the end."""
        stop = threading.Event()
        thread = threading.Thread(target=self._work, args=(stop, random.Random(chance.getrandbits(32))))
        thread.start()
        try:
            yield
        finally:
            stop.set()
            thread.join(60)
        assert not thread.is_alive()

    def _work(self, stop: threading.Event, chance: random.Random) -> None:
        api = self.server.admin()
        for number in itertools.count():
            if stop.is_set():
                return
            name = f"loaded-{chance.randrange(20)}"
            value = f"value {number} of {name} {chance.getrandbits(32):x}"
            try:
                api.put_secret(name, value)
                self.values[name] = {value}
                self.check(api, name, chance.choice(tuple(self.values)))
            except (AssertionError, httpx.HTTPError) as problem:
                self.lost.append(f"{name}: {problem}")
            time.sleep(0.01)


def settings_of(server: LiveServer) -> Settings:
    return Settings(data=server.data, database=server.database)


def rotate(server: LiveServer, *options: str) -> subprocess.Popen[bytes]:
    command = [*COMMAND, "rotate", "master-key", *server._store(), "--portion", "1", *options]
    return subprocess.Popen(command, env=server._env(), stdout=subprocess.PIPE, stderr=subprocess.STDOUT)


def progress(server: LiveServer) -> Progress:
    """How far a rotation is, by the store itself."""

    async def ask() -> Progress:
        async with open_core(settings_of(server)) as core:
            rotation = Rotation(core.keys, core.audit)
            return await core.store.scan(lambda tx: rotation.progress(tx, core.keys.key(tx, rotation.active_id(tx) or "")))

    return asyncio.run(ask())


def is_halfway(at: Progress) -> bool:
    return 0 < at.left < at.total


def killed(server: LiveServer, chance: random.Random, *options: str) -> bool:
    """A rotation killed at some moment: half the time while it starts, half once it rewraps. False where it was done before that."""
    process = rotate(server, *options)
    if chance.random() < 0.3:
        time.sleep(chance.uniform(0, 1))
    else:
        new = Path(server.data, "master.key.new")
        while process.poll() is None and not new.exists():
            time.sleep(0.005)
        time.sleep(chance.uniform(0, 0.5))
    process.kill()
    process.communicate()
    return process.returncode != 0


def halfway_killed(server: LiveServer) -> bool:
    """A rotation killed once some of the keys are rewrapped, by the store itself. False where it was done before that was seen."""
    process = rotate(server)
    while process.poll() is None and not is_halfway(progress(server)):
        pass
    process.kill()
    process.communicate()
    return process.returncode != 0


def cut_short(server: LiveServer, seconds: float, *options: str) -> None:
    process = rotate(server, *options)
    time.sleep(seconds)
    process.kill()
    process.communicate()


def finished(server: LiveServer, *options: str) -> str:
    process = rotate(server, *options)
    output, _ = process.communicate(timeout=100)
    assert process.returncode == 0, output.decode()
    return output.decode()
