"""`stagedoor init`: the store, the master key, the first administrator, an application with the role ADMIN. Once only (promise 16)."""

import asyncio
import json
import os
from dataclasses import replace
from pathlib import Path
from typing import Annotated

import typer

from stagedoor.bootstrap import Core, make_core, make_store, master_keys
from stagedoor.cli.options import DatabaseOption, DataOption, JsonOption, KeyServiceOption, fail, settings_of
from stagedoor.core.credential import NewAccessKey
from stagedoor.core.principal import Principal
from stagedoor.core.project import DEFAULT
from stagedoor.gate.key_service import key_service
from stagedoor.kit.clock import SystemClock
from stagedoor.kit.crypto import Key, make_master_key, parse_master_key, read_master_key
from stagedoor.kit.errors import Conflict, StagedoorError
from stagedoor.kit.ids import new_token
from stagedoor.kit.passwords import hash_password
from stagedoor.settings import MASTER_KEY_FILE, Settings
from stagedoor.store.store import Transaction

AdminOption = Annotated[str, typer.Option("--admin", envvar="STAGEDOOR_ADMIN", metavar="EMAIL", help="The first administrator.")]
SYSTEM = Principal(DEFAULT, "stagedoor-init")


def init(
    data: DataOption,
    database: DatabaseOption = None,
    admin: AdminOption = "admin@localhost",
    key_service_url: KeyServiceOption = None,
    as_json: JsonOption = False,
) -> None:
    """Make the store, the master key, the first administrator and an application with the role ADMIN; print them once."""
    try:
        settings = replace(settings_of(data, database), key_service=key_service(key_service_url))
        made = asyncio.run(_init(settings, admin))
    except StagedoorError as problem:
        fail(problem)
    if as_json:
        typer.echo(json.dumps(made))
        return
    typer.echo("These are shown once. Store them in a safe place.\n")
    for name, value in made.items():
        typer.echo(f"  {name:<14} {value}")
    typer.echo(f"\nNext: stagedoor serve --data {data}")


async def _init(settings: Settings, admin: str) -> dict[str, str]:
    settings.data.mkdir(parents=True, exist_ok=True, mode=0o700)
    master, wrapped = await asyncio.to_thread(_master_key, settings)
    store = make_store(settings)
    await store.open()
    try:
        core = make_core(store, master_keys(settings), SystemClock())
        password = new_token("", 12)
        hashed = hash_password(password)
        application, key = await store.write(lambda tx: _first(tx, core, (master, wrapped), (admin, hashed)))
    finally:
        await store.close()
    return {"user": admin, "password": password, "applicationId": application, "keyId": key.id, "keySecret": key.secret}


def _master_key(settings: Settings) -> tuple[Key, str | None]:
    """The one there is, so that an interrupted `init` can be run again; else a new one. With a key service: a new one, as it wraps it."""
    path: Path = settings.data / MASTER_KEY_FILE
    if settings.key_service:
        key = Key.new()
        return key, settings.key_service.wrap(key.exported())
    if settings.master_key:
        return parse_master_key(settings.master_key), None
    return read_master_key(path) if os.path.lexists(path) else make_master_key(path), None


def _first(tx: Transaction, core: Core, master: tuple[Key, str | None], person: tuple[str, str]) -> tuple[str, NewAccessKey]:
    admin, hashed = person
    if core.projects.exists(tx, DEFAULT):
        raise Conflict("this store has its first administrator already; nothing was changed")
    core.keys.register(tx, *master)
    core.projects.create(tx, DEFAULT, DEFAULT)
    core.signing.create(tx)
    core.directory.create(tx, SYSTEM, admin, hashed, ["ADMIN"])
    core.operators.add(tx, SYSTEM, admin)
    owner = Principal(DEFAULT, admin)
    application = core.applications.create(tx, owner, "admin")
    core.applications.add_role(tx, owner, application.id, "ADMIN")
    return application.id, core.credentials.create_key(tx, owner, application.id)
