"""`stagedoor secrets expiring`: what has expired, or will, on the store itself."""

import json
from typing import Annotated

import msgspec
import typer

from stagedoor.cli.options import DatabaseOption, DataOption, JsonOption, settings_of
from stagedoor.cli.scanning import scanned_or_fail
from stagedoor.core.project import DEFAULT
from stagedoor.core.secret import at_text
from stagedoor.core.secret_expiry import expiring as expiring_within

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
    found = scanned_or_fail(
        settings_of(data, database), project, lambda core, tx: expiring_within(tx, project, core.clock.now(), days)
    )  # fmt: skip
    if as_json:
        typer.echo(json.dumps(msgspec.to_builtins(found)))
        return
    for one in found:
        typer.echo(f"{one.name}\t{_when('expired' if one.expired else 'expires', one.expires_at)}\t{_when('reminder', one.remind_at)}")


def _when(word: str, at: int | None) -> str:
    return f"no {'reminder' if word == 'reminder' else 'expiry'}" if at is None else f"{word} {at_text(at)}"
