"""`stagedoor adopt`: a user becomes the voucher of references to secrets. On the store itself; a server may be running on it.

Everything is asked of that user, as over HTTP; the audit says that the command did it, and for whom.
"""

import asyncio
from dataclasses import replace
from typing import Annotated

import msgspec
import typer
from rich.console import Console
from rich.table import Table

from stagedoor.bootstrap import Core, open_core
from stagedoor.cli.drawing import cell
from stagedoor.cli.options import DatabaseOption, DataOption, JsonOption, fail, settings_of
from stagedoor.cli.project import COMMAND
from stagedoor.core.principal import APPLICATION_PREFIX, Principal
from stagedoor.core.project import DEFAULT
from stagedoor.engine.embedded.definitions import Definitions
from stagedoor.gate.adopting import Adopt, Adopted, Adoption, Taken, pinned
from stagedoor.gate.sealing import Sealing
from stagedoor.gate.variables import Variables
from stagedoor.kit.errors import BadInput, Forbidden, NotFound, StagedoorError
from stagedoor.kit.ids import new_id
from stagedoor.settings import Settings
from stagedoor.store.store import Transaction


def adopt(
    *,
    workflow: Annotated[str | None, typer.Argument(metavar="WORKFLOW", help="Its name.")] = None,
    data: DataOption,
    user: Annotated[str, typer.Option("--as", metavar="USER", help="Who becomes the voucher: a user's id, or app:ID.")],
    version: Annotated[int | None, typer.Option("--version", help="By default the highest.")] = None,
    task: Annotated[list[str] | None, typer.Option("--task", metavar="REF", help="Only this task's; may stand more than once.")] = None,
    voucher: Annotated[str | None, typer.Option("--from", metavar="USER", help="Only what this user vouches for.")] = None,
    running: Annotated[bool, typer.Option("--running", help="For runs under way too: in the older revisions that they use.")] = False,
    task_definition: Annotated[
        str | None, typer.Option("--task-definition", metavar="NAME", help="What its runtimeMetadata names.")
    ] = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Show what would be adopted; change nothing.")] = False,
    revision: Annotated[str | None, typer.Option("--revision", metavar="ID", help="Refuse where another one is current by now.")] = None,
    project: Annotated[str, typer.Option("--project", metavar="ID")] = DEFAULT,
    database: DatabaseOption = None,
    as_json: JsonOption = False,
) -> None:
    """Become the voucher of references to secrets, when another has left. Exit 1 where that user may not, and on a dry run would not."""
    wanted = Adopt(version=version, tasks=task, voucher=voucher, revision=revision, running=running, dry_run=dry_run)
    try:
        if (workflow is None) == (task_definition is None):
            raise BadInput("name a workflow, or a task definition by --task-definition", "workflow")
        found = asyncio.run(_adopt(settings_of(data, database), Principal(project, user), (workflow, task_definition), wanted))
    except StagedoorError as problem:
        fail(problem)
    if as_json:
        typer.echo(msgspec.json.encode(found).decode())
    else:
        _draw(Console(highlight=False), found, wanted, user)
    if any(one.refused for one in _all(found)) or (isinstance(found, Adopted) and found.refused):
        raise typer.Exit(1)


Found = Adopted | list[Taken]
Names = tuple[str | None, str | None]
"""A workflow's, or a task definition's."""


async def _adopt(settings: Settings, who: Principal, names: Names, wanted: Adopt) -> Found:
    async with open_core(settings) as core:
        bridge = core.store.scan if wanted.dry_run else core.store.write
        try:
            return await bridge(lambda tx: within(core, tx, who, names, wanted))
        except Forbidden as problem:
            target, told = next(name for name in names if name), f"for {who.user}: {problem.message}"
            by = Principal(who.project, COMMAND)
            await core.store.write(lambda tx: core.audit.refusal(tx, by, "adopt", target, told))
            raise


