"""`stagedoor secrets expiring`: what has expired, or will, on the store itself."""

import asyncio
import json
from typing import Annotated

import msgspec
import typer

from stagedoor.bootstrap import open_core
from stagedoor.cli.options import DatabaseOption, DataOption, JsonOption, fail, settings_of
from stagedoor.core.project import DEFAULT
from stagedoor.core.secret import at_text
from stagedoor.core.secret_expiry import Expiring
from stagedoor.core.secret_expiry import expiring as expiring_within
from stagedoor.kit.errors import StagedoorError
from stagedoor.settings import Settings

ProjectOption = Annotated[str, typer.Option("--project", metavar="ID", help="Whose secrets.")]
DaysOption = Annotated[int, typer.Option("--days", min=0, max=3650, help="How far to look ahead.")]


def expiring(
    data: DataOption,
    database: DatabaseOption = None,
    *,
    project: ProjectOption = DEFAULT,
    days: DaysOption = 30,
    as_json: JsonOption = False,
) -> None:
    """Secrets that have expired, or that expire or want a reminder soon: name, when it expires, when the reminder is due."""
    try:
        found = asyncio.run(_expiring(settings_of(data, database), project, days))
    except StagedoorError as problem:
        fail(problem)
    if as_json:
        typer.echo(json.dumps(msgspec.to_builtins(found)))
        return
    for one in found:
        typer.echo(f"{one.name}\t{_when('expired' if one.expired else 'expires', one.expires_at)}\t{_when('reminder', one.remind_at)}")


async def _expiring(settings: Settings, project: str, days: int) -> list[Expiring]:
    async with open_core(settings) as core:
        now = core.clock.now()
        await core.store.scan(lambda tx: core.projects.get(tx, project))
        return await core.store.scan(lambda tx: expiring_within(tx, project, now, days))


def _when(word: str, at: int | None) -> str:
    return f"no {'reminder' if word == 'reminder' else 'expiry'}" if at is None else f"{word} {at_text(at)}"
