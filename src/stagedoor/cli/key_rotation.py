"""`stagedoor keys rotate`: a new key beside one that clients use, on the store itself; a server may be running on it, and takes the new one
at once (docs/decisions/0037-rotation-by-overlap.md)."""

import asyncio
from datetime import UTC, datetime
from typing import Annotated

import msgspec
import typer

from stagedoor.bootstrap import Core, open_core
from stagedoor.cli.options import DatabaseOption, DataOption, JsonOption, fail, settings_of
from stagedoor.cli.project import COMMAND
from stagedoor.core.api_key import KIND as API_KEY
from stagedoor.core.api_key import ApiKeys
from stagedoor.core.overlap import Rotated, Rotation, Which, overlap_of
from stagedoor.core.principal import Principal
from stagedoor.core.project import DEFAULT
from stagedoor.core.succession import hours_of
from stagedoor.kit.errors import BadInput, NotFound, StagedoorError
from stagedoor.kit.ids import new_id
from stagedoor.settings import Settings
from stagedoor.store.store import Transaction


class New(msgspec.Struct, rename="camel", frozen=True, kw_only=True):
    """The only time that `secret` is shown. Of the key that it replaces: when that one ends (epoch ms), or after how many hours unused."""

    id: str
    kind: str
    name: str | None
    secret: str
    mask: str
    replaces: str
    retire_at: int | None
    retire_after_idle_hours: float | None

    def __repr__(self) -> str:
        return f"New(id={self.id!r}, replaces={self.replaces!r})"


def rotate(
    *,
    key: Annotated[str, typer.Argument(metavar="ID", help="Of an access key, an API key or a project's secret key.")],
    at: Annotated[str | None, typer.Option("--at", metavar="TIME", help="When it ends: 2027-01-31T08:00Z, or epoch ms.")] = None,
    idle: Annotated[float | None, typer.Option("--after-idle", metavar="HOURS", help="It ends once unused for so long.")] = None,
    at_once: Annotated[bool, typer.Option("--at-once", help="It ends now: for a key that has leaked.")] = False,
    back: Annotated[bool, typer.Option("--back", help="It stays; the key that was to take its place is deleted.")] = False,
    project: Annotated[str, typer.Option("--project", metavar="ID")] = DEFAULT,
    data: DataOption,
    database: DatabaseOption = None,
    as_json: JsonOption = False,
) -> None:
    """A new key beside this one, with its owner, name, ceiling and expiry; shown once. This one works until it ends: by default in seven
    days, else as said, by whichever comes first."""
    try:
        if back and (at is not None or idle is not None or at_once):
            raise BadInput("--back: the key stays, so nothing is said of its end", "back")
        how = Rotation(None if at is None else epoch_ms(at), idle, at_once)
        made = asyncio.run(_rotated(settings_of(data, database), project, key, None if back else how))
    except StagedoorError as problem:
        fail(problem)
    if made is None:
        typer.echo(msgspec.json.encode({"id": key}).decode() if as_json else f"key {key} stays; the one in its place is deleted")
    else:
        _print(made, as_json)


def epoch_ms(text: str) -> int:
    """Of an ISO 8601 time, UTC where it names no zone. BadInput where it is none."""
    if text.isascii() and text.isdecimal():
        return int(text)
    try:
        time = datetime.fromisoformat(text)
        return round((time if time.tzinfo else time.replace(tzinfo=UTC)).timestamp() * 1000)
    except (ValueError, OverflowError):
        raise BadInput(f"at: {text} is no time such as 2027-01-31T08:00Z", "at") from None


async def _rotated(settings: Settings, project: str, key: str, how: Rotation | None) -> New | None:
    async with open_core(settings) as core:
        return await core.store.write(lambda tx: within(core, tx, (project, key), how))


def within(core: Core, tx: Transaction, named: tuple[str, str], how: Rotation | None) -> New | None:
    """All of it in one transaction; `how` None: back to the key before."""
    project, key = named
    core.projects.get(tx, project)
    overlap, who = overlap_of(core.credentials, core.project_keys), Principal(project, COMMAND)
    row = tx.one("key_to_rotate", project_id=project, id=key)
    if row is None:
        raise NotFound(f"there is no key {key} in project {project}")
    if row["kind"] not in overlap.fresh:
        raise BadInput(f"{key} is a {row['kind']}; rotated are {', '.join(sorted(overlap.fresh))}", "ID")
    which = Which(row["kind"], row["owner"], key)
    if how is None:
        overlap.rollback(tx, who, which)
        return None
    made = overlap.rotate(tx, who, which, how)
    if which.kind == API_KEY:
        ApiKeys(core.clock, new_id, core.audit, core.credentials).check_room(tx, Principal(project, which.owner), more=0)
    return _new(made, which.kind)


def _new(made: Rotated, kind: str) -> New:
    return New(
        id=made.id, kind=kind, name=made.name, secret=made.secret.reveal(), mask=made.mask, replaces=made.replaces,
        retire_at=made.retire_at, retire_after_idle_hours=hours_of(made.retire_idle),
    )  # fmt: skip


def _print(made: New, as_json: bool) -> None:
    if as_json:
        typer.echo(msgspec.json.encode(made).decode())
        return
    typer.echo("This is shown once. Store it in a safe place.\n")
    typer.echo(f"  {'id':<8} {made.id}\n  {'secret':<8} {made.secret}\n")
    ends = [
        f"at {datetime.fromtimestamp(made.retire_at / 1000, UTC):%Y-%m-%d %H:%M} UTC" if made.retire_at is not None else "",
        f"once it was not used for {made.retire_after_idle_hours:g} hours" if made.retire_after_idle_hours is not None else "",
    ]
    typer.echo(f"{made.replaces} ends {', or '.join(filter(None, ends))}. `stagedoor keys list` tells who still comes by it.")