def within(core: Core, tx: Transaction, who: Principal, names: Names, wanted: Adopt) -> Found:
    """All of it in one transaction."""
    core.projects.get(tx, who.project)
    _must_exist(core, tx, who)
    sealing = Sealing(core.secrets, new_id, core.usage)
    variables = Variables(core.environment, core.audit, core.usage)
    adoption = Adoption(sealing, variables, core.audit, who, Principal(who.project, COMMAND), wanted)
    workflow, task = names
    if workflow is None:
        return _task(core, tx, adoption, task or "")
    return _workflow(core, tx, adoption, workflow)


def _workflow(core: Core, tx: Transaction, adoption: Adoption, name: str) -> Adopted:
    definitions, project = Definitions(core.clock, new_id), adoption.who.project
    current = definitions.current(tx, project, name, adoption.wanted.version)
    plan = adoption.plan(tx, current)
    adoption = replace(adoption, wanted=pinned(adoption.wanted, current))
    if adoption.wanted.dry_run:
        return plan
    if plan.new_revision:
        saved = definitions.register(tx, project, adoption.register(plan, current))
        return msgspec.structs.replace(plan, revision=saved.revision_id, refused=(), dry_run=False)
    if plan.running:
        adoption.take_running(tx, current.definition)
    return msgspec.structs.replace(plan, dry_run=False)


def _task(core: Core, tx: Transaction, adoption: Adoption, name: str) -> list[Taken]:
    definitions, project = Definitions(core.clock, new_id), adoption.who.project
    record = definitions.task_record(tx, project, name)
    if record is None:
        raise NotFound(f"No such taskType found by name: {name}")
    taken = adoption.task_plan(tx, record)
    if taken and not adoption.wanted.dry_run:
        seen = record.definition
        definitions.save_tasks(tx, project, [seen], adoption.who.user, lambda tx, before: adoption.task(tx, seen, before.get(name)))
    return taken


def _must_exist(core: Core, tx: Transaction, who: Principal) -> None:
    if who.user.startswith(APPLICATION_PREFIX):
        core.applications.get(tx, who.project, who.user.removeprefix(APPLICATION_PREFIX))
    else:
        core.directory.get(tx, who.project, who.user)


def _draw_revisions(console: Console, found: Adopted, wanted: Adopt, verb: str) -> None:
    """What was taken from where: with `--revision` it can be asked for by name."""
    for one in found.puts:
        console.print(cell(f"{verb} task {one.task}, which puts a secret in its saver's name: {one.secret or one.note}"), soft_wrap=True)
    for older in found.running:
        console.print(cell(f"{verb} {len(older.references)} for runs under way, in revision {older.revision}"), soft_wrap=True)
    looked_at = "" if wanted.revision else f" (looked at: revision {found.took})"
    if wanted.dry_run:
        console.print(cell(f"{found.name} version {found.version} is revision {found.revision}"), soft_wrap=True)
    else:
        console.print(cell(f"{found.name} version {found.version} is revision {found.revision} now{looked_at}"), soft_wrap=True)


def _all(found: Found) -> list[Taken]:
    if isinstance(found, list):
        return found
    return [*found.adopted, *(one for older in found.running for one in older.references)]


def _draw(console: Console, found: Found, wanted: Adopt, user: str) -> None:
    taken = _all(found)
    verb = "would adopt" if wanted.dry_run else "adopted"
    if not taken and not (isinstance(found, Adopted) and found.new_revision):
        console.print("Nothing to adopt.")
        return
    table = Table(title=f"{cell(user)} {verb}", title_justify="left")
    for column in ("task", "place", "reference", "sends to", "of", *(["refused"] if wanted.dry_run else [])):
        table.add_column(column, overflow="fold")
    for one in taken:
        shown = (one.task, one.place, one.reference, one.sends_to or "", one.before)
        table.add_row(*map(cell, shown), *([cell(one.refused)] if wanted.dry_run else []))
    if taken:
        console.print(table)
    if isinstance(found, Adopted):
        if found.before is not None:
            console.print(cell(f"{verb} the save itself, of {found.before}: failure workflows are started in its saver's name"))
        _draw_revisions(console, found, wanted, verb)
        for refused in found.refused:
            console.print(cell(f"would be refused: {refused}"), soft_wrap=True)
        for warning in found.warnings:
            console.print(cell(f"warning: {warning}"), soft_wrap=True)
