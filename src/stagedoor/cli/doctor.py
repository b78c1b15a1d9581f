"""`stagedoor doctor`: file modes, master key, schema, clock, disk and egress settings. One line a finding, exit 1 if any."""

import asyncio
import os
import shutil
import stat
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import typer

from stagedoor.bootstrap import make_store, master_key
from stagedoor.cli.options import DatabaseOption, DataOption
from stagedoor.core.project import DEFAULT, Projects
from stagedoor.core.signing import SigningKeys
from stagedoor.gate.address import EgressSettings
from stagedoor.kit.clock import SystemClock
from stagedoor.kit.errors import StagedoorError
from stagedoor.kit.ids import new_id
from stagedoor.settings import DATABASE_FILE, MASTER_KEY_FILE, Settings, master_key_text

LEAST_FREE = 512 * 1024 * 1024
EARLIEST = datetime(2026, 1, 1, tzinfo=UTC)


def doctor(data: DataOption, database: DatabaseOption = None) -> None:
    """Look at file modes, master key, schema, clock, disk and egress settings; one line a finding, exit 1 if any."""
    settings = Settings(data=data, database=database, master_key=master_key_text())
    findings = [*_files(settings), *_clock(), *_disk(data), *_egress(), *asyncio.run(_store(settings))]
    for finding in findings:
        typer.echo(finding)
    if findings:
        raise typer.Exit(1)
    typer.echo("no findings")


def _files(settings: Settings) -> Iterator[str]:
    if not settings.data.is_dir():
        yield f"data: there is no directory {settings.data}; run `stagedoor init`"
        return
    if stat.S_IMODE(settings.data.stat().st_mode) & 0o022:
        yield f"data: others than the owner may write in {settings.data}; chmod 700 it"
    secret_files = [settings.data / name for name in (MASTER_KEY_FILE, DATABASE_FILE, f"{DATABASE_FILE}-wal")]
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


async def _store(settings: Settings) -> list[str]:
    """The schema is there and current, and the master key opens what it sealed."""
    if not settings.database and not (settings.data / DATABASE_FILE).exists():
        return [] if not settings.data.is_dir() else [f"store: there is no {DATABASE_FILE}; run `stagedoor init`"]
    try:
        master = master_key(settings)
        store = make_store(settings)
        await store.open()
    except StagedoorError as problem:
        return [f"store: {problem.message}"]
    try:
        keys = await store.scan(SigningKeys(master, SystemClock(), new_id).all)
        await store.scan(lambda tx: Projects(master, SystemClock(), new_id).newest_key(tx, DEFAULT))
    except StagedoorError as problem:
        return [f"master key: {problem.message}"]
    finally:
        await store.close()
    return [] if keys else ["store: it has no signing key; run `stagedoor init`"]
