"""`stagedoor rotate`: other keys in place of those there are, on the store itself, while servers run on it."""

import asyncio
from dataclasses import replace
from enum import StrEnum
from functools import partial
from typing import Annotated

import typer
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, TextColumn
from rich.progress import Progress as Bar

from stagedoor.bootstrap import Core, open_core
from stagedoor.cli.options import DatabaseOption, DataOption, KeyServiceOption, fail, settings_of
from stagedoor.cli.project import COMMAND
from stagedoor.core.masterkey import MasterKeys
from stagedoor.core.principal import Principal
from stagedoor.core.project import DEFAULT
from stagedoor.core.resealing import PORTION as RESEALED
from stagedoor.core.resealing import Resealing
from stagedoor.core.rotation import PORTION, Rotation
from stagedoor.gate.key_service import key_service
from stagedoor.kit.crypto import Key, make_master_key, parse_master_key, read_master_key
from stagedoor.kit.errors import BadInput, Conflict, StagedoorError
from stagedoor.kit.masterkey import AtHand, KeyFile
from stagedoor.settings import MASTER_KEY_FILE, Settings

rotate = typer.Typer(help="Other keys in place of those there are, while servers run.", no_args_is_help=True)
BY = Principal(DEFAULT, COMMAND)
_OLD_BACKUPS = "Backups made before now open with the old one alone: keep it as long as you keep them, apart from them."
_ADVICE = {
    "file": "It is {key} now; {old} is not needed any more: take it away.",
    "environment": "Start servers with it as STAGEDOOR_MASTER_KEY; the old one is not needed any more.",
    "key-service": "The key service opens it; servers need STAGEDOOR_KEY_SERVICE alone, and {old} is not needed any more: take it away.",
}


class Place(StrEnum):
    """Where the new master key lies."""

    FILE = "file"
    ENVIRONMENT = "environment"
    KEY_SERVICE = "key-service"


@rotate.command("master-key")
def master_key(
    *,
    data: DataOption,
    database: DatabaseOption = None,
    to: Annotated[Place | None, typer.Option("--to", help="Where the new one lies; by default where STAGEDOOR_* says.")] = None,
    key_service_url: KeyServiceOption = None,
    portion: Annotated[int, typer.Option(min=1, max=1000, help="Keys rewrapped in one transaction.")] = PORTION,
) -> None:
    """Wrap all keys by a new master key. Interrupted, it goes on where it stopped; at its end the old one is not needed any more.

    The new one is made in DATA/master.key.new and takes the place of master.key at the end; or it is given in STAGEDOOR_NEW_MASTER_KEY;
    or it is made and the key service wraps it. The old one is found as a server finds it."""
    try:
        settings = replace(settings_of(data, database), key_service=key_service(key_service_url))
        asyncio.run(_rotate_master_key(settings, to or _place(settings), portion))
    except StagedoorError as problem:
        fail(problem)


@rotate.command("data-key")
def data_key(
    *,
    project: Annotated[str, typer.Option("--project", metavar="ID", help="Whose secrets are sealed anew.")] = DEFAULT,
    data: DataOption,
    database: DatabaseOption = None,
    portion: Annotated[int, typer.Option(min=1, max=1000, help="Values sealed anew in one transaction.")] = RESEALED,
) -> None:
    """Seal a project's secrets under a new data key; the ones before it go. Interrupted, run it again."""
    try:
        gone = asyncio.run(_rotate_data_key(settings_of(data, database), Principal(project, COMMAND), portion))
    except StagedoorError as problem:
        fail(problem)
    typer.echo(f"the secrets of project {project} are under a new data key; {gone} before it are gone")


@rotate.command("project-signing-key")
def project_signing_key(*, data: DataOption, database: DatabaseOption = None) -> None:
    """Sign project secret keys with a new key from now on. Those there are stay good: each signing key stays while one of them names it."""

    async def within() -> tuple[str, int]:
        async with open_core(settings_of(data, database)) as core:
            return await core.store.write(lambda tx: core.project_keys.signing.rotate(tx, BY))

    try:
        kid, gone = asyncio.run(within())
    except StagedoorError as problem:
        fail(problem)
    typer.echo(f"project secret keys are signed with {kid} from now on; {gone} before it, which no secret key names, are gone")


@rotate.command("signing-key")
def signing_key(
    *,
    data: DataOption,
    database: DatabaseOption = None,
    back: Annotated[bool, typer.Option("--back", help="The key before signs again; the one in its place verifies on.")] = False,
    at_once: Annotated[bool, typer.Option("--at-once", help="All tokens signed before end now: for a key that has leaked.")] = False,
) -> None:
    """Sign access tokens by a new key. The one before verifies until no token that it signed is alive; servers follow within a second."""
    try:
        if back and at_once:
            raise BadInput("--back and --at-once: the key before is needed for the one, and given up by the other", "back")
        kid = asyncio.run(_rotate_signing_key(settings_of(data, database), back=back, at_once=at_once))
    except StagedoorError as problem:
        fail(problem)
    rest = "those before it verify nothing any more" if at_once else "those before it verify until the tokens that they signed have ended"
    typer.echo(f"signing key {kid} signs; {rest}")


