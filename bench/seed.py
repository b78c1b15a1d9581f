"""What the benchmark draws from: 10,000 access keys of 1,000 applications, 1,000 secrets, ten readable by each application."""

import asyncio
import random
from dataclasses import dataclass
from pathlib import Path

from stagedoor.bootstrap import Core, make_core, make_store, master_keys
from stagedoor.core.grant import Subject, Target
from stagedoor.core.permission import Access
from stagedoor.core.principal import Principal
from stagedoor.core.project import DEFAULT
from stagedoor.kit.clock import SystemClock
from stagedoor.kit.secretvalue import SecretValue
from stagedoor.settings import Settings
from stagedoor.store.store import Transaction

APPLICATIONS, KEYS_EACH, SECRETS, READABLE = 1000, 10, 1000, 10


@dataclass(frozen=True)
class Client:
    """An access key and the secrets its application may read."""

    key_id: str
    secret: str
    readable: tuple[str, ...]


def seed(data: Path, admin: str) -> list[Client]:
    """Writes through the same core as the server does, in transactions of a hundred."""
    return asyncio.run(_seed(data, Principal(DEFAULT, admin)))


async def _seed(data: Path, who: Principal) -> list[Client]:
    settings, chance = Settings(data=data), random.Random(1)
    store = make_store(settings)
    await store.open()
    core = make_core(store, master_keys(settings), SystemClock())
    names = [f"secret_{number:04}" for number in range(SECRETS)]
    clients: list[Client] = []
    try:
        for start in range(0, SECRETS, 100):
            await store.write(lambda tx, start=start: _secrets(tx, core, who, names[start : start + 100]))
        for _ in range(APPLICATIONS // 100):
            readable = [tuple(chance.sample(names, READABLE)) for _ in range(100)]
            clients += await store.write(lambda tx, readable=readable: _applications(tx, core, who, readable))
    finally:
        await store.close()
    return clients


def _secrets(tx: Transaction, core: Core, who: Principal, names: list[str]) -> None:
    for name in names:
        core.secrets.put(tx, who, name, SecretValue(f"value-of-{name}-0123456789"))


def _applications(tx: Transaction, core: Core, who: Principal, readable: list[tuple[str, ...]]) -> list[Client]:
    clients: list[Client] = []
    for names in readable:
        application = core.applications.create(tx, who, "bench")
        for name in names:
            core.grants.add(tx, who, Subject("USER", f"app:{application.id}"), Target("SECRET_NAME", name), [Access.READ])
        for _ in range(KEYS_EACH):
            key = core.credentials.create_key(tx, who, application.id)
            clients.append(Client(key.id, key.secret, names))
    return clients
