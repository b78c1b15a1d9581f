"""`stagedoor trust test`: which of an application's trusts takes a token, or why not. On the store itself; a server may be running on it.

The issuer's keys are fetched as a server fetches them, by the `STAGEDOOR_EGRESS_*` that are set here (docs/keyless-workers.md).
"""

import asyncio
import os
import sys
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.table import Table

from stagedoor.bootstrap import open_core
from stagedoor.cli.drawing import cell
from stagedoor.cli.options import DatabaseOption, DataOption, JsonOption, fail, settings_of
from stagedoor.cli.project import COMMAND
from stagedoor.core.federation import Trusts
from stagedoor.core.principal import Principal
from stagedoor.core.project import DEFAULT
from stagedoor.gate.address import EgressSettings
from stagedoor.gate.federation import Federation, Test, Tested
from stagedoor.gate.issuers import opened_issuers
from stagedoor.kit import strictjson
from stagedoor.kit.errors import BadInput, StagedoorError
from stagedoor.kit.ids import new_id
from stagedoor.settings import Settings

trusts = typer.Typer(help="Applications that trust the tokens of an OpenID issuer in place of a key.", no_args_is_help=True)
MOST = 64 * 1024
"""Bytes of a token or of claims."""


@trusts.callback()
def _group() -> None:
    """A group of its own, with one command as yet."""


@trusts.command("test")
def tried(
    *,
    application: Annotated[str, typer.Argument(metavar="APPLICATION", help="Its id.")],
    token: Annotated[Path | None, typer.Option("--token", metavar="FILE", help="Holds the issuer's token; - is standard input.")] = None,
    claims: Annotated[Path | None, typer.Option("--claims", metavar="FILE", help="JSON: what a token would say. - as well.")] = None,
    project: Annotated[str, typer.Option("--project", metavar="ID")] = DEFAULT,
    data: DataOption,
    database: DatabaseOption = None,
    as_json: JsonOption = False,
) -> None:
    """Which trust takes a token, or claims alone, and each condition that is not met. Nothing is used up. Exit 1 where none takes it."""
    try:
        if (token is None) == (claims is None):
            raise BadInput("give a token by --token, or claims by --claims", "token")
        settings, who = settings_of(data, database), Principal(project, COMMAND)
        shown: str | dict[str, Any] = _token(token) if token else _claims(claims or Path())
        found = asyncio.run(_tested(settings, who, application, shown))
    except StagedoorError as problem:
        fail(problem)
    if as_json:
        sys.stdout.write(strictjson.encode(found).decode() + "\n")
    else:
        _draw(found)
    if not any(one.matches and one.status == "ACTIVE" for one in found.trusts) or (token and not found.verified):
        raise typer.Exit(1)


async def _tested(settings: Settings, who: Principal, application: str, shown: str | dict[str, Any]) -> Test:
    egress = EgressSettings.from_environment(os.environ)
    async with open_core(settings) as core, opened_issuers(egress, core.clock) as issuers:
        trusts = Trusts(core.credentials, core.audit, core.clock, new_id)
        federation = Federation(core.store, trusts, core.applications, issuers, core.clock)
        if isinstance(shown, str):
            return await federation.test(who, application, shown)
        return await federation.test_claims(who, application, shown)


def _token(file: Path) -> str:
    try:
        return _read(file, "token").decode("ascii").strip()
    except UnicodeDecodeError:
        raise BadInput(f"{file}: it holds no token", "token") from None


def _claims(file: Path) -> dict[str, Any]:
    found: dict[str, Any] = strictjson.decode_as(dict[str, Any], _read(file, "claims"), strict=True)
    return found


def _read(file: Path, field: str) -> bytes:
    """Not from the command line, which others on this machine can read."""
    try:
        if str(file) == "-":
            text = sys.stdin.buffer.read(MOST + 1)
        else:
            with file.open("rb") as opened:
                text = opened.read(MOST + 1)
    except OSError as problem:
        raise BadInput(f"{file}: {problem.strerror}", field) from None
    if len(text) > MOST:
        raise BadInput(f"{file}: more than {MOST} bytes", field)
    return text


def _draw(found: Test) -> None:
    console = Console(highlight=False)
    if found.problem:
        console.print(cell(found.problem), soft_wrap=True)
    if not found.trusts and found.claims:
        console.print("The application trusts nobody.")
    for one in found.trusts:
        table = Table(box=None, header_style="dim", title=f"{cell(one.name or one.id)} {_verdict(one)}", title_justify="left")
        for column in ("", "claim", "asked for", "found"):
            table.add_column(column, overflow="fold")
        for finding in one.findings:
            value = "nothing" if finding.found is None else strictjson.encode(finding.found).decode()
            table.add_row("yes" if finding.matches else "[red]no[/]", cell(finding.check), cell(finding.expected), cell(value))
        console.print(table)


def _verdict(one: Tested) -> str:
    if not one.matches:
        return "[red]does not take it[/]"
    return "[green]takes it[/]" if one.status == "ACTIVE" else "[yellow]is paused, and would take it[/]"