async def _rotate_signing_key(settings: Settings, *, back: bool, at_once: bool) -> str:
    async with open_core(settings) as core:
        if back:
            return await core.store.write(lambda tx: core.signing.roll_back(tx, BY, core.audit))
        return await core.store.write(lambda tx: core.signing.rotate(tx, BY, core.audit, at_once=at_once))


async def _rotate_data_key(settings: Settings, who: Principal, portion: int) -> int:
    async with open_core(settings) as core:
        resealing = Resealing(core.projects, core.audit)
        key_id = await core.store.write(lambda tx: resealing.begin(tx, who))
        after: str | None = ""
        while after is not None:
            step = partial(resealing.portion, project=who.project, key_id=key_id, after=after, size=portion)
            after = await core.store.write(step)
        return await core.store.write(lambda tx: resealing.finish(tx, who, key_id))


def _place(settings: Settings) -> Place:
    if settings.new_master_key:
        return Place.ENVIRONMENT
    return Place.KEY_SERVICE if settings.key_service else Place.FILE


async def _rotate_master_key(settings: Settings, place: Place, portion: int) -> None:
    async with open_core(settings) as core:
        rotation, files = Rotation(core.keys, core.audit), KeyFile(settings.data / MASTER_KEY_FILE)
        new, wrapped = await _new_key(core, rotation, settings, place)
        under_way = await core.store.write(lambda tx: rotation.begin(tx, BY, new, wrapped))
        if not under_way and not (place is Place.FILE and files.new.exists()):
            typer.echo(f"all keys are under master key {new.id} already")
            return
        total = await _rewrap(core, rotation, new, portion)
        await _check(core, rotation, _alone(core, settings, place, new))
        await core.store.write(lambda tx: rotation.finish(tx, BY, new))
        old = files.put_in_place() if place is Place.FILE else None
        typer.echo(f"{total} keys are under master key {new.id}, and open with it alone.")
        typer.echo(_ADVICE[place].format(key=files.path, old=old or "the old one"))
        typer.echo(_OLD_BACKUPS)


async def _new_key(core: Core, rotation: Rotation, settings: Settings, place: Place) -> tuple[Key, str | None]:
    """The one to come, with what the key service made of it. That of a rotation under way is found again."""
    new_file = KeyFile(settings.data / MASTER_KEY_FILE).new
    if place is Place.ENVIRONMENT:
        if not settings.new_master_key:
            raise BadInput("STAGEDOOR_NEW_MASTER_KEY: it is empty", "STAGEDOOR_NEW_MASTER_KEY")
        return parse_master_key(settings.new_master_key), None
    if place is Place.FILE and settings.master_key:
        hint = "give the new one in STAGEDOOR_NEW_MASTER_KEY, or unset it and put this key into a file"
        raise BadInput(f"STAGEDOOR_MASTER_KEY is set, and servers that have it read no master.key: {hint}", "STAGEDOOR_MASTER_KEY")
    if place is Place.FILE and new_file.exists():
        return read_master_key(new_file), None
    under_way = await core.store.scan(rotation.under_way)
    if under_way is not None:
        if place is Place.FILE or not await core.store.scan(lambda tx: rotation.is_wrapped(tx, under_way)):
            raise Conflict(f"a rotation to master key {under_way}, which lies elsewhere, is under way: finish that one first")
        return await core.store.scan(lambda tx: core.keys.key(tx, under_way)), None
    if place is Place.FILE:
        return await asyncio.to_thread(make_master_key, new_file), None
    if settings.key_service is None:
        raise BadInput("STAGEDOOR_KEY_SERVICE, or --key-service: say where it is", "STAGEDOOR_KEY_SERVICE")
    key = Key.new()
    return key, await asyncio.to_thread(settings.key_service.wrap, key.exported())


async def _rewrap(core: Core, rotation: Rotation, new: Key, size: int) -> int:
    columns = (TextColumn("rewrapping"), BarColumn(), MofNCompleteColumn(), TextColumn("keys"))
    with Bar(*columns, console=Console(stderr=True)) as bar:
        progress = await core.store.scan(lambda tx: rotation.progress(tx, new))
        shown = bar.add_task("", total=progress.total, completed=progress.total - progress.left)
        while progress.left:
            progress = await core.store.write(lambda tx: rotation.portion(tx, new, size))
            bar.update(shown, total=progress.total, completed=progress.total - progress.left)
    return progress.total


def _alone(core: Core, settings: Settings, place: Place, new: Key) -> MasterKeys:
    """The new master key as a server finds it that has never seen the one before."""
    if place is Place.KEY_SERVICE and settings.key_service is not None:
        return MasterKeys(AtHand(), core.clock, settings.key_service.unwrap)
    if place is Place.ENVIRONMENT:
        return core.keys.alone(new)
    files = KeyFile(settings.data / MASTER_KEY_FILE)
    return core.keys.alone(read_master_key(files.new if files.new.exists() else files.path))


async def _check(core: Core, rotation: Rotation, alone: MasterKeys) -> None:
    after: str | None = ""
    while after is not None:
        after = await core.store.scan(partial(rotation.check, alone=alone, after=after))
