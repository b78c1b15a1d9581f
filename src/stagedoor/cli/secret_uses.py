"""`stagedoor secrets where` and `dry-run`: where secrets go, on the store itself; a server may be running on it, nothing is changed."""

from pathlib import Path
from typing import Annotated

import msgspec
import typer

from stagedoor.bootstrap import Core
from stagedoor.cli.options import DatabaseOption, DataOption, JsonOption, settings_of
from stagedoor.cli.scanning import scanned_or_fail
from stagedoor.cli.secret_drawing import draw_dry_run, draw_where
from stagedoor.core.explainer import Explainer
from stagedoor.core.permission import Resource
from stagedoor.core.project import DEFAULT
from stagedoor.core.remedy import Remedies
from stagedoor.core.secret import KIND, Policy
from stagedoor.engine.definition import TaskDefinition
from stagedoor.engine.embedded.definitions import revision_from
from stagedoor.engine.embedded.rows import unpack
from stagedoor.engine.port import TaskRecord
from stagedoor.gate.uses import LATELY, LONG, Deployed, Page, Uses, Where, named_in, putting
from stagedoor.kit import strictjson
from stagedoor.kit.errors import BadInput
from stagedoor.store.store import Transaction

Name = Annotated[str, typer.Argument(metavar="NAME")]
ProjectOption = Annotated[str, typer.Option("--project", metavar="ID")]


def where(
    *,
    name: Name,
    data: DataOption,
    database: DatabaseOption = None,
    project: ProjectOption = DEFAULT,
    start: Annotated[int, typer.Option("--start", min=0, help="Leave out so many of each list.")] = 0,
    size: Annotated[int, typer.Option("--size", min=1, max=1_000, help="At most so many of each list.")] = Page().size,
    as_json: JsonOption = False,
) -> None:
    """Every definition and task that names a secret, whoever may be handed it, and what became of it in 30 and 90 days."""
    found = scanned_or_fail(settings_of(data, database), project, lambda core, tx: _where(core, tx, (project, name), Page(start, size)))
    if as_json:
        typer.echo(msgspec.json.encode(found).decode())
    else:
        draw_where(found)


def dry_run(
    *,
    name: Name,
    policy: Annotated[Path, typer.Option("--policy", metavar="FILE", help="JSON: hosts, workflows, taskTypes, places.")],
    data: DataOption,
    database: DatabaseOption = None,
    project: ProjectOption = DEFAULT,
    days: Annotated[int, typer.Option("--days", min=1, max=LONG)] = LATELY,
    as_json: JsonOption = False,
) -> None:
    """What a policy would have refused of the uses recorded of late. Exit 1 where it would have refused any."""
    settings = settings_of(data, database)
    found = scanned_or_fail(settings, project, lambda core, tx: _uses(core).dry_run(tx, project, name, _read(policy), days))
    if as_json:
        typer.echo(msgspec.json.encode(found).decode())
    else:
        draw_dry_run(found)
    if found.refused:
        raise typer.Exit(1)


def _read(file: Path) -> Policy:
    """BadInput names the field."""
    try:
        data = file.read_bytes()
    except OSError as problem:
        raise BadInput(f"{file}: {problem.strerror}", "policy") from None
    found: Policy = strictjson.decode_as(Policy, data, strict=True)
    return found


def _where(core: Core, tx: Transaction, asked: tuple[str, str], page: Page) -> Where:
    project, name = asked
    rows = named_in(tx, project, name, page)
    found = {one: tx.one("revision_by_id", revision_id=one, project_id=project) for one in {row["revision_id"] for row in rows}}
    revisions = {one: revision_from(row) for one, row in found.items() if row is not None}
    records = [
        TaskRecord(unpack(TaskDefinition, row["body"]), row["saved_by"]) for row in tx.all("task_definition_list", project_id=project)
    ]
    return _uses(core).where(tx, Resource(KIND, name), project, page, Deployed(rows, revisions, records, putting(tx, project)))


def _uses(core: Core) -> Uses:
    explainer = Explainer(core.credentials, Remedies(core.groups, core.applications))
    return Uses(core.secrets, explainer, core.clock.now())
