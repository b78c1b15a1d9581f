"""`stagedoor project`: make and list projects, on the store itself; a server may be running on it."""

import asyncio
import json
from collections.abc import Callable
from typing import Annotated, TypeVar

import typer

from stagedoor.bootstrap import Core, open_core
from stagedoor.cli.options import DatabaseOption, DataOption, JsonOption, fail, settings_of
from stagedoor.core.credential import NewAccessKey
from stagedoor.core.principal import Principal
from stagedoor.kit.errors import StagedoorError
from stagedoor.kit.ids import new_token
from stagedoor.kit.passwords import hash_password
from stagedoor.settings import Settings
from stagedoor.store.store import Transaction

T = TypeVar("T")
COMMAND = "stagedoor-cli"
"""Who the audit says did it."""

projects = typer.Typer(help="Projects: the tenants of this store.", no_args_is_help=True)


@projects.command()
def create(
    *,
    project: Annotated[str, typer.Argument(metavar="ID", help="1 to 63 of a-z, 0-9 and -.")],
    data: DataOption,
    admin: Annotated[str, typer.Option("--admin", metavar="EMAIL", help="Its first administrator; made where nobody has that address.")],
    name: Annotated[str | None, typer.Option("--name", help="What people call it; by default its id.")] = None,
    database: DatabaseOption = None,
    as_json: JsonOption = False,
) -> None:
    """Make a project, its first administrator and an application with the role ADMIN; print what is new once."""
    try:
        made = asyncio.run(_create(settings_of(data, database), project, name or project, admin))
    except StagedoorError as problem:
        fail(problem)
    if as_json:
        typer.echo(json.dumps(made))
        return
    typer.echo("Keys and passwords are shown once. Store them in a safe place.\n")
    for word, value in made.items():
        typer.echo(f"  {word:<14} {value}")


@projects.command("list")
def list_all(data: DataOption, database: DatabaseOption = None, as_json: JsonOption = False) -> None:
    """All projects: id, name, when it was made (epoch milliseconds)."""
    found = _scan(settings_of(data, database), lambda core, tx: core.projects.all(tx))
    _print([{"id": one.id, "name": one.name, "createdAt": one.created_at} for one in found], as_json)


@projects.command("operators")
def list_operators(data: DataOption, database: DatabaseOption = None, as_json: JsonOption = False) -> None:
    """The persons above projects."""
    found = _scan(settings_of(data, database), lambda core, tx: core.operators.all(tx))
    _print([{"email": one.email, "madeBy": one.made_by, "madeAt": one.made_at} for one in found], as_json)


def _print(rows: list[dict[str, str | int]], as_json: bool) -> None:
    if as_json:
        typer.echo(json.dumps(rows))
        return
    for row in rows:
        typer.echo("\t".join(map(str, row.values())))


def _scan(settings: Settings, fn: Callable[[Core, Transaction], T]) -> T:
    async def within() -> T:
        async with open_core(settings) as core:
            return await core.store.scan(lambda tx: fn(core, tx))

    try:
        return asyncio.run(within())
    except StagedoorError as problem:
        fail(problem)


async def _create(settings: Settings, project: str, name: str, admin: str) -> dict[str, str]:
    """As `init` answers: `password` only where the person is new."""
    password = new_token("", 12)
    hashed = hash_password(password)
    async with open_core(settings) as core:
        is_new, application, key = await core.store.write(lambda tx: _first(tx, core, (project, name, admin), hashed))
    made = {"project": project, "user": admin}
    if is_new:
        made["password"] = password
    return made | {"applicationId": application, "keyId": key.id, "keySecret": key.secret}


def _first(tx: Transaction, core: Core, wanted: tuple[str, str, str], hashed: str) -> tuple[bool, str, NewAccessKey]:
    project, name, admin = wanted
    system, owner = Principal(project, COMMAND), Principal(project, admin)
    core.projects.create(tx, project, name)
    core.audit.change(tx, system, "project.create", f"PROJECT {project}")
    is_new = tx.one("person_by_id", person_id=admin) is None
    core.directory.create(tx, system, admin, hashed, ["ADMIN"])
    application = core.applications.create(tx, owner, "admin")
    core.applications.add_role(tx, owner, application.id, "ADMIN")
    return is_new, application.id, core.credentials.create_key(tx, owner, application.id)
