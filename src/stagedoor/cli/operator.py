"""`stagedoor operator`: who stands above projects, on the store itself; a server may be running on it."""

import asyncio
from collections.abc import Callable
from typing import Annotated

import typer

from stagedoor.bootstrap import Core, open_core
from stagedoor.cli.options import DatabaseOption, DataOption, fail, settings_of
from stagedoor.cli.project import COMMAND
from stagedoor.core.principal import Principal
from stagedoor.core.project import DEFAULT
from stagedoor.kit.errors import StagedoorError
from stagedoor.settings import Settings
from stagedoor.store.store import Transaction

operators = typer.Typer(help="Operators: persons above projects.", no_args_is_help=True)
Email = Annotated[str, typer.Argument(metavar="EMAIL")]
BY = Principal(DEFAULT, COMMAND)


@operators.command()
def add(email: Email, data: DataOption, database: DatabaseOption = None) -> None:
    """Make a person an operator."""
    _write(settings_of(data, database), lambda core, tx: core.operators.add(tx, BY, email))


@operators.command()
def remove(email: Email, data: DataOption, database: DatabaseOption = None) -> None:
    """Unmake one: what it entered as an operator is closed at once. The last one stays."""
    _write(settings_of(data, database), lambda core, tx: core.operators.remove(tx, BY, email))


def _write(settings: Settings, fn: Callable[[Core, Transaction], None]) -> None:
    async def run() -> None:
        async with open_core(settings) as core:
            await core.store.write(lambda tx: fn(core, tx))

    try:
        asyncio.run(run())
    except StagedoorError as problem:
        fail(problem)
