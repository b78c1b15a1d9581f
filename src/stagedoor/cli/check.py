"""`stagedoor check`: all that saving would refuse in files of definitions, before a migration. No store is touched unless one is named."""

import asyncio
import json
import sys
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, Any

import msgspec
import typer
from rich.console import Console
from rich.progress import track
from rich.table import Table

from stagedoor.api.http import MAX_BODY
from stagedoor.bootstrap import Core, open_core
from stagedoor.cli.drawing import cell
from stagedoor.cli.options import JsonOption, fail, settings_of
from stagedoor.core.principal import APPLICATION_PREFIX, Principal
from stagedoor.core.project import DEFAULT
from stagedoor.engine.definition import Json, TaskDefinition, WorkflowDefinition
from stagedoor.engine.embedded.definitions import Definitions
from stagedoor.gate.checking import WORKFLOW, Rights, check_task, check_workflow, kind_of, what_else
from stagedoor.gate.lint import Finding, refused
from stagedoor.gate.sealing import Sealing
from stagedoor.kit import strictjson
from stagedoor.kit.errors import BadInput, NotFound, StagedoorError
from stagedoor.kit.ids import new_id
from stagedoor.store.store import Transaction

STDIN = "-"
MANY = 20
"""Files from which on a bar shows how far it is."""
UP_FRONT = "a definition that cannot be read is looked at no further: check it again when this is right"


@dataclass
class Document:
    """One definition of a file, or what is none. `index`: which, in a file that holds a list."""

    file: str
    index: int | None
    kind: str | None
    name: str
    version: int | None = None
    definition: WorkflowDefinition | TaskDefinition | None = None
    findings: list[Finding] = field(default_factory=list)
    other: str = ""

    @property
    def verdict(self) -> str:
        if self.other:
            return "skipped"
        return "refused" if any(one.severity == "refusal" for one in self.findings) else "saved"

    def shown(self) -> dict[str, Any]:
        return {
            "file": self.file, "index": self.index, "kind": self.kind, "name": self.name, "version": self.version, "verdict": self.verdict,
            "reason": self.other or None, "findings": [msgspec.to_builtins(one) for one in self.findings],
        }  # fmt: skip


def check(
    *,
    files: Annotated[list[str], typer.Argument(metavar="FILES...", help="JSON files, folders of them, or - for standard input.")],
    data: Annotated[
        Path | None, typer.Option("--data", metavar="DIR", help="Ask this store which secrets and workflows there are.")
    ] = None,
    database: Annotated[str | None, typer.Option("--database", metavar="URL", help="Its PostgreSQL database, where it has one.")] = None,
    user: Annotated[
        str | None, typer.Option("--as", metavar="USER", help="With a store: what would be refused to this user, or app:ID.")
    ] = None,
    project: Annotated[str, typer.Option("--project", metavar="ID")] = DEFAULT,
    as_json: JsonOption = False,
) -> None:
    """List everything that saving these workflow and task definitions would refuse, and what behaves differently here. Exit 1 if any."""
    try:
        documents = [document for name in _tracked(list(_names(files))) for document in _looked_at(name, explicit=name in files)]
        if data is not None or database is not None:
            settings = settings_of(data or Path(), database)
            asyncio.run(_with_store(settings, (project, user), documents))
        elif user is not None:
            raise BadInput("--as asks a store: name it with --data or --database", "as")
    except StagedoorError as problem:
        fail(problem)
    if as_json:
        typer.echo(json.dumps(_summary(documents)))
    else:
        _draw(Console(highlight=False), documents)
    if any(one.verdict == "refused" for one in documents):
        raise typer.Exit(1)


def _looked_at(name: str, *, explicit: bool) -> Iterator[Document]:
    for document in documents_of(name, _read(name), explicit=explicit):
        look_at(document)
        yield document


def documents_of(file: str, data: bytes, *, explicit: bool) -> Iterator[Document]:
    """Every definition of a file. `explicit`: it was named, not found in a folder, so that what is none is refused and not passed over."""
    try:
        value = strictjson.decode(data)
    except BadInput as problem:
        yield Document(file, None, None, "", findings=[refused(problem.message, "")])
        return
    many = isinstance(value, list)
    for index, one in enumerate(value if isinstance(value, list) else [value]):
        document = Document(file, index if many else None, kind_of(one), _text(one, "name"))
        if document.kind is None and explicit:
            document.findings.append(refused(f"it is no definition: {what_else(one)}", ""))
        elif document.kind is None:
            document.other = what_else(one)
        else:
            _decode(document, strictjson.encode(one) if many else data)
        yield document


def look_at(document: Document) -> None:
    """What can be said of it by itself."""
    if isinstance(document.definition, WorkflowDefinition):
        document.findings += check_workflow(document.definition)
    elif document.definition is not None:
        document.findings += check_task(document.definition)


