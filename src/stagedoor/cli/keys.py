"""`stagedoor keys list` and `leaks`: every credential of a project and what is made of it, on the store itself; a server may be running."""

from datetime import UTC, datetime
from typing import Annotated

import msgspec
import typer
from rich.console import Console
from rich.table import Table

from stagedoor.bootstrap import Core
from stagedoor.cli.drawing import cell
from stagedoor.cli.key_rotation import rotate
from stagedoor.cli.options import DatabaseOption, DataOption, JsonOption, settings_of
from stagedoor.cli.scanning import scanned_or_fail
from stagedoor.core.credential_use import Listed, listed
from stagedoor.core.leak import Leak, Leaks
from stagedoor.core.project import DEFAULT
from stagedoor.store.store import Transaction

keys = typer.Typer(help="Credentials of every kind, and what is made of them.", no_args_is_help=True)
keys.command()(rotate)
ProjectOption = Annotated[str, typer.Option("--project", metavar="ID")]
MOST_LEAKS = 1_000
KINDS = "access_key, api_key, secret_key, publishable_key, federated (a trust), session, console_session, invite."
COLOURS = {"ACTIVE": "green", "PAUSED": "yellow", "EXPIRED": "dim", "RETIRED": "dim"}


@keys.command("list")
def list_all(
    *,
    data: DataOption,
    database: DatabaseOption = None,
    project: ProjectOption = DEFAULT,
    kind: Annotated[str | None, typer.Option("--kind", help=KINDS)] = None,
    as_json: JsonOption = False,
) -> None:
    """Every credential: whose it is, whether it is live, when it was used last, how often in 24 hours."""

    def within(core: Core, tx: Transaction) -> list[Listed]:
        found = [one for one in listed(tx, project, core.clock.now()) if kind in (None, one.kind)]
        return sorted(found, key=lambda one: (one.kind, one.owner, one.created_at or 0, one.id))

    found = scanned_or_fail(settings_of(data, database), project, within)
    if as_json:
        typer.echo(msgspec.json.encode(found).decode())
    else:
        _draw(found)


@keys.command()
def leaks(*, data: DataOption, database: DatabaseOption = None, project: ProjectOption = DEFAULT, as_json: JsonOption = False) -> None:
    """Credentials that were found where they do not belong, newest first, and what was done with each since."""

    def within(core: Core, tx: Transaction) -> list[Leak]:
        book = Leaks(core.clock, core.audit, core.credentials, core.signing)
        return [make() for (_, make), _ in zip(book.all(tx, project, 2**53, None), range(MOST_LEAKS), strict=False)]

    found = scanned_or_fail(settings_of(data, database), project, within)
    if as_json:
        typer.echo(msgspec.json.encode(found).decode())
    else:
        _draw_leaks(found)


def _draw(found: list[Listed]) -> None:
    table = Table(box=None, header_style="dim")
    for column in ("id", "kind", "name", "owner", "mask", "status", "ends", "last used", "from", "uses in 24 h"):
        table.add_column(column, overflow="fold", justify="right" if column.startswith("uses") else "left")
    for one in found:
        status = f"[{COLOURS.get(one.status, 'white')}]{one.status}[/]"
        used = moment(one.last_used_at)
        table.add_row(
            one.id, one.kind, cell(one.name), cell(one.owner), cell(one.mask), status, _ends(one), used, cell(one.last_used_from),
            str(one.uses_24h),
        )  # fmt: skip
    _console().print(table)


def _ends(one: Listed) -> str:
    """At the earlier of its times; or, once it was rotated, for want of use."""
    at = min((time for time in (one.expires_at, one.retire_at) if time), default=None)
    unused = f"unused {one.retire_after_idle_hours:g} h" if one.retire_after_idle_hours is not None and one.status != "RETIRED" else ""
    return " or ".join(filter(None, (moment(at) if at else "", unused)))


def _draw_leaks(found: list[Leak]) -> None:
    table = Table(box=None, header_style="dim")
    for column in ("found", "kind", "mask", "owner", "credential", "status", "let in since", "failed since", "place"):
        table.add_column(column, overflow="fold")
    for one in found:
        status = one.credential.status if one.credential else "DELETED"
        since = (str(one.since.ok + one.since.refused), str(one.since.failed))
        table.add_row(
            moment(one.first_reported_at), one.kind, cell(one.mask), cell(one.owner), one.credential_id, status, *since, cell(one.url)
        )  # fmt: skip
    _console().print(table)


def moment(at: int | None) -> str:
    return f"{datetime.fromtimestamp(at / 1000, UTC):%Y-%m-%d %H:%M}" if at else "never"


def _console() -> Console:
    """Wide where it is not a terminal: a cell is never cut in a file."""
    console = Console(highlight=False)
    return console if console.is_terminal else Console(highlight=False, width=400)
