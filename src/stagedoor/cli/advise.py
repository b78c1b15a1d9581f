"""`stagedoor advise`: what could be taken away without anybody missing it. On the store itself; a server may be running on it."""

import asyncio
import json
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import partial
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from stagedoor.api.usage import advice_json, item_json, use_json
from stagedoor.bootstrap import Core, open_core
from stagedoor.cli.options import DatabaseOption, DataOption, JsonOption, fail, settings_of
from stagedoor.cli.project import COMMAND
from stagedoor.core.advice import Advice, Grant, Item, exercised
from stagedoor.core.advisor import Applied, Beside, subject_of
from stagedoor.core.principal import Principal
from stagedoor.core.project import DEFAULT
from stagedoor.core.usage import KEPT_DAYS, Use
from stagedoor.gate.recording import FLUSH_SECONDS
from stagedoor.kit.errors import Conflict, StagedoorError
from stagedoor.settings import Settings

SETTLE_SECONDS = 2 * FLUSH_SECONDS + 1
"""After so long, what servers have in memory is in the store."""


@dataclass
class Finding:
    """What came of one subject. `problem`: why there is no advice, or why it was not applied."""

    who: Principal
    beside: Beside | None = None
    advice: Advice | None = None
    problem: str | None = None
    applied: Applied | None = None
    undo: list[str] = field(default_factory=list)
    put_back: Use | None = None

    def document(self) -> dict[str, Any]:
        shown: dict[str, Any] = advice_json(self.advice) if self.advice else {"subject": self.who.subject}
        removed = self.applied.removed if self.applied and self.put_back is None else ()
        added = self.applied.added if self.applied and self.put_back is None else ()
        return shown | {
            "problem": self.problem, "putBack": use_json(self.put_back) if self.put_back else None,
            "removed": [item_json(item) for item in removed], "added": [item_json(item) for item in added], "undo": self.undo,
        }  # fmt: skip


def advise(
    *,
    subject: Annotated[str | None, typer.Argument(metavar="SUBJECT", help="A user's id, or app:ID; all of the project by default.")] = None,
    data: DataOption,
    database: DatabaseOption = None,
    project: Annotated[str, typer.Option("--project", metavar="ID")] = DEFAULT,
    days: Annotated[int, typer.Option("--days", min=1, max=KEPT_DAYS, help="Judge by the use of so many days.")] = KEPT_DAYS,
    apply: Annotated[bool, typer.Option("--apply", help="Put the smaller set in place.")] = False,
    as_json: JsonOption = False,
) -> None:
    """Propose the smaller set of rights by what was used, checked against every recorded use; with --apply put it in place."""
    try:
        found = asyncio.run(_advise(settings_of(data, database), (project, subject, days), apply=apply))
    except StagedoorError as problem:
        fail(problem)
    if as_json:
        typer.echo(json.dumps([one.document() for one in found]))
    else:
        _draw(Console(highlight=False), found)
    if apply and any(one.problem or one.put_back for one in found if one.advice):
        raise typer.Exit(1)


async def _advise(settings: Settings, asked: tuple[str, str | None, int], *, apply: bool) -> list[Finding]:
    project, subject, days = asked
    async with open_core(settings) as core:
        if apply:
            await asyncio.sleep(SETTLE_SECONDS)
        if subject is not None:
            found = [await _finding(core, subject_of(project, subject), days)]
        else:
            await core.store.scan(lambda tx: core.projects.get(tx, project))
            subjects = await core.store.scan(lambda tx: core.advisor.subjects(tx, project))
            found = [await _of_many(core, Principal(project, user), days) for user in subjects]
        if apply:
            await _apply(core, found, days)
        return found


async def _finding(core: Core, who: Principal, days: int) -> Finding:
    beside = await core.store.scan(lambda tx: core.advisor.beside(tx, who, days))
    return Finding(who, beside, await core.store.scan(lambda tx: core.advisor.advice(tx, who, days)))