def _decode(document: Document, data: bytes) -> None:
    """As the server decodes it."""
    if len(data) > MAX_BODY:
        document.findings.append(refused(f"it is larger than {MAX_BODY // 2**20} MB, the most that a request may be", ""))
    try:
        if document.kind == WORKFLOW:
            workflow = strictjson.decode_as(WorkflowDefinition, data)
            document.definition, document.version = workflow, workflow.version
        else:
            document.definition = strictjson.decode_as(TaskDefinition, data)
    except BadInput as problem:
        document.findings.append(refused(problem.message, problem.field or "", None, UP_FRONT))


def _text(value: Json, name: str) -> str:
    found = value.get(name) if isinstance(value, dict) else None
    return found if isinstance(found, str) else ""


def _names(given: Sequence[str]) -> Iterator[str]:
    """Folders give their .json files, hidden ones left out."""
    for name in given:
        path = Path(name)
        if name != STDIN and path.is_dir():
            yield from sorted(str(one) for one in path.rglob("*.json") if not _hidden(one.relative_to(path)))
        else:
            yield name


def _read(name: str) -> bytes:
    """BadInput for what cannot be read."""
    if name == STDIN:
        return sys.stdin.buffer.read()
    try:
        return Path(name).read_bytes()
    except OSError as problem:
        raise BadInput(f"{name}: {problem.strerror}", "files") from None


def _hidden(path: Path) -> bool:
    return any(part.startswith(".") or part == "node_modules" for part in path.parts)


def _tracked(names: Sequence[str]) -> Iterable[str]:
    console = Console(stderr=True)
    if len(names) < MANY or not console.is_terminal:
        return names
    return track(names, "checking", console=console, transient=True)


# ---- with a store
async def _with_store(settings: Any, asked: tuple[str, str | None], documents: Sequence[Document]) -> None:
    async with open_core(settings) as core:
        await core.store.scan(lambda tx: _ask(core, tx, asked, documents))


def _ask(core: Core, tx: Transaction, asked: tuple[str, str | None], documents: Sequence[Document]) -> None:
    project, user = asked
    core.projects.get(tx, project)
    saver = Principal(project, user) if user is not None else None
    if saver is not None and saver.user.startswith(APPLICATION_PREFIX):
        core.applications.get(tx, project, saver.user.removeprefix(APPLICATION_PREFIX))
    elif saver is not None:
        core.directory.get(tx, project, saver.user)
    rights = Rights(Sealing(core.secrets, new_id, core.usage), core.environment, tx, project, saver)
    definitions = Definitions(core.clock, new_id)
    for one in documents:
        if isinstance(one.definition, WorkflowDefinition) and one.verdict != "refused":
            rights.makes(one.definition, _exists(definitions, tx, project, one.definition.name))
    for one in documents:
        if isinstance(one.definition, WorkflowDefinition):
            exists = _exists(definitions, tx, project, one.definition.name)
            previous = None
            if exists:
                try:
                    previous = definitions.current(tx, project, one.definition.name, one.definition.version)
                except NotFound:
                    previous = definitions.current(tx, project, one.definition.name, None)
            one.findings += rights.workflow(one.definition, previous, exists)
        elif isinstance(one.definition, TaskDefinition):
            one.findings += rights.task(one.definition, definitions.task_record(tx, project, one.definition.name) is not None)


def _exists(definitions: Definitions, tx: Transaction, project: str, name: str) -> bool:
    try:
        definitions.current(tx, project, name, None)
    except NotFound:
        return False
    return True


# ---- what is shown
def _summary(documents: Sequence[Document]) -> dict[str, Any]:
    verdicts = [one.verdict for one in documents]
    return {
        "documents": [one.shown() for one in documents],
        **{word: verdicts.count(word) for word in ("saved", "refused", "skipped")},
    }


def _draw(console: Console, documents: Sequence[Document]) -> None:
    for document in documents:
        if document.findings:
            console.print(_table(document))
    for document in documents:
        if document.other:
            console.print(cell(f"skipped {document.file}: {document.other}"), soft_wrap=True)
    counts = _summary(documents)
    console.print(f"{counts['saved']} can be saved, {counts['refused']} would be refused, {counts['skipped']} skipped.")


def _table(document: Document) -> Table:
    where = document.file if document.index is None else f"{document.file} [{document.index}]"
    version = "" if document.version is None else f" version {document.version}"
    table = Table(title=cell(f"{document.name}{version}  {where}".strip()), title_justify="left", title_style="bold")
    for column in ("", "task", "place", "reason", "way out"):
        table.add_column(column, overflow="fold")
    for one in document.findings:
        reason, _, instead = one.reason.partition("; name ")
        word = "[red]refused[/]" if one.severity == "refusal" else "[yellow]warning[/]"
        shown = one.way_out or (f"name {instead}" if instead else "")
        table.add_row(word, *map(cell, (one.task, one.place, reason, shown)))
    return table
