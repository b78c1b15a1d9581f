"""Options that several commands share, and from them the settings."""

from pathlib import Path
from typing import Annotated, NoReturn

import typer

from stagedoor.gate.key_service import key_service
from stagedoor.kit.errors import StagedoorError
from stagedoor.settings import Settings, master_key_text, new_master_key_text

DataOption = Annotated[Path, typer.Option("--data", envvar="STAGEDOOR_DATA", help="Directory of the database and the master key.")]
DatabaseOption = Annotated[
    str | None, typer.Option("--database", envvar="STAGEDOOR_DATABASE", help="PostgreSQL URL; otherwise SQLite in the data directory.")
]
KeyServiceOption = Annotated[
    str | None,
    typer.Option(
        "--key-service", envvar="STAGEDOOR_KEY_SERVICE", metavar="URL",
        help="https://HOST/MOUNT/KEY: a transit key (OpenBao, Vault) wraps the master key; its token in STAGEDOOR_KEY_SERVICE_TOKEN.",
    ),
]  # fmt: skip
JsonOption = Annotated[bool, typer.Option("--json", help="Print JSON for machines.")]


def settings_of(data: Path, database: str | None) -> Settings:
    """Ends the program where a variable of the environment is at fault, and names it."""
    try:
        service = key_service()
    except StagedoorError as problem:
        fail(problem)
    return Settings(
        data=data, database=database, master_key=master_key_text(), new_master_key=new_master_key_text(), key_service=service
    )  # fmt: skip


def fail(problem: StagedoorError) -> NoReturn:
    """One line to standard error, exit 1."""
    typer.echo(f"stagedoor: {problem.message}", err=True)
    raise typer.Exit(1)