async def _of_many(core: Core, who: Principal, days: int) -> Finding:
    try:
        return await _finding(core, who, days)
    except Conflict as problem:
        return Finding(who, problem=problem.message)


async def _apply(core: Core, found: list[Finding], days: int) -> None:
    """Each in a transaction of its own; then once more a look at what was used while that was done."""
    for one in found:
        if one.advice is not None and one.advice.removes:
            await _apply_one(core, one, one.advice, days)
    changed = [(one, one.applied) for one in found if one.applied is not None]
    if changed:
        await asyncio.sleep(SETTLE_SECONDS)
    for one, applied in changed:
        by = Principal(one.who.project, COMMAND)
        one.put_back = await core.store.write(partial(core.advisor.put_back_if_used, by=by, applied=applied))
        one.undo = [] if one.put_back else one.undo


async def _apply_one(core: Core, one: Finding, shown: Advice, days: int) -> None:
    try:
        one.applied = await core.store.write(lambda tx: core.advisor.apply(tx, Principal(one.who.project, COMMAND), shown, days))
    except StagedoorError as problem:
        one.problem = problem.message
        return
    account = await core.store.scan(lambda tx: core.directory.account(tx, one.who.project, one.who.user))
    one.undo = list(_undo(one.applied, shown, account["name"] if account else ""))


def _undo(applied: Applied, shown: Advice, name: str) -> Iterable[str]:
    """The calls that put everything back as it was."""
    who = applied.who
    for verb, items in (("POST", applied.removed), ("DELETE", applied.added)):
        for item in items:
            if isinstance(item, Grant):
                yield f"{verb} /api/auth/authorization " + json.dumps({"subject": {"type": "USER", "id": who.user}, **item_json(item)})
            elif who.is_application:
                yield f"{verb} /api/applications/{who.user.removeprefix('app:')}/roles/{item}"
    if not who.is_application and any(isinstance(item, str) for item in (*applied.removed, *applied.added)):
        yield f"PUT /api/users/{who.user} " + json.dumps({"name": name, "roles": sorted(shown.before.roles)})


def _draw(console: Console, found: list[Finding]) -> None:
    for one in found:
        if one.beside is None or one.advice is None:
            console.print(f"{escape(one.who.user)}: {escape(one.problem or '')}", soft_wrap=True)
            continue
        console.print(_table(one, one.beside, one.advice))
        left = "none would be refused" if not one.advice.refused else f"{len(one.advice.refused)} would be refused"
        console.print(f"{one.advice.replayed} recorded uses asked again: {left}.")
        for text in _outcome(one):
            console.print(escape(text), soft_wrap=True)
        console.print()


def _table(one: Finding, beside: Beside, advice: Advice) -> Table:
    table = Table(title=escape(one.who.user), title_justify="left")
    for column in ("granted", "uses", "last used", "advice"):
        table.add_column(column, overflow="fold")
    for item, (count, last) in exercised(beside.held, beside.uses).items():
        word = "[red]take away[/]" if item in advice.removes else "keep"
        why = advice.kept.get(str(item))
        table.add_row(_name(item), str(count), _day(last), f"{word}: {escape(why)}" if why else word)
    for item in advice.adds:
        table.add_row(_name(item), "", "", "[green]give instead[/]")
    return table


def _outcome(one: Finding) -> Iterable[str]:
    if one.problem:
        yield f"Not applied: {one.problem}"
    if one.put_back:
        yield f"Put back as it was: {one.put_back} was used meanwhile."
    elif one.applied:
        yield f"Applied: {len(one.applied.removed)} taken away, {len(one.applied.added)} given instead. To undo it:"
        yield from (f"  {line}" for line in one.undo)


def _name(item: Item) -> str:
    return escape(str(item) if isinstance(item, Grant) else f"role {item}")


def _day(at: int) -> str:
    return f"{datetime.fromtimestamp(at / 1000, UTC):%Y-%m-%d}" if at else "never"
