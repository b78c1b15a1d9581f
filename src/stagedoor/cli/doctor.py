"""`stagedoor doctor`: file modes, master key, schema, clock, disk and egress settings. One line a finding, exit 1 if any."""

import asyncio
import os
import shutil
import stat
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated

import typer

from stagedoor.bootstrap import make_store, master_keys
from stagedoor.cli.options import DatabaseOption, DataOption, settings_of
from stagedoor.cli.store_check import unusable_stores
from stagedoor.core import keycheck
from stagedoor.core.masterkey import reason
from stagedoor.core.signing import SigningKeys
from stagedoor.demo.failure import Unexpected
from stagedoor.gate.address import EgressSettings
from stagedoor.kit.clock import SystemClock
from stagedoor.kit.crypto import read_master_key
from stagedoor.kit.errors import StagedoorError
from stagedoor.kit.ids import new_id
from stagedoor.kit.masterkey import KeyFile
from stagedoor.settings import DATABASE_FILE, MASTER_KEY_FILE, Settings

LEAST_FREE = 512 * 1024 * 1024
EARLIEST = datetime(2026, 1, 1, tzinfo=UTC)


CanaryOption = Annotated[
    bool, typer.Option("--canary", help="Send secrets through everything on a temporary store, and search it all for them.")
]


def doctor(data: DataOption, database: DatabaseOption = None, canary: CanaryOption = False) -> None:
    """Look at file modes, master key, schema, clock, disk and egress settings; one line a finding, exit 1 if any."""
    settings = settings_of(data, database)
    findings = [*_files(settings), *_clock(), *_disk(data), *_egress(), *asyncio.run(_store(settings))]
    findings += asyncio.run(unusable_stores(settings))
    if canary:
        findings += _canaries(database)
    for finding in findings:
        typer.echo(finding)
    if findings:
        raise typer.Exit(1)
    typer.echo("no findings")


def _canaries(database: str | None) -> list[str]:
    from stagedoor.canary.check import check  # here: no other command waits for its import

    try:
        return asyncio.run(check(SystemClock(), lambda step: typer.echo(f"canary: {step} ...", err=True), database))
    except (Unexpected, StagedoorError) as problem:
        return [f"canary: the check could not be made: {problem}"]


def _files(settings: Settings) -> Iterator[str]:
    if not settings.data.is_dir():
        yield f"data: there is no directory {settings.data}; run `stagedoor init`"
        return
    if stat.S_IMODE(settings.data.stat().st_mode) & 0o022:
        yield f"data: others than the owner may write in {settings.data}; chmod 700 it"
    key_files = KeyFile(settings.data / MASTER_KEY_FILE)
    secret_files = [*key_files.there(), *(settings.data / name for name in (DATABASE_FILE, f"{DATABASE_FILE}-wal"))]
    for path in secret_files:
        if path.exists() and stat.S_IMODE(path.stat().st_mode) & 0o077:
            yield f"files: others than the owner may read {path}; chmod 600 it"


def _clock() -> Iterator[str]:
    now = datetime.fromtimestamp(SystemClock().now() / 1000, UTC)
    if now < EARLIEST:
        yield f"clock: it says {now:%Y-%m-%d}, which is before this version was made; tokens would be refused or live too long"


def _disk(data: Path) -> Iterator[str]:
    if data.is_dir() and shutil.disk_usage(data).free < LEAST_FREE:
        yield f"disk: less than {LEAST_FREE // 1024 // 1024} MB are free for {data}"


def _egress() -> Iterator[str]:
    try:
        settings = EgressSettings.from_environment(os.environ)
    except StagedoorError as problem:
        yield f"egress: {problem.message}"
        return
    for network in settings.allow_networks:
        if network.prefixlen == 0:
            yield f"egress: {network} allows workflows every private address"


def _retired(settings: Settings, needed: set[str]) -> list[str]:
    """By what the store says, not by the file's name: a database restored from a backup needs the key of its day."""
    gone, kept = "a master key that is not needed any more; take it away", f"the master key in use; keep it, as {MASTER_KEY_FILE}"
    return [f"files: {_retired_one(path, needed, gone, kept)}" for path in KeyFile(settings.data / MASTER_KEY_FILE).before()]


def _retired_one(path: Path, needed: set[str], gone: str, kept: str) -> str:
    """One that cannot be read is named beside all else that is found: servers run without it."""
    try:
        return f"{path} is {kept if read_master_key(path).id in needed else gone}"
    except StagedoorError as problem:
        return f"{path} cannot be judged: {problem.message}"


async def _store(settings: Settings) -> list[str]:
    """The schema is there and current, and the master key opens what it sealed."""
    if not settings.database and not (settings.data / DATABASE_FILE).exists():
        return [] if not settings.data.is_dir() else [f"store: there is no {DATABASE_FILE}; run `stagedoor init`"]
    try:
        master = master_keys(settings)
        store = make_store(settings)
        await store.open()
    except StagedoorError as problem:
        return [f"store: {problem.message}"]
    try:
        keys = await store.scan(SigningKeys(master, SystemClock(), new_id).all)
        found = await store.scan(lambda tx: list(keycheck.findings(tx, master, by_service=settings.key_service is not None)))
        found += await store.scan(lambda tx: _retired(settings, {row["master_id"] for row in tx.all("master_keys_unretired")}))
    except StagedoorError as problem:
        return [f"master key: {reason(problem)}"]
    finally:
        await store.close()
    return found if keys else ["store: it has no signing key; run `stagedoor init`"]
