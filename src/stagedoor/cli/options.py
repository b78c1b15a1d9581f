"""Options that several commands share, and from them the settings."""

from pathlib import Path
from typing import Annotated, NoReturn

import typer

from stagedoor.kit.errors import StagedoorError
from stagedoor.settings import Settings, master_key_text

DataOption = Annotated[Path, typer.Option("--data", envvar="STAGEDOOR_DATA", help="Directory of the database and the master key.")]
DatabaseOption = Annotated[
    str | None, typer.Option("--database", envvar="STAGEDOOR_DATABASE", help="PostgreSQL URL; otherwise SQLite in the data directory.")
]
JsonOption = Annotated[bool, typer.Option("--json", help="Print JSON for machines.")]


def settings_of(data: Path, database: str | None) -> Settings:
    return Settings(data=data, database=database, master_key=master_key_text())


def fail(problem: StagedoorError) -> NoReturn:
    """One line to standard error, exit 1."""
    typer.echo(f"stagedoor: {problem.message}", err=True)
    raise typer.Exit(1)
