"""`stagedoor project erase-key`: a project's secrets, gone for ever, by the deletion of the key that opens them."""

import asyncio
from typing import Annotated

import typer

from stagedoor.bootstrap import Core, open_core
from stagedoor.cli.options import DatabaseOption, DataOption, fail, settings_of
from stagedoor.cli.project import COMMAND
from stagedoor.core.principal import Principal
from stagedoor.kit.errors import StagedoorError, Unavailable
from stagedoor.settings import Settings
from stagedoor.store.store import Transaction

LEFT = "the keys are erased, but their wrapped bytes are still in the database's files: run this again"
COPIES = (
    "Copies of the database made before (backups, a PostgreSQL server's log, its standbys) still hold them, wrapped by the master key.\n"
    "To make those useless as well: stagedoor rotate master-key, then destroy the old master key."
)


def erase_key(
    *,
    project: Annotated[str, typer.Argument(metavar="ID")],
    data: DataOption,
    database: DatabaseOption = None,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask.")] = False,
) -> None:
    """Delete the data keys of a project: none of its secrets can ever be opened again, by anybody. New ones can be put at once.

    Servers go on running. An SQLite file is written anew, and takes no writes meanwhile."""
    if not yes:
        typer.confirm(f"All secrets of project {project} will be gone for ever. Erase its keys?", abort=True)
    try:
        count = asyncio.run(_erase(settings_of(data, database), project))
    except StagedoorError as problem:
        fail(problem)
    typer.echo(f"{count} data keys of project {project} are erased, and nothing that they sealed opens any more.")
    typer.echo(COPIES)


async def _erase(settings: Settings, project: str) -> int:
    async with open_core(settings) as core:
        gone = await core.store.write(lambda tx: _erased(core, tx, project))
        if not await core.store.scrub("data_key", gone):
            raise Unavailable(LEFT)
    return len(gone)


def _erased(core: Core, tx: Transaction, project: str) -> list[bytes]:
    gone = core.projects.erase_keys(tx, project)
    core.audit.change(tx, Principal(project, COMMAND), "project.erase_key", f"PROJECT {project}", f"{len(gone)} data keys")
    return gone
