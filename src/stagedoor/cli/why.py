"""`stagedoor why`, `who-can` and `what-if`: on the store itself; a server may be running on it, and nothing is changed."""

import asyncio
from collections.abc import Callable
from typing import Annotated, Any, TypeVar

import msgspec
import typer

from stagedoor.bootstrap import Core, open_core
from stagedoor.cli.drawing import draw_able, draw_explanation, draw_what_if
from stagedoor.cli.options import DatabaseOption, DataOption, JsonOption, fail, settings_of
from stagedoor.cli.project import COMMAND
from stagedoor.cli.scanning import scanned
from stagedoor.core.change import Change, Parts
from stagedoor.core.explainer import Explainer
from stagedoor.core.grant import Target, resource_of
from stagedoor.core.permission import Access
from stagedoor.core.principal import Principal
from stagedoor.core.project import DEFAULT
from stagedoor.core.question import Question
from stagedoor.core.remedy import Remedies
from stagedoor.engine.definition import TaskDefinition
from stagedoor.engine.embedded.definitions import revision_from
from stagedoor.engine.embedded.rows import run_from, unpack
from stagedoor.engine.port import TaskRecord
from stagedoor.gate.conditions import Conditions
from stagedoor.gate.stops import Deployed
from stagedoor.gate.what_if import Trial, WhatIf, seen
from stagedoor.kit.errors import BadInput, StagedoorError
from stagedoor.settings import Settings
from stagedoor.store.store import Transaction

T = TypeVar("T")
MOST_RUNS = 1000
AccessArgument = Annotated[str, typer.Argument(metavar="ACCESS", help=", ".join(Access))]
ThingArgument = Annotated[str, typer.Argument(metavar="TYPE/ID", help="Such as WORKFLOW_DEF/orders, SECRET_NAME/db_password.")]
ProjectOption = Annotated[str, typer.Option("--project", metavar="ID")]
DomainOption = Annotated[str, typer.Option("--domain", help="The domain that a task is polled in.")]


def why(
    *,
    subject: Annotated[str, typer.Argument(metavar="SUBJECT", help="USER:<id>; an application is USER:app:<id>.")],
    access: AccessArgument,
    thing: ThingArgument,
    data: DataOption,
    database: DatabaseOption = None,
    project: ProjectOption = DEFAULT,
    domain: DomainOption = "",
    credential: Annotated[str | None, typer.Option("--credential", help="Ask for this access key or session as well.")] = None,
    as_json: JsonOption = False,
) -> None:
    """Why somebody may do something: every path that gives it; or why not, and what little would be enough. Exit 1 where not."""
    try:
        who = Principal(project, subject.removeprefix("USER:"), credential)
        question = asked(access, thing, domain)
        found = scanned(settings_of(data, database), project, lambda core, tx: _explainer(core).explain(tx, None, who, question))
    except StagedoorError as problem:
        fail(problem)
    _print(found, as_json, draw_explanation)
    if not found.allowed:
        raise typer.Exit(1)


def who_can(
    *,
    access: AccessArgument,
    thing: ThingArgument,
    data: DataOption,
    database: DatabaseOption = None,
    project: ProjectOption = DEFAULT,
    domain: DomainOption = "",
    as_json: JsonOption = False,
) -> None:
    """Every user and application that may do something, each with its paths."""
    try:
        question = asked(access, thing, domain)
        found = scanned(settings_of(data, database), project, lambda core, tx: _explainer(core).who_can(tx, project, question))
    except StagedoorError as problem:
        fail(problem)
    _print(found, as_json, lambda able: draw_able(question, able))


def what_if(
    *,
    change: Annotated[str, typer.Argument(metavar="CHANGE", help="REMOVE_MEMBER, REMOVE_ROLE, DELETE_SECRET, DELETE_USER ...")],
    fields: Annotated[list[str], typer.Argument(metavar="NAME=VALUE", help="group=ops user=ada; subject=GROUP:ops; target=TYPE/ID.")],
    data: DataOption,
    database: DatabaseOption = None,
    project: ProjectOption = DEFAULT,
    as_json: JsonOption = False,
) -> None:
    """What a change would stop, without making it: rights lost, workflows and workers that would stop."""
    try:
        found = asyncio.run(_tried(settings_of(data, database), project, change_of(change, fields)))
    except StagedoorError as problem:
        fail(problem)
    _print(found, as_json, draw_what_if)


def asked(access: str, thing: str, domain: str) -> Question:
    """BadInput where it is no question."""
    if access.upper() not in tuple(Access):
        raise BadInput(f"ACCESS: it must be one of {', '.join(Access)}", "access")
    kind, _, name = thing.partition("/")
    return Question(Access(access.upper()), resource_of(Target(kind, name)), domain)


def change_of(kind: str, fields: list[str]) -> Change:
    """From `NAME=VALUE` texts: `subject=TYPE:id`, `target=TYPE/id`, `access=READ,EXECUTE`, others as they are."""
    body: dict[str, Any] = {"type": kind.upper()}
    for field in fields:
        name, _, value = field.partition("=")
        body[name] = value
        if name == "subject":
            body[name] = dict(zip(("type", "id"), value.partition(":")[::2], strict=True))
        elif name == "target":
            body[name] = dict(zip(("type", "id"), value.partition("/")[::2], strict=True))
        elif name == "access":
            body[name] = value.upper().split(",")
    try:
        changed: Change = msgspec.convert(body, Change)
    except msgspec.ValidationError as problem:
        raise BadInput(f"{kind}: {problem}", "change") from None
    return changed


def _explainer(core: Core) -> Explainer:
    return Explainer(core.credentials, Remedies(core.groups, core.applications))


async def _tried(settings: Settings, project: str, change: Change) -> WhatIf:
    async with open_core(settings) as core:
        deployed = await core.store.scan(lambda tx: _deployed(core, tx, project))
        try:
            await core.store.write(lambda tx: _try(core, tx, deployed, (project, change)))
        except Exception as problem:
            if (found := seen(problem)) is None:
                raise
            return found
    raise AssertionError("a trial leaves nothing")


def _try(core: Core, tx: Transaction, deployed: Deployed, asked: tuple[str, Change]) -> None:
    project, change = asked
    who = Principal(project, COMMAND)
    core.directory.give_role(tx, who, who.subject, "ADMIN")  # undone with the rest: whoever has the store may try anything
    parts = Parts(core.groups, core.applications, core.credentials, core.secrets)
    Trial(parts, Conditions(core.secrets, core.projects, core.usage), deployed).within(tx, who, change)


def _deployed(core: Core, tx: Transaction, project: str) -> Deployed:
    core.projects.get(tx, project)
    revisions = tx.all("workflow_definition_list", project_id=project, name=None)
    records = tx.all("task_definition_list", project_id=project)
    found = tx.all("run_search", project_id=project, status="RUNNING", correlation_id=None, size=MOST_RUNS)
    runs = [run_from(row) for row in found]
    ids = {run.revision_id for run in runs} - {row["revision_id"] for row in revisions}
    older = [tx.one("revision_by_id", project_id=project, revision_id=one) for one in sorted(ids)]
    return Deployed(
        [revision_from(row) for row in revisions],
        [TaskRecord(unpack(TaskDefinition, row["body"]), row["saved_by"]) for row in records],
        runs,
        [revision_from(row) for row in older if row],
    )


def _print(found: T, as_json: bool, draw: Callable[[T], None]) -> None:
    if as_json:
        typer.echo(msgspec.json.encode(found).decode())
    else:
        draw(found)
