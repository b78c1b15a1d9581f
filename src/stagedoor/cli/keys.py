"""`stagedoor keys list` and `leaks`: every credential of a project and what is made of it, on the store itself; a server may be running."""

from datetime import UTC, datetime
from typing import Annotated

import msgspec
import typer
from rich.console import Console
from rich.table import Table

from stagedoor.bootstrap import Core
from stagedoor.cli.drawing import cell
from stagedoor.cli.options import DatabaseOption, DataOption, JsonOption, settings_of
from stagedoor.cli.scanning import scanned_or_fail
from stagedoor.core.credential_use import Shown, all_shown, uses_since
from stagedoor.core.leak import Leak, Leaks
from stagedoor.core.project import DEFAULT
from stagedoor.core.usage import DAY
from stagedoor.store.store import Transaction

keys = typer.Typer(help="Credentials of every kind, and what is made of them.", no_args_is_help=True)
ProjectOption = Annotated[str, typer.Option("--project", metavar="ID")]
MOST_LEAKS = 1_000
COLOURS = {"ACTIVE": "green", "PAUSED": "yellow", "EXPIRED": "dim", "RETIRED": "dim"}


class Listed(Shown, frozen=True, kw_only=True):
    """`uses_24h`: requests that were let in, in the last 24 hours, to the hour."""

    uses_24h: int = msgspec.field(name="uses24h")


@keys.command("list")
def list_all(
    *,
    data: DataOption,
    database: DatabaseOption = None,
    project: ProjectOption = DEFAULT,
    kind: Annotated[str | None, typer.Option("--kind", help="access_key, api_key, secret_key, publishable_key, session, ...")] = None,
    as_json: JsonOption = False,
) -> None:
    """Every credential: whose it is, whether it is live, when it was used last, how often in 24 hours."""

    def within(core: Core, tx: Transaction) -> list[Listed]:
        now = core.clock.now()
        used = uses_since(tx, project, now - DAY)
        wanted = (one for one in all_shown(tx, project, now) if kind in (None, one.kind))
        found = [Listed(**msgspec.structs.asdict(one), uses_24h=used.get(one.id, 0)) for one in wanted]
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
    for column in ("id", "kind", "name", "owner", "mask", "status", "last used", "from", "uses in 24 h"):
        table.add_column(column, overflow="fold", justify="right" if column.startswith("uses") else "left")
    for one in found:
        status = f"[{COLOURS.get(one.status, 'white')}]{one.status}[/]"
        used = moment(one.last_used_at)
        table.add_row(
            one.id, one.kind, cell(one.name), cell(one.owner), cell(one.mask), status, used, cell(one.last_used_from), str(one.uses_24h)
        )  # fmt: skip
    _console().print(table)


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
